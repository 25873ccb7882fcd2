// The callable behind wengert.compile: a call reads its arguments, finds the program recorded for their structure,
// shapes and types, and replays it; if there is none, the function runs once and is recorded.
#include "bindings/bind_program.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <structmember.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <list>

#include "ad/tape.h"
#include "core/unlocked.h"
#include "program/program.h"

namespace wengert::bindings {
namespace {

using program::kNone;
using program::Program;

// ---- what a call consists of --------------------------------------------------------------------------------------------

enum class Family : uint8_t { python, numpy, array };  // of numbers; the strongest among the arguments decides

struct Leaf {
  PyObject* object;  // borrowed
  char kind;         // 'f' float, 'i' int, 'A' Array, 'n' ndarray, 'g' NumPy scalar
};

struct Call {
  std::string signature;  // structure, kinds, types, shapes: calls with equal ones can share a program
  std::vector<Leaf> leaves;
  Family family = Family::python;
  bool traced = false;  // some argument is being differentiated: the function itself has to run
  bool eager = false;   // some argument has no place in a program
  void clear() {
    signature.clear();
    leaves.clear();
    family = Family::python;
    traced = eager = false;
  }
};

struct Interned {  // hashable objects that count by value: their numbers stand in the signature
  py::dict ids;
  std::vector<py::object> objects;
  int32_t id(PyObject* o, const char* what) {
    PyObject* found = PyDict_GetItemWithError(ids.ptr(), o);
    if (!found && PyErr_Occurred()) {
      PyErr_Clear();
      type_error("wengert.compile: " + std::string(what) + " of type " + Py_TYPE(o)->tp_name +
                 " cannot be hashed; static arguments must be hashable");
    }
    if (found) return static_cast<int32_t>(PyLong_AsLong(found));
    const auto n = static_cast<int32_t>(objects.size());
    objects.push_back(py::reinterpret_borrow<py::object>(o));
    ids[o] = n;
    return n;
  }
};

// Results of a function: how to put them together again.
struct Template {
  enum Kind : uint8_t { value, argument, object, tuple, list, dict, other } kind;
  uint32_t index = 0;  // value: output; argument: leaf of the call
  py::object held;     // object: itself; dict: its keys; other: its structure
  std::vector<Template> parts;
};

struct Specialisation {
  std::shared_ptr<Program> program;
  Template result;
  std::vector<std::pair<uint32_t, uint32_t>> changed;  // leaf that is updated in place, output with its new value
  std::vector<uint32_t> leaf_of;                        // which leaf every program input is
  std::vector<std::unique_ptr<Program::Memory>> spare;
  uint64_t replays = 0;
};

struct Entry {
  std::string signature;
  Family family;
  std::vector<std::string> description;  // of the leaves, for why()
  std::list<std::shared_ptr<Specialisation>> programs;  // last used first
  uint64_t recordings = 0;
  bool given_up = false;
};

struct Compiled {
  PyObject ob_base;
  PyObject* dict;
  PyObject* weakrefs;
  vectorcallfunc vectorcall;
  struct State* state;
};

struct State {
  py::object function, flatten_other, unflatten_other;
  std::vector<Py_ssize_t> static_arguments;
  Interned statics, structures, names;
  std::list<Entry> entries;  // last used first
  size_t capacity = 64;      // programs kept
  std::vector<std::string> reasons;
  uint64_t replays = 0, recordings = 0, misses = 0, eager = 0, evictions = 0, shown = 0;
  Call scratch;
  bool scratch_used = false;
};

// ---- reading arguments --------------------------------------------------------------------------------------------------

PyTypeObject* ndarray_type() {
  static PyTypeObject* t = py::detail::npy_api::get().PyArray_Type_;
  return t;
}
PyTypeObject* generic_type() {
  static PyTypeObject* t = reinterpret_cast<PyTypeObject*>(py::object(py::module_::import("numpy").attr("generic")).release().ptr());
  return t;
}

void put(std::string& s, const void* p, size_t n) { s.append(static_cast<const char*>(p), n); }
void put_int(std::string& s, int64_t v) { put(s, &v, sizeof v); }

// Element type of an ndarray that can be read as it is; -1: it has to be converted first.
int direct_type(PyObject* a) {
  const auto* p = py::detail::array_proxy(a);
  const int num = py::detail::npy_api::get().PyArray_RUNTIME_VERSION_ < 0x12
                      ? py::detail::array_descriptor1_proxy(p->descr)->type_num
                      : py::detail::array_descriptor2_proxy(p->descr)->type_num;
  const char order = reinterpret_cast<const py::detail::PyArrayDescr_Proxy*>(p->descr)->byteorder;
  if (order == '>' || (p->flags & py::detail::npy_api::NPY_ARRAY_ALIGNED_) == 0) return -1;
  using api = py::detail::npy_api;
  switch (num) {
    case api::NPY_BOOL_: return static_cast<int>(DType::b1);
    case api::NPY_INT_: return static_cast<int>(DType::i32);
    case api::NPY_LONG_: return static_cast<int>(sizeof(long) == 8 ? DType::i64 : DType::i32);
    case api::NPY_LONGLONG_: return static_cast<int>(DType::i64);
    case api::NPY_FLOAT_: return static_cast<int>(DType::f32);
    case api::NPY_DOUBLE_: return static_cast<int>(DType::f64);
    default: return -1;
  }
}

void read_tree(State& s, PyObject* o, Call& c);

bool counts_by_value(PyObject* o) {
  return PyUnicode_Check(o) || PyBytes_Check(o) || PyFunction_Check(o) || PyCFunction_Check(o) || PyType_Check(o) ||
         o == Py_Ellipsis || py::isinstance<py::dtype>(o);
}

void read_other(State& s, PyObject* o, Call& c) {
  if (PyType_IsSubtype(Py_TYPE(o), ndarray_type())) {
    c.eager = true;  // masked arrays, matrices …: their own rules
    return;
  }
  if (counts_by_value(o)) {
    c.signature += 'S';
    put_int(c.signature, s.statics.id(o, "an argument"));
    return;
  }
  const py::object flat = s.flatten_other(py::reinterpret_borrow<py::object>(o));
  if (flat.is_none())
    type_error("wengert.compile: an argument of type " + std::string(Py_TYPE(o)->tp_name) +
               " is neither a number, an array nor a tree of them; name it in static_argnums if it is hashable and never "
               "changes");
  const py::tuple pair = py::reinterpret_borrow<py::tuple>(flat);
  const py::list leaves = py::reinterpret_borrow<py::list>(pair[0]);
  c.signature += 'P';
  put_int(c.signature, s.structures.id(py::object(pair[1]).ptr(), "a structure"));
  put_int(c.signature, static_cast<int64_t>(leaves.size()));
  for (const auto& x : leaves) read_tree(s, x.ptr(), c);  // the object keeps its leaves alive
}

void read_shape(Call& c, const Dims& d) {
  c.signature += static_cast<char>(d.size());
  put(c.signature, d.data(), sizeof(int64_t) * static_cast<size_t>(d.size()));
}

void read_tree(State& s, PyObject* o, Call& c) {
  if (PyFloat_CheckExact(o)) {
    c.signature += 'f';
    c.leaves.push_back({o, 'f'});
  } else if (Py_TYPE(o) == ndarray_type()) {
    const int t = direct_type(o);
    const auto* p = py::detail::array_proxy(o);
    c.signature += 'n';
    c.signature += static_cast<char>(t);
    if (t < 0) c.signature += std::string(py::str(py::handle(p->descr)));
    c.signature += static_cast<char>(p->nd);
    put(c.signature, p->dimensions, sizeof(int64_t) * static_cast<size_t>(p->nd));
    c.leaves.push_back({o, 'n'});
    c.family = std::max(c.family, Family::numpy);
  } else if (is_array(o)) {
    const Value& v = read(as_array(o));
    if (v.trace && (v.trace->depth > 0 || ad::recording_enabled())) c.traced = true;
    c.signature += 'A';
    c.signature += static_cast<char>(v.dtype());
    read_shape(c, v.shape());
    c.leaves.push_back({o, 'A'});
    c.family = Family::array;
  } else if (PyBool_Check(o)) {
    c.signature += o == Py_True ? 'T' : 'F';
  } else if (PyLong_CheckExact(o)) {
    int overflow = 0;
    PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow) c.eager = true;
    c.signature += 'i';
    c.leaves.push_back({o, 'i'});
  } else if (o == Py_None) {
    c.signature += 'N';
  } else if (PyTuple_CheckExact(o) || PyList_CheckExact(o)) {
    const bool tuple = PyTuple_CheckExact(o);
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    c.signature += tuple ? '(' : '[';
    put_int(c.signature, n);
    for (Py_ssize_t i = 0; i < n; ++i) read_tree(s, PySequence_Fast_GET_ITEM(o, i), c);
  } else if (PyDict_CheckExact(o)) {
    c.signature += '{';
    put_int(c.signature, PyDict_GET_SIZE(o));
    PyObject *key, *value;
    for (Py_ssize_t at = 0; PyDict_Next(o, &at, &key, &value);) {
      put_int(c.signature, s.names.id(key, "a key"));
      read_tree(s, value, c);
    }
  } else if (PyType_IsSubtype(Py_TYPE(o), generic_type())) {
    const py::object t = py::reinterpret_borrow<py::object>(o).attr("dtype");
    c.signature += 'g' + std::string(py::str(t));
    c.leaves.push_back({o, 'g'});
    c.family = std::max(c.family, Family::numpy);
  } else {
    read_other(s, o, c);
  }
}

bool is_static(const State& s, Py_ssize_t i, Py_ssize_t n) {
  for (Py_ssize_t k : s.static_arguments)
    if (k == i || k + n == i) return true;
  return false;
}

void read_call(State& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Call& c) {
  put_int(c.signature, n);
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (!s.static_arguments.empty() && is_static(s, i, n)) {
      c.signature += 'S';
      put_int(c.signature, s.statics.id(args[i], "a static argument"));
      if (PyFloat_Check(args[i]) || PyLong_Check(args[i])) c.signature += Py_TYPE(args[i])->tp_name;  // 1, 1.0, True
    } else {
      read_tree(s, args[i], c);
    }
  }
  if (!kwnames) return;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kwnames); ++i) {
    c.signature += 'k';
    put_int(c.signature, s.names.id(PyTuple_GET_ITEM(kwnames, i), "a keyword"));
    read_tree(s, args[n + i], c);
  }
}

