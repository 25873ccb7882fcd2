#include "ops/indexing.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace wengert::ops {
namespace {

using core::Array;
using core::item_size;

// The axes of x a slice keeps (all of them; integer axes have count 1), without the new ones.
ArrayRef full_rank_window(const ArrayRef& x, const SliceParams& p) {
  Dims strides;
  int64_t offset = 0;
  for (int i = 0; i < x->ndim(); ++i) {
    offset += p.start[i] * x->strides[i];
    strides.push_back(p.step[i] * x->strides[i]);
  }
  return core::view(x, p.count, strides, p.count.product() ? offset : 0);
}

void make_writable(ArrayRef& x) {
  if (!x->sole_owner()) x = core::copy(x);
  if (x->buffer) x->buffer->updated = true;
}

// Runs f(target, value) over the part of x that a slice names.
template <class F> void over_slice(Array& x, const ArrayRef& v, const SliceParams& p, F&& f) {
  if (p.count.product() == 0) return;
  int64_t offset = 0;
  Dims steps;
  for (int i = 0; i < x.ndim(); ++i) {
    offset += p.start[i] * x.strides[i];
    steps.push_back(p.step[i] * x.strides[i]);
  }
  const ArrayRef flat = core::contiguous(core::broadcast_to(v, p.shape));
  const Dims strides[2] = {steps, core::row_major(p.count)};
  core::dispatch(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* to = x.template as<T>() + offset;
    const T* from = flat->template as<T>();
    core::walk(p.count, strides, [&](const int64_t (&at)[2], const int64_t (&step)[2], int64_t n) {
      for (int64_t i = 0; i < n; ++i) f(to[at[0] + i * step[0]], from[at[1] + i * step[1]]);
    });
  });
}

// The shape behind the gathered axes, and that of what is looked up.
Dims rest_of(const Dims& x, const GatherParams& p) { return x.slice(static_cast<int>(p.lead), x.size()); }
Dims looked_up(const Dims& x, const GatherParams& p) { return GatherBase::looked_up(x, p); }

// The rules of what writes v into a part of x, of that shape.
ArrayType written(std::string_view op, OperandTypes in, const Dims& part) {
  require_equal(op, in.dtype(0), in.dtype(1));
  if (!(core::broadcast_shapes(in.shape(1), part, op.data()) == part))
    refuse(op, "a value of shape " + in.shape(1).str() + " does not broadcast to a part of shape " + part.str());
  return {in.dtype(0), in.shape(0)};
}
ArrayType written_slice(std::string_view op, OperandTypes in, const SliceParams& p) {
  SliceBase::check(op, in.shape(0), p);
  return written(op, in, p.shape);
}
ArrayType written_gather(std::string_view op, OperandTypes in, const GatherParams& p) {
  GatherBase::check(op, in.shape(0), p);
  return written(op, in, looked_up(in.shape(0), p));
}

