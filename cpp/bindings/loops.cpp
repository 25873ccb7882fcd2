// Bodies of loops as graphs, and loops as operations: what python/wengert/program/rolled.py builds derivatives of loops
// from.
#include "bindings/loops.h"

#include <pybind11/stl.h>

#include <chrono>

#include "ad/recorder.h"
#include "ad/rules.h"
#include "bindings/compiled/compiled.h"
#include "bindings/interpreter.h"
#include "bindings/object/kinds.h"
#include "bindings/object/python_numbers.h"
#include "core/patience.h"
#include "core/unlocked.h"
#include "program/loop/loop.h"
#include "simd/rounding.h"

namespace wengert::bindings {
namespace {

using program::Graph;
using program::kNone;
using program::Loop;
using program::Node;

py::object wrapped(Value v, bool foreign = false) {
  return py::reinterpret_steal<py::object>(wrap(std::move(v), foreign));
}

// The record of a function of arrays: a graph with inputs and outputs, to be replayed on values of any level.
struct Body {
  Graph graph;
};

ArrayRef first_row(const core::Array& a) {
  if (a.shape.empty()) value_error("wengert.scan: a number among xs has no leading axis");
  const Dims row = a.shape.slice(1, a.ndim());
  if (a.shape[0] == 0) return core::zeros(a.dtype, row);
  return core::contiguous(core::view(ArrayRef(const_cast<core::Array*>(&a)), row, a.strides.slice(1, a.ndim())));
}

thread_local int open_bodies = 0;
thread_local ad::Recorder* innermost = nullptr;  // of the bodies that are open

// A level that records the body of a loop: arrays of levels around it become additional inputs.
class BodyRecorder {
 public:
  explicit BodyRecorder(bool examples) : run_(new ad::Recorder(ad::current_depth() + 1)) {
    run_->body = true;
    run_->examples = examples;
    ad::push_level();
    ++open_bodies;
    around_ = std::exchange(innermost, run_.get());
  }
  BodyRecorder(const BodyRecorder&) = delete;
  ~BodyRecorder() { close(); }
  void close() {
    if (!open_) return;
    open_ = false;
    run_->finish();
    ad::pop_level();
    --open_bodies;
    innermost = around_;
  }
  py::object input(const py::object& x, bool weak) {
    const Value v = require_value(x.ptr(), "scan");
    return add(v.array, weak && v.weak, kCarried, is_foreign(x.ptr()));
  }
  // `weak`: Python's whole numbers, none larger than `limit`.
  py::object row(const py::object& x, bool weak, double limit) {
    return add(first_row(*require_value(x.ptr(), "scan").array), weak, limit, is_foreign(x.ptr()));
  }
  // Whether Python's whole numbers stayed whole so far (`before`) and in this step, of which `carried` is handed on;
  // None: that needs no condition.
  py::object whole(const py::sequence& carried, const py::object& before) {
    for (const auto& y : carried)
      if (is_array(y.ptr())) keep_whole(*run_, read(as_array(y.ptr())));
    if (run_->whole.empty()) return before;
    Value all = before.is_none() ? run_->whole[0] : require_value(before.ptr(), "scan");
    for (const Value& v : run_->whole) all = ad::apply_binary(ops::code_of<ops::LogicalAnd>, all, v);
    return wrapped(std::move(all));
  }
  bool asks_whole() const { return !run_->whole.empty(); }
  py::object zeros(const Dims& shape, DType t) { return add(ad::example_array(t, shape), false, 0, false); }

