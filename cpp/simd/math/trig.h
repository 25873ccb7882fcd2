// sin, cos, tan, sinpi, cospi, asin, acos, atan, atan2.
// Types: double, float. Range: all arguments, with full reduction of huge angles. Max error 2 ulp (docs/ulp.md).
#pragma once

#include "simd/lanes/lookup.h"
#include "simd/math/coefficients.h"

namespace wengert::simd::WG_TARGET {

// pi/2 in pieces; the product of each of the first three with any k below 2^20 is exact.
inline constexpr double half_pi_1 = 0x1.921fb544p+0, half_pi_2 = 0x1.0b4611a6p-34, half_pi_3 = 0x1.3198a2ep-69,
                        half_pi_4 = 0x1.b839a252049c1p-104;
inline constexpr double half_pi_hi = 0x1.921fb54442d18p+0, half_pi_lo = 0x1.1a62633145c07p-54;
inline constexpr double angle_limit = 1e6;

// An angle x = k pi/2 + r, |r| <= pi/4, r in two parts; k modulo 4.
struct ReducedAngle {
  double k, r, lo;
};

// For |x| >= 2^19: the 192 bits of 2/pi that matter for x, times its 53-bit integer, give x / (pi/2) modulo 4.
inline __attribute__((noinline)) ReducedAngle reduce_huge(double x) {
  const uint64_t bits = __builtin_bit_cast(uint64_t, x);
  const int exponent = int(bits >> 52 & 2047);
  if (exponent == 2047) return {0, Format<double>::nan, 0};
  const uint64_t m = (bits & ((uint64_t(1) << 52) - 1)) | uint64_t(1) << 52;
  const int first = exponent - 1075 - 2 + 64;  // the window's first bit, counted from 64 zeros before the point
  uint64_t w[4];
  for (int i = 0; i < 4; ++i) {
    const int at = (first >> 6) + i, shift = first & 63;
    const uint64_t a = at == 0 ? 0 : two_over_pi[at - 1], b = two_over_pi[at];
    w[i] = shift == 0 ? a : a << shift | b >> (64 - shift);
  }
  // m * w modulo 2^192: two bits before the point, 190 after it.
  typedef unsigned __int128 u128;
  const u128 p2 = u128(m) * w[2], p1 = u128(m) * w[1] + uint64_t(p2 >> 64);
  const uint64_t high = m * w[0] + uint64_t(p1 >> 64);
  const uint64_t mid = uint64_t(p1), low = uint64_t(p2);
  int64_t k = int64_t(high >> 62);
  u128 fraction = u128(high << 2 | mid >> 62) << 64 | (mid << 2 | low >> 62);  // 128 bits after the point
  bool negative = false;
  if (fraction >> 127) {  // round to nearest: the rest is negative
    ++k;
    fraction = -fraction;
    negative = true;
  }
  double hi = 0, lo = 0;
  if (fraction != 0) {
    const uint64_t top = uint64_t(fraction >> 64);
    const int zeros = top ? __builtin_clzll(top) : 64 + __builtin_clzll(uint64_t(fraction));
    fraction <<= zeros;
    const double unit = __builtin_bit_cast(double, uint64_t(1023 - 53 - zeros) << 52);  // of the 53 leading bits
    hi = double(uint64_t(fraction >> 75)) * unit;
    lo = double(uint64_t(fraction >> 22) & ((uint64_t(1) << 53) - 1)) * (unit * 0x1p-53);
  }
  using V = Vec<double, 1>;
  const auto p = two_prod(V(hi), V(half_pi_hi));
  const double tail = p.lo.v + (hi * half_pi_lo + lo * half_pi_hi);
  const auto r = fast_two_sum(p.hi, V(tail));
  const double sign = (negative != (x < 0)) ? -1 : 1;
  return {double(x < 0 ? (4 - k) & 3 : k & 3), sign * r.hi.v, sign * r.lo.v};
}

template <class V> struct Reduced {
  V k, r, lo;
};

// The lanes above angle_limit, if any, reduced one by one; the others stay as they are. `parity` 0 or 1 asks for an
// even or odd k and |r| <= pi/2, -1 for any k and |r| <= pi/4.
template <int N> WG_INLINE void replace_huge(Vec<double, N> x, Reduced<Vec<double, N>>& out, int parity) {
  using V = Vec<double, N>;
  const auto huge = abs(x) > angle_limit;
  if (__builtin_expect(!any(huge), 1)) return;
  double xs[N], ks[N], rs[N], ls[N];
  x.store(xs);
  out.k.store(ks);
  out.r.store(rs);
  out.lo.store(ls);
  for (int i = 0; i < N; ++i) {
    if (!(__builtin_fabs(xs[i]) > angle_limit)) continue;
    ReducedAngle s = reduce_huge(xs[i]);
    if (parity >= 0 && (int(s.k) & 1) != parity) {
      const double side = s.r < 0 ? -1 : 1;
      using V1 = Vec<double, 1>;
      const auto r = two_sum(V1(s.r), V1(-side * half_pi_hi));
      s = {s.k + side, r.hi.v, r.lo.v + (s.lo - side * half_pi_lo)};
    }
    ks[i] = s.k;
    rs[i] = s.r;
    ls[i] = s.lo;
  }
  out = {V::load(ks), V::load(rs), V::load(ls)};
}

// x = k pi/2 + r for the given integral k.
template <int N> WG_INLINE Reduced<Vec<double, N>> subtract_half_turns(Vec<double, N> x, Vec<double, N> k) {
  const auto b = two_sum(x - k * half_pi_1, -(k * half_pi_2));
  const auto c = two_sum(b.hi, -(k * half_pi_3));
  const auto r = two_sum(c.hi, (c.lo + b.lo) - k * half_pi_4);
  return {k, r.hi, r.lo};
}
template <int N> WG_INLINE Reduced<Vec<double, N>> reduce_angle(Vec<double, N> x) {
  auto out = subtract_half_turns(x, rint(x * 0.63661977236758134308));
  replace_huge(x, out, -1);
  return out;
}

// float: with an even (Odd 0) or odd k, |r| <= pi/2; then sin alone, or cos alone, is the sine of r up to its sign,
// which is the last bit of counter: the shifter and k / 2 rounded up. The subtraction in double leaves r exact to half
// an ulp.
template <class V> struct ShortReduced {
  V counter, r;
};
template <int Odd, int N> WG_INLINE ShortReduced<Vec<float, N>> reduce_in_double(Vec<float, N> x) {
  if constexpr (N > lanes<double> && N > 1) {
    const auto a = reduce_in_double<Odd>(half<0>(x)), b = reduce_in_double<Odd>(half<1>(x));
    return {join(a.counter, b.counter), join(a.r, b.r)};
  } else {
    using D = Vec<double, N>;
    const D d = convert<double>(x), turns = d * 0.31830988618379067154;
    const D k = 2 * rint(turns - 0.5 * Odd) + double(Odd);  // + 0 makes 0 of -0, and leaves r = -0 alone
    Reduced<D> out{k, fma(k, D(-(half_pi_2 + half_pi_3)), fma(k, D(-half_pi_1), d)), D(0)};
    replace_huge(d, out, Odd);
    return {convert<float>((out.k + double(Odd)) * 0.5) + Format<float>::shifter, convert<float>(out.r)};
  }
}
// Out of line: few vectors have such a lane. Its neighbours stay as they are: no lane's result depends on another.
template <int Odd, int N>
__attribute__((noinline)) void reduce_outlier(const Vec<float, N>& x, typename Vec<float, N>::Mask far,
                                              ShortReduced<Vec<float, N>>& out) {
  const auto a = reduce_in_double<Odd>(x);
  out = {select(far, a.counter, out.counter), select(far, a.r, out.r)};
}
// Where products are exact in fma, pi/2 in three floats does for all but large x: the first difference is exact, the
// two roundings after it are of r.
inline constexpr float half_pi_f1 = 0x1.921fb6p+0f, half_pi_f2 = -0x1.777a5cp-25f, half_pi_f3 = -0x1.ee59dap-50f;
inline constexpr float float_angle_limit = 0x1p16f;
// The same, each part rounded down: subtracting 0 times them leaves -0 as it is.
inline constexpr float half_pi_d1 = 0x1.921fb4p+0f, half_pi_d2 = 0x1.4442d0p-24f, half_pi_d3 = 0x1.846988p-48f;

// pi/2 in two parts of either type.
template <class T> struct HalfPi {
  static constexpr T hi = T(half_pi_hi), lo = sizeof(T) == 8 ? T(half_pi_lo) : T(half_pi_f2);
};
template <int Odd, int N> WG_INLINE ShortReduced<Vec<float, N>> reduce_to_sine(Vec<float, N> x) {
  using V = Vec<float, N>;
  if constexpr (!has_fma) {
    return reduce_in_double<Odd>(x);
  } else {
    constexpr float shifter = Format<float>::shifter;
    const V counter = Odd ? fma(x, 0.318309886f, 0.5f) + V(shifter) : fma(x, 0.318309886f, shifter);
    const V n = counter - shifter, k = Odd ? fma(n, 2.0f, -1.0f) : n + n;
    ShortReduced<V> out{counter, fma(k, -half_pi_d3, fma(k, -half_pi_d2, fma(k, V(-half_pi_d1), x)))};
    const auto far = abs(x) > float_angle_limit;
    if (__builtin_expect(any(far), 0)) reduce_outlier<Odd>(x, far, out);
    return out;
  }
}

// The sine of r, |r| <= pi/2, with the other sign where counter is odd.
template <int N> WG_INLINE Vec<float, N> sine_of(ShortReduced<Vec<float, N>> a) {
  using V = Vec<float, N>;
  const V r = a.r;
  const auto z = two_prod(r, r);
  const V c(-0.16666667163372039794921875f), rest = fma(z.hi * z.hi, poly<WideSinPoly<float>>(z.hi), z.lo * c);
  const V y = fma(r, fma(z.hi, c, rest), r);
  return from_bits<float, N>(to_bits(y) ^ (to_bits(a.counter) << 31));
}

template <class T, int N> WG_INLINE Vec<T, N> sin_kernel(Vec<T, N> r, Vec<T, N> lo) {
  const Vec<T, N> z = r * r;
  return r + fma(r * z, poly<SinPoly<T>>(z), lo * (1 - z * T(0.5)));
}
template <class T, int N> WG_INLINE Vec<T, N> cos_kernel(Vec<T, N> r, Vec<T, N> lo) {
  using V = Vec<T, N>;
  const V z = r * r, h = z * T(0.5), w = V(T(1)) - h;
  return w + (((V(T(1)) - w) - h) + (z * z * poly<CosPoly<T>>(z) - r * lo));
}

// sin(k pi/2 + r + lo), k integral.
template <class T, int N> WG_INLINE Vec<T, N> sin_of(Vec<T, N> k, Vec<T, N> r, Vec<T, N> lo) {
  using V = Vec<T, N>;
  using I = IntVec<T, N>;
  const I q = to_bits(k + Format<T>::shifter);
  const V y = select((q & I(1)) != I(0), cos_kernel(r, lo), sin_kernel(r, lo));
  return from_bits<T, N>(to_bits(y) ^ ((q & I(2)) << (8 * int(sizeof(T)) - 2)));
}

template <class T, int N> WG_INLINE Vec<T, N> sin(Vec<T, N> x) {
  if constexpr (sizeof(T) == 4) {
    return sine_of(reduce_to_sine<0>(x));
  } else {
    const auto a = reduce_angle(x);
    return select(abs(x) < 0x1p-28, x, sin_of(a.k, a.r, a.lo));
  }
}
template <class T, int N> WG_INLINE Vec<T, N> cos(Vec<T, N> x) {
  if constexpr (sizeof(T) == 4) {
    return sine_of(reduce_to_sine<1>(x));
  } else {
    const auto a = reduce_angle(x);
    return sin_of(a.k + 1, a.r, a.lo);
  }
}
template <class T, int N> WG_INLINE Vec<T, N> tan(Vec<T, N> x);
template <int N>
__attribute__((noinline)) void tan_outlier(const Vec<float, N>& x, typename Vec<float, N>::Mask far, Vec<float, N>& y) {
  y = select(far, in_double([](auto v) { return tan(v); }, x), y);
}
template <class T, int N> WG_INLINE Vec<T, N> tan(Vec<T, N> x) {
  using V = Vec<T, N>;
  using I = IntVec<T, N>;
  if constexpr (sizeof(T) == 4) {
    if constexpr (!has_fma) {
      return in_double([](auto v) { return tan(v); }, x);
    } else {
      // What the second subtraction and the sum t round away is kept: the quotient would double it.
      const V k = rint(x * 0.636619772f), minus_k = -k;
      const auto p = two_prod(minus_k, V(half_pi_f2)), a = two_sum(fma(minus_k, V(half_pi_f1), x), p.hi);
      const auto sum = fast_two_sum(a.hi, a.lo + fma(minus_k, V(half_pi_f3), p.lo));
      const V r = sum.hi, z = r * r, beyond = fma(r * z, poly<TanPoly<float>>(z), sum.lo), t = r + beyond;
      const auto odd = (to_bits(k + Format<T>::shifter) & I(1)) != I(0);
      V y = select(odd, V(-1), t) / select(odd, t, V(1));
      y = fma(select(odd, y * y, V(0)), (r - t) + beyond, y);
      const auto far = abs(x) > float_angle_limit;
      if (__builtin_expect(any(far), 0)) tan_outlier(x, far, y);
      return select(abs(x) < 0x1p-13f, x, y);
    }
  } else {
    const auto a = reduce_angle(x);
    const V z = a.r * a.r, h = z * 0.5, w = V(1) - h;
    const auto s = fast_two_sum(a.r, fma(a.r * z, poly<SinPoly<T>>(z), a.lo * (1 - h)));
    const auto c = fast_two_sum(w, ((V(1) - w) - h) + (z * z * poly<CosPoly<T>>(z) - a.r * a.lo));
    const auto odd = (to_bits(a.k + Format<T>::shifter) & I(1)) != I(0);
    const V n = select(odd, -c.hi, s.hi), n_lo = select(odd, -c.lo, s.lo);
    const V d = select(odd, s.hi, c.hi), d_lo = select(odd, s.lo, c.lo);
    const V q = n / d;
    const auto back = two_prod(q, d);
    return select(abs(x) < T(0x1p-28), x, q + (((n - back.hi) - back.lo) + (n_lo - q * d_lo)) / d);
  }
}

// sin(pi x) and cos(pi x), exact at integers and halves.
template <int N> WG_INLINE Reduced<Vec<double, N>> reduce_pi(Vec<double, N> x) {
  using V = Vec<double, N>;
  const V y = x - 2 * trunc(x * 0.5);  // exact, and |y| < 2
  const V k = rint(y + y), t = y - k * 0.5;
  const V pi_hi(2 * half_pi_hi);
  const auto p = two_prod(t, pi_hi);
  return {k, p.hi, fma(t, V(2 * half_pi_lo), p.lo)};
}
template <class T, int N> WG_INLINE Vec<T, N> sinpi(Vec<T, N> x) {
  if constexpr (sizeof(T) == 4) {
    return in_double([](auto v) { return sinpi(v); }, x);
  } else {
    const auto a = reduce_pi(x);
    return select(x == 0, x, sin_of(a.k, a.r, a.lo));
  }
}
template <class T, int N> WG_INLINE Vec<T, N> cospi(Vec<T, N> x) {
  if constexpr (sizeof(T) == 4) {
    return in_double([](auto v) { return cospi(v); }, x);
  } else {
    const auto a = reduce_pi(x);
    return sin_of(a.k + 1, a.r, a.lo);
  }
}

// atan(n / d) for 0 <= n, 0 < d. A quotient above 0.66 is turned by pi/4 or pi/2, so that its own rounding counts
// little in the sum.
template <class T, int N> WG_INLINE Pair<Vec<T, N>> atan_quotient(Vec<T, N> n, Vec<T, N> d) {
  using V = Vec<T, N>;
  const auto big = n > d * T(2.41421356237309504880), mid = n > d * T(0.66);
  const V num = select(big, -d, select(mid, n - d, n)), den = select(big, n, select(mid, n + d, d));
  const V t = num / den, z = t * t;
  constexpr T quarter = HalfPi<T>::hi / 2, quarter_lo = HalfPi<T>::lo / 2;
  const V turns = select(big, V(T(2)), select(mid, V(T(1)), V(T(0))));
  return fast_two_sum(turns * quarter, fma(t * z, poly<AtanPoly<T>>(z), t) + turns * quarter_lo);
}
template <class T, int N> WG_INLINE Vec<T, N> atan(Vec<T, N> x) {
  return copysign(atan_quotient(abs(x), Vec<T, N>(T(1))).hi, x);
}

template <class T, int N> WG_INLINE Vec<T, N> atan2(Vec<T, N> y, Vec<T, N> x) {
  using V = Vec<T, N>;
  constexpr bool d64 = sizeof(T) == 8;
  V n = abs(y), d = abs(x);
  const auto both_inf = (n == Format<T>::inf) & (d == Format<T>::inf), both_zero = (n == 0) & (d == 0);
  n = select(both_inf, V(T(1)), n);
  d = select(both_inf | both_zero, V(T(1)), d);
  // Powers of two that keep sums finite and quotients of small numbers exact.
  const V large = select(n > d, n, d);
  const V by = select(large > (d64 ? T(0x1p1000) : T(0x1p120)), V(d64 ? T(0x1p-100) : T(0x1p-20)),
                      select(large < (d64 ? T(0x1p-900) : T(0x1p-80)), V(d64 ? T(0x1p200) : T(0x1p60)), V(T(1))));
  const auto a = atan_quotient(n * by, d * by);
  const auto back = fast_two_sum(V(2 * HalfPi<T>::hi), -a.hi);
  const V r = select(signbit(x), back.hi + (back.lo + (2 * HalfPi<T>::lo - a.lo)), a.hi);
  return select(isnan(x) | isnan(y), x + y, copysign(r, y));
}

// asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2)) for a > 1/2. The root s comes with its error.
template <class V> struct AsinParts {
  V half, s, rest;  // half: a > 1/2, as 1 or 0; asin of the reduced argument is s + rest
};
template <class T, int N> WG_INLINE AsinParts<Vec<T, N>> asin_parts(Vec<T, N> a) {
  using V = Vec<T, N>;
  const auto large = a > T(0.5);
  const V z = select(large, (V(T(1)) - a) * T(0.5), a * a);
  const auto root = sqrt_pair(Pair<V>{z, V(T(0))});
  const V s = select(large, root.hi, a), lo = select(large, root.lo, V(T(0)));
  return {select(large, V(T(1)), V(T(0))), s, fma(s * z, poly<AsinPoly<T>>(z), lo)};
}
template <class T, int N> WG_INLINE Vec<T, N> asin(Vec<T, N> x) {
  using V = Vec<T, N>;
  const auto p = asin_parts(abs(x));
  const auto base = fast_two_sum(V(HalfPi<T>::hi), T(-2) * p.s);
  const V y = select(p.half == 1, base.hi + (base.lo + (HalfPi<T>::lo - T(2) * p.rest)), p.s + p.rest);
  return copysign(y, x);
}
template <class T, int N> WG_INLINE Vec<T, N> acos(Vec<T, N> x) {
  using V = Vec<T, N>;
  const auto p = asin_parts(abs(x));
  const auto negative = x < 0;
  const V two_s = T(2) * p.s, two_rest = T(2) * p.rest;
  const auto base = fast_two_sum(V(2 * HalfPi<T>::hi), -two_s);
  const V far = select(negative, base.hi + (base.lo + (2 * HalfPi<T>::lo - two_rest)), two_s + two_rest);
  const V s = select(negative, -p.s, p.s), rest = select(negative, -p.rest, p.rest);
  const auto near = fast_two_sum(V(HalfPi<T>::hi), -s);
  return select(p.half == 1, far, near.hi + (near.lo + (HalfPi<T>::lo - rest)));
}

}  // namespace wengert::simd::WG_TARGET
