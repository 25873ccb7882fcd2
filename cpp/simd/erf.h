// erf, erfc, gelu.
// Types: double, float. Range: all arguments, tails included. Max error 2 ulp (docs/ulp.md).
#pragma once

#include "simd/exp_log.h"

namespace wengert::simd::WG_TARGET {

// erfc(a) = 2^n m for a >= 0, given a^2 in two parts (so that a rounded `a` costs nothing in the exponential).
template <class V>
struct ErfcParts {
  V m, n;
};
template <int N>
WG_INLINE ErfcParts<Vec<double, N>> erfc_parts(Vec<double, N> a, Pair<Vec<double, N>> square) {
  using V = Vec<double, N>;
  const V p = poly<ErfcPoly<double>>((a - 4) / (a + 4));
  const auto d = two_sum(V(1), a + a);
  const V q = p / d.hi;
  const auto back = two_prod(q, d.hi);
  const V q_lo = (((p - back.hi) - back.lo) - q * d.lo) / d.hi;
  const V n = rint(square.hi * -Ln2<double>::inverse);
  const V r = fma(n, -Ln2<double>::lo, fma(n, -Ln2<double>::hi, -square.hi));
  const V rr = r * r, ep = poly<ExpPoly<double>>(r), low = -square.lo;
  const V e = r + fma(rr, ep, fma(low, fma(rr, ep, r), low));  // exp(r) - 1 + low exp(r)
  return {q + fma(q, e, q_lo), n};
}

template <class T, int N>
WG_INLINE Vec<T, N> erfc(Vec<T, N> x) {
  using V = Vec<T, N>;
  if constexpr (sizeof(T) == 4) {
    return in_double([](auto v) { return erfc(v); }, x);
  } else {
    const V a = clamp(abs(x), V(0), V(28));
    const auto p = erfc_parts(a, two_prod(a, a));
    const V y = scale(p.m, p.n);
    return select(x < 0, 2 - y, y);
  }
}

template <class T, int N>
WG_INLINE Vec<T, N> erf(Vec<T, N> x) {
  using V = Vec<T, N>;
  if constexpr (sizeof(T) == 4) {
    return in_double([](auto v) { return erf(v); }, x);
  } else {
    const V a = clamp(abs(x), V(0), V(6)), z = a * a;
    const V small = fma(a, poly<ErfPoly<double>>(z), a);
    // 1 - erfc(a), where erfc is small and needs no last bits
    const V e = exp(-z) * poly<ErfcPoly<double>>((a - 4) / (a + 4)) / (a + a + 1);
    return copysign(select(a < 0.7, small, 1 - e), x);
  }
}

// x times the normal distribution function.
template <class T, int N>
WG_INLINE Vec<T, N> gelu(Vec<T, N> x) {
  using V = Vec<T, N>;
  if constexpr (sizeof(T) == 4) {
    return in_double([](auto v) { return gelu(v); }, x);
  } else {
    const V c = select(x < -39, V(-39), x);  // 0 from there on, without -inf times 0
    const V a = clamp(abs(c), V(0), V(39));
    const auto square = two_prod(a, a);
    const auto p = erfc_parts(a * 0.70710678118654752440, Pair<V>{square.hi * 0.5, square.lo * 0.5});
    const V left = scale(c * 0.5 * p.m, p.n);
    return select(x <= 0, left, select(x > 39, x, x - x * 0.5 * scale(p.m, p.n)));
  }
}

}  // namespace wengert::simd::WG_TARGET