template <class F> void over_gather(Array& x, const ArrayRef& v, const GatherParams& p, F&& f) {
  const int64_t n = rest_of(x.shape, p).product();
  const ArrayRef where = core::contiguous(p.indices);
  const ArrayRef flat = core::contiguous(core::broadcast_to(v, looked_up(x.shape, p)));
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

ParamsRef SliceBase::lifted(const Params& p, int64_t k, const Dims&) {
  const auto r = copied_params<SliceBase>(p);
  r->start.insert(0, 0);
  r->step.insert(0, 1);
  r->count.insert(0, k);
  r->shape.insert(0, k);
  return r;
}

ArrayRef SliceBase::window(const ArrayRef& x, const Params& p) {
  const ArrayRef part = full_rank_window(x, p);
  // Dropping and inserting unit axes: strides of the kept ones in order.
  Dims kept, strides(p.shape.size(), 0);
  for (int i = 0; i < part->ndim(); ++i)
    if (part->shape[i] != 1) kept.push_back(part->strides[i]);
  int k = 0;
  for (int i = 0; i < p.shape.size(); ++i)
    if (p.shape[i] != 1) strides[i] = kept[k++];
  return core::view(part, p.shape, strides);
}

void SliceBase::check(std::string_view op, const Dims& shape, const Params& p) {
  const Dims &start = p.start, &step = p.step, &count = p.count;
  const int n = shape.size();
  if (start.size() != n || step.size() != n || count.size() != n)
    refuse(op, "start, step and count need one entry for each of the " + std::to_string(n) + " axes");
  Dims kept, named;
  for (int k = 0; k < n; ++k) {
    int64_t last = 0;
    const bool inside = count[k] >= 0 && count[k] <= shape[k] && start[k] >= 0 &&
                        start[k] < shape[k] + (count[k] == 0) &&
                        !__builtin_mul_overflow(count[k] ? count[k] - 1 : 0, step[k], &last) &&
                        !__builtin_add_overflow(last, start[k], &last) &&
                        (count[k] == 0 || (last >= 0 && last < shape[k])) && (count[k] > 1 || step[k] == 1);
    if (!inside)
      index_error("wengert." + std::string(op) + ": " + std::to_string(count[k]) + " elements from " +
                  std::to_string(start[k]) + " in steps of " + std::to_string(step[k]) + " leave axis " +
                  std::to_string(k) + " of the shape " + shape.str() + " (fewer than two have step 1)");
    if (count[k] != 1) kept.push_back(count[k]);
  }
  for (int64_t d : p.shape)
    if (d != 1) named.push_back(d);
  if (!(kept == named)) refuse(op, "shape " + p.shape.str() + " is not count " + count.str() + " up to unit axes");
}

void GatherBase::check(std::string_view op, const Dims& shape, const Params& p) {
  if (p.lead < 0 || p.lead > shape.size())
    refuse(op, "lead must be between 0 and the number of axes, " + std::to_string(shape.size()) + ", got " +
                   std::to_string(p.lead));
  if (!p.indices || p.indices->dtype != DType::i64) refuse(op, "positions must be an int64 array");
  const int64_t size = shape.slice(0, static_cast<int>(p.lead)).product();
  Dims once = p.indices->shape;  // what repeats is looked at once: such an array may be larger than memory
  for (int k = 0; k < once.size(); ++k)
    if (p.indices->strides[k] == 0 && once[k] > 1) once[k] = 1;
  const ArrayRef at = core::contiguous(core::view(p.indices, once, p.indices->strides));
  for (int64_t i = 0; i < at->size; ++i)
    if (const int64_t v = at->as<int64_t>()[i]; v < 0 || v >= size)
      index_error("wengert." + std::string(op) + ": position " + std::to_string(v) + " is out of bounds for " +
                  std::to_string(size) + " elements");
}

ArrayType Slice::result(OperandTypes in, const Params& p) {
  check(name, in.shape(0), p);
  return {in.dtype(0), p.shape};
}
// A part of storage that is being filled in place must be a copy, or the next write would have to copy everything:
// h[t] = f(h[t - 1]) in a loop stays linear.
ArrayRef Slice::value(Args a, const Params& p) {
  ArrayRef w = window(a[0], p);
  return w->buffer && w->buffer->updated ? core::copy_in_order(*w) : w;
}

void SliceUpdate::in_place(ArrayRef& x, const ArrayRef& v, const Params& p) {
  make_writable(x);
  over_slice(*x, v, p, replace);
}
ArrayType SliceUpdate::result(OperandTypes in, const Params& p) { return written_slice(name, in, p); }
ArrayRef SliceUpdate::value(Args a, const Params& p) {
  ArrayRef y = fresh(a[0]);
  over_slice(*y, a[1], p, replace);
  return y;
}

void SliceAdd::in_place(ArrayRef& x, const ArrayRef& v, const Params& p) {
  make_writable(x);
  over_slice(*x, v, p, accumulate);
}
ArrayType SliceAdd::result(OperandTypes in, const Params& p) { return written_slice(name, in, p); }
ArrayRef SliceAdd::value(Args a, const Params& p) {
  ArrayRef y = fresh(a[0]);
  over_slice(*y, a[1], p, accumulate);
  return y;
}

ArrayType Gather::result(OperandTypes in, const Params& p) {
  check(name, in.shape(0), p);
  return {in.dtype(0), looked_up(in.shape(0), p)};
}
ArrayRef Gather::value(Args a, const Params& p) {  // its positions were checked when they were made
  const ArrayRef x = core::contiguous(a[0]), where = core::contiguous(p.indices);
  ArrayRef y = core::make(x->dtype, looked_up(x->shape, p));
  const int64_t run = rest_of(x->shape, p).product() * item_size(x->dtype);
  for (int64_t i = 0; i < where->size && run; ++i)
    std::memcpy(y->data + i * run, x->data + where->as<int64_t>()[i] * run, static_cast<size_t>(run));
  return y;
}

void GatherUpdate::in_place(ArrayRef& x, const ArrayRef& v, const Params& p) {
  make_writable(x);
  over_gather(*x, v, p, replace);
}
ArrayType GatherUpdate::result(OperandTypes in, const Params& p) { return written_gather(name, in, p); }
ArrayRef GatherUpdate::value(Args a, const Params& p) {
  ArrayRef y = fresh(a[0]);
  over_gather(*y, a[1], p, replace);
  return y;
}

ArrayRef GatherUpdate::survivors(const Params& p) {
  const ArrayRef where = core::contiguous(p.indices);
  ArrayRef kept = core::make(DType::b1, where->shape);
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
ArrayType GatherAdd::result(OperandTypes in, const Params& p) { return written_gather(name, in, p); }
ArrayRef GatherAdd::value(Args a, const Params& p) {
  ArrayRef y = fresh(a[0]);
  over_gather(*y, a[1], p, accumulate);
  return y;
}

}  // namespace wengert::ops
