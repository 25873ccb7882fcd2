// The instructions of scalar code. Pairs "f_g" are g(f(a, b), c); "from" is c minus.
#pragma once
#include <cstdint>

#define WG_SCALAR_PAIRS(X, f) X(f##_add) X(f##_subtract) X(f##_from) X(f##_multiply) X(f##_scale)
// clang-format off
#define WG_SCALAR_OPS(X)                                                                                      \
  X(copy) X(negative) X(absolute) X(sqrt) X(square) X(reciprocal) X(relu)                                     \
  X(add) X(subtract) X(multiply) X(scale) X(divide) X(maximum) X(minimum)                                     \
  X(equal) X(not_equal) X(less) X(less_equal)                                                                 \
  X(logical_and) X(logical_or) X(logical_xor) X(logical_not) X(isnan) X(isfinite) X(isinf) X(select)          \
  WG_SCALAR_PAIRS(X, add) WG_SCALAR_PAIRS(X, subtract)                                                        \
  WG_SCALAR_PAIRS(X, multiply) WG_SCALAR_PAIRS(X, scale)                                                      \
  X(call1) X(call2)                                                                                           \
  X(guard_true) X(guard_false) X(guard_equal) X(stop)
// clang-format on

namespace wengert::program::scalar {

enum Op : uint8_t {
#define WG_ENUM(name) op_##name,
  WG_SCALAR_OPS(WG_ENUM)
#undef WG_ENUM
};

}  // namespace wengert::program::scalar
