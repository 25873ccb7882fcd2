// Containers of the user's: arguments, results, what is saved. `walk` is the one piece of code that takes them apart,
// `Structure` the one that puts them together again.
#pragma once
#include <vector>

#include "bindings/call/depth.h"

namespace wengert::bindings {

// One place of a tree: a leaf, None (an empty tree), or a container with the places in it.
struct TreeNode {
  enum Kind : uint8_t { leaf, none, tuple, list, dict, named, other } kind;
  uint32_t count = 0;  // of the places in it
  py::object form;     // dict: its keys, a tuple in the order of the leaves; named: its class; other: its structure
  py::object order;    // dict: one with these keys in its own order, where the leaves have another
};

// A tree without its leaves. What becomes of the original afterwards does not matter.
class Structure {
 public:
  Structure() { nodes_.reserve(8); }
  void leaf() {
    nodes_.push_back({TreeNode::leaf, 0, {}, {}});
    ++leaves_;
  }
  void none() { nodes_.push_back({TreeNode::none, 0, {}, {}}); }
  size_t enter(TreeNode::Kind kind, Py_ssize_t n, PyObject* form);
  void key(size_t node, Py_ssize_t i, PyObject* key);
  void leave(size_t node, PyObject* o);

  size_t leaves() const { return leaves_; }
  bool is_leaf() const { return nodes_.size() == 1 && nodes_[0].kind == TreeNode::leaf; }
  const std::vector<TreeNode>& nodes() const { return nodes_; }  // each before those in it
  bool operator==(const Structure& other) const;
  // How Python code comes from `root` to each leaf.
  std::vector<std::string> paths(const std::string& root) const;
  int traverse(visitproc visit, void* arg) const;

  // The same tree with other leaves: leaf_of(number) -> object. made(container) is told of each list and dict, in the
  // order of their closing.
  template <class LeafOf, class Made> py::object rebuilt(LeafOf&& leaf_of, Made&& made) const {
    Next next{nodes_.data()};
    return built(next, leaf_of, made);
  }
  template <class LeafOf> py::object rebuilt(LeafOf&& leaf_of) const {
    return rebuilt(leaf_of, [](size_t, const py::object&) {});
  }