// ---- recording ----------------------------------------------------------------------------------------------------------

// Arguments with their numbers replaced by recorded ones, in the order of read_tree.
class Rebuild {
 public:
  Rebuild(State& s, const std::vector<py::object>& leaves) : s_(s), leaves_(leaves) {}
  py::object tree(PyObject* o) {
    if (PyBool_Check(o) || o == Py_None) return same(o);
    if (PyFloat_CheckExact(o) || PyLong_CheckExact(o) || Py_TYPE(o) == ndarray_type() || is_array(o) ||
        PyType_IsSubtype(Py_TYPE(o), generic_type()))
      return leaves_[at_++];
    if (PyTuple_CheckExact(o)) {
      py::tuple t(static_cast<size_t>(PyTuple_GET_SIZE(o)));
      for (size_t i = 0; i < t.size(); ++i) t[i] = tree(PyTuple_GET_ITEM(o, static_cast<Py_ssize_t>(i)));
      return std::move(t);
    }
    if (PyList_CheckExact(o)) {
      py::list t;
      for (Py_ssize_t i = 0; i < PyList_GET_SIZE(o); ++i) t.append(tree(PyList_GET_ITEM(o, i)));
      return std::move(t);
    }
    if (PyDict_CheckExact(o)) {
      py::dict t;
      PyObject *key, *value;
      for (Py_ssize_t at = 0; PyDict_Next(o, &at, &key, &value);) t[key] = tree(value);
      return std::move(t);
    }
    if (counts_by_value(o)) return same(o);
    const py::tuple pair = py::reinterpret_borrow<py::tuple>(s_.flatten_other(same(o)));
    py::list parts;
    for (const auto& x : py::reinterpret_borrow<py::list>(pair[0])) parts.append(tree(x.ptr()));
    return s_.unflatten_other(pair[1], parts);
  }

