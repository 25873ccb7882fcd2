// Matrix products. All shapes and strides; the fastest path for a size is chosen inside. Results do not depend on the
// number of threads: every element of C is the same sequence of operations whoever computes it.
#pragma once

#include <cstdint>

namespace wengert::simd {

// A matrix in memory; strides count elements and may be anything, 0 (broadcast) and negative included.
template <class T> struct MatView {
  const T* data;
  int64_t rows, cols, row_stride, col_stride;
};

enum class Activation { none, tanh, relu, sigmoid };

// What happens to each row of C after the product, while it is in cache: c = activation(c + addend + bias).
template <class T> struct Epilogue {
  const T* bias = nullptr;  // one number a column, or null
  Activation activation = Activation::none;
  const T* addend = nullptr;  // a matrix that lies as C does, row for row, or null
  const T* origin = nullptr;  // C itself, where there is an addend: blocks of C find their part of it by that
};

// C = A B (C += A B where accumulate). C is row-major, `ldc` elements from row to row, and overlaps neither A nor B.
void gemm(MatView<double> a, MatView<double> b, double* c, int64_t ldc, bool accumulate = false,
          const Epilogue<double>* epilogue = nullptr);
void gemm(MatView<float> a, MatView<float> b, float* c, int64_t ldc, bool accumulate = false,
          const Epilogue<float>* epilogue = nullptr);

// Products with one B and many A of few rows (8 to 256, contiguous): B is packed once into so many elements, and the
// results are those of gemm to the last bit.
int64_t panels_size(int64_t k, int64_t n);  // for whatever instruction set is chosen
template <class T> void pack_panels(MatView<T> b, T* panels);
template <class T>
void gemm_panels(MatView<T> a, const T* panels, int64_t n, T* c, int64_t ldc, const Epilogue<T>* epilogue);

// The epilogue alone, for a product that was made without one.
template <class T> void apply(const Epilogue<T>& epilogue, T* c, int64_t ldc, int64_t rows, int64_t cols);

// `batch` products; the strides lead from one matrix to the next (0 for an operand shared by all).
void gemm_batched(MatView<double> a, MatView<double> b, double* c, int64_t ldc, int64_t batch, int64_t a_batch_stride,
                  int64_t b_batch_stride, int64_t c_batch_stride, bool accumulate = false);
void gemm_batched(MatView<float> a, MatView<float> b, float* c, int64_t ldc, int64_t batch, int64_t a_batch_stride,
                  int64_t b_batch_stride, int64_t c_batch_stride, bool accumulate = false);

// y = A x (y += A x where accumulate).
void gemv(MatView<double> a, const double* x, int64_t x_stride, double* y, int64_t y_stride, bool accumulate = false);
void gemv(MatView<float> a, const float* x, int64_t x_stride, float* y, int64_t y_stride, bool accumulate = false);

// The inner product of two vectors of n elements.
double dot(int64_t n, const double* x, int64_t x_stride, const double* y, int64_t y_stride);
float dot(int64_t n, const float* x, int64_t x_stride, const float* y, int64_t y_stride);

}  // namespace wengert::simd
