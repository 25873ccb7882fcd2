// Is a graph one that could have been recorded? Passes, planner and executor rely on everything that is checked here.
#include <algorithm>
#include <set>

#include "ad/recorder.h"
#include "ops/result_type.h"
#include "program/file/saved.h"
#include "program/loop/loop.h"

namespace wengert::program {
namespace {

[[noreturn]] void wrong(const std::string& what) { value_error("wengert.load_program: " + what); }

class Validator {
 public:
  Validator(const Graph& g, int64_t most) : g_(g), most_(most), known_(g.nodes.size(), 0) {}

  void run() {
    for (uint32_t i = 0; i < g_.nodes.size(); ++i) {
      try {
        node(i);
      } catch (const Error& e) {
        const std::string said = e.what(), by = "wengert." + name(i) + ": ";
        wrong("operation " + std::to_string(i) + " (" + name(i) +
              "): " + said.substr(said.starts_with(by) * by.size()));
      }
    }
    inputs();
    for (uint32_t i : g_.outputs)
      if (i >= g_.nodes.size() || g_.nodes[i].op == kLoop)
        wrong("output " + std::to_string(i) + " is not among the operations");
    for (const Guard& c : g_.guards) check(c);
  }

 private:
  std::string name(uint32_t i) const {
    const int op = g_.nodes[i].op;
    if (op >= 0) return std::string(ops::info(static_cast<OpCode>(op)).name);
    return op == kInput        ? "input"
           : op == kConstant   ? "constant"
           : op == kPositions  ? "positions"
           : op == kLoop       ? "loop"
           : op == kLoopResult ? "result of a loop"
                               : "stop_gradient";
  }
  ops::ArrayType type(uint32_t i) const { return {g_.nodes[i].dtype, g_.nodes[i].shape}; }

  void node(uint32_t i) {
    const Node& n = g_.nodes[i];
    ops::check_array(type(i));
    for (uint32_t a : g_.operands(i))
      if (g_.nodes[a].op == kLoop && n.op != kLoopResult) value_error("a loop is no operand: its results are");
    if (n.params && n.op != kLoop) {
      const ParamsRef own = empty_params(n.op);
      const ops::Params &given = *n.params, *wanted = own.get();
      if (!wanted || typeid(*wanted) != typeid(given)) value_error("its parameters belong to another operation");
    }
    if (n.op == kInput) {
      if (n.count || n.params) value_error("an input has neither operands nor parameters");
    } else if (n.op == kPositions) {
      positions(i);
    } else if (n.op == kLoop) {
      loop(i);
    } else if (n.op == kLoopResult) {
      loop_result(i);
    } else if (n.op == kCut) {
      if (n.count != 1 || !same(type(i), type(g_.operand(i, 0)))) value_error("it changes its operand");
    } else if (n.op != kConstant) {
      operation(i);
    }
    int64_t bytes = core::item_size(n.dtype);
    for (int64_t d : n.shape) bytes *= std::max<int64_t>(d, 1);  // cannot overflow, see check_array
    if (const ArrayRef* at = ops::positions_of(n.op, n.params); at && *at) bytes = std::max(bytes, 8 * (*at)->size);
    if (bytes > most_)
      value_error("an array of shape " + n.shape.str() + " is larger than max_bytes=" + std::to_string(most_));
    // What is known is computed when the program is made, up to a megabyte each (see constants.cpp).
    known_[i] = n.op == kConstant;
    if (n.op >= 0) {
      known_[i] = 1;
      for (uint32_t a : g_.operands(i)) known_[i] &= known_[a];
    }
    if (known_[i]) expanded_ += std::min<int64_t>(bytes, 1 << 20);
    if (expanded_ > most_) value_error("the constants need more than max_bytes=" + std::to_string(most_));
  }

  void operation(uint32_t i) {
    const Node& n = g_.nodes[i];
    std::vector<ops::ArrayType> in;
    for (uint32_t a : g_.operands(i)) in.push_back(type(a));
    if (n.looks_up()) {
      lookup(i);
      in.pop_back();
    }
    const ops::ArrayType out = ops::result_type(static_cast<OpCode>(n.op), in, n.params.get());
    if (out.dtype != n.dtype || !(out.shape == n.shape))
      value_error("its result is " + std::string(core::dtype_name(out.dtype)) + " " + out.shape.str() + ", not " +
                  std::string(core::dtype_name(n.dtype)) + " " + n.shape.str());
  }

