// The kernels of one instruction set: function pointers and the block sizes that suit them. A table is filled from the
// scalar kernels first and then from its own target, so a missing kernel is slow and never wrong.
#pragma once

#include <cstdint>

#include "simd/dispatch.h"
#include "simd/kernels/gemm.h"
#include "simd/kernels/random.h"
#include "simd/kernels/reduce.h"

namespace wengert::simd {

template <class T> struct GemmKernels {
  // Register tile mr x nr; an mc x kc block of A is packed for L2, a kc x nc block of B for L3.
  int64_t mr, nr, mc, kc, nc;
  int64_t whole_a;     // an A of at most so many bytes is one block
  int64_t unpacked_b;  // a B of at most so many bytes is read as it lies, unpacked

  // Panels of `width` (mr or nr) lines, k-major: dst[panel][p][line]. `line_stride` leads from line to line, `k_stride`
  // along k; lines past `count` are never read (but may be written).
  void (*pack_a)(T* dst, const T* src, int64_t line_stride, int64_t k_stride, int64_t count, int64_t k);
  void (*pack_b)(T* dst, const T* src, int64_t line_stride, int64_t k_stride, int64_t count, int64_t k);
  // C = or += A B, B in packed panels of nr columns that are `panel_step` apart. Where `pack_now` each is packed just
  // before its use (panel_step may be 0 then); else they are already, and of b only the shape is read. A is packed (its
  // strides are those inside a panel) or as it lies; `a_tile` leads from one mr rows to the next. The epilogue comes
  // last; null for none.
  void (*block)(MatView<T> a, int64_t a_tile, MatView<T> b, bool pack_now, T* panels, int64_t panel_step, T* c,
                int64_t ldc, bool accumulate, const Epilogue<T>* epilogue);
  // A run of products without packing; B's columns must be adjacent (b.col_stride 1).
  void (*direct)(MatView<T> a, MatView<T> b, T* c, int64_t ldc, bool accumulate, int64_t batch, int64_t a_batch_stride,
                 int64_t b_batch_stride, int64_t c_batch_stride);
  void (*epilogue)(T* c, int64_t ldc, int64_t rows, int64_t cols, const Epilogue<T>* epilogue);
  // A row-major (a.col_stride 1), x contiguous.
  void (*gemv)(MatView<T> a, const T* x, T* y, int64_t y_stride, bool accumulate);
  T (*dot)(int64_t n, const T* x, const T* y);
};

template <class T> struct ReduceKernels {
  int64_t chunk;  // elements that are reduced in one go; the results are combined pairwise
  // y[i] = reduction of row i; at most reduce_block columns. Indexed by Reduction.
  void (*rows[reductions])(const T* x, int64_t rows, int64_t cols, int64_t row_stride, T* y);
  // y[j] = reduction of column j; at most reduce_rows rows.
  void (*columns[reductions])(const T* x, int64_t rows, int64_t cols, int64_t row_stride, T* y);
  void (*cumsum_rows)(const T* x, int64_t rows, int64_t cols, T* y);
  void (*add_to)(T* y, const T* x, int64_t n);
  void (*scaled_add_to)(T* y, T scale, const T* x, int64_t n);
};

// Rows of a contiguous matrix; see softmax.h.
template <class T> struct SoftmaxKernels {
  void (*softmax)(const T* x, int64_t rows, int64_t cols, T* y);
  void (*softmax_sweep)(const T* g, const T* y, int64_t rows, int64_t cols, T* out);
  void (*log_softmax)(const T* x, int64_t rows, int64_t cols, T* y);
  void (*log_softmax_sweep)(const T* g, const T* y, int64_t rows, int64_t cols, T* out);
  void (*logsumexp)(const T* x, int64_t rows, int64_t cols, T* y);
  void (*cross_entropy)(const T* x, const int64_t* labels, int64_t rows, int64_t cols, T* loss, T* lse);
  void (*logsumexp_sweep)(const T* g, const T* x, const T* y, int64_t rows, int64_t cols, T* out);
};

struct KernelTable {
  // Blocks first, first + 1, … of the stream of a key; index: Draw (see random.h).
  void (*random[kDraws])(uint32_t k0, uint32_t k1, uint64_t first, int64_t blocks, void* out);
  GemmKernels<double> gemm_f64;
  GemmKernels<float> gemm_f32;
  ReduceKernels<double> reduce_f64;
  ReduceKernels<float> reduce_f32;
  SoftmaxKernels<double> softmax_f64;
  SoftmaxKernels<float> softmax_f32;

  template <class T> const GemmKernels<T>& gemm() const {
    if constexpr (sizeof(T) == 8) {
      return gemm_f64;
    } else {
      return gemm_f32;
    }
  }
  template <class T> const ReduceKernels<T>& reduce() const {
    if constexpr (sizeof(T) == 8) {
      return reduce_f64;
    } else {
      return reduce_f32;
    }
  }
  template <class T> const SoftmaxKernels<T>& softmax() const {
    if constexpr (sizeof(T) == 8) {
      return softmax_f64;
    } else {
      return softmax_f32;
    }
  }
};

// The table of the active instruction set.
const KernelTable& kernels();

#define WG_DECLARE_FILL(target)          \
  namespace target {                     \
  void fill_gemm(KernelTable& table);    \
  void fill_random(KernelTable& table);  \
  void fill_reduce(KernelTable& table);  \
  void fill_softmax(KernelTable& table); \
  }
WG_EACH_ISA(WG_DECLARE_FILL)
#undef WG_DECLARE_FILL

}  // namespace wengert::simd
