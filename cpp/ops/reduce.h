// Reductions. Axes arrive normalised: negative, ascending.
#pragma once
#include "ops/op.h"

namespace wengert::ops {

// The shape with the reduced axes kept as 1.
inline Dims kept_shape(Dims shape, const Dims& axes) {
  for (int64_t a : axes) shape[shape.size() + static_cast<int>(a)] = 1;
  return shape;
}
inline Dims reduced_shape(const Dims& shape, const Dims& axes, bool keepdims) {
  if (keepdims) return kept_shape(shape, axes);
  Dims r;
  for (int i = 0; i < shape.size(); ++i)
    if (!axes.contains(i - shape.size())) r.push_back(shape[i]);
  return r;
}
inline int64_t reduced_count(const Dims& shape, const Dims& axes) {
  int64_t n = 1;
  for (int64_t a : axes) n *= shape[shape.size() + static_cast<int>(a)];
  return n;
}

struct ReductionParams : ParamsOf<ReductionParams> {
  explicit ReductionParams(Dims d = {}, bool kept = false) : axes(std::move(d)), keepdims(kept) {}
  Dims axes;  // negative, ascending
  bool keepdims;
  template <class Visit> static void fields(ReductionParams& p, Visit&& visit) {
    visit(Field{"axis", FieldKind::axes, "None"}, p.axes);
    visit(Field{"keepdims", FieldKind::boolean, "False"}, p.keepdims);
  }
};

struct ReductionBase : StructuredBase {
  static constexpr Kind kind = Kind::reduction;
  using Params = ReductionParams;
  template <class B> static auto batched(B& b) { return b.same(b.arg(0)); }
};

struct Sum : ReductionBase {
  static constexpr std::string_view name = "sum", doc = "The sum over the given axes (all of them by default).";
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return sum(r.t(0), r.p().axes, r.p().keepdims); }
  template <class R> static void vjp(R& r) {
    r.give(0, broadcast_to(reshape(r.g(), kept_shape(r.shape(0), r.p().axes)), r.shape(0)));
  }
};

struct Mean : ReductionBase {
  static constexpr std::string_view name = "mean", doc = "The arithmetic mean over the given axes.";
  static constexpr Types types = Types::floats;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return mean(r.t(0), r.p().axes, r.p().keepdims); }
  template <class R> static void vjp(R& r) {
    const Dims& axes = r.p().axes;
    auto g = r.g() * (1.0 / static_cast<double>(reduced_count(r.shape(0), axes)));
    r.give(0, broadcast_to(reshape(g, kept_shape(r.shape(0), axes)), r.shape(0)));
  }
};

// For every element the product of all others along the last axis: up a binary tree and down again, so that zeros
// need no case of their own and every derivative of it exists.
template <class X> X products_of_others(const X& x) {
  const int64_t n = x.shape().back();
  Dims lead = x.shape().slice(0, x.shape().size() - 1);
  if (n == 1) return ones_like(x);
  Dims pairs = lead, flat = lead;
  pairs.push_back((n + 1) / 2);
  pairs.push_back(2);
  flat.push_back(n + n % 2);
  X even = n % 2 ? append_one(x) : x;
  X two = reshape(even, pairs);
  X up = products_of_others(prod(two, Dims{-1}, false));
  Dims wide = pairs;
  wide[wide.size() - 1] = 1;
  X others = reshape(reshape(up, wide) * flip_last(two), flat);
  return n % 2 ? take_first(others, n) : others;
}

// The reduced axes moved to the end and merged there.
template <class X> X rows(const X& x, const Dims& axes) {
  Dims perm, shape;
  const int n = x.shape().size();
  for (int i = 0; i < n; ++i)
    if (!axes.contains(i - n)) perm.push_back(i), shape.push_back(x.shape()[i]);
  for (int i = 0; i < n; ++i)
    if (axes.contains(i - n)) perm.push_back(i);
  shape.push_back(reduced_count(x.shape(), axes));
  return reshape(transpose(x, perm), shape);
}
template <class X> X unrows(const X& y, const Dims& axes, const Dims& shape) {
  Dims perm, moved, inverse(shape.size());
  const int n = shape.size();
  for (int i = 0; i < n; ++i)
    if (!axes.contains(i - n)) perm.push_back(i);
  for (int i = 0; i < n; ++i)
    if (axes.contains(i - n)) perm.push_back(i);
  for (int i = 0; i < n; ++i) moved.push_back(shape[static_cast<int>(perm[i])]);
  for (int i = 0; i < n; ++i) inverse[static_cast<int>(perm[i])] = i;
  return transpose(reshape(y, moved), inverse);
}

