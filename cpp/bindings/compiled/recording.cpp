// Running a function once and recording it, its results, and the arguments it changes.
#include <pybind11/numpy.h>

#include <algorithm>
#include <cstring>

#include "ad/recorder.h"
#include "ad/tape.h"
#include "bindings/compiled/compiled.h"
#include "bindings/interpreter.h"
#include "bindings/object/views.h"

namespace wengert::bindings {

PyObject* numpy_scalar(const core::Array& a) {
  const py::object v = py::reinterpret_steal<py::object>(to_python_scalar(a));
  PyObject* r = PyObject_CallOneArg(numpy_types.scalar[static_cast<int>(a.dtype)], v.ptr());
  if (!r) throw PythonError{};
  return r;
}

void store(const Leaf& leaf, const ArrayRef& v) {
  if (leaf.kind == 'A') {
    PyArray* a = as_array(leaf.object);
    write(a, Value(core::arranged(v, core::kept_order(v->shape, strides_of(a)))));
    return;
  }
  py::array target = py::reinterpret_borrow<py::array>(leaf.object);
  if (!target.writeable()) value_error("wengert.compile: the function changes an argument in place that is read-only");
  if (direct_type(leaf.object) == static_cast<int>(v->dtype) && v->contiguous &&
      (target.flags() & py::array::c_style) && target.nbytes() == v->bytes()) {
    if (v->size) std::memcpy(target.mutable_data(), v->data, static_cast<size_t>(v->bytes()));
    return;
  }
  const py::object from = py::reinterpret_steal<py::object>(to_numpy(v, false));
  target.attr("__setitem__")(py::ellipsis(), from);
}

namespace {
__attribute__((tls_model("initial-exec"))) constinit thread_local ad::Recorder* running = nullptr;
}
ad::Recorder*& recording_of_thread() { return running; }

namespace {

using program::Program;

// Arguments with their numbers replaced by recorded ones, in the order of read_tree.
class Rebuild {
 public:
  Rebuild(State& s, const std::vector<py::object>& leaves) : s_(s), leaves_(leaves) {}
  py::object tree(PyObject* o) {
    if (PyBool_Check(o) || o == Py_None) return held(o);
    if (PyFloat_CheckExact(o) || PyLong_CheckExact(o) || Py_TYPE(o) == numpy_types.ndarray || is_array(o) ||
        PyType_IsSubtype(Py_TYPE(o), numpy_types.generic))
      return next();
    const Deeper deeper("putting the arguments of a compiled function together");
    if (PyTuple_CheckExact(o) || PyList_CheckExact(o)) {
      py::list t;
      const bool tuple = PyTuple_CheckExact(o);
      const size_t at = tuple ? 0 : opened();
      for_items(o, [&](PyObject* item) { t.append(tree(item)); });
      return tuple ? py::object(py::tuple(t)) : made(at, t);
    }
    if (PyDict_CheckExact(o)) {
      py::dict t;
      const size_t at = opened();
      for_entries(o, [&](PyObject* key, PyObject* value) { t[key] = tree(value); });
      return made(at, t);
    }
    if (counts_by_value(o)) return held(o);
    const py::object flat = called(s_.flatten_other, held(o));
    if (flat.is_none()) changed();
    const py::tuple pair = py::reinterpret_borrow<py::tuple>(flat);
    py::list parts;
    for_items(py::object(pair[0]).ptr(), [&](PyObject* x) { parts.append(tree(x)); });
    return called(s_.unflatten_other, pair[1], parts);
  }

  size_t leaves_read() const { return at_; }
  void finish() const {
    if (at_ != leaves_.size()) changed();
  }

  // A list or dict of the arguments, as the function gets it, and what it held then.
  struct Container {
    py::object made;
    py::tuple before;
  };
  const std::vector<Container>& containers() const { return containers_; }
  static py::tuple held_by(const py::object& o) {
    if (PyList_CheckExact(o.ptr())) return py::tuple(o);
    py::list parts;
    for (const auto& [key, value] : py::reinterpret_borrow<py::dict>(o)) {
      parts.append(key);
      parts.append(value);
    }
    return py::tuple(parts);
  }

