#include "ops/linalg.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/unlocked.h"
#include "simd/gemm.h"
#include "simd/reduce.h"

namespace wengert::ops {

using core::Array;
using core::make;

MatmulShapes::MatmulShapes(const Dims& left, const Dims& right) : a(left), b(right) {
  auto fail = [&](const std::string& why) {
    value_error("wengert.matmul: " + why + ", got shapes " + left.str() + " and " + right.str());
  };
  if (a.empty() || b.empty()) fail("operands must have at least one axis (use * for scalars)");
  const bool row = a.size() == 1, column = b.size() == 1;
  if (row) a.insert(0, 1);
  if (column) b.push_back(1);
  const int na = a.size(), nb = b.size();
  if (a.back() != b[nb - 2])
    fail("the last axis of the first must equal the " + std::string(column ? "only" : "last-but-one") +
         " axis of the second");
  try {
    batch = core::broadcast_shapes(a.slice(0, na - 2), b.slice(0, nb - 2), "matmul");
  } catch (const Error&) {
    fail("the axes before the last two must be equal or 1");
  }
  out = batch;
  if (!row) out.push_back(a[na - 2]);
  if (!column) out.push_back(b.back());
}

namespace {

constexpr double kLongProduct = 2e6;  // multiplications: about 20 us, well over the price of the interpreter lock

// `count` products along one batch axis.
template <class T>
void products(const simd::MatView<T>& a, const simd::MatView<T>& b, T* c, int64_t count, int64_t step_a,
              int64_t step_b) {
  const int64_t m = a.rows, k = a.cols, n = b.cols;
  if constexpr (std::is_floating_point_v<T>) {
    if (count == 1)
      simd::gemm(a, b, c, n);
    else
      simd::gemm_batched(a, b, c, n, count, step_a, step_b, m * n);
  } else {
    using U = std::make_unsigned_t<T>;
    for (int64_t l = 0; l < count; ++l)
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          U s = 0;
          for (int64_t p = 0; p < k; ++p)
            s += static_cast<U>(a.data[l * step_a + i * a.row_stride + p * a.col_stride]) *
                 static_cast<U>(b.data[l * step_b + p * b.row_stride + j * b.col_stride]);
          *c++ = static_cast<T>(s);
        }
  }
}

}  // namespace

ArrayType Matmul::result(OperandTypes in, const Params&) {
  require_equal(name, in.dtype(0), in.dtype(1));
  return {in.dtype(0), MatmulShapes(in.shape(0), in.shape(1)).out};
}
ArrayRef Matmul::value(Args args, const Params&) {
  const ArrayRef &left = args[0], &right = args[1];
  const MatmulShapes s(left->shape, right->shape);
  ArrayRef y = make(left->dtype, s.out);
  auto as_matrix = [](const ArrayRef& v, const Dims& shape, bool row) {
    if (v->ndim() >= 2) return v;
    Dims strides = row ? Dims{0, v->strides[0]} : Dims{v->strides[0], 0};
    return core::view(v, shape, strides);
  };
  const ArrayRef a = as_matrix(left, s.a, true), b = as_matrix(right, s.b, false);
  const Dims full_a = core::concat(s.batch, s.a.slice(s.a.size() - 2, s.a.size()));
  const Dims full_b = core::concat(s.batch, s.b.slice(s.b.size() - 2, s.b.size()));
  const ArrayRef wide_a = core::broadcast_to(a, full_a), wide_b = core::broadcast_to(b, full_b);
  const int nb = s.batch.size();
  const Dims strides[2] = {wide_a->strides.slice(0, nb), wide_b->strides.slice(0, nb)};
  const int64_t matrix = s.matrix_out()[nb] * s.matrix_out()[nb + 1];
  if (y->size == 0) return y;
  const int ra = wide_a->ndim() - 2, rb = wide_b->ndim() - 2;
  core::dispatch(y->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* c = y->template as<T>();
    const int64_t m = wide_a->shape[ra], k = wide_a->shape[ra + 1], n = wide_b->shape[rb + 1];
    const core::Unlocked unlocked(static_cast<double>(y->size) * static_cast<double>(k) > kLongProduct);
    core::walk(s.batch, strides, [&](const int64_t (&at)[2], const int64_t (&step)[2], int64_t count) {
      const simd::MatView<T> va{wide_a->template as<T>() + at[0], m, k, wide_a->strides[ra], wide_a->strides[ra + 1]};
      const simd::MatView<T> vb{wide_b->template as<T>() + at[1], k, n, wide_b->strides[rb], wide_b->strides[rb + 1]};
      products<T>(va, vb, c, count, step[0], step[1]);
      c += count * matrix;
    });
  });
  return y;
}

