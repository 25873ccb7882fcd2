#include "ops/shaping.h"

#include <cstring>

namespace wengert::ops {

using core::Array;
using core::make;

ArrayRef Reshape::value(Args a, const Params& p) {
  const ArrayRef x = core::contiguous(a[0]);
  return core::view(x, p.dims[0], core::row_major(p.dims[0]));
}

ArrayRef Transpose::value(Args a, const Params& p) {
  Dims shape, strides;
  for (int64_t axis : p.dims[0]) {
    shape.push_back(a[0]->shape[static_cast<int>(axis)]);
    strides.push_back(a[0]->strides[static_cast<int>(axis)]);
  }
  return core::view(a[0], shape, strides);
}

ArrayRef BroadcastTo::value(Args a, const Params& p) { return core::broadcast_to(a[0], p.dims[0]); }

ArrayRef Astype::value(Args a, const Params& p) { return core::cast(a[0], static_cast<DType>(p.number)); }

ArrayRef Concatenate::value(Args a, const Params& p) {
  const int n = a[0]->ndim(), axis = n + static_cast<int>(p.dims[0][0]);
  Dims shape = a[0]->shape;
  shape[axis] = 0;
  for (const ArrayRef& x : a) {
    bool ok = x->ndim() == n;
    for (int i = 0; ok && i < n; ++i) ok = i == axis || x->shape[i] == shape[i];
    if (!ok)
      value_error("wengert.concatenate: all sizes except along axis " + std::to_string(axis) +
                  " must agree, got shapes " + a[0]->shape.str() + " and " + x->shape.str());
    shape[axis] += x->shape[axis];
  }
  ArrayRef y = make(a[0]->dtype, shape);
  const int64_t item = item_size(y->dtype), outer = shape.slice(0, axis).product();
  const int64_t inner = shape.slice(axis + 1, n).product() * item, pitch = shape[axis] * inner;
  int64_t at = 0;
  for (const ArrayRef& arg : a) {
    const ArrayRef x = core::contiguous(arg);
    const int64_t run = x->shape[axis] * inner;
    for (int64_t o = 0; o < outer && run; ++o)
      std::memcpy(y->data + o * pitch + at, x->data + o * run, static_cast<size_t>(run));
    at += run;
  }
  return y;
}

ArrayRef Stack::value(Args a, const Params& p) {
  const int n = a[0]->ndim() + 1, axis = n + static_cast<int>(p.dims[0][0]);
  Dims shape = a[0]->shape;
  shape.insert(axis, static_cast<int64_t>(a.size()));
  ArrayRef y = make(a[0]->dtype, shape);
  const int64_t item = item_size(y->dtype), outer = shape.slice(0, axis).product();
  const int64_t run = shape.slice(axis + 1, n).product() * item, pitch = shape[axis] * run;
  int64_t at = 0;
  for (const ArrayRef& arg : a) {
    if (arg->shape != a[0]->shape)
      value_error("wengert.stack: all arrays must have one shape, got " + a[0]->shape.str() + " and " +
                  arg->shape.str());
    const ArrayRef x = core::contiguous(arg);
    for (int64_t o = 0; o < outer && run; ++o)
      std::memcpy(y->data + o * pitch + at, x->data + o * run, static_cast<size_t>(run));
    at += run;
  }
  return y;
}

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

ArrayRef Where::value(Args a, const Params&) {
  const Dims shape =
      core::broadcast_shapes(core::broadcast_shapes(a[0]->shape, a[1]->shape, "where"), a[2]->shape, "where");
  ArrayRef y = make(a[1]->dtype, shape);
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