 private:
  static py::object same(PyObject* o) { return py::reinterpret_borrow<py::object>(o); }
  State& s_;
  const std::vector<py::object>& leaves_;
  size_t at_ = 0;
};

ArrayRef leaf_array(const Leaf& leaf) {
  switch (leaf.kind) {
    case 'f': return core::scalar(PyFloat_AS_DOUBLE(leaf.object), DType::f64);
    case 'i': return core::scalar_int(PyLong_AsLongLong(leaf.object), DType::i64);
    case 'A': return read(as_array(leaf.object)).array;
    case 'n': return from_numpy(leaf.object, true);
    default: return require_value(leaf.object, "compile").array;
  }
}

std::string describe_leaf(const Leaf& leaf) {
  switch (leaf.kind) {
    case 'f': return "float";
    case 'i': return "int";
    case 'A': return "Array " + std::string(core::dtype_name(read(as_array(leaf.object)).dtype())) + " " +
                     read(as_array(leaf.object)).shape().str();
    default: {
      const ArrayRef a = leaf_array(leaf);
      return std::string(leaf.kind == 'n' ? "ndarray " : "scalar ") + std::string(core::dtype_name(a->dtype)) + " " + a->shape.str();
    }
  }
}

class Recording {
 public:
  Recording(State& s, const Call& call) : s_(s), call_(call), run_(new ad::Recorder(ad::current_depth() + 1)) {}

  // The function's results; `made` stays empty where the run cannot be replayed.
  py::object run(PyObject* const* args, Py_ssize_t n, PyObject* kwnames, std::shared_ptr<Specialisation>& made) {
    ad::Recorder& r = *run_;
    for (size_t k = 0; k < call_.leaves.size(); ++k) {
      const Leaf& leaf = call_.leaves[k];
      Value v(leaf_array(leaf));
      const uint32_t node = r.append(ad::Recorder::kInput, v.array, {}, nullptr, 0);
      v.trace = ad::TraceRef(run_.get());
      v.node = node;
      v.weak = leaf.kind == 'f' || leaf.kind == 'i';
      inputs_.push_back(node);
      handles_.push_back(py::reinterpret_steal<py::object>(wrap(std::move(v))));
    }
    py::object y = call(args, n, kwnames);
    auto spec = std::make_shared<Specialisation>();
    spec->result = flattened(y);
    find_changes(*spec);
    if (r.refusal.empty()) {
      program::Graph g = program::graph_of(r, inputs_, outputs_);
      spec->program = std::make_shared<Program>(std::move(g));
      made = spec;
    }
    refusal = r.refusal;
    std::vector<ArrayRef> values = values_;
    for (const auto& [leaf, k] : spec->changed) store(call_.leaves[leaf], values[k]);
    return assembled(spec->result, values);
  }
  std::string refusal;

  static void store(const Leaf& leaf, const ArrayRef& v);
  py::object assembled(const Template& t, std::vector<ArrayRef>& values) const;

