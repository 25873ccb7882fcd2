// Elementwise primitives of one operand. `value` runs on lanes, `integer` (where given) on whole numbers, `slope` on
// lanes and on values of any level alike; unqualified function names are found by argument-dependent lookup.
#pragma once
#include "ops/op.h"

namespace wengert::ops {

inline constexpr double kLn2 = 0.69314718055994530942, kLn10 = 2.30258509299404568402;

// What slopes call on lanes; on recorded values the same names are primitives (ad/functions.h). A slope whose own
// derivative would cancel or overflow, written out, is a primitive and has a slope of its own.
template <class V> [[gnu::always_inline]] inline V sign(V x) {
  return select(x > V(0), V(1), select(x < V(0), V(-1), select(x == V(0), V(0), x)));
}
template <class V> [[gnu::always_inline]] inline V one_minus_square(V x) { return (V(1) - x) * (V(1) + x); }
template <class V> [[gnu::always_inline]] inline V arctan_slope(V x) { return V(1) / (V(1) + x * x); }
template <class V> [[gnu::always_inline]] inline V strong_product(V a, V b) {  // see Scale
  return select((a == V(0)) | (b == V(0)), V(0), a * b + V(0));
}

struct Negative : UnaryBase {
  static constexpr std::string_view name = "negative", doc = "The negative -x, elementwise.";
  static constexpr Types types = Types::numeric;
  template <class V> WG_OP V value(V x) { return -x; }
  template <class T> WG_OP T integer(T x) { return static_cast<T>(0 - static_cast<std::make_unsigned_t<T>>(x)); }
  template <class X> WG_OP MinusOne slope(X, X) { return {}; }
};

struct Absolute : UnaryBase {
  static constexpr std::string_view name = "absolute", doc = "The absolute value; its derivative at 0 is 0.";
  static constexpr Types types = Types::numeric;
  static constexpr uint8_t saves = kArg0;
  template <class V> WG_OP V value(V x) { return abs(x); }
  template <class T> WG_OP T integer(T x) { return x < 0 ? Negative::integer(x) : x; }
  template <class X> WG_OP X slope(X x, X) { return sign(x); }
};

struct Sign : UnaryBase {
  static constexpr std::string_view name = "sign", doc = "The sign: -1, 0 or 1 (NaN for NaN).";
  static constexpr Types types = Types::numeric;
  static constexpr bool differentiable = false;
  template <class V> WG_OP V value(V x) { return sign(x); }
  template <class T> WG_OP T integer(T x) { return static_cast<T>((x > 0) - (x < 0)); }
};

struct Sqrt : UnaryBase {
  static constexpr std::string_view name = "sqrt", doc = "The square root.";
  static constexpr uint8_t saves = kResult;
  static constexpr Interval domain[] = {kPositive};
  template <class V> WG_OP V value(V x) { return sqrt(x); }
  template <class X> WG_OP X slope(X, X y) { return X(0.5) / y; }
};

struct Rsqrt : UnaryBase {
  static constexpr std::string_view name = "rsqrt", doc = "The reciprocal square root 1/sqrt(x).";
  static constexpr uint8_t saves = kArg0 | kResult;
  static constexpr int max_ulp = 2;
  static constexpr Interval domain[] = {kPositive};
  template <class V> WG_OP V value(V x) { return rsqrt(x); }
  template <class X> WG_OP Factors<X> slope(X x, X y) { return {X(-0.5) * y, X(1) / x}; }
};

struct Cbrt : UnaryBase {
  static constexpr std::string_view name = "cbrt", doc = "The cube root.";
  static constexpr uint8_t saves = kResult;
  static constexpr int max_ulp = 2;
  static constexpr Interval domain[] = {kPositive};
  template <class V> WG_OP V value(V x) { return cbrt(x); }
  template <class X> WG_OP X slope(X, X y) { return X(1) / (X(3) * y * y); }
};

struct Square : UnaryBase {
  static constexpr std::string_view name = "square", doc = "The square x*x.";
  static constexpr Types types = Types::numeric;
  static constexpr uint8_t saves = kArg0;
  template <class V> WG_OP V value(V x) { return x * x; }
  template <class T> WG_OP T integer(T x) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(x) * static_cast<U>(x));
  }
  template <class X> WG_OP X slope(X x, X) { return X(2) * x; }
};

