#include "ops/indexing.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace wengert::ops {
namespace {

using core::Array;
using core::item_size;
using core::make;

// The axes of x a slice keeps (all of them; integer axes have count 1), without the new ones.
ArrayRef full_rank_window(const ArrayRef& x, const Params& p) {
  Dims strides;
  int64_t offset = 0;
  for (int i = 0; i < x->ndim(); ++i) {
    offset += p.dims[0][i] * x->strides[i];
    strides.push_back(p.dims[1][i] * x->strides[i]);
  }
  return core::view(x, p.dims[2], strides, p.dims[2].product() ? offset : 0);
}

void make_writable(ArrayRef& x) {
  if (!x->sole_owner()) x = core::copy(x);
  if (x->buffer) x->buffer->updated = true;
}

// Runs f(target, value) over the part of x that a slice names.
template <class F> void over_slice(Array& x, const ArrayRef& v, const Params& p, F&& f) {
  int64_t offset = 0;
  Dims steps;
  for (int i = 0; i < x.ndim(); ++i) {
    offset += p.dims[0][i] * x.strides[i];
    steps.push_back(p.dims[1][i] * x.strides[i]);
  }
  const ArrayRef flat = core::contiguous(core::broadcast_to(v, p.dims[3]));
  const Dims strides[2] = {steps, core::row_major(p.dims[2])};
  core::dispatch(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* to = x.template as<T>() + offset;
    const T* from = flat->template as<T>();
    core::walk(p.dims[2], strides, [&](const int64_t (&at)[2], const int64_t (&step)[2], int64_t n) {
      for (int64_t i = 0; i < n; ++i) f(to[at[0] + i * step[0]], from[at[1] + i * step[1]]);
    });
  });
}

// The shape behind the gathered axes, and its size.
Dims rest_of(const Array& x, const Params& p) { return x.shape.slice(static_cast<int>(p.number), x.ndim()); }

template <class F> void over_gather(Array& x, const ArrayRef& v, const Params& p, F&& f) {
  const Dims rest = rest_of(x, p);
  const int64_t n = rest.product();
  const ArrayRef where = core::contiguous(p.array);
  const ArrayRef flat = core::contiguous(core::broadcast_to(v, core::concat(where->shape, rest)));
  core::dispatch(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* from = flat->template as<T>();
    for (int64_t i = 0; i < where->size; ++i) {
      T* to = x.template as<T>() + where->template as<int64_t>()[i] * n;
      for (int64_t k = 0; k < n; ++k) f(to[k], from[i * n + k]);
    }
  });
}

constexpr auto replace = []<class T>(T& to, T from) { to = from; };
constexpr auto accumulate = []<class T>(T& to, T from) {
  if constexpr (std::is_floating_point_v<T>)
    to += from;
  else  // whole numbers wrap, as in NumPy
    to = static_cast<T>(static_cast<uint64_t>(to) + static_cast<uint64_t>(from));
};

// A copy of x to be written to. (Operands of a call are held by the caller as well.)
ArrayRef fresh(const ArrayRef& x) {
  ArrayRef y = core::copy(x);
  if (y->buffer) y->buffer->updated = true;
  return y;
}

}  // namespace

ParamsRef SliceBase::lifted(const Params& p, int64_t k) {
  ParamsRef r(new Params(p));
  r->refs = 1;
  if (!k) return r;
  r->dims[0].insert(0, 0);
  r->dims[1].insert(0, 1);
  r->dims[2].insert(0, k);
  r->dims[3].insert(0, k);
  return r;
}

ArrayRef SliceBase::window(const ArrayRef& x, const Params& p) {
  const ArrayRef part = full_rank_window(x, p);
  // Dropping and inserting unit axes: strides of the kept ones in order.
  Dims kept, strides(p.dims[3].size(), 0);
  for (int i = 0; i < part->ndim(); ++i)
    if (part->shape[i] != 1) kept.push_back(part->strides[i]);
  int k = 0;
  for (int i = 0; i < p.dims[3].size(); ++i)
    if (p.dims[3][i] != 1) strides[i] = kept[k++];
  return core::view(part, p.dims[3], strides);
}

// A part of storage that is being filled in place must be a copy, or the next write would have to copy everything:
// h[t] = f(h[t - 1]) in a loop stays linear.
ArrayRef Slice::value(Args a, const Params& p) {
  ArrayRef w = window(a[0], p);
  return w->buffer && w->buffer->updated ? core::copy(w) : w;
}

void SliceUpdate::in_place(ArrayRef& x, const ArrayRef& v, const Params& p) {
  make_writable(x);
  over_slice(*x, v, p, replace);
}
ArrayRef SliceUpdate::value(Args a, const Params& p) {
  ArrayRef y = fresh(a[0]);
  over_slice(*y, a[1], p, replace);
  return y;
}

void SliceAdd::in_place(ArrayRef& x, const ArrayRef& v, const Params& p) {
  make_writable(x);
  over_slice(*x, v, p, accumulate);
}
ArrayRef SliceAdd::value(Args a, const Params& p) {
  ArrayRef y = fresh(a[0]);
  over_slice(*y, a[1], p, accumulate);
  return y;
}

ArrayRef Gather::value(Args a, const Params& p) {
  const ArrayRef x = core::contiguous(a[0]), where = core::contiguous(p.array);
  const Dims rest = rest_of(*x, p);
  ArrayRef y = make(x->dtype, core::concat(where->shape, rest));
  const int64_t run = rest.product() * item_size(x->dtype);
  for (int64_t i = 0; i < where->size && run; ++i)
    std::memcpy(y->data + i * run, x->data + where->as<int64_t>()[i] * run, static_cast<size_t>(run));
  return y;
}

void GatherUpdate::in_place(ArrayRef& x, const ArrayRef& v, const Params& p) {
  make_writable(x);
  over_gather(*x, v, p, replace);
}
ArrayRef GatherUpdate::value(Args a, const Params& p) {
  ArrayRef y = fresh(a[0]);
  over_gather(*y, a[1], p, replace);
  return y;
}

ArrayRef GatherUpdate::survivors(const Params& p) {
  const ArrayRef where = core::contiguous(p.array);
  ArrayRef kept = make(DType::b1, where->shape);
  const int64_t* at = where->as<int64_t>();
  int64_t bound = 0;
  for (int64_t i = 0; i < where->size; ++i) bound = std::max(bound, at[i] + 1);
  std::vector<int64_t> last(static_cast<size_t>(bound), -1);
  for (int64_t i = 0; i < where->size; ++i) last[static_cast<size_t>(at[i])] = i;
  for (int64_t i = 0; i < where->size; ++i) kept->as<uint8_t>()[i] = last[static_cast<size_t>(at[i])] == i;
  return kept;
}

void GatherAdd::in_place(ArrayRef& x, const ArrayRef& v, const Params& p) {
  make_writable(x);
  over_gather(*x, v, p, accumulate);
}
ArrayRef GatherAdd::value(Args a, const Params& p) {
  ArrayRef y = fresh(a[0]);
  over_gather(*y, a[1], p, accumulate);
  return y;
}

}  // namespace wengert::ops
