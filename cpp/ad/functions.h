// The functions that derivative rules call on values, under the names the rules use for every type. Found by
// argument-dependent lookup.
#pragma once
#include <vector>

#include "ad/apply.h"

namespace wengert::ad {

#define WG_UNARY(name, Op) \
  inline Value name(const Value& x) { return apply_unary(ops::code_of<ops::Op>, x); }
WG_UNARY(sqrt, Sqrt)
WG_UNARY(exp, Exp)
WG_UNARY(log, Log)
WG_UNARY(sin, Sin)
WG_UNARY(cos, Cos)
WG_UNARY(sinh, Sinh)
WG_UNARY(cosh, Cosh)
WG_UNARY(tanh, Tanh)
WG_UNARY(sigmoid, Sigmoid)
WG_UNARY(sigmoid_slope, SigmoidSlope)
WG_UNARY(arctan_slope, ArctanSlope)
WG_UNARY(one_minus_square, OneMinusSquare)
WG_UNARY(erfc, Erfc)
WG_UNARY(digamma, Digamma)
WG_UNARY(floor, Floor)
WG_UNARY(sign, Sign)
WG_UNARY(operator-, Negative)
#undef WG_UNARY

#define WG_BINARY(name, Op) \
  inline Value name(const Value& a, const Value& b) { return apply_binary(ops::code_of<ops::Op>, a, b); }
WG_BINARY(operator+, Add)
WG_BINARY(operator-, Subtract)
WG_BINARY(operator*, Multiply)
WG_BINARY(operator/, Divide)
WG_BINARY(operator==, Equal)
WG_BINARY(operator<, Less)
WG_BINARY(operator>, Greater)
WG_BINARY(scale, Scale)
WG_BINARY(strong_product, Scale)  // under the name it has on lanes
WG_BINARY(pow, Power)
WG_BINARY(hypot, Hypot)
#undef WG_BINARY

inline Value select(const Value& c, const Value& a, const Value& b) { return apply_where(c, a, b); }
// Two constants of the element type of `like`.
Value select(const Value& c, double a, double b, const Value& like);

Value polygamma(int64_t n, const Value& x);
Value softmax(const Value& x, int64_t axis);
Value softmax_sweep(const Value& g, const Value& y, int64_t axis);
Value log_softmax_sweep(const Value& g, const Value& y, int64_t axis);
inline Value trigamma(const Value& x) { return polygamma(1, x); }
Value sum(const Value& x, const Dims& axes, bool keepdims);
Value mean(const Value& x, const Dims& axes, bool keepdims);
Value prod(const Value& x, const Dims& axes, bool keepdims);
Value cumsum(const Value& x, int64_t axis, bool reverse);
Value reshape(const Value& x, const Dims& shape);
Value transpose(const Value& x, const Dims& perm);
Value matrix_transpose(const Value& x);
Value broadcast_to(const Value& x, const Dims& shape);
Value sum_to(const Value& x, const Dims& shape);  // the adjoint of broadcast_to
Value matmul(const Value& a, const Value& b);
Value product(const Value& a, const Value& b);  // for rules: a zero entry annihilates inf and NaN
Value concatenate(const std::vector<Value>& xs, int64_t axis);
Value stack(const std::vector<Value>& xs, int64_t axis);
Value slice(const Value& x, const ParamsRef& p);
Value slice_update(const Value& x, const Value& v, const ParamsRef& p);
Value slice_add(const Value& x, const Value& v, const ParamsRef& p);
Value gather(const Value& x, const ParamsRef& p);
Value gather_update(const Value& x, const Value& v, const ParamsRef& p);
Value gather_add(const Value& x, const Value& v, const ParamsRef& p);
Value strided(const Value& x, const ParamsRef& p);
Value strided_update(const Value& x, const Value& v, const ParamsRef& p);
Value strided_add(const Value& x, const Value& v, const ParamsRef& p);
Value cleared_strided(Value x, const ParamsRef& p);
Value cleared_slice(Value x, const ParamsRef& p);  // x with the part set to zero
Value cleared_gather(Value x, const ParamsRef& p);
Value take_range(const Value& x, int64_t axis, int64_t from, int64_t count);  // axis negative
Value take_one(const Value& x, int64_t axis, int64_t at);
Value zeros(const Dims& shape, DType t);
Value ones_like(const Value& x);
Value append_one(const Value& x);  // one more element 1 along the last axis
Value flip_last(const Value& x);
Value take_first(const Value& x, int64_t n);

// Parameters of a slice that keeps everything except along one axis.
ParamsRef range_params(const Dims& shape, int axis, int64_t from, int64_t step, int64_t count, bool drop);

}  // namespace wengert::ad
