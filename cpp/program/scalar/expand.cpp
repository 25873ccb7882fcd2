// From a graph to single numbers: every element becomes a value of its own (moving elements costs nothing then), what
// is known is computed now, equal values are computed once.
#include "program/scalar/expansion.h"

namespace wengert::program::scalar {

uint32_t Expansion::unary(OpCode op, uint32_t a) {
  if (op == code_of<ops::Negative>) return negative(a);
  if (op == code_of<ops::Absolute>) return operation(op_absolute, a);
  if (op == code_of<ops::Sqrt>) return operation(op_sqrt, a);
  if (op == code_of<ops::Square>) return operation(op_square, a);
  if (op == code_of<ops::Reciprocal>) return operation(op_reciprocal, a);
  if (op == code_of<ops::Relu>) return operation(op_relu, a);
  if (op == code_of<ops::OneMinusSquare>) return multiply(subtract(constant(1), a), add(constant(1), a));
  if (op == code_of<ops::ArctanSlope>) return operation(op_divide, constant(1), add(constant(1), multiply(a, a)));
  if (op == code_of<ops::LogicalNot>) return operation(op_logical_not, a);
  if (op == code_of<ops::Isnan>) return operation(op_isnan, a);
  if (op == code_of<ops::Isfinite>) return operation(op_isfinite, a);
  if (op == code_of<ops::Isinf>) return operation(op_isinf, a);
  return call1(op, a);
}

uint32_t Expansion::binary(OpCode op, uint32_t a, uint32_t b) {
  if (op == code_of<ops::Add>) return add(a, b);
  if (op == code_of<ops::Subtract>) return subtract(a, b);
  if (op == code_of<ops::Multiply>) return multiply(a, b);
  if (op == code_of<ops::Scale>) return scale(a, b);
  if (op == code_of<ops::Divide>) return operation(op_divide, a, b);
  if (op == code_of<ops::Maximum> || op == code_of<ops::MaximumOfConstant>) return operation(op_maximum, a, b);
  if (op == code_of<ops::Minimum> || op == code_of<ops::MinimumOfConstant>) return operation(op_minimum, a, b);
  if (op == code_of<ops::Equal>) return operation(op_equal, a, b);
  if (op == code_of<ops::NotEqual>) return operation(op_not_equal, a, b);
  if (op == code_of<ops::Less>) return operation(op_less, a, b);
  if (op == code_of<ops::LessEqual>) return operation(op_less_equal, a, b);
  if (op == code_of<ops::Greater>) return operation(op_less, b, a);
  if (op == code_of<ops::GreaterEqual>) return operation(op_less_equal, b, a);
  if (op == code_of<ops::LogicalAnd>) return operation(op_logical_and, a, b);
  if (op == code_of<ops::LogicalOr>) return operation(op_logical_or, a, b);
  if (op == code_of<ops::LogicalXor>) return operation(op_logical_xor, a, b);
  if (op == code_of<ops::Power>) {
    double v;
    if (known(b, &v) && v == 1) return a;
    if (known(b, &v) && v == 2) return operation(op_square, a);
  }
  return call2(op, a, b);
}

ArrayRef Expansion::expanded(const Node& n, std::span<const uint32_t> in) {
  const auto op = static_cast<OpCode>(n.op);
  const ops::Info& f = ops::info(op);
  if (f.elementwise) {
    ArrayRef y = core::make(DType::i64, n.shape);
    const ArrayRef a = spread(of(in[0]), n.shape), b = f.arity == 2 ? spread(of(in[1]), n.shape) : a;
    for (int64_t i = 0; i < y->size; ++i)
      ids(y)[i] = f.arity == 1 ? unary(op, id(a, i)) : binary(op, id(a, i), id(b, i));
    return y;
  }
  if (op == code_of<ops::Where>) {
    ArrayRef y = core::make(DType::i64, n.shape);
    const ArrayRef c = spread(of(in[0]), n.shape), a = spread(of(in[1]), n.shape), b = spread(of(in[2]), n.shape);
    for (int64_t i = 0; i < y->size; ++i) {
      double v;
      if (known(id(c, i), &v))
        ids(y)[i] = v != 0 ? id(a, i) : id(b, i);
      else
        ids(y)[i] = operation(op_select, id(c, i), id(a, i), id(b, i));
    }
    return y;
  }
  if (op == code_of<ops::Reshape> || op == code_of<ops::Transpose> || op == code_of<ops::BroadcastTo> ||
      op == code_of<ops::Slice> || op == code_of<ops::Gather> || op == code_of<ops::Concatenate> ||
      op == code_of<ops::Stack> || op == code_of<ops::SliceUpdate> || op == code_of<ops::GatherUpdate> ||
      op == code_of<ops::Strided> || op == code_of<ops::StridedUpdate>) {
    std::vector<ArrayRef> arrays;
    for (uint32_t a : in) arrays.push_back(of(a));
    return moved(op, arrays, n.params.get());
  }
  if (op == code_of<ops::SliceAdd>) {
    const ArrayRef x = of(in[0]), part = moved(code_of<ops::Slice>, {x}, n.params.get()),
                   v = spread(of(in[1]), part->shape);
    ArrayRef sum = core::make(DType::i64, part->shape);
    for (int64_t i = 0; i < sum->size; ++i) ids(sum)[i] = add(id(part, i), id(v, i));
    return moved(code_of<ops::SliceUpdate>, {x, sum}, n.params.get());
  }
  if (op == code_of<ops::GatherAdd>) return gather_add(of(in[0]), of(in[1]), n.p<ops::GatherAdd>());
  if (is_product(n)) return matmul(of(in[0]), of(in[1]), n);
  if (op == code_of<ops::Sum> || op == code_of<ops::Mean> || op == code_of<ops::Prod> || op == code_of<ops::Max> ||
      op == code_of<ops::Min> || op == code_of<ops::Any> || op == code_of<ops::All>)
    return reduced(n, of(in[0]));
  if (op == code_of<ops::Softmax> || op == code_of<ops::LogSoftmax>) return softmax(n, of(in[0]));
  if (op == code_of<ops::SoftmaxSweep> || op == code_of<ops::LogSoftmaxSweep>)
    return softmax_sweep(n, of(in[0]), of(in[1]));
  if (op == code_of<ops::Astype>) {
    const ArrayRef x = of(in[0]);
    if (n.dtype == DType::f64) return x;
    ArrayRef y = core::make(DType::i64, n.shape);
    for (int64_t i = 0; i < y->size; ++i) ids(y)[i] = operation(op_not_equal, id(x, i), constant(0));
    return y;
  }
  throw GiveUp{};
}

void Expansion::expand(uint32_t i) {
  const Node& n = g_.nodes[i];
  if (n.op <= kPositions || n.looks_up()) throw GiveUp{};
  if (n.op >= 0 && n.dtype != DType::f64 && n.dtype != DType::b1) throw GiveUp{};
  if (n.op != kInput && n.size() > kMostElements) throw GiveUp{};
  if (n.op == kInput) {
    const uint32_t k = input_of_.at(i);
    if (n.size() > 4 * kMostElements || n.dtype == DType::f32) return;  // may be unused
    ArrayRef y = core::make(DType::i64, n.shape);
    for (int64_t e = 0; e < y->size; ++e)
      ids(y)[e] = value(static_cast<uint8_t>(n.dtype), k, static_cast<uint32_t>(e), kNone, from_input);
    elements_[i] = y;
    if (y->size == 1) single_[i] = id(y, 0);
    return;
  }
  if (n.op == kConstant) {
    if (n.dtype == DType::f32) throw GiveUp{};
    const ArrayRef from = core::contiguous(n.value);
    ArrayRef y = core::make(DType::i64, n.shape);
    for (int64_t e = 0; e < y->size; ++e) ids(y)[e] = constant(core::item(*from, e));
    elements_[i] = y;
    if (y->size == 1) single_[i] = id(y, 0);
    return;
  }
  for (uint32_t a : g_.operands(i)) {  // whole numbers only as arguments that are converted
    const DType t = g_.nodes[a].dtype;
    if (t == DType::f32 || (core::is_int(t) && !(n.is(code_of<ops::Astype>) && n.dtype == DType::f64))) throw GiveUp{};
  }
  if (scalar_operation(i)) return;
  elements_[i] = expanded(n, g_.operands(i));
  if (n.size() == 1) single_[i] = id(elements_[i], 0);
}

// One element from one element each, without arrays.
bool Expansion::scalar_operation(uint32_t i) {
  const Node& n = g_.nodes[i];
  const auto op = static_cast<OpCode>(n.op);
  const ops::Info& f = ops::info(op);
  const bool moves = op == code_of<ops::Reshape> || op == code_of<ops::BroadcastTo> || op == code_of<ops::Transpose> ||
                     op == code_of<ops::Sum>;
  if (!f.elementwise && !moves) return false;
  if (n.size() != 1) return false;
  uint32_t in[2] = {};
  for (uint32_t k = 0; k < n.count; ++k) {
    in[k] = single_[g_.operand(i, k)];
    if (in[k] == kNone) return false;
  }
  single_[i] = moves ? in[0] : f.arity == 1 ? unary(op, in[0]) : binary(op, in[0], in[1]);
  return true;
}

void Expansion::guard(uint32_t k) {
  const Guard& c = g_.guards[k];
  const ArrayRef x = of(c.node);
  if (!c.answer->contiguous) throw GiveUp{};
  for (int64_t e = 0; e < x->size; ++e)
    out_.guards.push_back({k, static_cast<uint32_t>(e), id(x, e), static_cast<uint32_t>(out_.values.size()),
                           core::item(*c.answer, e), c.on == ad::GuardOn::truth});
}

Expanded expanded(const Graph& g) {
  Expansion e(g);
  e.run();
  return e.result();
}

}  // namespace wengert::program::scalar
