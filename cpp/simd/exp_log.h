// exp, exp2, expm1, log, log2, log10, log1p.
// Types: double, float. Range: all arguments. Errors (docs/ulp.md has what is measured): at most 2 ulp, exp and
// the logarithms about 1.
#pragma once

#include "simd/coefficients.h"
#include "simd/lookup.h"

namespace wengert::simd::WG_TARGET {

// ln 2 in two parts, the first with so few bits that its product with any exponent is exact.
template <class T> struct Ln2;
template <> struct Ln2<double> {
  static constexpr double hi = 0x1.62e42fefa4000p-1, lo = -0x1.8432a1b0e2634p-43, inverse = 0x1.71547652b82fep+0;
};
template <> struct Ln2<float> {
  static constexpr float hi = 0x1.62e8p-1f, lo = -0x1.e8082ep-16f, inverse = 0x1.715476p+0f;
};

// x = n ln2 + r, |r| <= ln2 / 2; exp(r) = 1 + q.
template <class V> struct ExpParts {
  V n, q;
};
template <class T, int N> WG_INLINE Vec<T, N> exp_q(Vec<T, N> r) { return fma(r * r, poly<ExpPoly<T>>(r), r); }
template <class T, int N> WG_INLINE ExpParts<Vec<T, N>> exp_parts(Vec<T, N> x) {
  const Vec<T, N> n = rint(x * Ln2<T>::inverse);
  return {n, exp_q(fma(n, -Ln2<T>::lo, fma(n, -Ln2<T>::hi, x)))};
}

// The same with r to twice the precision: for results near 0, where the rounding of r would show.
template <class T, int N> WG_INLINE ExpParts<Vec<T, N>> exp_parts_exact(Vec<T, N> x) {
  const Vec<T, N> n = rint(x * Ln2<T>::inverse), t = fma(n, -Ln2<T>::hi, x), r = fma(n, -Ln2<T>::lo, t);
  const Vec<T, N> r_lo = fma(n, -Ln2<T>::lo, t - r);
  return {n, fma(r * r, poly<ExpPoly<T>>(r), r_lo) + r};
}

// Beyond these exp is inf and 0.
template <class T> inline constexpr T exp_max = sizeof(T) == 8 ? T(710) : T(89);
template <class T> inline constexpr T exp_min = sizeof(T) == 8 ? T(-746) : T(-104);

#if defined(__AVX512F__)
// With sixteen powers of two at hand: x = n ln2 / 16 + r, |r| <= ln2 / 32, so exp(x) = 2^floor(n/16) power (1 + q).
template <class V> struct ShortExp {
  V sixteenths, power, q;  // n / 16, 2^(n/16 - floor(n/16)), exp(r) - 1
};
template <int N> WG_INLINE ShortExp<Vec<double, N>> short_exp(Vec<double, N> x) {
  using V = Vec<double, N>;
  constexpr double shifter = Format<double>::shifter, hi = Ln2<double>::hi / 16, lo = Ln2<double>::lo / 16;
  const V counter = fma(x, 16 * Ln2<double>::inverse, shifter), n = counter - shifter;
  const V r = fma(n, -lo, fma(n, -hi, x));
  return {n * 0.0625, lookup<ExpPowers<double>, double, N>(to_bits(counter)),
          fma(r * r, poly<ShortExpPoly<double>>(r), r)};
}
#endif

template <class T, int N> WG_INLINE Vec<T, N> exp(Vec<T, N> x) {
  using V = Vec<T, N>;
  x = clamp(x, V(exp_min<T>), V(exp_max<T>));
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 8 && has_tables<T, N>) {
    const auto e = short_exp(x);
    return scale_floor(fma(e.power, e.q, e.power), e.sixteenths);
  } else
#endif
  {
    const auto p = exp_parts(x);
    return scale(p.q + T(1), p.n);
  }
}

template <class T, int N> WG_INLINE Vec<T, N> exp2(Vec<T, N> x) {
  using V = Vec<T, N>;
  x = clamp(x, V(sizeof(T) == 8 ? T(-1076) : T(-151)), V(sizeof(T) == 8 ? T(1025) : T(129)));
  const V n = rint(x), f = x - n;
  return scale(exp_q(f * T(0.693147180559945309417)) + T(1), n);
}

