// Any part of the storage of an array, by strides: what every view of it is, whatever chain of slices, transpositions,
// reshapes and diagonals it came from. Reading may meet an element twice (its cotangents add up), writing may not.
#pragma once
#include "ops/op.h"

namespace wengert::ops {

// The part is counted in elements of the storage of x; `layout` are the strides of x in it, without gaps.
struct StridedParams : ParamsOf<StridedParams> {
  StridedParams() = default;
  StridedParams(Dims part, Dims steps, int64_t first, Dims whole)
      : shape(std::move(part)), strides(std::move(steps)), offset(first), layout(std::move(whole)) {}
  Dims shape, strides;
  int64_t offset = 0;
  Dims layout;
  template <class Visit> static void fields(StridedParams& p, Visit&& visit) {
    visit(Field{"shape", FieldKind::dims}, p.shape);
    visit(Field{"strides", FieldKind::dims}, p.strides);
    visit(Field{"offset", FieldKind::integer}, p.offset);
    visit(Field{"layout", FieldKind::dims}, p.layout);
  }
};

struct StridedBase : StructuredBase {
  static constexpr Kind kind = Kind::indexing;
  using Params = StridedParams;
  static ParamsRef lifted(const Params& p, int64_t k, const Dims& x);  // the same part under an extra leading axis
  template <class R> static ParamsRef part(R& r) { return r.k() ? lifted(r.p(), r.k(), r.shape(0)) : r.params(); }
  // Throws unless the part lies within x.
  static void check(std::string_view op, const Dims& shape, const Params& p);
};

struct Strided : StridedBase {
  static constexpr std::string_view name = "strided", doc = "A part of the storage of x, by strides: what a view is.";
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return strided(r.t(0), part(r)); }
  template <class R> static void vjp(R& r) { r.give_strided(0, r.g()); }
  template <class B> static auto batched(B& b) { return strided(b.arg(0), lifted(b.p(), b.size(), b.shape(0))); }
};

struct StridedUpdate : StridedBase {
  static constexpr std::string_view name = "strided_update",
                                    doc = "x with a part of its storage, by strides, replaced by v.";
  static constexpr int arity = 2;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  static void in_place(ArrayRef& x, const ArrayRef& v, const Params& p);
  template <class R> static auto jvp(R& r) {
    return strided_update(r.tangent_or_zeros(0), r.tangent_or_zeros(1), part(r));
  }
  template <class R> static void vjp(R& r) {
    if (r.wants(1)) r.give(1, strided(r.g(), r.params()));
    if (r.wants(0)) r.give(0, cleared_strided(r.take_g(), r.params()));
  }
  template <class B> static auto batched(B& b) {
    return strided_update(b.front(0), b.fitted(1, b.p().shape), lifted(b.p(), b.size(), b.shape(0)));
  }
};

struct StridedAdd : StridedBase {
  static constexpr std::string_view name = "strided_add", doc = "x with v added to a part of its storage, by strides.";
  static constexpr int arity = 2;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  static void in_place(ArrayRef& x, const ArrayRef& v, const Params& p);
  template <class R> static auto jvp(R& r) {
    return strided_add(r.tangent_or_zeros(0), r.tangent_or_zeros(1), part(r));
  }
  template <class R> static void vjp(R& r) {
    if (r.wants(1)) r.give(1, strided(r.g(), r.params()));
    if (r.wants(0)) r.give(0, r.g());
  }
  template <class B> static auto batched(B& b) {
    return strided_add(b.front(0), b.fitted(1, b.p().shape), lifted(b.p(), b.size(), b.shape(0)));
  }
};

}  // namespace wengert::ops
