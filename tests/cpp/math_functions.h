// The elementwise functions of simd/math/math.h as loops over arrays, one table for every instruction set: what the
// accuracy measurements call.
#pragma once

#include <cstdint>

namespace wengert::simd {

struct MathFunction {
  const char* name;
  int arity;
  void (*f64)(const double* x, const double* y, double* out, int64_t n);
  void (*f32)(const float* x, const float* y, float* out, int64_t n);
  // The same, lane by lane: must give the same bits.
  void (*f64_one)(const double* x, const double* y, double* out, int64_t n);
  void (*f32_one)(const float* x, const float* y, float* out, int64_t n);
};

namespace scalar {
const MathFunction* math_functions(int* count);
}
#if defined(__x86_64__)
namespace x86_64_v2 {
const MathFunction* math_functions(int* count);
}
namespace x86_64_v3 {
const MathFunction* math_functions(int* count);
}
namespace x86_64_v4 {
const MathFunction* math_functions(int* count);
}
#elif defined(__aarch64__)
namespace arm64 {
const MathFunction* math_functions(int* count);
}
#endif

}  // namespace wengert::simd
