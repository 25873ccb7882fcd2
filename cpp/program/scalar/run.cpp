// The interpreter of scalar code. Computed goto: every handler ends with its own indirect jump, which processors
// predict well; no contraction of a*b+c, so results are those of the single operations to the last bit.
#include <cmath>

#include "program/scalar/code.h"
#include "program/scalar/instructions.h"

namespace wengert::program {
namespace {

// ops::Scale: a zero factor gives zero whatever the other is. A product is NaN only if one of them is not finite, so
// the test costs a branch that is never taken; + 0.0 turns -0 into 0.
[[gnu::always_inline]] inline double scaled(double a, double b) {
  const double r = a * b + 0.0;
  if (r != r) [[unlikely]]
    return a == 0 || b == 0 ? 0.0 : r;
  return r;
}
[[gnu::always_inline]] inline double added(double a, double b) { return a + b; }
[[gnu::always_inline]] inline double subtracted(double a, double b) { return a - b; }
[[gnu::always_inline]] inline double taken_from(double a, double b) { return b - a; }
[[gnu::always_inline]] inline double multiplied(double a, double b) { return a * b; }
inline double larger(double a, double b) { return a > b || a != a ? a : b; }
inline double smaller(double a, double b) { return a < b || a != a ? a : b; }

}  // namespace

uint32_t run(const ScalarCode& program, double* r) {
  static const void* const labels[] = {
#define WG_LABEL(name) &&do_##name,
      WG_SCALAR_OPS(WG_LABEL)
#undef WG_LABEL
  };
  const ScalarInstruction* p = program.code.data();
  const auto* calls1 = program.calls1.data();
  const auto* calls2 = program.calls2.data();
  uint32_t op;
#define NEXT             \
  op = p->op_and_target; \
  goto* labels[op & 0xff]
#define D r[op >> 8]
#define A r[p->a]
#define B r[p->b]
#define C r[p->c]
#define CASE(name, expression)  \
  do_##name : D = (expression); \
  ++p;                          \
  NEXT;
  NEXT;
  CASE(copy, A)
  CASE(negative, -A)
  CASE(absolute, std::fabs(A))
  CASE(sqrt, std::sqrt(A))
  CASE(square, A * A)
  CASE(reciprocal, 1.0 / A)
  CASE(relu, A <= 0 ? 0.0 : A)
  CASE(add, A + B)
  CASE(subtract, A - B)
  CASE(multiply, A * B)
  CASE(scale, scaled(A, B))
  CASE(divide, A / B)
  CASE(maximum, larger(A, B))
  CASE(minimum, smaller(A, B))
  CASE(equal, A == B)
  CASE(not_equal, A != B)
  CASE(less, A < B)
  CASE(less_equal, A <= B)
  CASE(logical_and, (A != 0) & (B != 0))
  CASE(logical_or, (A != 0) | (B != 0))
  CASE(logical_xor, (A != 0) != (B != 0))
  CASE(logical_not, A == 0)
  CASE(isnan, A != A)
  CASE(isfinite, (A - A) == 0)
  CASE(isinf, (A == A) & ((A - A) != 0))
  CASE(select, A != 0 ? B : C)
#define PAIR(inner, outer, f, g) CASE(inner##_##outer, g(f(A, B), C))
#define PAIRS(inner, f)                \
  PAIR(inner, add, f, added)           \
  PAIR(inner, subtract, f, subtracted) \
  PAIR(inner, from, f, taken_from)     \
  PAIR(inner, multiply, f, multiplied) \
  PAIR(inner, scale, f, scaled)
  PAIRS(add, added)
  PAIRS(subtract, subtracted)
  PAIRS(multiply, multiplied)
  PAIRS(scale, scaled)
do_call1:
  calls1[p->c](&A, &D, 1);
  ++p;
  NEXT;
do_call2:
  calls2[p->c](&A, &B, &D, 1, 1, 1);
  ++p;
  NEXT;
do_guard_true:
  if (!(A != 0)) [[unlikely]]
    return p->b;
  ++p;
  NEXT;
do_guard_false:
  if (A != 0) [[unlikely]]
    return p->b;
  ++p;
  NEXT;
do_guard_equal:  // the same bits
  if (__builtin_memcmp(&A, &C, sizeof(double)) != 0) [[unlikely]]
    return p->b;
  ++p;
  NEXT;
do_stop:
  return kNone;
}

}  // namespace wengert::program
