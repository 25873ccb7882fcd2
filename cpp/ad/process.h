// What the levels have in common when they process an operation.
#pragma once
#include "ad/apply.h"
#include "ad/tape.h"

namespace wengert::ad {

// The operation on the innermost arrays; `evaluate` also sees to recordings whose positions it uses.
Value computed(OpCode op, Operands args, int n, const ParamsRef& params);
Value evaluate(OpCode op, Operands args, int n, const ParamsRef& params);
// The value of the operation one level down.
Value evaluate_below(OpCode op, Operands args, int n, const ParamsRef& params, const Level* level);
// A value of level t with that primal.
Value traced(const Value& primal, LevelRef t, uint32_t node);
bool carries_derivative(OpCode op, const Value& result);
// The operation whose rule serves: with one constant operand the subgradient at a tie is another one (see
// ops/elementwise/binary.h).
OpCode rule_of(OpCode op, bool both_active);
// While a long kernel ran another thread may have ended the level.
void check_alive(const Level* t);
uint32_t append(Tape& tape, OpCode op, uint32_t* nodes, Operands args, int n, const Level* level, const Value& out,
                const ParamsRef& params);

// Pointers to the operands of a call.
class Pointers {
 public:
  Pointers(const Value* args, int n) {
    if (n > kOnStack) many_.resize(static_cast<size_t>(n));
    p_ = n > kOnStack ? many_.data() : few_;
    for (int i = 0; i < n; ++i) p_[i] = args + i;
  }
  operator Operands() const { return p_; }  // NOLINT: stands for the list

 private:
  const Value* few_[kOnStack];
  std::vector<const Value*> many_;
  const Value** p_;
};

// Room for the nodes of the operands, and one more.
class NodeNumbers {
 public:
  explicit NodeNumbers(int n) {
    if (n > kOnStack) many_.resize(static_cast<size_t>(n) + 1);
    p_ = n > kOnStack ? many_.data() : few_;
  }
  operator uint32_t*() { return p_; }  // NOLINT: stands for the list

 private:
  uint32_t few_[kOnStack + 1];
  std::vector<uint32_t> many_;
  uint32_t* p_;
};

}  // namespace wengert::ad
