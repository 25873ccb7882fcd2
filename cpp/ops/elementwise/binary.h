// Elementwise primitives of two operands, written as in unary.h.
#pragma once
#include "ops/elementwise/unary.h"

namespace wengert::ops {

struct Add : BinaryBase {
  static constexpr std::string_view name = "add", doc = "The sum a + b.";
  static constexpr Types types = Types::numeric;
  template <class V> WG_OP V value(V a, V b) { return a + b; }
  template <class T> WG_OP T integer(T a, T b) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
  }
  template <class X> WG_OP One slope0(X, X, X) { return {}; }
  template <class X> WG_OP One slope1(X, X, X) { return {}; }
};

struct Subtract : BinaryBase {
  static constexpr std::string_view name = "subtract", doc = "The difference a - b.";
  static constexpr Types types = Types::numeric;
  template <class V> WG_OP V value(V a, V b) { return a - b; }
  template <class T> WG_OP T integer(T a, T b) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(a) - static_cast<U>(b));
  }
  template <class X> WG_OP One slope0(X, X, X) { return {}; }
  template <class X> WG_OP MinusOne slope1(X, X, X) { return {}; }
};

struct Multiply : BinaryBase {
  static constexpr std::string_view name = "multiply", doc = "The product a * b.";
  static constexpr Types types = Types::numeric;
  static constexpr uint8_t saves0 = kArg1, saves1 = kArg0;
  template <class V> WG_OP V value(V a, V b) { return a * b; }
  template <class T> WG_OP T integer(T a, T b) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
  }
  template <class X> WG_OP X slope0(X, X b, X) { return b; }
  template <class X> WG_OP X slope1(X a, X, X) { return a; }
};

// Multiplication of a cotangent (or tangent) by a slope: an exactly zero factor gives exactly zero, whatever the other
// is. So a branch that `where` did not take adds nothing, and sqrt(x**2) or a norm has the derivative 0 at 0. The
// result is never -0 (+ 0 turns one that underflows), so adding it to a zero changes nothing and programs may leave
// that out.
struct Scale : BinaryBase {
  static constexpr std::string_view name = "scale",
                                    doc =
                                        "a * b, where a zero factor gives 0 even if the other is inf or NaN; never -0.";
  static constexpr bool hidden = true;
  static constexpr uint8_t saves0 = kArg1, saves1 = kArg0;
  template <class V> WG_OP V value(V a, V b) { return strong_product(a, b); }
  template <class X> WG_OP X slope0(X, X b, X) { return b; }
  template <class X> WG_OP X slope1(X a, X, X) { return a; }
};

struct Divide : BinaryBase {
  static constexpr std::string_view name = "divide", doc = "The quotient a / b.";
  static constexpr uint8_t saves0 = kArg1, saves1 = kArg1 | kResult;
  static constexpr Interval domain[] = {kAllReals, kPositive};
  template <class V> WG_OP V value(V a, V b) { return a / b; }
  template <class X> WG_OP X slope0(X, X b, X) { return X(1) / b; }
  template <class X> WG_OP Factors<X> slope1(X, X b, X y) { return {X(1) / b, -y}; }
};

struct Power : BinaryBase {
  static constexpr std::string_view name = "power", doc = "a to the power b; x**0 has derivative 0, 0**y slope 0 in y.";
  static constexpr Types types = Types::numeric;
  static constexpr uint8_t saves0 = kArg0 | kArg1, saves1 = kArg0 | kResult;
  static constexpr int max_ulp = 4;
  static constexpr Interval domain[] = {kPositive, kAllReals};
  // x**2 is x * x to the last bit, as in NumPy; other powers are as good as `max_ulp` says.
  template <class V> WG_OP V value(V a, V b) { return select(b == V(2), a * a, pow(a, b)); }
  template <class T> WG_OP T integer(T a, T b) {  // the binding refuses negative exponents
    std::make_unsigned_t<T> r = 1, base = static_cast<std::make_unsigned_t<T>>(a);
    for (; b > 0; b >>= 1, base *= base)
      if (b & 1) r *= base;
    return static_cast<T>(r);
  }
  template <class X> WG_OP X slope0(X a, X b, X) {
    return strong_product(b, pow(a, b - X(1)));
  }  // its slope in b lives on at 0
  template <class X> WG_OP X slope1(X a, X, X y) { return select(a == X(0), X(0), y * log(a)); }
};

struct Maximum : BinaryBase {
  static constexpr std::string_view name = "maximum", doc = "The larger of a and b; NaN if either is NaN.";
  static constexpr Types types = Types::numeric;
  static constexpr uint8_t saves0 = kArg0 | kArg1, saves1 = kArg0 | kArg1;
  template <class V> WG_OP V value(V a, V b) { return select((a > b) | isnan(a), a, b); }
  template <class T> WG_OP T integer(T a, T b) { return a > b ? a : b; }
  template <class X> WG_OP X slope0(X a, X b, X) { return select(a > b, X(1), select(a == b, X(0.5), X(0))); }
  template <class X> WG_OP X slope1(X a, X b, X) { return select(b > a, X(1), select(a == b, X(0.5), X(0))); }
};

struct Minimum : BinaryBase {
  static constexpr std::string_view name = "minimum", doc = "The smaller of a and b; NaN if either is NaN.";
  static constexpr Types types = Types::numeric;
  static constexpr uint8_t saves0 = kArg0 | kArg1, saves1 = kArg0 | kArg1;
  template <class V> WG_OP V value(V a, V b) { return select((a < b) | isnan(a), a, b); }
  template <class T> WG_OP T integer(T a, T b) { return a < b ? a : b; }
  template <class X> WG_OP X slope0(X a, X b, X) { return select(a < b, X(1), select(a == b, X(0.5), X(0))); }
  template <class X> WG_OP X slope1(X a, X b, X) { return select(b < a, X(1), select(a == b, X(0.5), X(0))); }
};