 private:
  py::object call(PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
    Rebuild rebuild(s_, handles_);
    py::tuple positional(static_cast<size_t>(n));
    for (Py_ssize_t i = 0; i < n; ++i)
      positional[static_cast<size_t>(i)] = !s_.static_arguments.empty() && is_static(s_, i, n)
                                               ? py::reinterpret_borrow<py::object>(args[i])
                                               : rebuild.tree(args[i]);
    py::dict named;
    for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); ++i)
      named[PyTuple_GET_ITEM(kwnames, i)] = rebuild.tree(args[n + i]);
    struct Close {
      ad::Recorder& r;
      ~Close() { r.finish(); }
    } close{*run_};
    const ad::Depth depth;
    PyObject* y = PyObject_Call(s_.function.ptr(), positional.ptr(), kwnames ? named.ptr() : nullptr);
    if (!y) throw PythonError{};
    return py::reinterpret_steal<py::object>(y);
  }

  uint32_t output(uint32_t node, const ArrayRef& value) {
    outputs_.push_back(node);
    values_.push_back(value);
    return static_cast<uint32_t>(outputs_.size() - 1);
  }

  Template flattened(const py::object& y) {
    PyObject* o = y.ptr();
    Template t{Template::object, 0, y, {}};
    if (is_array(o)) {
      for (size_t k = 0; k < handles_.size(); ++k)
        if (handles_[k].ptr() == o) {
          t.kind = Template::argument;
          t.index = static_cast<uint32_t>(k);
          t.held = py::object();
          return t;
        }
      const Value v = read(as_array(o));
      t.kind = Template::value;
      t.held = py::object();
      if (v.trace.get() == run_.get()) {
        if (v.box) run_->refusal = "it uses a value from outside that is being differentiated; pass it as an argument";
        if (v.box) {
          t.kind = Template::object;
          t.held = py::reinterpret_steal<py::object>(wrap(ad::primal_of(v)));
        } else {
          t.index = output(v.node, v.array);
        }
      } else if (v.trace) {
        run_->refusal = "it returns a value that is being differentiated outside";
        t.kind = Template::object;
        t.held = y;
      } else {
        t.index = output(run_->constant(v.array), v.array);
      }
      return t;
    }
    if (Py_TYPE(o) == ndarray_type()) {  // made by the function: a constant, and the caller's own on every call
      const ArrayRef a = from_numpy(o, false);
      t.kind = Template::value;
      t.held = py::object();
      t.index = output(run_->constant(a), a);
      return t;
    }
    if (PyTuple_CheckExact(o) || PyList_CheckExact(o)) {
      t.kind = PyTuple_CheckExact(o) ? Template::tuple : Template::list;
      t.held = py::object();
      for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
        t.parts.push_back(flattened(py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(o, i))));
      return t;
    }
    if (PyDict_CheckExact(o)) {
      t.kind = Template::dict;
      py::list keys;
      PyObject *key, *value;
      for (Py_ssize_t at = 0; PyDict_Next(o, &at, &key, &value);) {
        keys.append(py::reinterpret_borrow<py::object>(key));
        t.parts.push_back(flattened(py::reinterpret_borrow<py::object>(value)));
      }
      t.held = keys;
      return t;
    }
    if (o == Py_None || PyFloat_Check(o) || PyLong_Check(o) || counts_by_value(o) ||
        PyType_IsSubtype(Py_TYPE(o), generic_type()))
      return t;
    const py::object flat = s_.flatten_other(y);
    if (flat.is_none()) {
      run_->refusal = "it returns an object of type " + std::string(Py_TYPE(o)->tp_name) + ", which is no tree of arrays";
      return t;
    }
    const py::tuple pair = py::reinterpret_borrow<py::tuple>(flat);
    t.kind = Template::other;
    t.held = pair[1];
    for (const auto& x : py::reinterpret_borrow<py::list>(pair[0]))
      t.parts.push_back(flattened(py::reinterpret_borrow<py::object>(x)));
    return t;
  }

  // Arguments the function changed in place (x += 1, x[0] = 2): the caller's arrays follow.
  void find_changes(Specialisation& spec) {
    for (size_t k = 0; k < handles_.size(); ++k) {
      const Value v = read(as_array(handles_[k].ptr()));
      if (v.trace.get() == run_.get() && v.node == inputs_[k]) continue;
      const char kind = call_.leaves[k].kind;
      if (kind == 'f' || kind == 'i' || kind == 'g') continue;  // numbers do not change
      if (v.trace.get() == run_.get() && !v.box) {
        spec.changed.emplace_back(static_cast<uint32_t>(k), output(v.node, v.array));
      } else if (!v.trace) {
        spec.changed.emplace_back(static_cast<uint32_t>(k), output(run_->constant(v.array), v.array));
      } else {
        runtime_error("wengert.compile: an argument was given a value that is being differentiated outside the function");
      }
    }
  }

  State& s_;
  const Call& call_;
  core::Ref<ad::Recorder> run_;
  std::vector<uint32_t> inputs_, outputs_;
  std::vector<ArrayRef> values_;
  std::vector<py::object> handles_;
};

// ---- results ------------------------------------------------------------------------------------------------------------

PyObject* numpy_scalar(const core::Array& a) {
  static PyObject* types[core::kDTypes] = {};
  PyObject*& type = types[static_cast<int>(a.dtype)];
  if (!type) {
    const char* names[] = {"bool_", "int32", "int64", "float32", "float64"};
    type = py::object(py::module_::import("numpy").attr(names[static_cast<int>(a.dtype)])).release().ptr();
  }
  const py::object v = py::reinterpret_steal<py::object>(to_python_scalar(a));
  PyObject* r = PyObject_CallOneArg(type, v.ptr());
  if (!r) throw PythonError{};
  return r;
}

