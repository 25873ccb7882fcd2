// Lanes: Vec<T, N> is N numbers that one instruction handles, Mask<B, N> the answers of N comparisons.
//
// This header is compiled once per target. The including file first defines
//   WG_TARGET        the target's namespace: scalar, x86_64_v2, x86_64_v3, x86_64_v4, arm64
//   WG_VECTOR_BYTES  its vector register size in bytes (0: one lane only)
// so that code built for one instruction set can never be linked into another. For the same reason nothing here
// instantiates a std:: function or container. Width 1 is an ordinary width: it computes bitwise what a lane of the
// wide vectors computes, so tails and scalars agree with the body of a loop.
#pragma once

#if !defined(WG_TARGET) || !defined(WG_VECTOR_BYTES)
#error "define WG_TARGET and WG_VECTOR_BYTES before including simd/lanes/vec.h (see targets.cmake)"
#endif

#include <stdint.h>

#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define WG_INLINE inline __attribute__((always_inline))

namespace wengert::simd::WG_TARGET {

// The native number of lanes for elements of type T.
template <class T> inline constexpr int lanes = WG_VECTOR_BYTES == 0 ? 1 : WG_VECTOR_BYTES / int(sizeof(T));

// True where fma(a, b, c) is rounded once; otherwise it is a product and a sum, each rounded.
#if defined(__FMA__) || defined(__aarch64__)
inline constexpr bool has_fma = true;
#else
inline constexpr bool has_fma = false;
#endif

template <class T, int N> struct RawOf {
  typedef T type __attribute__((vector_size(sizeof(T) * N)));
};
template <class T> struct RawOf<T, 1> {
  using type = T;
};
template <class T, int N> using Raw = typename RawOf<T, N>::type;

template <int Bytes>
using IntOf = std::conditional_t<Bytes == 8, int64_t, std::conditional_t<Bytes == 4, int32_t, int8_t>>;
template <class T>
using UnsignedOf = std::conditional_t<sizeof(T) == 8, uint64_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint8_t>>;

// ---------------------------------------------------------------------------------------------------------- masks

// N answers, for elements of the given size. Lanes are all ones or all zeros (a bool for N = 1).
template <int Bytes, int N> struct Mask {
  using Raw = std::conditional_t<N == 1, bool, WG_TARGET::Raw<IntOf<Bytes>, N>>;
  Raw v;

  static WG_INLINE Mask from_raw(Raw r) { return Mask{r}; }
  // From bytes that are zero or not (NumPy's bool).
  static WG_INLINE Mask load(const void* p) {
    if constexpr (N == 1) {
      return {*static_cast<const uint8_t*>(p) != 0};
    } else {
      WG_TARGET::Raw<int8_t, N> b;
      __builtin_memcpy(&b, p, N);
      return {__builtin_convertvector(b, Raw) != 0};
    }
  }
  static WG_INLINE Mask load(const void* p, int count) {
    uint8_t b[N] = {};
    for (int i = 0; i < count; ++i) b[i] = static_cast<const uint8_t*>(p)[i];
    return load(b);
  }
  // As bytes 0 or 1.
  WG_INLINE void store(void* p) const {
    if constexpr (N == 1) {
      *static_cast<uint8_t*>(p) = v;
    } else {
      WG_TARGET::Raw<int8_t, N> b = __builtin_convertvector(v, WG_TARGET::Raw<int8_t, N>) & 1;
      __builtin_memcpy(p, &b, N);
    }
  }
  WG_INLINE void store(void* p, int count) const {
    uint8_t b[N];
    store(b);
    for (int i = 0; i < count; ++i) static_cast<uint8_t*>(p)[i] = b[i];
  }
  WG_INLINE bool operator[](int i) const {
    if constexpr (N == 1) {
      return v;
    } else {
      return v[i] != 0;
    }
  }
  friend WG_INLINE Mask operator&(Mask a, Mask b) { return {Raw(a.v & b.v)}; }
  friend WG_INLINE Mask operator|(Mask a, Mask b) { return {Raw(a.v | b.v)}; }
  friend WG_INLINE Mask operator^(Mask a, Mask b) { return {Raw(a.v ^ b.v)}; }
  friend WG_INLINE Mask operator~(Mask a) {
    if constexpr (N == 1) {
      return {!a.v};
    } else {
      return {~a.v};
    }
  }
  friend WG_INLINE Mask operator!(Mask a) { return ~a; }
  friend WG_INLINE Mask operator!=(Mask a, Mask b) { return a ^ b; }
};

template <int Bytes, int N> WG_INLINE bool any(Mask<Bytes, N> m) {
  if constexpr (N == 1) {
    return m.v;
#if defined(__AVX512BW__)
  } else if constexpr (Bytes * N == 64) {
    return _mm512_movepi8_mask(__builtin_bit_cast(__m512i, m.v)) != 0;
#endif
#if defined(__AVX2__)
  } else if constexpr (Bytes * N == 32) {
    return _mm256_movemask_epi8(__builtin_bit_cast(__m256i, m.v)) != 0;
#endif
#if defined(__SSE2__)
  } else if constexpr (Bytes * N == 16) {
    return _mm_movemask_epi8(__builtin_bit_cast(__m128i, m.v)) != 0;
#endif
  } else {
    bool r = false;
    for (int i = 0; i < N; ++i) r |= m.v[i] != 0;
    return r;
  }
}
template <int Bytes, int N> WG_INLINE bool all(Mask<Bytes, N> m) { return !any(~m); }

// -------------------------------------------------------------------------------------------------------- vectors

template <class T, int N> struct Vec {
  using Scalar = T;
  using Raw = WG_TARGET::Raw<T, N>;
  using Mask = WG_TARGET::Mask<int(sizeof(T)), N>;
  static constexpr int size = N;
  Raw v;

  Vec() = default;
  // Broadcast. Subtracting +0 changes no number, -0 and NaN included.
  template <class U>
    requires std::is_arithmetic_v<U>
  WG_INLINE Vec(U s) {
    if constexpr (N == 1) {
      v = T(s);
    } else {
      v = T(s) - Raw{};
    }
  }
  static WG_INLINE Vec from_raw(Raw r) {
    Vec x;
    x.v = r;
    return x;
  }

  static WG_INLINE Vec load(const T* p) {
    Vec x;
    __builtin_memcpy(&x.v, p, sizeof(x.v));
    return x;
  }
  // The first `count` lanes (0 <= count <= N) from memory; the others are 1, harmless in every function, or `fill`.
  static WG_INLINE Vec load(const T* p, int count, T fill = T(1)) {
#if defined(__AVX512F__)
    if constexpr (sizeof(Raw) == 64 && std::is_same_v<T, double>) {
      return from_raw(Raw(_mm512_mask_loadu_pd(_mm512_set1_pd(fill), __mmask8((1u << count) - 1), p)));
    } else if constexpr (sizeof(Raw) == 64 && std::is_same_v<T, float>) {
      return from_raw(Raw(_mm512_mask_loadu_ps(_mm512_set1_ps(fill), __mmask16((1u << count) - 1), p)));
    }
#endif
    T t[N];
    for (int i = 0; i < N; ++i) t[i] = fill;
    for (int i = 0; i < count; ++i) t[i] = p[i];
    return load(t);
  }
  WG_INLINE void store(T* p) const { __builtin_memcpy(p, &v, sizeof(v)); }
  WG_INLINE void store(T* p, int count) const {
#if defined(__AVX512F__)
    if constexpr (sizeof(Raw) == 64 && std::is_same_v<T, double>) {
      _mm512_mask_storeu_pd(p, __mmask8((1u << count) - 1), __m512d(v));
      return;
    } else if constexpr (sizeof(Raw) == 64 && std::is_same_v<T, float>) {
      _mm512_mask_storeu_ps(p, __mmask16((1u << count) - 1), __m512(v));
      return;
    }
#endif
    T t[N];
    store(t);
    for (int i = 0; i < count; ++i) p[i] = t[i];
  }
  WG_INLINE T operator[](int i) const {
    if constexpr (N == 1) {
      return v;
    } else {
      return v[i];
    }
  }

  // Whole numbers wrap around, also for the compiler.
  static constexpr bool wraps = std::is_integral_v<T>;
  using Bits = WG_TARGET::Raw<std::conditional_t<wraps, UnsignedOf<T>, T>, N>;
  friend WG_INLINE Vec operator+(Vec a, Vec b) { return from_raw(Raw(Bits(a.v) + Bits(b.v))); }
  friend WG_INLINE Vec operator-(Vec a, Vec b) { return from_raw(Raw(Bits(a.v) - Bits(b.v))); }
  friend WG_INLINE Vec operator*(Vec a, Vec b) { return from_raw(Raw(Bits(a.v) * Bits(b.v))); }
  friend WG_INLINE Vec operator/(Vec a, Vec b) { return from_raw(a.v / b.v); }
  friend WG_INLINE Vec operator-(Vec a) { return from_raw(-a.v); }
  friend WG_INLINE Vec operator+(Vec a) { return a; }
  WG_INLINE Vec& operator+=(Vec b) { return *this = *this + b; }
  WG_INLINE Vec& operator-=(Vec b) { return *this = *this - b; }
  WG_INLINE Vec& operator*=(Vec b) { return *this = *this * b; }
  WG_INLINE Vec& operator/=(Vec b) { return *this = *this / b; }

  friend WG_INLINE Mask operator==(Vec a, Vec b) { return Mask::from_raw(a.v == b.v); }
  friend WG_INLINE Mask operator!=(Vec a, Vec b) { return Mask::from_raw(a.v != b.v); }
  friend WG_INLINE Mask operator<(Vec a, Vec b) { return Mask::from_raw(a.v < b.v); }
  friend WG_INLINE Mask operator<=(Vec a, Vec b) { return Mask::from_raw(a.v <= b.v); }
  friend WG_INLINE Mask operator>(Vec a, Vec b) { return Mask::from_raw(a.v > b.v); }
  friend WG_INLINE Mask operator>=(Vec a, Vec b) { return Mask::from_raw(a.v >= b.v); }

  friend WG_INLINE Vec select(Mask m, Vec a, Vec b) { return from_raw(m.v ? a.v : b.v); }

  // NumPy's maximum and minimum: a NaN in either operand is the result.
  friend WG_INLINE Vec max(Vec a, Vec b) {
    if constexpr (std::is_floating_point_v<T>) {
      return select(a != a, a, larger(a, b));
    } else {
      return select(a > b, a, b);
    }
  }
  friend WG_INLINE Vec min(Vec a, Vec b) {
    if constexpr (std::is_floating_point_v<T>) {
      return select(a != a, a, smaller(a, b));
    } else {
      return select(a < b, a, b);
    }
  }

  // Integers only: bits. Shifts by constants; >> is logical.
  friend WG_INLINE Vec operator&(Vec a, Vec b)
    requires std::is_integral_v<T>
  {
    return from_raw(a.v & b.v);
  }
  friend WG_INLINE Vec operator|(Vec a, Vec b)
    requires std::is_integral_v<T>
  {
    return from_raw(a.v | b.v);
  }
  friend WG_INLINE Vec operator^(Vec a, Vec b)
    requires std::is_integral_v<T>
  {
    return from_raw(a.v ^ b.v);
  }
  WG_INLINE Vec operator<<(int k) const
    requires std::is_integral_v<T>
  {
    return from_raw(Raw(WG_TARGET::Raw<UnsignedOf<T>, N>(v) << k));
  }
  WG_INLINE Vec operator>>(int k) const
    requires std::is_integral_v<T>
  {
    return from_raw(Raw(WG_TARGET::Raw<UnsignedOf<T>, N>(v) >> k));
  }
};

// The integer vector with the same bits, and back.
template <class T, int N> using IntVec = Vec<IntOf<int(sizeof(T))>, N>;
template <class T, int N> WG_INLINE IntVec<T, N> to_bits(Vec<T, N> x) {
  return IntVec<T, N>::from_raw(__builtin_bit_cast(Raw<IntOf<int(sizeof(T))>, N>, x.v));
}
template <class T, int N> WG_INLINE Vec<T, N> from_bits(IntVec<T, N> x) {
  return Vec<T, N>::from_raw(__builtin_bit_cast(Raw<T, N>, x.v));
}

// Conversion by value, as a C cast does it, lane by lane.
template <class U, class T, int N> WG_INLINE Vec<U, N> convert(Vec<T, N> x) {
  if constexpr (N == 1) {
    return Vec<U, N>::from_raw(U(x.v));
  } else {
    return Vec<U, N>::from_raw(__builtin_convertvector(x.v, Raw<U, N>));
  }
}

template <class U, int Bytes, int N> WG_INLINE Mask<int(sizeof(U)), N> mask_for(Mask<Bytes, N> m) {
  if constexpr (N == 1) {
    return {m.v};
  } else {
    return {__builtin_convertvector(m.v, typename Mask<int(sizeof(U)), N>::Raw)};
  }
}

// The low (0) or high (1) half of a vector, and the union of two: for widths that no register has.
template <int Which, class T, int N, int... I>
WG_INLINE Vec<T, N / 2> half_of(Vec<T, N> x, std::integer_sequence<int, I...>) {
  if constexpr (N == 2) {
    return Vec<T, 1>::from_raw(x.v[Which]);
  } else {
    return Vec<T, N / 2>::from_raw(__builtin_shufflevector(x.v, x.v, (I + Which * (N / 2))...));
  }
}
template <int Which, class T, int N> WG_INLINE Vec<T, N / 2> half(Vec<T, N> x) {
  return half_of<Which>(x, std::make_integer_sequence<int, N / 2>());
}
template <class T, int N, int... I>
WG_INLINE Vec<T, 2 * N> join_of(Vec<T, N> lo, Vec<T, N> hi, std::integer_sequence<int, I...>) {
  return Vec<T, 2 * N>::from_raw(__builtin_shufflevector(lo.v, hi.v, I...));
}
template <class T, int N> WG_INLINE Vec<T, 2 * N> join(Vec<T, N> lo, Vec<T, N> hi) {
  if constexpr (N == 1) {
    return Vec<T, 2>::from_raw(Raw<T, 2>{lo.v, hi.v});
  } else {
    return join_of(lo, hi, std::make_integer_sequence<int, 2 * N>());
  }
}

// f applied to every lane: for the few things done one lane at a time.
template <class T, int N, class F> WG_INLINE Vec<T, N> map_lanes(F f, Vec<T, N> x) {
  T t[N];
  x.store(t);
  for (int i = 0; i < N; ++i) t[i] = f(t[i]);
  return Vec<T, N>::load(t);
}
template <class T, int N, class F> WG_INLINE Vec<T, N> map_lanes(F f, Vec<T, N> x, Vec<T, N> y) {
  T s[N], t[N];
  x.store(s);
  y.store(t);
  for (int i = 0; i < N; ++i) t[i] = f(s[i], t[i]);
  return Vec<T, N>::load(t);
}

}  // namespace wengert::simd::WG_TARGET