struct Prod : ReductionBase {
  static constexpr std::string_view name = "prod", doc = "The product over the given axes; right with zeros.";
  static constexpr uint8_t saves = kArg0;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);

  template <class R> static auto slopes(R& r) {
    auto x = r.arg(0);
    return unrows(products_of_others(rows(x, r.p().axes)), r.p().axes, x.shape());
  }
  template <class R> static auto jvp(R& r) {
    if (r.arg(0).shape().product() == 0) return sum(r.t(0), r.p().axes, r.p().keepdims);
    return sum(scale(r.t(0), slopes(r)), r.p().axes, r.p().keepdims);
  }
  template <class R> static void vjp(R& r) {
    if (r.shape(0).product() == 0) return;
    auto g = broadcast_to(reshape(r.g(), kept_shape(r.shape(0), r.p().axes)), r.shape(0));
    r.give(0, scale(g, slopes(r)));
  }
};

// Largest and smallest element: the derivative is shared evenly among ties.
template <class Op> struct Extremum : ReductionBase {
  static constexpr uint8_t saves = kArg0 | kResult;
  template <class R> static auto weights(R& r) {
    auto x = r.arg(0);
    const Dims& axes = r.p().axes;
    auto best = reshape(r.result(), kept_shape(x.shape(), axes));
    auto hit = select(x == best, 1.0, 0.0, x);
    return hit / sum(hit, axes, true);
  }
  template <class R> static auto jvp(R& r) { return sum(scale(r.t(0), weights(r)), r.p().axes, r.p().keepdims); }
  template <class R> static void vjp(R& r) {
    auto g = broadcast_to(reshape(r.g(), kept_shape(r.shape(0), r.p().axes)), r.shape(0));
    r.give(0, scale(g, weights(r)));
  }
};
struct Max : Extremum<Max> {
  static constexpr std::string_view name = "max", doc = "The largest element; ties share the derivative evenly.";
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
};
struct Min : Extremum<Min> {
  static constexpr std::string_view name = "min", doc = "The smallest element; ties share the derivative evenly.";
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
};

struct Logsumexp : ReductionBase {
  static constexpr std::string_view name = "logsumexp", doc = "log(sum(exp(x))) over the given axes, without overflow.";
  static constexpr Types types = Types::floats;
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 4;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto weights(R& r) {
    const auto x = r.arg(0);
    const Dims& axes = r.p().axes;
    if (axes.size() == 1) return softmax(x, axes[0]);
    return unrows(softmax(rows(x, axes), -1), axes, x.shape());
  }
  template <class R> static auto jvp(R& r) { return sum(scale(r.t(0), weights(r)), r.p().axes, r.p().keepdims); }
  template <class R> static void vjp(R& r) {
    auto g = broadcast_to(reshape(r.g(), kept_shape(r.shape(0), r.p().axes)), r.shape(0));
    r.give(0, scale(g, weights(r)));
  }
};

struct Any : ReductionBase {
  static constexpr std::string_view name = "any", doc = "Whether any element along the axes is nonzero.";
  static constexpr Types types = Types::logical;
  static constexpr bool differentiable = false;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
};
struct All : ReductionBase {
  static constexpr std::string_view name = "all", doc = "Whether all elements along the axes are nonzero.";
  static constexpr Types types = Types::logical;
  static constexpr bool differentiable = false;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
};
struct Argmax : ReductionBase {
  static constexpr std::string_view name = "argmax", doc = "Index of the first largest element (flat if axis is None).";
  static constexpr bool differentiable = false;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
};
struct Argmin : ReductionBase {
  static constexpr std::string_view name = "argmin",
                                    doc = "Index of the first smallest element (flat if axis is None).";
  static constexpr bool differentiable = false;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
};

struct CumsumParams : ParamsOf<CumsumParams> {
  explicit CumsumParams(int64_t a = -1, bool from_end = false) : axis(a), reverse(from_end) {}
  int64_t axis;
  bool reverse;
  template <class Visit> static void fields(CumsumParams& p, Visit&& visit) {
    visit(Field{"axis", FieldKind::axis}, p.axis);
    visit(Field{"reverse", FieldKind::boolean, "False"}, p.reverse);
  }
};
struct Cumsum : StructuredBase {
  static constexpr std::string_view name = "cumsum",
                                    doc = "The running sum along an axis; reverse=True runs from the end.";
  static constexpr Kind kind = Kind::reduction;
  using Params = CumsumParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class R> static auto jvp(R& r) { return cumsum(r.t(0), r.p().axis, r.p().reverse); }
  template <class R> static void vjp(R& r) { r.give(0, cumsum(r.g(), r.p().axis, !r.p().reverse)); }
  template <class B> static auto batched(B& b) { return b.same(b.arg(0)); }
};

}  // namespace wengert::ops
