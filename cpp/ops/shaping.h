// Operations that move elements without changing them, and the selection `where`. All are linear.
#pragma once
#include "ops/op.h"

namespace wengert::ops {

inline Dims led(int64_t k, const Dims& shape) { return k ? core::concat(Dims{k}, shape) : shape; }

struct ShapingBase : StructuredBase {
  static constexpr Kind kind = Kind::shaping;
};

inline constexpr Param kReshapeParams[] = {{"shape", ParamKind::shape, 0}};
struct Reshape : ShapingBase {
  static constexpr std::string_view name = "reshape", doc = "The same elements in row-major order under another shape.";
  static constexpr std::span<const Param> params = kReshapeParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return reshape(r.t(0), led(r.k(), r.p().dims[0])); }
  template <class R> static void vjp(R& r) { r.give(0, reshape(r.g(), r.shape(0))); }
};

inline constexpr Param kTransposeParams[] = {{"axes", ParamKind::permutation, 0, "None"}};
struct Transpose : ShapingBase {
  static constexpr std::string_view name = "transpose", doc = "The axes in another order (reversed by default).";
  static constexpr std::span<const Param> params = kTransposeParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) {
    if (!r.k()) return transpose(r.t(0), r.p().dims[0]);
    Dims perm{0};
    for (int64_t a : r.p().dims[0]) perm.push_back(a + 1);
    return transpose(r.t(0), perm);
  }
  template <class R> static void vjp(R& r) {
    const Dims& perm = r.p().dims[0];
    Dims inverse(perm.size());
    for (int i = 0; i < perm.size(); ++i) inverse[static_cast<int>(perm[i])] = i;
    r.give(0, transpose(r.g(), inverse));
  }
};

inline constexpr Param kBroadcastParams[] = {{"shape", ParamKind::dims, 0}};
struct BroadcastTo : ShapingBase {
  static constexpr std::string_view name = "broadcast_to", doc = "The array repeated along new or unit axes.";
  static constexpr std::span<const Param> params = kBroadcastParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return broadcast_to(r.aligned(0), led(r.k(), r.p().dims[0])); }
  template <class R> static void vjp(R& r) { r.give(0, sum_to(r.g(), r.shape(0))); }
};

inline constexpr Param kAstypeParams[] = {{"dtype", ParamKind::dtype, 0}};
struct Astype : ShapingBase {
  static constexpr std::string_view name = "astype", doc = "The array converted to another element type.";
  static constexpr std::span<const Param> params = kAstypeParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return astype(r.t(0), static_cast<DType>(r.p().number)); }
  template <class R> static void vjp(R& r) { r.give(0, astype(r.g(), r.dtype(0))); }
};

inline constexpr Param kJoinParams[] = {{"axis", ParamKind::axis, 0, "0"}};
struct Concatenate : ShapingBase {
  static constexpr std::string_view name = "concatenate",
                                    doc = "The arrays one after the other along an existing axis.";
  static constexpr int arity = kVariadic;
  static constexpr std::span<const Param> params = kJoinParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return concatenate(r.all_tangents(), r.p().dims[0]); }
  template <class R> static void vjp(R& r) {
    int64_t at = 0;
    for (int i = 0; i < r.nargs(); ++i) {
      const int64_t n = r.length(i, r.p().dims[0][0]);
      if (r.wants(i)) r.give(i, take_range(r.g(), r.p().dims[0][0], at, n));
      at += n;
    }
  }
};

struct Stack : ShapingBase {
  static constexpr std::string_view name = "stack", doc = "Arrays of one shape joined along a new axis.";
  static constexpr int arity = kVariadic;
  static constexpr std::span<const Param> params = kJoinParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return stack(r.all_tangents(), r.p().dims[0]); }
  template <class R> static void vjp(R& r) {
    for (int i = 0; i < r.nargs(); ++i)
      if (r.wants(i)) r.give(i, take_one(r.g(), r.p().dims[0][0], i));
  }
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
};

}  // namespace wengert::ops
