// Compiled functions to bytes and back: Python's side of program/file/saved.h. Only plain data travels; whatever else
// is among the arguments or results (functions, classes, containers of other kinds) makes a program stay where it is.
#include <pybind11/numpy.h>

#include <algorithm>
#include <cstring>

#include "bindings/compiled/compiled.h"
#include "bindings/object/numpy.h"

namespace wengert::bindings {
namespace {

using program::SavedEntry;
using program::SavedFunction;
using program::SavedProgram;
using program::Tree;

struct Unsavable {
  std::string why;
};

bool in_list(const std::string& name) {  // types of NumPy scalars an argument may have
  static const char* const names[] = {"bool",   "int8",   "int16",  "int32",   "int64",   "uint8",
                                      "uint16", "uint32", "uint64", "float16", "float32", "float64"};
  return std::any_of(std::begin(names), std::end(names), [&](const char* n) { return name == n; });
}

// ---- Python to plain data -------------------------------------------------------------------------------------------

Tree with_text(Tree::Kind kind, const char* p, Py_ssize_t n) {
  if (!p) throw PythonError{};
  Tree t;
  t.kind = kind;
  t.chars.assign(p, static_cast<size_t>(n));
  return t;
}

Tree whole(PyObject* o) {
  int overflow = 0;
  Tree t;
  t.kind = Tree::integer;
  t.number = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (overflow) throw Unsavable{"an int of more than 64 bits"};
  return t;
}

Tree numpy_number(PyObject* o) {
  const ArrayRef a = core::contiguous(require_value(o, "save").array);
  const std::string name = py::str(py::reinterpret_borrow<py::object>(o).attr("dtype"));
  if (name != core::dtype_name(a->dtype)) throw Unsavable{"a NumPy " + name};
  Tree t;
  t.kind = Tree::scalar;
  t.type = a->dtype;
  if (core::is_float(a->dtype))
    t.real_number = core::item(*a);
  else
    t.number = core::item_int(*a);
  return t;
}

Tree any(Tree::Kind kind, DType type = DType::f64, const Dims& shape = {}) {
  Tree t;
  t.kind = kind;
  t.type = type;
  t.shape = shape;
  return t;
}

Tree dtype_form(PyObject* o) {
  const std::string name = py::str(py::handle(o));
  for (int k = 0; k < core::kDTypes; ++k)
    if (core::dtype_name(static_cast<DType>(k)) == name) return any(Tree::dtype, static_cast<DType>(k));
  throw Unsavable{"the dtype " + name};
}

// An object that stays what it is.
Tree constant_leaf(PyObject* o) {
  Tree t;
  if (o == Py_None) return t;
  if (o == Py_Ellipsis) {
    t.kind = Tree::ellipsis;
  } else if (PyBool_Check(o)) {
    t.kind = Tree::truth;
    t.number = o == Py_True;
  } else if (PyLong_CheckExact(o)) {
    return whole(o);
  } else if (PyFloat_CheckExact(o)) {
    t.kind = Tree::real;
    t.real_number = PyFloat_AS_DOUBLE(o);
  } else if (PyUnicode_CheckExact(o)) {
    Py_ssize_t n = 0;
    const char* p = PyUnicode_AsUTF8AndSize(o, &n);
    return with_text(Tree::text, p, n);
  } else if (PyBytes_CheckExact(o)) {
    return with_text(Tree::bytes, PyBytes_AS_STRING(o), PyBytes_GET_SIZE(o));
  } else if (py::isinstance<py::dtype>(o)) {
    return dtype_form(o);
  } else if (PyType_IsSubtype(Py_TYPE(o), numpy_types.generic)) {
    return numpy_number(o);
  } else {
    throw Unsavable{"an object of type " + std::string(Py_TYPE(o)->tp_name)};
  }
  return t;
}

// An argument, with its number left open.
Tree argument_leaf(PyObject* o) {
  if (PyFloat_CheckExact(o)) return any(Tree::any_float);
  if (PyLong_CheckExact(o)) return any(Tree::any_int);
  if (is_array(o)) return any(Tree::any_array, read(as_array(o)).dtype(), read(as_array(o)).shape());
  if (Py_TYPE(o) == numpy_types.ndarray) {
    const int type = direct_type(o);
    if (type < 0) throw Unsavable{"an ndarray that has to be converted first (dtype, byte order or alignment)"};
    Dims shape;
    for (int k = 0; k < PyArray_NDIM(as_ndarray(o)); ++k) shape.push_back(PyArray_DIM(as_ndarray(o), k));
    return any(Tree::any_ndarray, static_cast<DType>(type), shape);
  }
  if (PyBool_Check(o) || !PyType_IsSubtype(Py_TYPE(o), numpy_types.generic)) return constant_leaf(o);
  Tree t = any(Tree::any_scalar);
  t.chars = py::str(py::reinterpret_borrow<py::object>(o).attr("dtype"));
  if (!in_list(t.chars)) throw Unsavable{"a NumPy " + t.chars};
  return t;
}

Tree constant_form(PyObject* o);

// The containers that are open, the innermost last; below them one that holds the whole.
struct Describing {
  static constexpr const char* kDoing = "describing what a compiled function is given";
  static constexpr bool kSorted = false;
  bool constant;
  std::vector<Tree> open{1};
  void put(Tree t) { open.back().parts.push_back(std::move(t)); }
  bool leaf(PyObject* o) {
    if (PyTuple_CheckExact(o) || PyList_CheckExact(o) || PyDict_CheckExact(o)) return false;
    put(constant ? constant_leaf(o) : argument_leaf(o));
    return true;
  }
  size_t enter(TreeNode::Kind kind, PyObject* o, Py_ssize_t, PyObject*) {
    if (constant && kind != TreeNode::tuple) unknown(o);
    open.push_back(any(kind == TreeNode::tuple ? Tree::tuple : kind == TreeNode::list ? Tree::list : Tree::dict));
    return 0;
  }
  void key(size_t, Py_ssize_t, PyObject* key) { put(constant_form(key)); }
  void leave(size_t, PyObject*) {
    Tree t = std::move(open.back());
    open.pop_back();
    put(std::move(t));
  }
  bool opens(PyObject*) { return false; }
  [[noreturn]] void unknown(PyObject* o) { throw Unsavable{"an object of type " + std::string(Py_TYPE(o)->tp_name)}; }
};

Tree form_of(PyObject* o, bool constant) {
  Describing v{constant};
  walk(o, v);
  return std::move(v.open.back().parts.back());
}
Tree constant_form(PyObject* o) { return form_of(o, true); }

Tree result_form(const TreeNode*& part, const Place*& place) {
  const TreeNode& p = *part++;
  if (p.kind == TreeNode::leaf) {
    const Place& from = *place++;
    if (from.kind == Place::object) return constant_form(from.held.ptr());
    if (from.kind == Place::container) throw Unsavable{"a container of the arguments that is returned or changed"};
    Tree r = any(from.kind == Place::value ? Tree::value : Tree::argument);
    r.number = from.index;
    return r;
  }
  if (p.kind == TreeNode::named || p.kind == TreeNode::other)
    throw Unsavable{"a container that is no tuple, list or dict among the results"};
  Tree r = any(p.kind == TreeNode::none    ? Tree::none
               : p.kind == TreeNode::tuple ? Tree::tuple
               : p.kind == TreeNode::list  ? Tree::list
                                           : Tree::dict);
  for (uint32_t i = 0; i < p.count; ++i) {
    if (r.kind == Tree::dict)
      r.parts.push_back(constant_form(PyTuple_GET_ITEM(p.form.ptr(), static_cast<Py_ssize_t>(i))));
    r.parts.push_back(result_form(part, place));
  }
  return r;
}
Tree result_form(const Result& r) {
  const TreeNode* part = r.structure.nodes().data();
  const Place* place = r.places.data();
  return result_form(part, place);
}

// ---- plain data to Python -------------------------------------------------------------------------------------------

[[noreturn]] void wrong(const std::string& what) { value_error("wengert.load_program: " + what); }

py::object utf8(const std::string& s) {
  PyObject* o = PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), nullptr);
  if (!o) {
    PyErr_Clear();
    wrong("a text is not UTF-8");
  }
  return py::reinterpret_steal<py::object>(o);
}

