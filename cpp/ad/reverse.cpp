#include "ad/reverse.h"

#include "ad/process.h"
#include "ad/requires_grad.h"

namespace wengert::ad {

ReverseLevel* taped(Level* t) {
  if (auto* r = level_as<ReverseLevel>(t)) return r;
  return level_as<GradGraph>(t);
}

Value ReverseLevel::process(OpCode op, Operands args, int n, const ParamsRef& params) {
  Value out = evaluate_below(op, args, n, params, this);
  if (!carries_derivative(op, out)) return out;
  check_alive(this);
  NodeNumbers nodes(n);
  for (int i = 0; i < n; ++i) nodes[i] = args[i]->level.get() == this ? args[i]->node : kNoNode;
  const uint32_t node = append(tape, op, nodes, args, n, this, out, params);
  return traced(out, LevelRef(this), node);
}

std::vector<Value> record_call(Level* level, const std::vector<Value>& args, const Ref<CustomCall>& call) {
  const bool in_graph = level->depth == 0;
  if (in_graph && !recording_enabled()) return call->results;
  const int n = static_cast<int>(args.size());
  const GradGraphRef graph = in_graph ? common_graph(Pointers(args.data(), n), n) : GradGraphRef();
  ReverseLevel* t = in_graph ? graph.get() : taped(level);
  std::vector<uint32_t> nodes;
  for (const Value& v : args)
    nodes.push_back(in_graph ? node_in(graph.get(), v) : v.level.get() == level ? v.node : kNoNode);
  const uint32_t first = t->tape.append_call(nodes, call);
  t->calls.insert(*call);
  std::vector<Value> out;
  for (size_t i = 0; i < call->results.size(); ++i) {
    const Value& r = call->results[i];
    out.push_back(core::is_float(r.dtype()) ? traced(r, LevelRef(t), first + static_cast<uint32_t>(i)) : r);
  }
  return out;
}

}  // namespace wengert::ad
