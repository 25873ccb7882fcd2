// Dead code: in place, since what is left keeps its order.
#include "program/graph/graph.h"

namespace wengert::program {

Graph without_dead_code(Graph g) {
  List<char> live(g.nodes.size(), 0);
  for (uint32_t i : g.inputs) live[i] = 1;  // the inputs stay: they are the call's arguments
  for (uint32_t i : g.outputs) live[i] = 1;
  for (const Guard& c : g.guards) live[c.node] = 1;
  for (uint32_t i = static_cast<uint32_t>(g.nodes.size()); i-- > 0;)
    if (live[i])
      for (uint32_t a : g.operands(i)) live[a] = 1;
  Compaction kept(g);
  for (uint32_t i = 0; i < live.size(); ++i)
    if (live[i]) kept.keep(i);
  kept.finish();
  return g;
}

}  // namespace wengert::program