py::object numpy_type_named(const std::string& name) {
  return py::module_::import("numpy").attr("dtype")(py::str(name));
}

void put_key(const py::dict& d, const py::object& key, const py::object& value) {
  if (PyObject_Hash(key.ptr()) == -1) {
    PyErr_Clear();
    wrong("a dict has a key that cannot be one");
  }
  if (d.contains(key)) wrong("a dict has the same key twice");
  d[key] = value;
}

// Arguments that stand for all of their form: of no memory, whatever their shape. Also objects of results.
py::object example(const Tree& t) {
  switch (t.kind) {
    case Tree::none:
      return py::none();
    case Tree::ellipsis:
      return py::ellipsis();
    case Tree::truth:
      return py::bool_(t.number != 0);
    case Tree::integer:
      return py::int_(t.number);
    case Tree::real:
      return py::float_(t.real_number);
    case Tree::text:
      return utf8(t.chars);
    case Tree::bytes:
      return py::bytes(t.chars);
    case Tree::dtype:
      return py::reinterpret_steal<py::object>(from_dtype(t.type));
    case Tree::scalar: {
      const ArrayRef a =
          core::is_float(t.type) ? core::scalar(t.real_number, t.type) : core::scalar_int(t.number, t.type);
      return py::reinterpret_steal<py::object>(numpy_scalar(*a));
    }
    case Tree::any_float:
      return py::float_(0.0);
    case Tree::any_int:
      return py::int_(0);
    case Tree::any_scalar:
      if (!in_list(t.chars)) wrong("there is no NumPy scalar '" + t.chars.substr(0, 32) + "' among arguments");
      return numpy_type_named(t.chars).attr("type")(0);
    case Tree::any_ndarray: {
      py::tuple shape(static_cast<size_t>(t.shape.size()));
      for (int k = 0; k < t.shape.size(); ++k) shape[static_cast<size_t>(k)] = py::int_(t.shape[k]);
      const py::module_ np = py::module_::import("numpy");
      return np.attr("broadcast_to")(
          np.attr("zeros")(py::tuple(), py::reinterpret_steal<py::object>(from_dtype(t.type))), shape);
    }
    case Tree::any_array: {
      core::Ref<core::Buffer> buffer(core::new_buffer(8));
      std::memset(buffer->data, 0, 8);
      char* data = buffer->data;
      return py::reinterpret_steal<py::object>(
          wrap(Value(core::foreign(t.type, t.shape, Dims(t.shape.size(), 0), std::move(buffer), data))));
    }
    case Tree::tuple: {
      py::tuple r(t.parts.size());
      for (size_t i = 0; i < t.parts.size(); ++i) r[i] = example(t.parts[i]);
      return r;
    }
    case Tree::list: {
      py::list r;
      for (const Tree& p : t.parts) r.append(example(p));
      return r;
    }
    case Tree::dict: {
      py::dict r;
      for (size_t i = 0; i < t.parts.size(); i += 2) put_key(r, example(t.parts[i]), example(t.parts[i + 1]));
      return r;
    }
    default:
      wrong("an argument is a kind of result");
  }
}

