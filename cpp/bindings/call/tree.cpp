#include "bindings/call/tree.h"

#include <pybind11/operators.h>
#include <pybind11/stl.h>

#include "bindings/interpreter.h"
#include "bindings/transform/garbage.h"

namespace wengert::bindings {
namespace {

py::object from_python(const char* name) { return py::module_::import("wengert._internals.tree").attr(name); }

}  // namespace

size_t Structure::enter(TreeNode::Kind kind, Py_ssize_t n, PyObject* form) {
  if (n > UINT32_MAX) value_error("wengert: a container of more than 2**32 items");
  py::object held_form = kind == TreeNode::dict ? py::reinterpret_steal<py::object>(PyTuple_New(n))
                                                : py::reinterpret_borrow<py::object>(form);
  if (kind == TreeNode::dict && !held_form) throw PythonError{};
  nodes_.push_back({kind, static_cast<uint32_t>(n), std::move(held_form), {}});
  return nodes_.size() - 1;
}

void Structure::key(size_t node, Py_ssize_t i, PyObject* key) {
  const TreeNode& p = nodes_[node];
  if (i >= static_cast<Py_ssize_t>(p.count)) runtime_error("wengert: a dict changed while it was read");
  PyTuple_SET_ITEM(p.form.ptr(), i, Py_NewRef(key));
}

void Structure::leave(size_t node, PyObject* o) {
  TreeNode& p = nodes_[node];
  if (p.kind != TreeNode::dict) return;
  bool own = true;
  Py_ssize_t i = 0, at = 0;
  PyObject *key, *value;
  while (PyDict_Next(o, &at, &key, &value) && i < static_cast<Py_ssize_t>(p.count))
    own &= key == PyTuple_GET_ITEM(p.form.ptr(), i++);
  if (i != static_cast<Py_ssize_t>(p.count) || (i && !PyTuple_GET_ITEM(p.form.ptr(), i - 1)))
    runtime_error("wengert: a dict changed while it was read");
  if (own) return;
  p.order = py::dict();
  for (at = 0; PyDict_Next(o, &at, &key, &value);)
    if (PyDict_SetItem(p.order.ptr(), key, Py_None) < 0) throw PythonError{};
}

bool Structure::operator==(const Structure& other) const {
  if (nodes_.size() != other.nodes_.size()) return false;
  for (size_t k = 0; k < nodes_.size(); ++k) {
    const TreeNode &a = nodes_[k], &b = other.nodes_[k];
    if (a.kind != b.kind || a.count != b.count) return false;
    if (!a.form || a.form.is(b.form)) continue;
    const int equal = a.kind == TreeNode::named ? 0 : PyObject_RichCompareBool(a.form.ptr(), b.form.ptr(), Py_EQ);
    if (equal < 0) throw PythonError{};
    if (!equal) return false;
  }
  return true;
}

int Structure::traverse(visitproc visit, void* arg) const {
  for (const TreeNode& p : nodes_) {
    Py_VISIT(p.form.ptr());
    Py_VISIT(p.order.ptr());
  }
  return 0;
}

py::object Structure::closed(const TreeNode& p, const py::object& items) {
  if (p.kind == TreeNode::other) return called(from_python("closed"), p.form, items);
  // What `_make` of a named tuple does; a __new__ of the user's would be given values that are being differentiated.
  const py::object arguments = py::make_tuple(items);
  py::object r = py::reinterpret_steal<py::object>(
      PyTuple_Type.tp_new(reinterpret_cast<PyTypeObject*>(p.form.ptr()), arguments.ptr(), nullptr));
  if (!r) throw PythonError{};
  return r;
}

void Structure::add_paths(const TreeNode*& node, const std::string& here, std::vector<std::string>& all) {
  const TreeNode& p = *node++;
  if (p.kind == TreeNode::leaf) all.push_back(here);
  py::object names;
  if (p.kind == TreeNode::dict) names = p.form;
  if (p.kind == TreeNode::named) names = p.form.attr("_fields");
  if (p.kind == TreeNode::other) names = called(from_python("steps"), p.form);
  for (uint32_t i = 0; i < p.count; ++i) {
    const std::string name = names ? std::string(py::str(p.kind == TreeNode::dict ? py::repr(names[py::int_(i)])
                                                                                  : py::object(names[py::int_(i)])))
                                   : std::to_string(i);
    add_paths(node,
              p.kind == TreeNode::named   ? here + "." + name
              : p.kind == TreeNode::other ? here + name
                                          : here + "[" + name + "]",
              all);
  }
}

std::vector<std::string> Structure::paths(const std::string& root) const {
  std::vector<std::string> all;
  const TreeNode* node = nodes_.data();
  add_paths(node, root, all);
  return all;
}

bool is_named_tuple(PyObject* o) {
  if (!PyTuple_Check(o) || PyTuple_CheckExact(o)) return false;
  static PyObject* const name = PyUnicode_InternFromString("_fields");
  PyObject* fields = PyObject_GetAttr(reinterpret_cast<PyObject*>(Py_TYPE(o)), name);
  if (!fields) PyErr_Clear();
  const bool named = fields && PyTuple_Check(fields) && PyTuple_GET_SIZE(fields) == PyTuple_GET_SIZE(o);
  Py_XDECREF(fields);
  return named;
}

py::object opened(PyObject* o, bool sorted) { return called(from_python("opened"), held(o), py::bool_(sorted)); }

py::object sorted_keys(PyObject* dict) {
  py::object keys = py::reinterpret_steal<py::object>(PyDict_Keys(dict));
  if (!keys) throw PythonError{};
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(keys.ptr()); ++i)
    if (!PyUnicode_CheckExact(PyList_GET_ITEM(keys.ptr(), i))) return called(from_python("sorted_keys"), keys);
  if (PyList_Sort(keys.ptr()) < 0) throw PythonError{};
  return keys;
}

