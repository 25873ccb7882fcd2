// logaddexp. Types: double, float. Range: all arguments. Max error 2 ulp, also where exp(a) + exp(b) is next to 1 and
// the result next to 0; if |exp(a) + exp(b) - 1| is less than 2^-92 of |exp(a) - 1|, 2^-144 of that.
#pragma once

#include "simd/math/extended.h"

namespace wengert::simd::WG_TARGET {

// exp(-d) and top + log(1 + exp(-d)), d of two parts and not below 0. The sum of top and the largest part of the
// logarithm is exact where the two cancel: what is left of the error is that of the smaller part.
#if defined(__AVX512F__)
template <class T, int N> WG_INLINE Pair<Vec<T, N>> exp_pair_tabled(Vec<T, N> hi, Vec<T, N> lo) {
  using V = Vec<T, N>;
  const V x = larger(-hi, V(exp_min<T>));
  const V counter = fma(x, Ln2<T>::inverse, sixteenth_shifter<T>), n = counter - sixteenth_shifter<T>;
  const V t = fma(n, -Ln2<T>::hi, x), r = fma(n, -Ln2<T>::lo, t), r_lo = fma(n, -Ln2<T>::lo, t - r) - lo;
  const auto i = to_bits(counter);
  const V power = scale_floor(lookup(ExpPowers<T>::c, i), n);
  const auto q = fast_two_sum(r, fma(r * r, poly<ShortExpm1Poly<T>>(r), lookup(ExpPowersLow<T>::c, i) + r_lo));
  const V e = fma(power, q.hi, power);
  return {e, fma(power, q.lo, fma(power, q.hi, power - e))};
}
template <class T, int N> WG_INLINE Vec<T, N> plus_softplus_tabled(Vec<T, N> top, Vec<T, N> hi, Vec<T, N> lo) {
  using V = Vec<T, N>;
  constexpr T ln2_lo = sizeof(T) == 8 ? T(0x1.abc9e3b39803fp-56) : T(-0x1.05c610p-29);
  const auto e = exp_pair_tabled(hi, lo);
  constexpr T below_two = sizeof(T) == 8 ? T(0x1.fffffffffffffp+0) : T(0x1.fffffep+0);
  const V u = smaller(e.hi + T(1), V(below_two)), lost = (e.hi - (u - T(1))) + e.lo, m = mantissa(u);
  const auto i = to_bits(m) >> (Format<T>::mantissa_bits - 4);
  const V inverse = lookup(LogInverse<T>::c, i), p = m * inverse, f_hi = p - T(1);
  // m is u / 2 from 1.5 on, where the number from the table has ln2 in it, rounded.
  const auto half = u >= T(1.5);
  const V f_lo = fma(select(half, lost * T(0.5), lost), inverse, fma(m, inverse, -p)), f = f_hi + f_lo;
  const V rest = f_hi + fma(f * f, poly<LogShortPoly<T>>(f), select(half, f_lo + ln2_lo, f_lo));
  const auto sum = two_sum(top, lookup(LogCentre<T>::c, i));
  return sum.hi + (sum.lo + rest);
}
#endif
template <class T, int N> WG_INLINE Vec<T, N> plus_softplus(Vec<T, N> top, Vec<T, N> hi, Vec<T, N> lo) {
  using V = Vec<T, N>;
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    return plus_softplus_tabled(top, hi, lo);
  }
#endif
  const auto p = exp_parts_exact(larger(-hi, V(exp_min<T>)));
  const auto q = fast_two_sum(p.r, p.rest), e = fast_two_sum(V(T(1)), q.hi);
  const V h = scale(e.hi, p.n), l = scale(fma(-lo, e.hi, e.lo + q.lo), p.n);
  const auto u = fast_two_sum(V(T(1)), h);
  const auto far = u.hi > T(1.41421356237309504880);
  const V f = select(far, fma(u.hi, T(0.5), T(-1)), h), g = select(far, f + Ln2<T>::hi, h);  // both exact
  const V tail = select(far, (u.lo + l) * T(0.5), l);
  const auto r = log_rest(f);
  const V s = r.lo, slope = (V(T(1)) - s) * (V(T(1)) - s + s * s);  // 1 / (1 + f), nearly
  const auto sum = two_sum(top, g);
  return sum.hi + (sum.lo - (r.hi - fma(tail, slope, select(far, V(Ln2<T>::lo), V(T(0))))));
}

