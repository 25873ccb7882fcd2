#include "ops/shaping.h"

#include <cstring>

#include "ops/elementwise/kept_order.h"

namespace wengert::ops {

ArrayType Reshape::result(OperandTypes in, const Params& p) {
  const ArrayType out{in.dtype(0), p.shape};
  if (core::element_count(out.dtype, out.shape) != core::element_count(out.dtype, in.shape(0)))
    refuse(name, "an array of shape " + in.shape(0).str() + " does not fit into shape " + out.shape.str());
  return out;
}
ArrayRef Reshape::value(Args a, const Params& p) {
  if (core::element_count(a[0]->dtype, p.shape) != a[0]->size) result(a, p);  // which says what is wrong
  const ArrayRef x = core::contiguous(a[0]);
  return core::view(x, p.shape, core::row_major(p.shape));
}

ArrayType Transpose::result(OperandTypes in, const Params& p) {
  const Dims& perm = p.axes;
  const int n = in.shape(0).size();
  bool permutes = perm.size() == n;
  for (int64_t k = 0; k < n; ++k) permutes = permutes && perm.contains(k);
  if (!permutes) refuse(name, "axes " + perm.str() + " are no permutation of " + std::to_string(n));
  Dims shape;
  for (int64_t axis : perm) shape.push_back(in.shape(0)[static_cast<int>(axis)]);
  return {in.dtype(0), shape};
}
ArrayRef Transpose::value(Args a, const Params& p) {
  Dims strides;
  const Dims shape = result(a, p).shape;
  for (int64_t axis : p.axes) strides.push_back(a[0]->strides[static_cast<int>(axis)]);
  return core::view(a[0], shape, strides);
}

ArrayType BroadcastTo::result(OperandTypes in, const Params& p) {
  const ArrayType out{in.dtype(0), p.shape};
  check_array(out);
  if (!(core::broadcast_shapes(in.shape(0), out.shape, "broadcast_to") == out.shape))
    refuse(name, "an array of shape " + in.shape(0).str() + " does not broadcast to " + out.shape.str());
  return out;
}
ArrayRef BroadcastTo::value(Args a, const Params& p) { return core::broadcast_to(a[0], p.shape); }

ArrayType Astype::result(OperandTypes in, const Params& p) { return {p.dtype, in.shape(0)}; }
ArrayRef Astype::value(Args a, const Params& p) { return core::cast(a[0], p.dtype); }

namespace {

// Arrays one behind the other along an axis of the result, in the order of their elements there.
ArrayRef joined(Args a, const ArrayType& type, int64_t axis_from_end) {
  ArrayRef y = make(type);
  const int axis = y->ndim() + static_cast<int>(axis_from_end);
  const int64_t outer = y->shape.slice(0, axis).product();
  const int64_t pitch = outer ? y->bytes() / outer : 0;
  int64_t at = 0;
  for (const ArrayRef& arg : a) {
    const ArrayRef x = core::contiguous(arg);
    const int64_t run = outer ? x->bytes() / outer : 0;
    for (int64_t o = 0; o < outer && run; ++o)
      std::memcpy(y->data + o * pitch + at, x->data + o * run, static_cast<size_t>(run));
    at += run;
  }
  return y;
}

}  // namespace

ArrayType Concatenate::result(OperandTypes in, const Params& p) {
  const int axis = require_axis(name, p.axis, in.shape(0).size());
  ArrayType out{in.dtype(0), in.shape(0)};
  for (int i = 1; i < in.size(); ++i) {
    const Dims& shape = in.shape(i);
    require_equal(name, in.dtype(i), out.dtype);
    bool fits = shape.size() == out.shape.size();
    for (int k = 0; fits && k < shape.size(); ++k) fits = k == axis || shape[k] == out.shape[k];
    if (!fits)
      refuse(name, "all sizes except along axis " + std::to_string(axis) + " must agree, got shapes " +
                       in.shape(0).str() + " and " + shape.str());
    out.shape[axis] += shape[axis];
    check_array(out);  // so that the sum cannot overflow
  }
  return out;
}
ArrayRef Concatenate::value(Args a, const Params& p) { return joined(a, result(a, p), p.axis); }

ArrayType Stack::result(OperandTypes in, const Params& p) {
  const int axis = require_axis(name, p.axis, in.shape(0).size() + 1);
  for (int i = 1; i < in.size(); ++i) {
    require_equal(name, in.dtype(i), in.dtype(0));
    if (!(in.shape(i) == in.shape(0)))
      refuse(name, "all arrays must have one shape, got " + in.shape(0).str() + " and " + in.shape(i).str());
  }
  ArrayType out{in.dtype(0), in.shape(0)};
  out.shape.insert(axis, in.size());
  return out;
}
ArrayRef Stack::value(Args a, const Params& p) { return joined(a, result(a, p), p.axis); }

namespace {

// Both elements are read whatever the condition says: only then does the loop vectorise.
template <int It, int If, class T> void choose(const uint8_t* c, const T* t, const T* f, T* __restrict out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const T mask = c[i] ? static_cast<T>(-1) : T(0), yes = t[It * i], no = f[If * i];
    out[i] = static_cast<T>((yes & mask) | (no & ~mask));
  }
}
// T: an integer of the elements' size.
template <class T>
void choose_from(const char* t, const char* f, const core::Array& c, const Dims (&strides)[3], const Dims& shape,
                 char* y) {
  T* out = reinterpret_cast<T*>(y);
  core::walk(shape, strides, [&](const int64_t (&at)[3], const int64_t (&step)[3], int64_t n) {
    const uint8_t* qc = c.as<uint8_t>() + at[0];
    const T *qt = reinterpret_cast<const T*>(t) + at[1], *qf = reinterpret_cast<const T*>(f) + at[2];
    const bool units = step[0] == 1 && (step[1] | step[2]) >> 1 == 0;
    if (units && step[1] && step[2])
      choose<1, 1>(qc, qt, qf, out, n);
    else if (units && step[1])
      choose<1, 0>(qc, qt, qf, out, n);
    else if (units && step[2])
      choose<0, 1>(qc, qt, qf, out, n);
    else
      for (int64_t i = 0; i < n; ++i) out[i] = qc[i * step[0]] ? qt[i * step[1]] : qf[i * step[2]];
    out += n;
  });
}

}  // namespace

