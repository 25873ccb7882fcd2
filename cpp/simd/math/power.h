// pow, cbrt, hypot, rsqrt.
// Types: double, float. Range: all arguments; pow has C's special values. Max error 2 ulp, pow 4 (docs/ulp.md).
#pragma once

#include "simd/math/exp_log.h"

namespace wengert::simd::WG_TARGET {

template <class T, int N> WG_INLINE Vec<T, N> rsqrt(Vec<T, N> x) { return Vec<T, N>(T(1)) / sqrt(x); }

// log(x) to about 2^-65, relatively, for a positive finite x. s = f / (2 + f), log m = 2 s + 2/3 s^3 + s^5 M(s^2), the
// first two terms in two parts.
template <int N> WG_INLINE Pair<Vec<double, N>> log_pair(Vec<double, N> x) {
  using V = Vec<double, N>;
  const auto p = log_parts_any(x);
  const V f = p.m - 1;
  const auto d = fast_two_sum(V(2), f);
  const V s = f / d.hi;
  const auto back = two_prod(s, d.hi);
  const V s_lo = (((f - back.hi) - back.lo) - s * d.lo) / d.hi;
  auto z = two_prod(s, s);
  z.lo += 2 * s * s_lo;
  auto cube = two_prod(z.hi, s);
  cube.lo += z.hi * s_lo + z.lo * s;
  constexpr double third_hi = 2.0 / 3.0, third_lo = 0x1.5555555555555p-55;
  auto t = fast_two_sum(V(third_hi), z.hi * poly<LogTailPoly<double>>(z.hi));
  t.lo += third_lo;
  auto rest = two_prod(cube.hi, t.hi);
  rest.lo += cube.hi * t.lo + cube.lo * t.hi;
  const auto m = fast_two_sum(2 * s, rest.hi);
  const V m_lo = m.lo + (rest.lo + 2 * s_lo);
  const auto sum = fast_two_sum(p.k * Ln2<double>::hi, m.hi);
  return fast_two_sum(sum.hi, sum.lo + fma(p.k, V(Ln2<double>::lo), m_lo));
}

// exp(y log a) for a >= 0, from the logarithm in two parts.
template <int N> WG_INLINE Vec<double, N> pow_positive(Vec<double, N> a, Vec<double, N> y) {
  using V = Vec<double, N>;
  constexpr double inf = Format<double>::inf;
  y = clamp(y, V(-1e290), V(1e290));  // all the same from there on, and no intermediate result overflows
  const auto l = log_pair(a);
  const auto finite = (a > 0) & (a < inf);
  const V log_hi = select(finite, l.hi, select(a == 0, V(-inf), a));
  const auto e = two_prod(y, log_hi);
  const V hi = clamp(e.hi, V(-800), V(800));
  const V lo = select(abs(e.hi) < 800, fma(y, l.lo, e.lo), V(0));
  const V n = rint(hi * Ln2<double>::inverse);
  const V r = fma(n, -Ln2<double>::lo, fma(n, -Ln2<double>::hi, hi));
  const V square = r * r, p = poly<ExpPoly<double>>(r);
  const V q = fma(square, p, fma(lo, fma(square, p, r), lo)) + r;  // exp(r) - 1 + lo exp(r)
  return scale(q + 1, n);
}

// float: the logarithm in double has bits enough.
template <int N> WG_INLINE Vec<float, N> pow_positive(Vec<float, N> a, Vec<float, N> y) {
  return in_double([](auto x, auto z) { return exp(z * log(x)); }, a, y);
}

template <class T, int N> WG_INLINE Vec<T, N> pow(Vec<T, N> x, Vec<T, N> y) {
  using V = Vec<T, N>;
  const V a = abs(x), h = y * T(0.5);
  const auto integral = trunc(y) == y, odd = integral & (trunc(h) != h);
  V r = pow_positive(a, y);
  r = select(signbit(x) & odd, -r, r);
  r = select((x < 0) & (x > -Format<T>::inf) & ~integral, V(Format<T>::nan), r);
  r = select(isnan(x) | isnan(y), x + y, r);
  return select((y == 0) | (x == 1) | ((a == 1) & isinf(y)), V(T(1)), r);
}

// x = 8^j a with a in [0.35, 2.83]; a polynomial, then steps of Halley, whose corrections are small and round little.
template <class T, int N> WG_INLINE Vec<T, N> cbrt(Vec<T, N> x) {
  using V = Vec<T, N>;
  const auto p = log_parts_any(abs(x));
  const V j = rint(p.k * T(1.0 / 3)), a = p.m * pow2(p.k - T(3) * j);
  V t = poly<CbrtPoly<T>>(a);
#pragma GCC unroll 2
  for (int i = 0; i < (sizeof(T) == 8 ? 2 : 1); ++i) {
    const V cube = t * t * t;
    t -= t * ((cube - a) / ((cube + cube) + a));
  }
  return select((x == 0) | ~isfinite(x), x, copysign(t * pow2(j), x));
}

template <class T, int N> WG_INLINE Vec<T, N> hypot(Vec<T, N> x, Vec<T, N> y) {
  using V = Vec<T, N>;
  if constexpr (sizeof(T) == 4) {
    const V r = in_double([](auto a, auto b) { return sqrt(fma(a, a, b * b)); }, x, y);
    return select(isinf(x) | isinf(y), V(Format<T>::inf), r);
  } else {
    const V ax = abs(x), ay = abs(y), big = max(ax, ay);
    const V by = select(big > 0x1p500, V(0x1p-600), select(big < 0x1p-450, V(0x1p600), V(1)));
    const V back = select(big > 0x1p500, V(0x1p600), select(big < 0x1p-450, V(0x1p-600), V(1)));
    const V a = ax * by, b = ay * by;
    return select(isinf(x) | isinf(y), V(Format<T>::inf), sqrt(fma(a, a, b * b)) * back);
  }
}

}  // namespace wengert::simd::WG_TARGET
