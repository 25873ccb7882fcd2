// Special functions beyond the elementwise kernels.
#pragma once
#include "ops/op.h"

namespace wengert::ops {

struct PolygammaParams : ParamsOf<PolygammaParams> {
  explicit PolygammaParams(int64_t order = 1) : n(order) {}
  int64_t n;
  template <class Visit> static void fields(PolygammaParams& p, Visit&& visit) {
    visit(Field{"n", FieldKind::integer}, p.n);
  }
};

// The derivatives of digamma, of every order: what makes lgamma differentiable as often as one likes.
struct Polygamma : StructuredBase {
  static constexpr std::string_view name = "polygamma", doc = "The n-th derivative of digamma (n >= 1), elementwise.";
  static constexpr Kind kind = Kind::elementwise;
  static constexpr Types types = Types::floats;
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 64;  // the sum over shifts adds up rounding errors
  static constexpr Interval domain[] = {kPositive};
  using Params = PolygammaParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return scale(r.t(0), polygamma(r.p().n + 1, r.arg(0))); }
  template <class R> static void vjp(R& r) { r.give(0, scale(r.g(), polygamma(r.p().n + 1, r.arg(0)))); }
  template <class B> static auto batched(B& b) { return b.same(b.arg(0)); }
};

}  // namespace wengert::ops
