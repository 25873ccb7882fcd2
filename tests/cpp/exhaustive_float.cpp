// exhaustive_float <isa> [function …]: the float32 kernels at every one of the 2^32 arguments, against the float64
// kernels (each within 2 ulp of float64, which is nothing here). About ten seconds a function; not part of ctest.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <vector>

#include "math_functions.h"
#include "simd/dispatch.h"

using namespace wengert::simd;

namespace {

const MathFunction* table_of(const char* isa, int* count) {
#if defined(__x86_64__)
  if (!std::strcmp(isa, "x86-64-v2") && supported(Isa::x86_64_v2)) return x86_64_v2::math_functions(count);
  if (!std::strcmp(isa, "x86-64-v3") && supported(Isa::x86_64_v3)) return x86_64_v3::math_functions(count);
  if (!std::strcmp(isa, "x86-64-v4") && supported(Isa::x86_64_v4)) return x86_64_v4::math_functions(count);
#elif defined(__aarch64__)
  if (!std::strcmp(isa, "arm64")) return arm64::math_functions(count);
#endif
  return std::strcmp(isa, "scalar") ? nullptr : scalar::math_functions(count);
}

// In ulp of the float next to `expected`.
double error(double expected, float got) {
  const float nearest = float(expected);
  if (std::isnan(expected) || std::isnan(got)) return std::isnan(expected) && std::isnan(got) ? 0 : HUGE_VAL;
  if (std::isinf(nearest) || std::isinf(got)) {
    // One ulp around the overflow threshold either answer will do.
    const double largest = std::numeric_limits<float>::max(), ulp = largest * 0x1p-23;
    return nearest == got ||
                   (std::fabs(std::fabs(expected) - largest) < ulp && std::signbit(expected) == std::signbit(got))
               ? 0
               : HUGE_VAL;
  }
  if (nearest == 0 && got == 0 && expected == 0) return std::signbit(expected) == std::signbit(got) ? 0 : HUGE_VAL;
  int e;
  std::frexp(expected, &e);
  return std::fabs(got - expected) * std::ldexp(1.0, 24 - std::max(e, -125));
}

// True where the largest error is within the contract.
bool measure(const char* isa, const MathFunction& f) {
  constexpr int64_t n = 1 << 14;
  std::vector<float> x(n), y(n);
  std::vector<double> wide(n), expected(n);
  double largest = 0;
  float at = 0;
  for (uint64_t start = 0; start < uint64_t(1) << 32; start += n) {
    for (int64_t i = 0; i < n; ++i) {
      const uint32_t bits = uint32_t(start + i);
      std::memcpy(&x[i], &bits, 4);
      wide[i] = x[i];
    }
    f.f32(x.data(), x.data(), y.data(), n);
    f.f64(wide.data(), wide.data(), expected.data(), n);
    for (int64_t i = 0; i < n; ++i) {
      if (float(expected[i]) == y[i] && y[i] != 0) continue;  // within half an ulp and a little
      const double e = error(expected[i], y[i]);
      if (e > largest) {
        largest = e;
        at = x[i];
      }
    }
  }
  std::printf("%-12s %-10s float32, all arguments: %.3f ulp at %a\n", f.name, isa, largest, double(at));
  std::fflush(stdout);
  return largest <= 2;
}

}  // namespace

int main(int argc, char** argv) {
  int count = 0;
  const MathFunction* table = argc > 1 ? table_of(argv[1], &count) : nullptr;
  if (!table) {
    std::fprintf(stderr, "usage: exhaustive_float <one of %s> [function ...]\n", supported_isas());
    return 2;
  }
  bool good = true;
  for (int i = 0; i < count; ++i) {
    bool wanted = argc == 2;
    for (int a = 2; a < argc; ++a) wanted = wanted || !std::strcmp(argv[a], table[i].name);
    if (wanted && table[i].arity == 1) good = measure(argv[1], table[i]) && good;
  }
  return good ? 0 : 1;
}