bool is_value(PyObject* o) {
  return is_array(o) || PyFloat_Check(o) || PyLong_Check(o) || PyType_IsSubtype(Py_TYPE(o), numpy_types.ndarray) ||
         PyType_IsSubtype(Py_TYPE(o), numpy_types.generic) || PyComplex_Check(o) || PyUnicode_Check(o) ||
         PyBytes_Check(o);
}

namespace {

// What is read of a result: the views in it.
struct Settling {
  static constexpr const char* kDoing = "reading a result";
  static constexpr bool kSorted = false;
  bool leaf(PyObject* o) {
    if (is_array(o)) read(as_array(o));
    return is_array(o);
  }
  size_t enter(TreeNode::Kind, PyObject*, Py_ssize_t, PyObject*) { return 0; }
  void key(size_t, Py_ssize_t, PyObject*) {}
  void leave(size_t, PyObject*) {}
  bool opens(PyObject*) { return false; }
  void unknown(PyObject*) {}
};

py::tuple flatten(const py::object& tree) {
  FlattenedTree<true> v;
  walk(tree.ptr(), v);
  py::list leaves(v.leaves.size());
  for (size_t k = 0; k < v.leaves.size(); ++k) leaves[k] = std::move(v.leaves[k]);
  return py::make_tuple(std::move(leaves), std::move(v.structure));
}

py::object unflatten(const Structure& s, const py::object& leaves) {
  const py::object all = py::reinterpret_steal<py::object>(PySequence_Fast(leaves.ptr(), "leaves are a sequence"));
  if (!all) throw PythonError{};
  if (static_cast<size_t>(PySequence_Fast_GET_SIZE(all.ptr())) != s.leaves())
    value_error("wengert: a tree of " + std::to_string(s.leaves()) + " leaves cannot be made of " +
                std::to_string(PySequence_Fast_GET_SIZE(all.ptr())));
  return s.rebuilt([&](size_t k) { return held(PySequence_Fast_GET_ITEM(all.ptr(), static_cast<Py_ssize_t>(k))); });
}

}  // namespace

void settle(PyObject* o) {
  Settling v;
  walk(o, v);
}

void bind_tree(py::module_& m) {
  py::class_<Structure>(m, "Structure", collected<Structure>())
      .def("unflatten", unflatten, "The tree with these leaves.")
      .def("paths", &Structure::paths, "How Python code comes from `root` to each leaf.")
      .def("is_leaf", &Structure::is_leaf)
      .def("__len__", &Structure::leaves)
      .def(py::self == py::self)
      .def("__repr__", [](const Structure& s) {
        const py::object star = from_python("STAR");
        return py::repr(s.rebuilt([&](size_t) { return star; }));
      });
  m.def("flatten", flatten, "The leaves of a tree, dicts in the order of their keys, and its Structure.");
}

}  // namespace wengert::bindings
