#include "ad/requires_grad.h"

#include "ad/process.h"

namespace wengert::ad {

GradGraph* resolve(GradGraph* g, uint32_t& node) {
  while (g->merged_into) {
    node += g->offset;
    g = g->merged_into.get();
  }
  return g;
}

namespace {

void merge(GradGraph* into, GradGraph* from) {
  from->offset = into->tape.absorb(from->tape);
  for (auto& [node, leaf] : from->leaves) into->leaves.emplace_back(node + from->offset, leaf);
  from->leaves.clear();
  into->calls.take_all(from->calls);
  from->merged_into = GradGraphRef(into);
  if (into->keeper || from->keeper) keeper_hooks.merged(into, from);
}

uint32_t leaf_node(GradGraph* t, Leaf* leaf, const Value& v) {
  auto& leaves = t->leaves;
  if (leaf->last_index < leaves.size() && leaves[leaf->last_index].second.get() == leaf)
    return leaves[leaf->last_index].first;
  for (size_t i = 0; i < leaves.size(); ++i)
    if (leaves[i].second.get() == leaf) {
      leaf->last_index = static_cast<uint32_t>(i);
      return leaves[i].first;
    }
  const uint32_t node = t->tape.input(*v.array);
  leaf->last_index = static_cast<uint32_t>(leaves.size());
  leaves.emplace_back(node, LeafRef(leaf));
  return node;
}

}  // namespace

GradGraphRef common_graph(Operands args, int n) {
  GradGraphRef graph;
  for (int i = 0; i < n; ++i) {
    auto* own = level_as<GradGraph>(args[i]->level);
    if (!own) continue;
    uint32_t node = 0;
    GradGraphRef t(resolve(own, node));
    if (t->tape.wait_for_sweep()) return common_graph(args, n);  // what was found before may hold no more
    if (!graph) graph = t;
    if (graph == t) continue;
    if (t->tape.size() > graph->tape.size()) std::swap(t, graph);
    if (t->tape.being_swept()) std::swap(t, graph);  // by this thread, which runs a rule of the user's: it must stay
    if (t->tape.being_swept())
      runtime_error(
          "wengert: a rule run by backward() joins two graphs that are both being swept; detach() what it takes from "
          "outside");
    merge(graph.get(), t.get());
  }
  return graph ? graph : GradGraphRef(new GradGraph);
}

uint32_t node_in(GradGraph* graph, const Value& v) {
  if (auto* leaf = level_as<Leaf>(v.level)) return leaf_node(graph, leaf, v);
  auto* own = level_as<GradGraph>(v.level);
  if (!own) return kNoNode;
  uint32_t node = v.node;
  resolve(own, node);
  return node;
}

namespace {

Value recorded(OpCode op, Operands args, int n, const ParamsRef& params) {
  Value out = evaluate(op, args, n, params);
  if (!recording_enabled() || !carries_derivative(op, out)) return out;
  const GradGraphRef graph = common_graph(args, n);
  NodeNumbers nodes(n);
  for (int i = 0; i < n; ++i) nodes[i] = node_in(graph.get(), *args[i]);
  const uint32_t node = append(graph->tape, op, nodes, args, n, graph.get(), out, params);
  return traced(out, LevelRef(graph.get()), node);
}

}  // namespace

Value Leaf::process(OpCode op, Operands args, int n, const ParamsRef& params) { return recorded(op, args, n, params); }
Value GradGraph::process(OpCode op, Operands args, int n, const ParamsRef& params) {
  return recorded(op, args, n, params);
}

}  // namespace wengert::ad