struct Reciprocal : UnaryBase {
  static constexpr std::string_view name = "reciprocal", doc = "The reciprocal 1/x.";
  static constexpr uint8_t saves = kResult;
  static constexpr Interval domain[] = {kPositive};
  template <class V> WG_OP V value(V x) { return V(1) / x; }
  template <class X> WG_OP Factors<X> slope(X, X y) { return {y, -y}; }
};

struct Exp : UnaryBase {
  static constexpr std::string_view name = "exp", doc = "The exponential function.";
  static constexpr uint8_t saves = kResult;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return exp(x); }
  template <class X> WG_OP X slope(X, X y) { return y; }
};

struct Exp2 : UnaryBase {
  static constexpr std::string_view name = "exp2", doc = "Two to the power x.";
  static constexpr uint8_t saves = kResult;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return exp2(x); }
  template <class X> WG_OP X slope(X, X y) { return X(kLn2) * y; }
};

struct Expm1 : UnaryBase {
  static constexpr std::string_view name = "expm1", doc = "exp(x) - 1, accurate near 0.";
  static constexpr uint8_t saves = kArg0;  // 1 + y would lose the tail for very negative x
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return expm1(x); }
  template <class X> WG_OP X slope(X x, X) { return exp(x); }
};

struct Log : UnaryBase {
  static constexpr std::string_view name = "log", doc = "The natural logarithm.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  static constexpr Interval domain[] = {kPositive};
  template <class V> WG_OP V value(V x) { return log(x); }
  template <class X> WG_OP X slope(X x, X) { return X(1) / x; }
};

struct Log2 : UnaryBase {
  static constexpr std::string_view name = "log2", doc = "The logarithm to base 2.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  static constexpr Interval domain[] = {kPositive};
  template <class V> WG_OP V value(V x) { return log2(x); }
  template <class X> WG_OP X slope(X x, X) { return X(1 / kLn2) / x; }
};

struct Log10 : UnaryBase {
  static constexpr std::string_view name = "log10", doc = "The logarithm to base 10.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  static constexpr Interval domain[] = {kPositive};
  template <class V> WG_OP V value(V x) { return log10(x); }
  template <class X> WG_OP X slope(X x, X) { return X(1 / kLn10) / x; }
};

struct Log1p : UnaryBase {
  static constexpr std::string_view name = "log1p", doc = "log(1 + x), accurate near 0.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  static constexpr Interval domain[] = {{-1, kInf}};
  template <class V> WG_OP V value(V x) { return log1p(x); }
  template <class X> WG_OP X slope(X x, X) { return X(1) / (X(1) + x); }
};

struct Sin : UnaryBase {
  static constexpr std::string_view name = "sin", doc = "The sine of x (radians).";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return sin(x); }
  template <class X> WG_OP X slope(X x, X) { return cos(x); }
};

struct Cos : UnaryBase {
  static constexpr std::string_view name = "cos", doc = "The cosine of x (radians).";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return cos(x); }
  template <class X> WG_OP X slope(X x, X) { return -sin(x); }
};

struct Tan : UnaryBase {
  static constexpr std::string_view name = "tan", doc = "The tangent of x (radians).";
  static constexpr uint8_t saves = kResult;
  static constexpr int max_ulp = 2;
  static constexpr Interval domain[] = {{-1.5, 1.5}};
  template <class V> WG_OP V value(V x) { return tan(x); }
  template <class X> WG_OP X slope(X, X y) { return X(1) + y * y; }
};

struct Arcsin : UnaryBase {
  static constexpr std::string_view name = "arcsin", doc = "The inverse sine, in radians.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  static constexpr Interval domain[] = {kUnit};
  template <class V> WG_OP V value(V x) { return asin(x); }
  template <class X> WG_OP X slope(X x, X) { return X(1) / sqrt(one_minus_square(x)); }
};

struct Arccos : UnaryBase {
  static constexpr std::string_view name = "arccos", doc = "The inverse cosine, in radians.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  static constexpr Interval domain[] = {kUnit};
  template <class V> WG_OP V value(V x) { return acos(x); }
  template <class X> WG_OP X slope(X x, X) { return X(-1) / sqrt(one_minus_square(x)); }
};

