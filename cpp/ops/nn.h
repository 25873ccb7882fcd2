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

struct SoftmaxBase : StructuredBase {
  static constexpr Kind kind = Kind::nn;
  static constexpr Types types = Types::floats;
  using Params = SoftmaxParams;
  template <class B> static auto batched(B& b) { return b.same(b.arg(0)); }

  // The mean of g, weighted by y, is taken out twice: where one weight is nearly 1, the first time rounds away what
  // the others add.
  template <class X> static X less_mean(const X& g, const X& y, int64_t axis) {
    const X once = g - sum(scale(g, y), Dims{axis}, true);
    return once - sum(scale(once, y), Dims{axis}, true);
  }
  // The same for its transpose: the sum of g, distributed by y.
  template <class X> static X less_share(const X& g, const X& y, int64_t axis) {
    const X once = g - scale(sum(g, Dims{axis}, true), y);
    return once - scale(sum(once, Dims{axis}, true), y);
  }
};

struct Softmax : SoftmaxBase {
  static constexpr std::string_view name = "softmax", doc = "exp(x) / sum(exp(x)) along an axis, without overflow.";
  static constexpr uint8_t saves = kResult;
  static constexpr int max_ulp = 4;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class X> static X through(const X& g, const X& y, int64_t axis) {  // its Jacobian is symmetric
    return g.shape() == y.shape() ? softmax_sweep(g, y, axis) : scale(less_mean(g, y, axis), y);
  }
  template <class R> static auto jvp(R& r) { return through(r.t(0), r.result(), r.p().axis); }
  template <class R> static void vjp(R& r) { r.give(0, through(r.g(), r.result(), r.p().axis)); }
};

struct LogSoftmax : SoftmaxBase {
  static constexpr std::string_view name = "log_softmax", doc = "x - log(sum(exp(x))) along an axis, without overflow.";
  static constexpr uint8_t saves = kResult;
  static constexpr int max_ulp = 4;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return less_mean(r.t(0), exp(r.result()), r.p().axis); }
  template <class R> static void vjp(R& r) { r.give(0, log_softmax_sweep(r.g(), r.result(), r.p().axis)); }
};

// The sweeps, in one pass over a row while it is in cache.
struct SoftmaxSweep : SoftmaxBase {
  static constexpr std::string_view name = "softmax_sweep", doc = "(g - sum(g * y)) * y along an axis, y a softmax.";
  static constexpr int arity = 2;
  static constexpr bool hidden = true;
  static constexpr uint8_t saves = kArg0 | kArg1;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) {
    const int64_t axis = r.p().axis;
    const auto &g = r.arg(0), &y = r.arg(1);
    auto by_y = [&] {
      return scale(r.t(1), less_mean(g, y, axis)) - scale(y, sum(scale(r.t(1), g), Dims{axis}, true));
    };
    if (!r.active(1)) return Softmax::through(r.t(0), y, axis);
    return r.active(0) ? Softmax::through(r.t(0), y, axis) + by_y() : by_y();
  }
  template <class R> static void vjp(R& r) {
    const int64_t axis = r.p().axis;
    const auto g = r.arg(0), y = r.arg(1);
    if (r.wants(0)) r.give(0, Softmax::through(r.g(), y, axis));
    if (r.wants(1)) r.give(1, scale(r.g(), less_mean(g, y, axis)) - scale(g, sum(scale(r.g(), y), Dims{axis}, true)));
  }
  template <class B> static auto batched(B& b) { return b.same(b.front(0), b.front(1)); }
};

struct LogSoftmaxSweep : SoftmaxBase {
  static constexpr std::string_view name = "log_softmax_sweep",
                                    doc = "g - exp(y) * sum(g) along an axis, y a log_softmax.";
  static constexpr int arity = 2;
  static constexpr bool hidden = true;
  static constexpr uint8_t saves = kArg0 | kArg1;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) {
    const int64_t axis = r.p().axis;
    const auto y = exp(r.arg(1));
    auto by_g = [&] { return less_share(r.t(0), y, axis); };
    auto by_y = [&] { return -scale(scale(r.t(1), y), sum(r.arg(0), Dims{axis}, true)); };
    if (!r.active(1)) return by_g();
    return r.active(0) ? by_g() + by_y() : by_y();
  }
  template <class R> static void vjp(R& r) {
    const int64_t axis = r.p().axis;
    const auto y = exp(r.arg(1));
    if (r.wants(0)) r.give(0, less_mean(r.g(), y, axis));
    if (r.wants(1)) r.give(1, -scale(scale(r.g(), y), sum(r.arg(0), Dims{axis}, true)));
  }
  template <class B> static auto batched(B& b) { return b.same(b.front(0), b.front(1)); }
};

}  // namespace wengert::ops