 private:
  struct Next {
    const TreeNode* node;
    size_t leaf = 0, container = 0;
  };
  template <class LeafOf, class Made> static py::object built(Next& next, LeafOf& leaf_of, Made& made);
  static void add_paths(const TreeNode*& node, const std::string& here, std::vector<std::string>& all);
  static py::object closed(const TreeNode& p, const py::object& items);
  std::vector<TreeNode> nodes_;
  size_t leaves_ = 0;
};

template <class LeafOf, class Made> py::object Structure::built(Next& next, LeafOf& leaf_of, Made& made) {
  const TreeNode& p = *next.node++;
  const auto n = static_cast<Py_ssize_t>(p.count);
  switch (p.kind) {
    case TreeNode::leaf:
      return leaf_of(next.leaf++);
    case TreeNode::none:
      return py::none();
    case TreeNode::dict: {
      const size_t number = next.container++;
      py::object r = py::reinterpret_steal<py::object>(p.order ? PyDict_Copy(p.order.ptr()) : PyDict_New());
      if (!r) throw PythonError{};
      for (Py_ssize_t i = 0; i < n; ++i) {
        const py::object item = built(next, leaf_of, made);
        if (PyDict_SetItem(r.ptr(), PyTuple_GET_ITEM(p.form.ptr(), i), item.ptr()) < 0) throw PythonError{};
      }
      made(number, r);
      return r;
    }
    case TreeNode::list: {
      const size_t number = next.container++;
      py::object r = py::reinterpret_steal<py::object>(PyList_New(n));
      if (!r) throw PythonError{};
      for (Py_ssize_t i = 0; i < n; ++i) PyList_SET_ITEM(r.ptr(), i, built(next, leaf_of, made).release().ptr());
      made(number, r);
      return r;
    }
    default: {
      py::object r = py::reinterpret_steal<py::object>(PyTuple_New(n));
      if (!r) throw PythonError{};
      for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(r.ptr(), i, built(next, leaf_of, made).release().ptr());
      return p.kind == TreeNode::tuple ? r : closed(p, r);
    }
  }
}

// ---- walking --------------------------------------------------------------------------------------------------------

bool is_value(PyObject* o);  // numbers, arrays, texts: never opened
bool is_named_tuple(PyObject* o);
// The items of a container of another class, and what puts them together: (list, structure), or None. With `sorted`
// dicts with equal keys give their items in one order.
py::object opened(PyObject* o, bool sorted);
// The keys of a dict, those of equal dicts in one order.
py::object sorted_keys(PyObject* dict);

// A visitor V has
//   kDoing                      what errors say of the walk
//   kSorted                     dicts are met in the order of their keys, so that equal ones give their leaves alike
//   leaf(o) -> bool             whether o has been taken; otherwise o is opened if it is a container
//   enter(kind, o, n, form) -> size_t, key(node, i, key), leave(node, o)
//   opens(o) -> bool            whether o, of a class that is not Python's own, may be a container
//   unknown(o)                  what is neither
// Containers may contain themselves, be too deep, or change while they are walked over: that is an error, said here.
template <class V> void walk(PyObject* o, V& v);

template <class V> void walk_items(PyObject* o, PyObject* sequence, TreeNode::Kind kind, PyObject* form, V& v) {
  const Deeper deeper(V::kDoing);
  const size_t node = v.enter(kind, o, PySequence_Fast_GET_SIZE(sequence), form);
  for_items(sequence, [&](PyObject* item) { walk(item, v); });
  v.leave(node, o);
}

template <class V> void walk_dict(PyObject* o, V& v) {
  const Deeper deeper(V::kDoing);
  const size_t node = v.enter(TreeNode::dict, o, PyDict_GET_SIZE(o), nullptr);
  Py_ssize_t i = 0;
  auto entry = [&](PyObject* key, PyObject* value) {
    v.key(node, i++, key);
    walk(value, v);
  };
  if constexpr (V::kSorted) {
    for_items(sorted_keys(o).ptr(), [&](PyObject* key) {
      PyObject* value = PyDict_GetItemWithError(o, key);
      if (!value && !PyErr_Occurred()) runtime_error("wengert: a dict changed while it was read");
      if (!value) throw PythonError{};
      entry(key, held(value).ptr());
    });
  } else {
    for_entries(o, entry);
  }
  v.leave(node, o);
}

template <class V> [[gnu::noinline]] void walk_other(PyObject* o, V& v) {
  if (is_named_tuple(o)) return walk_items(o, o, TreeNode::named, reinterpret_cast<PyObject*>(Py_TYPE(o)), v);
  if (v.opens(o)) {
    const py::object pair = opened(o, V::kSorted);
    if (!pair.is_none()) {
      const py::object items = pair[py::int_(0)], structure = pair[py::int_(1)];
      return walk_items(o, items.ptr(), TreeNode::other, structure.ptr(), v);
    }
  }
  v.unknown(o);
}

template <class V> void walk(PyObject* o, V& v) {
  if (v.leaf(o)) return;
  if (PyTuple_CheckExact(o)) return walk_items(o, o, TreeNode::tuple, nullptr, v);
  if (PyList_CheckExact(o)) return walk_items(o, o, TreeNode::list, nullptr, v);
  if (PyDict_CheckExact(o)) return walk_dict(o, v);
  walk_other(o, v);
}

// A visitor that keeps the structure of what it walks over.
struct Structured {
  static constexpr bool kSorted = false;
  Structure structure;
  size_t enter(TreeNode::Kind kind, PyObject*, Py_ssize_t n, PyObject* form) { return structure.enter(kind, n, form); }
  void key(size_t node, Py_ssize_t i, PyObject* key) { structure.key(node, i, key); }
  void leave(size_t node, PyObject* o) { structure.leave(node, o); }
  bool opens(PyObject* o) { return !is_value(o); }
};

// Its leaves as well, whatever they are. ByKey: those of equal dicts in one order.
template <bool ByKey> struct FlattenedTree : Structured {
  static constexpr const char* kDoing = "taking apart a tree";
  static constexpr bool kSorted = ByKey;
  std::vector<py::object> leaves;
  bool leaf(PyObject* o) {
    const bool value = is_value(o);
    if (value) unknown(o);
    if (o == Py_None) structure.none();
    return value || o == Py_None;
  }
  void unknown(PyObject* o) {
    structure.leaf();
    leaves.push_back(held(o));
  }
};
using Flattened = FlattenedTree<false>;

void bind_tree(py::module_& m);

}  // namespace wengert::bindings