struct Arctan : UnaryBase {
  static constexpr std::string_view name = "arctan", doc = "The inverse tangent, in radians.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return atan(x); }
  template <class X> WG_OP X slope(X x, X) { return arctan_slope(x); }
};

struct ArctanSlope : UnaryBase {
  static constexpr std::string_view name = "arctan_slope", doc = "1 / (1 + x*x), the slope of arctan.";
  static constexpr bool hidden = true;
  static constexpr uint8_t saves = kArg0 | kResult;
  template <class V> WG_OP V value(V x) { return arctan_slope(x); }
  template <class X> WG_OP X slope(X x, X y) { return X(-2) * (strong_product(x, y) * y); }  // no square of 1 + x*x
};

struct Sinh : UnaryBase {
  static constexpr std::string_view name = "sinh", doc = "The hyperbolic sine.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return sinh(x); }
  template <class X> WG_OP X slope(X x, X) { return cosh(x); }
};

struct Cosh : UnaryBase {
  static constexpr std::string_view name = "cosh", doc = "The hyperbolic cosine.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return cosh(x); }
  template <class X> WG_OP X slope(X x, X) { return sinh(x); }
};

struct Tanh : UnaryBase {
  static constexpr std::string_view name = "tanh", doc = "The hyperbolic tangent.";
  static constexpr uint8_t saves = kResult;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return tanh(x); }
  template <class X> WG_OP X slope(X, X y) { return one_minus_square(y); }
};

struct OneMinusSquare : UnaryBase {
  static constexpr std::string_view name = "one_minus_square", doc = "1 - x*x without cancellation near 1 and -1.";
  static constexpr bool hidden = true;
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return one_minus_square(x); }
  template <class X> WG_OP X slope(X x, X) { return X(-2) * x; }
};

struct Arcsinh : UnaryBase {
  static constexpr std::string_view name = "arcsinh", doc = "The inverse hyperbolic sine.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return asinh(x); }
  template <class X> WG_OP X slope(X x, X) { return X(1) / hypot(X(1), x); }
};

struct Arccosh : UnaryBase {
  static constexpr std::string_view name = "arccosh", doc = "The inverse hyperbolic cosine.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  static constexpr Interval domain[] = {kAboveOne};
  template <class V> WG_OP V value(V x) { return acosh(x); }
  template <class X> WG_OP X slope(X x, X) { return X(1) / (sqrt(x - X(1)) * sqrt(x + X(1))); }
};

struct Arctanh : UnaryBase {
  static constexpr std::string_view name = "arctanh", doc = "The inverse hyperbolic tangent.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  static constexpr Interval domain[] = {kUnit};
  template <class V> WG_OP V value(V x) { return atanh(x); }
  template <class X> WG_OP X slope(X x, X) { return X(1) / one_minus_square(x); }
};

struct Sigmoid : UnaryBase {
  static constexpr std::string_view name = "sigmoid", doc = "The logistic sigmoid 1/(1 + exp(-x)).";
  static constexpr uint8_t saves = kArg0;  // y * (1 - y) would lose the upper tail: sigmoid(40) is 1
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return sigmoid(x); }
  template <class X> WG_OP X slope(X x, X) { return sigmoid_slope(x); }
};

struct SigmoidSlope : UnaryBase {
  static constexpr std::string_view name = "sigmoid_slope", doc = "sigmoid(x) * sigmoid(-x), the slope of sigmoid.";
  static constexpr bool hidden = true;
  static constexpr uint8_t saves = kArg0 | kResult;
  static constexpr int max_ulp = 4;
  template <class V> WG_OP V value(V x) { return sigmoid_slope(x); }
  template <class X> WG_OP X slope(X x, X y) { return -y * tanh(X(0.5) * x); }
};

struct LogSigmoid : UnaryBase {
  static constexpr std::string_view name = "log_sigmoid", doc = "The logarithm of the logistic sigmoid.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return log_sigmoid(x); }
  template <class X> WG_OP X slope(X x, X) { return sigmoid(-x); }
};

struct Softplus : UnaryBase {
  static constexpr std::string_view name = "softplus", doc = "log(1 + exp(x)), without overflow.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return softplus(x); }
  template <class X> WG_OP X slope(X x, X) { return sigmoid(x); }
};

