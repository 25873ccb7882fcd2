// Constant folding: operations whose operands are all known are carried out once, when the program is made.
#include "ops/elementwise/evaluate.h"
#include "program/graph/graph.h"

namespace wengert::program {

uint32_t fold_constants(Graph& to, const Node& node, std::span<const uint32_t> operands) {
  constexpr int64_t kLargest = 1 << 20;  // bytes of a constant that folding may add
  const bool moves = node.is(code_of<ops::BroadcastTo>) || node.is(code_of<ops::Transpose>);  // views cost nothing
  int64_t held = 0;
  std::vector<ArrayRef> values;
  for (uint32_t a : operands) {
    if (to.nodes[a].op != kConstant) return kNone;
    values.push_back(moves ? in_buffer(to.nodes[a].value) : to.nodes[a].value);
    const core::Array& v = *values.back();
    const bool repeats = !v.contiguous && v.bytes() > kLargest;  // perhaps a large array of few numbers
    if (repeats && !moves) return kNone;
    held += v.bytes();
  }
  const int64_t bytes = node.size() * core::item_size(node.dtype);
  if (bytes > kLargest && bytes > held && !moves) return kNone;
  const ArrayRef value = ops::evaluate(static_cast<OpCode>(node.op), values, node.params.get());
  return to.add_constant(repeated_once(value));
}

}  // namespace wengert::program
