// softmax and its relatives over the rows of a contiguous matrix, and their reverse sweeps, each in one fused pass over
// a row while it is in cache. Nothing overflows; elements equal to an infinite largest one (inf, or -inf throughout)
// share the weight. Where one weight is nearly 1 its entry of a sweep is what the others leave, not a difference of
// ones.
#pragma once

#include <cstdint>

namespace wengert::simd {

#define WG_DECLARE_SOFTMAX(T)                                                                                     \
  /* y = exp(x) / sum(exp(x)) */                                                                                  \
  void softmax_rows(const T* x, int64_t rows, int64_t cols, T* y);                                                \
  /* out = (g - sum(g y)) y */                                                                                    \
  void softmax_rows_sweep(const T* g, const T* y, int64_t rows, int64_t cols, T* out);                            \
  /* y = x - logsumexp(x), exact where one element dominates */                                                   \
  void log_softmax_rows(const T* x, int64_t rows, int64_t cols, T* y);                                            \
  /* out = g - exp(y) sum(g) */                                                                                   \
  void log_softmax_rows_sweep(const T* g, const T* y, int64_t rows, int64_t cols, T* out);                        \
  /* y[i] = log(sum(exp(x[i, :]))) */                                                                             \
  void logsumexp_rows(const T* x, int64_t rows, int64_t cols, T* y);                                              \
  /* out[i, :] = g[i] exp(x[i, :] - y[i]) */                                                                      \
  void logsumexp_rows_sweep(const T* g, const T* x, const T* y, int64_t rows, int64_t cols, T* out);              \
  /* loss[i] = -log_softmax(x)[i, labels[i]], labels in [0, cols); lse = logsumexp_rows(x), kept for the sweep */ \
  void cross_entropy_rows(const T* x, const int64_t* labels, int64_t rows, int64_t cols, T* loss, T* lse);        \
  /* out[i, :] = g[i] (softmax(x[i, :]) - onehot(labels[i])) */                                                   \
  void cross_entropy_rows_sweep(const T* g, const T* x, const T* loss, const T* lse, const int64_t* labels,       \
                                int64_t rows, int64_t cols, T* out);

WG_DECLARE_SOFTMAX(double)
WG_DECLARE_SOFTMAX(float)
#undef WG_DECLARE_SOFTMAX

}  // namespace wengert::simd
