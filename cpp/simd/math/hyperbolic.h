// sinh, cosh, tanh, asinh, acosh, atanh, and the logistic functions sigmoid, log_sigmoid, softplus.
// Types: double, float. Range: all arguments. Max error 2 ulp (docs/ulp.md).
#pragma once

#include "simd/math/exp_log.h"

namespace wengert::simd::WG_TARGET {

// cosh and sinh of x = n ln2 + r from those of n ln2 and of r, halved so that nothing overflows early.
template <class V> struct SinhCosh {
  Pair<V> a, b;  // cosh(n ln2) / 2, sinh(n ln2) / 2
  Pair<V> sinh;  // of r
  V top;         // cosh(r) - 1
};
template <class T, int N> WG_INLINE SinhCosh<Vec<T, N>> sinh_cosh_parts(Vec<T, N> magnitude) {
  using V = Vec<T, N>;
  const V x = clamp(magnitude, V(T(0)), V(sizeof(T) == 8 ? T(710.6) : T(89.6)));
  const V n = rint(x * Ln2<T>::inverse);
  const V t = fma(n, -Ln2<T>::hi, x), r = fma(n, -Ln2<T>::lo, t), lo = fma(n, -Ln2<T>::lo, t - r), z = r * r;
  const V up = pow2(n - T(2)), down = pow2(-clamp(n, V(T(0)), V(T(100))) - T(2));
  return {fast_two_sum(up, down), fast_two_sum(up, -down), fast_two_sum(r, fma(r * z, poly<SinhPoly<T>>(z), lo)),
          z * poly<CoshPoly<T>>(z)};
}

template <class T, int N> WG_INLINE Vec<T, N> sinh(Vec<T, N> x) {
  const auto p = sinh_cosh_parts(abs(x));
  Vec<T, N> rest = fma(p.b.hi, p.top, p.b.lo);
  if constexpr (!has_fma) rest = rest + p.a.hi * p.sinh.lo;  // there the next product is rounded as well
  const Vec<T, N> y = p.b.hi + fma(p.a.hi, p.sinh.hi, rest);
  return select(abs(x) < Format<T>::tiny * T(4), x, copysign(y + y, x));
}

template <class T, int N> WG_INLINE Vec<T, N> cosh(Vec<T, N> x) {
  const auto p = sinh_cosh_parts(abs(x));
  const Vec<T, N> y = p.a.hi + fma(p.b.hi, p.sinh.hi, fma(p.a.hi, p.top, p.a.lo));
  return y + y;
}

// |x| = n ln2 / 2 + r, and tanh of the sum by the addition theorem: with t = tanh(r) and s = 2^n it is
// y / (y + 2 - 2 t), y = s - 1 + (s + 1) t: t itself for n = 0, and where the result is near 1 the rounding of y is in
// the denominator too. n is rounded down a little, r in [-0.09, 0.26], so that the sum y cancels little.
template <class T, int N> WG_INLINE Vec<T, N> tanh(Vec<T, N> x) {
  using V = Vec<T, N>;
  constexpr T hi = Ln2<T>::hi / 2, lo = Ln2<T>::lo / 2;
  const V a = smaller(V(sizeof(T) == 8 ? T(22) : T(10)), abs(x));
  const V n = rint(fma(a, 2 * Ln2<T>::inverse, T(-0.25)));
  // One rounding where the product has none: what it leaves matters to no result above 0.25.
  const V r = has_fma ? fma(n, -(hi + lo), a) : (a - n * hi) - n * lo;
  const V s = pow2(n), z = r * r, t = fma(r * z, poly<TanhPoly<T>>(z), r), y = fma(s + T(1), t, s - T(1));
  return with_sign(y / (y + fma(t, T(-2), T(2))), x);
}

#if defined(__AVX512F__)
// 1 / (1 + exp(-x)); what is lost of the sum to half an ulp, where exp(-x) is less than 1 to a quarter of one.
template <class T, int N> WG_INLINE Vec<T, N> sigmoid_tabled(Vec<T, N> x) {
  using V = Vec<T, N>;
  constexpr T edge = sizeof(T) == 8 ? T(-700) : T(-80);  // below exp(-x) is about to overflow, and exp(x) the result
  V y = inverse(fast_two_sum(close_exp(-x), V(T(1))));
  if (__builtin_expect(any_below(x, edge), 0)) y = select(x < edge, exp(x), y);
  return y;
}
#endif

template <class T, int N> WG_INLINE Vec<T, N> sigmoid(Vec<T, N> x) {
  using V = Vec<T, N>;
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    return sigmoid_tabled(x);
  }
#endif
  const auto p = exp_parts_exact(clamp(-abs(x), V(exp_min<T>), V(T(0))));
  const V q = p.r + p.rest;
  const auto e = fast_two_sum(V(T(1)), q);
  const V s = pow2(select(p.n < T(-100), V(T(-100)), p.n)), d = fma(s, q, s + T(1));
  const V n = select(x < 0, e.hi, V(T(1))), y = n / d;
  // What the roundings of numerator, denominator and quotient left; 1 / d is y itself or 1 - s y.
  const auto back = two_prod(y, d);
  const V lost = ((n - back.hi) - back.lo) + (select(x < 0, e.lo, V(T(0))) - y * fma(s, q, (s + T(1)) - d));
  return scale(fma(lost, select(x < 0, T(1) - s * y, y), y), select(x < 0, p.n, V(T(0))));
}

