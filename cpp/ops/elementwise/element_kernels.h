// Function pointers of the elementwise kernels for one instruction set. Index 0 is float32, 1 is float64.
// An increment of 0 means that the operand is one number for the whole run, 1 that it advances with the result.
#pragma once
#include "ops/list.h"

namespace wengert::ops {

struct ElementKernels {
  using Value1 = void (*)(const void* x, void* y, int64_t n);
  using Value2 = void (*)(const void* a, const void* b, void* y, int64_t n, int ia, int ib);
  // g * slope in one pass, zero where g is exactly zero
  using Sweep1 = void (*)(const void* g, const void* x, const void* y, void* out, int64_t n, int ig);
  using Sweep2 = void (*)(const void* g, const void* a, const void* b, const void* y, void* out, int64_t n, int ig,
                          int ia, int ib);
  // Logical operations, of any element type (index: core::DType), give bytes 0 and 1.
  Value1 test1[kOps][core::kDTypes] = {};
  Value2 test2[kOps][core::kDTypes] = {};
  Value1 value1[kOps][core::kFloats] = {};
  Value2 value2[kOps][core::kFloats] = {};
  Sweep1 sweep1[kOps][core::kFloats] = {};
  Sweep2 sweep2[kOps][2][core::kFloats] = {};  // [op][operand][type]
};

const ElementKernels& element_kernels();  // of the instruction set in use

}  // namespace wengert::ops