ArrayType Where::result(OperandTypes in, const Params&) {
  if (in.dtype(0) != DType::b1)
    refuse(name, "the condition must be bool, not " + std::string(core::dtype_name(in.dtype(0))));
  require_equal(name, in.dtype(1), in.dtype(2));
  return {in.dtype(1),
          core::broadcast_shapes(core::broadcast_shapes(in.shape(0), in.shape(1), "where"), in.shape(2), "where")};
}
ArrayRef Where::value(Args a, const Params& p) {
  if (!a[0]->contiguous || !a[1]->contiguous || !a[2]->contiguous) {
    const ArrayRef* operands[] = {&a[0], &a[1], &a[2]};
    const KeptOrder<3> order(result(a, p).shape, operands);
    if (!order.row_major()) {
      const ArrayRef turned[] = {order.turned(a[0]), order.turned(a[1]), order.turned(a[2])};
      return order.turned_back(value(turned, p));
    }
  }
  ArrayRef y = make(result(a, p));
  const Dims& shape = y->shape;
  const ArrayRef c = core::broadcast_to(a[0], shape), t = core::broadcast_to(a[1], shape),
                 f = core::broadcast_to(a[2], shape);
  const Dims strides[3] = {c->strides, t->strides, f->strides};
  if (y->size == 0) return y;
  switch (core::item_size(y->dtype)) {
    case 8:
      choose_from<uint64_t>(t->data, f->data, *c, strides, shape, y->data);
      break;
    case 4:
      choose_from<uint32_t>(t->data, f->data, *c, strides, shape, y->data);
      break;
    default:
      choose_from<uint8_t>(t->data, f->data, *c, strides, shape, y->data);
  }
  return y;
}

}  // namespace wengert::ops
