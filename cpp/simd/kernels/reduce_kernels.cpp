// Reductions, compiled once per target. reduce.cpp cuts the work and combines the parts.
#include "simd/kernel_table.h"
#include "simd/lanes/vec.h"

namespace wengert::simd::WG_TARGET {
namespace {

struct Sum {
  static constexpr double identity = -0.0;  // x + -0 is x, also for x = -0
  template <class V> static WG_INLINE V apply(V a, V b) { return a + b; }
};
struct Prod {
  static constexpr double identity = 1;
  template <class V> static WG_INLINE V apply(V a, V b) { return a * b; }
};
struct Max {
  static constexpr double identity = -__builtin_inf();
  template <class V> static WG_INLINE V apply(V a, V b) { return max(a, b); }
};
struct Min {
  static constexpr double identity = __builtin_inf();
  template <class V> static WG_INLINE V apply(V a, V b) { return min(a, b); }
};

// Of no elements: a sum is +0.
template <class Op, class T> inline constexpr T empty = Op::identity == 0 ? T(0) : T(Op::identity);

template <class Op, class T, int N> WG_INLINE T reduce_lanes(Vec<T, N> x) {
  if constexpr (N == 1) {
    return x.v;
  } else {
    return reduce_lanes<Op>(Op::apply(half<0>(x), half<1>(x)));
  }
}

// Up to 8 vectors x 16 steps, then a tree.
template <class Op, class T> WG_INLINE T reduce_chunk(const T* x, int64_t n) {
  constexpr int L = lanes<T>, U = 8;
  using X = Vec<T, L>;
  X total = X(T(Op::identity));
  int64_t i = 0;
  if (n >= U * L) {
    X acc[U];
#pragma GCC unroll 8
    for (int u = 0; u < U; ++u) acc[u] = X::load(x + u * L);
    for (i = U * L; i + U * L <= n; i += U * L) {
#pragma GCC unroll 8
      for (int u = 0; u < U; ++u) acc[u] = Op::apply(acc[u], X::load(x + i + u * L));
    }
    total = Op::apply(Op::apply(Op::apply(acc[0], acc[4]), Op::apply(acc[2], acc[6])),
                      Op::apply(Op::apply(acc[1], acc[5]), Op::apply(acc[3], acc[7])));
  }
  for (; i + L <= n; i += L) total = Op::apply(total, X::load(x + i));
  if (i < n && L > 1) total = Op::apply(total, X::load(x + i, int(n - i), T(Op::identity)));
  return reduce_lanes<Op>(total);
}

template <class T> inline constexpr int64_t chunk_of = 8 * 16 * (lanes<T> == 1 ? 4 : lanes<T>);

// n <= reduce_block: chunks, combined pairwise.
template <class Op, class T> WG_INLINE T reduce_row(const T* x, int64_t n) {
  constexpr int64_t chunk = chunk_of<T>;
  if (n <= chunk) return reduce_chunk<Op>(x, n);
  T part[reduce_block / chunk + 1];
  int parts = 0;
  for (int64_t i = 0; i < n; i += chunk) part[parts++] = reduce_chunk<Op>(x + i, n - i < chunk ? n - i : chunk);
  while (parts > 1) {
    for (int i = 0; i + 1 < parts; i += 2) {
      part[i / 2] = Op::apply(Vec<T, 1>(part[i]), Vec<T, 1>(part[i + 1])).v;
    }
    if (parts % 2) part[parts / 2] = part[parts - 1];
    parts = (parts + 1) / 2;
  }
  return part[0];
}

template <class Op, class T> void rows(const T* x, int64_t count, int64_t cols, int64_t row_stride, T* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = cols ? reduce_row<Op>(x + i * row_stride, cols) : empty<Op, T>;
}

// Eight rows at a time, tree first, so that a column of 128 elements is 16 additions deep.
template <class Op, class V, class T>
WG_INLINE void columns_step(const T* x, int64_t n, int64_t row_stride, T* y, bool first) {
  V r[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = V(T(Op::identity));
  for (int i = 0; i < 8 && i < n; ++i) r[i] = V::load(x + i * row_stride);
  const V s = Op::apply(Op::apply(Op::apply(r[0], r[1]), Op::apply(r[2], r[3])),
                        Op::apply(Op::apply(r[4], r[5]), Op::apply(r[6], r[7])));
  (first ? s : Op::apply(V::load(y), s)).store(y);
}
template <class Op, class V, class T> WG_INLINE void columns_eight(const T* x, int64_t row_stride, T* y, bool first) {
  V r[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = V::load(x + i * row_stride);
  const V s = Op::apply(Op::apply(Op::apply(r[0], r[1]), Op::apply(r[2], r[3])),
                        Op::apply(Op::apply(r[4], r[5]), Op::apply(r[6], r[7])));
  (first ? s : Op::apply(V::load(y), s)).store(y);
}

template <class Op, class T> void columns(const T* x, int64_t count, int64_t cols, int64_t row_stride, T* y) {
  constexpr int L = lanes<T>;
  if (count == 0) {
    for (int64_t j = 0; j < cols; ++j) y[j] = empty<Op, T>;
  }
  for (int64_t i = 0; i < count; i += 8) {
    const T* from = x + i * row_stride;
    int64_t j = 0;
    if (count - i >= 8) {
      for (; j + L <= cols; j += L) columns_eight<Op, Vec<T, L>>(from + j, row_stride, y + j, i == 0);
      for (; j < cols; ++j) columns_eight<Op, Vec<T, 1>>(from + j, row_stride, y + j, i == 0);
    } else {
      for (; j + L <= cols; j += L) columns_step<Op, Vec<T, L>>(from + j, count - i, row_stride, y + j, i == 0);
      for (; j < cols; ++j) columns_step<Op, Vec<T, 1>>(from + j, count - i, row_stride, y + j, i == 0);
    }
  }
}

template <class T> void cumsum_rows(const T* x, int64_t rows, int64_t cols, T* y) {
  for (int64_t i = 0; i < rows; ++i) {
    T s = 0;
    for (int64_t j = 0; j < cols; ++j) y[i * cols + j] = s = j == 0 ? x[i * cols] : s + x[i * cols + j];
  }
}

template <class T> void add_to(T* y, const T* x, int64_t n) {
  constexpr int L = lanes<T>;
  int64_t i = 0;
  for (; i + L <= n; i += L) (Vec<T, L>::load(y + i) + Vec<T, L>::load(x + i)).store(y + i);
  for (; i < n; ++i) y[i] += x[i];
}

template <class T> void scaled_add_to(T* y, T scale, const T* x, int64_t n) {
  constexpr int L = lanes<T>;
  const Vec<T, L> s(scale);
  int64_t i = 0;
  for (; i + L <= n; i += L) fma(s, Vec<T, L>::load(x + i), Vec<T, L>::load(y + i)).store(y + i);
  for (; i < n; ++i) y[i] = OneLane<T>::fma(scale, x[i], y[i]);
}

template <class Op, class T> void fill_op(ReduceKernels<T>& k, Reduction op) {
  k.rows[int(op)] = rows<Op, T>;
  k.columns[int(op)] = columns<Op, T>;
}

template <class T> void fill(ReduceKernels<T>& k) {
  fill_op<Sum>(k, Reduction::sum);
  fill_op<Prod>(k, Reduction::prod);
  fill_op<Max>(k, Reduction::max);
  fill_op<Min>(k, Reduction::min);
  k.chunk = chunk_of<T>;
  k.cumsum_rows = cumsum_rows<T>;
  k.add_to = add_to<T>;
  k.scaled_add_to = scaled_add_to<T>;
}

}  // namespace

void fill_reduce(KernelTable& table) {
  fill(table.reduce_f64);
  fill(table.reduce_f32);
}

}  // namespace wengert::simd::WG_TARGET
