// exp, exp2, expm1, log, log2, log10, log1p.
// Types: double, float. Range: all arguments. Errors (docs/ulp.md has what is measured): at most 2 ulp, exp and
// the logarithms about 1.
#pragma once

#include "simd/lanes/lookup.h"
#include "simd/math/coefficients.h"

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

// The same with r to twice the precision and exp(r) = 1 + r + rest: for results near 0, where roundings would show.
template <class V> struct ExactExpParts {
  V n, r, rest;
};
template <class T, int N> WG_INLINE ExactExpParts<Vec<T, N>> exp_parts_exact(Vec<T, N> x) {
  const Vec<T, N> n = rint(x * Ln2<T>::inverse), t = fma(n, -Ln2<T>::hi, x), r = fma(n, -Ln2<T>::lo, t);
  const Vec<T, N> r_lo = fma(n, -Ln2<T>::lo, t - r);
  return {n, r, fma(r * r, poly<ExpPoly<T>>(r), r_lo)};
}

// Beyond these exp is inf and 0.
template <class T> inline constexpr T exp_max = sizeof(T) == 8 ? T(710) : T(89);
template <class T> inline constexpr T exp_min = sizeof(T) == 8 ? T(-746) : T(-104);

#if defined(__AVX512F__)
// With sixteen powers of two at hand: x = n ln2 + r, n a multiple of 1/16, |r| <= ln2 / 32; exp(x) = 2^floor(n) power
// (1 + q). Where x is too large for that, n says so alone: r is kept small, and scaling by 2^n does what is right.
template <class V> struct ShortExp {
  V counter, n, r, rest;  // n in the low bits of counter, in sixteenths; exp(r) - 1 = r + rest r^2
};
template <class T> inline constexpr T sixteenth_shifter = Format<T>::shifter / 16;
template <class Poly, class V> WG_INLINE ShortExp<V> short_exp_of(V counter, V n, V r) {
  r = limited(r, typename V::Scalar(0.03125));
  return {counter, n, r, poly<Poly>(r)};
}
template <class Poly, class T, int N> WG_INLINE ShortExp<Vec<T, N>> short_exp(Vec<T, N> x) {
  using V = Vec<T, N>;
  const V counter = fma(x, Ln2<T>::inverse, sixteenth_shifter<T>), n = counter - sixteenth_shifter<T>;
  return short_exp_of<Poly>(counter, n, fma(n, -Ln2<T>::lo, fma(n, -Ln2<T>::hi, x)));
}
template <class T, int N> WG_INLINE Vec<T, N> finish_exp(ShortExp<Vec<T, N>> e) {
  const auto power = lookup(ExpPowers<T>::c, to_bits(e.counter));
  return scale_floor(fma(power, fma(e.r * e.r, e.rest, e.r), power), e.n);
}
// With what the powers' rounding left, for functions that go on with exp(x) = hi + hi lo: 0.6 ulp.
template <class T, int N> WG_INLINE Pair<Vec<T, N>> close_power(ShortExp<Vec<T, N>> e) {
  const auto i = to_bits(e.counter);
  return {scale_floor(lookup(ExpPowers<T>::c, i), e.n), e.r + fma(e.r * e.r, e.rest, lookup(ExpPowersLow<T>::c, i))};
}
template <class T, int N> WG_INLINE Vec<T, N> close_exp(Vec<T, N> x) {
  const auto p = close_power(short_exp<ShortExpPoly<T>>(x));
  return fma(p.hi, p.lo, p.hi);
}
// exp(x) - 1: next to 0 the power is exactly 1, and beside that what its rounding left counts in full.
template <class T, int N> WG_INLINE Vec<T, N> close_expm1(Vec<T, N> x) {
  const auto e = short_exp<ShortExpm1Poly<T>>(x);
  const auto i = to_bits(e.counter);
  const auto power = scale_floor(lookup(ExpPowers<T>::c, i), e.n), low = lookup(ExpPowersLow<T>::c, i);
  return fma(power, e.r + fma(e.r * e.r, e.rest, fma(low, e.r, low)), power - T(1));
}
#endif

template <class T, int N> WG_INLINE Vec<T, N> exp(Vec<T, N> x) {
  using V = Vec<T, N>;
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    return finish_exp(short_exp<ShortExpPoly<T>>(x));
  }
#endif
  const auto p = exp_parts(clamp(x, V(exp_min<T>), V(exp_max<T>)));
  return scale(p.q + T(1), p.n);
}

template <class T, int N> WG_INLINE Vec<T, N> exp2(Vec<T, N> x) {
  using V = Vec<T, N>;
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    const V counter = x + sixteenth_shifter<T>, n = counter - sixteenth_shifter<T>;
    return finish_exp(short_exp_of<ShortExpPoly<T>>(counter, n, (x - n) * T(0.693147180559945309417)));
  }
#endif
  x = clamp(x, V(sizeof(T) == 8 ? T(-1076) : T(-151)), V(sizeof(T) == 8 ? T(1025) : T(129)));
  const V n = rint(x), f = x - n;
  return scale(exp_q(f * T(0.693147180559945309417)) + T(1), n);
}

