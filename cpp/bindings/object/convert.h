// Python objects to values and back. Everything here runs with the interpreter lock held.
#pragma once
#include <pybind11/pybind11.h>

#include "ad/apply.h"
#include "ad/requires_grad.h"
#include "ad/tape.h"

namespace wengert::bindings {

namespace py = pybind11;
using ad::Value;
using core::ArrayRef;
using core::Dims;
using core::DType;

// A Python exception is already set; unwind to the nearest translated().
struct PythonError {};

// Runs f; any C++ exception becomes the Python exception of its kind.
void set_python_error() noexcept;  // call inside a catch block only
template <class F> auto translated(F&& f) noexcept -> decltype(f()) {
  try {
    return f();
  } catch (...) {
    set_python_error();
    if constexpr (std::is_pointer_v<decltype(f())>)
      return nullptr;
    else
      return static_cast<decltype(f())>(-1);
  }
}

// Where the elements of an array lie if it is not the plain root of its own storage: a view in the storage of its root,
// whatever chain of views it came from, a root in another order than row-major, or the slot behind x.grad.
struct PyArray;
struct Link {
  PyArray* root = nullptr;  // owned; null: its own
  uint32_t seen = 0;        // version of root at the last look
  Dims strides;             // counted in elements of the storage
  int64_t offset = 0;
  bool read_only = false;
  core::Ref<ad::Gradient> gradient;
  PyObject* lent = nullptr;  // owned list of weak references to ndarrays that share its numbers (see lend)
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { Py_XDECREF(lent); }
  static void* operator new(size_t n) { return core::small_alloc(n); }
  static void operator delete(void* p, size_t n) { core::small_free(p, n); }
};

// What the garbage collector keeps in front of every object it knows (two words, in all versions of CPython with a
// lock; checked when the type is made). Zeros: not tracked.
inline constexpr size_t kGcHeader = 2 * sizeof(void*);

// What a handle stands for (kinds.h): an Array, or something foreign: an ndarray, a NumPy scalar, or, where its value is
// weak, a Python number.
enum Kind : uint32_t { kScalar = 1, kForeign = 2, kKinds = 4 };

struct PyArray {
  PyObject ob_base;
  Value value;
  Link* link;          // owned; usually null
  uint32_t version;    // of the storage: grows with every write into a root, above the bits of Kind
  uint32_t born;       // how many levels had been opened: which transforms it was made in
  PyObject* weakrefs;  // of Python's
  // Stands for a number or NumPy scalar: `x += 1` binds x anew.
  bool scalar() const { return version & kScalar; }
  bool foreign() const { return version & kForeign; }
  void touch() { version += kKinds; }
  bool touched() const { return version >= kKinds; }
};
inline bool tracked(const PyArray* a) { return reinterpret_cast<const uintptr_t*>(a)[-2] != 0; }
void release(PyArray* a);  // its memory; the value has ended

extern PyTypeObject* array_type;

// Objects of NumPy, found when the module is loaded: a function-local static whose initialiser imports something lets
// other threads run, and one of them that comes to the same place waits for the first with the lock in its hands.
struct NumpyTypes {
  PyTypeObject *ndarray, *generic;
  PyObject* scalar[core::kDTypes];  // np.float64 …
  PyObject* dtype[core::kDTypes];
};
extern NumpyTypes numpy_types;
void load_numpy_types();

inline bool is_array(PyObject* o) { return Py_TYPE(o) == array_type; }
inline PyArray* as_array(PyObject* o) { return reinterpret_cast<PyArray*>(o); }
void refresh(PyArray* a);
inline const Value& read(PyArray* a) {
  if (a->link) [[unlikely]]
    refresh(a);
  return a->value;
}
// Views among the results of a function are read as they are now: once its level has ended it is too late.
void settle(PyObject* result);
// Gives an array a new value, through to the storage it is a view of.
void write(PyArray* a, Value v);
// An error if the array must not be written to: read-only, or (while recording) one that requires gradients.
void refuse_write(PyArray* a, const char* name);

// A new reference; a scalar if 0-d; weak only if foreign.
PyObject* wrap(Value v, bool foreign = false);
PyObject* wrap(ArrayRef a, bool foreign = false);
PyObject* wrap_array(Value v, bool foreign = false);  // an array also if 0-d

// False (no exception) if the object is no operand: None, a string, an unknown class.
bool to_value(PyObject* o, Value& v);
// Is there an Array in a list or tuple, or in those it holds?
bool holds_array(PyObject* sequence);

// What NumPy may be given for `o`: it reads a list that its own items empty beyond its end, so lists of objects are
// tuples here.
pybind11::object for_numpy(PyObject* o);
// Any array-like; raises TypeError naming `what` otherwise.
Value require_value(PyObject* o, const char* what);
ArrayRef from_numpy(PyObject* ndarray, bool share);    // share: no copy, the ndarray is kept alive
ArrayRef in_place(PyObject* ndarray);                  // the same without a copy; null if it has to be converted
PyObject* to_numpy(const ArrayRef& a, bool writable);  // no copy unless the storage has to be its own
DType to_dtype(PyObject* o);
PyObject* from_dtype(DType t);  // np.dtype, new reference
PyObject* to_python_scalar(const core::Array& a);
PyObject* numpy_scalar(const core::Array& a);

int64_t to_int(PyObject* o, const char* what);
Dims to_dims(PyObject* o, const char* what);                  // int or sequence of ints
PyObject* from_dims(const Dims& d);                           // tuple
int64_t normal_axis(int64_t axis, int ndim, const char* op);  // to 0 … ndim-1
Dims normal_axes(PyObject* o, int ndim, const char* op);      // None: all; negative, ascending

}  // namespace wengert::bindings