// 2^n (1 + q) - 1 with 2^n - 1 kept apart; half of it, so that nothing overflows early.
template <class T, int N> WG_INLINE Vec<T, N> expm1(Vec<T, N> x) {
  using V = Vec<T, N>;
  const auto p = exp_parts_exact(clamp(x, V(T(-60)), V(exp_max<T>)));
  const V s = pow2(p.n - T(1)), y = fma(s, p.q, s - T(0.5));
  return select(abs(x) < Format<T>::tiny * T(4), x, y + y);
}

// x = 2^k m with m in [sqrt(1/2), sqrt(2)), for a positive normal x.
template <class V> struct LogParts {
  V k, m;
};
template <class T, int N> WG_INLINE LogParts<Vec<T, N>> log_parts(Vec<T, N> x) {
  using V = Vec<T, N>;
  using I = IntVec<T, N>;
  constexpr int bits = Format<T>::mantissa_bits;
  constexpr auto low = IntOf<int(sizeof(T))>((UnsignedOf<T>(1) << bits) - 1);
  const I root(__builtin_bit_cast(IntOf<int(sizeof(T))>, T(0.70710678118654752440)));
  const I t = to_bits(x) + (to_bits(V(T(1))) - root);
  constexpr T two_bits = T(UnsignedOf<T>(1) << bits);
  const V k = from_bits<T, N>((t >> bits) | to_bits(V(two_bits))) - (two_bits + T(Format<T>::bias));
  return {k, from_bits<T, N>((t & I(low)) + root)};
}
// Any positive x: subnormal numbers are scaled up first.
template <class T, int N> WG_INLINE LogParts<Vec<T, N>> log_parts_any(Vec<T, N> x) {
  constexpr T up = sizeof(T) == 8 ? T(0x1p54) : T(0x1p25);
  const auto small = x < Format<T>::tiny;
  auto p = log_parts(select(small, x * up, x));
  p.k = select(small, p.k - T(sizeof(T) == 8 ? 54 : 25), p.k);
  return p;
}

// With s = f / (2 + f): log(1 + f) = f - s (f - R(s^2)); this is s (f - R), and s.
template <class T, int N> WG_INLINE Pair<Vec<T, N>> log_rest(Vec<T, N> f) {
  const Vec<T, N> s = f / (f + T(2)), z = s * s;
  return {s * fma(-z, poly<LogPoly<T>>(z), f), s};
}
// k ln2 + log(1 + f + tail), |tail| at most an ulp of 1 + f.
template <class T, int N> WG_INLINE Vec<T, N> log_sum(Vec<T, N> k, Vec<T, N> f, Vec<T, N> tail) {
  const auto r = log_rest(f);
  const Vec<T, N> s = r.lo, slope = (Vec<T, N>(1) - s) * (Vec<T, N>(1) - s + s * s);  // 1 / (1 + f), nearly
  return k * Ln2<T>::hi - ((r.hi - fma(k, Vec<T, N>(Ln2<T>::lo), tail * slope)) - f);
}

// -inf at 0, NaN below, x itself for inf and NaN; `y` elsewhere.
template <class T, int N> WG_INLINE Vec<T, N> log_special(Vec<T, N> x, Vec<T, N> y) {
  using V = Vec<T, N>;
  const V edge = select(x == 0, V(-Format<T>::inf), select(x < 0, V(Format<T>::nan), x));
  return select((x > 0) & (x < Format<T>::inf), y, edge);
}

#if defined(__AVX512F__)
// k and c, f: x = 2^k c (1 + f), |f| <= 1/16, c from a table and 1 beside 1. Any positive x.
template <class V> struct TabledLog {
  V k, f, c, c_lo;  // c, c_lo: log(c) in two parts
};
template <class T, int N> WG_INLINE TabledLog<Vec<T, N>> log_tabled(Vec<T, N> x) {
  using V = Vec<T, N>;
  const V m = mantissa(x);
  const auto i = to_bits(m) >> (Format<T>::mantissa_bits - 4);
  return {exponent(x) - exponent(m), fma(m, lookup<LogInverse<T>, T, N>(i), T(-1)), lookup<LogCentre<T>, T, N>(i),
          lookup<LogCentreLo<T>, T, N>(i)};
}
#endif

