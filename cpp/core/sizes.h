// Arithmetic of sizes, strides, steps and counts. What users and files say may be anything: a result that does not fit
// is an error, never a small or negative number that memory is then read by.
#pragma once
#include <cstdint>

#include "core/error.h"

namespace wengert::core {

// No array, and no memory of a program, is larger: far beyond any machine, and sums of many such sizes still fit.
inline constexpr int64_t kMostBytes = int64_t{1} << 46;

[[noreturn, gnu::cold]] inline void size_overflow() { value_error("wengert: a size does not fit in 64 bits"); }

inline int64_t checked_product(int64_t a, int64_t b) {
  int64_t r;
  if (__builtin_mul_overflow(a, b, &r)) [[unlikely]]
    size_overflow();
  return r;
}
inline int64_t checked_sum(int64_t a, int64_t b) {
  int64_t r;
  if (__builtin_add_overflow(a, b, &r)) [[unlikely]]
    size_overflow();
  return r;
}

}  // namespace wengert::core