namespace {

// y += the terms of a @ b with an inf or a NaN in them, but not those with a zero. All without gaps.
template <class T> void add_terms_not_finite(const T* a, const T* b, T* y, int64_t m, int64_t k, int64_t n) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t p = 0; p < k; ++p) {
      const T x = a[i * k + p];
      if (x == 0) continue;
      for (int64_t j = 0; j < n; ++j) {
        const T v = b[p * n + j];
        if (v != 0 && !(std::isfinite(x) && std::isfinite(v))) y[i * n + j] += x * v;
      }
    }
}

ArrayRef zero_where_not_finite(const ArrayRef& a) {
  ArrayRef r = core::copy(a);
  core::dispatch(r->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>)
      std::replace_if(r->as<T>(), r->as<T>() + r->size, [](T v) { return !std::isfinite(v); }, T(0));
  });
  return r;
}

}  // namespace

ArrayRef StrongMatmul::value(Args args, const Params& p) {
  const MatmulShapes s(args[0]->shape, args[1]->shape);
  auto full = [&](const ArrayRef& v, const Dims& shape) {
    const ArrayRef matrix = core::view(core::contiguous(v), shape, core::row_major(shape));
    return core::contiguous(
        core::broadcast_to(matrix, core::concat(s.batch, shape.slice(shape.size() - 2, shape.size()))));
  };
  const ArrayRef a = full(args[0], s.a), b = full(args[1], s.b);
  const ArrayRef finite[2] = {zero_where_not_finite(args[0]), zero_where_not_finite(args[1])};
  ArrayRef y = Matmul::value(finite, p);
  if (y->size == 0) return y;
  const int64_t m = s.a[s.a.size() - 2], k = s.a.back(), n = s.b.back(), batch = s.batch.product();
  core::dispatch(y->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>)
      for (int64_t l = 0; l < batch; ++l)
        add_terms_not_finite(a->template as<T>() + l * m * k, b->template as<T>() + l * k * n,
                             y->template as<T>() + l * m * n, m, k, n);
  });
  return y;
}

namespace {
template <class T> bool few_finite(const T* x, int64_t n) {
  int bad = 0;
  for (int64_t i = 0; i < n; ++i) bad |= !(std::fabs(x[i]) <= std::numeric_limits<T>::max());
  return !bad;
}
constexpr int64_t kFew = 256;  // the reduction below has to be called first
}  // namespace

bool all_finite(const ArrayRef& array) {
  if (array->size <= kFew && array->contiguous) {
    if (array->dtype == DType::f64) return few_finite(array->as<double>(), array->size);
    if (array->dtype == DType::f32) return few_finite(array->as<float>(), array->size);
  }
  if (array->size == 0 || !core::is_float(array->dtype)) return true;
  const ArrayRef a = core::contiguous(array);
  const core::Unlocked unlocked(a->size > int64_t{1} << 17);
  bool r = true;
  core::dispatch(a->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const T* x = a->template as<T>();
      T sum = 0;  // a single inf or NaN makes it one
      simd::reduce_rows_of(simd::Reduction::sum, x, 1, a->size, a->size, &sum);
      r = std::isfinite(sum) || std::all_of(x, x + a->size, [](T v) { return std::isfinite(v); });
    }
  });
  return r;
}

}  // namespace wengert::ops
