// Graphs of the bodies of loops: parts of them, what depends on what, and the two halves of a reverse sweep.
#include <algorithm>

#include "program/loop/loop.h"

namespace wengert::program {
namespace {

// A graph built from nodes of another one, as they are needed.
class Part {
 public:
  explicit Part(const Graph& from) : from_(from), at_(from.nodes.size(), kNone) {}
  uint32_t input(uint32_t node) {
    const Node& n = from_.nodes[node];
    at_[node] = made.add(kInput, {}, {}, n.dtype, n.shape);
    made.inputs.push_back(at_[node]);
    return at_[node];
  }
  // Operands come before what uses them, so one pass over those needed is enough.
  void output(uint32_t node) {
    std::vector<uint32_t> open{node};
    std::vector<char> needed(node + 1, 0);
    needed[node] = 1;
    for (uint32_t i = node + 1; i-- > 0;)
      if (needed[i] && at_[i] == kNone)
        for (uint32_t a : from_.operands(i)) needed[a] = 1;
    for (uint32_t i = 0; i <= node; ++i)
      if (needed[i] && at_[i] == kNone) copy(i);
    made.outputs.push_back(at_[node]);
  }
  Graph made;

 private:
  void copy(uint32_t i) {
    const Node& n = from_.nodes[i];
    if (n.op == kInput) runtime_error("wengert.scan: the body of a loop uses an input it was not given");
    std::vector<uint32_t> operands;
    for (uint32_t a : from_.operands(i)) operands.push_back(at_[a]);
    at_[i] = made.add(n.op, operands, n.params, n.dtype, n.shape);
    made.nodes[at_[i]].value = n.value;
  }
  const Graph& from_;
  std::vector<uint32_t> at_;
};

}  // namespace

Graph tidied(const Graph& g) {
  static constexpr Rule algebra[] = {fold_constants, simplify};
  Graph r = without_repeats(rewritten(without_dead_code(g), algebra));
  return without_repeats(rewritten(without_dead_code(r), algebra));
}

Graph selected(const Graph& g, std::span<const uint32_t> outputs) {
  Part p(g);
  for (uint32_t i : g.inputs) p.input(i);
  for (uint32_t k : outputs) p.output(g.outputs[k]);
  return std::move(p.made);
}

Graph without_cuts(const Graph& g) {
  Graph r = g;
  for (uint32_t& a : r.args)
    while (r.nodes[a].op == kCut) a = r.operand(a, 0);
  for (uint32_t& o : r.outputs)
    while (r.nodes[o].op == kCut) o = r.operand(o, 0);
  return without_dead_code(r);
}

Graph repeated(const Graph& body, uint32_t carries, uint32_t rows, uint32_t times) {
  Graph r;
  auto input = [&](uint32_t i) {
    r.inputs.push_back(r.add(kInput, {}, {}, body.nodes[i].dtype, body.nodes[i].shape));
    return r.inputs.back();
  };
  const auto inputs = static_cast<uint32_t>(body.inputs.size());
  std::vector<uint32_t> carry, row, constants, ys, operands;
  for (uint32_t c = 0; c < carries; ++c) carry.push_back(input(body.inputs[c]));
  for (uint32_t k = 0; k < times * rows; ++k) row.push_back(input(body.inputs[carries + k % rows]));
  for (uint32_t k = carries + rows; k < inputs; ++k) constants.push_back(input(body.inputs[k]));
  for (uint32_t u = 0; u < times; ++u) {
    std::vector<uint32_t> at(body.nodes.size(), kNone);
    for (uint32_t c = 0; c < carries; ++c) at[body.inputs[c]] = carry[c];
    for (uint32_t k = 0; k < rows; ++k) at[body.inputs[carries + k]] = row[u * rows + k];
    for (uint32_t k = carries + rows; k < inputs; ++k) at[body.inputs[k]] = constants[k - carries - rows];
    for (uint32_t i = 0; i < body.nodes.size(); ++i) {
      const Node& n = body.nodes[i];
      if (at[i] != kNone) continue;
      operands.clear();
      for (uint32_t a : body.operands(i)) operands.push_back(at[a]);
      at[i] = r.add(n.op, operands, n.params, n.dtype, n.shape);
      r.nodes[at[i]].value = n.value;
    }
    for (uint32_t c = 0; c < carries; ++c) carry[c] = at[body.outputs[c]];
    for (size_t k = carries; k < body.outputs.size(); ++k) ys.push_back(at[body.outputs[k]]);
  }
  r.outputs = carry;
  r.outputs.insert(r.outputs.end(), ys.begin(), ys.end());
  return r;
}

std::vector<char> carries_in_place(const Graph& g, uint32_t carries) {
  std::vector<uint32_t> readers(g.nodes.size(), 0);
  for (uint32_t a : g.args) ++readers[a];
  for (uint32_t o : g.outputs) ++readers[o];
  std::vector<char> r(carries, 0);
  for (uint32_t c = 0; c < carries; ++c) {
    const uint32_t in = g.inputs[c], out = g.outputs[c];
    const Node& n = g.nodes[out];
    r[c] = (n.is(code_of<ops::GatherAdd>) || n.is(code_of<ops::SliceAdd>)) && g.operand(out, 0) == in &&
           readers[in] == 1 && readers[out] == 1;
  }
  return r;
}

namespace {
std::vector<char> active_nodes(const Graph& g, const std::vector<char>& active_inputs) {
  std::vector<char> active(g.nodes.size(), 0);
  for (size_t k = 0; k < g.inputs.size(); ++k) active[g.inputs[k]] = active_inputs[k];
  for (uint32_t i = 0; i < g.nodes.size(); ++i) {
    const Node& n = g.nodes[i];
    if (n.given() || n.op == kCut || n.op == kPositions) continue;
    if (n.op >= 0 && !ops::info(static_cast<OpCode>(n.op)).differentiable) continue;
    if (n.op != kLoop && !core::is_float(n.dtype)) continue;
    for (uint32_t a : g.operands(i)) active[i] |= active[a];
  }
  return active;
}

bool chooses(const Node& n) { return n.is(code_of<ops::Maximum>) || n.is(code_of<ops::Minimum>); }
bool has_choices(const Graph& g) {
  return std::any_of(g.nodes.begin(), g.nodes.end(), [](const Node& n) {
    return chooses(n) || (n.op == kLoop && (has_choices(loop_of(n)->body) || has_choices(loop_of(n)->other)));
  });
}
}  // namespace

std::vector<char> active_outputs(const Graph& g, const std::vector<char>& active_inputs) {
  const std::vector<char> active = active_nodes(g, active_inputs);
  std::vector<char> r;
  for (uint32_t o : g.outputs) r.push_back(active[o]);
  return r;
}

std::vector<char> active_choices(const Graph& g, const std::vector<char>& active_inputs) {
  std::vector<char> r;
  if (!has_choices(g)) return r;
  const std::vector<char> active = active_nodes(g, active_inputs);
  for (uint32_t i = 0; i < g.nodes.size(); ++i)
    if (chooses(g.nodes[i]) || g.nodes[i].op == kLoop)
      for (uint32_t a : g.operands(i)) r.push_back(active[a]);
  return r;
}

// ---- the two halves of a reverse sweep ------------------------------------------------------------------------------

namespace {

// Which values of the forward half the backward half needs.
class Residuals {
 public:
  Residuals(const Graph& g, uint32_t body_inputs, uint32_t first_constant, uint32_t results)
      : g_(g), backward_(g.nodes.size(), 0), invariant_(g.nodes.size(), 1), kept_(g.nodes.size(), 0) {
    for (uint32_t k = 0; k < g.inputs.size(); ++k) {
      backward_[g.inputs[k]] = k >= body_inputs;
      if (k < first_constant || k >= body_inputs) invariant_[g.inputs[k]] = 0;
    }
    for (uint32_t i = 0; i < g.nodes.size(); ++i)
      for (uint32_t a : g.operands(i)) {
        backward_[i] |= backward_[a];
        invariant_[i] &= invariant_[a];
      }
    find(results);
  }
  bool kept(uint32_t i) const { return kept_[i]; }

