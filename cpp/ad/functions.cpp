#include "ad/functions.h"

namespace wengert::ad {

using ops::code_of;
using ops::new_params;

namespace {

Value call(OpCode op, const Value& x, const ParamsRef& p) {
  Value r = apply(op, &x, 1, p);
  r.weak = x.weak;
  return r;
}
Value call(OpCode op, const Value& x, const Value& v, const ParamsRef& p) {
  const Value pair[2] = {x, astype(v, x.dtype())};
  return apply(op, pair, 2, p);
}

}  // namespace

Value select(const Value& c, double a, double b, const Value& like) {
  return apply_where(c, Value(core::scalar(a, like.dtype())), Value(core::scalar(b, like.dtype())));
}

Value polygamma(int64_t n, const Value& x) { return call(code_of<ops::Polygamma>, x, new_params<ops::Polygamma>(n)); }

Value softmax(const Value& x, int64_t axis) { return call(code_of<ops::Softmax>, x, new_params<ops::Softmax>(axis)); }
Value softmax_sweep(const Value& g, const Value& y, int64_t axis) {
  return call(code_of<ops::SoftmaxSweep>, astype(g, y.dtype()), y, new_params<ops::SoftmaxSweep>(axis));
}
Value log_softmax_sweep(const Value& g, const Value& y, int64_t axis) {
  return call(code_of<ops::LogSoftmaxSweep>, astype(g, y.dtype()), y, new_params<ops::LogSoftmaxSweep>(axis));
}

namespace {
template <class Op> Value reduced(const Value& x, const Dims& axes, bool keepdims) {
  return call(code_of<Op>, x, new_params<Op>(axes, keepdims));
}
}  // namespace

Value sum(const Value& x, const Dims& axes, bool keepdims) { return reduced<ops::Sum>(x, axes, keepdims); }
Value mean(const Value& x, const Dims& axes, bool keepdims) { return reduced<ops::Mean>(x, axes, keepdims); }
Value prod(const Value& x, const Dims& axes, bool keepdims) { return reduced<ops::Prod>(x, axes, keepdims); }
Value cumsum(const Value& x, int64_t axis, bool reverse) {
  return call(code_of<ops::Cumsum>, x, new_params<ops::Cumsum>(axis, reverse));
}

Value reshape(const Value& x, const Dims& shape) {
  return x.shape() == shape ? x : call(code_of<ops::Reshape>, x, new_params<ops::Reshape>(shape));
}

Value transpose(const Value& x, const Dims& perm) {
  bool identity = true;
  for (int i = 0; i < perm.size(); ++i) identity &= perm[i] == i;
  return identity ? x : call(code_of<ops::Transpose>, x, new_params<ops::Transpose>(perm));
}

Value matrix_transpose(const Value& x) {
  const int n = x.shape().size();
  Dims perm;
  for (int i = 0; i < n; ++i) perm.push_back(i);
  std::swap(perm[n - 1], perm[n - 2]);
  return transpose(x, perm);
}

Value broadcast_to(const Value& x, const Dims& shape) {
  return x.shape() == shape ? x : call(code_of<ops::BroadcastTo>, x, new_params<ops::BroadcastTo>(shape));
}

Value sum_to(const Value& x, const Dims& shape) {
  if (x.shape() == shape) return x;
  const int n = x.shape().size(), lead = n - shape.size();
  Dims axes;
  for (int i = 0; i < n; ++i)
    if (i < lead || (shape[i - lead] == 1 && x.shape()[i] != 1)) axes.push_back(i - n);
  return reshape(sum(x, axes, true), shape);
}

namespace {
Value matrix_product(OpCode op, const Value& a, const Value& b) {
  const Value pair[2] = {a, b};
  const DType t = a.dtype() == b.dtype() ? a.dtype() : common_type(pair, 2);
  const Value args[2] = {astype(a, t), astype(b, t)};
  return apply(op, args, 2, {});
}
}  // namespace

Value matmul(const Value& a, const Value& b) { return matrix_product(code_of<ops::Matmul>, a, b); }
Value product(const Value& a, const Value& b) { return matrix_product(code_of<ops::StrongMatmul>, a, b); }

namespace {
template <class Op> Value joined(const std::vector<Value>& xs, int64_t axis) {
  return apply(code_of<Op>, xs.data(), static_cast<int>(xs.size()), new_params<Op>(axis));
}
}  // namespace

Value concatenate(const std::vector<Value>& xs, int64_t axis) { return joined<ops::Concatenate>(xs, axis); }
Value stack(const std::vector<Value>& xs, int64_t axis) { return joined<ops::Stack>(xs, axis); }

Value slice(const Value& x, const ParamsRef& p) { return call(code_of<ops::Slice>, x, p); }
Value slice_update(const Value& x, const Value& v, const ParamsRef& p) {
  return call(code_of<ops::SliceUpdate>, x, v, p);
}
Value slice_add(const Value& x, const Value& v, const ParamsRef& p) { return call(code_of<ops::SliceAdd>, x, v, p); }
Value gather(const Value& x, const ParamsRef& p) { return call(code_of<ops::Gather>, x, p); }
Value gather_update(const Value& x, const Value& v, const ParamsRef& p) {
  return call(code_of<ops::GatherUpdate>, x, v, p);
}
Value gather_add(const Value& x, const Value& v, const ParamsRef& p) { return call(code_of<ops::GatherAdd>, x, v, p); }

Value strided(const Value& x, const ParamsRef& p) { return call(code_of<ops::Strided>, x, p); }
Value strided_update(const Value& x, const Value& v, const ParamsRef& p) {
  return call(code_of<ops::StridedUpdate>, x, v, p);
}
Value strided_add(const Value& x, const Value& v, const ParamsRef& p) {
  return call(code_of<ops::StridedAdd>, x, v, p);
}
Value cleared_strided(Value x, const ParamsRef& p) {
  update(code_of<ops::StridedUpdate>, x, zeros(ops::params_of<ops::Strided>(p).shape, x.dtype()), p);
  return x;
}

Value cleared_slice(Value x, const ParamsRef& p) {
  const Value nothing = broadcast_to(Value(core::zeros(x.dtype(), {})), ops::params_of<ops::SliceUpdate>(p).shape);
  update(code_of<ops::SliceUpdate>, x, nothing, p);
  return x;
}
Value cleared_gather(Value x, const ParamsRef& p) {
  const auto& at = ops::params_of<ops::GatherUpdate>(p);
  const Dims rest = x.shape().slice(static_cast<int>(at.lead), x.shape().size());
  const Value nothing = broadcast_to(Value(core::zeros(x.dtype(), {})), core::concat(at.indices->shape, rest));
  update(code_of<ops::GatherUpdate>, x, nothing, p);
  return x;
}

ParamsRef range_params(const Dims& shape, int axis, int64_t from, int64_t step, int64_t count, bool drop) {
  const auto p = new_params<ops::Slice>();
  for (int i = 0; i < shape.size(); ++i) {
    const bool here = i == axis;
    p->start.push_back(here ? from : 0);
    p->step.push_back(here && count > 1 ? step : 1);  // see SliceBase::check
    p->count.push_back(here ? count : shape[i]);
    if (!here || !drop) p->shape.push_back(here ? count : shape[i]);
  }
  return p;
}

Value take_range(const Value& x, int64_t axis, int64_t from, int64_t count) {
  return slice(x, range_params(x.shape(), x.shape().size() + static_cast<int>(axis), from, 1, count, false));
}
Value take_one(const Value& x, int64_t axis, int64_t at) {
  return slice(x, range_params(x.shape(), x.shape().size() + static_cast<int>(axis), at, 1, 1, true));
}
Value take_first(const Value& x, int64_t n) { return take_range(x, -1, 0, n); }
Value flip_last(const Value& x) {
  const int last = x.shape().size() - 1;
  return slice(x, range_params(x.shape(), last, x.shape()[last] - 1, -1, x.shape()[last], false));
}

Value zeros(const Dims& shape, DType t) { return Value(core::zeros(t, shape)); }
Value ones_like(const Value& x) { return Value(core::full(x.dtype(), x.shape(), 1.0)); }
Value append_one(const Value& x) {
  Dims s = x.shape();
  s[s.size() - 1] = 1;
  return concatenate({x, Value(core::full(x.dtype(), s, 1.0))}, -1);
}

}  // namespace wengert::ad
