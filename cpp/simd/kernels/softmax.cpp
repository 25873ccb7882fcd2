#include "simd/kernels/softmax.h"

#include <cmath>

#include "simd/kernel_table.h"
#include "simd/threads.h"

namespace wengert::simd {
namespace {

// f(first row, rows) over runs of rows; one thread below a size where two are not faster.
template <class F> void by_rows(int64_t rows, int64_t cols, F f) {
  if (rows * cols < 1 << 13) {
    if (rows * cols > 0) f(int64_t(0), rows);
    return;
  }
  const int64_t run = 1 + 2048 / cols;
  parallel_for((rows + run - 1) / run, rows * cols < 1 << 16, [&](int64_t task) {
    const int64_t i = task * run;
    f(i, rows - i < run ? rows - i : run);
  });
}

// logsumexp of empty rows is -inf.
template <class T> void logsumexp_any(const T* x, int64_t rows, int64_t cols, T* y) {
  if (cols == 0) {
    for (int64_t i = 0; i < rows; ++i) y[i] = -T(__builtin_inf());
  }
  by_rows(rows, cols, [&](int64_t i, int64_t n) { kernels().softmax<T>().logsumexp(x + i * cols, n, cols, y + i); });
}

template <class T>
void cross_entropy_any(const T* x, const int64_t* labels, int64_t rows, int64_t cols, T* loss, T* lse) {
  by_rows(rows, cols, [&](int64_t i, int64_t n) {
    kernels().softmax<T>().cross_entropy(x + i * cols, labels + i, n, cols, loss + i, lse + i);
  });
}

template <class T> void logsumexp_sweep_any(const T* g, const T* x, const T* y, int64_t rows, int64_t cols, T* out) {
  by_rows(rows, cols, [&](int64_t i, int64_t n) {
    kernels().softmax<T>().logsumexp_sweep(g + i, x + i * cols, y + i, n, cols, out + i * cols);
  });
}

}  // namespace

#define WG_DEFINE_SOFTMAX(T)                                                                                         \
  void softmax_rows(const T* x, int64_t rows, int64_t cols, T* y) {                                                  \
    by_rows(rows, cols,                                                                                              \
            [&](int64_t i, int64_t n) { kernels().softmax<T>().softmax(x + i * cols, n, cols, y + i * cols); });     \
  }                                                                                                                  \
  void softmax_rows_sweep(const T* g, const T* y, int64_t rows, int64_t cols, T* out) {                              \
    by_rows(rows, cols, [&](int64_t i, int64_t n) {                                                                  \
      kernels().softmax<T>().softmax_sweep(g + i * cols, y + i * cols, n, cols, out + i * cols);                     \
    });                                                                                                              \
  }                                                                                                                  \
  void log_softmax_rows(const T* x, int64_t rows, int64_t cols, T* y) {                                              \
    by_rows(rows, cols,                                                                                              \
            [&](int64_t i, int64_t n) { kernels().softmax<T>().log_softmax(x + i * cols, n, cols, y + i * cols); }); \
  }                                                                                                                  \
  void log_softmax_rows_sweep(const T* g, const T* y, int64_t rows, int64_t cols, T* out) {                          \
    by_rows(rows, cols, [&](int64_t i, int64_t n) {                                                                  \
      kernels().softmax<T>().log_softmax_sweep(g + i * cols, y + i * cols, n, cols, out + i * cols);                 \
    });                                                                                                              \
  }                                                                                                                  \
  void logsumexp_rows(const T* x, int64_t rows, int64_t cols, T* y) { logsumexp_any(x, rows, cols, y); }             \
  void logsumexp_rows_sweep(const T* g, const T* x, const T* y, int64_t rows, int64_t cols, T* out) {                \
    logsumexp_sweep_any(g, x, y, rows, cols, out);                                                                   \
  }                                                                                                                  \
  void cross_entropy_rows(const T* x, const int64_t* labels, int64_t rows, int64_t cols, T* loss, T* lse) {          \
    cross_entropy_any(x, labels, rows, cols, loss, lse);                                                             \
  }                                                                                                                  \
  void cross_entropy_rows_sweep(const T* g, const T* x, const T* loss, const T* lse, const int64_t* labels,          \
                                int64_t rows, int64_t cols, T* out) {                                                \
    logsumexp_sweep_any(g, x, lse, rows, cols, out);                                                                 \
    /* p - 1 without cancellation where p is nearly 1 */                                                             \
    for (int64_t i = 0; i < rows; ++i) out[i * cols + labels[i]] = g[i] * std::expm1(-loss[i]);                      \
  }

WG_DEFINE_SOFTMAX(double)
WG_DEFINE_SOFTMAX(float)
#undef WG_DEFINE_SOFTMAX

}  // namespace wengert::simd