void add_places(const Tree& t, Result& r) {
  Place p{Place::object, 0, {}};
  switch (t.kind) {
    case Tree::none:
      return r.structure.none();
    case Tree::tuple:
    case Tree::list:
      r.structure.enter(t.kind == Tree::tuple ? TreeNode::tuple : TreeNode::list,
                        static_cast<Py_ssize_t>(t.parts.size()), nullptr);
      for (const Tree& part : t.parts) add_places(part, r);
      return;
    case Tree::dict: {
      const size_t at = r.structure.enter(TreeNode::dict, static_cast<Py_ssize_t>(t.parts.size() / 2), nullptr);
      py::dict seen;
      for (size_t i = 0; i < t.parts.size(); i += 2) {
        const py::object key = example(t.parts[i]);
        put_key(seen, key, py::none());
        r.structure.key(at, static_cast<Py_ssize_t>(i / 2), key.ptr());
        add_places(t.parts[i + 1], r);
      }
      return;
    }
    case Tree::value:
    case Tree::argument:
      p.kind = t.kind == Tree::value ? Place::value : Place::argument;
      p.index = static_cast<uint32_t>(t.number);  // checked by check_results
      break;
    default:
      p.held = example(t);
  }
  r.structure.leaf();
  r.places.push_back(std::move(p));
}

