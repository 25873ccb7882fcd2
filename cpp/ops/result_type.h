// What an operation makes of operands of given types and shapes, without running it: how a program that comes from a
// file is checked before anything of it runs.
#pragma once
#include "ops/info.h"

namespace wengert::ops {

struct ArrayType {
  DType dtype;
  Dims shape;
};

// Throws, and says what is wrong, where the operands or parameters are none the operation could have been recorded
// with: afterwards it can run on arrays of these types without reading or writing outside of them.
ArrayType result_type(OpCode op, std::span<const ArrayType> in, const Params* params);

// Throws unless arrays of that type can exist.
void check_array(const ArrayType& t);

}  // namespace wengert::ops
