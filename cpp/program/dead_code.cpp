#include "program/graph.h"

namespace wengert::program {

Graph without_dead_code(const Graph& g) {
  std::vector<char> live(g.nodes.size(), 0);
  for (uint32_t i : g.inputs) live[i] = 1;  // the inputs stay: they are the call's arguments
  for (uint32_t i : g.outputs) live[i] = 1;
  for (const Check& c : g.checks) live[c.node] = 1;
  for (uint32_t i = static_cast<uint32_t>(g.nodes.size()); i-- > 0;)
    if (live[i])
      for (uint32_t a : g.operands(i)) live[a] = 1;
  Graph r;
  r.nodes.reserve(g.nodes.size());
  std::vector<uint32_t> at(g.nodes.size(), kNone), operands;
  for (uint32_t i = 0; i < g.nodes.size(); ++i) {
    if (!live[i]) continue;
    const Node& n = g.nodes[i];
    operands.clear();
    for (uint32_t a : g.operands(i)) operands.push_back(at[a]);
    at[i] = r.add(n.op, operands, n.params, n.dtype, n.shape);
    r.nodes[at[i]].value = n.value;
  }
  for (uint32_t i : g.inputs) r.inputs.push_back(at[i]);
  for (uint32_t i : g.outputs) r.outputs.push_back(at[i]);
  for (const Check& c : g.checks) r.checks.push_back({at[c.node], c.asked, c.answer, c.location});
  return r;
}

}  // namespace wengert::program
