// What AVX-512 adds to lanes and the mathematics is written around where it is there: tables of sixteen numbers held in
// registers, the parts of a number and rough inverses in one instruction. `has_tables`: does the target have them;
// the branches for other targets spend longer polynomials instead.
#pragma once

#include "simd/math/double_double.h"

namespace wengert::simd::WG_TARGET {

#if defined(__AVX512F__)
template <class T, int N> inline constexpr bool has_tables = N == 1 || sizeof(T) * N == 64;

// table[i] for the low four bits of each lane of i.
template <class T, int N> WG_INLINE Vec<T, N> lookup(const T (&table)[16], IntVec<T, N> i) {
  using V = Vec<T, N>;
  if constexpr (N == 1) {
    return V::from_raw(table[i.v & 15]);
  } else if constexpr (sizeof(T) == 8) {
    return V::from_raw(
        Raw<T, N>(_mm512_permutex2var_pd(_mm512_load_pd(table), __m512i(i.v), _mm512_load_pd(table + 8))));
  } else {
    return V::from_raw(Raw<T, N>(_mm512_permutexvar_ps(__m512i(i.v), _mm512_load_ps(table))));
  }
}

// x between -most and most; `most` where x is NaN.
template <class T, int N> WG_INLINE Vec<T, N> limited(Vec<T, N> x, T most) {
  using V = Vec<T, N>;
  constexpr int smaller_magnitude = 2;  // with the sign of the first
  if constexpr (N == 1 && sizeof(T) == 8) {
    return V::from_raw(_mm_cvtsd_f64(_mm_range_sd(_mm_set_sd(x.v), _mm_set_sd(most), smaller_magnitude)));
  } else if constexpr (N == 1) {
    return V::from_raw(_mm_cvtss_f32(_mm_range_ss(_mm_set_ss(x.v), _mm_set_ss(most), smaller_magnitude)));
  } else if constexpr (sizeof(T) == 8) {
    return V::from_raw(Raw<T, N>(_mm512_range_pd(__m512d(x.v), _mm512_set1_pd(most), smaller_magnitude)));
  } else {
    return V::from_raw(Raw<T, N>(_mm512_range_ps(__m512(x.v), _mm512_set1_ps(most), smaller_magnitude)));
  }
}

// 1 / x to 14 bits, for a normal x with a normal inverse.
template <class T, int N> WG_INLINE Vec<T, N> rough_inverse(Vec<T, N> x) {
  using V = Vec<T, N>;
  if constexpr (N == 1 && sizeof(T) == 8) {
    return V::from_raw(_mm_cvtsd_f64(_mm_rcp14_sd(_mm_set_sd(x.v), _mm_set_sd(x.v))));
  } else if constexpr (N == 1) {
    return V::from_raw(_mm_cvtss_f32(_mm_rcp14_ss(_mm_set_ss(x.v), _mm_set_ss(x.v))));
  } else if constexpr (sizeof(T) == 8) {
    return V::from_raw(Raw<T, N>(_mm512_rcp14_pd(__m512d(x.v))));
  } else {
    return V::from_raw(Raw<T, N>(_mm512_rcp14_ps(__m512(x.v))));
  }
}
// 1 / x and n / x to half an ulp and a little, where the divider (16 cycles for eight doubles) would be what a function
// waits for. Newton's steps double the bits; the last works on the result itself.
template <class T, int N> WG_INLINE Vec<T, N> inverse(Pair<Vec<T, N>> x) {
  using V = Vec<T, N>;
  V r = rough_inverse(x.hi);
  if constexpr (sizeof(T) == 8) r = fma(fma(-x.hi, r, V(T(1))), r, r);
  return fma(fma(-x.lo, r, fma(-x.hi, r, V(T(1)))), r, r);
}
template <class T, int N> WG_INLINE Vec<T, N> quotient(Vec<T, N> n, Vec<T, N> x) {
  using V = Vec<T, N>;
  V r = rough_inverse(x);
  if constexpr (sizeof(T) == 8) r = fma(fma(-x, r, V(T(1))), r, r);
  const V q = n * r;
  return fma(fma(-x, q, n), r, q);
}

// 1 / sqrt(x) to 14 bits, for a normal x; inf for 0, NaN below.
template <class T, int N> WG_INLINE Vec<T, N> rough_inverse_root(Vec<T, N> x) {
  using V = Vec<T, N>;
  if constexpr (N == 1 && sizeof(T) == 8) {
    return V::from_raw(_mm_cvtsd_f64(_mm_rsqrt14_sd(_mm_set_sd(x.v), _mm_set_sd(x.v))));
  } else if constexpr (N == 1) {
    return V::from_raw(_mm_cvtss_f32(_mm_rsqrt14_ss(_mm_set_ss(x.v), _mm_set_ss(x.v))));
  } else if constexpr (sizeof(T) == 8) {
    return V::from_raw(Raw<T, N>(_mm512_rsqrt14_pd(__m512d(x.v))));
  } else {
    return V::from_raw(Raw<T, N>(_mm512_rsqrt14_ps(__m512(x.v))));
  }
}

// Whether any lane is below the limit.
template <class T, int N> WG_INLINE bool any_below(Vec<T, N> x, T limit) {
  if constexpr (N == 1) {
    return x.v < limit;
  } else if constexpr (sizeof(T) == 8) {
    return _mm512_cmp_pd_mask(__m512d(x.v), _mm512_set1_pd(limit), _CMP_LT_OQ) != 0;
  } else {
    return _mm512_cmp_ps_mask(__m512(x.v), _mm512_set1_ps(limit), _CMP_LT_OQ) != 0;
  }
}

// x 2^floor(n): overflows to inf and underflows through the subnormal numbers with one rounding.
template <class T, int N> WG_INLINE Vec<T, N> scale_floor(Vec<T, N> x, Vec<T, N> n) {
  using V = Vec<T, N>;
  if constexpr (N == 1 && sizeof(T) == 8) {
    return V::from_raw(_mm_cvtsd_f64(_mm_scalef_sd(_mm_set_sd(x.v), _mm_set_sd(n.v))));
  } else if constexpr (N == 1) {
    return V::from_raw(_mm_cvtss_f32(_mm_scalef_ss(_mm_set_ss(x.v), _mm_set_ss(n.v))));
  } else if constexpr (sizeof(T) == 8) {
    return V::from_raw(Raw<T, N>(_mm512_scalef_pd(__m512d(x.v), __m512d(n.v))));
  } else {
    return V::from_raw(Raw<T, N>(_mm512_scalef_ps(__m512(x.v), __m512(n.v))));
  }
}

// |x| = 2^k m with m in [0.75, 1.5), subnormal numbers included; m of 0 and inf is 1, of NaN NaN.
template <class T, int N> WG_INLINE Vec<T, N> mantissa(Vec<T, N> x) {
  using V = Vec<T, N>;
  constexpr auto interval = _MM_MANT_NORM_p75_1p5;
  constexpr auto sign = _MM_MANT_SIGN_zero;
  if constexpr (N == 1 && sizeof(T) == 8) {
    return V::from_raw(_mm_cvtsd_f64(_mm_getmant_sd(_mm_set_sd(x.v), _mm_set_sd(x.v), interval, sign)));
  } else if constexpr (N == 1) {
    return V::from_raw(_mm_cvtss_f32(_mm_getmant_ss(_mm_set_ss(x.v), _mm_set_ss(x.v), interval, sign)));
  } else if constexpr (sizeof(T) == 8) {
    return V::from_raw(Raw<T, N>(_mm512_getmant_pd(__m512d(x.v), interval, sign)));
  } else {
    return V::from_raw(Raw<T, N>(_mm512_getmant_ps(__m512(x.v), interval, sign)));
  }
}
// floor(log2(|x|)); -inf for 0.
template <class T, int N> WG_INLINE Vec<T, N> exponent(Vec<T, N> x) {
  using V = Vec<T, N>;
  if constexpr (N == 1 && sizeof(T) == 8) {
    return V::from_raw(_mm_cvtsd_f64(_mm_getexp_sd(_mm_set_sd(x.v), _mm_set_sd(x.v))));
  } else if constexpr (N == 1) {
    return V::from_raw(_mm_cvtss_f32(_mm_getexp_ss(_mm_set_ss(x.v), _mm_set_ss(x.v))));
  } else if constexpr (sizeof(T) == 8) {
    return V::from_raw(Raw<T, N>(_mm512_getexp_pd(__m512d(x.v))));
  } else {
    return V::from_raw(Raw<T, N>(_mm512_getexp_ps(__m512(x.v))));
  }
}

// y, or what a logarithm is where x is not positive and finite: NaN below 0, -inf at 0, inf, NaN.
template <class T, int N> WG_INLINE Vec<T, N> log_fixed(Vec<T, N> x, Vec<T, N> y) {
  using V = Vec<T, N>;
  // One response for each class of x, four bits each: QNaN, SNaN -> x as a quiet NaN (2); 0 -> -inf (4); 1 -> y (0);
  // -inf -> NaN (3); inf -> inf (5); negative -> NaN (3); positive -> y (0).
  constexpr int responses = 0x03530422;
  if constexpr (N == 1 && sizeof(T) == 8) {
    return V::from_raw(_mm_cvtsd_f64(_mm_fixupimm_sd(_mm_set_sd(y.v), _mm_set_sd(x.v), _mm_set1_epi64x(responses), 0)));
  } else if constexpr (N == 1) {
    return V::from_raw(_mm_cvtss_f32(_mm_fixupimm_ss(_mm_set_ss(y.v), _mm_set_ss(x.v), _mm_set1_epi32(responses), 0)));
  } else if constexpr (sizeof(T) == 8) {
    return V::from_raw(Raw<T, N>(_mm512_fixupimm_pd(__m512d(y.v), __m512d(x.v), _mm512_set1_epi64(responses), 0)));
  } else {
    return V::from_raw(Raw<T, N>(_mm512_fixupimm_ps(__m512(y.v), __m512(x.v), _mm512_set1_epi32(responses), 0)));
  }
}
#else
template <class T, int N> inline constexpr bool has_tables = false;
#endif

// n / x where a few bits of it are enough: for corrections.
template <class T, int N> WG_INLINE Vec<T, N> rough_quotient(Vec<T, N> n, Vec<T, N> x) {
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    return n * rough_inverse(x);
  }
#endif
  return n / x;
}

