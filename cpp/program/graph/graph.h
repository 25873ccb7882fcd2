// A recorded run as the passes see it: a list of operations in order of execution, each with its operands before it.
#pragma once
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "ad/recorder.h"
#include "ad/tape.h"
#include "ops/info.h"

namespace wengert::program {

using core::ArrayRef;
using core::Dims;
using core::DType;
using core::List;
using ops::code_of;
using ops::OpCode;
using ops::ParamsRef;

inline constexpr int kInput = ad::Recorder::kInput, kConstant = ad::Recorder::kConstant,
                     kPositions = ad::Recorder::kPositions, kLoop = ad::Recorder::kLoop,
                     kLoopResult = ad::Recorder::kLoopResult, kCut = ad::Recorder::kCut;
inline constexpr uint32_t kNone = 0xffffffff;

using Node = ad::Recorder::Node;

using ad::Guard;

struct Graph {
  List<Node> nodes;
  List<uint32_t> args;
  std::vector<uint32_t> inputs;   // node of each input
  std::vector<uint32_t> outputs;  // node of each output
  std::vector<Guard> guards;

  std::span<const uint32_t> operands(uint32_t i) const { return {args.data() + nodes[i].first, nodes[i].count}; }
  uint32_t operand(uint32_t i, uint32_t k) const { return args[nodes[i].first + k]; }
  uint32_t add(int op, std::span<const uint32_t> operands, const ParamsRef& params, DType dtype, const Dims& shape);
  uint32_t add_constant(const ArrayRef& value);
};

// The parameters of nodes that are no primitives.
inline const Dims& sizes_of(const Node& positions) {
  return static_cast<const ad::PositionsParams&>(*positions.params).sizes;
}
inline size_t result_index(const Node& result) {
  return static_cast<size_t>(static_cast<const ad::ResultParams&>(*result.params).index);
}
inline ParamsRef result_params(size_t index) { return ParamsRef(new ad::ResultParams(static_cast<int64_t>(index))); }

// Of the kind that belongs to the operation, to be filled in; null if it takes none.
ParamsRef empty_params(int op);

inline bool is_product(const Node& n) { return n.is(code_of<ops::Matmul>) || n.is(code_of<ops::StrongMatmul>); }

// Nodes taken out of a graph, or made one, in place: a copy of 100,000 nodes costs more than most passes do with them.
class Compaction {
 public:
  explicit Compaction(Graph& g);
  // For each node in order: it stays, and gets its new number; or `found`, which stayed, takes its place.
  uint32_t keep(uint32_t i);
  void replace(uint32_t i, uint32_t found) { at_[i] = found; }
  uint32_t now(uint32_t i) const { return at_[i]; }  // of an old node
  const uint32_t* operands(uint32_t kept) const { return args_.data() + g_.nodes[kept].first; }
  void finish();  // inputs, outputs and guards follow

 private:
  Graph& g_;
  List<uint32_t> at_, args_;
  uint32_t kept_ = 0;
};
void renumber(Graph& g, std::span<const uint32_t> at);  // inputs, outputs and guards

ArrayRef repeated_once(const ArrayRef& value);  // strides 0 if all elements are equal

// Takes what was recorded.
Graph graph_of(ad::Recorder& run, const std::vector<uint32_t>& inputs, const std::vector<uint32_t>& outputs);

// The elements in a buffer, where the array object itself may hold them: views of it repeat elements without copying.
ArrayRef in_buffer(const ArrayRef& a);

// ---- passes: each takes a graph and gives an equal one --------------------------------------------------------------

// How a rewriting pass replaces one node, given its operands in the new graph; kNone: kept as it is.
using Rule = uint32_t (*)(Graph& to, const Node& node, std::span<const uint32_t> operands);
Graph rewritten(const Graph& g, std::span<const Rule> rules);

uint32_t fold_constants(Graph& to, const Node& node, std::span<const uint32_t> operands);
bool is_all(const Graph& g, uint32_t i, double v);  // a constant, of v only
uint32_t simplify(Graph& to, const Node& node, std::span<const uint32_t> operands);
uint32_t rejoined(Graph& to, const Node& node, std::span<const uint32_t> operands);
Graph with_gathered_products(Graph g);  // products over time steps made into larger ones
Graph without_repeats(Graph g);         // common subexpressions are computed once
Graph without_dead_code(Graph g);       // nothing but what outputs and guards need

struct PassReport {
  const char* pass;
  size_t before, after;  // operations
};
Graph optimised(Graph g, std::vector<PassReport>* report);
size_t operations(const Graph& g);

std::string listing(const Graph& g);  // readable, one operation a line

// Operations of multiplication and addition one run makes, roughly.
double flops(const Graph& g);

}  // namespace wengert::program