// sigmoid(x) sigmoid(-x), its derivative, from one exponential.
template <class T, int N> WG_INLINE Vec<T, N> sigmoid_slope(Vec<T, N> x) {
  using V = Vec<T, N>;
  const V e = exp(-abs(x)), d = e + V(T(1));
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    const V y = inverse(Pair<V>{d, V(T(0))});
    return e * y * y;
  }
#endif
  const V y = V(T(1)) / d;
  return e * y * y;
}

template <class T, int N> WG_INLINE Vec<T, N> softplus(Vec<T, N> x) {
  using V = Vec<T, N>;
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    const auto p = close_power(short_exp<ShortExpPoly<T>>(-abs(x)));
    const V e = fma(p.hi, p.lo, p.hi);
    return larger(V(T(0)), x) + log1p_tabled(e, fma(p.hi, p.lo, p.hi - e), V(T(0)));
  }
#endif
  return select(x < 0, V(T(0)), x) + log1p(exp(-abs(x)));
}

template <class T, int N> WG_INLINE Vec<T, N> log_sigmoid(Vec<T, N> x) { return -softplus(-x); }

// Where x is above this, asinh and acosh are log(2 x) and the square would only overflow.
template <class T> inline constexpr T hyperbolic_big = sizeof(T) == 8 ? T(0x1p28) : T(0x1p14);

template <class T, int N> WG_INLINE Vec<T, N> asinh(Vec<T, N> x) {
  using V = Vec<T, N>;
  const V zero(T(0)), one(T(1)), a = abs(x), z = a * a;
  const V small = fma(a * z, poly<AsinhPoly<T>>(z), a);
  const auto big = a > hyperbolic_big<T>;
  const V c = select(big, one, a);
  const auto square = two_prod(c, c), sum = two_sum(one, square.hi);
  const auto root = sqrt_pair(Pair<V>{sum.hi, sum.lo + square.lo});
  const auto u = two_sum(c, root.hi);  // log(u) = log1p(u - 1): u >= 1 here
  const auto h = two_sum(u.hi, -one);
  const V y =
      log1p_pair(select(big, a - one, h.hi), select(big, zero, h.lo + (u.lo + root.lo)), select(big, one, zero));
  return copysign(select(a < T(0.5), small, select(a < Format<T>::inf, y, a)), x);
}

template <class T, int N> WG_INLINE Vec<T, N> acosh(Vec<T, N> x) {
  using V = Vec<T, N>;
  const V zero(T(0)), one(T(1));
  const auto big = x > hyperbolic_big<T>;
  const V t = select(big, one, x - one);
  const auto square = two_prod(t, t), sum = two_sum(t + t, square.hi);  // x^2 - 1 = t (t + 2)
  const auto root = sqrt_pair(Pair<V>{sum.hi, sum.lo + square.lo});
  const auto h = two_sum(t, root.hi);
  const V y = log1p_pair(select(big, x - one, h.hi), select(big, zero, h.lo + root.lo), select(big, one, zero));
  return select(x < T(1), V(Format<T>::nan), select(x < Format<T>::inf, y, x));
}

template <class T, int N> WG_INLINE Vec<T, N> atanh(Vec<T, N> x) {
  using V = Vec<T, N>;
  const V a = abs(x), n = a + a;  // atanh(a) = log1p(2 a / (1 - a)) / 2
  const auto d = two_sum(V(T(1)), -a);
  const V q = ratio(n, d.hi);
  const auto p = two_prod(q, d.hi);
  const V rest = rough_quotient(((n - p.hi) - p.lo) - q * d.lo, d.hi);
  const V y = log1p_pair(q, rest) * T(0.5);
  const V edge = select(a > T(1), V(Format<T>::nan), select(a == T(1), V(Format<T>::inf), a));
  const V r = select(a < T(1), y, edge);
  return select(a < (sizeof(T) == 8 ? T(0x1p-300) : T(0x1p-30)), x, copysign(r, x));
}

}  // namespace wengert::simd::WG_TARGET
