// Rows of probabilities: softmax and its logarithm along one axis.
#pragma once
#include "ops/op.h"

namespace wengert::ops {

struct SoftmaxParams : ParamsOf<SoftmaxParams> {
  explicit SoftmaxParams(int64_t a = -1) : axis(a) {}
  int64_t axis;
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
  // Its Jacobian is symmetric. The mean of g is taken out twice: where one weight is nearly 1, the first time rounds
  // away what the others add.
  template <class X> static X through(const X& g, const X& y, const Dims& axis) {
    return scale(less_mean(less_mean(g, y, axis), y, axis), y);
  }
  template <class X> static X less_mean(const X& g, const X& y, const Dims& axis) {
    return g - sum(scale(g, y), axis, true);
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
  // Twice, as in softmax.
  template <class R> static auto jvp(R& r) {
    const auto y = exp(r.result());
    return Softmax::less_mean(Softmax::less_mean(r.t(0), y, Dims{r.p().axis}), y, Dims{r.p().axis});
  }
  template <class R> static void vjp(R& r) {
    const auto y = exp(r.result());
    r.give(0, less_share(less_share(r.g(), y, Dims{r.p().axis}), y, Dims{r.p().axis}));
  }
  template <class X> static X less_share(const X& g, const X& y, const Dims& axis) {
    return g - scale(sum(g, axis, true), y);
  }
};

}  // namespace wengert::ops