PyObject* numpy_empty(DType t, const Dims& shape) {
  static PyObject* types[core::kDTypes] = {};
  PyObject*& type = types[static_cast<int>(t)];
  if (!type) type = from_dtype(t);
  auto& api = py::detail::npy_api::get();
  Py_INCREF(type);
  static_assert(sizeof(Py_intptr_t) == sizeof(int64_t));
  PyObject* r = api.PyArray_NewFromDescr_(api.PyArray_Type_, type, shape.size(), reinterpret_cast<const Py_intptr_t*>(shape.data()),
                                          nullptr, nullptr, 0, nullptr);
  if (!r) throw PythonError{};
  return r;
}

PyObject* in_family(const ArrayRef& a, Family family) {
  if (family == Family::array) return wrap(Value(a));
  if (a->shape.empty()) return family == Family::python ? to_python_scalar(*a) : numpy_scalar(*a);
  return family == Family::python ? wrap(Value(a)) : to_numpy(core::copy(a), true);
}

void Recording::store(const Leaf& leaf, const ArrayRef& v) {
  if (leaf.kind == 'A') {
    write(as_array(leaf.object), Value(v));
    return;
  }
  py::array target = py::reinterpret_borrow<py::array>(leaf.object);
  if (!target.writeable()) value_error("wengert.compile: the function changes an argument in place that is read-only");
  const py::object from = py::reinterpret_steal<py::object>(to_numpy(v, false));
  target.attr("__setitem__")(py::ellipsis(), from);
}

py::object Recording::assembled(const Template& t, std::vector<ArrayRef>& values) const {
  switch (t.kind) {
    case Template::value:
      return py::reinterpret_steal<py::object>(in_family(values[t.index], call_.family));
    case Template::argument:
      return py::reinterpret_borrow<py::object>(call_.leaves[t.index].object);
    case Template::object:
      return t.held;
    case Template::tuple: {
      py::tuple r(t.parts.size());
      for (size_t i = 0; i < t.parts.size(); ++i) r[i] = assembled(t.parts[i], values);
      return std::move(r);
    }
    case Template::dict: {
      py::dict r;
      const py::list keys = py::reinterpret_borrow<py::list>(t.held);
      for (size_t i = 0; i < t.parts.size(); ++i) r[py::object(keys[i])] = assembled(t.parts[i], values);
      return std::move(r);
    }
    default: {
      py::list r;
      for (const Template& p : t.parts) r.append(assembled(p, values));
      return t.kind == Template::list ? py::object(std::move(r)) : [&] {
        const py::object unflatten = py::module_::import("wengert.compile").attr("_unflatten");
        return py::object(unflatten(t.held, r));
      }();
    }
  }
}

// ---- replay -------------------------------------------------------------------------------------------------------------

// Numbers of one replay: where inputs are, where outputs go, and the objects made for them.
struct Replay {
  std::vector<char*> in, out;
  std::vector<int64_t> numbers;     // inputs and outputs that are Python numbers
  std::vector<ArrayRef> held;       // copies of inputs; outputs
  std::vector<PyObject*> made;      // ndarrays for outputs
  ~Replay() {
    for (PyObject* o : made) Py_XDECREF(o);
  }
};

constexpr int64_t kOwnMemory = 1 << 16;  // bytes from which outputs come from the pool: fresh pages are slow

void point_inputs(const Call& c, Replay& r) {
  const size_t n = c.leaves.size();
  for (size_t k = 0; k < n; ++k) {
    const Leaf& leaf = c.leaves[k];
    char* p;
    switch (leaf.kind) {
      case 'f': {
        const double v = PyFloat_AS_DOUBLE(leaf.object);
        std::memcpy(&r.numbers[k], &v, sizeof v);
        p = reinterpret_cast<char*>(&r.numbers[k]);
        break;
      }
      case 'i':
        r.numbers[k] = PyLong_AsLongLong(leaf.object);
        p = reinterpret_cast<char*>(&r.numbers[k]);
        break;
      case 'n': {
        const auto* a = py::detail::array_proxy(leaf.object);
        if ((a->flags & py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_) && direct_type(leaf.object) >= 0) {
          p = a->data;
          break;
        }
        [[fallthrough]];
      }
      default:
        r.held.push_back(core::contiguous(leaf_array(leaf)));
        p = r.held.back()->data;
    }
    r.in.push_back(p);
  }
}

class Replayer {
 public:
  Replayer(State& s, const Call& c, Specialisation& spec) : s_(s), c_(c), spec_(spec), p_(*spec.program) {}

