// The matrix product's inner loops, compiled once per target. gemm.cpp decides which of them run.
#include "simd/kernel_table.h"
#include "simd/lanes/transpose.h"
#include "simd/math/math.h"

namespace wengert::simd::WG_TARGET {
namespace {

// The register tile: rows x (vectors x lanes) numbers of C stay in registers.
#ifdef WG_SMALL_TILES  // see targets.cmake
constexpr int tile_rows = 4, tile_vectors = 2;
#elif WG_VECTOR_BYTES == 64
constexpr int tile_rows = 8, tile_vectors = 3;
#elif WG_VECTOR_BYTES == 32
constexpr int tile_rows = 4, tile_vectors = 3;
#elif defined(__aarch64__) && WG_VECTOR_BYTES == 16
constexpr int tile_rows = 8, tile_vectors = 3;
#else
constexpr int tile_rows = 4, tile_vectors = 2;
#endif
template <class T> constexpr int tile_cols = tile_vectors * lanes<T>;

template <int N, class F, int... I> WG_INLINE void unrolled(F&& f, std::integer_sequence<int, I...>) {
  (f(std::integral_constant<int, I>()), ...);
}
// f(0), f(1), … f(N - 1) with constant arguments: arrays indexed by them live in registers.
template <int N, class F> WG_INLINE void unrolled(F&& f) { unrolled<N>(f, std::make_integer_sequence<int, N>()); }
#define WG_BODY __attribute__((always_inline))
#define WG_OPAQUE(x) asm("" : "+r"(x))  // to the compiler the variable may now have any value

// What a tile fetches into L2 for those after it: `rows` rows of the next panel of B.
template <class T> struct Ahead {
  const T* b;
  int64_t step, rows;
};

template <int V, class T> WG_INLINE void fetch_row(const T* from) {
  unrolled<V>([&](auto j) WG_BODY { __builtin_prefetch(from + j * lanes<T>, 0, 2); });
}

// C[R x V*lanes] = or += A B for one register tile. `last` lanes of the last vector exist where Partial. A tile of many
// (Far) fetches its rows of C, those of the tile below and its share of the next panel of B between its
// multiply-adds, a line or two at a time: 68 % of the peak become 87 % where these come from a slow L3.
template <int R, int V, bool Partial, bool Far = false, class T>
WG_INLINE void tile(int64_t k, const T* a, int64_t a_row, int64_t a_k, const T* b, int64_t b_k, T* c, int64_t ldc,
                    int last, bool accumulate, const Ahead<T>* ahead = nullptr) {
  constexpr int L = lanes<T>;
  using X = Vec<T, L>;
  X acc[R][V];
  unrolled<R>([&](auto r) WG_BODY { unrolled<V>([&](auto j) WG_BODY { acc[r][j] = X(0); }); });
  // Two pointers and three distances lead to all rows. What the compiler must not know about them keeps it from
  // computing an address for every element of the unrolled loop and spilling most.
  const T *top = a, *low = a + 4 * a_row;
  int64_t second = a_row, third = 2 * a_row, fourth = 3 * a_row;
  WG_OPAQUE(second);
  WG_OPAQUE(third);
  WG_OPAQUE(fourth);
  const auto step = [&]() WG_BODY {
    X row[V];
    unrolled<V>([&](auto j) WG_BODY {
      if constexpr (Partial && j == V - 1) {
        row[j] = X::load(b + j * L, last);
      } else {
        row[j] = X::load(b + j * L);
      }
    });
    const int64_t distance[4] = {0, second, third, fourth};
    unrolled<R>([&](auto r) WG_BODY {
      const X s((r < 4 ? top : low)[distance[r % 4]]);
      unrolled<V>([&](auto j) WG_BODY { acc[r][j] = fma(s, row[j], acc[r][j]); });
    });
    top += a_k;
    WG_OPAQUE(top);
    if constexpr (R > 4) {
      low += a_k;
      WG_OPAQUE(low);
    }
    b += b_k;
    WG_OPAQUE(b);
  };
  constexpr int unroll = Far ? 4 : 2;
  int64_t p = k;
  if constexpr (Far) {
    const T* own = c;
    for (int r = 0; r < R && p >= unroll; ++r, p -= unroll, own += ldc) {
      unrolled<unroll>([&](auto) WG_BODY { step(); });
      unrolled<V>([&](auto j) WG_BODY { __builtin_prefetch(own + j * L, 0, 3); });
      __builtin_prefetch(own + V * L - 1, 0, 3);
      fetch_row<V>(own + R * ldc);
    }
    const T* from = ahead->b;
    for (int64_t left = ahead->rows; left > 0 && p >= unroll; --left, p -= unroll, from += ahead->step) {
      unrolled<unroll>([&](auto) WG_BODY { step(); });
      fetch_row<V>(from);
    }
  } else {
    unrolled<R>([&](auto r)
                    WG_BODY { unrolled<V>([&](auto j) WG_BODY { __builtin_prefetch(c + r * ldc + j * L, 1); }); });
  }
  for (; p >= unroll; p -= unroll) unrolled<unroll>([&](auto) WG_BODY { step(); });
  for (; p > 0; --p) step();
  unrolled<R>([&](auto r) WG_BODY {
    unrolled<V>([&](auto j) WG_BODY {
      T* to = c + r * ldc + j * L;
      if constexpr (Partial && j == V - 1) {
        (accumulate ? X::load(to, last) + acc[r][j] : acc[r][j]).store(to, last);
      } else {
        (accumulate ? X::load(to) + acc[r][j] : acc[r][j]).store(to);
      }
    });
  });
}

template <class T>
using TileFunction = void (*)(int64_t k, const T* a, int64_t a_row, int64_t a_k, const T* b, int64_t b_k, T* c,
                              int64_t ldc, int last, bool accumulate);
template <int R, int V, bool Partial, class T>
void tile_function(int64_t k, const T* a, int64_t a_row, int64_t a_k, const T* b, int64_t b_k, T* c, int64_t ldc,
                   int last, bool accumulate) {
  tile<R, V, Partial>(k, a, a_row, a_k, b, b_k, c, ldc, last, accumulate);
}

template <class T>
using FarTileFunction = void (*)(int64_t k, const T* a, int64_t a_row, int64_t a_k, const T* b, T* c, int64_t ldc,
                                 int last, bool accumulate, const Ahead<T>* ahead);
template <int V, bool Partial, class T>
void far_tile_function(int64_t k, const T* a, int64_t a_row, int64_t a_k, const T* b, T* c, int64_t ldc, int last,
                       bool accumulate, const Ahead<T>* ahead) {
  tile<tile_rows, V, Partial, true>(k, a, a_row, a_k, b, tile_cols<T>, c, ldc, last, accumulate, ahead);
}

// Tiles of every shape up to the full one: [rows - 1][vectors - 1][partial]; those of full height once more for blocks.
template <class T> struct Tiles {
  TileFunction<T> f[tile_rows][tile_vectors][2];
  FarTileFunction<T> far[tile_vectors][2];
  constexpr Tiles() : f(), far() { fill(std::make_integer_sequence<int, tile_rows>()); }
  template <int... R> constexpr void fill(std::integer_sequence<int, R...>) {
    (fill_row<R>(std::make_integer_sequence<int, tile_vectors>()), ...);
  }
  template <int R, int... V> constexpr void fill_row(std::integer_sequence<int, V...>) {
    ((f[R][V][0] = tile_function<R + 1, V + 1, false, T>), ...);
    ((f[R][V][1] = tile_function<R + 1, V + 1, true, T>), ...);
    ((far[V][0] = far_tile_function<V + 1, false, T>), ...);
    ((far[V][1] = far_tile_function<V + 1, true, T>), ...);
  }
};
template <class T> constexpr Tiles<T> tiles;

// One row of C where B comes from far: B is read along its rows, eight at a time, and C is the accumulator in L1.
template <class T>
void one_row_streaming(int64_t cols, int64_t k, const T* a, int64_t a_k, const T* b, int64_t b_k, T* c,
                       bool accumulate) {
  constexpr int L = lanes<T>, rows = 8;
  using X = Vec<T, L>;
  if (!accumulate) __builtin_memset(c, 0, cols * sizeof(T));
  for (int64_t p = 0; p < k; p += rows) {
    const int depth = int(k - p < rows ? k - p : rows);
    const T* from = b + p * b_k;
    T s[rows];
    for (int i = 0; i < depth; ++i) s[i] = a[(p + i) * a_k];
    int64_t j = 0;
    if (depth == rows) {
      for (; j + L <= cols; j += L) {
        X sum = X::load(c + j);
        unrolled<rows>([&](auto i) WG_BODY { sum = fma(X(s[i]), X::load(from + i * b_k + j), sum); });
        sum.store(c + j);
      }
    }
    for (; j < cols; ++j) {
      for (int i = 0; i < depth; ++i) c[j] = OneLane<T>::fma(s[i], from[i * b_k + j], c[j]);
    }
  }
}

// One row of C over many columns at once, so that the sums are independent enough to fill the pipeline.
template <class T>
void one_row(int64_t cols, int64_t k, const T* a, int64_t a_k, const T* b, int64_t b_k, T* c, bool accumulate) {
  constexpr int L = lanes<T>, V = 8;
  if (k * (b_k < 0 ? -b_k : b_k) * int64_t(sizeof(T)) > 512 * 1024) {
    return one_row_streaming(cols, k, a, a_k, b, b_k, c, accumulate);
  }
  int64_t j = 0;
  for (; j + V * L <= cols; j += V * L) tile<1, V, false>(k, a, 0, a_k, b + j, b_k, c + j, 0, L, accumulate);
  if (j + 4 * L <= cols) {
    tile<1, 4, false>(k, a, 0, a_k, b + j, b_k, c + j, 0, L, accumulate);
    j += 4 * L;
  }
  const int64_t left = cols - j;
  if (left == 0) return;
  const int vectors = int((left + L - 1) / L), last = int(left - (vectors - 1) * L);
  if (vectors == 1) tile<1, 1, true>(k, a, 0, a_k, b + j, b_k, c + j, 0, last, accumulate);
  if (vectors == 2) tile<1, 2, true>(k, a, 0, a_k, b + j, b_k, c + j, 0, last, accumulate);
  if (vectors == 3) tile<1, 3, true>(k, a, 0, a_k, b + j, b_k, c + j, 0, last, accumulate);
  if (vectors == 4) tile<1, 4, true>(k, a, 0, a_k, b + j, b_k, c + j, 0, last, accumulate);
}

template <class T>
void direct(MatView<T> a, MatView<T> b, T* c, int64_t ldc, bool accumulate, int64_t batch, int64_t a_batch_stride,
            int64_t b_batch_stride, int64_t c_batch_stride) {
  constexpr int L = lanes<T>, W = tile_cols<T>;
  const int64_t m = a.rows, n = b.cols, k = a.cols;
  for (int64_t i = 0; i < batch; ++i) {
    const T* pa = a.data + i * a_batch_stride;
    const T* pb = b.data + i * b_batch_stride;
    T* pc = c + i * c_batch_stride;
    if (m == 1) {
      one_row(n, k, pa, a.col_stride, pb, b.row_stride, pc, accumulate);
      continue;
    }
    for (int64_t j = 0; j < n; j += W) {
      const int64_t w = n - j < W ? n - j : W;
      const int vectors = int((w + L - 1) / L), last = int(w - (vectors - 1) * L);
      for (int64_t r = 0; r < m; r += tile_rows) {
        const int64_t h = m - r < tile_rows ? m - r : tile_rows;
        tiles<T>.f[h - 1][vectors - 1][last != L](k, pa + r * a.row_stride, a.row_stride, a.col_stride, pb + j,
                                                  b.row_stride, pc + r * ldc + j, ldc, last, accumulate);
      }
    }
  }
}

// Lines that are adjacent: a few steps of k for all panels, so that each page of the source is read once.
template <class T, int Width> void pack_adjacent(T* dst, const T* src, int64_t k_stride, int64_t count, int64_t k) {
  constexpr int64_t steps = 8;
  for (int64_t p = 0; p < k; p += steps) {
    const int64_t end = p + steps < k ? p + steps : k;
    for (int64_t line = 0; line < count; line += Width) {
      T* to = dst + line * k;
      const T* from = src + line;
      if (count - line >= Width) {
        for (int64_t q = p; q < end; ++q) __builtin_memcpy(to + q * Width, from + q * k_stride, Width * sizeof(T));
      } else {
        for (int64_t q = p; q < end; ++q) {
          for (int64_t i = 0; i < count - line; ++i) to[q * Width + i] = from[q * k_stride + i];
        }
      }
    }
  }
}

template <class T, int Width>
void pack(T* dst, const T* src, int64_t line_stride, int64_t k_stride, int64_t count, int64_t k) {
  if (line_stride == 1) return pack_adjacent<T, Width>(dst, src, k_stride, count, k);
  for (int64_t line = 0; line < count; line += Width, dst += Width * k, src += Width * line_stride) {
    const int width = int(count - line < Width ? count - line : Width);
    if (k_stride == 1) {
      transpose_panel<T, Width>(dst, src, line_stride, width, k);
    } else {
      for (int64_t p = 0; p < k; ++p) {
        for (int i = 0; i < width; ++i) dst[p * Width + i] = src[i * line_stride + p * k_stride];
      }
    }
  }
}

template <class V> WG_INLINE V activate(V x, Activation activation) {
  switch (activation) {
    case Activation::tanh:
      return tanh(x);
    case Activation::relu:
      return select((x > 0) | (x != x), x, V(0));
    case Activation::sigmoid:
      return sigmoid(x);
    default:
      return x;
  }
}

template <class T> void apply_epilogue(T* c, int64_t ldc, int64_t rows, int64_t cols, const Epilogue<T>* epilogue) {
  constexpr int L = lanes<T>;
  using X = Vec<T, L>;
  for (int64_t r = 0; r < rows; ++r) {
    T* row = c + r * ldc;
    const T* addend = epilogue->addend ? epilogue->addend + (row - epilogue->origin) : nullptr;
    for (int64_t j = 0; j < cols; j += L) {
      const int n = int(cols - j < L ? cols - j : L);
      X x = n == L ? X::load(row + j) : X::load(row + j, n);
      if (addend) x += n == L ? X::load(addend + j) : X::load(addend + j, n);
      if (epilogue->bias) x += n == L ? X::load(epilogue->bias + j) : X::load(epilogue->bias + j, n);
      x = activate(x, epilogue->activation);
      n == L ? x.store(row + j) : x.store(row + j, n);
    }
  }
}

template <class T>
void block(MatView<T> a, int64_t a_tile, MatView<T> b, bool pack_now, T* panels, int64_t panel_step, T* c, int64_t ldc,
           bool accumulate, const Epilogue<T>* epilogue) {
  constexpr int L = lanes<T>, W = tile_cols<T>, H = tile_rows;
  const int64_t rows = a.rows, k = a.cols, cols = b.cols, share = (k * H + rows - 1) / rows;
  for (int64_t j = 0; j < cols; j += W) {
    const int64_t w = cols - j < W ? cols - j : W;
    const int vectors = int((w + L - 1) / L), last = int(w - (vectors - 1) * L);
    T* panel = panels + j / W * panel_step;
    if (pack_now) pack<T, W>(panel, b.data + j * b.col_stride, b.col_stride, b.row_stride, w, k);
    // The tiles share the next panel: its rows, or, where its columns are what is contiguous, the beginnings of these.
    Ahead<T> ahead{panel + panel_step, W, share};
    if (pack_now) ahead = {b.data + (j + W) * b.col_stride, b.row_stride, share};
    if (pack_now && b.col_stride != 1)
      ahead = {b.data + (j + W) * b.col_stride, b.col_stride, (W * H + rows - 1) / rows};
    if (j + W >= cols) ahead.rows = 0;
    const T* from = a.data;
    for (int64_t r = 0; r < rows; r += H, from += a_tile, ahead.b += ahead.rows * ahead.step) {
      const int64_t h = rows - r < H ? rows - r : H;
      T* to = c + r * ldc + j;
      if (h == H) {
        tiles<T>.far[vectors - 1][last != L](k, from, a.row_stride, a.col_stride, panel, to, ldc, last, accumulate,
                                             &ahead);
      } else {
        tiles<T>.f[h - 1][vectors - 1][last != L](k, from, a.row_stride, a.col_stride, panel, W, to, ldc, last,
                                                  accumulate);
      }
    }
    if (epilogue) {
      Epilogue<T> part = *epilogue;
      if (part.bias) part.bias += j;
      apply_epilogue(c + j, ldc, rows, w, &part);
    }
  }
}

// The sum of a vector's lanes, always in the same order.
template <class T, int N> WG_INLINE T lane_sum(Vec<T, N> x) {
  if constexpr (N == 1) {
    return x.v;
  } else {
    return lane_sum(half<0>(x) + half<1>(x));
  }
}

// How far ahead a single row is fetched: the processor's own prefetching of one stream stops at each page, which leaves
// a fifth of the bandwidth. With several rows there are several streams, and nothing is gained.
constexpr int read_ahead = 1024;

// R rows of A times x at once.
template <int R, class T>
WG_INLINE void dot_rows(int64_t k, const T* a, int64_t a_row, const T* x, T* y, int64_t y_stride, bool accumulate) {
  constexpr int L = lanes<T>, U = R >= 4 ? 2 : 8 / R;  // enough independent sums to fill the pipeline
  using X = Vec<T, L>;
  X acc[R][U];
  unrolled<R>([&](auto r) WG_BODY { unrolled<U>([&](auto u) WG_BODY { acc[r][u] = X(0); }); });
  int64_t p = 0;
  for (; p + U * L <= k; p += U * L) {
    unrolled<U>([&](auto u) WG_BODY {
      const X xv = X::load(x + p + u * L);
      unrolled<R>([&](auto r) WG_BODY {
        const T* from = a + r * a_row + p + u * L;
        if (R == 1) __builtin_prefetch(reinterpret_cast<const char*>(from) + read_ahead);
        acc[r][u] = fma(X::load(from), xv, acc[r][u]);
      });
    });
  }
  for (; p + L <= k; p += L) {
    const X xv = X::load(x + p);
    unrolled<R>([&](auto r) WG_BODY { acc[r][0] = fma(X::load(a + r * a_row + p), xv, acc[r][0]); });
  }
  T sum[R];
  unrolled<R>([&](auto r) WG_BODY {
    X s = acc[r][0];
    for (int u = 1; u < U; ++u) s += acc[r][u];
    sum[r] = lane_sum(s);
  });
  for (; p < k; ++p) {
    unrolled<R>([&](auto r) WG_BODY { sum[r] = OneLane<T>::fma(a[r * a_row + p], x[p], sum[r]); });
  }
  unrolled<R>([&](auto r) WG_BODY { y[r * y_stride] = accumulate ? y[r * y_stride] + sum[r] : sum[r]; });
}

template <class T> void gemv(MatView<T> a, const T* x, T* y, int64_t y_stride, bool accumulate) {
  int64_t i = 0;
  for (; i + 4 <= a.rows; i += 4) {
    dot_rows<4>(a.cols, a.data + i * a.row_stride, a.row_stride, x, y + i * y_stride, y_stride, accumulate);
  }
  // Parallel callers cut at multiples of four rows, so which rows come here does not depend on the cut.
  for (; i < a.rows; ++i) {
    dot_rows<1>(a.cols, a.data + i * a.row_stride, a.row_stride, x, y + i * y_stride, y_stride, accumulate);
  }
}

template <class T> T dot(int64_t n, const T* x, const T* y) {
  T r;
  dot_rows<1>(n, x, 0, y, &r, 0, false);
  return r;
}

template <class T> void fill(GemmKernels<T>& g) {
  constexpr int64_t nr = tile_cols<T>;
  g.mr = tile_rows;
  g.nr = nr;
#if WG_VECTOR_BYTES == 64
  g.kc = sizeof(T) == 8 ? 768 : 1024;
  g.mc = sizeof(T) == 8 ? 24 : 48;
#else
  g.kc = 512;
  g.mc = 48;
#endif
  g.nc = 1536 / nr * nr;
  g.whole_a = g.unpacked_b = 1300 * 1024;
  // The above is for a small L2 and a fast L3 (1 MB, Zen 5): panels of B stream from L3 past a few rows of A. Where L2
  // is large, L3 is slow (2 MB, Sapphire Rapids): a panel of B serves a block of A in a fifth of L2, which neighbours
  // and the panels share; 256 rows or more took 5 % longer.
  if (l2_bytes() >= 3 << 19) {
    if (WG_VECTOR_BYTES == 64) g.kc = 384;
    g.mc = l2_bytes() / 5 / (g.kc * int64_t(sizeof(T))) / tile_rows * tile_rows;
    g.nc = 3072 / nr * nr;
    g.whole_a = l2_bytes() * 2 / 5;
    g.unpacked_b = 96 * 1024;
  }
  g.pack_a = pack<T, tile_rows>;
  g.pack_b = pack<T, int(nr)>;
  g.block = block<T>;
  g.direct = direct<T>;
  g.epilogue = apply_epilogue<T>;
  g.gemv = gemv<T>;
  g.dot = dot<T>;
}

}  // namespace

void fill_gemm(KernelTable& table) {
  fill(table.gemm_f64);
  fill(table.gemm_f32);
}

}  // namespace wengert::simd::WG_TARGET
