// Sums and products with their rounding errors, and polynomials: what the mathematics is built from.
#pragma once

#include "simd/lanes/vec.h"

namespace wengert::simd::WG_TARGET {

// hi + lo, lo at most half an ulp of hi.
template <class V> struct Pair {
  V hi, lo;
};

template <class V> WG_INLINE Pair<V> two_sum(V a, V b) {
  const V s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}
// Where |a| >= |b| or a is 0.
template <class V> WG_INLINE Pair<V> fast_two_sum(V a, V b) {
  const V s = a + b;
  return {s, (a - s) + b};
}
template <class T, int N> WG_INLINE Pair<Vec<T, N>> two_prod(Vec<T, N> a, Vec<T, N> b) {
  using V = Vec<T, N>;
  const V p = a * b;
  if constexpr (has_fma) {
    return {p, fma(a, b, -p)};
  } else {  // Dekker
    const V c(sizeof(T) == 8 ? T(134217729) : T(4097));
    const V ta = c * a, tb = c * b, ah = ta - (ta - a), bh = tb - (tb - b), al = a - ah, bl = b - bh;
    return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
  }
}
// c[0] + c[1] x + …: even and odd powers side by side, which halves the chain of dependent operations.
template <class Coefficients, class T, int N> WG_INLINE Vec<T, N> poly(Vec<T, N> x) {
  constexpr int n = int(sizeof(Coefficients::c) / sizeof(T));
  using V = Vec<T, N>;
  if constexpr (n < 4) {
    V r(Coefficients::c[n - 1]);
#pragma GCC unroll 64
    for (int i = n - 2; i >= 0; --i) r = fma(r, x, V(Coefficients::c[i]));
    return r;
  } else {
    constexpr int top = n - 1, even_top = top % 2 == 0 ? top : top - 1, odd_top = top % 2 == 1 ? top : top - 1;
    const V z = x * x;
    V even(Coefficients::c[even_top]), odd(Coefficients::c[odd_top]);
#pragma GCC unroll 64
    for (int i = even_top - 2; i >= 0; i -= 2) even = fma(even, z, V(Coefficients::c[i]));
#pragma GCC unroll 64
    for (int i = odd_top - 2; i >= 1; i -= 2) odd = fma(odd, z, V(Coefficients::c[i]));
    return fma(odd, x, even);
  }
}

// How a number of type T is laid out.
template <class T> struct Format;
template <> struct Format<double> {
  static constexpr int mantissa_bits = 52, bias = 1023;
  static constexpr double shifter = 0x1.8p52;  // x + shifter has rint(x) in its last bits
  static constexpr double tiny = 0x1p-1022, inf = __builtin_inf(), nan = __builtin_nan("");
};
template <> struct Format<float> {
  static constexpr int mantissa_bits = 23, bias = 127;
  static constexpr float shifter = 0x1.8p23f;
  static constexpr float tiny = 0x1p-126f, inf = __builtin_inff(), nan = __builtin_nanf("");
};

// 2^n for an integral n in the range of normal exponents.
template <class T, int N> WG_INLINE Vec<T, N> pow2(Vec<T, N> n) {
  return from_bits<T, N>(to_bits(n + (Format<T>::shifter + T(Format<T>::bias))) << Format<T>::mantissa_bits);
}

// x 2^n, n integral: overflows to inf and underflows through the subnormal numbers with one rounding.
template <class T, int N> WG_INLINE Vec<T, N> scale(Vec<T, N> x, Vec<T, N> n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) * N == 64 && sizeof(T) == 8) {
    return Vec<T, N>::from_raw(Raw<T, N>(_mm512_scalef_pd(__m512d(x.v), __m512d(n.v))));
  } else if constexpr (sizeof(T) * N == 64) {
    return Vec<T, N>::from_raw(Raw<T, N>(_mm512_scalef_ps(__m512(x.v), __m512(n.v))));
  }
#endif
  const Vec<T, N> half = trunc(n * T(0.5));
  return (x * pow2(half)) * pow2(n - half);
}

// x between lo and hi; a NaN stays.
template <class V> WG_INLINE V clamp(V x, V lo, V hi) { return smaller(hi, larger(lo, x)); }

// f computed in double for lanes of float, each half at a time: exact to half an ulp and a little.
template <int N, class F> WG_INLINE Vec<float, N> in_double(F f, Vec<float, N> x) {
  if constexpr (N > lanes<double> && N > 1) {
    return join(in_double(f, half<0>(x)), in_double(f, half<1>(x)));
  } else {
    return convert<float>(f(convert<double>(x)));
  }
}
template <int N, class F> WG_INLINE Vec<float, N> in_double(F f, Vec<float, N> x, Vec<float, N> y) {
  if constexpr (N > lanes<double> && N > 1) {
    return join(in_double(f, half<0>(x), half<0>(y)), in_double(f, half<1>(x), half<1>(y)));
  } else {
    return convert<float>(f(convert<double>(x), convert<double>(y)));
  }
}

}  // namespace wengert::simd::WG_TARGET