// Inputs are the leaves of the arguments, one for one: what is read as an input then has its elements.
void check_inputs(const program::Graph& g, const Call& c) {
  if (g.inputs.size() != c.leaves.size())
    wrong("a program has " + std::to_string(g.inputs.size()) + " inputs for " + std::to_string(c.leaves.size()) +
          " numbers and arrays among the arguments");
  for (size_t k = 0; k < c.leaves.size(); ++k) {
    const program::Node& n = g.nodes[g.inputs[k]];
    const ArrayRef a = leaf_array(c.leaves[k]);
    if (a->dtype != n.dtype || !(a->shape == n.shape))
      wrong("input " + std::to_string(k) + " is " + std::string(core::dtype_name(n.dtype)) + " " + n.shape.str() +
            ", but the argument is " + describe_leaf(c.leaves[k]));
  }
}

std::shared_ptr<Specialisation> specialisation(SavedProgram& p, const Call& c, int64_t most) {
  check_inputs(p.graph, c);
  for (const program::Guard& k : p.graph.guards) utf8(k.location);
  auto spec = std::make_shared<Specialisation>();
  add_places(p.result, spec->result);
  for (const auto& [leaf, output] : p.changed) {
    if (c.leaves[leaf].kind != 'A' && c.leaves[leaf].kind != 'n') wrong("a number cannot be changed in place");
    const program::Node &to = p.graph.nodes[p.graph.inputs[leaf]], &from = p.graph.nodes[p.graph.outputs[output]];
    if (c.leaves[leaf].kind == 'n' && !(to.shape == from.shape))
      wrong("an argument of shape " + to.shape.str() + " cannot be changed to one of shape " + from.shape.str());
    spec->changed.emplace_back(leaf, output);
  }
  spec->by_itself = spec->changed.size();
  spec->inputs = c.leaves.size();
  spec->program = std::make_shared<program::Program>(std::move(p.graph));
  if (spec->program->arena() > most)
    wrong("a run needs " + std::to_string(spec->program->arena()) +
          " bytes, more than max_bytes=" + std::to_string(most));
  return spec;
}

Entry entry_of(State& s, SavedEntry& saved, int64_t most) {
  std::vector<py::object> held;
  std::vector<PyObject*> args;
  py::tuple names(saved.keywords.size());
  for (const Tree& t : saved.positional) held.push_back(example(t));
  for (size_t k = 0; k < saved.keywords.size(); ++k) {
    names[k] = utf8(saved.keywords[k].first);
    held.push_back(example(saved.keywords[k].second));
  }
  for (const py::object& o : held) args.push_back(o.ptr());
  Call c;
  read_call(s, args.data(), static_cast<Py_ssize_t>(saved.positional.size()),
            saved.keywords.empty() ? nullptr : names.ptr(), c);
  if (c.traced || c.eager) wrong("there can be no program for these arguments");
  Entry e;
  e.signature = c.signature;
  e.interned = c.interned;
  e.objects = c.objects;
  e.family = c.family;
  for (const Leaf& leaf : c.leaves) e.description.push_back(describe_leaf(leaf));
  for (SavedProgram& p : saved.programs) {
    e.programs.push_back(specialisation(p, c, most));
    ++e.recordings;
  }
  e.form = std::move(saved);
  e.form.programs.clear();
  return e;
}

}  // namespace

