// Applying a primitive: the highest level among the operands handles it and recurses below.
#pragma once
#include <vector>

#include "ad/value.h"

namespace wengert::ad {

enum class GuardOn : uint8_t;

// Operands share their element type; their number and shapes are the operation's.
Value apply(OpCode op, const Value* args, int n, const ParamsRef& params);
// The same for elementwise operations, without copies of the operands.
Value apply1(OpCode op, const Value& x);
Value apply2(OpCode op, const Value& a, const Value& b);

// With promotion of the operands to a common type first (NEP 50; literals are weak).
Value apply_unary(OpCode op, const Value& x);
Value apply_binary(OpCode op, const Value& a, const Value& b);
Value apply_where(const Value& c, const Value& a, const Value& b);
Value apply_structured(OpCode op, const Value& x, const ParamsRef& params);
// Element type in which an operation on these operands computes.
DType common_type(const Value* args, int n);
Value astype(const Value& x, DType t);

// Replaces a part of x, in place where nobody else can see it: x[i] = v costs the part, not the whole.
void update(OpCode op, Value& x, const Value& v, const ParamsRef& params);

// Python learnt something about the numbers of v: a recording for replay must ask again (see program/).
void guard(const Value& v, GuardOn on);
// The same for int(): the program stays valid while the number rounds to the same whole number.
void guard_whole(const Value& v);
// `flat` was computed from the whole numbers `from`, one array for each of the axes; a recording follows that.
void follow_positions(const ArrayRef& flat, const std::vector<Value>& from, const Dims& sizes);
// v cut off from every derivative level; recordings for replay still follow it.
Value without_derivatives(const Value& v);

// The level that would handle an operation on these values; null if none does.
Level* highest(const Value* args, int n);
// An error if the result of a function run at this level belongs to a level that is not around it.
void check_result(const Value& y, const Level* level);

// The levels of this thread.
int current_depth();
struct Depth {  // one more level for as long as it lives
  Depth();
  ~Depth();
};
void push_level();
void pop_level();
// False inside no_grad. Which of its blocks hold here is a question to Python (to the context that runs), asked only
// while there are blocks at all.
inline int64_t no_grad_blocks = 0;
inline bool (*no_grad_hook)() = nullptr;
inline bool recording_enabled() { return no_grad_blocks == 0 || !no_grad_hook(); }

}  // namespace wengert::ad
