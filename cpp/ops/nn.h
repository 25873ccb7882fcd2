// Rows of probabilities: softmax and its logarithm along one axis.
#pragma once
#include "ops/op.h"

namespace wengert::ops {

struct SoftmaxParams : ParamsOf<SoftmaxParams> {
  int64_t axis = -1;
  template <class Visit> static void fields(SoftmaxParams& p, Visit&& visit) {
    visit(Field{"axis", FieldKind::axis, "-1"}, p.axis);
  }
};

struct Softmax : StructuredBase {
  static constexpr std::string_view name = "softmax", doc = "exp(x) / sum(exp(x)) along an axis, without overflow.";
  static constexpr Kind kind = Kind::nn;
  static constexpr Types types = Types::floats;
  static constexpr uint8_t saves = kResult;
  static constexpr int max_ulp = 4;
  using Params = SoftmaxParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  static ArrayRef sweep(const ArrayRef& g, const ArrayRef& y, const Params& p);
  template <class X> static X through(const X& g, const X& y, const Dims& axis) {  // its Jacobian is symmetric
    return scale(g - sum(scale(g, y), axis, true), y);
  }
  template <class R> static auto jvp(R& r) { return through(r.t(0), r.result(), Dims{r.p().axis}); }
  template <class R> static void vjp(R& r) { r.give(0, through(r.g(), r.result(), Dims{r.p().axis})); }
};

struct LogSoftmax : StructuredBase {
  static constexpr std::string_view name = "log_softmax", doc = "x - log(sum(exp(x))) along an axis, without overflow.";
  static constexpr Kind kind = Kind::nn;
  static constexpr Types types = Types::floats;
  static constexpr uint8_t saves = kResult;
  static constexpr int max_ulp = 4;
  using Params = SoftmaxParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  static ArrayRef sweep(const ArrayRef& g, const ArrayRef& y, const Params& p);
  template <class R> static auto jvp(R& r) {
    return r.t(0) - sum(scale(r.t(0), exp(r.result())), Dims{r.p().axis}, true);
  }
  template <class R> static void vjp(R& r) {
    r.give(0, r.g() - scale(sum(r.g(), Dims{r.p().axis}, true), exp(r.result())));
  }
};

}  // namespace wengert::ops
