// Elementary and special functions over lanes, for double and float, all widths.
// First version: lane by lane through the C library; each function is being replaced by a branch-free one.
#pragma once

#include "simd/vec.h"

namespace wengert::simd::WG_TARGET {

template <class T, int N>
WG_INLINE Vec<T, N> exp(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_exp(double(a))) : T(__builtin_expf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> exp2(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_exp2(double(a))) : T(__builtin_exp2f(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> expm1(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_expm1(double(a))) : T(__builtin_expm1f(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> log(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_log(double(a))) : T(__builtin_logf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> log2(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_log2(double(a))) : T(__builtin_log2f(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> log10(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_log10(double(a))) : T(__builtin_log10f(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> log1p(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_log1p(double(a))) : T(__builtin_log1pf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> cbrt(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_cbrt(double(a))) : T(__builtin_cbrtf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> tanh(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_tanh(double(a))) : T(__builtin_tanhf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> sinh(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_sinh(double(a))) : T(__builtin_sinhf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> cosh(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_cosh(double(a))) : T(__builtin_coshf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> asinh(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_asinh(double(a))) : T(__builtin_asinhf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> acosh(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_acosh(double(a))) : T(__builtin_acoshf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> atanh(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_atanh(double(a))) : T(__builtin_atanhf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> sin(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_sin(double(a))) : T(__builtin_sinf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> cos(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_cos(double(a))) : T(__builtin_cosf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> tan(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_tan(double(a))) : T(__builtin_tanf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> asin(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_asin(double(a))) : T(__builtin_asinf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> acos(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_acos(double(a))) : T(__builtin_acosf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> atan(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_atan(double(a))) : T(__builtin_atanf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> erf(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_erf(double(a))) : T(__builtin_erff(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> erfc(Vec<T, N> x) {
  return map_lanes([](T a) { return sizeof(T) == 8 ? T(__builtin_erfc(double(a))) : T(__builtin_erfcf(float(a))); }, x);
}
template <class T, int N>
WG_INLINE Vec<T, N> atan2(Vec<T, N> x, Vec<T, N> y) {
  return map_lanes([](T a, T b) { return T(__builtin_atan2(double(a), double(b))); }, x, y);
}
template <class T, int N>
WG_INLINE Vec<T, N> pow(Vec<T, N> x, Vec<T, N> y) {
  return map_lanes([](T a, T b) { return T(__builtin_pow(double(a), double(b))); }, x, y);
}
template <class T, int N>
WG_INLINE Vec<T, N> hypot(Vec<T, N> x, Vec<T, N> y) {
  return map_lanes([](T a, T b) { return T(__builtin_hypot(double(a), double(b))); }, x, y);
}

template <class T, int N>
WG_INLINE Vec<T, N> rsqrt(Vec<T, N> x) {
  return Vec<T, N>(1) / sqrt(x);
}
template <class T, int N>
WG_INLINE Vec<T, N> sigmoid(Vec<T, N> x) {
  const Vec<T, N> e = exp(-abs(x));
  return select(x < 0, e, Vec<T, N>(1)) / (e + 1);
}
template <class T, int N>
WG_INLINE Vec<T, N> softplus(Vec<T, N> x) {
  return select(x < 0, Vec<T, N>(0), x) + log1p(exp(-abs(x)));
}
template <class T, int N>
WG_INLINE Vec<T, N> log_sigmoid(Vec<T, N> x) {
  return -softplus(-x);
}
template <class T, int N>
WG_INLINE Vec<T, N> gelu(Vec<T, N> x) {
  return x * erfc(x * -0.70710678118654752440) * 0.5;
}
template <class T, int N>
WG_INLINE Vec<T, N> logaddexp(Vec<T, N> a, Vec<T, N> b) {
  const Vec<T, N> d = select(a == b, Vec<T, N>(0), abs(a - b));
  return max(a, b) + log1p(exp(-d));
}
template <class T, int N>
WG_INLINE Vec<T, N> lgamma(Vec<T, N> x) {
  return map_lanes([](T a) { int sign; return T(__builtin_lgamma_r(double(a), &sign)); }, x);
}
// psi(x) = -1/x + psi(x + 1) up to x >= 8, then the asymptotic series; reflection for x < 0.
template <class T, int N>
WG_INLINE Vec<T, N> digamma(Vec<T, N> x) {
  return map_lanes(
      [](T a) {
        double y = a, r = 0;
        if (y == 0) return T(-__builtin_copysign(__builtin_inf(), y));
        if (y < 0) {
          const double f = y - __builtin_floor(y);
          if (f == 0) return T(__builtin_nan(""));
          r = -3.14159265358979323846 / __builtin_tan(3.14159265358979323846 * f);
          y = 1 - y;
        }
        for (; y < 12; ++y) r -= 1 / y;
        const double z = 1 / (y * y);
        const double s =
            z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760))))));
        return T(r + __builtin_log(y) - 0.5 / y - s);
      },
      x);
}
template <class T, int N>
WG_INLINE Vec<T, N> trigamma(Vec<T, N> x) {
  return map_lanes(
      [](T a) {
        double y = a, r = 0, sign = 1;
        if (y <= 0) {
          const double s = __builtin_sin(3.14159265358979323846 * (y - __builtin_floor(y)));
          if (s == 0) return T(__builtin_inf());
          r = 9.86960440108935861883 / (s * s);
          y = 1 - y;
          sign = -1;
        }
        for (; y < 12; ++y) r += sign / (y * y);
        const double z = 1 / (y * y);
        const double s = 1 / y + z / 2 +
                         z / y * (1.0 / 6 - z * (1.0 / 30 - z * (1.0 / 42 - z * (1.0 / 30 - z * (5.0 / 66)))));
        return T(r + sign * s);
      },
      x);
}

}  // namespace wengert::simd::WG_TARGET
