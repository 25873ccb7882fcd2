// Rows of probabilities: softmax and its logarithm along one axis.
#pragma once
#include "ops/op.h"

namespace wengert::ops {

inline constexpr Param kSoftmaxParams[] = {{"axis", ParamKind::axis, 0, "-1"}};

struct Softmax : StructuredBase {
  static constexpr std::string_view name = "softmax", doc = "exp(x) / sum(exp(x)) along an axis, without overflow.";
  static constexpr Kind kind = Kind::nn;
  static constexpr Types types = Types::floats;
  static constexpr uint8_t saves = kResult;
  static constexpr int max_ulp = 4;
  static constexpr std::span<const Param> params = kSoftmaxParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  static ArrayRef sweep(const ArrayRef& g, const ArrayRef& y, const Params& p);
  template <class X> static X through(const X& g, const X& y, const Dims& axis) {  // its Jacobian is symmetric
    return scale(g - sum(scale(g, y), axis, true), y);
  }
  template <class R> static auto jvp(R& r) { return through(r.t(0), r.result(), r.p().dims[0]); }
  template <class R> static void vjp(R& r) { r.give(0, through(r.g(), r.result(), r.p().dims[0])); }
};

struct LogSoftmax : StructuredBase {
  static constexpr std::string_view name = "log_softmax", doc = "x - log(sum(exp(x))) along an axis, without overflow.";
  static constexpr Kind kind = Kind::nn;
  static constexpr Types types = Types::floats;
  static constexpr uint8_t saves = kResult;
  static constexpr int max_ulp = 4;
  static constexpr std::span<const Param> params = kSoftmaxParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  static ArrayRef sweep(const ArrayRef& g, const ArrayRef& y, const Params& p);
  template <class R> static auto jvp(R& r) { return r.t(0) - sum(scale(r.t(0), exp(r.result())), r.p().dims[0], true); }
  template <class R> static void vjp(R& r) {
    r.give(0, r.g() - scale(sum(r.g(), r.p().dims[0], true), exp(r.result())));
  }
};

}  // namespace wengert::ops
