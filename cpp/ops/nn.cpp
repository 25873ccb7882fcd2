#include "ops/nn.h"

#include "simd/kernels/softmax.h"

namespace wengert::ops {
namespace {

Dims axis_last(int n, int axis) {
  Dims perm;
  for (int i = 0; i < n; ++i)
    if (i != axis) perm.push_back(i);
  perm.push_back(axis);
  return perm;
}

ArrayRef permuted(const ArrayRef& x, const Dims& perm) {
  Dims shape, strides;
  for (int64_t a : perm)
    shape.push_back(x->shape[static_cast<int>(a)]), strides.push_back(x->strides[static_cast<int>(a)]);
  return core::view(x, shape, strides);
}

ArrayType along(std::string_view op, OperandTypes in, const SoftmaxParams& p) {
  require_float(op, in.dtype(0));
  require_axis(op, p.axis, in.shape(0).size());
  return {in.dtype(0), in.shape(0)};
}

ArrayType of_both(std::string_view op, OperandTypes in, const SoftmaxParams& p) {
  if (in.dtype(0) != in.dtype(1) || !(in.shape(0) == in.shape(1)))
    value_error("wengert." + std::string(op) + ": the operands must be of one shape and type, got " +
                in.shape(0).str() + " and " + in.shape(1).str());
  return along(op, in, p);
}

// Runs kernel(TypeTag, row operands …, rows, cols, out) with the axis of `p` last, and puts the axis back.
template <class F, class... Arrays>
ArrayRef along_axis(const SoftmaxParams& p, F&& kernel, const ArrayRef& first, const Arrays&... others) {
  const int n = first->ndim(), axis = n + static_cast<int>(p.axis);
  const Dims perm = axis_last(n, axis);
  const bool last = axis == n - 1;
  auto rows = [&](const ArrayRef& a) { return core::contiguous(last ? a : permuted(a, perm)); };
  const ArrayRef x = rows(first);
  ArrayRef y = core::make(x->dtype, x->shape);
  const int64_t cols = x->shape[n - 1], count = cols ? x->size / cols : 0;
  if (y->size) {
    core::dispatch(x->dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_floating_point_v<T>) {
        auto run = [&](const auto&... held) {
          kernel(x->template as<T>(), held->template as<T>()..., count, cols, y->template as<T>());
        };
        run(rows(others)...);
      }
    });
  }
  if (last) return y;
  Dims back(n);
  for (int i = 0; i < n; ++i) back[static_cast<int>(perm[i])] = i;
  return permuted(y, back);
}

}  // namespace

ArrayType Softmax::result(OperandTypes in, const Params& p) { return along(name, in, p); }
ArrayRef Softmax::value(Args a, const Params& p) {
  return along_axis(
      p, []<class T>(const T* x, int64_t rows, int64_t cols, T* y) { simd::softmax_rows(x, rows, cols, y); }, a[0]);
}
ArrayType SoftmaxSweep::result(OperandTypes in, const Params& p) { return of_both(name, in, p); }
ArrayRef SoftmaxSweep::value(Args a, const Params& p) {
  return along_axis(
      p,
      []<class T>(const T* pg, const T* py, int64_t rows, int64_t cols, T* out) {
        simd::softmax_rows_sweep(pg, py, rows, cols, out);
      },
      a[0], a[1]);
}

ArrayType LogSoftmax::result(OperandTypes in, const Params& p) { return along(name, in, p); }
ArrayRef LogSoftmax::value(Args a, const Params& p) {
  return along_axis(
      p, []<class T>(const T* x, int64_t rows, int64_t cols, T* y) { simd::log_softmax_rows(x, rows, cols, y); }, a[0]);
}
ArrayType LogSoftmaxSweep::result(OperandTypes in, const Params& p) { return of_both(name, in, p); }
ArrayRef LogSoftmaxSweep::value(Args a, const Params& p) {
  return along_axis(
      p,
      []<class T>(const T* pg, const T* py, int64_t rows, int64_t cols, T* out) {
        simd::log_softmax_rows_sweep(pg, py, rows, cols, out);
      },
      a[0], a[1]);
}

}  // namespace wengert::ops