// n / x to an ulp or so, by the faster way.
template <class T, int N> WG_INLINE Vec<T, N> ratio(Vec<T, N> n, Vec<T, N> x) {
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {
    return quotient(n, x);
  }
#endif
  return n / x;
}

// The square root of a pair, as a pair; 0 or between 2^-100 and 2^100 (float: 2^-60 and 2^60).
template <class T, int N> WG_INLINE Pair<Vec<T, N>> sqrt_pair(Pair<Vec<T, N>> a) {
  using V = Vec<T, N>;
#if defined(__AVX512F__)
  if constexpr (has_tables<T, N>) {  // Goldschmidt's steps: the root waits 24 cycles for eight doubles
    const V r = smaller(V(sizeof(T) == 8 ? T(0x1p60) : T(0x1p40)), rough_inverse_root(a.hi));
    V y = a.hi * r, h = r * T(0.5);
    if constexpr (sizeof(T) == 8) {
      const V e = fma(-h, y, V(T(0.5)));
      y = fma(y, e, y);
      h = fma(h, e, h);
    }
    y = fma(fma(-y, y, a.hi), h, y);
    return {y, (fma(-y, y, a.hi) + a.lo) * h};
  }
#endif
  const V y = sqrt(a.hi);
  const Pair<V> p = two_prod(y, y);
  const V rest = ((a.hi - p.hi) - p.lo) + a.lo;
  return {y, select(rest == 0, rest, rest / (y + y))};
}

}  // namespace wengert::simd::WG_TARGET