SavedEntry saved_form(const State& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, std::string& unsavable) {
  SavedEntry e;
  try {
    for (Py_ssize_t i = 0; i < n; ++i) e.positional.push_back(form_of(args[i], is_static(s, i, n)));
    for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); ++i) {
      PyObject* name = PyTuple_GET_ITEM(kwnames, i);
      e.keywords.emplace_back(constant_leaf(name).chars, form_of(args[n + i], is_static(s, name)));
    }
  } catch (const Unsavable& u) {
    unsavable = u.why + " among the arguments";
  }
  return e;
}

namespace {

// With the hidden arrays as they are now.
program::Graph whole_graph(const Specialisation& spec) {
  program::Graph g = spec.program->graph();
  if (g.inputs.size() == spec.inputs) return g;
  for (size_t k = spec.inputs; k < g.inputs.size(); ++k) {
    program::Node& n = g.nodes[g.inputs[k]];
    n.op = program::kConstant;
    n.value = core::make(n.dtype, n.shape);
    std::memcpy(n.value->data, spec.captures->all()[spec.captures->inputs[k - spec.inputs]].elements,
                static_cast<size_t>(n.value->bytes()));
  }
  g.inputs.resize(spec.inputs);
  return g;
}

}  // namespace

py::bytes saved_bytes(const State& s, const std::string& name, bool all) {
  SavedFunction f;
  f.name = name;
  for (Py_ssize_t i : s.static_arguments) f.static_arguments.push_back(i);
  f.capacity = s.capacity;
  std::string stale;
  for (const Entry& e : s.entries) {
    if (e.programs.empty()) continue;
    auto skip = [&](const std::string& why) {
      if (all)
        value_error("wengert.save: a program of " + name + " cannot be saved, because there is " + why +
                    "; tuples, lists, dicts, numbers, arrays and strings can");
    };
    if (!e.unsavable.empty()) {
      skip(e.unsavable);
      continue;
    }
    SavedEntry saved = e.form;
    for (const auto& spec : e.programs) {
      const Capture* moved = spec->captures ? spec->captures->changed() : nullptr;
      if (all && moved) {  // what it was then is of no use
        stale = moved->label;
        continue;
      }
      if (!all && spec->captures && spec->captures->moves) continue;  // recorded again where it is unpickled
      try {
        if (!spec->refilled.empty()) throw Unsavable{"a container of the arguments that is changed"};
        saved.programs.push_back({whole_graph(*spec), result_form(spec->result), spec->changed});
      } catch (const Unsavable& u) {
        skip(u.why);
      }
    }
    if (!saved.programs.empty()) f.entries.push_back(std::move(saved));
  }
  if (all && f.entries.empty() && !stale.empty())
    value_error("wengert.save: " + name + " was recorded when " + stale +
                " was another; that is not what it was. Call it again with the arguments it is to be saved for");
  return py::bytes(program::encoded(f));
}

std::string load_programs(State& s, const py::bytes& file, int64_t most, bool options) {
  char* p = nullptr;
  Py_ssize_t n = 0;
  if (PyBytes_AsStringAndSize(file.ptr(), &p, &n) < 0) throw py::error_already_set();
  SavedFunction f = program::decoded({p, static_cast<size_t>(n)}, most);
  utf8(f.name);
  if (options) {
    s.capacity = f.capacity;
    s.static_arguments.assign(f.static_arguments.begin(), f.static_arguments.end());
  }
  for (SavedEntry& e : f.entries) s.entries.push_back(entry_of(s, e, most));
  return f.name;
}

}  // namespace wengert::bindings
