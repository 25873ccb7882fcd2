// How each kind of level handles an operation. apply.cpp finds the level and calls these; nobody else does.
#pragma once
#include "ad/apply.h"
#include "ad/tape.h"

namespace wengert::ad {

using Operands = const Value* const*;
inline constexpr int kFew = 4;  // operands kept on the stack

// The operation on the innermost arrays; `evaluate` also sees to recordings whose positions it uses.
Value computed(OpCode op, Operands args, int n, const ParamsRef& params);
Value evaluate(OpCode op, Operands args, int n, const ParamsRef& params);
// The value of the operation one level down.
Value evaluate_below(OpCode op, Operands args, int n, const ParamsRef& params, const Trace* level);
Value traced(const Value& primal, TraceRef t, uint32_t node);
bool carries_derivative(OpCode op, const Value& result);
uint32_t append(Tape& tape, OpCode op, uint32_t* nodes, Operands args, int n, const Trace* level, const Value& out,
                const ParamsRef& params);

// ambient.cpp: values that require gradients (depth 0).
Value record_ambient(OpCode op, Operands args, int n, const ParamsRef& params);
// The tape all operands are on, after merging; a new one if none is on any. Not swept by another thread.
ReverseRef common_tape(Operands args, int n);
// The node of an operand on that tape; kNoNode: a constant.
uint32_t node_in(ReverseTrace* tape, const Value& v);
// Where a value recorded at depth 0 is now.
ReverseTrace* resolve(Trace* t, uint32_t& node);

// recordings.cpp: for people to look at, and for replay.
Value list(Listing* t, OpCode op, Operands args, int n, const ParamsRef& params);
Value record_step(Recorder* t, OpCode op, Operands args, int n, const ParamsRef& params);
// Zeros that take no memory, for values of which only type and shape count.
ArrayRef example_array(DType t, const Dims& shape);
extern __attribute__((tls_model("initial-exec"))) constinit thread_local Recorder* following;  // the innermost with
                                                                                               // positions

}  // namespace wengert::ad
