// Transposition of small blocks in registers.
#pragma once

#include "simd/vec.h"

namespace wengert::simd::WG_TARGET {

// The lanes of a and b alternating: the first N of the 2 N results (Which 0) or the last (Which 1).
template <int Which, class T, int N, int... I>
WG_INLINE Vec<T, N> interleave(Vec<T, N> a, Vec<T, N> b, std::integer_sequence<int, I...>) {
  return Vec<T, N>::from_raw(__builtin_shufflevector(a.v, b.v, (Which * (N / 2) + I / 2 + (I % 2 ? N : 0))...));
}

// N vectors of N lanes, transposed: log2(N) rounds of interleaving row i with row i + N/2.
template <class T, int N> WG_INLINE void transpose(Vec<T, N> (&x)[N]) {
  if constexpr (N > 1) {
    constexpr auto all = std::make_integer_sequence<int, N>();
#pragma GCC unroll 4
    for (int round = 1; round < N; round *= 2) {
      Vec<T, N> y[N];
#pragma GCC unroll 16
      for (int i = 0; i < N / 2; ++i) {
        y[2 * i] = interleave<0>(x[i], x[i + N / 2], all);
        y[2 * i + 1] = interleave<1>(x[i], x[i + N / 2], all);
      }
#pragma GCC unroll 16
      for (int i = 0; i < N; ++i) x[i] = y[i];
    }
  }
}

// dst[p * Width + i] = src[i * line_stride + p] for p < k, i < width <= Width: contiguous lines become columns.
template <class T, int Width>
WG_INLINE void transpose_panel(T* dst, const T* src, int64_t line_stride, int width, int64_t k) {
  constexpr int L = lanes<T> == 1 ? 1 : (Width % lanes<T> == 0 ? lanes<T> : (Width % 8 == 0 ? 8 : 4));
  int i = 0;
  if constexpr (L > 1) {
    static_assert(Width % L == 0);
    for (; i + L <= width; i += L) {
      int64_t p = 0;
      for (; p + L <= k; p += L) {
        Vec<T, L> x[L];
#pragma GCC unroll 16
        for (int j = 0; j < L; ++j) x[j] = Vec<T, L>::load(src + (i + j) * line_stride + p);
        transpose(x);
#pragma GCC unroll 16
        for (int j = 0; j < L; ++j) x[j].store(dst + (p + j) * Width + i);
      }
      for (; p < k; ++p) {
        for (int j = 0; j < L; ++j) dst[p * Width + i + j] = src[(i + j) * line_stride + p];
      }
    }
  }
  for (; i < width; ++i) {
    for (int64_t p = 0; p < k; ++p) dst[p * Width + i] = src[i * line_stride + p];
  }
}

}  // namespace wengert::simd::WG_TARGET