  // True if the program was right for these numbers; otherwise `failed` names the check.
  bool run(uint32_t& failed) {
    r_.numbers.resize(c_.leaves.size() + p_.outputs());
    r_.in.reserve(c_.leaves.size());
    point_inputs(c_, r_);
    const size_t n = p_.outputs();
    r_.out.resize(n);
    r_.made.resize(n, nullptr);
    values_.resize(n);
    for (size_t k = 0; k < n; ++k) {
      const program::Node& node = p_.output(k);
      if (node.shape.empty() && c_.family != Family::array) {
        r_.out[k] = reinterpret_cast<char*>(&r_.numbers[c_.leaves.size() + k]);
      } else if (c_.family == Family::numpy && node.size() * core::item_size(node.dtype) < kOwnMemory) {
        r_.made[k] = numpy_empty(node.dtype, node.shape);
        r_.out[k] = py::detail::array_proxy(r_.made[k])->data;
      } else {
        values_[k] = core::make(node.dtype, node.shape);
        r_.out[k] = values_[k]->data;
      }
    }
    std::unique_ptr<Program::Memory> memory;
    if (spec_.spare.empty()) {
      memory = p_.memory();
    } else {
      memory = std::move(spec_.spare.back());
      spec_.spare.pop_back();
    }
    {
      constexpr double kLong = 1e5;  // operations: well over the price of the interpreter lock
      const bool release = p_.work() > kLong && !p_.needs_lock();
      if (release)
        for (const Leaf& leaf : c_.leaves) Py_INCREF(leaf.object);
      {
        const core::Unlocked unlocked(release);
        failed = p_.run(*memory, r_.in.data(), r_.out.data());
      }
      if (release)
        for (const Leaf& leaf : c_.leaves) Py_DECREF(leaf.object);
    }
    if (spec_.spare.size() < 8) spec_.spare.push_back(std::move(memory));
    return failed == kNone;
  }

  PyObject* result() {
    for (const auto& [leaf, k] : spec_.changed) Recording::store(c_.leaves[leaf], array(k));
    return assembled(spec_.result);
  }

 private:
  ArrayRef array(uint32_t k) {
    if (values_[k]) return values_[k];
    const program::Node& node = p_.output(k);
    ArrayRef a = core::make(node.dtype, node.shape);
    std::memcpy(a->data, r_.out[k], static_cast<size_t>(a->bytes()));
    return a;
  }
  PyObject* value(uint32_t k) {
    const program::Node& node = p_.output(k);
    if (r_.made[k]) return std::exchange(r_.made[k], nullptr);
    if (values_[k]) {
      if (c_.family == Family::numpy) return to_numpy(ArrayRef(values_[k]), true);
      return wrap(Value(values_[k]));
    }
    if (c_.family == Family::python && node.dtype == DType::f64) {
      double v;
      std::memcpy(&v, r_.out[k], sizeof v);
      return PyFloat_FromDouble(v);
    }
    const ArrayRef a = array(k);
    return c_.family == Family::python ? to_python_scalar(*a) : numpy_scalar(*a);
  }
  PyObject* assembled(const Template& t) {
    auto checked = [](PyObject* o) {
      if (!o) throw PythonError{};
      return o;
    };
    switch (t.kind) {
      case Template::value: return checked(value(t.index));
      case Template::argument: Py_INCREF(c_.leaves[t.index].object); return c_.leaves[t.index].object;
      case Template::object: Py_INCREF(t.held.ptr()); return t.held.ptr();
      case Template::tuple: {
        const auto n = static_cast<Py_ssize_t>(t.parts.size());
        py::object r = py::reinterpret_steal<py::object>(checked(PyTuple_New(n)));
        for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(r.ptr(), i, assembled(t.parts[static_cast<size_t>(i)]));
        return r.release().ptr();
      }
      case Template::list:
      case Template::other: {
        const auto n = static_cast<Py_ssize_t>(t.parts.size());
        py::object r = py::reinterpret_steal<py::object>(checked(PyList_New(n)));
        for (Py_ssize_t i = 0; i < n; ++i) PyList_SET_ITEM(r.ptr(), i, assembled(t.parts[static_cast<size_t>(i)]));
        if (t.kind == Template::list) return r.release().ptr();
        return s_.unflatten_other(t.held, r).release().ptr();
      }
      default: {
        py::dict r;
        for (size_t i = 0; i < t.parts.size(); ++i) {
          const py::object v = py::reinterpret_steal<py::object>(assembled(t.parts[i]));
          if (PyDict_SetItem(r.ptr(), PyList_GET_ITEM(t.held.ptr(), static_cast<Py_ssize_t>(i)), v.ptr()) < 0) throw PythonError{};
        }
        return r.release().ptr();
      }
    }
  }

  State& s_;
  const Call& c_;
  Specialisation& spec_;
  const Program& p_;
  Replay r_;
  std::vector<ArrayRef> values_;
};

// ---- calls --------------------------------------------------------------------------------------------------------------

constexpr uint64_t kTooMany = 32;      // recordings of one signature, then it is not recorded any more
constexpr size_t kReasonsKept = 200;

std::string check_text(const Program& p, uint32_t k) {
  const program::Check& c = p.graph().checks[k];
  std::string s = c.asked == ad::Asked::truth ? (core::item(*c.answer) != 0 ? "a condition was true" : "a condition was false")
                  : c.answer->size == 1       ? "a number taken out was " + std::to_string(core::item(*c.answer))
                                              : "the elements of an array of shape " + c.answer->shape.str() + " were looked at";
  if (!c.location.empty()) s += " at " + c.location;
  return s;
}

void note(State& s, std::string reason) {
  if (s.reasons.size() < kReasonsKept) s.reasons.push_back(std::move(reason));
}

