#include "ops/nn.h"

#include <cmath>

namespace wengert::ops {
namespace {

// Calls row(in, out, n, stride) for every line along the axis of a contiguous array.
template <class F>
ArrayRef along_axis(const ArrayRef& a, const Params& p, F&& row) {
  const ArrayRef x = core::contiguous(a);
  const int axis = x->ndim() + static_cast<int>(p.dims[0][0]);
  const int64_t n = x->shape[axis], inner = x->shape.slice(axis + 1, x->ndim()).product();
  const int64_t outer = x->shape.slice(0, axis).product();
  ArrayRef y = core::make(x->dtype, x->shape);
  core::dispatch(x->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>)
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i) {
          const int64_t at = o * n * inner + i;
          row(x->template as<T>() + at, y->template as<T>() + at, n, inner);
        }
  });
  return y;
}

template <class T>
T largest(const T* x, int64_t n, int64_t stride) {
  T m = x[0];
  for (int64_t k = 1; k < n; ++k)
    if (x[k * stride] > m) m = x[k * stride];
  return m;
}

}  // namespace

ArrayRef Softmax::value(Args a, const Params& p) {
  return along_axis(a[0], p, []<class T>(const T* x, T* y, int64_t n, int64_t stride) {
    if (n == 0) return;
    const T m = largest(x, n, stride);
    T s = 0;
    for (int64_t k = 0; k < n; ++k) s += y[k * stride] = std::exp(x[k * stride] - m);
    for (int64_t k = 0; k < n; ++k) y[k * stride] /= s;
  });
}

ArrayRef LogSoftmax::value(Args a, const Params& p) {
  return along_axis(a[0], p, []<class T>(const T* x, T* y, int64_t n, int64_t stride) {
    if (n == 0) return;
    const T m = largest(x, n, stride);
    T s = 0;
    for (int64_t k = 0; k < n; ++k) s += std::exp(x[k * stride] - m);
    const T log_s = std::log(s);
    for (int64_t k = 0; k < n; ++k) y[k * stride] = (x[k * stride] - m) - log_s;
  });
}

}  // namespace wengert::ops
