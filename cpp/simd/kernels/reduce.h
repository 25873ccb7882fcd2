// Reductions over rows, columns and whole arrays, cumulative sums, sums into existing memory. Sums are pairwise over
// fixed blocks: accurate, and bitwise the same for any number of threads.
#pragma once

#include <cstdint>

namespace wengert::simd {

// max and min are NumPy's: a NaN among the elements is the result. Of no elements: 0, 1, -inf, +inf.
enum class Reduction { sum, prod, max, min };
inline constexpr int reductions = 4;

// The fixed blocks: elements of a row, and rows of a column, that one kernel call reduces.
inline constexpr int64_t reduce_block = 32768, reduce_rows = 128;

// All n contiguous elements.
double reduce(Reduction op, const double* x, int64_t n);
float reduce(Reduction op, const float* x, int64_t n);

// y[i] = reduction of x[i, :]; elements of a row are adjacent, rows are row_stride apart.
void reduce_rows_of(Reduction op, const double* x, int64_t rows, int64_t cols, int64_t row_stride, double* y);
void reduce_rows_of(Reduction op, const float* x, int64_t rows, int64_t cols, int64_t row_stride, float* y);

// y[j] = reduction of x[:, j]: the leading axis of the same matrix.
void reduce_columns_of(Reduction op, const double* x, int64_t rows, int64_t cols, int64_t row_stride, double* y);
void reduce_columns_of(Reduction op, const float* x, int64_t rows, int64_t cols, int64_t row_stride, float* y);

// The sum of n elements from those of its chunks, to the last bit what reduce() gives; chunk c is elements [c, c + 1) *
// sum_chunk(bytes of an element).
int64_t sum_chunk(int64_t item);
double sum_of_chunks(const double* chunks, int64_t n);
float sum_of_chunks(const float* chunks, int64_t n);

// y[i, j] = x[i, 0] + … + x[i, j], both contiguous; the order of NumPy's cumsum. y may be x.
void cumsum_rows(const double* x, int64_t rows, int64_t cols, double* y);
void cumsum_rows(const float* x, int64_t rows, int64_t cols, float* y);

// y += x, y += scale * x; n contiguous elements.
void add_to(double* y, const double* x, int64_t n);
void add_to(float* y, const float* x, int64_t n);
void scaled_add_to(double* y, double scale, const double* x, int64_t n);
void scaled_add_to(float* y, float scale, const float* x, int64_t n);

// dst[i, j] = src[i, j] for any strides (in elements); a transposition goes through square blocks that stay in cache.
template <class T>
void copy_matrix(T* dst, int64_t dst_row, int64_t dst_col, const T* src, int64_t src_row, int64_t src_col, int64_t rows,
                 int64_t cols) {
  constexpr int64_t side = 16;
  const bool along_rows = dst_col == 1 && src_col == 1;
  const int64_t h = along_rows ? 1 : side, w = along_rows ? cols : side;
  for (int64_t i = 0; i < rows; i += h) {
    const int64_t i_end = i + h < rows ? i + h : rows;
    for (int64_t j = 0; j < cols; j += w) {
      const int64_t j_end = j + w < cols ? j + w : cols;
      for (int64_t r = i; r < i_end; ++r) {
        T* to = dst + r * dst_row;
        const T* from = src + r * src_row;
        for (int64_t c = j; c < j_end; ++c) to[c * dst_col] = from[c * src_col];
      }
    }
  }
}

}  // namespace wengert::simd
