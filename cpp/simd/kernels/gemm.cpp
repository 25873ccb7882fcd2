#include "simd/kernels/gemm.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <vector>

#include "simd/kernel_table.h"
#include "simd/kernels/reduce.h"
#include "simd/threads.h"

namespace wengert::simd {
namespace {

// Up to this many bytes of A and of B, and strides of so many elements, packing costs more than it saves: both operands
// stay in L2 and no two rows fall on the same cache lines too often.
constexpr int64_t direct_bytes = 1300 * 1024, direct_stride = 1024;
// Packing B costs more than it saves for so few rows of A.
constexpr int64_t few_rows = 32;
constexpr int64_t near_rows = 2048;  // bytes from row to row
// So much of C waits for its epilogue in L2.
constexpr int64_t strip_bytes = 256 * 1024;
// A product of at most so many multiply-adds goes to the unpacked kernel without further questions.
constexpr int64_t small = 32 * 32 * 32;
// Below this much work one thread is faster than two: a product's multiply-adds times the size of an element (2 us on
// two cores; handing work over takes 0.25 us), and the elements of a matrix that is read once.
constexpr int64_t parallel_work = 1 << 21, parallel_elements = 1 << 16;
constexpr int64_t brief = 16;  // up to so many times as much is a brief loop (see threads.h)
template <class T> bool worth_sharing(int64_t multiply_adds) {
  return multiply_adds * int64_t(sizeof(T)) >= parallel_work;
}

// Memory for packed panels, one piece a thread, kept between calls: fresh memory costs more than the packing.
template <class T> class Scratch {
 public:
  ~Scratch() { std::free(data_); }
  T* take(int64_t count) {
    if (count > size_) {
      std::free(data_);
      const size_t bytes = (size_t(count) * sizeof(T) + 4095) / 4096 * 4096;
      data_ = static_cast<T*>(std::aligned_alloc(4096, bytes));
      if (!data_) {
        size_ = 0;
        throw std::bad_alloc();
      }
      size_ = count;
    }
    return data_;
  }

 private:
  T* data_ = nullptr;
  int64_t size_ = 0;
};

template <class T> T* scratch(int which, int64_t count) {
  static thread_local Scratch<T> pieces[2];
  return pieces[which].take(count);
}

int64_t round_up(int64_t x, int64_t multiple) { return (x + multiple - 1) / multiple * multiple; }

template <class T> MatView<T> part(MatView<T> a, int64_t row, int64_t rows, int64_t col, int64_t cols) {
  return {a.data + row * a.row_stride + col * a.col_stride, rows, cols, a.row_stride, a.col_stride};
}

// The epilogue as a block of C that begins at column j sees it.
template <class T> Epilogue<T> from_column(const Epilogue<T>* epilogue, int64_t j) {
  if (!epilogue) return {};
  Epilogue<T> columns = *epilogue;
  if (columns.bias) columns.bias += j;
  return columns;
}

template <class T> bool near(MatView<T> a) {
  const auto within = [](int64_t stride) { return stride <= direct_stride && stride >= -direct_stride; };
  return a.rows * a.cols * int64_t(sizeof(T)) <= direct_bytes && within(a.row_stride) && within(a.col_stride);
}

// `count` cut into equal parts of at most `most`, which are multiples of `multiple`.
int64_t even_part(int64_t count, int64_t most, int64_t multiple) {
  if (count <= most) return count;
  const int64_t parts = (count + most - 1) / most;
  return round_up((count + parts - 1) / parts, multiple);
}

// Goto's scheme in one thread: B in blocks for L3, A in blocks for L2, panels of B for L1, tiles of C for registers.
template <class T>
void packed(const GemmKernels<T>& g, MatView<T> a, MatView<T> b, T* c, int64_t ldc, bool accumulate,
            const Epilogue<T>* epilogue) {
  const int64_t m = a.rows, n = b.cols, k = a.cols;
  const int64_t kc = even_part(k, g.kc, 8);
  // Where one block of A is all of it, each panel of B is packed just before its only use, and all take the same place.
  // Not where the rows of B lie far apart: a panel takes little from each of many pages (packed ahead 10 to 18 %
  // faster).
  const bool panels_near = b.col_stride != 1 || std::abs(b.row_stride) * int64_t(sizeof(T)) <= near_rows;
  const bool once = panels_near && m * kc * int64_t(sizeof(T)) <= g.whole_a;
  const int64_t mc = once ? m : even_part(m, g.mc, g.mr);
  // Rows of A that are contiguous are read as they are: packing them costs more than it saves.
  const bool pack_a = a.col_stride != 1 && !near(a);
  T* packed_a = pack_a ? scratch<T>(0, round_up(mc, g.mr) * kc) : nullptr;
  T* panels = scratch<T>(1, (once ? g.nr : round_up(n < g.nc ? n : g.nc, g.nr)) * kc);
  for (int64_t j = 0; j < n; j += g.nc) {
    const int64_t w = n - j < g.nc ? n - j : g.nc;
    const Epilogue<T> columns = from_column(epilogue, j);
    for (int64_t p = 0; p < k; p += kc) {
      const int64_t d = k - p < kc ? k - p : kc;
      const MatView<T> bp = part(b, p, d, j, w);
      if (!once) g.pack_b(panels, bp.data, bp.col_stride, bp.row_stride, w, d);
      for (int64_t i = 0; i < m; i += mc) {
        const int64_t h = m - i < mc ? m - i : mc;
        MatView<T> ap = part(a, i, h, p, d);
        int64_t tile = ap.row_stride * g.mr;
        if (pack_a) {
          g.pack_a(packed_a, ap.data, ap.row_stride, ap.col_stride, h, d);
          ap = {packed_a, h, d, 1, g.mr};
          tile = g.mr * d;
        }
        g.block(ap, tile, bp, once, panels, once ? 0 : g.nr * d, c + i * ldc + j, ldc, accumulate || p > 0,
                epilogue && p + d == k ? &columns : nullptr);
      }
    }
  }
}

// Unpacked; the epilogue follows each strip of rows while it is in L2.
template <class T>
void direct(const GemmKernels<T>& g, MatView<T> a, MatView<T> b, T* c, int64_t ldc, bool accumulate,
            const Epilogue<T>* epilogue) {
  const int64_t m = a.rows, n = b.cols;
  if (!epilogue) return g.direct(a, b, c, ldc, accumulate, 1, 0, 0, 0);
  const int64_t strip = round_up(1 + strip_bytes / (n * int64_t(sizeof(T))), g.mr);
  for (int64_t i = 0; i < m; i += strip) {
    const int64_t h = m - i < strip ? m - i : strip;
    g.direct(part(a, i, h, 0, a.cols), b, c + i * ldc, ldc, accumulate, 1, 0, 0, 0);
    g.epilogue(c + i * ldc, ldc, h, n, epilogue);
  }
}

// Whether the product of so many rows and B reads B as it lies.
template <class T> bool reads_unpacked(const GemmKernels<T>& g, int64_t rows, MatView<T> b) {
  const bool pays = rows > few_rows && b.rows * b.cols * int64_t(sizeof(T)) > g.unpacked_b;
  return rows > 1 && !pays && b.rows <= g.kc && (b.col_stride == 1 || b.cols == 1) && near(b);
}

// A product in one thread. All paths add the k products of an element in the same order, in blocks of kc where k is
// larger; so the choice, which depends on how the work was cut, does not show in the result.
template <class T>
void product(const GemmKernels<T>& g, MatView<T> a, MatView<T> b, T* c, int64_t ldc, bool accumulate,
             const Epilogue<T>* epilogue) {
  if (near(a) && reads_unpacked(g, a.rows, b)) {
    direct(g, a, b, c, ldc, accumulate, epilogue);
  } else {
    packed(g, a, b, c, ldc, accumulate, epilogue);
  }
}

// How C is cut for so many threads: into tasks of height x width, the largest as small as can be. Packing an element
// of B, which every task does for its columns, takes as long as about ten multiply-adds.
struct Cut {
  int64_t height, width;
};
template <class T> Cut cut_for(const GemmKernels<T>& g, int64_t m, int64_t n, bool packs, int threads) {
  Cut best{m, n};
  int64_t least = INT64_MAX;
  for (int64_t down = 1; down <= threads; ++down) {
    if (threads % down) continue;
    const int64_t across = threads / down, h = round_up((m + down - 1) / down, g.mr),
                  w = round_up((n + across - 1) / across, g.nr), height = h < m ? h : m, width = w < n ? w : n,
                  cost = width * (height + (packs ? 10 : 0)) + height;
    if (cost < least) {
      least = cost;
      best = {height, width};
    }
  }
  return best;
}

// C is cut into a grid of tasks; each is a product of its own, so any number of threads computes the same.
template <class T>
void product_parallel(const GemmKernels<T>& g, MatView<T> a, MatView<T> b, T* c, int64_t ldc, bool accumulate,
                      const Epilogue<T>* epilogue) {
  const int64_t m = a.rows, n = b.cols, k = a.cols;
  const int threads = worth_sharing<T>(m * n * k) ? num_threads() : 1;
  if (threads == 1) return product(g, a, b, c, ldc, accumulate, epilogue);
  const auto [height, width] = cut_for(g, m, n, !reads_unpacked(g, m / threads, b), threads);
  const int64_t down = (m + height - 1) / height, across = (n + width - 1) / width;
  parallel_for(down * across, m * n * k * int64_t(sizeof(T)) < brief * parallel_work,
               [&, height = height, width = width](int64_t task) {
                 const int64_t i = task / across * height, j = task % across * width;
                 const int64_t h = m - i < height ? m - i : height, w = n - j < width ? n - j : width;
                 const Epilogue<T> columns = from_column(epilogue, j);
                 product(g, part(a, i, h, 0, k), part(b, 0, k, j, w), c + i * ldc + j, ldc, accumulate,
                         epilogue ? &columns : nullptr);
               });
}

template <class T> MatView<T> transposed(MatView<T> a) { return {a.data, a.cols, a.rows, a.col_stride, a.row_stride}; }

// The vector contiguous: itself, or a copy of it.
template <class T> const T* contiguous(const T* x, int64_t n, int64_t stride, int which) {
  if (stride == 1 || n <= 1) return x;
  T* copy = scratch<T>(which, n);
  for (int64_t i = 0; i < n; ++i) copy[i] = x[i * stride];
  return copy;
}

// One row times B, whose columns are adjacent. Large B is cut in blocks of rows, whose products are added, or, where it
// is wide, of columns: a fixed cut, whatever the number of threads.
template <class T> void row_times_matrix(const GemmKernels<T>& g, MatView<T> row, MatView<T> b, T* c, bool accumulate) {
  constexpr int64_t columns = 512, depth = 256;
  const int64_t n = b.cols, k = b.rows;
  const bool is_brief = n * k < brief * parallel_elements;
  if (n * k >= parallel_elements && k >= 2 * depth) {
    const int64_t blocks = (k + depth - 1) / depth;
    std::vector<T> sums(blocks * n);
    parallel_for(blocks, is_brief, [&](int64_t task) {
      const int64_t p = task * depth, d = k - p < depth ? k - p : depth;
      g.direct(part(row, 0, 1, p, d), part(b, p, d, 0, n), sums.data() + task * n, 0, false, 1, 0, 0, 0);
    });
    if (accumulate) add_to(sums.data(), c, n);
    reduce_columns_of(Reduction::sum, sums.data(), blocks, n, n, c);
  } else if (n * k >= parallel_elements && n >= 2 * columns) {
    parallel_for((n + columns - 1) / columns, is_brief, [&](int64_t task) {
      const int64_t j = task * columns, w = n - j < columns ? n - j : columns;
      g.direct(row, part(b, 0, k, j, w), c + j, 0, accumulate, 1, 0, 0, 0);
    });
  } else {
    g.direct(row, b, c, 0, accumulate, 1, 0, 0, 0);
  }
}

template <class T>
void gemv_any(const GemmKernels<T>& g, MatView<T> a, const T* x, int64_t x_stride, T* y, int64_t y_stride,
              bool accumulate) {
  if (a.rows == 0) return;
  if (a.row_stride == 1 && a.rows > 1 && a.cols > 1) {  // the columns are contiguous: a row times a matrix
    if (y_stride == 1) return row_times_matrix(g, {x, 1, a.cols, 0, x_stride}, transposed(a), y, accumulate);
    T* t = scratch<T>(0, a.rows);
    row_times_matrix(g, {x, 1, a.cols, 0, x_stride}, transposed(a), t, false);
    for (int64_t i = 0; i < a.rows; ++i) y[i * y_stride] = accumulate ? y[i * y_stride] + t[i] : t[i];
    return;
  }
  x = contiguous(x, a.cols, x_stride, 0);
  if (a.col_stride == 1 || a.cols <= 1) {
    constexpr int64_t rows = 64;  // a fixed cut, whatever the number of threads; a multiple of the kernel's four rows
    if (a.rows * a.cols >= parallel_elements && a.rows >= 2 * rows) {
      parallel_for((a.rows + rows - 1) / rows, a.rows * a.cols < brief * parallel_elements, [&](int64_t task) {
        const int64_t i = task * rows, h = a.rows - i < rows ? a.rows - i : rows;
        g.gemv(part(a, i, h, 0, a.cols), x, y + i * y_stride, y_stride, accumulate);
      });
      return;
    }
    return g.gemv(a, x, y, y_stride, accumulate);
  }
  for (int64_t i = 0; i < a.rows; ++i) {
    T sum = g.dot(a.cols, contiguous(a.data + i * a.row_stride, a.cols, a.col_stride, 1), x);
    y[i * y_stride] = accumulate ? y[i * y_stride] + sum : sum;
  }
}

template <class T>
void gemm_any(MatView<T> a, MatView<T> b, T* c, int64_t ldc, bool accumulate, const Epilogue<T>* epilogue) {
  const int64_t m = a.rows, n = b.cols, k = a.cols;
  if (m == 0 || n == 0) return;
  const GemmKernels<T>& g = kernels().gemm<T>();
  if (epilogue && !epilogue->bias && !epilogue->addend && epilogue->activation == Activation::none) epilogue = nullptr;
  if (k == 0) {  // the sum of nothing
    for (int64_t i = 0; !accumulate && i < m; ++i) std::fill_n(c + i * ldc, n, T(0));
  } else if (n == 1 && m > 1) {
    gemv_any(g, a, b.data, b.row_stride, c, ldc, accumulate);
  } else if (m == 1 && b.col_stride != 1 && n > 1) {
    gemv_any(g, transposed(b), a.data, a.col_stride, c, 1, accumulate);
  } else if (m == 1 && b.col_stride == 1) {
    row_times_matrix(g, a, b, c, accumulate);
  } else if ((b.col_stride == 1 || n == 1) && (m <= 2 || m * n * k <= small)) {
    g.direct(a, b, c, ldc, accumulate, 1, 0, 0, 0);
  } else {
    return product_parallel(g, a, b, c, ldc, accumulate, epilogue);
  }
  if (epilogue) g.epilogue(c, ldc, m, n, epilogue);
}

template <class T>
void batched_any(MatView<T> a, MatView<T> b, T* c, int64_t ldc, int64_t batch, int64_t a_batch, int64_t b_batch,
                 int64_t c_batch, bool accumulate) {
  const int64_t m = a.rows, n = b.cols, k = a.cols, work = m * n * k;
  if (m == 0 || n == 0 || batch == 0) return;
  const GemmKernels<T>& g = kernels().gemm<T>();
  if (worth_sharing<T>(work)) {  // each product is parallel itself
    for (int64_t i = 0; i < batch; ++i) {
      gemm_any<T>({a.data + i * a_batch, m, k, a.row_stride, a.col_stride},
                  {b.data + i * b_batch, k, n, b.row_stride, b.col_stride}, c + i * c_batch, ldc, accumulate, nullptr);
    }
    return;
  }
  const bool direct = (b.col_stride == 1 || n == 1) && work <= small;
  const int64_t run =
      worth_sharing<T>(work * batch) ? 1 + parallel_work / 16 / int64_t(sizeof(T)) / (work + 16) : batch;
  parallel_for((batch + run - 1) / run, work * batch * int64_t(sizeof(T)) < brief * parallel_work, [&](int64_t task) {
    const int64_t first = task * run, count = batch - first < run ? batch - first : run;
    MatView<T> pa = a, pb = b;
    pa.data += first * a_batch;
    pb.data += first * b_batch;
    T* pc = c + first * c_batch;
    if (direct) return g.direct(pa, pb, pc, ldc, accumulate, count, a_batch, b_batch, c_batch);
    for (int64_t i = 0; i < count; ++i) {
      gemm_any(pa, pb, pc, ldc, accumulate, static_cast<const Epilogue<T>*>(nullptr));
      pa.data += a_batch;
      pb.data += b_batch;
      pc += c_batch;
    }
  });
}

// Long vectors in fixed blocks, whose sums are added pairwise.
template <class T> T dot_any(int64_t n, const T* x, int64_t x_stride, const T* y, int64_t y_stride) {
  const auto kernel = kernels().gemm<T>().dot;
  x = contiguous(x, n, x_stride, 0);
  y = contiguous(y, n, y_stride, 1);
  if (n <= reduce_block) return kernel(n, x, y);
  const int64_t blocks = (n + reduce_block - 1) / reduce_block;
  std::vector<T> part(blocks);
  const auto body = [&](int64_t b) {
    const int64_t i = b * reduce_block;
    part[b] = kernel(n - i < reduce_block ? n - i : reduce_block, x + i, y + i);
  };
  if (n < parallel_elements) {
    for (int64_t b = 0; b < blocks; ++b) body(b);
  } else {
    parallel_for(blocks, n < brief * parallel_elements, body);
  }
  return reduce(Reduction::sum, part.data(), blocks);
}

// The blocks of k one after the other; in each the panels of nr columns.
template <class T>
void panels_part(const GemmKernels<T>& g, MatView<T> a, const T* panels, int64_t all, int64_t j, int64_t n, T* c,
                 int64_t ldc, const Epilogue<T>* epilogue) {
  const int64_t k = a.cols, kc = even_part(k, g.kc, 8);
  for (int64_t p = 0; p < k; p += kc) {
    const int64_t d = k - p < kc ? k - p : kc;
    // block() writes to panels only where it packs them itself.
    T* block = const_cast<T*>(panels) + round_up(all, g.nr) * p + j * d;
    g.block(part(a, 0, a.rows, p, d), a.row_stride * g.mr, {nullptr, d, n, 0, 0}, false, block, g.nr * d, c, ldc, p > 0,
            p + d == k ? epilogue : nullptr);
  }
}

}  // namespace

int64_t panels_size(int64_t k, int64_t n) {
  constexpr int64_t widest = 64;  // tile: no instruction set has wider ones
  return (n + widest - 1) * k;
}

template <class T> void pack_panels(MatView<T> b, T* panels) {
  const GemmKernels<T>& g = kernels().gemm<T>();
  const int64_t n = b.cols, k = b.rows, kc = even_part(k, g.kc, 8);
  for (int64_t p = 0; p < k; p += kc) {
    const int64_t d = k - p < kc ? k - p : kc;
    g.pack_b(panels + round_up(n, g.nr) * p, b.data + p * b.row_stride, b.col_stride, b.row_stride, n, d);
  }
}

template <class T>
void gemm_panels(MatView<T> a, const T* panels, int64_t n, T* c, int64_t ldc, const Epilogue<T>* epilogue) {
  const GemmKernels<T>& g = kernels().gemm<T>();
  const int64_t m = a.rows, k = a.cols, work = m * n * k * int64_t(sizeof(T));
  if (epilogue && !epilogue->bias && !epilogue->addend && epilogue->activation == Activation::none) epilogue = nullptr;
  const int threads = worth_sharing<T>(m * n * k) ? num_threads() : 1;
  if (threads == 1) return panels_part(g, a, panels, n, 0, n, c, ldc, epilogue);
  const auto [height, width] = cut_for(g, m, n, false, threads);
  const int64_t down = (m + height - 1) / height, across = (n + width - 1) / width;
  parallel_for(down * across, work < brief * parallel_work, [&, height = height, width = width](int64_t task) {
    const int64_t i = task / across * height, j = task % across * width;
    const int64_t h = m - i < height ? m - i : height, w = n - j < width ? n - j : width;
    const Epilogue<T> columns = from_column(epilogue, j);
    panels_part(g, part(a, i, h, 0, k), panels, n, j, w, c + i * ldc + j, ldc, epilogue ? &columns : nullptr);
  });
}

#define WG_PANELS(T)                         \
  template void pack_panels(MatView<T>, T*); \
  template void gemm_panels(MatView<T>, const T*, int64_t, T*, int64_t, const Epilogue<T>*);
WG_PANELS(double)
WG_PANELS(float)
#undef WG_PANELS

template <class T> void apply(const Epilogue<T>& epilogue, T* c, int64_t ldc, int64_t rows, int64_t cols) {
  kernels().gemm<T>().epilogue(c, ldc, rows, cols, &epilogue);
}
template void apply(const Epilogue<double>&, double*, int64_t, int64_t, int64_t);
template void apply(const Epilogue<float>&, float*, int64_t, int64_t, int64_t);

void gemm(MatView<double> a, MatView<double> b, double* c, int64_t ldc, bool accumulate,
          const Epilogue<double>* epilogue) {
  gemm_any(a, b, c, ldc, accumulate, epilogue);
}
void gemm(MatView<float> a, MatView<float> b, float* c, int64_t ldc, bool accumulate, const Epilogue<float>* epilogue) {
  gemm_any(a, b, c, ldc, accumulate, epilogue);
}
void gemm_batched(MatView<double> a, MatView<double> b, double* c, int64_t ldc, int64_t batch, int64_t a_batch_stride,
                  int64_t b_batch_stride, int64_t c_batch_stride, bool accumulate) {
  batched_any(a, b, c, ldc, batch, a_batch_stride, b_batch_stride, c_batch_stride, accumulate);
}
void gemm_batched(MatView<float> a, MatView<float> b, float* c, int64_t ldc, int64_t batch, int64_t a_batch_stride,
                  int64_t b_batch_stride, int64_t c_batch_stride, bool accumulate) {
  batched_any(a, b, c, ldc, batch, a_batch_stride, b_batch_stride, c_batch_stride, accumulate);
}
void gemv(MatView<double> a, const double* x, int64_t x_stride, double* y, int64_t y_stride, bool accumulate) {
  gemv_any(kernels().gemm<double>(), a, x, x_stride, y, y_stride, accumulate);
}
void gemv(MatView<float> a, const float* x, int64_t x_stride, float* y, int64_t y_stride, bool accumulate) {
  gemv_any(kernels().gemm<float>(), a, x, x_stride, y, y_stride, accumulate);
}
double dot(int64_t n, const double* x, int64_t x_stride, const double* y, int64_t y_stride) {
  return dot_any(n, x, x_stride, y, y_stride);
}
float dot(int64_t n, const float* x, int64_t x_stride, const float* y, int64_t y_stride) {
  return dot_any(n, x, x_stride, y, y_stride);
}

}  // namespace wengert::simd
