// Operations that move elements without changing them, and the selection `where`. All are linear.
#pragma once
#include "ops/op.h"

namespace wengert::ops {

inline Dims led(int64_t k, const Dims& shape) { return k ? core::concat(Dims{k}, shape) : shape; }

struct ShapingBase : StructuredBase {
  static constexpr Kind kind = Kind::shaping;
};

struct ReshapeParams : ParamsOf<ReshapeParams> {
  explicit ReshapeParams(Dims d = {}) : shape(std::move(d)) {}
  Dims shape;
  template <class Visit> static void fields(ReshapeParams& p, Visit&& visit) {
    visit(Field{"shape", FieldKind::shape}, p.shape);
  }
};
struct Reshape : ShapingBase {
  static constexpr std::string_view name = "reshape", doc = "The same elements in row-major order under another shape.";
  using Params = ReshapeParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return reshape(r.t(0), led(r.k(), r.p().shape)); }
  template <class R> static void vjp(R& r) { r.give(0, reshape(r.g(), r.shape(0))); }
  template <class B> static auto batched(B& b) { return reshape(b.arg(0), b.of_all(b.p().shape)); }
};

struct TransposeParams : ParamsOf<TransposeParams> {
  explicit TransposeParams(Dims d = {}) : axes(std::move(d)) {}
  Dims axes;
  template <class Visit> static void fields(TransposeParams& p, Visit&& visit) {
    visit(Field{"axes", FieldKind::permutation, "None"}, p.axes);
  }
};
struct Transpose : ShapingBase {
  static constexpr std::string_view name = "transpose", doc = "The axes in another order (reversed by default).";
  using Params = TransposeParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) {
    if (!r.k()) return transpose(r.t(0), r.p().axes);
    Dims perm{0};
    for (int64_t a : r.p().axes) perm.push_back(a + 1);
    return transpose(r.t(0), perm);
  }
  template <class R> static void vjp(R& r) {
    const Dims& perm = r.p().axes;
    Dims inverse(perm.size());
    for (int i = 0; i < perm.size(); ++i) inverse[static_cast<int>(perm[i])] = i;
    r.give(0, transpose(r.g(), inverse));
  }
  template <class B> static auto batched(B& b) {
    Dims perm{0};
    for (int64_t a : b.p().axes) perm.push_back(a + 1);
    return transpose(b.arg(0), perm);
  }
};

struct BroadcastParams : ParamsOf<BroadcastParams> {
  explicit BroadcastParams(Dims d = {}) : shape(std::move(d)) {}
  Dims shape;
  template <class Visit> static void fields(BroadcastParams& p, Visit&& visit) {
    visit(Field{"shape", FieldKind::dims}, p.shape);
  }
};
struct BroadcastTo : ShapingBase {
  static constexpr std::string_view name = "broadcast_to", doc = "The array repeated along new or unit axes.";
  using Params = BroadcastParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return broadcast_to(r.aligned(0), led(r.k(), r.p().shape)); }
  template <class R> static void vjp(R& r) { r.give(0, sum_to(r.g(), r.shape(0))); }
  template <class B> static auto batched(B& b) {
    return broadcast_to(b.aligned(0, b.p().shape.size()), b.of_all(b.p().shape));
  }
};

struct AstypeParams : ParamsOf<AstypeParams> {
  explicit AstypeParams(DType t = DType::f64) : dtype(t) {}
  DType dtype;
  template <class Visit> static void fields(AstypeParams& p, Visit&& visit) {
    visit(Field{"dtype", FieldKind::dtype}, p.dtype);
  }
};
struct Astype : ShapingBase {
  static constexpr std::string_view name = "astype", doc = "The array converted to another element type.";
  using Params = AstypeParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return astype(r.t(0), r.p().dtype); }
  template <class R> static void vjp(R& r) { r.give(0, astype(r.g(), r.dtype(0))); }
  template <class B> static auto batched(B& b) { return astype(b.arg(0), b.p().dtype); }
};

// `axis` counts among the axes of the result.
template <FieldKind kind> struct JoinParams : ParamsOf<JoinParams<kind>> {
  explicit JoinParams(int64_t a = -1) : axis(a) {}
  int64_t axis;
  template <class Visit> static void fields(JoinParams& p, Visit&& visit) { visit(Field{"axis", kind, "0"}, p.axis); }
};
struct Concatenate : ShapingBase {
  static constexpr std::string_view name = "concatenate",
                                    doc = "The arrays one after the other along an existing axis.";
  static constexpr int arity = kVariadic;
  using Params = JoinParams<FieldKind::axis>;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return concatenate(r.all_tangents(), r.p().axis); }
  template <class R> static void vjp(R& r) {
    int64_t at = 0;
    for (int i = 0; i < r.nargs(); ++i) {
      const int64_t n = r.length(i, r.p().axis);
      if (r.wants(i)) r.give(i, take_range(r.g(), r.p().axis, at, n));
      at += n;
    }
  }
  template <class B> static auto batched(B& b) { return concatenate(b.fronts(), b.p().axis); }
};

struct Stack : ShapingBase {
  static constexpr std::string_view name = "stack", doc = "Arrays of one shape joined along a new axis.";
  static constexpr int arity = kVariadic;
  using Params = JoinParams<FieldKind::new_axis>;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return stack(r.all_tangents(), r.p().axis); }
  template <class R> static void vjp(R& r) {
    for (int i = 0; i < r.nargs(); ++i)
      if (r.wants(i)) r.give(i, take_one(r.g(), r.p().axis, i));
  }
  template <class B> static auto batched(B& b) { return stack(b.fronts(), b.p().axis); }
};

struct Where : StructuredBase {
  static constexpr std::string_view name = "where",
                                    doc = "a where cond is true, b elsewhere; NaN in the branch not taken never leaks.";
  static constexpr Kind kind = Kind::elementwise;
  static constexpr int arity = 3;
  static constexpr uint8_t saves = kArg0;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) {
    if (r.active(1) && r.active(2)) return select(r.arg(0), r.aligned(1), r.aligned(2));
    // The operand that is constant may be what gives the result its shape.
    auto t = r.active(1) ? select(r.arg(0), r.aligned(1), 0.0) : select(r.arg(0), 0.0, r.aligned(2));
    return broadcast_to(t, led(r.k(), r.result().shape()));
  }
  template <class R> static void vjp(R& r) {
    if (r.wants(1)) r.give(1, sum_to(select(r.arg(0), r.g(), 0.0), r.shape(1)));
    if (r.wants(2)) r.give(2, sum_to(select(r.arg(0), 0.0, r.g()), r.shape(2)));
  }
  template <class B> static auto batched(B& b) { return b.same(b.aligned(0), b.aligned(1), b.aligned(2)); }
};

}  // namespace wengert::ops