 private:
  [[noreturn]] static void changed() {
    runtime_error("wengert.compile: an argument changed while it was read, or flattens differently every time");
  }
  const py::object& next() {
    if (at_ == leaves_.size()) changed();
    return leaves_[at_++];
  }
  size_t opened() {
    containers_.emplace_back();
    return containers_.size() - 1;
  }
  py::object made(size_t at, const py::object& container) {
    containers_[at] = {container, held_by(container)};
    return container;
  }
  std::vector<Container> containers_;
  State& s_;
  const std::vector<py::object>& leaves_;
  size_t at_ = 0;
};

class Recording {
 public:
  Recording(State& s, const Call& call) : s_(s), call_(call), run_(new ad::Recorder(ad::current_depth() + 1)) {}

  // The function's results; `out.made` stays empty where the run cannot be replayed.
  py::object run(PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Outcome& out) {
    ad::Recorder& r = *run_;
    open(args, n);
    for (size_t k = 0; k < call_.leaves.size(); ++k) {
      const Leaf& leaf = call_.leaves[k];
      // A copy: what the function keeps of an argument is not to change with it.
      Value v(leaf.kind == 'n' ? from_numpy(leaf.object, false) : leaf_array(leaf));
      const uint32_t node = r.append(ad::Recorder::kInput, v.array, {}, nullptr, 0);
      v.level = ad::LevelRef(run_.get());
      v.node = node;
      v.weak = leaf.kind == 'f' || leaf.kind == 'i';
      inputs_.push_back(node);
      handles_.push_back(py::reinterpret_steal<py::object>(wrap_like(leaf.object, std::move(v))));
    }
    for (const auto& [later, earlier] : call_.same) handles_[later] = handles_[earlier];
    struct Over {
      ad::Recorder& r;
      ad::Recorder* before = std::exchange(recording_of_thread(), &r);
      ad::Recorder* lifting = ad::lifting;
      ~Over() {
        recording_of_thread() = before;
        ad::lifting = lifting;
        r.finish();
      }
    } over{*run_};
    const ad::Depth depth;
    auto spec = std::make_shared<Specialisation>();
    py::object y = [&] {
      try {
        return call(args, n, kwnames);
      } catch (const PythonError&) {  // what it did to its arguments until then is done to them
        PyObject *type, *value, *trace;
        PyErr_Fetch(&type, &value, &trace);
        find_changes(*spec);
        find_refilled(*spec);
        once_.resize(outputs_.size());
        follow(*spec);
        PyErr_Restore(type, value, trace);
        throw;
      }
    }();
    spec->result = flattened(y);
    find_changes(*spec);
    find_refilled(*spec);
    spec->by_itself = spec->changed.size();
    for (uint32_t leaf : donated_) donate(*spec, leaf, spec->result);
    spec->captures = captures_;
    spec->repeated = repeated_;
    once_.resize(outputs_.size());
    if (shares_changed(call_, *spec)) {
      out.refusal = "it changes an argument that shares memory with another array it reads";
      out.again = out.rerun = true;
      return y;
    }
    close(out);
    if (out.refusal.empty()) {
      spec->inputs = call_.leaves.size();  // `close` has added hidden arrays
      spec->hidden = !captures_->inputs.empty();
      program::Graph g = program::graph_of(r, inputs_, outputs_);
      spec->program = std::make_shared<Program>(std::move(g));
      out.made = spec;
    }
    out.notes = r.notes;
    follow(*spec);
    return assembled(spec->result, values_);
  }

  py::object assembled(const Template& t, std::vector<ArrayRef>& values) const;

