// Levels of differentiation for the transforms of the Python layer.
#include "bindings/transform/levels.h"

#include "ad/batch.h"
#include "ad/forward.h"
#include "ad/functions.h"
#include "ad/listing.h"
#include "ad/recorder.h"
#include "ad/reverse.h"
#include "ad/rules.h"
#include "bindings/call/params.h"
#include "bindings/object/array_methods.h"
#include "bindings/object/kinds.h"
#include "bindings/object/lost.h"
#include "bindings/transform/garbage.h"
#include "bindings/transform/reverse_level.h"
#include "ops/info.h"
#include "simd/dispatch.h"
#include "simd/threads.h"

namespace wengert::bindings {
namespace {

class OpenForward : public OpenLevel {
 public:
  explicit OpenForward(int64_t k) : OpenLevel(new ad::ForwardLevel(ad::current_depth() + 1, k)), k_(k) {}
  // tangent: of the primal's shape, or with a leading axis of length k.
  py::object input(const py::object& x, const py::object& tangent) {
    const Value v = differentiable(x, "input");
    Value t = require_value(tangent.ptr(), "jvp");
    if (!(t.shape() == ops::led(k_, v.shape())))
      value_error("wengert.jvp: a tangent of shape " + t.shape().str() + " for a primal of shape " + v.shape().str());
    t = ad::astype(t, v.dtype());
    t.weak = false;
    return wrapped_like(x, traced(v, 0, &t));
  }
  py::object tangent(const py::object& y) {
    const Value v = require_value(y.ptr(), "tangent");
    if (!owns(v)) return py::none();
    return wrapped_like(y, v.box->tangent);
  }

