// When and together with what every operation runs.
#include "ops/elementwise/element_kernels.h"
#include "program/plan/plan.h"
#include "program/run/fused.h"

namespace wengert::program {

bool is_view(const Graph& g, uint32_t i) {
  const Node& n = g.nodes[i];
  return n.is(code_of<ops::Reshape>) || n.is(code_of<ops::Transpose>) || n.is(code_of<ops::Slice>) ||
         n.is(code_of<ops::BroadcastTo>);
}

uint32_t unreshaped(const Graph& g, uint32_t i) {
  while (g.nodes[i].is(code_of<ops::Reshape>)) i = g.operand(i, 0);
  return i;
}

namespace {

bool has_kernel(const Graph& g, uint32_t i) {
  const Node& n = g.nodes[i];
  if (n.op < 0 || n.size() == 0) return false;
  const auto op = static_cast<OpCode>(n.op);
  const ops::Info& f = ops::info(op);
  const DType in = g.nodes[g.operand(i, 0)].dtype;
  if (op == code_of<ops::Where>) return selection(n.dtype) != nullptr;
  if (op == code_of<ops::Astype>) return conversion(in, n.dtype) != nullptr;
  if (!f.elementwise) return false;
  if (f.types == ops::Types::logical)
    return f.arity == 1 ? plain_unary(op, in) != nullptr : plain_binary(op, in) != nullptr;
  return core::is_float(in);
}

}  // namespace

Schedule scheduled(const Graph& g) {
  const auto n = static_cast<uint32_t>(g.nodes.size());
  Schedule s{List<uint32_t>(n, 0), List<char>(n, 0), {}, {}};
  List<int64_t> size(n);
  for (uint32_t i = 0; i < n; ++i) {
    s.fusable[i] = has_kernel(g, i);
    size[i] = g.nodes[i].size();
  }
  find_finishes(g, s);
  // Can the operand be a tile of the same group?
  auto together = [&](uint32_t reader, uint32_t operand) {
    const uint32_t x = unreshaped(g, operand);
    return s.fusable[reader] && s.fusable[x] && size[x] == size[reader];
  };
  for (uint32_t i = 0; i < n; ++i) {  // as soon as possible
    if (g.nodes[i].given()) continue;
    uint32_t at = 0;
    for (uint32_t a : g.operands(i)) at = std::max(at, is_view(g, i) || together(i, a) ? s.stage[a] : s.stage[a] + 1);
    s.stage[i] = is_view(g, i) ? at : std::max(at, 1u);
  }
  // Elementwise operations move down to their readers: what is only needed later is not kept, it is computed there.
  List<uint32_t> latest(n, kNone);
  List<char> fixed(n, 0);
  for (uint32_t i : g.outputs) fixed[i] = 1;
  for (const Guard& c : g.guards) fixed[c.node] = 1;
  for (uint32_t i = n; i-- > 0;) {
    if (g.nodes[i].given()) continue;
    const bool view = is_view(g, i);
    if (fixed[i])
      latest[i] = s.stage[i];
    else if (s.fusable[i] && latest[i] != kNone)
      s.stage[i] = std::max(s.stage[i], latest[i]);
    for (uint32_t a : g.operands(i)) {
      uint32_t bound;
      if (view && g.nodes[i].is(code_of<ops::Reshape>))
        bound = latest[i];
      else if (view)
        bound = latest[i] == kNone ? kNone : latest[i] - (latest[i] > 0);
      else
        bound = together(i, a) ? s.stage[i] : s.stage[i] - 1;
      latest[a] = std::min(latest[a], bound);
    }
  }
  // Views follow what they look at.
  for (uint32_t i = 0; i < n; ++i)
    if (is_view(g, i)) s.stage[i] = s.stage[g.operand(i, 0)];
  return s;
}

}  // namespace wengert::program
