// Groups of elementwise operations: kernels beside those of the tables, and the loop over the tiles.
#pragma once
#include "program/plan/plan.h"

namespace wengert::program {

// Kernels of operations that the tables of ops:: do not have. Null if there is none.
Fused::F1 plain_unary(OpCode op, DType in);
Fused::F2 plain_binary(OpCode op, DType in);
Fused::F3 selection(DType t);
Fused::F1 conversion(DType from, DType to);

// Gives every local and sum its place in the scratch memory of a thread; how much that is.
int64_t lay_out_scratch(Fused& f);

void run_fused(const Fused& f, char* const* base);

}  // namespace wengert::program
