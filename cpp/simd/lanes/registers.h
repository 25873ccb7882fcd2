// What the vector extensions cannot say in one instruction: square root, fused multiply-add and rounding, for every
// register of the target. Included by vec.h only.
#pragma once

namespace wengert::simd::WG_TARGET {

// Rounding directions with x86's encoding.
enum Rounding { nearest = 0, downwards = 1, upwards = 2, towards_zero = 3 };

template <class T, int Bytes> struct Register {
  static constexpr bool exists = false;
};

#define WG_X86_REGISTER(T, BYTES, R, SQRT, FMA, ROUND, MAX, MIN)     \
  template <> struct Register<T, BYTES> {                            \
    static constexpr bool exists = true;                             \
    using type = R;                                                  \
    static WG_INLINE R sqrt(R a) { return SQRT(a); }                 \
    static WG_INLINE R fma(R a, R b, R c) { return FMA(a, b, c); }   \
    static WG_INLINE R larger(R a, R b) { return MAX(a, b); }        \
    static WG_INLINE R smaller(R a, R b) { return MIN(a, b); }       \
    template <int Mode> static WG_INLINE R round(R a) {              \
      return ROUND(a, Mode | 8); /* 8: raise no inexact exception */ \
    }                                                                \
  };

#if defined(__AVX512F__)
WG_X86_REGISTER(double, 64, __m512d, _mm512_sqrt_pd, _mm512_fmadd_pd, _mm512_roundscale_pd, _mm512_max_pd,
                _mm512_min_pd)
WG_X86_REGISTER(float, 64, __m512, _mm512_sqrt_ps, _mm512_fmadd_ps, _mm512_roundscale_ps, _mm512_max_ps, _mm512_min_ps)
#endif
#if defined(__AVX2__) && defined(__FMA__)
WG_X86_REGISTER(double, 32, __m256d, _mm256_sqrt_pd, _mm256_fmadd_pd, _mm256_round_pd, _mm256_max_pd, _mm256_min_pd)
WG_X86_REGISTER(float, 32, __m256, _mm256_sqrt_ps, _mm256_fmadd_ps, _mm256_round_ps, _mm256_max_ps, _mm256_min_ps)
WG_X86_REGISTER(double, 16, __m128d, _mm_sqrt_pd, _mm_fmadd_pd, _mm_round_pd, _mm_max_pd, _mm_min_pd)
WG_X86_REGISTER(float, 16, __m128, _mm_sqrt_ps, _mm_fmadd_ps, _mm_round_ps, _mm_max_ps, _mm_min_ps)
#elif defined(__SSE4_1__)
#define WG_MUL_ADD(a, b, c) ((a) * (b) + (c))
WG_X86_REGISTER(double, 16, __m128d, _mm_sqrt_pd, WG_MUL_ADD, _mm_round_pd, _mm_max_pd, _mm_min_pd)
WG_X86_REGISTER(float, 16, __m128, _mm_sqrt_ps, WG_MUL_ADD, _mm_round_ps, _mm_max_ps, _mm_min_ps)
#undef WG_MUL_ADD
#endif
#undef WG_X86_REGISTER

#if defined(__aarch64__)
#define WG_NEON_REGISTER(T, R, SUFFIX)                                                          \
  template <> struct Register<T, 16> {                                                          \
    static constexpr bool exists = true;                                                        \
    using type = R;                                                                             \
    static WG_INLINE R sqrt(R a) { return vsqrtq_##SUFFIX(a); }                                 \
    static WG_INLINE R fma(R a, R b, R c) { return vfmaq_##SUFFIX(c, a, b); }                   \
    static WG_INLINE R larger(R a, R b) { return vbslq_##SUFFIX(vcgtq_##SUFFIX(a, b), a, b); }  \
    static WG_INLINE R smaller(R a, R b) { return vbslq_##SUFFIX(vcltq_##SUFFIX(a, b), a, b); } \
    template <int Mode> static WG_INLINE R round(R a) {                                         \
      if constexpr (Mode == nearest) return vrndnq_##SUFFIX(a);                                 \
      if constexpr (Mode == downwards) return vrndmq_##SUFFIX(a);                               \
      if constexpr (Mode == upwards) return vrndpq_##SUFFIX(a);                                 \
      if constexpr (Mode == towards_zero) return vrndq_##SUFFIX(a);                             \
    }                                                                                           \
  };
WG_NEON_REGISTER(double, float64x2_t, f64)
WG_NEON_REGISTER(float, float32x4_t, f32)
#undef WG_NEON_REGISTER
#endif

// Width 1: the compiler's builtins, one instruction where the target has it and a libm call where not.
template <class T> struct OneLane {
  static constexpr bool d = std::is_same_v<T, double>;
  static WG_INLINE T sqrt(T a) {
    if constexpr (d)
      return __builtin_sqrt(a);
    else
      return __builtin_sqrtf(a);
  }
  static WG_INLINE T fma(T a, T b, T c) {
    if constexpr (!has_fma)
      return a * b + c;
    else if constexpr (d)
      return __builtin_fma(a, b, c);
    else
      return __builtin_fmaf(a, b, c);
  }
  template <int Mode> static WG_INLINE T round(T a) {
    if constexpr (Mode == nearest) return d ? T(__builtin_rint(double(a))) : T(__builtin_rintf(float(a)));
    if constexpr (Mode == downwards) return d ? T(__builtin_floor(double(a))) : T(__builtin_floorf(float(a)));
    if constexpr (Mode == upwards) return d ? T(__builtin_ceil(double(a))) : T(__builtin_ceilf(float(a)));
    if constexpr (Mode == towards_zero) return d ? T(__builtin_trunc(double(a))) : T(__builtin_truncf(float(a)));
  }
};

}  // namespace wengert::simd::WG_TARGET
