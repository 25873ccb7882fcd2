#include "bindings/call/tree.h"

#include "bindings/call/depth.h"

namespace wengert::bindings {

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
  const Deeper deeper("taking apart an argument");
  if (PyDict_CheckExact(o)) {
    py::dict r;
    bool all = true;
    for_entries(o, [&](PyObject* key, PyObject* value) {
      const py::object part = all ? taken(value, leaves) : py::object();
      all = static_cast<bool>(part);
      if (part) r[key] = part;  // may run code of the key's
    });
    return all ? py::object(std::move(r)) : py::object();
  }
  if (!PyList_CheckExact(o) && !PyTuple_CheckExact(o)) return {};
  py::list r;
  bool all = true;
  for_items(o, [&](PyObject* item) {
    const py::object part = all ? taken(item, leaves) : py::object();
    all = static_cast<bool>(part);
    if (part) r.append(part);
  });
  if (!all) return {};
  return PyTuple_CheckExact(o) ? py::object(py::tuple(r)) : py::object(r);
}

void settle(PyObject* o) {
  if (is_array(o)) {
    read(as_array(o));
  } else if (PyTuple_CheckExact(o) || PyList_CheckExact(o)) {
    const Deeper deeper("reading a result");
    for_items(o, settle);
  } else if (PyDict_CheckExact(o)) {
    const Deeper deeper("reading a result");
    for_entries(o, [](PyObject*, PyObject* value) { settle(value); });
  }
}

}  // namespace wengert::bindings
