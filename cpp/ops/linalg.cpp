#include "ops/linalg.h"

#include <algorithm>

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
  batch = core::broadcast_shapes(a.slice(0, na - 2), b.slice(0, nb - 2), "matmul");
  out = batch;
  if (!row) out.push_back(a[na - 2]);
  if (!column) out.push_back(b.back());
}

namespace {

template <class T>
void product(const Array& a, const Array& b, T* c, int64_t offset_a, int64_t offset_b) {
  const int na = a.ndim(), nb = b.ndim();
  const int64_t m = a.shape[na - 2], k = a.shape[na - 1], n = b.shape[nb - 1];
  const int64_t am = a.strides[na - 2], ak = a.strides[na - 1], bk = b.strides[nb - 2], bn = b.strides[nb - 1];
  const T *pa = a.as<T>() + offset_a, *pb = b.as<T>() + offset_b;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      T s = 0;
      for (int64_t l = 0; l < k; ++l) s += pa[i * am + l * ak] * pb[l * bk + j * bn];
      c[i * n + j] = s;
    }
}

}  // namespace

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
  core::dispatch(y->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* c = y->template as<T>();
    core::walk(s.batch, strides, [&](const int64_t (&at)[2], const int64_t (&step)[2], int64_t count) {
      for (int64_t i = 0; i < count; ++i, c += matrix)
        product<T>(*wide_a, *wide_b, c, at[0] + i * step[0], at[1] + i * step[1]);
    });
  });
  return y;
}

}  // namespace wengert::ops