#include "simd/lanes/registers.h"

namespace wengert::simd::WG_TARGET {

// ------------------------------------------------------------------------------- square root, fma, rounding, tests

template <class T, int N> using RegisterFor = Register<T, N == 1 ? 0 : int(sizeof(T)) * N>;

// a * b + c, rounded once where the target can (has_fma); never left to the compiler's choice.
template <class T, int N> WG_INLINE Vec<T, N> fma(Vec<T, N> a, Vec<T, N> b, Vec<T, N> c) {
  using R = RegisterFor<T, N>;
  if constexpr (N == 1) {
    return Vec<T, N>::from_raw(OneLane<T>::fma(a.v, b.v, c.v));
  } else if constexpr (!has_fma) {
    return a * b + c;
  } else if constexpr (R::exists) {
    using M = typename R::type;
    return Vec<T, N>::from_raw(Raw<T, N>(R::fma(M(a.v), M(b.v), M(c.v))));
  } else {
    return join(fma(half<0>(a), half<0>(b), half<0>(c)), fma(half<1>(a), half<1>(b), half<1>(c)));
  }
}
template <class T, int N> WG_INLINE Vec<T, N> fma(Vec<T, N> a, Vec<T, N> b, std::type_identity_t<T> c) {
  return fma(a, b, Vec<T, N>(c));
}
template <class T, int N> WG_INLINE Vec<T, N> fma(Vec<T, N> a, std::type_identity_t<T> b, Vec<T, N> c) {
  return fma(a, Vec<T, N>(b), c);
}
template <class T, int N> WG_INLINE Vec<T, N> fma(Vec<T, N> a, std::type_identity_t<T> b, std::type_identity_t<T> c) {
  return fma(a, Vec<T, N>(b), Vec<T, N>(c));
}

// a > b ? a : b and a < b ? a : b in one instruction; b where either is NaN.
template <class T, int N> WG_INLINE Vec<T, N> larger(Vec<T, N> a, Vec<T, N> b) {
  using R = RegisterFor<T, N>;
  if constexpr (R::exists) {
    using M = typename R::type;
    return Vec<T, N>::from_raw(Raw<T, N>(R::larger(M(a.v), M(b.v))));
  } else {
    return select(a > b, a, b);
  }
}
template <class T, int N> WG_INLINE Vec<T, N> smaller(Vec<T, N> a, Vec<T, N> b) {
  using R = RegisterFor<T, N>;
  if constexpr (R::exists) {
    using M = typename R::type;
    return Vec<T, N>::from_raw(Raw<T, N>(R::smaller(M(a.v), M(b.v))));
  } else {
    return select(a < b, a, b);
  }
}

template <class T, int N> WG_INLINE Vec<T, N> sqrt(Vec<T, N> x) {
  using R = RegisterFor<T, N>;
  if constexpr (N == 1) {
    return Vec<T, N>::from_raw(OneLane<T>::sqrt(x.v));
  } else if constexpr (R::exists) {
    return Vec<T, N>::from_raw(Raw<T, N>(R::sqrt(typename R::type(x.v))));
  } else {
    return join(sqrt(half<0>(x)), sqrt(half<1>(x)));
  }
}

template <int Mode, class T, int N> WG_INLINE Vec<T, N> round_to(Vec<T, N> x) {
  using R = RegisterFor<T, N>;
  if constexpr (std::is_integral_v<T>) {
    return x;
  } else if constexpr (N == 1) {
    return Vec<T, N>::from_raw(OneLane<T>::template round<Mode>(x.v));
  } else if constexpr (R::exists) {
    return Vec<T, N>::from_raw(Raw<T, N>(R::template round<Mode>(typename R::type(x.v))));
  } else {
    return join(round_to<Mode>(half<0>(x)), round_to<Mode>(half<1>(x)));
  }
}
template <class T, int N> WG_INLINE Vec<T, N> rint(Vec<T, N> x) { return round_to<nearest>(x); }
template <class T, int N> WG_INLINE Vec<T, N> floor(Vec<T, N> x) { return round_to<downwards>(x); }
template <class T, int N> WG_INLINE Vec<T, N> ceil(Vec<T, N> x) { return round_to<upwards>(x); }
template <class T, int N> WG_INLINE Vec<T, N> trunc(Vec<T, N> x) { return round_to<towards_zero>(x); }

template <class T>
inline constexpr IntOf<int(sizeof(T))> sign_bit = IntOf<int(sizeof(T))>(UnsignedOf<T>(1) << (8 * sizeof(T) - 1));

template <class T, int N> WG_INLINE Vec<T, N> abs(Vec<T, N> x) {
  if constexpr (std::is_floating_point_v<T>) {
    return from_bits<T, N>(to_bits(x) & IntVec<T, N>(~sign_bit<T>));
  } else {
    return select(x < 0, -x, x);
  }
}
template <class T, int N> WG_INLINE Vec<T, N> copysign(Vec<T, N> magnitude, Vec<T, N> sign) {
  const IntVec<T, N> s(sign_bit<T>), m(~sign_bit<T>);
  return from_bits<T, N>((to_bits(magnitude) & m) | (to_bits(sign) & s));
}
// The same where the magnitude's own sign bit is not set.
template <class T, int N> WG_INLINE Vec<T, N> with_sign(Vec<T, N> magnitude, Vec<T, N> sign) {
  return from_bits<T, N>(to_bits(magnitude) | (to_bits(sign) & IntVec<T, N>(sign_bit<T>)));
}
// True for -0.0 and negative NaNs too.
template <class T, int N> WG_INLINE typename Vec<T, N>::Mask signbit(Vec<T, N> x) { return to_bits(x) < 0; }
template <class T, int N> WG_INLINE typename Vec<T, N>::Mask isnan(Vec<T, N> x) { return x != x; }
template <class T, int N> WG_INLINE typename Vec<T, N>::Mask isinf(Vec<T, N> x) {
  if constexpr (std::is_floating_point_v<T>) {
    return abs(x) == Vec<T, N>(T(__builtin_inf()));
  } else {
    return x != x;
  }
}
template <class T, int N> WG_INLINE typename Vec<T, N>::Mask isfinite(Vec<T, N> x) { return x - x == Vec<T, N>(0); }

// C's fmod, exact; one lane at a time (20 ns a number: whoever divides with remainder does not do it by the million).
template <class T, int N> WG_INLINE Vec<T, N> fmod(Vec<T, N> a, Vec<T, N> b) {
  return map_lanes(
      [](T x, T y) {
        if constexpr (std::is_same_v<T, double>)
          return __builtin_fmod(x, y);
        else
          return __builtin_fmodf(x, y);
      },
      a, b);
}

}  // namespace wengert::simd::WG_TARGET
