// Transposition of small blocks in registers.
#pragma once

#include "simd/lanes/vec.h"

namespace wengert::simd::WG_TARGET {

// Elements of a 128-bit part of a register: shuffles inside the parts, and of whole parts, are the cheap ones.
template <class T> inline constexpr int part_size = 16 / int(sizeof(T));

// In every part of a and b their elements alternating: the first half of them (Which 0) or the last (Which 1).
template <int Which, class T, int N, int... I>
WG_INLINE Vec<T, N> interleave(Vec<T, N> a, Vec<T, N> b, std::integer_sequence<int, I...>) {
  constexpr int E = part_size<T>;
  return Vec<T, N>::from_raw(
      __builtin_shufflevector(a.v, b.v, (I / E * E + Which * (E / 2) + I % E / 2 + (I % 2 ? N : 0))...));
}
// Every other part of a, then of b, from the first (Which 0) or the second (Which 1).
template <int Which, class T, int N, int... I>
WG_INLINE Vec<T, N> alternate_parts(Vec<T, N> a, Vec<T, N> b, std::integer_sequence<int, I...>) {
  constexpr int E = part_size<T>, half = N / E / 2;
  return Vec<T, N>::from_raw(
      __builtin_shufflevector(a.v, b.v, ((I / E % half * 2 + Which) * E + I % E + (I / E < half ? 0 : N))...));
}

// N vectors of N lanes, transposed: first squares of E x E inside the parts, then the parts.
template <class T, int N> WG_INLINE void transpose(Vec<T, N> (&x)[N]) {
  if constexpr (N > 1) {
    constexpr auto all = std::make_integer_sequence<int, N>();
    constexpr int E = part_size<T>, parts = N / E;
    Vec<T, N> y[N];
#pragma GCC unroll 4
    for (int round = 1; round < E; round *= 2) {
#pragma GCC unroll 16
      for (int i = 0; i < N / 2; ++i) {
        const int square = i / (E / 2) * E, r = i % (E / 2);
        y[square + 2 * r] = interleave<0>(x[square + r], x[square + r + E / 2], all);
        y[square + 2 * r + 1] = interleave<1>(x[square + r], x[square + r + E / 2], all);
      }
#pragma GCC unroll 16
      for (int i = 0; i < N; ++i) x[i] = y[i];
    }
    if constexpr (parts > 1) {
#pragma GCC unroll 4
      for (int round = 1; round < parts; round *= 2) {
#pragma GCC unroll 16
        for (int i = 0; i < N / 2; ++i) {
          const int pair = i / E * 2 * E + i % E;
          y[i] = alternate_parts<0>(x[pair], x[pair + E], all);
          y[i + N / 2] = alternate_parts<1>(x[pair], x[pair + E], all);
        }
#pragma GCC unroll 16
        for (int i = 0; i < N; ++i) x[i] = y[i];
      }
    }
  }
}

// dst[p * Width + i] = src[i * line_stride + p] for p < k, i < width <= Width: contiguous lines become columns. Columns
// from width to the next multiple of the vector are filled with anything.
template <class T, int Width>
WG_INLINE void transpose_panel(T* dst, const T* src, int64_t line_stride, int width, int64_t k) {
  constexpr int L = lanes<T> == 1 ? 1 : (Width % lanes<T> == 0 ? lanes<T> : (Width % 8 == 0 ? 8 : 4));
  static_assert(Width % L == 0);
  using X = Vec<T, L>;
  for (int i = 0; i < width; i += L) {
    const int lines = width - i < L ? width - i : L;
    const T* from = src + i * line_stride;
    T* to = dst + i;
    int64_t p = 0;
    if (lines == L) {
      for (; p + L <= k; p += L) {
        X x[L];
#pragma GCC unroll 16
        for (int j = 0; j < L; ++j) x[j] = X::load(from + j * line_stride + p);
        transpose(x);
#pragma GCC unroll 16
        for (int j = 0; j < L; ++j) x[j].store(to + (p + j) * Width);
      }
    }
    for (; p < k; p += L) {  // some lines or some columns are missing
      const int columns = k - p < L ? int(k - p) : L;
      X x[L];
#pragma GCC unroll 16
      for (int j = 0; j < L; ++j) x[j] = j < lines ? X::load(from + j * line_stride + p, columns) : X(T(0));
      transpose(x);
#pragma GCC unroll 16
      for (int j = 0; j < L; ++j) {
        if (j < columns) x[j].store(to + (p + j) * Width);
      }
    }
  }
}

}  // namespace wengert::simd::WG_TARGET
