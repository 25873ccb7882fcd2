// Kernels for tiles, of cheap operations: whole vectors only (n is a multiple of what 64 bytes hold), and an operand of
// step 0 is one vector of equal elements. Null: those of ops/elementwise/element_kernels.h serve (they take both as
// well).
#pragma once
#include "ops/elementwise/element_kernels.h"

namespace wengert::program {

struct TileKernels {
  ops::ElementKernels::Value1 one[ops::kOps][core::kFloats] = {};
  ops::ElementKernels::Value2 two[ops::kOps][core::kFloats] = {};
};
const TileKernels& tile_kernels();  // of the instruction set in use

}  // namespace wengert::program
