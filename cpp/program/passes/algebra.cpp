// Algebra: identities that hold to the last bit, among them those of the ones and zeros that reverse sweeps produce,
// and chains of operations that only move elements. x + 0 is x unless x is -0, so it takes a proof that x is not.
#include <cmath>

#include "program/graph/graph.h"

namespace wengert::program {
namespace {

const Node* constant(const Graph& g, uint32_t i) { return g.nodes[i].op == kConstant ? &g.nodes[i] : nullptr; }

// True if node i is a constant with every element equal to *v (filled in).
bool uniform(const Graph& g, uint32_t i, double* v) {
  const Node* n = constant(g, i);
  if (!n || n->value->size == 0) return false;
  const core::Array& a = *n->value;
  const bool repeated = a.strides == Dims(a.ndim(), 0);
  if (!repeated && !a.contiguous) return false;
  *v = core::item(a, 0);
  if (repeated || a.size == 1) return true;
  if (a.size > 4096) return false;
  for (int64_t k = 1; k < a.size; ++k)
    if (core::item(a, k) != *v || std::signbit(core::item(a, k)) != std::signbit(*v)) return false;
  return true;
}
}  // namespace

bool is_all(const Graph& g, uint32_t i, double v) {
  double x;
  return uniform(g, i, &x) && x == v && std::signbit(x) == std::signbit(v);
}

namespace {

// Can no element of node i be -0? Looks at no more than `budget` nodes.
bool without_minus_zero(const Graph& g, uint32_t i, int& budget) {
  const Node& n = g.nodes[i];
  if (!core::is_float(n.dtype)) return true;
  if (--budget < 0) return false;
  auto all = [&](uint32_t from) {
    for (uint32_t k = from; k < n.count; ++k)
      if (!without_minus_zero(g, g.operand(i, k), budget)) return false;
    return true;
  };
  if (n.op == kConstant) {
    double v;
    return uniform(g, i, &v) && !(v == 0 && std::signbit(v));
  }
  switch (n.op) {
    case code_of<ops::Scale>:
    case code_of<ops::Square>:
    case code_of<ops::Absolute>:
    case code_of<ops::Exp>:
    case code_of<ops::Cosh>:
    case code_of<ops::Sigmoid>:
    case code_of<ops::Softmax>:
      return true;
    case code_of<ops::Add>:  // -0 only as the sum of two
      return without_minus_zero(g, g.operand(i, 0), budget) || without_minus_zero(g, g.operand(i, 1), budget);
    case code_of<ops::Subtract>:
    case code_of<ops::SliceAdd>:
    case code_of<ops::GatherAdd>:
    case code_of<ops::Sum>:
    case code_of<ops::Reshape>:
    case code_of<ops::Transpose>:
    case code_of<ops::BroadcastTo>:
    case code_of<ops::Slice>:
    case code_of<ops::Gather>:
      return without_minus_zero(g, g.operand(i, 0), budget);
    case code_of<ops::Where>:
      return all(1);
    case code_of<ops::SliceUpdate>:
      return all(0);
    case code_of<ops::Maximum>:
    case code_of<ops::Minimum>:
    case code_of<ops::MaximumOfConstant>:
    case code_of<ops::MinimumOfConstant>:
    case code_of<ops::Concatenate>:
    case code_of<ops::Stack>:
      return all(0);
    default:
      return false;
  }
}
bool without_minus_zero(const Graph& g, uint32_t i) {
  int budget = 32;
  return without_minus_zero(g, i, budget);
}

uint32_t zeros(Graph& g, const Node& like) {
  return g.add_constant(core::broadcast_to(in_buffer(core::scalar(0, like.dtype)), like.shape));
}

// x, repeated to the shape of the node where an operand of the node had been broadcast.
uint32_t spread(Graph& g, uint32_t x, const Node& node) {
  if (g.nodes[x].shape == node.shape) return x;
  const uint32_t operand[] = {x};
  return g.add(code_of<ops::BroadcastTo>, operand, ops::new_params<ops::BroadcastTo>(node.shape), node.dtype,
               node.shape);
}

uint32_t unary(Graph& g, OpCode op, uint32_t x) {
  const uint32_t operand[] = {x};
  const DType t = g.nodes[x].dtype;
  const Dims shape = g.nodes[x].shape;
  return g.add(op, operand, {}, t, shape);
}
uint32_t binary(Graph& g, OpCode op, uint32_t a, uint32_t b, const Node& node) {
  const uint32_t operands[] = {a, b};
  return g.add(op, operands, {}, node.dtype, node.shape);
}

// 0 + x or 0 - x.
uint32_t with_zero(Graph& g, OpCode op, uint32_t x) {
  const DType t = g.nodes[x].dtype;
  const Dims shape = g.nodes[x].shape;
  const uint32_t operands[] = {g.add_constant(core::scalar(0, t)), x};
  return g.add(op, operands, {}, t, shape);
}

// y of 0 - y, kNone for other nodes: what -y is where -0 must not appear.
uint32_t taken_from_zero(const Graph& g, uint32_t i) {
  return g.nodes[i].is(code_of<ops::Subtract>) && is_all(g, g.operand(i, 0), 0) &&
                 g.nodes[g.operand(i, 1)].shape == g.nodes[i].shape
             ? g.operand(i, 1)
             : kNone;
}
// y of -y, or kNone.
uint32_t negated(const Graph& g, uint32_t i) { return g.nodes[i].is(code_of<ops::Negative>) ? g.operand(i, 0) : kNone; }

// Signs move outwards, where they meet sums or each other.
uint32_t product(Graph& g, const Node& node, uint32_t a, uint32_t b) {
  if (is_all(g, a, 1)) return spread(g, b, node);
  if (is_all(g, b, 1)) return spread(g, a, node);
  if (!core::is_float(node.dtype)) return kNone;
  if (is_all(g, a, -1)) return spread(g, unary(g, code_of<ops::Negative>, b), node);
  if (is_all(g, b, -1)) return spread(g, unary(g, code_of<ops::Negative>, a), node);
  const uint32_t x = negated(g, a), y = negated(g, b);
  if (x == kNone && y == kNone) return kNone;
  const uint32_t positive = binary(g, code_of<ops::Multiply>, x == kNone ? a : x, y == kNone ? b : y, node);
  return x != kNone && y != kNone ? positive : unary(g, code_of<ops::Negative>, positive);
}

// The same for `scale`, which is never -0.
uint32_t strong_product(Graph& g, const Node& node, uint32_t a, uint32_t b) {
  auto plus = [&](uint32_t x) {
    return spread(g, without_minus_zero(g, x) ? x : with_zero(g, code_of<ops::Add>, x), node);
  };
  auto minus = [&](uint32_t x) { return spread(g, with_zero(g, code_of<ops::Subtract>, x), node); };
  for (const auto& [known, x] : {std::pair{a, b}, std::pair{b, a}}) {
    double v;
    if (!uniform(g, known, &v)) continue;
    if (v == 0) return zeros(g, node);
    if (v == 1) return plus(x);
    if (v == -1) return minus(x);
  }
  auto positive = [&](uint32_t x) { return negated(g, x) != kNone ? negated(g, x) : taken_from_zero(g, x); };
  const uint32_t x = positive(a), y = positive(b);
  if (x == kNone && y == kNone) return kNone;
  const uint32_t r = binary(g, code_of<ops::Scale>, x == kNone ? a : x, y == kNone ? b : y, node);
  return x != kNone && y != kNone ? r : minus(r);
}

uint32_t sum_or_difference(Graph& g, const Node& node, uint32_t a, uint32_t b) {
  const bool minus = node.is(code_of<ops::Subtract>);
  if (is_all(g, b, minus ? 0.0 : -0.0)) return spread(g, a, node);
  if (!minus && is_all(g, a, -0.0)) return spread(g, b, node);
  if (minus && is_all(g, a, -0.0)) return spread(g, unary(g, code_of<ops::Negative>, b), node);
  if (is_all(g, b, minus ? -0.0 : 0.0) && without_minus_zero(g, a)) return spread(g, a, node);
  if (!minus && is_all(g, a, 0) && without_minus_zero(g, b)) return spread(g, b, node);
  if (!core::is_float(node.dtype)) return kNone;
  if (!minus)
    for (const auto& [part, whole] : {std::pair{a, b}, std::pair{b, a}}) {  // added to a part of zeros: to that part
      const Node& n = g.nodes[part];
      if (!(n.is(code_of<ops::GatherAdd>) || n.is(code_of<ops::SliceAdd>)) || !(g.nodes[whole].shape == n.shape) ||
          !is_all(g, g.operand(part, 0), 0) || !without_minus_zero(g, whole))
        continue;
      std::vector<uint32_t> operands(g.operands(part).begin(), g.operands(part).end());
      operands[0] = whole;
      return g.add(n.op, operands, ParamsRef(n.params), n.dtype, Dims(n.shape));
    }
  if (negated(g, b) != kNone)
    return binary(g, minus ? code_of<ops::Add> : code_of<ops::Subtract>, a, negated(g, b), node);
  if (negated(g, a) != kNone && !minus) return binary(g, code_of<ops::Subtract>, b, negated(g, a), node);
  if (taken_from_zero(g, b) != kNone && without_minus_zero(g, a))
    return binary(g, minus ? code_of<ops::Add> : code_of<ops::Subtract>, a, taken_from_zero(g, b), node);
  if (taken_from_zero(g, a) != kNone && !minus && without_minus_zero(g, b))
    return binary(g, code_of<ops::Subtract>, b, taken_from_zero(g, a), node);
  return kNone;
}

uint32_t power(Graph& g, const Node& node, uint32_t a, uint32_t b) {
  double v;
  if (!core::is_float(node.dtype) || !uniform(g, b, &v)) return kNone;
  if (v == 1) return spread(g, a, node);
  if (v == 2) return spread(g, unary(g, code_of<ops::Square>, a), node);
  return kNone;
}

uint32_t moved(Graph& g, const Node& node, uint32_t x) {
  const Node& from = g.nodes[x];
  auto again = [&](const ParamsRef& p) {
    const uint32_t operand[] = {g.operand(x, 0)};
    return g.add(node.op, operand, p, node.dtype, node.shape);
  };
  if (node.is(code_of<ops::Reshape>)) {
    if (from.shape == node.shape) return x;
    if (from.is(code_of<ops::Reshape>)) {
      if (g.nodes[g.operand(x, 0)].shape == node.shape) return g.operand(x, 0);
      return again(node.params);
    }
  } else if (node.is(code_of<ops::BroadcastTo>)) {
    if (from.shape == node.shape) return x;
    if (from.is(code_of<ops::BroadcastTo>)) return again(node.params);
  } else if (node.is(code_of<ops::Transpose>)) {
    const Dims& perm = node.p<ops::Transpose>().axes;
    bool identity = true;
    for (int i = 0; i < perm.size(); ++i) identity &= perm[i] == i;
    if (identity) return x;
    if (from.is(code_of<ops::Transpose>)) {
      const auto p = ops::new_params<ops::Transpose>();
      identity = true;
      for (int i = 0; i < perm.size(); ++i) {
        p->axes.push_back(from.p<ops::Transpose>().axes[static_cast<int>(perm[i])]);
        identity &= p->axes[i] == i;
      }
      return identity ? g.operand(x, 0) : again(p);
    }
  } else if (node.is(code_of<ops::Astype>)) {
    if (from.dtype == node.dtype) return x;
  } else if (node.is(code_of<ops::Slice>)) {
    bool whole = node.p<ops::Slice>().count == from.shape && node.shape == from.shape;
    for (int64_t s : node.p<ops::Slice>().step) whole &= s == 1;
    if (whole) return x;
  }
  return kNone;
}

// A sum over axes of length one moves nothing but axes.
uint32_t trivial_sum(Graph& g, const Node& node, uint32_t x) {
  const Node& from = g.nodes[x];
  if (from.size() != node.size() || from.dtype != node.dtype || from.size() == 0) return kNone;
  if (from.shape == node.shape) return x;
  const uint32_t operand[] = {x};
  return g.add(code_of<ops::Reshape>, operand, ops::new_params<ops::Reshape>(node.shape), node.dtype, node.shape);
}

// A function of what is spread, spread: it is computed once for each number.
uint32_t spread_later(Graph& g, const Node& node, uint32_t x) {
  const bool plain = ops::info(static_cast<OpCode>(node.op)).elementwise || node.is(code_of<ops::Astype>);
  if (!plain || !g.nodes[x].is(code_of<ops::BroadcastTo>)) return kNone;
  const uint32_t source[] = {g.operand(x, 0)};
  const Dims shape = g.nodes[source[0]].shape;
  return spread(g, g.add(node.op, source, node.params, node.dtype, shape), node);
}

}  // namespace

uint32_t simplify(Graph& g, const Node& node, std::span<const uint32_t> in) {
  // An operand that only spreads another one: elementwise operations broadcast by themselves.
  uint32_t few[3];
  bool changed = false;
  const ops::Info& f = ops::info(static_cast<OpCode>(node.op));
  if (node.count <= 3 && (f.elementwise || node.is(code_of<ops::Where>)) && node.count > 1) {
    for (uint32_t k = 0; k < node.count; ++k) few[k] = in[k];
    for (uint32_t k = 0; k < node.count; ++k) {
      if (!g.nodes[few[k]].is(code_of<ops::BroadcastTo>)) continue;
      const uint32_t source = g.operand(few[k], 0);
      Dims shape = g.nodes[source].shape;
      for (uint32_t j = 0; j < node.count; ++j)
        if (j != k) shape = core::broadcast_shapes(shape, g.nodes[few[j]].shape, "simplify");
      if (!(shape == node.shape)) continue;
      few[k] = source;
      changed = true;
    }
    if (changed) in = {few, node.count};
  }
  uint32_t r = kNone;
  if (node.is(code_of<ops::Multiply>)) {
    if (node.dtype != DType::b1) r = product(g, node, in[0], in[1]);
  } else if (node.is(code_of<ops::Scale>)) {
    r = strong_product(g, node, in[0], in[1]);
  } else if (node.is(code_of<ops::Add>) || node.is(code_of<ops::Subtract>)) {
    r = sum_or_difference(g, node, in[0], in[1]);
  } else if (node.is(code_of<ops::Divide>)) {
    if (is_all(g, in[1], 1)) r = spread(g, in[0], node);
  } else if (node.is(code_of<ops::Power>)) {
    r = power(g, node, in[0], in[1]);
  } else if (node.is(code_of<ops::Negative>)) {
    if (g.nodes[in[0]].is(code_of<ops::Negative>)) r = g.operand(in[0], 0);
  } else if (node.is(code_of<ops::Where>)) {
    double v;
    if (uniform(g, in[0], &v))
      r = spread(g, v != 0 ? in[1] : in[2], node);
    else if (in[1] == in[2])
      r = spread(g, in[1], node);
  } else if (node.is(code_of<ops::Sum>) || node.is(code_of<ops::Max>) || node.is(code_of<ops::Min>)) {
    r = trivial_sum(g, node, in[0]);
  } else if (node.count == 1) {
    r = moved(g, node, in[0]);
  }
  if (r == kNone && node.count == 1) r = spread_later(g, node, in[0]);
  if (r == kNone && changed) return g.add(node.op, in, node.params, node.dtype, node.shape);
  return r;
}

}  // namespace wengert::program
