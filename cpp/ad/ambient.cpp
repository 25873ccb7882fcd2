// Values that require gradients: each graph of them is a tape of its own, and tapes that meet in an operation merge.
#include "ad/levels.h"

namespace wengert::ad {
ReverseTrace* resolve(Trace* t, uint32_t& node) {
  auto* r = static_cast<ReverseTrace*>(t);
  while (r->merged_into) {
    node += r->offset;
    r = r->merged_into.get();
  }
  return r;
}

namespace {

void merge(ReverseTrace* into, ReverseTrace* from) {
  from->offset = into->tape.absorb(from->tape);
  for (auto& [node, leaf] : from->leaves) into->leaves.emplace_back(node + from->offset, leaf);
  from->leaves.clear();
  into->calls.take_all(from->calls);
  from->merged_into = ReverseRef(into);
  if (into->keeper || from->keeper) keeper_hooks.merged(into, from);
}

uint32_t leaf_node(ReverseTrace* t, Leaf* leaf, const Value& v) {
  auto& leaves = t->leaves;
  if (leaf->last_index < leaves.size() && leaves[leaf->last_index].second.get() == leaf)
    return leaves[leaf->last_index].first;
  for (size_t i = 0; i < leaves.size(); ++i)
    if (leaves[i].second.get() == leaf) {
      leaf->last_index = static_cast<uint32_t>(i);
      return leaves[i].first;
    }
  const uint32_t node = t->tape.leaf(*v.array);
  leaf->last_index = static_cast<uint32_t>(leaves.size());
  leaves.emplace_back(node, LeafRef(leaf));
  return node;
}

}  // namespace

ReverseRef common_tape(Operands args, int n) {
  ReverseRef tape;
  for (int i = 0; i < n; ++i) {
    if (!args[i]->trace || args[i]->trace->kind != Trace::Kind::reverse) continue;
    uint32_t node = 0;
    ReverseRef t(resolve(args[i]->trace.get(), node));
    if (t->tape.wait_for_sweep()) return common_tape(args, n);  // what was found before may hold no more
    if (!tape) tape = t;
    if (tape == t) continue;
    if (t->tape.size() > tape->tape.size()) std::swap(t, tape);
    if (t->tape.being_swept()) std::swap(t, tape);  // by this thread, which runs a rule of the user's: it must stay
    if (t->tape.being_swept())
      runtime_error(
          "wengert: a rule run by backward() joins two graphs that are both being swept; detach() what it takes from "
          "outside");
    merge(tape.get(), t.get());
  }
  return tape ? tape : ReverseRef(new ReverseTrace(0));
}

uint32_t node_in(ReverseTrace* tape, const Value& v) {
  if (!v.trace) return kNoNode;
  if (v.trace->kind == Trace::Kind::leaf) return leaf_node(tape, static_cast<Leaf*>(v.trace.get()), v);
  uint32_t node = v.node;
  resolve(v.trace.get(), node);
  return node;
}

Value record_ambient(OpCode op, Operands args, int n, const ParamsRef& params) {
  Value out = evaluate(op, args, n, params);
  if (!recording_enabled() || !carries_derivative(op, out)) return out;
  const ReverseRef tape = common_tape(args, n);
  std::vector<uint32_t> nodes(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) nodes[static_cast<size_t>(i)] = node_in(tape.get(), *args[i]);
  const uint32_t node = append(tape->tape, op, nodes.data(), args, n, tape.get(), out, params);
  return traced(out, TraceRef(tape.get()), node);
}

}  // namespace wengert::ad