std::string why_new(const State& s, const std::vector<std::string>& now) {
  if (s.entries.empty()) return "first call";
  const Entry& last = s.entries.front();
  if (last.description.size() != now.size())
    return "the arguments have " + std::to_string(now.size()) + " leaves, before " + std::to_string(last.description.size());
  for (size_t k = 0; k < now.size(); ++k)
    if (last.description[k] != now[k])
      return "leaf " + std::to_string(k) + " of the arguments is " + now[k] + ", before " + last.description[k];
  return "a static argument or the structure of the arguments changed";
}

PyObject* plain_call(State& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  ++s.eager;
  PyObject* r = PyObject_Vectorcall(s.function.ptr(), args, static_cast<size_t>(n), kwnames);
  if (!r) throw PythonError{};
  return r;
}

size_t programs(const State& s) {
  size_t n = 0;
  for (const Entry& e : s.entries) n += e.programs.size();
  return n;
}

PyObject* record(State& s, const Call& c, Entry* e, const std::string& reason, PyObject* const* args, Py_ssize_t n,
                 PyObject* kwnames) {
  ++s.recordings;
  Recording recording(s, c);
  std::shared_ptr<Specialisation> made;
  std::vector<std::string> description;
  for (const Leaf& leaf : c.leaves) description.push_back(describe_leaf(leaf));
  std::string why = e ? reason : why_new(s, description);
  const std::string signature = c.signature;
  const Family family = c.family;
  py::object result = recording.run(args, n, kwnames, made);
  // The function may have called us again: look the entry up anew.
  auto at = std::find_if(s.entries.begin(), s.entries.end(), [&](const Entry& x) { return x.signature == signature; });
  if (at == s.entries.end()) {
    s.entries.push_front({});
    at = s.entries.begin();
    at->signature = signature;
    at->family = family;
    at->description = std::move(description);
  } else {
    s.entries.splice(s.entries.begin(), s.entries, at);
  }
  ++at->recordings;
  if (made) {
    at->programs.push_front(made);
  } else {
    at->given_up = true;
    why += "; the function is called as it is, because " + recording.refusal;
  }
  if (at->recordings >= kTooMany && !at->given_up) {
    at->given_up = true;
    at->programs.clear();
    why += "; after " + std::to_string(at->recordings) +
           " recordings with these arguments the function is called as it is: it keeps asking for values that change";
  }
  note(s, why);
  while (programs(s) > s.capacity) {
    for (auto old = s.entries.rbegin(); old != s.entries.rend(); ++old)
      if (!old->programs.empty()) {
        old->programs.pop_back();
        ++s.evictions;
        break;
      }
  }
  while (s.entries.size() > 4 * s.capacity) s.entries.pop_back();
  return result.release().ptr();
}

PyObject* call(State& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Call& c) {
  read_call(s, args, n, kwnames, c);
  if (c.traced || c.eager) return plain_call(s, args, n, kwnames);
  for (auto e = s.entries.begin(); e != s.entries.end(); ++e) {
    if (e->signature != c.signature) continue;
    if (e != s.entries.begin()) s.entries.splice(s.entries.begin(), s.entries, e);
    if (e->given_up) return plain_call(s, args, n, kwnames);
    std::string reason = "no program was left for these arguments";
    // Another thread may change the list while a program runs.
    std::vector<std::shared_ptr<Specialisation>> many;
    std::shared_ptr<Specialisation> one;
    if (e->programs.size() == 1) one = e->programs.front();
    else many.assign(e->programs.begin(), e->programs.end());
    const size_t count = one ? 1 : many.size();
    const std::string signature = count > 1 ? c.signature : std::string();
    for (size_t k = 0; k < count; ++k) {
      const std::shared_ptr<Specialisation>& spec = one ? one : many[k];
      Replayer replay(s, c, *spec);
      uint32_t failed;
      if (!replay.run(failed)) {
        if (failed == program::kOutOfBounds) return plain_call(s, args, n, kwnames);
        ++s.misses;
        if (k == 0) reason = check_text(*spec->program, failed) + ", now it is not";
        continue;
      }
      ++s.replays;
      ++spec->replays;
      if (k > 0) {  // it comes first the next time
        for (Entry& x : s.entries)
          if (x.signature == c.signature) {
            const auto at = std::find(x.programs.begin(), x.programs.end(), spec);
            if (at != x.programs.end()) x.programs.splice(x.programs.begin(), x.programs, at);
            break;
          }
      }
      return replay.result();
    }
    return record(s, c, &*e, reason, args, n, kwnames);
  }
  return record(s, c, nullptr, "", args, n, kwnames);
}

PyObject* vectorcall(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
    State& s = *reinterpret_cast<Compiled*>(self)->state;
    const Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    if (kwnames && PyTuple_GET_SIZE(kwnames) == 0) kwnames = nullptr;
    // The lists of the last call are used again, unless that call is still running (another thread, or recursion).
    if (s.scratch_used) {
      Call own;
      return call(s, args, n, kwnames, own);
    }
    s.scratch_used = true;
    struct Return {
      State& s;
      ~Return() {
        s.scratch.clear();
        s.scratch_used = false;
      }
    } back{s};
    return call(s, args, n, kwnames, s.scratch);
  });
}

// ---- the type -----------------------------------------------------------------------------------------------------------

PyTypeObject* compiled_type = nullptr;