 private:
  void find(uint32_t results) {
    std::vector<char> live(g_.nodes.size(), 0), needed(g_.nodes.size(), 0);
    for (size_t k = results; k < g_.outputs.size(); ++k) {
      const uint32_t o = g_.outputs[k];
      (backward_[o] ? live : needed)[o] = 1;
    }
    for (uint32_t i = static_cast<uint32_t>(g_.nodes.size()); i-- > 0;)
      if (live[i])
        for (uint32_t a : g_.operands(i)) (backward_[a] ? live : needed)[a] = 1;
    // What is cheap is computed again from one value; then whatever needs nothing more than what is kept.
    std::vector<uint32_t> open;
    for (uint32_t i = 0; i < needed.size(); ++i) {
      if (!needed[i] || invariant_[i]) continue;
      const std::vector<uint32_t> from = sources(i);
      if (from.size() == 1)
        kept_[from[0]] = 1;
      else if (!from.empty())
        open.push_back(i);
    }
    for (uint32_t i : open) {
      const std::vector<uint32_t> from = sources(i);
      if (!std::all_of(from.begin(), from.end(), [&](uint32_t s) { return kept_[s] || g_.nodes[s].op == kInput; }))
        kept_[i] = 1;
      else
        for (uint32_t s : from) kept_[s] = 1;
    }
  }
  bool cheap(const Node& n) const {
    static constexpr OpCode codes[] = {
        code_of<ops::Negative>,   code_of<ops::Absolute>,     code_of<ops::Sign>,       code_of<ops::Square>,
        code_of<ops::Relu>,       code_of<ops::Add>,          code_of<ops::Subtract>,   code_of<ops::Multiply>,
        code_of<ops::Scale>,      code_of<ops::Reshape>,      code_of<ops::Transpose>,  code_of<ops::BroadcastTo>,
        code_of<ops::Equal>,      code_of<ops::NotEqual>,     code_of<ops::Less>,       code_of<ops::LessEqual>,
        code_of<ops::Greater>,    code_of<ops::GreaterEqual>, code_of<ops::LogicalNot>, code_of<ops::Where>,
        code_of<ops::LogicalAnd>, code_of<ops::LogicalOr>,    code_of<ops::Isnan>,      code_of<ops::Astype>};
    return std::any_of(std::begin(codes), std::end(codes), [&](OpCode c) { return n.is(c); });
  }
  // The values from which cheap operations alone lead to node i; at most three, else the node itself.
  std::vector<uint32_t> sources(uint32_t i) const {
    constexpr size_t kMost = 3;
    constexpr int kSteps = 24;
    std::vector<uint32_t> found, open{i};
    for (int steps = 0; !open.empty(); ++steps) {
      const uint32_t at = open.back();
      open.pop_back();
      if (invariant_[at]) continue;
      if (cheap(g_.nodes[at]) && !kept_[at] && steps < kSteps) {
        for (uint32_t a : g_.operands(at)) open.push_back(a);
      } else if (std::find(found.begin(), found.end(), at) == found.end()) {
        found.push_back(at);
      }
      if (found.size() > kMost) return {i};
    }
    return found;
  }
  const Graph& g_;
  std::vector<char> backward_, invariant_, kept_;
};

// A sum that began at 0 (and so is never -0) plus a matrix of zeros but for a part: only that part is added.
void add_where_it_lies(Graph& g, uint32_t sum, uint32_t& result) {
  if (!g.nodes[result].is(code_of<ops::Add>)) return;
  const bool first = g.operand(result, 0) == sum;
  const uint32_t part = g.operand(result, first);
  const Node& n = g.nodes[part];
  if (!(first || g.operand(result, 1) == sum) || n.count == 0 || !is_all(g, g.operand(part, 0), 0)) return;
  if (!(n.is(code_of<ops::GatherAdd>) || n.is(code_of<ops::SliceAdd>)) || !(n.shape == g.nodes[sum].shape)) return;
  if (std::count(g.args.begin(), g.args.end(), part) != 1) return;
  if (std::find(g.outputs.begin(), g.outputs.end(), part) != g.outputs.end()) return;
  g.args[n.first] = sum;
  result = part;
}

}  // namespace

Split split(const Graph& whole, uint32_t carries, uint32_t rows, uint32_t constants, uint32_t results, uint32_t carried,
            uint32_t sums, bool recompute) {
  Graph g = tidied(whole);
  const uint32_t body_inputs = carries + rows + constants;
  for (uint32_t k = carried - sums; k < carried; ++k)
    add_where_it_lies(g, g.inputs[body_inputs + k], g.outputs[results + k]);
  std::vector<uint32_t> kept;  // residuals
  std::vector<char> is_row(g.nodes.size(), 0), used(g.nodes.size(), 0);
  for (uint32_t k = carries; k < carries + rows; ++k) is_row[g.inputs[k]] = 1;
  if (recompute) {
    for (uint32_t k = 0; k < carries; ++k) kept.push_back(g.inputs[k]);
  } else {
    const Residuals found(g, body_inputs, carries + rows, results);
    for (uint32_t i = 0; i < g.nodes.size(); ++i)
      if (found.kept(i) && !is_row[i]) kept.push_back(i);
  }
  Split s;
  s.residuals = static_cast<uint32_t>(kept.size());
  Part forward(g);
  for (uint32_t k = 0; k < body_inputs; ++k) forward.input(g.inputs[k]);
  for (uint32_t k = 0; k < results; ++k) forward.output(g.outputs[k]);
  for (uint32_t i : kept) forward.output(i);
  s.forward = std::move(forward.made);
  // Rows and constants that are still needed once the residuals are given.
  std::vector<char> needed(g.nodes.size(), 0), given(g.nodes.size(), 0);
  for (uint32_t i : kept) given[i] = 1;
  for (size_t k = results; k < g.outputs.size(); ++k) needed[g.outputs[k]] = 1;
  for (uint32_t i = static_cast<uint32_t>(g.nodes.size()); i-- > 0;)
    if (needed[i] && !given[i])
      for (uint32_t a : g.operands(i)) needed[a] = 1;
  Part backward(g);
  for (uint32_t k = 0; k < carried; ++k) backward.input(g.inputs[body_inputs + k]);
  for (uint32_t i : kept) backward.input(i);
  for (uint32_t k = 0; k < rows; ++k)
    if (needed[g.inputs[carries + k]]) {
      backward.input(g.inputs[carries + k]);
      s.rows_used.push_back(k);
    }
  for (size_t k = body_inputs + carried; k < g.inputs.size(); ++k) backward.input(g.inputs[k]);
  for (uint32_t k = 0; k < constants; ++k)
    if (needed[g.inputs[carries + rows + k]]) {
      backward.input(g.inputs[carries + rows + k]);
      s.constants_used.push_back(k);
    }
  for (size_t k = results; k < g.outputs.size(); ++k) backward.output(g.outputs[k]);
  s.backward = std::move(backward.made);
  return s;
}

// ---- trimming -------------------------------------------------------------------------------------------------------

namespace {

struct Trimmed {
  LoopRef loop;
  std::vector<uint32_t> operands, results;  // which of the old ones stay
};

// Inputs of a graph that its outputs depend on.
std::vector<char> inputs_needed(const Graph& g, const std::vector<char>& outputs) {
  std::vector<char> needed(g.nodes.size(), 0), r;
  for (size_t k = 0; k < g.outputs.size(); ++k)
    if (outputs[k]) needed[g.outputs[k]] = 1;
  for (uint32_t i = static_cast<uint32_t>(g.nodes.size()); i-- > 0;)
    if (needed[i])
      for (uint32_t a : g.operands(i)) needed[a] = 1;
  for (uint32_t i : g.inputs) r.push_back(needed[i]);
  return r;
}

// The outputs and inputs that are marked.
Graph part_of(const Graph& g, const std::vector<char>& outputs, const std::vector<char>& inputs) {
  Part p(g);
  for (size_t k = 0; k < g.inputs.size(); ++k)
    if (inputs[k]) p.input(g.inputs[k]);
  for (size_t k = 0; k < g.outputs.size(); ++k)
    if (outputs[k]) p.output(g.outputs[k]);
  return std::move(p.made);
}

Trimmed trimmed(const LoopRef& loop, const std::vector<char>& wanted) {
  const Loop& l = *loop;
  std::vector<char> outputs(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(l.body.outputs.size()));
  std::vector<char> inputs;
  for (;;) {  // a carry is needed if its result is, or if the body needs it for something that is
    inputs = inputs_needed(l.body, outputs);
    if (l.kind != Loop::scan) {
      const std::vector<char> also = inputs_needed(l.other, l.kind == Loop::branch ? outputs : std::vector<char>(1, 1));
      for (size_t k = 0; k < inputs.size(); ++k) inputs[k] |= also[k];
    }
    bool grown = false;
    for (uint32_t c = 0; l.kind != Loop::branch && c < l.carries; ++c) {
      if (inputs[c] == outputs[c]) continue;
      grown |= !outputs[c];
      outputs[c] = 1;
    }
    if (!grown) break;
  }
  for (uint32_t c = 0; l.kind != Loop::branch && c < l.carries; ++c) inputs[c] = outputs[c];
  Trimmed r;
  LoopForm form = l;
  form.carries = form.rows = 0;
  if (l.kind == Loop::branch) r.operands.push_back(0);
  for (uint32_t k = 0; k < inputs.size(); ++k) {
    if (!inputs[k]) continue;
    r.operands.push_back(k + (l.kind == Loop::branch));
    form.carries += k < l.carries;
    form.rows += k >= l.carries && k < l.carries + l.rows;
  }
  for (uint32_t k = 0; k < outputs.size(); ++k)
    if (outputs[k]) r.results.push_back(k);
  // The number of steps.
  if (l.counted) r.operands.push_back(static_cast<uint32_t>(inputs.size()));
  if (l.kind == Loop::repeat) r.results.push_back(static_cast<uint32_t>(outputs.size()));
  if (r.operands.size() == l.operands() && r.results.size() == l.results()) return r;
  Graph other;
  if (l.kind != Loop::scan)
    other = part_of(l.other, l.kind == Loop::branch ? outputs : std::vector<char>(1, 1), inputs);
  r.loop = std::make_shared<Loop>(form, part_of(l.body, outputs, inputs), std::move(other));
  return r;
}

// One element where all are equal.
ArrayRef uniform(const ArrayRef& a) {
  if (a->size == 0) return nullptr;
  const ArrayRef one = core::view(a, Dims{}, Dims{});
  if (a->strides == Dims(a->ndim(), 0)) return one;
  if (!a->contiguous) return nullptr;
  const int64_t item = core::item_size(a->dtype);
  for (int64_t k = 1; k < a->size; ++k)
    if (!std::equal(a->data, a->data + item, a->data + k * item)) return nullptr;
  return one;
}

// Operands that are constants of the graph around become constants of the body.
void take_constants(Graph& g, uint32_t i) {
  const LoopRef loop = loop_of(g.nodes[i]);
  if (loop->kind != Loop::scan) return;
  Graph body = loop->body;
  std::vector<uint32_t> operands, inputs;
  LoopForm form = *loop;
  for (uint32_t k = 0; k < body.inputs.size(); ++k) {
    const Node& from = g.nodes[g.operand(i, k)];
    Node& n = body.nodes[body.inputs[k]];
    const bool row = k >= loop->carries && k < loop->carries + loop->rows;
    const ArrayRef one = k >= loop->carries && from.op == kConstant ? uniform(from.value) : nullptr;
    if (one || (k >= loop->carries && !row && from.op == kConstant)) {
      n.op = kConstant;
      n.value = one ? core::broadcast_to(one, n.shape) : from.value;
      form.rows -= row;
      continue;
    }
    operands.push_back(g.operand(i, k));
    inputs.push_back(body.inputs[k]);
  }
  if (inputs.size() == body.inputs.size()) return;
  if (loop->counted) operands.push_back(g.operand(i, static_cast<uint32_t>(body.inputs.size())));
  body.inputs = inputs;
  Node& n = g.nodes[i];
  n.first = static_cast<uint32_t>(g.args.size());
  n.count = static_cast<uint32_t>(operands.size());
  g.args.insert(g.args.end(), operands.begin(), operands.end());
  n.params = ParamsRef(new LoopParams(std::make_shared<Loop>(form, tidied(without_cuts(body)), Graph{})));
}

// Rows that are the same value are computed once.
void merge_results(Graph& g, uint32_t i) {
  const Loop& l = *loop_of(g.nodes[i]);
  if (l.kind != Loop::scan) return;
  for (uint32_t r = i + 1; r < g.nodes.size(); ++r) {
    if (g.nodes[r].op != kLoopResult || g.operand(r, 0) != i) continue;
    const auto k = static_cast<uint32_t>(result_index(g.nodes[r]));
    for (uint32_t first = l.carries; first < k; ++first)
      if (l.body.outputs[first] == l.body.outputs[k]) {
        g.nodes[r].params = result_params(first);
        break;
      }
  }
}

std::vector<char> live_nodes(const Graph& g) {
  std::vector<char> live(g.nodes.size(), 0);
  for (uint32_t i : g.outputs) live[i] = 1;
  for (const Guard& c : g.guards) live[c.node] = 1;
  for (uint32_t i = static_cast<uint32_t>(g.nodes.size()); i-- > 0;)
    if (live[i])
      for (uint32_t a : g.operands(i)) live[a] = 1;
  return live;
}

}  // namespace

Graph with_trimmed_loops(Graph g) {
  if (std::none_of(g.nodes.begin(), g.nodes.end(), [](const Node& n) { return n.op == kLoop; })) return g;
  // From the end: what a loop does not read any more need not be computed by those before it.
  for (uint32_t i = static_cast<uint32_t>(g.nodes.size()); i-- > 0;) {
    if (g.nodes[i].op != kLoop) continue;
    const std::vector<char> live = live_nodes(g);
    if (!live[i]) continue;
    take_constants(g, i);
    merge_results(g, i);
    std::vector<char> wanted(loop_of(g.nodes[i])->results(), 0);
    for (uint32_t r = i + 1; r < g.nodes.size(); ++r)
      if (live[r] && g.nodes[r].op == kLoopResult && g.operand(r, 0) == i) wanted[result_index(g.nodes[r])] = 1;
    const Trimmed t = trimmed(loop_of(g.nodes[i]), wanted);
    if (!t.loop) continue;
    const std::vector<uint32_t> old(g.operands(i).begin(), g.operands(i).end());
    Node& n = g.nodes[i];
    n.first = static_cast<uint32_t>(g.args.size());
    n.count = static_cast<uint32_t>(t.operands.size());
    for (uint32_t k : t.operands) g.args.push_back(old[k]);
    n.params = ParamsRef(new LoopParams(t.loop));
    for (uint32_t r = i + 1; r < g.nodes.size(); ++r) {
      if (g.nodes[r].op != kLoopResult || g.operand(r, 0) != i) continue;
      const auto was = static_cast<uint32_t>(result_index(g.nodes[r]));
      const auto now = std::find(t.results.begin(), t.results.end(), was) - t.results.begin();
      g.nodes[r].params = result_params(static_cast<size_t>(now));
    }
  }
  return without_dead_code(std::move(g));
}

}  // namespace wengert::program
