// What an operation must say. One struct is one primitive: its name, its value, its derivative, its parameters.
//
// Elementwise operations give `value` over SIMD lanes and `slope` (the derivative of the result by an operand, written
// generically: lanes and values of any level run the same line). Structured operations give `value` over arrays,
// `result` (the type of the value, by which the operands are checked too), `jvp` (tangents forward), `vjp` (cotangents
// back) and `batched` (operands of which some have one more leading axis), templates over R, which stands for the rule:
// what it sees and may call (ad/rules.h, ad/batch.h).
#pragma once
#include <concepts>
#include <limits>
#include <string_view>

#include "ops/params.h"
#include "ops/result_type.h"

namespace wengert::ops {

enum class Kind : uint8_t { elementwise, reduction, linalg, shaping, indexing, nn, random };
inline constexpr std::string_view kKindNames[] = {"elementwise", "reduction", "linalg", "shaping",
                                                  "indexing",    "nn",        "random"};

// What the tape keeps for the derivative.
enum Saves : uint8_t { kNothing = 0, kArg0 = 1, kArg1 = 2, kArg2 = 4, kResult = 8 };

// Element types an operation computes in: floats (integers become float64), numeric (integers stay), logical (any type
// in, bool out).
enum class Types : uint8_t { floats, numeric, logical };

// The open interval of an operand in which the function is smooth: the tests sample there.
struct Interval {
  double lo, hi;
};
inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr Interval kAllReals{-kInf, kInf}, kPositive{0, kInf}, kUnit{-1, 1}, kAboveOne{1, kInf};

// Slopes known before the operands are: no multiplication is made.
struct One {};
struct MinusOne {};

// A slope in two factors that meet the cotangent one after the other: their product may overflow where the derivative
// does not, as in log(1/x) at 1e-200.
template <class X> struct Factors {
  X first, second;
};

inline constexpr int kVariadic = -1;

template <class Op>
concept Described = requires {
  { Op::name } -> std::convertible_to<std::string_view>;
  { Op::doc } -> std::convertible_to<std::string_view>;
  { Op::kind } -> std::convertible_to<Kind>;
};

template <class Op>
concept Unary = Described<Op> && Op::arity == 1 && requires { Op::lanes; };
template <class Op>
concept Binary = Described<Op> && Op::arity == 2 && requires { Op::lanes; };
template <class Op>
concept Structured = Described<Op> && !Unary<Op> && !Binary<Op>;

// Defaults; a struct overrides what differs.
struct UnaryBase {
  using Params = NoParams;
  static constexpr bool lanes = true;  // value runs on SIMD lanes
  static constexpr Kind kind = Kind::elementwise;
  static constexpr int arity = 1;
  static constexpr Types types = Types::floats;
  static constexpr uint8_t saves = kNothing;
  static constexpr bool differentiable = true, hidden = false;
  static constexpr int max_ulp = 0;
  static constexpr Interval domain[] = {kAllReals};
};
struct BinaryBase {
  using Params = NoParams;
  static constexpr bool lanes = true;
  static constexpr Kind kind = Kind::elementwise;
  static constexpr int arity = 2;
  static constexpr Types types = Types::floats;
  static constexpr uint8_t saves0 = kNothing, saves1 = kNothing;  // for the slope by operand 0, by operand 1
  static constexpr bool differentiable = true, hidden = false;
  static constexpr int max_ulp = 0;
  static constexpr Interval domain[] = {kAllReals, kAllReals};
};
struct StructuredBase {
  static constexpr int arity = 1;
  static constexpr Types types = Types::numeric;
  static constexpr uint8_t saves = kNothing;
  static constexpr bool differentiable = true, hidden = false;
  static constexpr int max_ulp = 0;
  static constexpr Interval domain[] = {kAllReals, kAllReals, kAllReals};
  using Params = NoParams;
};

#define WG_OP [[gnu::always_inline]] static inline

}  // namespace wengert::ops
