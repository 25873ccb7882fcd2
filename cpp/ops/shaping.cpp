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
      value_error("wengert.concatenate: all sizes except along axis " + std::to_string(axis) + " must agree, got shapes " +
                  a[0]->shape.str() + " and " + x->shape.str());
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
      value_error("wengert.stack: all arrays must have one shape, got " + a[0]->shape.str() + " and " + arg->shape.str());
    const ArrayRef x = core::contiguous(arg);
    for (int64_t o = 0; o < outer && run; ++o)
      std::memcpy(y->data + o * pitch + at, x->data + o * run, static_cast<size_t>(run));
    at += run;
  }
  return y;
}

ArrayRef Where::value(Args a, const Params&) {
  const Dims shape = core::broadcast_shapes(core::broadcast_shapes(a[0]->shape, a[1]->shape, "where"), a[2]->shape, "where");
  ArrayRef y = make(a[1]->dtype, shape);
  const ArrayRef c = core::broadcast_to(a[0], shape), t = core::broadcast_to(a[1], shape),
                 f = core::broadcast_to(a[2], shape);
  const Dims strides[3] = {c->strides, t->strides, f->strides};
  core::dispatch(y->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* out = y->template as<T>();
    const uint8_t* pc = c->as<uint8_t>();
    const T *pt = t->template as<T>(), *pf = f->template as<T>();
    core::walk(shape, strides, [&](const int64_t (&at)[3], const int64_t (&step)[3], int64_t n) {
      const uint8_t* qc = pc + at[0];
      const T *qt = pt + at[1], *qf = pf + at[2];
      if (step[0] == 1 && step[1] == 1 && step[2] == 1) {
        for (int64_t i = 0; i < n; ++i) out[i] = qc[i] ? qt[i] : qf[i];
      } else {
        for (int64_t i = 0; i < n; ++i) out[i] = qc[i * step[0]] ? qt[i * step[1]] : qf[i * step[2]];
      }
      out += n;
    });
  });
  return y;
}

}  // namespace wengert::ops
