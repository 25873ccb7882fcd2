// Reading and writing parts of an array. A basic index (integers, slices, new axes) is a `slice` with a start, step and
// count for every axis; an index by integer arrays is a `gather` over the flattened leading axes. The Python-level
// x[index] and x[index] = v are composed of these.
#pragma once
#include "ops/op.h"
#include "ops/shaping.h"

namespace wengert::ops {

// For every axis of x; `shape` is that of the result (integer axes dropped, new axes inserted).
struct SliceParams : ParamsOf<SliceParams> {
  SliceParams() = default;
  SliceParams(Dims from, Dims by, Dims many, Dims out)
      : start(std::move(from)), step(std::move(by)), count(std::move(many)), shape(std::move(out)) {}
  Dims start, step, count, shape;
  template <class Visit> static void fields(SliceParams& p, Visit&& visit) {
    visit(Field{"start", FieldKind::dims}, p.start);
    visit(Field{"step", FieldKind::dims}, p.step);
    visit(Field{"count", FieldKind::dims}, p.count);
    visit(Field{"shape", FieldKind::dims}, p.shape);
  }
};
// Flat int64 positions in the first `lead` axes, of any shape; already checked against the bounds.
struct GatherParams : ParamsOf<GatherParams> {
  ArrayRef indices;
  int64_t lead = 0;
  template <class Visit> static void fields(GatherParams& p, Visit&& visit) {
    visit(Field{"indices", FieldKind::indices}, p.indices);
    visit(Field{"lead", FieldKind::integer}, p.lead);
  }
};

struct IndexingBase : StructuredBase {
  static constexpr Kind kind = Kind::indexing;
};

struct SliceBase : IndexingBase {
  using Params = SliceParams;
  static ParamsRef lifted(const Params& p, int64_t k,
                          const Dims& x = {});  // the same slice under an extra leading axis
  template <class R> static ParamsRef part(R& r) { return r.k() ? lifted(r.p(), r.k()) : r.params(); }
  static ArrayRef window(const ArrayRef& x, const Params& p);  // the part of x it names, as a view
  // Throws unless the part lies within x, and its shape is that of the ranges up to axes of length 1.
  static void check(std::string_view op, const Dims& shape, const Params& p);
};
struct GatherBase : IndexingBase {
  using Params = GatherParams;
  static Dims looked_up(const Dims& x, const Params& p) {
    return core::concat(p.indices->shape, x.slice(static_cast<int>(p.lead), x.size()));
  }
  // Throws unless all positions lie inside the leading axes.
  static void check(std::string_view op, const Dims& shape, const Params& p);
};

struct Slice : SliceBase {
  static constexpr std::string_view name = "slice", doc = "A rectangular part of x, with steps: a basic index.";
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return slice(r.t(0), part(r)); }
  template <class R> static void vjp(R& r) { r.give_slice(0, r.g()); }
  template <class B> static auto batched(B& b) { return slice(b.arg(0), lifted(b.p(), b.size())); }
};

struct SliceUpdate : SliceBase {
  static constexpr std::string_view name = "slice_update",
                                    doc = "x with the part named by a basic index replaced by v.";
  static constexpr int arity = 2;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  static void in_place(ArrayRef& x, const ArrayRef& v, const Params& p);
  template <class R> static auto jvp(R& r) {
    return slice_update(r.tangent_or_zeros(0), r.tangent_or_zeros(1), part(r));
  }
  template <class R> static void vjp(R& r) {
    if (r.wants(1)) r.give(1, slice(r.g(), r.params()));
    if (r.wants(0)) r.give(0, cleared_slice(r.take_g(), r.params()));
  }
  template <class B> static auto batched(B& b) {
    return slice_update(b.front(0), b.fitted(1, b.p().shape), lifted(b.p(), b.size()));
  }
};

struct SliceAdd : SliceBase {
  static constexpr std::string_view name = "slice_add", doc = "x with v added to the part named by a basic index.";
  static constexpr int arity = 2;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  static void in_place(ArrayRef& x, const ArrayRef& v, const Params& p);
  template <class R> static auto jvp(R& r) { return slice_add(r.tangent_or_zeros(0), r.tangent_or_zeros(1), part(r)); }
  template <class R> static void vjp(R& r) {
    if (r.wants(1)) r.give(1, slice(r.g(), r.params()));
    if (r.wants(0)) r.give(0, r.g());
  }
  template <class B> static auto batched(B& b) {
    return slice_add(b.front(0), b.fitted(1, b.p().shape), lifted(b.p(), b.size()));
  }
};

