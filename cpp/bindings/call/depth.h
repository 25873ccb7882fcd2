// Walks over containers of the user's, which may be nested as deeply as he likes, contain themselves, and change while
// they are walked over, because their items run Python code.
#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

// One level of nesting: every function that calls itself for the items of a container makes one.
class Deeper {
 public:
  explicit Deeper(const char* doing) {
    if (depth_ == kDeepest) [[unlikely]]
      too_deep(doing);
    ++depth_;
  }
  Deeper(const Deeper&) = delete;
  ~Deeper() { --depth_; }

 private:
  [[noreturn, gnu::cold, gnu::noinline]] static void too_deep(const char* doing) {
    PyErr_Format(PyExc_RecursionError,
                 "wengert: containers nested more than %d deep, or one that contains itself, while %s", kDeepest,
                 doing);
    throw PythonError{};
  }
  static constexpr int kDeepest = 256;  // of all walks of a thread: they fit in a stack of 512 kB
  // A plain variable: calls into the dynamic linker and Py_EnterRecursiveCall cost a replay 10 ns a container.
  __attribute__((tls_model("initial-exec"))) inline static thread_local constinit int depth_ = 0;
};

inline py::object held(PyObject* o) { return py::reinterpret_borrow<py::object>(o); }

// f(item) for the items of a list or tuple, each held while f runs.
template <class F> void for_items(PyObject* sequence, F&& f) {
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(sequence);
  for (Py_ssize_t i = 0; i < n; ++i) {
    f(held(PySequence_Fast_GET_ITEM(sequence, i)).ptr());
    if (PySequence_Fast_GET_SIZE(sequence) != n) runtime_error("wengert: a list changed its length while it was read");
  }
}

// f(key, value) for the entries of a dict, held while f runs.
template <class F> void for_entries(PyObject* dict, F&& f) {
  const Py_ssize_t n = PyDict_GET_SIZE(dict);
  PyObject *key, *value;
  for (Py_ssize_t at = 0; PyDict_Next(dict, &at, &key, &value);) {
    const py::object k = held(key), v = held(value);
    f(k.ptr(), v.ptr());
    if (PyDict_GET_SIZE(dict) != n) runtime_error("wengert: a dict changed its length while it was read");
  }
}

}  // namespace wengert::bindings
