// lgamma (of the absolute value of gamma), digamma, trigamma.
// Types: double, float. Range: all arguments; lgamma and trigamma are inf at the poles, digamma NaN (inf at 0, with the
// sign of -x). Max error 4 ulp.
#pragma once

#include "simd/math/gamma_left.h"
#include "simd/math/power.h"
#include "simd/math/trig.h"

namespace wengert::simd::WG_TARGET {

// Stirling's series beyond the leading terms, 1/(12 x) - 1/(360 x^3) + …, for x >= 8.
template <int N> WG_INLINE Vec<double, N> stirling_rest(Vec<double, N> x) {
  using V = Vec<double, N>;
  const V w = 1 / x, z = w * w;
  V s(-3617.0 / 122400);
  constexpr double c[] = {1.0 / 156, -691.0 / 360360, 1.0 / 1188, -1.0 / 1680, 1.0 / 1260, -1.0 / 360, 1.0 / 12};
#pragma GCC unroll 8
  for (double ci : c) s = fma(s, z, V(ci));
  return s * w;
}

template <int N> WG_INLINE Vec<double, N> lgamma_positive(Vec<double, N> x) {
  using V = Vec<double, N>;
  // Small and moderate x: down to t in [2, 3) by lgamma(x) = lgamma(x - 1) + log(x - 1), or up from below 0.85.
  const auto low = x < 0.85;
  V t = select(low, x, clamp(x, V(0), V(8))), product(1);
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i) {
    const auto above = t >= 3;
    t = select(above, t - 1, t);
    product = select(above, product * t, product);
  }
  // Below 0.85 the polynomial is taken at x + 1, with the factors (t - 1) (t - 2) = x (x - 1) of the unrounded x.
  const V u = select(low, (x - 0.85), t - 1.85);
  const V near = select(low, x * (x - 1), (t - 1) * (t - 2)) * poly<LgammaPoly<double>>(u);
  const V small = near + select(low, -log(x), log(product));
  // Large x: (x - 1/2) log(x) - x + log(2 pi)/2 + series, the product with the logarithm in two parts.
  const V big = clamp(x, V(8), V(1e290));
  const auto l = log_pair(big);
  const V h = big - 0.5;
  const auto one_less = fast_two_sum(l.hi, V(-1));
  const auto p = two_prod(h, one_less.hi);
  const V low_part = fma(h, one_less.lo + l.lo, p.lo);
  const V large = p.hi + (low_part + (stirling_rest(big) + (0.91893853320467274178 - 0.5)));
  return select(x < 8, small, select(x < 1e290, large, x * (log(x) - 1)));
}

template <class T, int N> WG_INLINE Vec<T, N> lgamma(Vec<T, N> x) {
  using V = Vec<T, N>;
  if constexpr (sizeof(T) == 4) {
    return in_double([](auto v) { return lgamma(v); }, x);
  } else {
    constexpr double inf = Format<double>::inf;
    const V a = abs(x), y = lgamma_positive(a);
    V r = select((x < 0) & (a < 1e-20), -log(a), y);
    const auto left = (x <= -1e-20) & (trunc(x) != x);
    if (__builtin_expect(any(left), 0)) {
      V reflected;
      lgamma_left(select(left, x, V(-0.5)), reflected);
      r = select(left, reflected, r);
    }
    r = select((x <= 0) & (trunc(x) == x), V(inf), r);
    return select(isnan(x), x, select(isinf(x), V(inf), r));
  }
}

