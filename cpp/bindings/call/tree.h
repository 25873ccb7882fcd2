// Arguments that are trees of plain dicts, lists and tuples, without a detour over optree.
#pragma once
#include "bindings/transform/reverse_level.h"

namespace wengert::bindings {

// A tree taken apart: its leaves, and the containers with the number of the leaf in each place. What becomes of the
// original afterwards does not matter.
class Tree {
 public:
  // False: something in it is neither a number, a floating point array, None, nor a plain container.
  bool take(PyObject* o, std::vector<Argument>& leaves);
  // The same tree with other leaves, found by their numbers.
  template <class LeafOf> py::object rebuilt(const LeafOf& leaf_of) const { return rebuilt(skeleton_, leaf_of); }

 private:
  static py::object taken(PyObject* o, std::vector<Argument>& leaves);
  template <class LeafOf> static py::object rebuilt(const py::handle& part, const LeafOf& leaf_of);
  py::object skeleton_;
};

template <class LeafOf> py::object Tree::rebuilt(const py::handle& part, const LeafOf& leaf_of) {
  PyObject* o = part.ptr();
  if (PyLong_CheckExact(o)) return leaf_of(PyLong_AsSize_t(o));
  if (PyDict_CheckExact(o)) {
    py::dict r;
    for (const auto& [key, value] : py::reinterpret_borrow<py::dict>(o)) r[key] = rebuilt(value, leaf_of);
    return r;
  }
  if (o == Py_None) return py::none();
  const auto n = static_cast<size_t>(PySequence_Fast_GET_SIZE(o));
  if (PyTuple_CheckExact(o)) {
    py::tuple r(n);
    for (size_t i = 0; i < n; ++i) r[i] = rebuilt(PyTuple_GET_ITEM(o, static_cast<Py_ssize_t>(i)), leaf_of);
    return r;
  }
  py::list r(n);
  for (size_t i = 0; i < n; ++i) r[i] = rebuilt(PyList_GET_ITEM(o, static_cast<Py_ssize_t>(i)), leaf_of);
  return r;
}

}  // namespace wengert::bindings
