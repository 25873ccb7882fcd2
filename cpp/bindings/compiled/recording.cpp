// Running a function once and recording it, its results, and the arguments it changes.
#include <pybind11/numpy.h>

#include <algorithm>
#include <cstring>

#include "ad/recorder.h"
#include "ad/tape.h"
#include "bindings/compiled/compiled.h"
#include "bindings/interpreter.h"
#include "bindings/object/kinds.h"
#include "bindings/object/views.h"

namespace wengert::bindings {

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

[[noreturn]] void changed() {
  runtime_error("wengert.compile: an argument changed while it was read, or flattens differently every time");
}

// The arguments with recorded numbers in the place of theirs, in the order of read_tree.
class Rebuild {
 public:
  explicit Rebuild(const std::vector<py::object>& leaves) : leaves_(leaves) {}
  py::object tree(PyObject* o) {
    Filling v{{}, *this, {}};
    walk(o, v);
    const size_t first = containers_.size();
    return v.structure.rebuilt([&](size_t k) { return v.leaves[k]; },
                               [&](size_t number, const py::object& container) {
                                 if (containers_.size() <= first + number) containers_.resize(first + number + 1);
                                 containers_[first + number] = {container, held_by(container)};
                               });
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
  struct Filling : Structured {
    static constexpr const char* kDoing = "putting the arguments of a compiled function together";
    Rebuild& of;
    std::vector<py::object> leaves;
    Filling(Structured s, Rebuild& r, std::vector<py::object> l)
        : Structured(std::move(s)), of(r), leaves(std::move(l)) {}
    bool leaf(PyObject* o) {
      const bool number =
          !PyBool_Check(o) && (PyFloat_CheckExact(o) || PyLong_CheckExact(o) || is_array(o) ||
                               Py_TYPE(o) == numpy_types.ndarray || PyType_IsSubtype(Py_TYPE(o), numpy_types.generic));
      if (!number && !PyBool_Check(o) && o != Py_None && !counts_by_value(o)) return false;
      structure.leaf();
      leaves.push_back(number ? of.next() : held(o));
      return true;
    }
    [[noreturn]] void unknown(PyObject*) { changed(); }
  };
  const py::object& next() {
    if (at_ == leaves_.size()) changed();
    return leaves_[at_++];
  }
  std::vector<Container> containers_;
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
    for (uint32_t leaf : donated_) donate(*spec, leaf);
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
    return assembled(spec->result);
  }

  py::object assembled(const Result& r);