 private:
  py::object call(PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
    Rebuild rebuild(s_, handles_);
    py::tuple positional(static_cast<size_t>(n));
    for (Py_ssize_t i = 0; i < n; ++i) {
      const size_t first = rebuild.leaves_read();
      positional[static_cast<size_t>(i)] = !s_.static_arguments.empty() && is_static(s_, i, n)
                                               ? py::reinterpret_borrow<py::object>(args[i])
                                               : rebuild.tree(args[i]);
      for (size_t k = first; k < rebuild.leaves_read() && is_donated(s_, i, n); ++k)
        if (call_.leaves[k].kind == 'A' || call_.leaves[k].kind == 'n') donated_.push_back(static_cast<uint32_t>(k));
    }
    py::dict named;
    for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); ++i)
      named[PyTuple_GET_ITEM(kwnames, i)] = is_static(s_, PyTuple_GET_ITEM(kwnames, i))
                                                ? py::reinterpret_borrow<py::object>(args[n + i])
                                                : rebuild.tree(args[n + i]);
    rebuild.finish();
    containers_ = rebuild.containers();
    const FrameHook hook(watch_, *captures_, each_);
    ad::lifting = each_ ? run_.get() : nullptr;
    PyObject* y = call_python(s_.function.ptr(), positional.ptr(), kwnames ? named.ptr() : nullptr);
    if (!y) throw PythonError{};
    py::object result = py::reinterpret_steal<py::object>(y);
    settle(y);
    return result;
  }

  // What the function reads besides its arguments.
  void open(PyObject* const* args, Py_ssize_t n) {
    captures_ = std::make_shared<Captures>();
    py::tuple given(static_cast<size_t>(n));
    for (Py_ssize_t i = 0; i < n; ++i) given[static_cast<size_t>(i)] = py::reinterpret_borrow<py::object>(args[i]);
    py::list fixed;
    for (Py_ssize_t i = 0; i < n; ++i)
      if (is_static(s_, i, n)) fixed.append(i);
    watch_ = called(s_.watch, s_.function, given, py::tuple(fixed), py::bool_(s_.hiding != Hiding::none));
    captures_ = watch_.attr("found").cast<std::shared_ptr<Captures>>();
    captures_->hide(*run_, std::max(s_.hiding, Hiding::large));
    if (s_.hiding != Hiding::none || captures_->hides()) each_ = called(watch_.attr("look"));
    captures_->running = !each_;
  }
  void close(Outcome& out) {
    called(watch_.attr("finish"));
    out.refusal = run_->refusal;
    out.again = run_->elsewhere;
    if (!out.refusal.empty()) return;
    out.again |= captures_->late && s_.hiding == Hiding::none;
    if (captures_->late || captures_->hides()) s_.hiding = std::max(s_.hiding, Hiding::large);
    captures_->settle(inputs_);
    out.refusal = captures_->refusal;
    if (!out.refusal.empty()) return;
    if (const Capture* c = captures_->changed()) {
      out.refusal = "it changes what it reads: " + c->label;
      out.again = true;
    }
  }

  uint32_t output(uint32_t node, const ArrayRef& value) {
    outputs_.push_back(node);
    values_.push_back(value);
    return static_cast<uint32_t>(outputs_.size() - 1);
  }

