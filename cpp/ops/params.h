// Parameters of operations. Each operation has a struct of its own with one function, `fields`, that names them;
// parsing, saving, hashing, comparing and printing are loops over that. Axes are negative (counted from the end), so
// that extra leading axes (several tangents at once) need no change.
#pragma once
#include <cassert>
#include <functional>
#include <string_view>
#include <utility>
#include <variant>

#include "core/array.h"

namespace wengert::ops {

using core::ArrayRef;
using core::Dims;
using core::DType;

// How a field is written in Python, and checked against the first operand.
enum class FieldKind : uint8_t { axes, axis, new_axis, shape, permutation, dims, integer, boolean, dtype, indices };
struct Field {
  std::string_view name;
  FieldKind kind;
  std::string_view fallback = "";  // default as Python text; empty: required
};

struct Params : core::Counted<Params> {
  using Place = std::variant<Dims*, int64_t*, bool*, DType*, ArrayRef*>;

  Params() = default;
  Params(const Params&) : Counted() {}  // the copy has owners of its own
  Params& operator=(const Params&) = delete;
  virtual ~Params() = default;
  virtual core::Ref<Params> copy() const = 0;
  virtual void each(const std::function<void(const Field&, Place)>& visit) = 0;
  // From the free lists: a view is made and dropped with every x[i], and malloc took a tenth of that.
  static void* operator new(size_t n) { return n <= core::kMostSmall ? core::small_alloc(n) : ::operator new(n); }
  static void operator delete(void* p, size_t n) {
    n <= core::kMostSmall ? core::small_free(p, n) : ::operator delete(p);
  }
};
using ParamsRef = core::Ref<Params>;

template <class Self> struct ParamsOf : Params {
  ParamsRef copy() const override { return ParamsRef(new Self(static_cast<const Self&>(*this))); }
  void each(const std::function<void(const Field&, Place)>& visit) override {
    Self::fields(static_cast<Self&>(*this), [&](const Field& field, auto& value) { visit(field, &value); });
  }
};

// f(field, value) for every field, whatever its type.
template <class F> void for_each_field(Params& p, F&& f) {
  p.each([&](const Field& field, Params::Place at) { std::visit([&](auto* value) { f(field, *value); }, at); });
}
template <class F> void for_each_field(const Params& p, F&& f) {
  for_each_field(const_cast<Params&>(p), [&](const Field& field, const auto& value) { f(field, value); });
}

struct NoParams : ParamsOf<NoParams> {
  template <class Visit> static void fields(NoParams&, Visit&&) {}
};

// The parameters of an operation that is known to be Op, or one with the same parameters.
template <class Op> const typename Op::Params& params_of(const Params& p) {
  assert(dynamic_cast<const typename Op::Params*>(&p));
  return static_cast<const typename Op::Params&>(p);
}
template <class Op> const typename Op::Params& params_of(const ParamsRef& p) { return params_of<Op>(*p); }
template <class Op, class... Fields> core::Ref<typename Op::Params> new_params(Fields&&... fields) {
  return core::Ref<typename Op::Params>(new typename Op::Params(std::forward<Fields>(fields)...));
}
template <class Op> core::Ref<typename Op::Params> copied_params(const Params& p) {
  return new_params<Op>(params_of<Op>(p));
}

}  // namespace wengert::ops
