#include "bindings/trees.h"

namespace wengert::bindings {
namespace {

class Deeper {  // a list may contain itself
 public:
  Deeper() {
    if (Py_EnterRecursiveCall(" while taking apart an argument")) throw PythonError{};
  }
  ~Deeper() { Py_LeaveRecursiveCall(); }
};

}  // namespace

bool Tree::take(PyObject* o, std::vector<Argument>& leaves) {
  skeleton_ = taken(o, leaves);
  return static_cast<bool>(skeleton_);
}

py::object Tree::taken(PyObject* o, std::vector<Argument>& leaves) {
  Argument a;
  if (lifted(o, a)) {
    leaves.push_back(std::move(a));
    return py::int_(leaves.size() - 1);
  }
  if (o == Py_None) return py::none();
  const Deeper deeper;
  if (PyDict_CheckExact(o)) {
    py::dict r;
    PyObject *key, *value;
    for (Py_ssize_t at = 0; PyDict_Next(o, &at, &key, &value);) {
      const auto k = py::reinterpret_borrow<py::object>(key), v = py::reinterpret_borrow<py::object>(value);
      const py::object part = taken(v.ptr(), leaves);
      if (!part) return {};
      r[k] = part;  // may run code of the key's
    }
    return std::move(r);
  }
  if (!PyList_CheckExact(o) && !PyTuple_CheckExact(o)) return {};
  const auto sequence = py::reinterpret_borrow<py::sequence>(o);
  py::list r;
  for (size_t i = 0; i < sequence.size(); ++i) {
    py::object part = taken(py::object(sequence[i]).ptr(), leaves);
    if (!part) return {};
    r.append(std::move(part));
  }
  return PyTuple_CheckExact(o) ? py::object(py::tuple(r)) : py::object(r);
}

}  // namespace wengert::bindings
