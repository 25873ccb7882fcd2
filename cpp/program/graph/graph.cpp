#include <algorithm>
#include <cstring>

#include "ad/recorder.h"
#include "program/loop/loop.h"

namespace wengert::program {

ParamsRef empty_params(int op) {
  if (op == kPositions) return ParamsRef(new ad::PositionsParams);
  if (op == kLoopResult) return result_params(0);
  const auto make = op >= 0 ? ops::info(static_cast<OpCode>(op)).new_params : nullptr;
  return make ? make() : ParamsRef();
}

uint32_t Graph::add(int op, std::span<const uint32_t> operands, const ParamsRef& params, DType dtype,
                    const Dims& shape) {
  const auto first = static_cast<uint32_t>(args.size());
  nodes.push_back({op, dtype, first, static_cast<uint32_t>(operands.size()), shape, params, {}});
  for (size_t i = 0; i < operands.size(); ++i) args.push_back(operands[i]);
  return static_cast<uint32_t>(nodes.size() - 1);
}

uint32_t Graph::add_constant(const ArrayRef& value) {
  const uint32_t i = add(kConstant, {}, {}, value->dtype, value->shape);
  nodes[i].value = value;
  return i;
}

ArrayRef in_buffer(const ArrayRef& a) {
  if (a->buffer) return a;
  core::Ref<core::Buffer> buffer(core::new_buffer(a->bytes() + 1));
  core::copy_into(*a, buffer->data);
  char* data = buffer->data;
  return core::foreign(a->dtype, a->shape, core::row_major(a->shape), std::move(buffer), data);
}

// Equal elements are kept once: a spread cotangent is a number for whoever reads it.
ArrayRef repeated_once(const ArrayRef& v) {
  constexpr int64_t kOutside = 64;  // elements: more than an array holds without a buffer, which views can share
  if (v->size <= kOutside || !v->contiguous) return v;
  const int64_t item = core::item_size(v->dtype);
  // Every element equals the one before it: one comparison of the array with itself, which stops at a difference.
  if (std::memcmp(v->data, v->data + item, static_cast<size_t>(v->bytes() - item)) != 0) return v;
  const ArrayRef few = core::make(v->dtype, Dims{kOutside});
  std::memcpy(few->data, v->data, static_cast<size_t>(item));
  return core::view(few, v->shape, Dims(v->ndim(), 0), 0);
}

Graph graph_of(ad::Recorder& run, const std::vector<uint32_t>& inputs, const std::vector<uint32_t>& outputs) {
  Graph g;
  g.nodes = std::move(run.nodes);
  g.args = std::move(run.args);
  g.inputs = inputs;
  g.outputs = outputs;
  for (Node& n : g.nodes)
    if (n.op == kConstant) n.value = repeated_once(n.value);
  g.guards = std::move(run.guards);
  return g;
}

void renumber(Graph& g, std::span<const uint32_t> at) {
  for (uint32_t& i : g.inputs) i = at[i];
  for (uint32_t& i : g.outputs) i = at[i];
  for (Guard& c : g.guards) c.node = at[c.node];
}

Compaction::Compaction(Graph& g) : g_(g), at_(g.nodes.size(), kNone) { args_.reserve(g.args.size()); }

uint32_t Compaction::keep(uint32_t i) {
  const auto first = static_cast<uint32_t>(args_.size());
  for (uint32_t a : g_.operands(i)) args_.push_back(at_[a]);
  if (kept_ != i) g_.nodes[kept_] = std::move(g_.nodes[i]);
  g_.nodes[kept_].first = first;
  return at_[i] = kept_++;
}

void Compaction::finish() {
  g_.nodes.erase(g_.nodes.begin() + kept_, g_.nodes.end());
  g_.args = std::move(args_);
  renumber(g_, at_);
}

Graph rewritten(const Graph& g, std::span<const Rule> rules) {
  Graph r;
  r.nodes.reserve(g.nodes.size());
  r.args.reserve(g.args.size());
  List<uint32_t> at(g.nodes.size());
  std::vector<uint32_t> operands;
  for (uint32_t i = 0; i < g.nodes.size(); ++i) {
    const Node& n = g.nodes[i];
    if (n.op == kConstant) {
      at[i] = r.add_constant(n.value);
      continue;
    }
    operands.clear();
    for (uint32_t a : g.operands(i)) operands.push_back(at[a]);
    uint32_t made = kNone;
    if (n.op >= 0)
      for (Rule rule : rules)
        if (made == kNone) made = rule(r, n, operands);
    at[i] = made == kNone ? r.add(n.op, operands, n.params, n.dtype, n.shape) : made;
  }
  r.inputs = g.inputs;
  r.outputs = g.outputs;
  r.guards = g.guards;
  renumber(r, at);
  return r;
}

size_t operations(const Graph& g) {
  size_t n = 0;
  for (const Node& v : g.nodes) n += !v.given();
  return n;
}

Graph optimised(Graph g, std::vector<PassReport>* report) {
  size_t before = operations(g);
  auto note = [&](const char* pass) {
    const size_t after = operations(g);
    if (report) report->push_back({pass, before, after});
    before = after;
  };
  g = with_trimmed_loops(without_dead_code(std::move(g)));
  note("dead code");
  static constexpr Rule algebra[] = {fold_constants, simplify};
  for (int round = 0; round < 2; ++round) {
    const size_t at_start = before;
    g = without_dead_code(rewritten(g, algebra));
    note("constants and algebra");
    g = without_repeats(std::move(g));
    note("common subexpressions");
    if (before == at_start) break;
  }
  const bool loops = std::any_of(g.nodes.begin(), g.nodes.end(), [](const Node& n) { return n.op == kLoop; });
  if (loops) g = without_repeats(with_trimmed_loops(with_moved_products(with_trimmed_loops(std::move(g)))));
  const size_t products = g.nodes.size();
  g = with_gathered_products(std::move(g));
  if (g.nodes.size() != products) {
    note("gathered products");
    static constexpr Rule again[] = {rejoined, simplify};
    for (int round = 0; round < 2; ++round) g = rewritten(g, again);
    g = without_repeats(std::move(g));
    note("common subexpressions");
  }
  return without_dead_code(std::move(g));
}

double flops(const Graph& g) {
  double total = 0;
  for (uint32_t i = 0; i < g.nodes.size(); ++i) {
    const Node& n = g.nodes[i];
    if (n.op == kLoop) total += loop_of(n)->work();
    if (n.op < 0) continue;
    const ops::Info& f = ops::info(static_cast<OpCode>(n.op));
    if (is_product(n)) {
      total += 2.0 * static_cast<double>(n.size()) * static_cast<double>(g.nodes[g.operand(i, 0)].shape.back());
    } else if (f.kind == ops::Kind::reduction || f.kind == ops::Kind::nn) {
      total += static_cast<double>(g.nodes[g.operand(i, 0)].size());
    } else if (f.elementwise || f.kind == ops::Kind::random) {
      total += static_cast<double>(n.size());
    }
  }
  return total;
}

namespace {

std::string text_of(const Dims& v) { return v.str(); }
std::string text_of(int64_t v) { return std::to_string(v); }
std::string text_of(bool v) { return v ? "True" : "False"; }
std::string text_of(DType v) { return std::string(core::dtype_name(v)); }
std::string text_of(const ArrayRef& v) { return "<" + v->shape.str() + ">"; }

std::string params_text(const Node& n) {
  std::string s;
  if (n.params && n.op != kLoop)
    ops::for_each_field(
        *n.params, [&](const ops::Field& f, const auto& v) { s += ", " + std::string(f.name) + "=" + text_of(v); });
  return s;
}

std::string number_text(double v) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.17g", v);
  for (int digits = 1; digits < 17; ++digits) {
    char shorter[32];
    std::snprintf(shorter, sizeof shorter, "%.*g", digits, v);
    if (std::strtod(shorter, nullptr) == v) return shorter;
  }
  return buffer;
}

}  // namespace