 private:
  py::object call(PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
    Rebuild rebuild(handles_);
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

  // Where the leaves of a result come from.
  struct Placing : Structured {
    static constexpr const char* kDoing = "taking apart the result of a compiled function";
    Recording& of;
    bool inside;  // what is in a container that is one of the arguments, not that one
    std::vector<Place> places;
    Placing(Recording& r, bool i) : of(r), inside(i) {}
    bool leaf(PyObject* o) {
      const bool whole = std::exchange(inside, false);
      if (o == Py_None) {
        structure.none();
      } else if (is_array(o)) {
        put(of.place_of(o));
      } else if (Py_TYPE(o) == numpy_types.ndarray) {  // made by the function, or hidden: new on every call
        const Value v = require_value(o, "compile");
        put({Place::value, of.output(of.run_->node_of(v), v.array), {}});
      } else if (PyList_CheckExact(o) || PyDict_CheckExact(o)) {
        const int64_t k = whole ? -1 : of.container_of(o);
        if (k >= 0) put({Place::container, static_cast<uint32_t>(k), {}});
        return k >= 0;
      } else if (PyTuple_CheckExact(o) || !of.stays(o)) {
        return false;
      } else {
        put({Place::object, 0, held(o)});
      }
      return true;
    }
    void put(Place p) {
      structure.leaf();
      places.push_back(std::move(p));
    }
    void unknown(PyObject* o) {
      of.run_->refusal =
          "it returns an object of type " + std::string(Py_TYPE(o)->tp_name) + ", which is no tree of arrays";
      put({Place::object, 0, held(o)});
    }
  };
  Result flattened(const py::object& y, bool inside = false) {
    Placing v(*this, inside);
    walk(y.ptr(), v);
    return {std::move(v.structure), std::move(v.places)};
  }

  int64_t container_of(PyObject* o) const {
    for (size_t k = 0; k < containers_.size(); ++k)
      if (containers_[k].made.ptr() == o) return static_cast<int64_t>(k);
    return -1;
  }
  // An object that is the same on every call.
  bool stays(PyObject* o) {
    if (PyFunction_Check(o) || PyType_Check(o)) {
      if (!called(watch_.attr("lasting"), held(o)).cast<bool>())
        run_->refusal = "it returns a " + std::string(PyType_Check(o) ? "class" : "function") + " made while it ran";
      return true;
    }
    return PyFloat_Check(o) || PyLong_Check(o) || counts_by_value(o) ||
           PyType_IsSubtype(Py_TYPE(o), numpy_types.generic);
  }
  Place place_of(PyObject* o) {
    for (size_t k = 0; k < handles_.size(); ++k)
      if (handles_[k].ptr() == o) return {Place::argument, static_cast<uint32_t>(k), {}};
    const Value v = read(as_array(o));
    if (!v.level) return {Place::value, output(run_->node_of(v), v.array), {}};
    if (v.level.get() != run_.get()) {
      run_->refusal = "it returns a value that is being differentiated outside";
      return {Place::object, 0, held(o)};
    }
    if (v.box) {
      run_->refusal = "it uses a value from outside that is being differentiated; pass it as an argument";
      return {Place::object, 0, py::reinterpret_steal<py::object>(wrap(ad::primal_of(v)))};
    }
    const auto [at, fresh] = outputs_of_.emplace(o, 0);
    if (fresh) at->second = output(v.node, v.array);
    repeated_ |= !fresh;
    return {Place::value, at->second, {}};
  }

  // Arguments the function changed in place (x += 1, x[0] = 2): the caller's arrays follow.
  void find_changes(Specialisation& spec) {
    for (size_t k = 0; k < handles_.size(); ++k) {
      if (is_later(k)) continue;
      const Value v = read(as_array(handles_[k].ptr()));
      const char kind = call_.leaves[k].kind;
      const bool changed = v.level.get() != run_.get() || v.node != inputs_[k];
      const auto* handle = as_array(handles_[k].ptr());
      if (kind == 'A' && v.shape().empty() && (changed || (handle->scalar() && handle->touched()))) s_.kinds = true;
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
    for (const auto& [at, with] : spec.refilled) contents.push_back(assembled(with));
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
  void donate(Specialisation& spec, uint32_t leaf) {
    for (const auto& [later, earlier] : call_.same)
      if (later == leaf || earlier == leaf) return;
    for (const auto& [changed, k] : spec.changed)
      if (changed == leaf) return;
    const Value& v = read(as_array(handles_[leaf].ptr()));
    for (Place& p : spec.result.places) {
      if (p.kind != Place::value) continue;
      const ArrayRef& y = values_[p.index];
      if (y->dtype != v.dtype() || !(y->shape == v.shape())) continue;
      spec.changed.emplace_back(leaf, p.index);
      p = {Place::argument, leaf, {}};
      return;
    }
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
  std::vector<py::object> once_;
  std::shared_ptr<Captures> captures_;
  py::object watch_, each_;
};

PyObject* in_family(const ArrayRef& a, Family family) {
  if (family == Family::array) return wrap(Value(core::contiguous(a)));  // as replays give it
  if (a->shape.empty()) return family == Family::python ? to_python_scalar(*a) : numpy_scalar(*a);
  return family == Family::python ? wrap(Value(a)) : to_numpy(core::copy(a), true);
}

py::object Recording::assembled(const Result& r) {
  return r.rebuilt([&](const Place& p) -> py::object {
    if (p.kind == Place::argument) return held(call_.leaves[p.index].object);
    if (p.kind == Place::container) return call_.containers[p.index];
    if (p.kind == Place::object) return p.held;
    py::object& one = once_[p.index];
    if (!one) one = py::reinterpret_steal<py::object>(in_family(values_[p.index], call_.family));
    return one;
  });
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