  // The graph from the inputs (then the captured values) to these outputs.
  std::unique_ptr<Body> body(const py::sequence& outputs) {
    std::vector<uint32_t> inputs = inputs_, out;
    for (const auto& y : outputs) {
      Value v = require_value(y.ptr(), "scan");
      out.push_back(run_->node_of(v));
    }
    if (!run_->guards.empty()) {
      const ad::Guard& q = run_->guards[0];
      refusal_ = "it asks for a number" + (q.location.empty() ? std::string() : " at " + q.location);
      return nullptr;
    }
    if (!run_->refusal.empty()) {
      refusal_ = run_->refusal;
      return nullptr;
    }
    inputs.insert(inputs.end(), run_->captured_nodes.begin(), run_->captured_nodes.end());
    auto b = std::make_unique<Body>();
    b->graph = program::without_dead_code(program::graph_of(*run_, inputs, out));
    return b;
  }
  py::list captured() const {
    py::list r;
    for (const Value& v : run_->captured) r.append(wrapped(v));
    return r;
  }
  std::string refusal() const { return refusal_.empty() ? run_->refusal : refusal_; }

 private:
  py::object add(ArrayRef a, bool weak, double limit, bool foreign) {
    Value v(std::move(a));
    v.node = run_->append(ad::Recorder::kInput, v.array, {}, nullptr, 0);
    v.level = ad::LevelRef(run_.get());
    v.weak = weak;
    if (weak && !core::is_float(v.dtype())) run_->limits[v.node] = v.dtype() == DType::b1 ? 1 : limit;
    inputs_.push_back(v.node);
    return wrapped(std::move(v), foreign || weak);
  }
  core::Ref<ad::Recorder> run_;
  std::vector<uint32_t> inputs_;
  std::string refusal_;
  ad::Recorder* around_ = nullptr;
  bool open_ = true;
};

}  // namespace

void refuse_outside_write(const PyArray* a) {
  if (!innermost) return;
  if (a->link && a->link->root) a = a->link->root;
  if (a->value.level.get() == innermost) return;
  innermost->refusal = "it changes an array in place that is not one of its own values";
  runtime_error("wengert.scan: " + innermost->refusal);  // the loop runs step by step instead
}

namespace {

// ---- replaying a body on values -------------------------------------------------------------------------------------

// An operation at positions that are computed: its parameters name the new positions.
ad::ParamsRef at_positions(const Node& n, const Value& positions) {
  const auto p = ops::copied_params<ops::Gather>(*n.params);
  p->indices = positions.array;
  if (ad::level_as<ad::Recorder>(positions.level))
    static_cast<ad::Recorder*>(positions.level.get())->follow(positions.array, positions.node);
  return p;
}

// Positions: flat, from one array of whole numbers for each axis; zeros where the numbers are only examples.
Value positions_of(const Node& n, const std::vector<Value>& from) {
  ArrayRef flat = core::zeros(DType::i64, n.shape);
  Value v(flat);
  ad::follow_positions(flat, from, program::sizes_of(n));
  uint32_t node;
  if (ad::Recorder* r = ad::Recorder::of_positions(flat, &node)) {
    v.level = ad::LevelRef(r);
    v.node = node;
  }
  return v;
}

py::list replay(const Body& body, const py::sequence& values, const py::object& apply_loop) {
  const Graph& g = body.graph;
  if (values.size() != g.inputs.size()) runtime_error("wengert.scan: a body got a wrong number of inputs");
  std::vector<Value> at(g.nodes.size());
  std::unordered_map<uint32_t, py::list> results;
  for (size_t k = 0; k < g.inputs.size(); ++k) {
    at[g.inputs[k]] = require_value(py::object(values[k]).ptr(), "scan");
    at[g.inputs[k]].weak = false;
  }
  std::vector<Value> operands;
  for (uint32_t i = 0; i < g.nodes.size(); ++i) {
    const Node& n = g.nodes[i];
    operands.clear();
    for (uint32_t a : g.operands(i)) operands.push_back(at[a]);
    switch (n.op) {
      case program::kInput:
        break;
      case program::kConstant:
        at[i] = Value(n.value);
        break;
      case program::kCut:
        at[i] = ad::without_derivatives(operands[0]);
        break;
      case program::kPositions:
        at[i] = positions_of(n, operands);
        break;
      case program::kLoop: {
        py::list in;
        for (Value& v : operands) in.append(wrapped(std::move(v)));
        results[i] = py::list(apply_loop(std::const_pointer_cast<Loop>(program::loop_of(n)), in));
        break;
      }
      case program::kLoopResult:
        at[i] = require_value(py::object(results.at(g.operand(i, 0))[program::result_index(n)]).ptr(), "scan");
        break;
      default: {
        const auto op = static_cast<ad::OpCode>(n.op);
        const bool looks_up = n.looks_up();
        const ad::ParamsRef p = looks_up ? at_positions(n, operands.back()) : n.params;
        at[i] = ad::apply(op, operands.data(), static_cast<int>(operands.size()) - looks_up, p);
      }
    }
  }
  py::list out;
  for (uint32_t o : g.outputs) out.append(wrapped(at[o]));
  return out;
}

// ---- loops as operations --------------------------------------------------------------------------------------------

constexpr char too_long[] = "a loop takes more steps than its derivative has room for";

std::vector<ArrayRef> run(const Loop& loop, const std::vector<Value>& operands) {
  std::vector<ArrayRef> held, results;
  const auto memory = loop.memory();
  for (size_t k = 0; k < operands.size(); ++k) {
    held.push_back(core::contiguous(operands[k].array));
    memory->operands[k] = held.back()->data;
  }
  for (size_t k = 0; k < loop.results(); ++k) {
    results.push_back(core::make(loop.result_type(k), loop.result_shape(k)));
    memory->results[k] = results.back()->data;
  }
  const simd::RoundToNearest rounding;
  switch (loop.run(*memory, memory->operands.data(), memory->results.data())) {
    case kNone:
      return results;
    case program::kInterrupted:
      throw PythonError{};  // set by the question
    case program::kTooLong:
      PyErr_SetString(PyExc_OverflowError, too_long);
      throw PythonError{};
    default:
      index_error("wengert.scan: an index is out of bounds in the body of a loop");
  }
}

// The results of a loop whose operands are plain or belong to a recording.
py::list call(const std::shared_ptr<Loop>& loop, const py::sequence& operands) {
  if (operands.size() != loop->operands()) runtime_error("wengert.scan: a loop got a wrong number of operands");
  std::vector<Value> args;
  for (size_t k = 0; k < operands.size(); ++k) {
    Value v = require_value(py::object(operands[k]).ptr(), "scan");
    v = ad::astype(v, loop->operand_type(k));
    v.weak = false;
    if (!(v.shape() == loop->operand_shape(k)))
      value_error("wengert.scan: an operand of shape " + v.shape().str() + " where " + loop->operand_shape(k).str() +
                  " is expected");
    args.push_back(std::move(v));
  }
  ad::Level* top = ad::highest(args.data(), static_cast<int>(args.size()));
  if (top && !ad::level_as<ad::Recorder>(top))
    runtime_error("wengert.scan: a loop as one operation is neither differentiated nor listed here");
  auto* recorder = static_cast<ad::Recorder*>(top);
  std::vector<ArrayRef> values;
  if (recorder && recorder->body) {
    for (size_t k = 0; k < loop->results(); ++k)
      values.push_back(ad::example_array(loop->result_type(k), loop->result_shape(k)));
  } else {
    values = run(*loop, args);
  }
  py::list out;
  if (!recorder) {
    for (ArrayRef& a : values) out.append(wrapped(Value(std::move(a))));
    return out;
  }
  std::vector<uint32_t> nodes;
  for (const Value& v : args) nodes.push_back(recorder->node_of(v));
  static const ArrayRef token = core::scalar(0, DType::b1);
  const ad::ParamsRef params(new program::LoopParams(loop));
  const uint32_t node =
      recorder->append(program::kLoop, token, params, nodes.data(), static_cast<uint32_t>(nodes.size()));
  for (size_t k = 0; k < values.size(); ++k) {
    Value v(values[k]);
    v.node = recorder->append(program::kLoopResult, v.array, program::result_params(k), &node, 1);
    v.level = ad::LevelRef(recorder);
    out.append(wrapped(std::move(v)));
  }
  return out;
}

std::shared_ptr<Loop> scan_loop(const Body& body, uint32_t carries, uint32_t rows, int64_t length, bool reverse,
                                bool recompute, bool counted) {
  return std::make_shared<Loop>(program::LoopForm{Loop::scan, carries, rows, length, reverse, recompute, counted},
                                body.graph, Graph{});
}

std::shared_ptr<Loop> while_loop(const Body& condition, const Body& body, uint32_t carries, int64_t length,
                                 bool recompute, bool must_end) {
  program::LoopForm form{Loop::repeat, carries, 0, length, false, recompute};
  form.must_end = must_end;
  return std::make_shared<Loop>(form, body.graph, condition.graph);
}

// The same loop with another body, and if it has one with another condition.
std::shared_ptr<Loop> over(const Loop& l, const Body& body, uint32_t carries, uint32_t rows, const Body* condition) {
  program::LoopForm form = l;
  form.carries = carries;
  form.rows = rows;
  return std::make_shared<Loop>(form, body.graph, condition ? condition->graph : l.other);
}

// Ctrl-C, asked for at most ten times a second; Python then calls handlers of signals, on the main thread.
bool interrupted() {
  using clock = std::chrono::steady_clock;
  static thread_local clock::time_point asked;
  const clock::time_point now = clock::now();
  if (now - asked < std::chrono::milliseconds(100)) return false;
  asked = now;
  if (PyGILState_Check()) {  // the other threads have waited for the lock
    {
      const core::Unlocked others(true);
    }
    return PyErr_CheckSignals() != 0;
  }
  const PyGILState_STATE state = going_back([] { return PyGILState_Ensure(); });
  const bool stop = PyErr_CheckSignals() != 0;
  PyGILState_Release(state);
  return stop;
}

std::unique_ptr<Body> body_of(Graph g) {
  auto b = std::make_unique<Body>();
  b->graph = std::move(g);
  return b;
}

py::tuple split_of(const Body& b, uint32_t carries, uint32_t rows, uint32_t constants, uint32_t results,
                   uint32_t carried, uint32_t sums, bool recompute) {
  program::Split s = program::split(b.graph, carries, rows, constants, results, carried, sums, recompute);
  return py::make_tuple(py::cast(body_of(std::move(s.forward))), py::cast(body_of(std::move(s.backward))), s.residuals,
                        s.rows_used, s.constants_used);
}

std::vector<bool> activity(const Body& b, const std::vector<bool>& active) {
  const std::vector<char> r = program::active_outputs(b.graph, {active.begin(), active.end()});
  return {r.begin(), r.end()};
}

std::vector<bool> choices(const Body& b, const std::vector<bool>& active) {
  const std::vector<char> r = program::active_choices(b.graph, {active.begin(), active.end()});
  return {r.begin(), r.end()};
}

}  // namespace

void bind_loops(py::module_& m) {
  py::class_<Body>(m, "Body")
      .def("__call__", replay, "Replays the body on values of any level.")
      .def_property_readonly("inputs", [](const Body& b) { return b.graph.inputs.size(); })
      .def_property_readonly("outputs", [](const Body& b) { return b.graph.outputs.size(); })
      .def_property_readonly("bytes",
                             [](const Body& b) {
                               int64_t total = 0;
                               for (const Node& n : b.graph.nodes)
                                 total = core::checked_sum(total, n.size() * core::item_size(n.dtype));
                               return total;
                             })
      .def("output_is_float",
           [](const Body& b, size_t k) { return core::is_float(b.graph.nodes[b.graph.outputs.at(k)].dtype); })
      .def("active", activity, "Which outputs depend on inputs that are active.")
      .def("choices", choices, "Which operands of maximum and minimum do: it decides their derivatives at a tie.")
      .def("split", split_of)
      .def("selected",
           [](const Body& b, const std::vector<uint32_t>& which) { return body_of(program::selected(b.graph, which)); })
      .def("input_like",
           [](const Body& b, BodyRecorder& r, size_t k, const std::vector<int64_t>& lead) {
             const Node& n = b.graph.nodes[b.graph.inputs.at(k)];
             Dims d;
             for (int64_t i : lead) d.push_back(i);
             return r.zeros(core::concat(d, n.shape), n.dtype);
           })
      .def("output_like", [](const Body& b, BodyRecorder& r, size_t k, const std::vector<int64_t>& lead) {
        const Node& n = b.graph.nodes[b.graph.outputs.at(k)];
        Dims d;
        for (int64_t i : lead) d.push_back(i);
        return r.zeros(core::concat(d, n.shape), n.dtype);
      });
  py::class_<BodyRecorder>(m, "BodyRecorder")
      .def(py::init<bool>(), py::arg("examples") = false)
      .def("input", &BodyRecorder::input, py::arg("x"), py::arg("weak") = false)
      .def("row", &BodyRecorder::row, py::arg("x"), py::arg("weak") = false, py::arg("limit") = 0.0)
      .def("whole", &BodyRecorder::whole, py::arg("carried"), py::arg("before"))
      .def_property_readonly("asks_whole", &BodyRecorder::asks_whole)
      .def("body", &BodyRecorder::body)
      .def("captured", &BodyRecorder::captured)
      .def_property_readonly("refusal", &BodyRecorder::refusal)
      .def("close", &BodyRecorder::close);
  py::class_<Loop, std::shared_ptr<Loop>>(m, "Loop")
      .def("__call__", call)
      .def_property_readonly(
          "kind",
          [](const Loop& l) {
            return std::string(l.kind == Loop::scan ? "scan" : l.kind == Loop::repeat ? "while" : "cond");
          })
      .def_property_readonly("body", [](const Loop& l) { return body_of(l.body); })
      .def_property_readonly("other", [](const Loop& l) { return body_of(l.other); })
      .def_readonly("carries", &Loop::carries)
      .def_readonly("rows", &Loop::rows)
      .def_readonly("length", &Loop::length)
      .def_readonly("reverse", &Loop::reverse)
      .def_readonly("recompute", &Loop::recompute)
      .def_readonly("counted", &Loop::counted)
      .def_readonly("must_end", &Loop::must_end)
      .def("over", over);
  m.def("scan_loop", scan_loop, py::arg("body"), py::arg("carries"), py::arg("rows"), py::arg("length"),
        py::arg("reverse") = false, py::arg("recompute") = false, py::arg("counted") = false);
  m.def("while_loop", while_loop, py::arg("condition"), py::arg("body"), py::arg("carries"), py::arg("length") = 0,
        py::arg("recompute") = false, py::arg("must_end") = false);
  m.def("branch", [](const Body& if_true, const Body& if_false) {
    return std::make_shared<Loop>(program::LoopForm{Loop::branch}, if_true.graph, if_false.graph);
  });
  core::interrupt_hook = interrupted;
  m.def("as_weak", [](const py::object& x) {
    Value v = require_value(x.ptr(), "scan");
    v.weak = true;
    return wrapped(std::move(v), true);
  });
  m.def(
      "stays_whole",
      [](const py::object& x) {
        const Value v = ad::without_derivatives(require_value(x.ptr(), "scan"));
        if (auto* r = ad::level_as<ad::Recorder>(v.level); r && r->body) {
          r->whole.push_back(v);
          return true;
        }
        ad::guard(v, ad::GuardOn::truth);
        return core::item(*v.array) != 0;
      },
      "Whether the whole numbers of a loop stayed whole: a condition of what is recorded around it.");
  m.def("open_bodies", [] { return open_bodies; });
  m.def("recording_program", [] { return recording_of_thread() != nullptr || open_bodies > 0; });
  m.def("note_recording", [](const std::string& text) {
    if (ad::Recorder* r = recording_of_thread()) r->notes.push_back(text);
  });
}

}  // namespace wengert::bindings