 private:
  int64_t k_;
};

// x with the axis in front, or behind that many others.
Value moved_axis(const Value& x, int from, int to) {
  Dims perm;
  for (int i = 0; i < x.shape().size(); ++i)
    if (i != from) perm.push_back(i);
  perm.insert(to, from);
  return ad::transpose(x, perm);
}

class OpenBatch : public OpenLevel {
 public:
  explicit OpenBatch(int64_t n) : OpenLevel(new ad::BatchLevel(ad::current_depth() + 1, n)) {}
  ad::BatchLevel& batch() const { return *static_cast<ad::BatchLevel*>(level_.get()); }
  // The examples lie along this axis of x.
  py::object input(const py::object& x, int axis) const {
    Value v = require_value(x.ptr(), "vmap");
    v.weak = false;
    const bool foreign = !is_array(x.ptr()) || as_array(x.ptr())->foreign();
    return py::reinterpret_steal<py::object>(wrap(batch().value(moved_axis(v, axis, 0)), foreign));
  }
  // All examples, along this axis.
  py::object result(const py::object& y, int axis) const {
    const Value v = require_value(y.ptr(), "vmap");
    ad::check_result(v, level());
    return wrapped_like(y, moved_axis(batch().examples_of(v), 0, axis));
  }
};

class OpenListing : public OpenLevel {
 public:
  OpenListing() : OpenLevel(new ad::Listing(ad::current_depth() + 1)) {}
  ad::Listing& listing() const { return *static_cast<ad::Listing*>(level_.get()); }
  py::object input(const py::object& x) { return add(x, -1); }
  py::object add(const py::object& x, int op) {
    Value v = require_value(x.ptr(), "record");
    v.weak = false;
    listing().entries.push_back({op, {}, {}, v.array, {}, {}});
    return wrapped_like(x, traced(v, static_cast<uint32_t>(listing().entries.size() - 1)));
  }
  // The node of a value; a value that does not depend on the inputs becomes a constant node.
  int64_t node_of(const py::object& y) {
    const Value v = require_value(y.ptr(), "record");
    if (owns(v)) return v.node;
    add(y, -2);
    return static_cast<int64_t>(listing().entries.size() - 1);
  }
  py::list entries() const {
    py::list r;
    int64_t i = 0;
    for (const ad::Listing::Entry& e : listing().entries) {
      py::dict d;
      d["index"] = i++;
      d["op"] = e.op == -1   ? "input"
                : e.op == -2 ? "constant"
                             : std::string(ops::info(static_cast<ad::OpCode>(e.op)).name);
      py::tuple args(e.args.size());
      for (size_t k = 0; k < e.args.size(); ++k) args[k] = e.args[k];
      d["args"] = args;
      d["params"] = e.op >= 0 ? params_dict(e.params.get()) : py::dict();
      d["value"] = py::reinterpret_steal<py::object>(to_numpy(core::copy(e.value), true));
      d["label"] = e.label.empty() ? py::object(py::none()) : py::object(py::str(e.label));
      d["location"] = e.location.empty() ? py::object(py::none()) : py::object(py::str(e.location));
      r.append(d);
    }
    return r;
  }
};

// The value one level below this one (the value itself if it belongs elsewhere).
py::object primal(const OpenLevel& level, const py::object& y) {
  const Value v = require_value(y.ptr(), "primal");
  ad::check_result(v, level.level());
  return wrapped_like(y, ad::below(v, level.level()));
}

// Puts a name on the node of x in every recording that is active.
py::object name(const py::object& x, const std::string& label) {
  if (!is_array(x.ptr())) return x;
  Value v = read(as_array(x.ptr()));
  while (v.level) {
    if (auto* t = ad::level_as<ad::Listing>(v.level); t && t->alive) t->entries[v.node].label = label;
    v = ad::primal_of(v);
  }
  return x;
}

// The level that handles an operation on some arrays, for functions with rules of their own.
class TopLevel {
 public:
  explicit TopLevel(ad::Level* t) : level_(t) {}
  int traverse(visitproc visit, void* arg) const { return visit_level(level_.get(), visit, arg); }
  bool reverse() const { return level_->depth == 0 || ad::taped(level_.get()); }
  bool forward() const { return static_cast<bool>(ad::level_as<ad::ForwardLevel>(level_)); }
  bool listing() const { return static_cast<bool>(ad::level_as<ad::Listing>(level_)); }
  ad::BatchLevel* batch() const { return ad::level_as<ad::BatchLevel>(level_); }
  // One level down, with an axis for all examples; a value of examples that lie along the first axis.
  py::object examples(const py::object& x) const {
    return wrapped_like(x, batch()->examples_of(require_value(x.ptr(), "vmap")));
  }
  py::object of_examples(const py::object& y) const {
    const Value v = require_value(y.ptr(), "vmap");
    return py::reinterpret_steal<py::object>(wrap(batch()->value(v), is_foreign(y.ptr())));
  }
  int64_t tangents() const {
    const auto* f = ad::level_as<ad::ForwardLevel>(level_);
    return f ? f->tangents : 0;
  }
  bool owns(const Value& v) const {
    return v.level && (v.level == level_ || (level_->depth == 0 && v.level->depth == 0));
  }
  py::object primal(const py::object& x) const {
    const Value v = require_value(x.ptr(), "primal");
    return wrapped_like(x, owns(v) ? ad::primal_of(v) : v);
  }
  py::object tangent(const py::object& x) const {
    const Value v = require_value(x.ptr(), "tangent");
    return owns(v) ? wrapped_like(x, v.box->tangent) : py::object(py::none());
  }
  py::object lift(const py::object& y, const py::object& t) const {
    const Value primal = differentiable(y, "custom_jvp"), tangent = require_value(t.ptr(), "custom_jvp");
    if (!(tangent.shape() == ops::led(tangents(), primal.shape())))
      value_error("wengert.custom_jvp: the rule returned a tangent of shape " + tangent.shape().str() +
                  " for a value of shape " + primal.shape().str());
    Value v;
    v.array = primal.array;
    v.level = level_;
    v.box = core::Ref<ad::Box>(new ad::Box);
    v.box->primal = primal;
    v.box->tangent = ad::astype(tangent, primal.dtype());
    return wrapped_like(y, v);
  }
  // A rule of the user's own would be lost in the body of a loop, which is differentiated operation by operation.
  void refuse(const std::string& why) const {
    auto* r = ad::level_as<ad::Recorder>(level_);
    if (r && r->body) r->refusal = why;
  }
  // results: one level down; backward(list of cotangents) -> list with one entry (or None) for each operand.
  py::list record(const py::sequence& operands, const py::sequence& results, const py::object& backward) const {
    std::vector<Value> args;
    for (const auto& x : operands) args.push_back(require_value(x.ptr(), "custom_vjp"));
    std::vector<std::pair<Dims, DType>> expected;
    for (const Value& v : args) expected.emplace_back(v.shape(), v.dtype());
    const core::Ref<ad::CustomCall> call(new Rule(backward, std::move(expected)));
    for (const auto& y : results) {
      Value v = require_value(y.ptr(), "custom_vjp");
      v.weak = false;
      if (owns(v))
        runtime_error(
            "wengert: a function with a rule of its own (custom_vjp, custom_jvp, checkpoint) uses a differentiated "
            "value that "
            "is not among its arguments; pass it as an argument, or stop_gradient it");
      call->results.push_back(std::move(v));
    }
    if (call->results.empty()) value_error("wengert.custom_vjp: the function returned no array");
    rules_possible = true;
    for (const auto& x : operands)
      if (is_array(x.ptr())) follow(as_array(x.ptr()));
    std::vector<Value> recorded = ad::record_call(level_.get(), args, call);
    for (const Value& v : recorded)
      if (ad::ReverseLevel* t = ad::taped(v.level.get())) keep_rules(t);
    py::list out;
    for (size_t i = 0; i < recorded.size(); ++i) out.append(wrapped_like(results[i], std::move(recorded[i])));
    return out;
  }