template <class T, int N> WG_INLINE Vec<T, N> log(Vec<T, N> x) {
  using V = Vec<T, N>;
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    const auto p = log_tabled(x);
    const V s = p.f / (p.f + T(2)), z = s * s;
    const V low = fma(p.k, V(Ln2<T>::lo), p.c_lo), high = fma(p.k, V(Ln2<T>::hi), p.c);
    return log_fixed(x, high + (p.f + fma(-s, fma(-z, poly<ShortLogPoly<T>>(z), p.f), low)));
  }
#endif
  const auto of = [](LogParts<V> p) __attribute__((always_inline)) {
    const V f = p.m - T(1);
    return fma(p.k, V(Ln2<T>::hi), f - fma(p.k, V(-Ln2<T>::lo), log_rest(f).hi));
  };
  const auto plain = (x >= Format<T>::tiny) & (x < Format<T>::inf);
  if (__builtin_expect(all(plain), 1)) return of(log_parts(x));
  return log_special(x, of(log_parts_any(x)));
}

// log(1 + h + l).
template <class T, int N>
WG_INLINE Vec<T, N> log1p_pair(Vec<T, N> h, Vec<T, N> l, Vec<T, N> more_twos = Vec<T, N>(T(0))) {
  using V = Vec<T, N>;
  const auto u = two_sum(V(T(1)), h);
  const auto p = log_parts(u.hi);
  const auto whole = p.k == 0;
  const V f = select(whole, h, p.m - T(1));
  constexpr T most = T(Format<T>::bias - 1);
  const V down = pow2(-clamp(p.k, V(-most), V(most)));
  const V tail = select(whole, l, (u.lo + l) * down);
  return log_sum(p.k + more_twos, f, tail);
}

template <class T, int N> WG_INLINE Vec<T, N> log1p(Vec<T, N> x) {
  using V = Vec<T, N>;
  const V y = log_special(x + T(1), log1p_pair(x, V(T(0))));
  return select(abs(x) < Format<T>::tiny * T(4), x, y);
}

// log(x) / log(base): the logarithm of m in two parts times the inverse in two parts, plus k.
template <class T, int N> WG_INLINE Vec<T, N> log_to_base(Vec<T, N> x, T inverse, T inverse_lo, T two_hi, T two_lo) {
  using V = Vec<T, N>;
  const auto p = log_parts_any(x);
  const V f = p.m - T(1);
  const auto l = fast_two_sum(f, -log_rest(f).hi);
  const auto w = two_prod(l.hi, V(inverse));
  const V low = fma(l.hi, V(inverse_lo), fma(l.lo, V(inverse), fma(p.k, V(two_lo), w.lo)));
  const auto sum = fast_two_sum(p.k * two_hi, w.hi);
  return log_special(x, sum.hi + (sum.lo + low));
}
template <class T, int N> WG_INLINE Vec<T, N> log2(Vec<T, N> x) {
  if constexpr (sizeof(T) == 8) {
    return log_to_base(x, 0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56, 1.0, 0.0);
  } else {
    return log_to_base(x, 0x1.715476p+0f, 0x1.4ae0c0p-26f, 1.0f, 0.0f);
  }
}
template <class T, int N> WG_INLINE Vec<T, N> log10(Vec<T, N> x) {
  if constexpr (sizeof(T) == 8) {
    return log_to_base(x, 0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57, 0x1.34413509f8000p-2, -0x1.80433b83b532ap-44);
  } else {
    return log_to_base(x, 0x1.bcb7b2p-2f, -0x1.5b235ep-27f, 0x1.344p-2f, 0x1.3509f8p-18f);
  }
}

}  // namespace wengert::simd::WG_TARGET