// psi(x) for x > 0.
template <int N> WG_INLINE Vec<double, N> digamma_positive(Vec<double, N> x) {
  using V = Vec<double, N>;
  const auto low = x < 1;
  V t = select(low, x + 1, clamp(x, V(1), V(10))), sum = select(low, -1 / x, V(0));
#pragma GCC unroll 7
  for (int i = 0; i < 7; ++i) {
    const auto above = t >= 3;
    t = select(above, t - 1, t);
    sum = select(above, sum + 1 / t, sum);
  }
  const V u = select(low, x - 1, t - 2);  // exact where t is x + 1, rounded
  const V from_root = select(low, ((x - (digamma_root - 1)) - digamma_root_lo), (t - digamma_root) - digamma_root_lo);
  const V small = from_root * poly<DigammaPoly<double>>(u) + sum;
  const V b = clamp(x, V(10), V(1e300)), w = 1 / b, z = w * w;
  V s(-1.0 / 12);
  constexpr double c[] = {691.0 / 32760, -1.0 / 132, 1.0 / 240, -1.0 / 252, 1.0 / 120, -1.0 / 12};
#pragma GCC unroll 8
  for (double ci : c) s = fma(s, z, V(ci));
  return select(x < 10, small, log(x) + fma(s, z, w * -0.5));
}

template <class T, int N> WG_INLINE Vec<T, N> digamma(Vec<T, N> x) {
  using V = Vec<T, N>;
  if constexpr (sizeof(T) == 4) {
    return in_double([](auto v) { return digamma(v); }, x);
  } else {
    constexpr double inf = Format<double>::inf;
    const V a = abs(x), y = digamma_positive(a);
    V r = select((x < 0) & (a < 1e-8), 1 / a + T(-0.57721566490153286061), y);
    const auto left = (x <= -1e-8) & (trunc(x) != x);
    if (__builtin_expect(any(left), 0)) {
      V reflected;
      digamma_left(select(left, x, V(-0.5)), reflected);
      r = select(left, reflected, r);
    }
    r = select((x < 0) & (trunc(x) == x), V(Format<double>::nan), r);
    r = select(x == 0, copysign(V(inf), -x), r);
    return select(isnan(x) | (x == inf), x, r);
  }
}

template <int N> WG_INLINE Vec<double, N> trigamma_positive(Vec<double, N> x) {
  using V = Vec<double, N>;
  // The terms 1/(x + i)^2 that bring the argument above 10; the first and largest, with its error, is added last.
  const auto first_below = x < 10;
  const V u = 1 / x;
  const auto back = two_prod(u, x), square = two_prod(u, u);
  const V first_lo = square.lo + 2 * u * (u * ((1 - back.hi) - back.lo));
  V t = select(first_below, x + 1, x), sum(0);
#pragma GCC unroll 9
  for (int i = 0; i < 9; ++i) {
    const auto below = t < 10;
    const V w = 1 / t;
    sum = select(below, fma(w, w, sum), sum);
    t = select(below, t + 1, t);
  }
  const V w = 1 / t, z = w * w;
  V s(43867.0 / 798);
  constexpr double c[] = {-3617.0 / 510, 7.0 / 6, -691.0 / 2730, 5.0 / 66, -1.0 / 30, 1.0 / 42, -1.0 / 30, 1.0 / 6};
#pragma GCC unroll 8
  for (double ci : c) s = fma(s, z, V(ci));
  const V rest = sum + (w + fma(s * z, w, z * 0.5));
  return select(first_below & (square.hi < Format<double>::inf), square.hi + (first_lo + rest),
                select(first_below, square.hi, rest));
}

template <class T, int N> WG_INLINE Vec<T, N> trigamma(Vec<T, N> x) {
  using V = Vec<T, N>;
  if constexpr (sizeof(T) == 4) {
    return in_double([](auto v) { return trigamma(v); }, x);
  } else {
    constexpr double inf = Format<double>::inf;
    // psi'(x) = pi^2 / sin(pi x)^2 - psi'(1 - x), which is 1 / x^2 beside 0
    const auto left = x < 0, pole = left & (trunc(x) != x) & (x < -1e-9);
    const V y = trigamma_positive(select(left, 1 - x, x)), u = 1 / x;
    V r = select(left, u * u, y);
    if (__builtin_expect(any(pole), 0)) {
      Pair<V> s;
      trigamma_pole(select(pole, x, V(-0.5)), s);
      r = select(pole, (s.hi - y) + s.lo, r);
    }
    r = select((x <= 0) & (trunc(x) == x), V(inf), r);
    return select(isnan(x), x, r);
  }
}

}  // namespace wengert::simd::WG_TARGET