 private:
  ad::LevelRef level_;
};

py::object top_level(const py::sequence& xs) {
  std::vector<Value> v;
  for (const auto& x : xs)
    if (is_array(x.ptr())) v.push_back(read(as_array(x.ptr())));
  ad::Level* t = ad::highest(v.data(), static_cast<int>(v.size()));
  return t ? py::cast(TopLevel(t)) : py::object(py::none());
}

// The line of the user's code that is running: the innermost frame outside this package.
std::string current_location() {
  PyFrameObject* f = PyEval_GetFrame();
  if (!f) return {};
  py::object frame = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(f));
  while (frame && !frame.is_none()) {
    const auto module = frame.attr("f_globals").attr("get")("__name__", "");
    const std::string name = py::isinstance<py::str>(module) ? std::string(py::str(module)) : "";
    if (name.rfind("wengert", 0) != 0)
      return std::string(py::str(frame.attr("f_code").attr("co_filename"))) + ":" +
             std::string(py::str(frame.attr("f_lineno")));
    frame = frame.attr("f_back");
  }
  return {};
}

}  // namespace

void bind_ad(py::module_& m) {
  ad::location_hook = current_location;
  py::class_<OpenLevel>(m, "Level", collected<OpenLevel>())
      .def("close", &OpenLevel::close, "Ends the transform; its values may no longer take part in operations.")
      .def("owns",
           [](const OpenLevel& l, const py::object& y) { return is_array(y.ptr()) && l.owns(read(as_array(y.ptr()))); })
      .def_property_readonly(
          "asked", [](const OpenLevel& l) { return l.level()->asked; },
          "Whether a number was asked of one of its values.")
      .def("primal", primal);
  py::class_<OpenReverse, OpenLevel>(m, "ReverseLevel")
      .def(py::init<>())
      .def("input", &OpenReverse::input)
      .def("sweep", &OpenReverse::sweep, py::arg("outputs"), py::arg("cotangents"), py::arg("keep") = false)
      .def_property_readonly("nodes", &OpenReverse::nodes)
      .def_property_readonly("bytes", &OpenReverse::bytes);
  py::class_<OpenForward, OpenLevel>(m, "ForwardLevel")
      .def(py::init<int64_t>(), py::arg("tangents") = 0)
      .def("input", &OpenForward::input)
      .def("tangent", &OpenForward::tangent);
  py::class_<OpenBatch, OpenLevel>(m, "BatchLevel")
      .def(py::init<int64_t>())
      .def("input", &OpenBatch::input)
      .def("result", &OpenBatch::result);
  py::class_<OpenListing, OpenLevel>(m, "ListingLevel")
      .def(py::init<>())
      .def("input", &OpenListing::input)
      .def("node_of", &OpenListing::node_of)
      .def("entries", &OpenListing::entries);
  py::class_<TopLevel>(m, "TopLevel", collected<TopLevel>())
      .def_property_readonly("reverse", &TopLevel::reverse)
      .def_property_readonly("forward", &TopLevel::forward)
      .def_property_readonly("listing", &TopLevel::listing)
      .def_property_readonly("batch", [](const TopLevel& l) { return l.batch() ? l.batch()->size : -1; })
      .def("examples", &TopLevel::examples)
      .def("of_examples", &TopLevel::of_examples)
      .def_property_readonly("tangents", &TopLevel::tangents)
      .def("primal", &TopLevel::primal)
      .def("tangent", &TopLevel::tangent)
      .def("lift", &TopLevel::lift)
      .def("refuse", &TopLevel::refuse)
      .def("owns",
           [](const TopLevel& l, const py::object& x) { return is_array(x.ptr()) && l.owns(read(as_array(x.ptr()))); })
      .def("record", &TopLevel::record);
  m.def("top_level", top_level);
  m.def("name", name);
  m.def("is_traced", [](const py::object& x) { return is_array(x.ptr()) && read(as_array(x.ptr())).level; });
  m.def("is_batched", [](const py::object& x) { return is_array(x.ptr()) && ad::batched(read(as_array(x.ptr()))); });
  m.def("is_differentiated", [](const py::object& x) {
    const ad::Level* t = is_array(x.ptr()) ? follower(read(as_array(x.ptr()))) : nullptr;
    return t && t->depth > 0;
  });
  m.def(
      "recorded",
      [](const py::object& x) {
        if (!is_array(x.ptr())) return false;
        Value at = read(as_array(x.ptr()));
        while (at.level && !ad::level_as<ad::Recorder>(at.level)) at = ad::primal_of(at);
        return at.level && at.level->alive;
      },
      "Whether a recording follows what is done with it.");
  m.def(
      "as_recorded",
      [](const py::object& x) {
        Value v;
        if (!ad::lifting || !to_value(x.ptr(), v) || v.level) return x;
        v.node = ad::lifting->node_of(v);
        v.level = ad::LevelRef(ad::lifting);
        return py::reinterpret_steal<py::object>(wrap_like(x.ptr(), std::move(v)));
      },
      "A number or array as the recording of a function that reads hidden arrays sees it.");
  m.def("lifting", [] { return ad::lifting != nullptr; });
  m.def("is_scalar", [](const py::object& x) { return is_array(x.ptr()) && as_array(x.ptr())->scalar(); });
  m.def("is_read_only", [](const py::object& x) {
    return is_array(x.ptr()) && as_array(x.ptr())->link && as_array(x.ptr())->link->read_only;
  });
  m.def("depth", ad::current_depth);
  m.def("recording", ad::recording_enabled);
  m.def("shared", [](const py::object& x) {
    if (!PyType_IsSubtype(Py_TYPE(x.ptr()), numpy_types.ndarray)) return x;
    return py::reinterpret_steal<py::object>(wrap_array(Value(from_numpy(x.ptr(), true)), true));
  });
  m.def("own", [](const py::object& x) {
    Value v = copied(require_value(x.ptr(), "input"));
    v.weak = false;
    return wrapped_like(x, std::move(v));
  });
  m.def("settled", [](py::object y) {
    settle(y.ptr());
    return y;
  });
  m.def("to_numpy", [](const py::object& x) {
    const Value v = require_value(x.ptr(), "to_numpy");
    refuse_lost(v, "array");
    ad::guard(v, ad::GuardOn::elements);
    return py::reinterpret_steal<py::object>(to_numpy(v.array, true));
  });
  m.def("stop_gradient", [](const py::object& x) {
    return wrapped_like(x, ad::without_derivatives(require_value(x.ptr(), "stop_gradient")));
  });
  m.def("pool_bytes", core::pool_bytes);
  m.def("pool_trim", core::pool_trim);
  m.def("active_isa", simd::active_isa);
  m.def("supported_isas", simd::supported_isas);
  m.def("num_threads", simd::num_threads);
  m.def("set_num_threads", [](const py::object& number) {
    const Py_ssize_t n = PyNumber_AsSsize_t(number.ptr(), nullptr);  // what does not fit becomes the largest
    if (n == -1 && PyErr_Occurred()) throw PythonError();
    if (n < 1 || n > simd::kMostThreads)
      value_error("wengert.set_num_threads: from 1 to " + std::to_string(simd::kMostThreads) + " threads, got " +
                  std::string(py::str(number)));
    simd::set_num_threads(static_cast<int>(n));
  });
  m.def("set_isa", simd::set_isa);
  m.def("dispatch_error", []() -> py::object {
    const char* e = simd::dispatch_error();
    return e ? py::object(py::str(e)) : py::object(py::none());
  });
}

}  // namespace wengert::bindings