// Puts the axis of several tangents behind the indexed ones and back: (k, indexed, rest) -> (indexed, k, rest).
template <class X> X leading_axis_to(const X& t, int at) {
  Dims perm;
  for (int i = 1; i <= at; ++i) perm.push_back(i);
  perm.push_back(0);
  for (int i = at + 1; i < t.shape().size(); ++i) perm.push_back(i);
  return transpose(t, perm);
}
template <class X> X axis_to_front(const X& t, int from) {
  Dims perm{from};
  for (int i = 0; i < t.shape().size(); ++i)
    if (i != from) perm.push_back(i);
  return transpose(t, perm);
}

struct Gather : GatherBase {
  static constexpr std::string_view name = "gather", doc = "Elements of x at integer positions in its leading axes.";
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) {
    if (!r.k()) return gather(r.t(0), r.params());
    return axis_to_front(gather(leading_axis_to(r.t(0), static_cast<int>(r.p().lead)), r.params()),
                         r.p().indices->ndim());
  }
  template <class R> static void vjp(R& r) { r.give_gather(0, r.g()); }
  template <class B> static auto batched(B& b) {
    if (b.positions_vary())
      return b.led(0) ? gather(b.arg(0), b.positions_in_batch()) : gather(b.arg(0), b.positions());
    return axis_to_front(gather(leading_axis_to(b.arg(0), static_cast<int>(b.p().lead)), b.params()),
                         b.p().indices->ndim());
  }
};

// Writing at repeated positions: the last one stays, so only that one has a derivative.
struct GatherUpdate : GatherBase {
  static constexpr std::string_view name = "gather_update",
                                    doc =
                                        "x with elements at integer positions replaced by those of v; the last of "
                                        "repeated positions stays.";
  static constexpr int arity = 2;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  static void in_place(ArrayRef& x, const ArrayRef& v, const Params& p);
  static ArrayRef survivors(const Params& p);  // bool, of the shape of the indices: not overwritten later
  template <class R> static auto jvp(R& r) {
    const int lead = static_cast<int>(r.p().lead), rank = r.p().indices->ndim();
    if (!r.k()) return gather_update(r.tangent_or_zeros(0), r.tangent_or_zeros(1), r.params());
    return axis_to_front(gather_update(leading_axis_to(r.tangent_or_zeros(0), lead),
                                       leading_axis_to(r.tangent_or_zeros(1), rank), r.params()),
                         lead);
  }
  template <class R> static void vjp(R& r) {
    if (r.wants(1)) {
      const auto kept = r.survivors();
      auto g = gather(r.g(), r.params());
      Dims shape = kept.shape();
      while (shape.size() < g.shape().size()) shape.push_back(1);
      r.give(1, select(reshape(kept, shape), g, 0.0));
    }
    if (r.wants(0)) r.give(0, cleared_gather(r.g(), r.params()));
  }
  template <class B> static auto batched(B& b) {
    const int lead = static_cast<int>(b.p().lead), at = b.p().indices->ndim();
    const auto v = b.fitted(1, looked_up(b.shape(0), b.p()));
    if (b.positions_vary()) return gather_update(b.front(0), v, b.positions_in_batch());
    return axis_to_front(gather_update(leading_axis_to(b.front(0), lead), leading_axis_to(v, at), b.params()), lead);
  }
};

struct GatherAdd : GatherBase {
  static constexpr std::string_view name = "gather_add",
                                    doc = "x with v added at integer positions; repeated positions accumulate.";
  static constexpr int arity = 2;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  static void in_place(ArrayRef& x, const ArrayRef& v, const Params& p);
  template <class R> static auto jvp(R& r) {
    const int lead = static_cast<int>(r.p().lead), rank = r.p().indices->ndim();
    if (!r.k()) return gather_add(r.tangent_or_zeros(0), r.tangent_or_zeros(1), r.params());
    return axis_to_front(gather_add(leading_axis_to(r.tangent_or_zeros(0), lead),
                                    leading_axis_to(r.tangent_or_zeros(1), rank), r.params()),
                         lead);
  }
  template <class R> static void vjp(R& r) {
    if (r.wants(1)) r.give(1, gather(r.g(), r.params()));
    if (r.wants(0)) r.give(0, r.g());
  }
  template <class B> static auto batched(B& b) {
    const int lead = static_cast<int>(b.p().lead), at = b.p().indices->ndim();
    const auto v = b.fitted(1, looked_up(b.shape(0), b.p()));
    if (b.positions_vary()) return gather_add(b.front(0), v, b.positions_in_batch());
    return axis_to_front(gather_add(leading_axis_to(b.front(0), lead), leading_axis_to(v, at), b.params()), lead);
  }
};

}  // namespace wengert::ops