  // Positions come from the last operand, which keeps them within the axes it knows.
  void lookup(uint32_t i) {
    const Node& n = g_.nodes[i];
    const ArrayRef* flat = ops::positions_of(n.op, n.params);
    const int arity = ops::info(static_cast<OpCode>(n.op)).arity;
    const Node& at = g_.nodes[g_.operand(i, n.count - 1)];
    if (!flat || !*flat || static_cast<int>(n.count) != arity + 1 || at.op != kPositions)
      value_error("it has an operand too many");
    if (!(at.shape == (*flat)->shape)) value_error("its positions have another shape than it says");
    if (n.is(code_of<ops::GatherAdd>) && !core::is_float(n.dtype))
      value_error("whole numbers cannot be added at computed positions");
    const Dims& whole = g_.nodes[g_.operand(i, 0)].shape;
    const int64_t lead = n.p<ops::Gather>().lead;
    if (lead < 0 || lead > whole.size() || sizes_of(at).product() != whole.slice(0, static_cast<int>(lead)).product())
      value_error("its positions belong to other axes");
  }

  void positions(uint32_t i) {
    const Node& n = g_.nodes[i];
    if (!n.params || n.dtype != DType::i64 || n.count == 0) value_error("int64 positions need sizes and operands");
    const Dims& sizes = sizes_of(n);
    ops::check_array({DType::b1, sizes});
    if (static_cast<int>(n.count) != sizes.size()) value_error("there must be one operand for each axis");
    Dims shape;
    for (uint32_t a : g_.operands(i)) {
      if (!core::is_int(g_.nodes[a].dtype)) value_error("an operand must hold whole numbers");
      shape = core::broadcast_shapes(shape, g_.nodes[a].shape, "positions");
    }
    if (!(shape == n.shape)) value_error("its result has shape " + shape.str() + ", not " + n.shape.str());
  }

  static bool same(const ops::ArrayType& a, const ops::ArrayType& b) {
    return a.dtype == b.dtype && a.shape == b.shape;
  }
  static ops::ArrayType type_in(const Graph& g, uint32_t i) { return {g.nodes[i].dtype, g.nodes[i].shape}; }

  void loop(uint32_t i) {
    const Node& n = g_.nodes[i];
    const Loop& l = *loop_of(n);
    if (n.dtype != DType::b1 || n.shape.size()) value_error("a loop stands for a bool");
    for (const Graph* g : {&l.body, &l.other}) {
      Validator(*g, most_).run();
      if (!g->guards.empty()) value_error("its program has guards");
    }
    const std::vector<uint32_t>&in = l.body.inputs, &out = l.body.outputs;
    const bool limited = l.kind == Loop::repeat && l.length > 0;
    const bool fits = l.length >= 0 && l.carries <= in.size() && l.rows <= in.size() - l.carries &&
                      (l.kind == Loop::scan || l.rows == 0) && (l.kind != Loop::branch || l.length == 0) &&
                      (l.kind == Loop::branch ? l.carries == 0 : l.carries <= out.size()) &&
                      (l.kind != Loop::repeat || limited || l.carries == out.size()) &&
                      (l.kind == Loop::scan || !(l.reverse || l.counted)) && (limited || !l.must_end);
    if (!fits) value_error("its program has other inputs and outputs than it says");
    for (uint32_t c = 0; c < l.carries; ++c)
      if (!same(type_in(l.body, in[c]), type_in(l.body, out[c])))
        value_error("carry " + std::to_string(c) + " changes its type");
    other_program(l);
    if (n.count != l.operands()) value_error("it needs " + std::to_string(l.operands()) + " operands");
    for (uint32_t k = 0; k < n.count; ++k) {
      const ops::ArrayType wanted{l.operand_type(k), l.operand_shape(k)};
      ops::check_array(wanted);
      if (!same(type(g_.operand(i, k)), wanted)) value_error("operand " + std::to_string(k) + " has another type");
    }
  }

