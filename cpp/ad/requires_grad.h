// Values that require gradients, at depth 0: each graph of them is a tape of its own, and tapes that meet in an
// operation are merged.
#pragma once
#include "ad/reverse.h"

namespace wengert::ad {

// Where backward() adds up the gradient of a leaf; a new one after the old was cleared.
struct Gradient : core::Counted<Gradient> {
  ArrayRef array;
};

// An array made with requires_grad: joins the tape of the first operation that uses it.
struct Leaf : Level {
  static constexpr char tag = 0;
  Leaf() : Level(&tag, 0) {}
  Value process(OpCode op, Operands args, int n, const ParamsRef& params) override;
  const char* name() const override { return "leaf"; }
  Ref<Gradient> gradient;
  uint32_t last_index = 0;  // where in the leaves of its tape it was found last
};
using LeafRef = Ref<Leaf>;

struct GradGraph : ReverseLevel {
  static constexpr char tag = 0;
  GradGraph() : ReverseLevel(&tag, 0) {}
  Value process(OpCode op, Operands args, int n, const ParamsRef& params) override;
  Ref<GradGraph> merged_into;                        // the one that took over this one
  uint32_t offset = 0;                               // of its nodes there
  std::vector<std::pair<uint32_t, LeafRef>> leaves;  // nodes that accumulate into Array.grad
};
using GradGraphRef = Ref<GradGraph>;

// The graph all operands are in, after merging; a new one if none is in any. Not swept by another thread.
GradGraphRef common_graph(Operands args, int n);
// The node of an operand in that graph; kNoNode: a constant.
uint32_t node_in(GradGraph* graph, const Value& v);
// Where a node recorded in a graph is now.
GradGraph* resolve(GradGraph* g, uint32_t& node);

}  // namespace wengert::ad