  // With `inside`, what is in a container that is one of the arguments.
  Template flattened(const py::object& y, bool inside = false) {
    const Deeper deeper("taking apart the result of a compiled function");
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
      if (v.level.get() == run_.get()) {
        if (v.box) run_->refusal = "it uses a value from outside that is being differentiated; pass it as an argument";
        if (v.box) {
          t.kind = Template::object;
          t.held = py::reinterpret_steal<py::object>(wrap(ad::primal_of(v)));
        } else {
          const auto [at, fresh] = outputs_of_.emplace(o, 0);
          if (fresh) at->second = output(v.node, v.array);
          repeated_ |= !fresh;
          t.index = at->second;
        }
      } else if (v.level) {
        run_->refusal = "it returns a value that is being differentiated outside";
        t.kind = Template::object;
        t.held = y;
      } else {
        t.index = output(run_->node_of(v), v.array);
      }
      return t;
    }
    if (Py_TYPE(o) == numpy_types.ndarray) {  // made by the function, or hidden: the caller's own on every call
      const Value v = require_value(o, "compile");
      t.kind = Template::value;
      t.held = py::object();
      t.index = output(run_->node_of(v), v.array);
      return t;
    }
    if (PyList_CheckExact(o) || PyDict_CheckExact(o)) {
      for (size_t k = 0; k < containers_.size() && !inside; ++k)
        if (containers_[k].made.ptr() == o) {
          t.kind = Template::container;
          t.index = static_cast<uint32_t>(k);
          t.held = py::object();
          return t;
        }
    }
    if (PyTuple_CheckExact(o) || PyList_CheckExact(o)) {
      t.kind = PyTuple_CheckExact(o) ? Template::tuple : Template::list;
      t.held = py::object();
      for_items(o, [&](PyObject* item) { t.parts.push_back(flattened(held(item))); });
      return t;
    }
    if (PyDict_CheckExact(o)) {
      t.kind = Template::dict;
      py::list keys;
      for_entries(o, [&](PyObject* key, PyObject* value) {
        keys.append(held(key));
        t.parts.push_back(flattened(held(value)));
      });
      t.held = keys;
      return t;
    }
    if (PyFunction_Check(o) || PyType_Check(o)) {
      if (!called(watch_.attr("lasting"), y).cast<bool>())
        run_->refusal = "it returns a " + std::string(PyType_Check(o) ? "class" : "function") + " made while it ran";
      return t;
    }
    if (o == Py_None || PyFloat_Check(o) || PyLong_Check(o) || counts_by_value(o) ||
        PyType_IsSubtype(Py_TYPE(o), numpy_types.generic))
      return t;
    const py::object flat = called(s_.flatten_other, y);
    if (flat.is_none()) {
      run_->refusal =
          "it returns an object of type " + std::string(Py_TYPE(o)->tp_name) + ", which is no tree of arrays";
      return t;
    }
    const py::tuple pair = py::reinterpret_borrow<py::tuple>(flat);
    t.kind = Template::other;
    t.held = pair[1];
    for_items(py::object(pair[0]).ptr(), [&](PyObject* x) { t.parts.push_back(flattened(held(x))); });
    return t;
  }

  // Arguments the function changed in place (x += 1, x[0] = 2): the caller's arrays follow.
  void find_changes(Specialisation& spec) {
    for (size_t k = 0; k < handles_.size(); ++k) {
      if (is_later(k)) continue;
      const Value v = read(as_array(handles_[k].ptr()));
      const char kind = call_.leaves[k].kind;
      const bool changed = v.level.get() != run_.get() || v.node != inputs_[k];
      const auto* handle = as_array(handles_[k].ptr());
      if (kind == 'A' && v.shape().empty() && (changed || (handle->scalar() && handle->version > 1))) s_.kinds = true;
      if (!changed) continue;
      if (kind == 'f' || kind == 'i' || kind == 'g') continue;  // numbers do not change
      if (v.level.get() == run_.get() && !v.box) {
        spec.changed.emplace_back(static_cast<uint32_t>(k), output(v.node, v.array));
      } else if (!v.level) {
        spec.changed.emplace_back(static_cast<uint32_t>(k), output(run_->constant(v.array), v.array));
      } else {
        runtime_error(
            "wengert.compile: an argument was given a value that is being differentiated outside the function");
      }
    }
  }

  // The caller's arrays and containers take over what the function did to its own.
  void follow(const Specialisation& spec) {
    for (const auto& [leaf, k] : spec.changed) store(call_.leaves[leaf], values_[k]);
    std::vector<py::object> contents;
    for (const auto& [at, with] : spec.refilled) contents.push_back(assembled(with, values_));
    for (size_t i = 0; i < contents.size(); ++i)
      refill(call_.containers[spec.refilled[i].first].ptr(), contents[i].ptr());
  }

  bool is_later(size_t k) const {
    return std::any_of(call_.same.begin(), call_.same.end(), [&](const auto& pair) { return pair.first == k; });
  }

  // Lists and dicts of the arguments that hold something else now (p["w"] = …, xs.append(…)): the caller's follow.
  void find_refilled(Specialisation& spec) {
    for (size_t k = 0; k < containers_.size(); ++k) {
      const py::tuple now = Rebuild::held_by(containers_[k].made), &before = containers_[k].before;
      bool equal = now.size() == before.size();
      for (size_t i = 0; equal && i < now.size(); ++i)
        equal = PyTuple_GET_ITEM(now.ptr(), static_cast<Py_ssize_t>(i)) ==
                PyTuple_GET_ITEM(before.ptr(), static_cast<Py_ssize_t>(i));
      if (!equal) spec.refilled.emplace_back(static_cast<uint32_t>(k), flattened(containers_[k].made, true));
    }
  }

  // The first result of the shape and type of a donated argument becomes that argument, changed in place.
  bool donate(Specialisation& spec, uint32_t leaf, Template& t) {
    for (const auto& [later, earlier] : call_.same)
      if (later == leaf || earlier == leaf) return false;
    for (const auto& [changed, k] : spec.changed)
      if (changed == leaf) return true;
    if (t.kind == Template::value) {
      const Value& v = read(as_array(handles_[leaf].ptr()));
      const ArrayRef& y = values_[t.index];
      if (y->dtype != v.dtype() || !(y->shape == v.shape())) return false;
      spec.changed.emplace_back(leaf, t.index);
      t.kind = Template::argument;
      t.index = leaf;
      return true;
    }
    for (Template& part : t.parts)
      if (donate(spec, leaf, part)) return true;
    return false;
  }

  State& s_;
  const Call& call_;
  core::Ref<ad::Recorder> run_;
  std::vector<uint32_t> donated_;
  std::vector<uint32_t> inputs_, outputs_;
  std::vector<ArrayRef> values_;
  std::vector<py::object> handles_;
  std::vector<Rebuild::Container> containers_;
  std::unordered_map<PyObject*, uint32_t> outputs_of_;
  bool repeated_ = false;
  mutable std::vector<py::object> once_;
  std::shared_ptr<Captures> captures_;
  py::object watch_, each_;
};