// Right to 2 ulp unless the result is small beside the operands: its error is below 2^-55 (float: 2^-26) at any rate.
template <class T, int N> WG_INLINE Vec<T, N> logaddexp_quick(Vec<T, N> a, Vec<T, N> b) {
  using V = Vec<T, N>;
  const V top = max(a, b);
  const auto d = two_sum(top, -smaller(a, b));
  return select(d.hi < Format<T>::inf, plus_softplus(top, d.hi, d.lo), top + T(0));
}

// exp(x) - 1 and exp(x), times a power of two, which must be 1 where exp(x) - 1 is asked for.
template <class X> WG_INLINE X exp_extended(LaneOf<X> x, LaneOf<X> twos, LaneOf<X> less) {
  using V = LaneOf<X>;
  const V n = rint(x * Ln2<double>::inverse), power = pow2(n + twos);
  const X r = widened<X>(x) - widened<X>(n) * constant<X>(GammaConstants::c[0]);
  return times_each(r * series<ExpSeries>(r), power) + widened<X>(power - less);
}

// log1p(S - 1) with S - 1 = (exp(top) - 1) + exp(low), for low <= top < 0.
template <class X> WG_INLINE LaneOf<X> logaddexp_extended(LaneOf<X> top, LaneOf<X> low) {
  using V = LaneOf<X>;
  // For a tiny top both terms are times 2^500, lest their parts underflow. Else terms below 2^-500 do not count.
  const auto tiny = top > -0x1p-300;
  const V zero(0), up = select(tiny, V(500), zero);
  const X head = exp_extended<X>(select(tiny, zero, top), zero, V(1)) + widened<X>(select(tiny, top * 0x1p500, zero));
  const X s = head + exp_extended<X>(larger(low, select(tiny, V(-746), V(-400))), up, zero);
  V lower;
  if constexpr (in_pairs<X>) {
    lower = s.lo;
  } else {
    lower = s.mid + s.lo;
  }
  return select(tiny, (s.hi + lower) * 0x1p-500, log1p_pair(s.hi, lower));
}

// From this size on the quick result is right, and below it if it is no smaller than the logarithm it is the sum with.
template <class T, int N> inline constexpr T logaddexp_cancelled = has_tables<T, N> ? T(0.03125) : T(0.125);
template <class T, int N> WG_INLINE typename Vec<T, N>::Mask cancelled(Vec<T, N> top, Vec<T, N> y) {
  return abs(y) < smaller(y - top, Vec<T, N>(logaddexp_cancelled<T, N>));
}

template <class V> __attribute__((noinline)) void logaddexp_beside_zero(const V& top, const V& low, V& result) {
  result = select(abs(result) < top * -0x1p-12, logaddexp_extended<Triple<V>>(top, low), result);
}
template <int N> WG_INLINE void mend_logaddexp(Vec<double, N> top, Vec<double, N> low, Vec<double, N>& y) {
  const auto again = cancelled(top, y);
  if (!any(again)) return;
  const Vec<double, N> one(1), t = select(again, top, -one), l = select(again, low, -one);
  Vec<double, N> r = logaddexp_extended<Pair<Vec<double, N>>>(t, l);
  if (any(abs(r) < t * -0x1p-12)) logaddexp_beside_zero(t, l, r);
  y = select(again, r, y);
}
// In doubles what is left of two floats that cancel is right unless it is less than 2^-27 of them.
template <int N> WG_INLINE void mend_logaddexp(Vec<float, N> top, Vec<float, N> low, Vec<float, N>& y) {
  const auto again = cancelled(top, y);
  if (!any(again)) return;
  const auto in_doubles = [](auto t, auto l) __attribute__((always_inline)) {
    using W = decltype(t);
    W r = logaddexp_quick(t, l);
    const auto small = abs(r) < t * -0x1p-27;
    if (any(small)) r = select(small, logaddexp_extended<Pair<W>>(t, l), r);
    return r;
  };
  y = select(again, in_double(in_doubles, top, low), y);
}
template <class V> __attribute__((noinline)) void mend_cancelled(const V& a, const V& b, V& y) {
  mend_logaddexp(larger(a, b), smaller(a, b), y);
}

template <class T, int N> WG_INLINE Vec<T, N> logaddexp(Vec<T, N> a, Vec<T, N> b) {
  Vec<T, N> y = logaddexp_quick(a, b);
  constexpr T limit = logaddexp_cancelled<T, N>;
  bool small;
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    small = any_below(abs(y), limit);
  } else
#endif
    small = any(abs(y) < limit);
  if (__builtin_expect(small, 0)) mend_cancelled(a, b, y);
  return y;
}

}  // namespace wengert::simd::WG_TARGET
