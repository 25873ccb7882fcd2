// Values of primitives over arrays. Operands of one call share their element type (the callers promote).
#pragma once
#include "ops/info.h"

namespace wengert::ops {

ArrayRef evaluate(OpCode op, Args args, const Params* params);
ArrayRef unary(OpCode op, const ArrayRef& x);
ArrayRef binary(OpCode op, const ArrayRef& a, const ArrayRef& b);

// g * slope, fused; arrays that the slope does not need may be null. The result has the shape of g.
ArrayRef sweep_unary(OpCode op, ArrayRef g, const core::Array* x, const core::Array* y);
ArrayRef sweep_binary(OpCode op, int operand, ArrayRef g, const core::Array* a, const core::Array* b,
                      const core::Array* y);

// dst += src, where dst is contiguous and solely owned and src broadcasts to it.
void add_into(core::Array& dst, const ArrayRef& src);

}  // namespace wengert::ops