PyObject* in_family(const ArrayRef& a, Family family) {
  if (family == Family::array) return wrap(Value(core::contiguous(a)));  // as replays give it
  if (a->shape.empty()) return family == Family::python ? to_python_scalar(*a) : numpy_scalar(*a);
  return family == Family::python ? wrap(Value(a)) : to_numpy(core::copy(a), true);
}

py::object Recording::assembled(const Template& t, std::vector<ArrayRef>& values) const {
  switch (t.kind) {
    case Template::value: {
      py::object& one = once_[t.index];
      if (!one) one = py::reinterpret_steal<py::object>(in_family(values[t.index], call_.family));
      return one;
    }
    case Template::argument:
      return py::reinterpret_borrow<py::object>(call_.leaves[t.index].object);
    case Template::container:
      return call_.containers[t.index];
    case Template::object:
      return t.held;
    case Template::tuple: {
      py::tuple r(t.parts.size());
      for (size_t i = 0; i < t.parts.size(); ++i) r[i] = assembled(t.parts[i], values);
      return r;
    }
    case Template::dict: {
      py::dict r;
      const py::list keys = py::reinterpret_borrow<py::list>(t.held);
      for (size_t i = 0; i < t.parts.size(); ++i) r[py::object(keys[i])] = assembled(t.parts[i], values);
      return r;
    }
    default: {
      py::list r;
      for (const Template& p : t.parts) r.append(assembled(p, values));
      return t.kind == Template::list ? py::object(std::move(r))
                                      : [&] { return called(s_.unflatten_other, t.held, r); }();
    }
  }
}

}  // namespace

py::object recorded(State& s, const Call& call, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Outcome& out) {
  Recording r(s, call);
  py::object y = r.run(args, n, kwnames, out);
  if (!out.rerun) return y;
  y = py::reinterpret_steal<py::object>(PyObject_Vectorcall(s.function.ptr(), args, static_cast<size_t>(n), kwnames));
  if (!y) throw PythonError{};
  return y;
}

void refill(PyObject* container, PyObject* with) {
  if (PyList_Check(container)) {
    if (PyList_SetSlice(container, 0, PyList_GET_SIZE(container), with) < 0) throw PythonError{};
    return;
  }
  PyDict_Clear(container);
  if (PyDict_Update(container, with) < 0) throw PythonError{};
}

}  // namespace wengert::bindings
