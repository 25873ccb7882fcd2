#include "ops/linalg.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/unlocked.h"
#include "simd/kernels/gemm.h"
#include "simd/kernels/reduce.h"

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

namespace {

// Is there a NaN among n elements?
template <class T> bool has_nan(const T* x, int64_t n) {
  constexpr int64_t kManyTerms = 256;  // the reduction has to be called first
  if (n > kManyTerms) {
    T sum;  // finite, unless an element is not: almost always all there is to do
    simd::reduce_rows_of(simd::Reduction::sum, x, 1, n, n, &sum);
    if (std::isfinite(sum)) return false;
  }
  int found = 0;
  for (int64_t i = 0; i < n; ++i) found |= x[i] != x[i];
  return found;
}

template <class T> bool finite(const simd::MatView<T>& a) {
  int bad = 0;
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t j = 0; j < a.cols; ++j)
      bad |= !(std::fabs(a.data[i * a.row_stride + j * a.col_stride]) <= std::numeric_limits<T>::max());
  return !bad;
}

// The finite elements, without gaps; zeros for the others.
template <class T> std::vector<T> finite_part(const simd::MatView<T>& a) {
  std::vector<T> r(static_cast<size_t>(a.rows * a.cols));
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t j = 0; j < a.cols; ++j) {
      const T v = a.data[i * a.row_stride + j * a.col_stride];
      r[static_cast<size_t>(i * a.cols + j)] = std::isfinite(v) ? v : T(0);
    }
  return r;
}

// c += the terms of a b with an inf or a NaN in them, but not those with a zero.
template <class T> void add_terms_not_finite(const simd::MatView<T>& a, const simd::MatView<T>& b, T* c) {
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t p = 0; p < a.cols; ++p) {
      const T x = a.data[i * a.row_stride + p * a.col_stride];
      if (x == 0) continue;
      for (int64_t j = 0; j < b.cols; ++j) {
        const T v = b.data[p * b.row_stride + j * b.col_stride];
        if (v != 0 && !(std::isfinite(x) && std::isfinite(v))) c[i * b.cols + j] += x * v;
      }
    }
}

}  // namespace

template <class T> bool annihilate(const simd::MatView<T>& a, const simd::MatView<T>& b, T* c) {
  // A term of inf or NaN and zero would have made a NaN. The operands of an outer product are read faster than it is.
  const int64_t size = a.rows * b.cols;
  if (4 * a.cols * (a.rows + b.cols) < size && finite(a) && finite(b)) return false;
  if (!has_nan(c, size)) return false;
  const std::vector<T> x = finite_part(a), y = finite_part(b);
  const simd::MatView<T> dense_x{x.data(), a.rows, a.cols, a.cols, 1}, dense_y{y.data(), b.rows, b.cols, b.cols, 1};
  simd::gemm(dense_x, dense_y, c, b.cols);
  add_terms_not_finite(a, b, c);
  return true;
}
template bool annihilate(const simd::MatView<double>&, const simd::MatView<double>&, double*);
template bool annihilate(const simd::MatView<float>&, const simd::MatView<float>&, float*);

namespace {

ArrayRef product_of(Args args, bool strong) {
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
      if constexpr (std::is_floating_point_v<T>)
        for (int64_t l = 0; strong && l < count; ++l) {
          simd::MatView<T> la = va, lb = vb;
          la.data += l * step[0];
          lb.data += l * step[1];
          annihilate(la, lb, c + l * matrix);
        }
      c += count * matrix;
    });
  });
  return y;
}

}  // namespace

ArrayRef Matmul::value(Args args, const Params&) { return product_of(args, false); }
ArrayRef StrongMatmul::value(Args args, const Params&) { return product_of(args, true); }

}  // namespace wengert::ops
