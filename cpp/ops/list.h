// The only list of primitives. The position is the opcode; bindings, stubs, docs and tests are loops over it.
#pragma once
#include "ops/elementwise/binary.h"
#include "ops/elementwise/logical.h"
#include "ops/elementwise/unary.h"
#include "ops/indexing.h"
#include "ops/linalg.h"
#include "ops/nn.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/shaping.h"
#include "ops/special.h"
#include "ops/strided.h"

namespace wengert::ops {

template <class... Ops> struct List {
  static constexpr int size = sizeof...(Ops);
  template <class Op> static constexpr int index() {
    int i = 0, found = -1;
    ((std::is_same_v<Op, Ops> ? found = i : 0, ++i), ...);
    return found;
  }
  template <class F> static constexpr void for_each(F&& f) { (f.template operator()<Ops>(), ...); }
};

using Primitives = List<
    // elementwise, one operand
    Negative, Absolute, Sign, Sqrt, Rsqrt, Cbrt, Square, Reciprocal, Exp, Exp2, Expm1, Log, Log2, Log10, Log1p, Sin,
    Cos, Tan, Arcsin, Arccos, Arctan, Sinh, Cosh, Tanh, Arcsinh, Arccosh, Arctanh, Sigmoid, LogSigmoid, Softplus, Relu,
    Erf, Erfc, Erfinv, Gelu, Silu, Lgamma, Digamma, OneMinusSquare, ArctanSlope, SigmoidSlope, Floor, Ceil, Trunc, Rint,
    LogicalNot, Isnan, Isfinite, Isinf,
    // elementwise, two operands
    Add, Subtract, Multiply, Scale, Divide, Power, Maximum, Minimum, MaximumOfConstant, MinimumOfConstant, Arctan2,
    Hypot, Logaddexp, FloorDivide, Remainder, Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, LogicalAnd,
    LogicalOr, LogicalXor,
    // structured
    Where, Polygamma, Sum, Mean, Prod, Max, Min, Logsumexp, Any, All, Argmax, Argmin, Cumsum, Softmax, LogSoftmax,
    SoftmaxSweep, LogSoftmaxSweep, Matmul, StrongMatmul, Reshape, Transpose, BroadcastTo, Astype, Concatenate, Stack,
    Slice, SliceUpdate, SliceAdd, Gather, GatherUpdate, GatherAdd, Strided, StridedUpdate, StridedAdd, RandomBits>;

using OpCode = uint16_t;
inline constexpr int kOps = Primitives::size;

template <class Op> inline constexpr OpCode code_of = static_cast<OpCode>(Primitives::index<Op>());

}  // namespace wengert::ops