// The same two with one constant operand, as the tape records them: at a tie the subgradient of least norm is 0, so
// that maximum(x, 0), clip and relu agree.
struct MaximumOfConstant : Maximum {
  static constexpr std::string_view name = "maximum_of_constant", doc = "maximum with one operand constant.";
  static constexpr bool hidden = true;
  template <class X> WG_OP X slope0(X a, X b, X) { return select(a > b, X(1), X(0)); }
  template <class X> WG_OP X slope1(X a, X b, X) { return select(b > a, X(1), X(0)); }
};
struct MinimumOfConstant : Minimum {
  static constexpr std::string_view name = "minimum_of_constant", doc = "minimum with one operand constant.";
  static constexpr bool hidden = true;
  template <class X> WG_OP X slope0(X a, X b, X) { return select(a < b, X(1), X(0)); }
  template <class X> WG_OP X slope1(X a, X b, X) { return select(b < a, X(1), X(0)); }
};

struct Arctan2 : BinaryBase {
  static constexpr std::string_view name = "arctan2",
                                    doc = "The angle of the point (b, a), in radians; derivative 0 at the origin.";
  static constexpr uint8_t saves0 = kArg0 | kArg1, saves1 = kArg0 | kArg1;
  static constexpr int max_ulp = 2;
  static constexpr Interval domain[] = {kPositive, kPositive};
  template <class V> WG_OP V value(V a, V b) { return atan2(a, b); }
  template <class X> WG_OP X slope0(X a, X b, X) { return over_square(b, hypot(a, b)); }
  template <class X> WG_OP X slope1(X a, X b, X) { return over_square(-a, hypot(a, b)); }

 private:
  template <class X> WG_OP X over_square(X x, X r) { return select(r == X(0), X(0), x / r / r); }  // no overflow
};

struct Hypot : BinaryBase {
  static constexpr std::string_view name = "hypot",
                                    doc = "sqrt(a*a + b*b) without overflow; derivative 0 at the origin.";
  static constexpr uint8_t saves0 = kArg0 | kResult, saves1 = kArg1 | kResult;
  static constexpr int max_ulp = 2;
  static constexpr Interval domain[] = {kPositive, kPositive};
  template <class V> WG_OP V value(V a, V b) { return hypot(a, b); }
  template <class X> WG_OP X slope0(X a, X, X y) { return select(y == X(0), X(0), a / y); }
  template <class X> WG_OP X slope1(X, X b, X y) { return select(y == X(0), X(0), b / y); }
};

struct Logaddexp : BinaryBase {
  static constexpr std::string_view name = "logaddexp", doc = "log(exp(a) + exp(b)) without overflow.";
  static constexpr uint8_t saves0 = kArg0 | kArg1, saves1 = kArg0 | kArg1;
  static constexpr int max_ulp = 2;
  template <class V> WG_OP V value(V a, V b) { return logaddexp(a, b); }
  template <class X> WG_OP X slope0(X a, X b, X) { return sigmoid(difference(a, b)); }
  template <class X> WG_OP X slope1(X a, X b, X) { return sigmoid(difference(b, a)); }

 private:
  template <class X> WG_OP X difference(X a, X b) {  // 0 between equal infinities: each has half of the weight
    return select(a - a == X(0), a - b, select(a == b, X(0), a - b));
  }
};

// a mod b with the sign of b, exact (fmod is); NumPy's floor_divide is made from it, so that
// floor_divide(a, b) * b + remainder(a, b) == a wherever that can hold.
template <class V> [[gnu::always_inline]] inline V floor_mod(V a, V b) {
  const V m = fmod(a, b);
  return select(m == V(0), copysign(V(0), b), select((m < V(0)) != (b < V(0)), m + b, m));
}

struct FloorDivide : BinaryBase {
  static constexpr std::string_view name = "floor_divide", doc = "The largest integer not above a / b.";
  static constexpr Types types = Types::numeric;
  static constexpr bool differentiable = false;
  static constexpr Interval domain[] = {kAllReals, kPositive};
  template <class V> WG_OP V value(V a, V b) {
    const V m = fmod(a, b), q = (a - m) / b;
    const V whole = select((m != V(0)) & ((m < V(0)) != (b < V(0))), q - V(1), q), down = floor(whole);
    const V near = select(whole - down > V(0.5), down + V(1), down);
    return select(b == V(0), a / b, select(whole == V(0), copysign(V(0), a / b), near));
  }
  template <class T> WG_OP T integer(T a, T b) {  // division by zero gives 0, as NumPy does
    if (b == 0) return 0;
    if (b == -1) return Negative::integer(a);
    const T q = a / b;
    return static_cast<T>(q - ((a % b != 0) && ((a < 0) != (b < 0))));
  }
};

struct Remainder : BinaryBase {
  static constexpr std::string_view name = "remainder", doc = "a - floor(a / b) * b; the sign is that of b.";
  static constexpr Types types = Types::numeric;
  static constexpr uint8_t saves1 = kArg0 | kArg1;
  static constexpr Interval domain[] = {{0.1, 0.9}, {1, 2}};
  template <class V> WG_OP V value(V a, V b) { return floor_mod(a, b); }
  template <class T> WG_OP T integer(T a, T b) {
    if (b == 0 || b == -1) return 0;
    const T r = a % b;
    return static_cast<T>(r != 0 && ((r < 0) != (b < 0)) ? r + b : r);
  }
  template <class X> WG_OP One slope0(X, X, X) { return {}; }
  template <class X> WG_OP X slope1(X a, X b, X) { return -floor(a / b); }
};

}  // namespace wengert::ops