State& state_of(const py::object& o) {
  if (Py_TYPE(o.ptr()) != compiled_type) type_error("wengert.compile: not a compiled function");
  return *reinterpret_cast<Compiled*>(o.ptr())->state;
}

int traverse(PyObject* o, visitproc visit, void* arg) {
  auto* c = reinterpret_cast<Compiled*>(o);
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(c->dict);
  if (c->state) Py_VISIT(c->state->function.ptr());
  return 0;
}
int clear(PyObject* o) {
  Py_CLEAR(reinterpret_cast<Compiled*>(o)->dict);
  return 0;
}
void dealloc(PyObject* o) {
  auto* c = reinterpret_cast<Compiled*>(o);
  PyObject_GC_UnTrack(o);
  if (c->weakrefs) PyObject_ClearWeakRefs(o);
  Py_CLEAR(c->dict);
  delete c->state;
  PyTypeObject* type = Py_TYPE(o);
  type->tp_free(o);
  Py_DECREF(type);
}
PyObject* bind_method(PyObject* self, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) {
    Py_INCREF(self);
    return self;
  }
  return PyMethod_New(self, instance);
}
PyObject* call_hook(PyObject* self, const char* name) {
  PyObject* f = PyObject_GetAttrString(self, name);
  if (!f) return nullptr;
  PyObject* r = PyObject_CallNoArgs(f);
  Py_DECREF(f);
  return r;
}
PyObject* repr(PyObject* self) { return call_hook(self, "_repr"); }
PyObject* str(PyObject* self) { return call_hook(self, "_str"); }

PyMemberDef members[] = {{"__dictoffset__", T_PYSSIZET, offsetof(Compiled, dict), READONLY, nullptr},
                         {"__weaklistoffset__", T_PYSSIZET, offsetof(Compiled, weakrefs), READONLY, nullptr},
                         {"__vectorcalloffset__", T_PYSSIZET, offsetof(Compiled, vectorcall), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};
PyGetSetDef attributes[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};

template <class F>
void* slot(F f) {
  return reinterpret_cast<void*>(f);
}
PyType_Slot slots[] = {{Py_tp_dealloc, slot(dealloc)},
                       {Py_tp_traverse, slot(traverse)},
                       {Py_tp_clear, slot(clear)},
                       {Py_tp_call, slot(PyVectorcall_Call)},
                       {Py_tp_members, members},
                       {Py_tp_getset, attributes},
                       {Py_tp_repr, slot(repr)},
                       {Py_tp_str, slot(str)},
                       {Py_tp_descr_get, slot(bind_method)},
                       {Py_tp_doc, const_cast<char*>("A compiled function; see wengert.compile.")},
                       {0, nullptr}};
PyType_Spec spec = {"wengert.Compiled", sizeof(Compiled), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                    slots};

py::object new_compiled(const py::object& f, const py::tuple& static_arguments, size_t capacity, const py::object& flatten,
                        const py::object& unflatten) {
  auto* c = PyObject_GC_New(Compiled, compiled_type);
  if (!c) throw py::error_already_set();
  c->dict = nullptr;
  c->weakrefs = nullptr;
  c->vectorcall = vectorcall;
  c->state = new State;
  c->state->function = f;
  c->state->flatten_other = flatten;
  c->state->unflatten_other = unflatten;
  c->state->capacity = capacity;
  for (const auto& i : static_arguments) c->state->static_arguments.push_back(i.cast<Py_ssize_t>());
  PyObject_GC_Track(reinterpret_cast<PyObject*>(c));
  return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(c));
}

py::list program_list(const py::object& o) {
  py::list r;
  for (const Entry& e : state_of(o).entries)
    for (const auto& spec : e.programs) {
      const Program& p = *spec->program;
      py::dict d;
      std::string arguments;
      for (const std::string& t : e.description) arguments += (arguments.empty() ? "" : ", ") + t;
      d["arguments"] = arguments;
      d["listing"] = p.listing();
      d["explanation"] = p.explanation();
      d["recorded"] = p.recorded_operations();
      d["steps"] = p.steps();
      d["scalar"] = p.is_scalar();
      d["flops"] = program::flops(p.graph());
      d["arena"] = p.arena();
      d["checks"] = p.graph().checks.size();
      d["replays"] = spec->replays;
      r.append(d);
    }
  return r;
}

}  // namespace

void bind_program(py::module_& m) {
  compiled_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!compiled_type) throw py::error_already_set();
  m.add_object("Compiled", py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(compiled_type)));
  m.def("new_compiled", new_compiled);
  m.def("compiled_programs", program_list);
  m.def("compiled_reasons", [](const py::object& o) { return state_of(o).reasons; });
  m.def("compiled_stats", [](const py::object& o) {
    const State& s = state_of(o);
    py::dict d;
    d["replays"] = s.replays;
    d["recordings"] = s.recordings;
    d["misses"] = s.misses;
    d["eager"] = s.eager;
    d["programs"] = programs(s);
    d["signatures"] = s.entries.size();
    d["evictions"] = s.evictions;
    return d;
  });
  m.def("compiled_clear", [](const py::object& o) { state_of(o).entries.clear(); });
  m.def("is_weak", [](const py::object& x) { return is_array(x.ptr()) && read(as_array(x.ptr())).weak; });
}

}  // namespace wengert::bindings