  // The condition of a repetition, or the other branch.
  static void other_program(const Loop& l) {
    if (l.kind == Loop::scan) {
      if (!l.other.nodes.empty()) value_error("a scan has one program");
      return;
    }
    bool fits = l.other.inputs.size() == l.body.inputs.size();
    for (size_t k = 0; fits && k < l.body.inputs.size(); ++k)
      fits = same(type_in(l.body, l.body.inputs[k]), type_in(l.other, l.other.inputs[k]));
    if (l.kind == Loop::repeat) {
      fits = fits && l.other.outputs.size() == 1 && same(type_in(l.other, l.other.outputs[0]), {DType::b1, Dims{}});
    } else {
      fits = fits && l.other.outputs.size() == l.body.outputs.size();
      for (size_t k = 0; fits && k < l.body.outputs.size(); ++k)
        fits = same(type_in(l.body, l.body.outputs[k]), type_in(l.other, l.other.outputs[k]));
    }
    if (!fits) value_error("its two programs do not belong together");
  }

  void loop_result(uint32_t i) {
    const Node& n = g_.nodes[i];
    if (n.count != 1 || !n.params || g_.nodes[g_.operand(i, 0)].op != kLoop) value_error("it belongs to no loop");
    const uint32_t of = g_.operand(i, 0);
    const Loop& l = *loop_of(g_.nodes[of]);
    const auto which = static_cast<int64_t>(result_index(n));
    if (which < 0 || which >= static_cast<int64_t>(l.results()) || !results_.emplace(of, which).second)
      value_error("there is no result " + std::to_string(which) + ", or it is taken twice");
    const auto k = static_cast<size_t>(which);
    if (!same(type(i), {l.result_type(k), l.result_shape(k)})) value_error("the loop gives another type");
  }

  void inputs() {
    std::vector<char> given(g_.nodes.size(), 0);
    for (uint32_t i : g_.inputs) {
      if (i >= g_.nodes.size() || g_.nodes[i].op != kInput || given[i])
        wrong("input " + std::to_string(i) + " is no input, or given twice");
      given[i] = 1;
    }
    for (uint32_t i = 0; i < g_.nodes.size(); ++i)
      if (g_.nodes[i].op == kInput && !given[i]) wrong("input " + std::to_string(i) + " is not given");
  }

  void check(const Guard& c) {
    if (c.node >= g_.nodes.size() || g_.nodes[c.node].op == kLoop)
      wrong("a guard of " + std::to_string(c.node) + ", which is not among the operations");
    const Node& n = g_.nodes[c.node];
    if (c.answer->dtype != n.dtype || !(c.answer->shape == n.shape))
      wrong("a guard compares " + core::describe(*c.answer) + " with an array of shape " + n.shape.str());
    if (c.on != ad::GuardOn::elements && n.size() != 1)
      wrong("a guard asks for the number of an array of shape " + n.shape.str());
  }

  const Graph& g_;
  int64_t most_, expanded_ = 0;
  std::vector<char> known_;
  std::set<std::pair<uint32_t, int64_t>> results_;  // of loops, taken so far
};

void outputs_of(const Tree& t, const Graph& g, std::vector<char>& used) {
  if (t.kind == Tree::value) {
    if (t.number < 0 || t.number >= static_cast<int64_t>(used.size()) || used[static_cast<size_t>(t.number)])
      wrong("result " + std::to_string(t.number) + " is no output, or returned twice");
    used[static_cast<size_t>(t.number)] = 1;
  } else if (t.kind == Tree::argument) {
    if (t.number < 0 || t.number >= static_cast<int64_t>(g.inputs.size()))
      wrong("there is no argument " + std::to_string(t.number) + " to be returned");
  } else if (t.kind >= Tree::any_float && t.kind <= Tree::any_array) {
    wrong("a result is a kind of argument");
  }
  for (const Tree& p : t.parts) outputs_of(p, g, used);
}

}  // namespace

void check_graph(const Graph& g, int64_t most) { Validator(g, most).run(); }

void check_results(const SavedProgram& p) {
  std::vector<char> used(p.graph.outputs.size(), 0);
  outputs_of(p.result, p.graph, used);
  for (const auto& [leaf, output] : p.changed) {
    if (leaf >= p.graph.inputs.size() || output >= used.size() || used[output])
      wrong("argument " + std::to_string(leaf) + " cannot be changed to output " + std::to_string(output));
    used[output] = 1;
  }
}

}  // namespace wengert::program
