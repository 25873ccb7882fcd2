#include "ops/strided.h"

#include <algorithm>
#include <cstdlib>

namespace wengert::ops {
namespace {

// Whether no element is met twice: true of everything that slicing, transposing and taking diagonals leads to.
bool distinct(const Dims& shape, const Dims& strides) {
  std::pair<int64_t, int64_t> axes[core::kMaxDims];
  int n = 0;
  for (int i = 0; i < shape.size(); ++i)
    if (shape[i] != 1) axes[n++] = {std::abs(strides[i]), shape[i]};
  std::sort(axes, axes + n);
  int64_t reach = 0;
  for (int i = 0; i < n; ++i) {
    if (axes[i].first <= reach) return false;
    reach += (axes[i].second - 1) * axes[i].first;
  }
  return true;
}

void check_layout(std::string_view op, const Dims& shape, const Dims& layout) {
  bool fits = layout.size() == shape.size();
  for (int i = 0; fits && i < layout.size(); ++i) fits = shape[i] <= 1 || layout[i] > 0;
  if (fits && shape.product()) {
    const Dims dense = core::kept_order(shape, layout);
    for (int i = 0; fits && i < shape.size(); ++i) fits = shape[i] == 1 || dense[i] == layout[i];
  }
  if (!fits)
    refuse(op, "layout " + layout.str() + " is not how an array of shape " + shape.str() + " lies without gaps");
}

template <class F> void over_part(core::Array& x, const ArrayRef& v, const StridedParams& p, F&& f) {
  if (p.shape.product() == 0) return;
  const Dims strides[2] = {p.strides, v->strides};
  core::dispatch(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* to = x.template as<T>() + p.offset;
    const T* from = v->template as<T>();
    core::walk(p.shape, strides, [&](const int64_t (&at)[2], const int64_t (&step)[2], int64_t n) {
      for (int64_t i = 0; i < n; ++i) f(to[at[0] + i * step[0]], from[at[1] + i * step[1]]);
    });
  });
}

constexpr auto replace = []<class T>(T& to, T from) { to = from; };
constexpr auto accumulate = []<class T>(T& to, T from) {
  if constexpr (std::is_floating_point_v<T>)
    to += from;
  else  // whole numbers wrap, as in NumPy
    to = static_cast<T>(static_cast<uint64_t>(to) + static_cast<uint64_t>(from));
};

// x in the layout of the parameters, to be written to: itself if nobody else can see it.
void make_writable(ArrayRef& x, const Dims& layout) {
  const bool own = x->refs == 1 && (!x->buffer || (x->buffer->refs == 1 && !x->buffer->drop));
  if (!core::lies_as(*x, layout))
    x = core::arranged(x, layout);
  else if (!own)
    x = core::copy_in_order(*x);
  if (x->buffer) x->buffer->updated = true;
}

ArrayType written(std::string_view op, OperandTypes in, const StridedParams& p) {
  StridedBase::check(op, in.shape(0), p);
  require_equal(op, in.dtype(0), in.dtype(1));
  if (!(in.shape(1) == p.shape))
    refuse(op, "a value of shape " + in.shape(1).str() + " for a part of shape " + p.shape.str());
  return {in.dtype(0), in.shape(0)};
}

}  // namespace

ParamsRef StridedBase::lifted(const Params& p, int64_t k, const Dims& x) {
  const auto r = copied_params<StridedBase>(p);
  const int64_t size = std::max<int64_t>(x.product(), 1);
  r->shape.insert(0, k);
  r->strides.insert(0, size);
  r->layout.insert(0, size);
  return r;
}

void StridedBase::check(std::string_view op, const Dims& shape, const Params& p) {
  const Dims &part = p.shape, &strides = p.strides;
  check_layout(op, shape, p.layout);
  if (strides.size() != part.size())
    refuse(op, "strides " + strides.str() + " for a part of shape " + part.str() + ": one for each axis is needed");
  int64_t first = p.offset, last = p.offset, reach = 0, most = 1;
  bool inside = true, empty = false;
  for (int i = 0; i < part.size(); ++i) {
    empty |= part[i] == 0;
    if (part[i] < 0 || __builtin_mul_overflow(most, part[i] ? part[i] : 1, &most) || most > (int64_t{1} << 43))
      refuse(op, "there is no part of shape " + part.str());
    if (part[i] < 2) continue;
    inside = inside && !__builtin_mul_overflow(part[i] - 1, strides[i], &reach) &&
             !__builtin_add_overflow(reach < 0 ? first : last, reach, reach < 0 ? &first : &last);
  }
  if (!empty && !(inside && first >= 0 && last < shape.product()))
    index_error("wengert." + std::string(op) + ": a part of shape " + part.str() + " with strides " + strides.str() +
                " from " + std::to_string(p.offset) + " leaves the " + std::to_string(shape.product()) +
                " elements of an array of shape " + shape.str());
}

ArrayType Strided::result(OperandTypes in, const Params& p) {
  check(name, in.shape(0), p);
  return {in.dtype(0), p.shape};
}
// A part of storage that is being filled in place is a copy: see Slice::value.
ArrayRef Strided::value(Args a, const Params& p) {
  const ArrayRef x = core::arranged(a[0], p.layout);
  const bool empty = p.shape.product() == 0;
  const ArrayRef part = core::view(x, p.shape, p.strides, empty ? 0 : p.offset);
  if (!part->buffer || !part->buffer->updated) return part;
  return core::copy_in_order(*part);
}

ArrayType StridedUpdate::result(OperandTypes in, const Params& p) {
  const ArrayType out = written(name, in, p);
  if (!distinct(p.shape, p.strides))
    refuse(name, "a part of shape " + p.shape.str() + " with strides " + p.strides.str() +
                     " meets elements twice; they cannot be written through it: copy() it first");
  return out;
}
void StridedUpdate::in_place(ArrayRef& x, const ArrayRef& v, const Params& p) {
  make_writable(x, p.layout);
  over_part(*x, v, p, replace);
}
ArrayRef StridedUpdate::value(Args a, const Params& p) {
  result(a, p);
  ArrayRef x = a[0];
  in_place(x, a[1], p);
  return x;
}

ArrayType StridedAdd::result(OperandTypes in, const Params& p) { return written(name, in, p); }
void StridedAdd::in_place(ArrayRef& x, const ArrayRef& v, const Params& p) {
  make_writable(x, p.layout);
  over_part(*x, v, p, accumulate);
}
ArrayRef StridedAdd::value(Args a, const Params& p) {
  result(a, p);
  ArrayRef x = a[0];
  in_place(x, a[1], p);
  return x;
}

}  // namespace wengert::ops