namespace {
// The programs of a loop, indented.
std::string inner_listing(const Node& n) {
  const Loop& l = *loop_of(n);
  std::string text = l.body_program().listing(), s;
  if (l.kind != Loop::scan) text += (l.kind == Loop::repeat ? "while\n" : "else\n") + l.other_program().listing();
  size_t from = 0;
  for (size_t to; (to = text.find('\n', from)) != std::string::npos; from = to + 1)
    s += "  | " + text.substr(from, to - from) + "\n";
  return s;
}
}  // namespace

std::string listing(const Graph& g) {
  std::string s;
  std::vector<std::string> names(g.nodes.size());
  for (size_t k = 0; k < g.inputs.size(); ++k) names[g.inputs[k]] = "x" + std::to_string(k);
  std::vector<std::vector<size_t>> guards(g.nodes.size());
  for (size_t k = 0; k < g.guards.size(); ++k) guards[g.guards[k].node].push_back(k);
  size_t next = 0;
  for (uint32_t i = 0; i < g.nodes.size(); ++i) {
    const Node& n = g.nodes[i];
    if (n.op == kConstant) {
      names[i] = n.value->size == 1 ? number_text(core::item(*core::contiguous(n.value))) : "c" + std::to_string(i);
      if (n.value->size == 1) continue;
    } else if (!n.given()) {
      names[i] = "v" + std::to_string(next++);
    }
    s += names[i] + ": " + std::string(core::dtype_name(n.dtype)) + n.shape.str() + " = ";
    if (n.op == kInput) {
      s += "input";
    } else if (n.op == kConstant) {
      s += "constant";
    } else if (n.op == kLoopResult) {
      s += names[g.operand(i, 0)] + "[" + std::to_string(result_index(n)) + "]";
    } else {
      s += (n.op == kLoop        ? loop_text(n)
            : n.op == kPositions ? std::string("positions")
            : n.op == kCut       ? std::string("stop_gradient")
                                 : std::string(ops::info(static_cast<OpCode>(n.op)).name)) +
           "(";
      bool first = true;
      for (uint32_t a : g.operands(i)) {
        s += (first ? "" : ", ") + names[a];
        first = false;
      }
      s += params_text(n) + ")";
    }
    s += "\n";
    if (n.op == kLoop) s += inner_listing(n);
    for (size_t k : guards[i]) {
      const Guard& c = g.guards[k];
      s += "guard " + names[i];
      if (c.on == ad::GuardOn::truth)
        s += core::item(*c.answer) != 0 ? " is true" : " is false";
      else if (c.answer->size == 1)
        s += " == " + number_text(core::item(*c.answer));
      else
        s += " has the recorded elements";
      if (!c.location.empty()) s += "    # " + c.location;
      s += "\n";
    }
  }
  s += "return";
  for (size_t k = 0; k < g.outputs.size(); ++k) s += (k ? ", " : " ") + names[g.outputs[k]];
  return s + "\n";
}

}  // namespace wengert::program
