// Comparisons and logic: bool results, no derivative. `test` runs on numbers and on lanes, where it gives a mask.
#pragma once
#include "ops/op.h"

namespace wengert::ops {

struct LogicalBase : BinaryBase {
  static constexpr Types types = Types::logical;
  static constexpr bool differentiable = false;
};
struct Equal : LogicalBase {
  static constexpr std::string_view name = "equal", doc = "a == b, elementwise.";
  template <class T> WG_OP auto test(T a, T b) { return a == b; }
};
struct NotEqual : LogicalBase {
  static constexpr std::string_view name = "not_equal", doc = "a != b, elementwise.";
  template <class T> WG_OP auto test(T a, T b) { return a != b; }
};
struct Less : LogicalBase {
  static constexpr std::string_view name = "less", doc = "a < b, elementwise.";
  template <class T> WG_OP auto test(T a, T b) { return a < b; }
};
struct LessEqual : LogicalBase {
  static constexpr std::string_view name = "less_equal", doc = "a <= b, elementwise.";
  template <class T> WG_OP auto test(T a, T b) { return a <= b; }
};
struct Greater : LogicalBase {
  static constexpr std::string_view name = "greater", doc = "a > b, elementwise.";
  template <class T> WG_OP auto test(T a, T b) { return a > b; }
};
struct GreaterEqual : LogicalBase {
  static constexpr std::string_view name = "greater_equal", doc = "a >= b, elementwise.";
  template <class T> WG_OP auto test(T a, T b) { return a >= b; }
};
struct LogicalAnd : LogicalBase {
  static constexpr std::string_view name = "logical_and", doc = "True where both a and b are nonzero.";
  template <class T> WG_OP auto test(T a, T b) { return (a != T(0)) & (b != T(0)); }
};
struct LogicalOr : LogicalBase {
  static constexpr std::string_view name = "logical_or", doc = "True where a or b is nonzero.";
  template <class T> WG_OP auto test(T a, T b) { return (a != T(0)) | (b != T(0)); }
};
struct LogicalXor : LogicalBase {
  static constexpr std::string_view name = "logical_xor", doc = "True where exactly one of a and b is nonzero.";
  template <class T> WG_OP auto test(T a, T b) { return (a != T(0)) != (b != T(0)); }
};

struct LogicalUnary : UnaryBase {
  static constexpr Types types = Types::logical;
  static constexpr bool differentiable = false;
};
struct LogicalNot : LogicalUnary {
  static constexpr std::string_view name = "logical_not", doc = "True where x is zero.";
  template <class T> WG_OP auto test(T x) { return x == T(0); }
};
struct Isnan : LogicalUnary {
  static constexpr std::string_view name = "isnan", doc = "True where x is not a number.";
  template <class T> WG_OP auto test(T x) { return x != x; }
};
struct Isfinite : LogicalUnary {
  static constexpr std::string_view name = "isfinite", doc = "True where x is neither infinite nor NaN.";
  template <class T> WG_OP auto test(T x) { return (x - x) == T(0); }
};
struct Isinf : LogicalUnary {
  static constexpr std::string_view name = "isinf", doc = "True where x is infinite.";
  template <class T> WG_OP auto test(T x) { return (x == x) & ((x - x) != T(0)); }
};

}  // namespace wengert::ops
