// erf, erfc, erfinv, gelu.
// Types: double, float. Range: all arguments, tails included. Max error 2 ulp (docs/ulp.md).
#pragma once

#include "simd/math/exp_log.h"

namespace wengert::simd::WG_TARGET {

template <int N> WG_INLINE Vec<double, N> erf_small(Vec<double, N> a) {
  return fma(a, poly<ErfPoly<double>>(a * a), a);
}

// (1 + 2 a) exp(a^2) erfc(a) for a >= 0.
template <int N> WG_INLINE Pair<Vec<double, N>> erfc_scaled(Vec<double, N> a) {
  const Vec<double, N> y = (a - 4) / (a + 4);
  return fast_two_sum(Vec<double, N>(erfc_middle), fma(y, poly<ErfcPoly<double>>(y), erfc_middle_lo));
}

// erfc(a) = 2^n (m + m_lo) for a >= 0, given a and a^2 in two parts.
template <class V> struct ErfcParts {
  V m, m_lo, n;
};
template <int N> WG_INLINE ErfcParts<Vec<double, N>> erfc_parts(Pair<Vec<double, N>> x, Pair<Vec<double, N>> square) {
  using V = Vec<double, N>;
  const V a = x.hi;
  const auto p = erfc_scaled(a), d = two_sum(V(1), a + a);
  const V q = ratio(p.hi, d.hi);
  const auto back = two_prod(q, d.hi);
  const V q_lo = rough_quotient(((p.hi - back.hi) - back.lo) + (p.lo - q * (d.lo + 2 * x.lo)), d.hi);
  const V n = rint(square.hi * -Ln2<double>::inverse);
  const V t = fma(n, -Ln2<double>::hi, -square.hi), r = fma(n, -Ln2<double>::lo, t);
  const V rr = r * r, ep = poly<ExpPoly<double>>(r), low = fma(n, -Ln2<double>::lo, t - r) - square.lo;
  const V rest = fma(rr, ep, fma(low, fma(rr, ep, r), low));  // exp(r) - 1 + low exp(r), less r
  const auto m = fast_two_sum(q, fma(q, r, fma(q, rest, q_lo)));
  // 1 - erf(a): gelu, which goes on with it, needs what the sums leave.
  const V z = a * a, slope = fma(z, fma(z, 0.564, -1.128), 1.128);  // of erf, a few bits
  const auto y = fast_two_sum(a, a * poly<ErfPoly<double>>(z));
  const auto small = a < 0.7;
  return {select(small, 1 - y.hi, m.hi), select(small, -fma(x.lo, slope, y.lo), m.lo), select(small, V(0), n)};
}

template <class T, int N> WG_INLINE Vec<T, N> erfc(Vec<T, N> x) {
  using V = Vec<T, N>;
  if constexpr (sizeof(T) == 4) {
    return in_double([](auto v) { return erfc(v); }, x);
  } else {
    const V a = clamp(abs(x), V(0), V(28));
    const auto p = erfc_parts(Pair<V>{a, V(0)}, two_prod(a, a));
    const V y = scale(p.m, p.n);
    return select(x < 0, 2 - y, y);
  }
}

#if defined(__AVX512F__)
// Sixteen polynomials, a lane taking the coefficients of its interval from registers: a third of the instructions.
template <class T, int N> WG_INLINE Vec<T, N> erf_tabled(Vec<T, N> x) {
  using V = Vec<T, N>;
  using Tables = ErfTables<T>;
  constexpr int last = int(sizeof(Tables::c) / sizeof(Tables::c[0])) - 1;
  const V a = smaller(V(T(15.4) / Tables::inverse_width), abs(x));  // erf is 1 from 5.9 (float: 3.9) on
  const auto i = to_bits(fma(a, Tables::inverse_width, Format<T>::shifter));
  const V t = a - lookup(Tables::c[0], i), z = t * t;
  constexpr bool even = last % 2 == 1;  // the highest power, last - 3
  V one = lookup(Tables::c[last], i), other = lookup(Tables::c[last - 1], i);
#pragma GCC unroll 16
  for (int k = last - 2; k >= 3; k -= 2) {
    one = fma(one, z, lookup(Tables::c[k], i));
    if (k > 3) other = fma(other, z, lookup(Tables::c[k - 1], i));
  }
  const V slope = even ? fma(other, t, one) : fma(one, t, other);
  return with_sign(fma(t, slope, fma(t, lookup(Tables::c[2], i), lookup(Tables::c[1], i))), x);
}
#endif

template <class T, int N> WG_INLINE Vec<T, N> erf(Vec<T, N> x) {
  using V = Vec<T, N>;
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    return erf_tabled(x);
  }
#endif
  if constexpr (sizeof(T) == 4) {
    return in_double([](auto v) { return erf(v); }, x);
  } else {
    const V a = clamp(abs(x), V(0), V(6)), z = a * a;
    // 1 - erfc(a), where erfc is small and needs no last bits
    const V e = exp(-z) * erfc_scaled(a).hi / (a + a + 1);
    return copysign(select(a < 0.7, erf_small(a), 1 - e), x);
  }
}

// Giles, "Approximating the erfinv function" (2011): x times a polynomial in w = -log(1 - x^2), or in its root far out.
// Random x are rarely beyond 0.999, so vectors without such a lane leave it at one polynomial (half the time).
template <class T, int N> WG_INLINE Vec<T, N> erfinv(Vec<T, N> x) {
  using V = Vec<T, N>;
  if constexpr (sizeof(T) == 4) {
    return in_double([](auto v) { return erfinv(v); }, x);
  } else {
    const V w = -log((1 - x) * (1 + x));
    V p = poly<ErfinvPoly<double>>(smaller(w, V(6.25)) - 3.125);
    const auto tail = w >= 6.25;
    if (__builtin_expect(any(tail), 0)) {
      const V s = sqrt(w);
      const V t = poly<ErfinvTailPoly<double>>(s - 3.25), far = poly<ErfinvFarPoly<double>>(s - 5);
      p = select(tail, select(w < 16, t, far), p);
    }
    return select(abs(x) == V(1), x * Format<double>::inf, select(w == w, x * p, w));
  }
}

// x times the normal distribution function.
template <class T, int N> WG_INLINE Vec<T, N> gelu(Vec<T, N> x) {
  using V = Vec<T, N>;
  if constexpr (sizeof(T) == 4) {
    return in_double([](auto v) { return gelu(v); }, x);
  } else {
    const V c = select(x < -39, V(-39), x);  // 0 from there on, without -inf times 0
    const V a = clamp(abs(c), V(0), V(39));
    const auto square = two_prod(a, a);
    const V root(0x1.6a09e667f3bcdp-1), root_lo(-0x1.bdd3413b26456p-55);  // of 1/2
    auto scaled = two_prod(a, root);
    scaled.lo = fma(a, root_lo, scaled.lo);
    const auto p = erfc_parts(scaled, Pair<V>{square.hi * 0.5, square.lo * 0.5});
    const V h = c * 0.5;
    const auto product = two_prod(h, p.m);
    const V left = select(a < 0x1p-500, h, scale(product.hi + fma(h, p.m_lo, product.lo), p.n));
    return select(x <= 0, left, select(x > 39, x, x - x * 0.5 * scale(p.m, p.n)));
  }
}

}  // namespace wengert::simd::WG_TARGET