struct Relu : UnaryBase {
  static constexpr std::string_view name = "relu", doc = "max(x, 0); its derivative at 0 is 0.";
  static constexpr Types types = Types::numeric;
  static constexpr uint8_t saves = kResult;
  template <class V> WG_OP V value(V x) { return select(x <= V(0), V(0), x); }  // NaN stays NaN, as in maximum(x, 0)
  template <class T> WG_OP T integer(T x) { return x < 0 ? T(0) : x; }
  template <class X> WG_OP X slope(X, X y) { return select(y > X(0), X(1), X(0)); }
};

struct Erf : UnaryBase {
  static constexpr std::string_view name = "erf", doc = "The error function.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return erf(x); }
  template <class X> WG_OP X slope(X x, X) { return X(1.12837916709551257390) * exp(-(x * x)); }
};

struct Erfc : UnaryBase {
  static constexpr std::string_view name = "erfc", doc = "The complementary error function 1 - erf(x).";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return erfc(x); }
  template <class X> WG_OP X slope(X x, X) { return X(-1.12837916709551257390) * exp(-(x * x)); }
};

struct Erfinv : UnaryBase {
  static constexpr std::string_view name = "erfinv", doc = "The inverse of the error function; NaN outside of [-1, 1].";
  static constexpr uint8_t saves = kResult;
  static constexpr int max_ulp = 4;
  static constexpr Interval domain[] = {kUnit};
  template <class V> WG_OP V value(V x) { return erfinv(x); }
  template <class X> WG_OP X slope(X, X y) { return X(0.88622692545275801365) * exp(y * y); }
};

struct Gelu : UnaryBase {
  static constexpr std::string_view name = "gelu", doc = "x times the normal distribution function of x (exact form).";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V x) { return gelu(x); }
  template <class X> WG_OP X slope(X x, X) {
    return X(0.5) * erfc(X(-0.70710678118654752440) * x) + X(0.39894228040143267794) * x * exp(X(-0.5) * (x * x));
  }
};

struct Silu : UnaryBase {
  static constexpr std::string_view name = "silu", doc = "x * sigmoid(x), also called swish.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 3;
  template <class V> WG_OP V value(V x) { return x * sigmoid(x); }
  template <class X> WG_OP X slope(X x, X) { return sigmoid(x) * (X(1) + x * sigmoid(-x)); }
};

struct Lgamma : UnaryBase {
  static constexpr std::string_view name = "lgamma", doc = "The logarithm of the absolute value of the gamma function.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 4;
  static constexpr Interval domain[] = {kPositive};
  template <class V> WG_OP V value(V x) { return lgamma(x); }
  template <class X> WG_OP X slope(X x, X) { return digamma(x); }
};

struct Digamma : UnaryBase {
  static constexpr std::string_view name = "digamma", doc = "The derivative of lgamma.";
  static constexpr uint8_t saves = kArg0;
  static constexpr int max_ulp = 4;
  static constexpr Interval domain[] = {kPositive};
  template <class V> WG_OP V value(V x) { return digamma(x); }
  template <class X> WG_OP X slope(X x, X) { return trigamma(x); }
};

struct Floor : UnaryBase {
  static constexpr std::string_view name = "floor", doc = "The largest integer not above x, as a float.";
  static constexpr bool differentiable = false;
  template <class V> WG_OP V value(V x) { return floor(x); }
};
struct Ceil : UnaryBase {
  static constexpr std::string_view name = "ceil", doc = "The smallest integer not below x, as a float.";
  static constexpr bool differentiable = false;
  template <class V> WG_OP V value(V x) { return ceil(x); }
};
struct Trunc : UnaryBase {
  static constexpr std::string_view name = "trunc", doc = "x without its fractional part.";
  static constexpr bool differentiable = false;
  template <class V> WG_OP V value(V x) { return trunc(x); }
};
struct Rint : UnaryBase {
  static constexpr std::string_view name = "rint", doc = "The nearest integer, ties to even, as a float.";
  static constexpr bool differentiable = false;
  template <class V> WG_OP V value(V x) { return rint(x); }
};

}  // namespace wengert::ops