// 2^n - 1 + 2^n r + 2^n rest, the smallest last; half of it, so that nothing overflows early.
template <class T, int N> WG_INLINE Vec<T, N> expm1(Vec<T, N> x) {
  using V = Vec<T, N>;
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    constexpr T edge = sizeof(T) == 8 ? T(700) : T(80);  // above 2^n is about to overflow, and 1 nothing beside exp(x)
    V y = copysign(close_expm1(x), x);
    if (__builtin_expect(any_below(-x, -edge), 0)) y = select(x > edge, exp(x), y);
    return y;
  }
#endif
  const auto p = exp_parts_exact(clamp(x, V(T(-60)), V(exp_max<T>)));
  const V s = pow2(p.n - T(1)), y = fma(s, p.rest, fma(s, p.r, s - T(0.5)));
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
// log(x) by x = 2^k m, m = c (1 + f), |f| <= 1/16, 1/c and log(c) from tables, c = 1 beside 1. floor(log2(x)), which is
// k - 1 where m < 1, does for k: the table knows. k ln2 is rounded together with log(c), so that one constant does.
template <class T, int N> WG_INLINE Vec<T, N> log_tabled(Vec<T, N> x) {
  using V = Vec<T, N>;
  const V m = mantissa(x);
  const auto i = to_bits(m) >> (Format<T>::mantissa_bits - 4);
  const V f = fma(m, lookup(LogInverse<T>::c, i), V(T(-1)));
  const V far = fma(exponent(x), V(T(0.693147180559945309417)), lookup(LogCentre<T>::c, i));
  return log_fixed(x, far + fma(f * f, poly<LogShortPoly<T>>(f), f));
}
// log(1 + h + l) + more_twos ln2, l small beside 1 + h; h >= -1.
template <class T, int N> WG_INLINE Vec<T, N> log1p_tabled(Vec<T, N> h, Vec<T, N> l, Vec<T, N> more_twos) {
  using V = Vec<T, N>;
  const V u = h + T(1), lost = (h - (u - T(1))) + l, m = mantissa(u);
  const auto i = to_bits(m) >> (Format<T>::mantissa_bits - 4);
  const V inverse = lookup(LogInverse<T>::c, i), down = from_bits<T, N>((to_bits(m) - to_bits(u)) + to_bits(V(T(1))));
  const V f = fma(lost * larger(down, V(T(0))), inverse, fma(m, inverse, V(T(-1))));
  const V far = fma(exponent(u) + more_twos, V(T(0.693147180559945309417)), lookup(LogCentre<T>::c, i));
  return log_fixed(u, far + fma(f * f, poly<LogShortPoly<T>>(f), f));
}
// The logarithms to base 2, exact for powers of two, and 10, whose log10(2) is needed in two parts: with k itself.
template <class T, int N> WG_INLINE Vec<T, N> log2_tabled(Vec<T, N> x) {
  using V = Vec<T, N>;
  const V m = mantissa(x);
  const auto i = to_bits(m) >> (Format<T>::mantissa_bits - 4);
  const V f = fma(m, lookup(LogTwoInverse<T>::c, i), V(T(-1))), far = exponent(x) + lookup(LogTwoCentre<T>::c, i);
  return log_fixed(x, far + fma(f, V(T(1.44269504088896340736)), f * f * poly<LogTwoShortPoly<T>>(f)));
}
template <class T, int N> WG_INLINE Vec<T, N> log10_tabled(Vec<T, N> x, T of_two, T of_two_lo, T of_e_lo) {
  using V = Vec<T, N>;
  const V m = mantissa(x), k = exponent(x) - exponent(m);
  const auto i = to_bits(m) >> (Format<T>::mantissa_bits - 4);
  const V f = fma(m, lookup(LogTenInverse<T>::c, i), V(T(-1)));
  const V far = fma(k, V(of_two), lookup(LogTenCentre<T>::c, i));
  const V low = fma(f, V(of_e_lo), fma(k, V(of_two_lo), f * f * poly<LogTenShortPoly<T>>(f)));
  return log_fixed(x, far + fma(f, V(T(0.434294481903251827651)), low));
}
#endif

template <class T, int N> WG_INLINE Vec<T, N> log(Vec<T, N> x) {
  using V = Vec<T, N>;
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    return log_tabled(x);
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
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    return log1p_tabled(h, l, more_twos);
  }
#endif
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
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    return copysign(log1p_tabled(x, V(T(0)), V(T(0))), x);
  }
#endif
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
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    return log2_tabled(x);
  }
#endif
  if constexpr (sizeof(T) == 8) {
    return log_to_base(x, 0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56, 1.0, 0.0);
  } else {
    return log_to_base(x, 0x1.715476p+0f, 0x1.4ae0c0p-26f, 1.0f, 0.0f);
  }
}
template <class T, int N> WG_INLINE Vec<T, N> log10(Vec<T, N> x) {
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    if constexpr (sizeof(T) == 8) {
      return log10_tabled(x, 0x1.34413509f79ffp-2, -0x1.9dc1da994fd21p-59, 0x1.95355baaafad3p-57);
    } else {
      return log10_tabled(x, 0x1.344136p-2f, -0x1.ec10c0p-27f, -0x1.5b235ep-27f);
    }
  }
#endif
  if constexpr (sizeof(T) == 8) {
    return log_to_base(x, 0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57, 0x1.34413509f8000p-2, -0x1.80433b83b532ap-44);
  } else {
    return log_to_base(x, 0x1.bcb7b2p-2f, -0x1.5b235ep-27f, 0x1.344p-2f, 0x1.3509f8p-18f);
  }
}

}  // namespace wengert::simd::WG_TARGET
