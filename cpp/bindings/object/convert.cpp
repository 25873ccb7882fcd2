#define WENGERT_DEFINES_NUMPY_API  // the other files only declare it
#include "bindings/object/convert.h"

#include <pybind11/numpy.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

#include "ad/recorder.h"
#include "bindings/call/depth.h"
#include "bindings/interpreter.h"
#include "bindings/loops.h"
#include "bindings/object/numpy.h"
#include "bindings/transform/garbage.h"
#include "core/memory_share.h"

namespace wengert::bindings {

PyTypeObject* array_type = nullptr;
NumpyTypes numpy_types;

void load_numpy_types() {
  if (PyArray_ImportNumPyAPI() < 0) throw py::error_already_set();
  const py::module_ np = py::module_::import("numpy");
  auto type = [&](const char* name) {
    return reinterpret_cast<PyTypeObject*>(np.attr(name).cast<py::object>().release().ptr());
  };
  numpy_types.ndarray = type("ndarray");
  numpy_types.generic = type("generic");
  const char* names[] = {"bool_", "int32", "int64", "float32", "float64"};
  static_assert(std::size(names) == core::kDTypes);
  for (int i = 0; i < core::kDTypes; ++i) {
    numpy_types.scalar[i] = reinterpret_cast<PyObject*>(type(names[i]));
    numpy_types.dtype[i] = from_dtype(static_cast<DType>(i));
  }
}

void set_python_error() noexcept {
  try {
    throw;
  } catch (const PythonError&) {
#ifdef __GLIBCXX__
  } catch (const abi::__forced_unwind&) {  // the end of a thread at the end of the process
    wait_for_ever();
#endif
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (const Error& e) {
    PyObject* kinds[] = {PyExc_ValueError, PyExc_TypeError, PyExc_IndexError, PyExc_RuntimeError};
    PyErr_SetString(kinds[static_cast<int>(e.kind())], e.what());
  } catch (const core::OutOfMemory& e) {
    PyErr_SetString(PyExc_MemoryError, e.what());
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  } catch (...) {
    PyErr_SetString(PyExc_RuntimeError, "wengert: unknown error");
  }
}

// ---- NumPy ----------------------------------------------------------------------------------------------------------

namespace {

// The element type a NumPy type is read as; anything wider than what we have is an error, never narrowed.
DType read_as(const py::dtype& d) {
  const char kind = d.kind();
  const auto size = d.itemsize();
  if (kind == 'b') return DType::b1;
  if (kind == 'f' && size <= 4) return DType::f32;
  if (kind == 'f' && size == 8) return DType::f64;
  if (kind == 'i' && size <= 4) return DType::i32;
  if (kind == 'i' && size == 8) return DType::i64;
  if (kind == 'u' && size <= 2) return DType::i32;
  if (kind == 'u' && size == 4) return DType::i64;
  type_error("wengert: arrays of dtype " + std::string(py::str(d)) +
             " are not supported; convert to float64, float32, int64, int32 or bool first" +
             (kind == 'c' ? " (split complex numbers into real and imaginary parts)" : ""));
}

bool exact_type(const py::dtype& d) {
  const auto size = d.itemsize();
  return d.byteorder() != '>' &&
         (d.kind() == 'b' || ((d.kind() == 'f' || d.kind() == 'i') && (size == 4 || size == 8)));
}

py::dtype numpy_type(DType t) {
  switch (t) {
    case DType::b1:
      return py::dtype::of<bool>();
    case DType::i32:
      return py::dtype::of<int32_t>();
    case DType::i64:
      return py::dtype::of<int64_t>();
    case DType::f32:
      return py::dtype::of<float>();
    default:
      return py::dtype::of<double>();
  }
}

void drop_object(void* o) {
  if (!Py_IsInitialized()) return;
  Py_DECREF(static_cast<PyObject*>(o));
}

}  // namespace

namespace {

// False: it cannot be read as it lies.
bool layout_of(const py::array& a, DType t, Dims& shape, Dims& strides) {
  bool direct =
      exact_type(a.dtype()) && reinterpret_cast<uintptr_t>(a.data()) % static_cast<uintptr_t>(item_size(t)) == 0;
  if (a.ndim() > core::kMaxDims) value_error("arrays have at most 32 dimensions, got " + std::to_string(a.ndim()));
  for (int i = 0; i < a.ndim(); ++i) {
    shape.push_back(a.shape(i));
    direct = direct && a.strides(i) % item_size(t) == 0;
    strides.push_back(a.strides(i) / item_size(t));
  }
  if (a.size() == 0) strides = core::row_major(shape);
  for (int i = 0; i < shape.size(); ++i)  // nobody goes along them: NumPy leaves any number there
    if (shape[i] == 1 && (strides[i] > core::kMostBytes || strides[i] < -core::kMostBytes)) strides[i] = 1;
  return direct;
}

ArrayRef shared(PyObject* ndarray, DType t, const Dims& shape, const Dims& strides) {
  char* data = elements_of(ndarray);
  Py_INCREF(ndarray);
  return core::foreign(t, shape, strides, core::Ref<core::Buffer>(core::foreign_buffer(data, ndarray, drop_object)),
                       data);
}

}  // namespace

ArrayRef in_place(PyObject* ndarray) {
  const py::array a = py::reinterpret_borrow<py::array>(ndarray);
  const auto d = a.dtype();
  if (!exact_type(d)) return {};
  const DType t = read_as(d);
  Dims shape, strides;
  return layout_of(a, t, shape, strides) ? shared(ndarray, t, shape, strides) : ArrayRef();
}

ArrayRef from_numpy(PyObject* ndarray, bool share) {
  py::array a = py::reinterpret_borrow<py::array>(ndarray);
  const DType t = read_as(a.dtype());
  Dims shape, strides;
  if (!layout_of(a, t, shape, strides)) {
    py::array b = py::reinterpret_steal<py::array>(a.attr("astype")(numpy_type(t)).release());
    if (!exact_type(b.dtype())) type_error("wengert: cannot read an array of dtype " + std::string(py::str(a.dtype())));
    return from_numpy(b.ptr(), true);
  }
  auto* data = static_cast<char*>(const_cast<void*>(a.data()));
  if (share && a.size() > 4) return shared(ndarray, t, shape, strides);
  core::Array frame;
  frame.dtype = t;
  frame.shape = shape;
  frame.strides = strides;
  frame.size = shape.product();
  frame.contiguous = core::is_row_major(shape, strides);
  frame.data = data;
  return core::copy_in_order(frame);
}

PyObject* to_numpy(const ArrayRef& a, bool writable) {
  ArrayRef held = a;
  // Two owners: the caller and `held`. Whoever else has it would see what is written.
  const bool own = a->refs == 2 && (!a->buffer || (a->buffer->refs == 1 && !a->buffer->drop));
  if (writable && !own) held = core::copy(a);
  std::vector<py::ssize_t> shape, strides;
  for (int i = 0; i < held->ndim(); ++i) {
    shape.push_back(held->shape[i]);
    strides.push_back(held->strides[i] * item_size(held->dtype));
  }
  char* data = held->data;
  const DType t = held->dtype;
  py::capsule base(new ArrayRef(std::move(held)), [](void* p) { delete static_cast<ArrayRef*>(p); });
  py::array out(numpy_type(t), shape, strides, data, base);
  if (!writable) PyArray_CLEARFLAGS(as_ndarray(out.ptr()), NPY_ARRAY_WRITEABLE);
  return out.release().ptr();
}

DType to_dtype(PyObject* o) {
  if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) return DType::f64;
  if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::i64;
  if (o == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::b1;
  const py::dtype d = py::dtype::from_args(py::reinterpret_borrow<py::object>(o));
  const DType t = read_as(d);
  if (!exact_type(d))
    type_error("wengert: dtype " + std::string(py::str(d)) +
               " is not supported; use float64, float32, int64, int32 or bool");
  return t;
}

PyObject* from_dtype(DType t) { return numpy_type(t).release().ptr(); }

PyObject* to_python_scalar(const core::Array& a) {
  if (a.size != 1)
    type_error("wengert: only an array with one element converts to a Python number, got shape " + a.shape.str());
  if (core::is_float(a.dtype)) return PyFloat_FromDouble(core::item(a));
  if (a.dtype == DType::b1) return PyBool_FromLong(core::item_int(a) != 0);
  return PyLong_FromLongLong(core::item_int(a));
}

PyObject* numpy_scalar(const core::Array& a) {
  const py::object v = py::reinterpret_steal<py::object>(to_python_scalar(a));
  PyObject* r = PyObject_CallOneArg(numpy_types.scalar[static_cast<int>(a.dtype)], v.ptr());
  if (!r) throw PythonError{};
  return r;
}

// ---- operands -------------------------------------------------------------------------------------------------------

namespace {

Value weak(ArrayRef a) {
  Value v(std::move(a));
  v.weak = true;
  return v;
}

// A nested sequence with Arrays in it: stacked, so that derivatives flow through.
Value stack_sequence(PyObject* seq) {
  const Deeper deeper("reading an operand");
  std::vector<Value> items;
  for_items(seq, [&](PyObject* item) { items.push_back(require_value(item, "array")); });
  for (Value& v : items) v.weak = false;
  const DType t = ad::common_type(items.data(), static_cast<int>(items.size()));
  for (Value& v : items) v = ad::astype(v, t);
  const auto p = ops::new_params<ops::Stack>(-items[0].shape().size() - 1);
  return ad::apply(ops::code_of<ops::Stack>, items.data(), static_cast<int>(items.size()), p);
}

enum class Items { numbers, objects, arrays };

// The most that any item of a nested sequence is.
Items kind_of(PyObject* sequence) {
  const Deeper deeper("reading an operand");
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(sequence);
  Items kind = Items::numbers;
  for (Py_ssize_t i = 0; i < n && kind != Items::arrays; ++i) {  // runs no code of anybody's
    PyObject* item = PySequence_Fast_GET_ITEM(sequence, i);
    if (PyFloat_CheckExact(item) || PyLong_CheckExact(item)) continue;
    if (is_array(item)) return Items::arrays;
    const bool nested = PyList_Check(item) || PyTuple_Check(item);
    kind = std::max(kind, nested ? kind_of(item) : PyBool_Check(item) ? Items::numbers : Items::objects);
  }
  return kind;
}

bool has(PyObject* o, const char* name) {
  return going_back([=] { return PyObject_HasAttrString(o, name); });
}

// An array in the memory of one that the function being recorded reads besides its arguments.
bool lifted(PyObject* ndarray, Value& v) {
  Value part(in_place(ndarray));
  if (!part.array || !ad::lifting->lift(part)) return false;
  v = std::move(part);
  return true;
}

// Tuples all through, except what says itself what array it is.
py::object in_tuples(PyObject* o) {
  const bool nested = PyList_Check(o) || PyTuple_Check(o);
  if (!nested || (!PyList_CheckExact(o) && !PyTuple_CheckExact(o) && has(o, "__array__"))) return held(o);
  const Deeper deeper("reading an operand");
  py::list items;
  for_items(o, [&](PyObject* item) { items.append(in_tuples(item)); });
  return py::tuple(items);
}

}  // namespace

bool holds_array(PyObject* sequence) { return kind_of(sequence) == Items::arrays; }

py::object for_numpy(PyObject* o) {
  const bool sequence = PyList_Check(o) || PyTuple_Check(o);
  return sequence && kind_of(o) != Items::numbers ? in_tuples(o) : held(o);
}

bool to_value(PyObject* o, Value& v) {
  if (is_array(o)) {
    v = read(as_array(o));
    return true;
  }
  if (PyFloat_CheckExact(o)) {
    v = weak(core::scalar(PyFloat_AS_DOUBLE(o), DType::f64));
    return true;
  }
  if (PyBool_Check(o)) {
    v = weak(core::scalar_int(o == Py_True, DType::b1));
    return true;
  }
  if (PyLong_CheckExact(o)) {
    int overflow = 0;
    const long long i = PyLong_AsLongLongAndOverflow(o, &overflow);
    v = overflow ? weak(core::scalar(PyLong_AsDouble(o), DType::f64)) : weak(core::scalar_int(i, DType::i64));
    if (PyErr_Occurred()) throw PythonError{};
    if (overflow) v.weak = Value::kBeyond;
    return true;
  }
  if (o == Py_None || PyUnicode_Check(o) || PyBytes_Check(o) || PyDict_Check(o)) return false;
  if (py::isinstance<py::array>(o)) {
    if (ad::lifting) [[unlikely]]
      if (lifted(o, v)) return true;
    v = Value(from_numpy(o, false));
    return true;
  }
  py::object read = held(o);
  if (PyList_Check(o) || PyTuple_Check(o)) {
    const Items kind = kind_of(o);
    if (kind == Items::arrays) {
      v = stack_sequence(o);
      return true;
    }
    if (kind == Items::objects) read = in_tuples(o);
  } else if (!has(o, "__array__") && !has(o, "__array_interface__") && !PyNumber_Check(o)) {
    return false;
  }
  PyObject* a = going_back([&] { return PyArray_FromAny(read.ptr(), nullptr, 0, 0, NPY_ARRAY_ENSUREARRAY, nullptr); });
  if (!a) throw PythonError{};
  const py::object held = py::reinterpret_steal<py::object>(a);
  v = Value(from_numpy(a, false));
  return true;
}

Value require_value(PyObject* o, const char* what) {
  Value v;
  if (!to_value(o, v))
    type_error("wengert." + std::string(what) + ": expected an array or a number, got " + Py_TYPE(o)->tp_name);
  return v;
}

int64_t to_int(PyObject* o, const char* what) {
  const py::object index = py::reinterpret_steal<py::object>(going_back([=] { return PyNumber_Index(o); }));
  if (!index) {
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw PythonError{};
    PyErr_Clear();
    type_error("wengert." + std::string(what) + ": expected an integer, got " + Py_TYPE(o)->tp_name);
  }
  const int64_t v = PyLong_AsLongLong(index.ptr());
  if (v == -1 && PyErr_Occurred()) throw PythonError{};
  return v;
}

Dims to_dims(PyObject* o, const char* what) {
  if (PyIndex_Check(o)) return Dims{to_int(o, what)};
  Dims d;
  if (PyTuple_Check(o) || PyList_Check(o)) {
    for_items(o, [&](PyObject* item) { d.push_back(to_int(item, what)); });
    return d;
  }
  // Item by item: a list of them could be as long as the object says, or endless.
  const py::object items = py::reinterpret_steal<py::object>(going_back([=] { return PyObject_GetIter(o); }));
  if (!items) {
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw PythonError{};
    PyErr_Clear();
    type_error("wengert." + std::string(what) + ": expected an integer or a tuple of integers, got " +
               Py_TYPE(o)->tp_name);
  }
  auto next = [&] { return PyIter_Next(items.ptr()); };
  while (const py::object item = py::reinterpret_steal<py::object>(going_back(next)))
    d.push_back(to_int(item.ptr(), what));
  if (PyErr_Occurred()) throw PythonError{};
  return d;
}

PyObject* from_dims(const Dims& d) {
  PyObject* t = PyTuple_New(d.size());
  if (!t) throw PythonError{};
  for (int i = 0; i < d.size(); ++i) PyTuple_SET_ITEM(t, i, PyLong_FromLongLong(d[i]));
  return t;
}

int64_t normal_axis(int64_t axis, int ndim, const char* op) {
  if (axis < -ndim || axis >= ndim)
    value_error("wengert." + std::string(op) + ": axis " + std::to_string(axis) +
                " is out of bounds for an array with " + std::to_string(ndim) + " dimensions");
  return axis < 0 ? axis + ndim : axis;
}

Dims normal_axes(PyObject* o, int ndim, const char* op) {
  Dims r;
  if (o == Py_None) {
    for (int i = 0; i < ndim; ++i) r.push_back(i - ndim);
    return r;
  }
  for (int64_t a : to_dims(o, op)) {
    const int64_t axis = normal_axis(a, ndim, op) - ndim;
    if (r.contains(axis)) value_error("wengert." + std::string(op) + ": axis " + std::to_string(a) + " is given twice");
    r.push_back(axis);
  }
  std::sort(r.data(), r.data() + r.size());
  return r;
}

}  // namespace wengert::bindings
