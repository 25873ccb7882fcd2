#include "ops/result_type.h"

#include <array>

#include "ops/info.h"

namespace wengert::ops {

void refuse(std::string_view op, const std::string& what) { value_error("wengert." + std::string(op) + ": " + what); }

void require_float(std::string_view op, DType t) {
  if (!core::is_float(t)) refuse(op, "the operand must be float32 or float64, not " + std::string(core::dtype_name(t)));
}
void require_equal(std::string_view op, DType a, DType b) {
  if (a != b)
    refuse(op, "operands of different types, " + std::string(core::dtype_name(a)) + " and " +
                   std::string(core::dtype_name(b)));
}
int require_axis(std::string_view op, int64_t axis, int rank) {
  if (axis < -rank || axis >= 0)
    refuse(op, "axis " + std::to_string(axis) + " is no axis of an array with " + std::to_string(rank) + " dimensions");
  return rank + static_cast<int>(axis);
}

void check_array(const ArrayType& t) { core::element_count(t.dtype, t.shape); }

namespace {

template <class Op> DType elementwise_dtype(DType t) {
  if constexpr (Op::types == Types::logical) return DType::b1;
  const bool whole = requires { &Op::template integer<int64_t>; };
  if (!core::is_float(t) && !(Op::types == Types::numeric && whole && core::is_int(t)))
    refuse(Op::name, "it is not defined for " + std::string(core::dtype_name(t)));
  return t;
}

// Elementwise operations have one rule, structured ones a rule each: without it they do not compile.
template <class Op> ArrayType rule(OperandTypes in, const Params& p) {
  if constexpr (Unary<Op>) {
    return {elementwise_dtype<Op>(in.dtype(0)), in.shape(0)};
  } else if constexpr (Binary<Op>) {
    require_equal(Op::name, in.dtype(0), in.dtype(1));
    return {elementwise_dtype<Op>(in.dtype(0)), core::broadcast_shapes(in.shape(0), in.shape(1), Op::name.data())};
  } else {
    return Op::result(in, params_of<Op>(p));
  }
}

using Rule = ArrayType (*)(OperandTypes, const Params&);
const std::array<Rule, kOps> rules = [] {
  std::array<Rule, kOps> t{};
  size_t i = 0;
  Primitives::for_each([&]<class Op>() { t[i++] = rule<Op>; });
  return t;
}();

}  // namespace

ArrayType result_type(OpCode op, std::span<const ArrayType> in, const Params* params) {
  const Info& f = info(op);
  if (f.arity == kVariadic ? in.empty() : in.size() != static_cast<size_t>(f.arity))
    refuse(f.name, "it takes " + (f.arity == kVariadic ? "at least 1" : std::to_string(f.arity)) + " operands, got " +
                       std::to_string(in.size()));
  if (!f.params.empty() && !params) refuse(f.name, "its parameters are missing");
  static const NoParams none{};
  ArrayType out = rules[op](in, params ? *params : none);
  check_array(out);
  return out;
}

}  // namespace wengert::ops
