// What a graph computes, operation by operation, and what may be demanded of other ways to compute it.
#pragma once
#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "ad/recorder.h"
#include "ops/elementwise/evaluate.h"
#include "program/loop/loop.h"

namespace wengert::fuzz {

using core::ArrayRef;
using core::Dims;
using core::DType;
using ops::code_of;
using ops::OpCode;
using ops::ParamsRef;
using program::Graph;
using program::Loop;
using program::Node;

// Positions in an array of the given sizes, as the executor computes them; null if one is out of bounds.
inline ArrayRef positions(const Node& n, const std::vector<ArrayRef>& from) {
  ArrayRef y = core::zeros(DType::i64, n.shape);
  for (size_t k = 0; k < from.size(); ++k) {
    const int64_t size = program::sizes_of(n)[static_cast<int>(k)];
    const ArrayRef x = core::contiguous(core::broadcast_to(core::cast(from[k], DType::i64), n.shape));
    for (int64_t i = 0; i < y->size; ++i) {
      const int64_t at = x->as<int64_t>()[i];
      if (at < -size || at >= size) return nullptr;
      y->as<int64_t>()[i] = y->as<int64_t>()[i] * size + (at < 0 ? at + size : at);
    }
  }
  return y;
}

// Called with every graph that was computed, bodies of loops at every step included.
using Watch = std::function<void(const Graph&, const std::vector<ArrayRef>&)>;
std::vector<ArrayRef> values_of(const Graph& g, const std::vector<ArrayRef>& inputs, const Watch& watch);

// The outputs of a body; empty where a position was out of bounds.
inline std::vector<ArrayRef> outputs_of(const Graph& g, const std::vector<ArrayRef>& inputs, const Watch& watch) {
  const std::vector<ArrayRef> values = values_of(g, inputs, watch);
  std::vector<ArrayRef> out;
  for (uint32_t i : g.outputs) {
    if (!values[i]) return {};
    out.push_back(values[i]);
  }
  return out;
}

inline ArrayRef row_of(const ArrayRef& x, int64_t step) {
  ops::SliceParams p;
  for (int k = 0; k < x->ndim(); ++k) {
    p.start.push_back(k ? 0 : step);
    p.step.push_back(1);
    p.count.push_back(k ? x->shape[k] : 1);
    if (k) p.shape.push_back(x->shape[k]);
  }
  const ArrayRef in[] = {x};
  return core::copy(ops::Slice::value(in, p));
}

inline std::vector<ArrayRef> scanned(const Loop& l, std::vector<ArrayRef> in, const Watch& watch) {
  std::vector<ArrayRef> state(in.begin(), in.begin() + l.carries), out;
  std::vector<std::vector<ArrayRef>> rows(static_cast<size_t>(l.length));
  for (int64_t t = 0; t < l.length; ++t) {
    const int64_t step = l.reverse ? l.length - 1 - t : t;
    std::vector<ArrayRef> now = state;
    for (size_t k = l.carries; k < in.size(); ++k) now.push_back(k < l.carries + l.rows ? row_of(in[k], step) : in[k]);
    const std::vector<ArrayRef> next = outputs_of(l.body, now, watch);
    if (next.empty()) return {};
    state.assign(next.begin(), next.begin() + l.carries);
    rows[static_cast<size_t>(step)].assign(next.begin() + l.carries, next.end());
  }
  out = state;
  ops::Stack::Params at;
  for (size_t k = l.carries; k < l.results(); ++k) {
    std::vector<ArrayRef> ys;
    for (const auto& r : rows) ys.push_back(r[k - l.carries]);
    at.axis = -l.result_shape(k).size();
    out.push_back(ys.empty() ? core::zeros(l.result_type(k), l.result_shape(k)) : ops::Stack::value(ys, at));
  }
  return out;
}

// The results of a loop; empty where a position was out of bounds.
inline std::vector<ArrayRef> results_of(const Loop& l, const std::vector<ArrayRef>& in, const Watch& watch) {
  if (l.kind == Loop::scan) return scanned(l, in, watch);
  if (l.kind == Loop::branch)
    return outputs_of(core::item(*core::contiguous(in[0])) != 0 ? l.body : l.other, {in.begin() + 1, in.end()}, watch);
  std::vector<ArrayRef> state = in;
  int64_t steps = 0;
  for (; !l.length || steps < l.length; ++steps) {
    const std::vector<ArrayRef> more = outputs_of(l.other, state, watch);
    if (more.empty()) return {};
    if (core::item(*core::contiguous(more[0])) == 0) break;
    const std::vector<ArrayRef> next = outputs_of(l.body, state, watch);
    if (next.empty()) return {};
    std::copy(next.begin(), next.end(), state.begin());
  }
  state.resize(l.carries);
  state.push_back(core::scalar(static_cast<double>(steps), DType::i64));
  return state;
}

inline ArrayRef value_of(const Graph& g, uint32_t i, const std::vector<ArrayRef>& values, const Watch& watch = {}) {
  const Node& n = g.nodes[i];
  if (n.op == program::kLoop) return core::zeros(DType::b1, {});  // its results are computed by themselves
  if (n.op == program::kLoopResult) {
    const uint32_t loop = g.operand(i, 0);
    std::vector<ArrayRef> in;
    for (uint32_t a : g.operands(loop)) {
      if (!values[a]) return nullptr;
      in.push_back(values[a]);
    }
    const std::vector<ArrayRef> out = results_of(*program::loop_of(g.nodes[loop]), in, watch);
    return out.empty() ? nullptr : out[program::result_index(n)];
  }
  if (n.op == program::kConstant) return n.value;
  std::vector<ArrayRef> in;
  for (uint32_t a : g.operands(i)) {
    if (!values[a]) return nullptr;
    in.push_back(values[a]);
  }
  if (n.op == program::kPositions) return positions(n, in);
  if (!n.looks_up()) return ops::evaluate(static_cast<OpCode>(n.op), in, n.params.get());
  ops::GatherParams p(n.p<ops::Gather>());
  p.indices = in.back();
  in.pop_back();
  return ops::evaluate(static_cast<OpCode>(n.op), in, &p);
}

// All values of a graph; null where a position was out of bounds.
inline std::vector<ArrayRef> values_of(const Graph& g, const std::vector<ArrayRef>& inputs, const Watch& watch = {}) {
  std::vector<ArrayRef> values(g.nodes.size());
  for (size_t k = 0; k < inputs.size(); ++k) values[g.inputs[k]] = inputs[k];
  for (uint32_t i = 0; i < g.nodes.size(); ++i)
    if (!values[i]) values[i] = value_of(g, i, values, watch);
  if (watch) watch(g, values);
  return values;
}

// ---- what two ways of computing may differ in -----------------------------------------------------------------------

// `tolerance` 0 means to the last bit, but for the payload of NaN.
inline bool equal(const ArrayRef& x, const ArrayRef& y, double tolerance) {
  if (x->dtype != y->dtype || !(x->shape == y->shape)) return false;
  const ArrayRef a = core::contiguous(x), b = core::contiguous(y);
  double scale = 0;
  for (int64_t i = 0; i < b->size; ++i)
    if (std::isfinite(core::item(*b, i))) scale = std::max(scale, std::abs(core::item(*b, i)));
  for (int64_t i = 0; i < a->size; ++i) {
    const double p = core::item(*a, i), q = core::item(*b, i);
    if (tolerance == 0 && p == 0 && q == 0 && std::signbit(p) != std::signbit(q)) return false;
    if (p != q && !(std::isnan(p) && std::isnan(q)) && !(std::abs(p - q) <= tolerance * scale)) return false;
  }
  return true;
}

// Rounding is told apart from errors only where it is not blown up: no jumps, no extremes, and enough digits.
inline bool smooth(const Graph& g, const std::vector<ArrayRef>& values) {
  for (uint32_t i = 0; i < g.nodes.size(); ++i) {
    const Node& n = g.nodes[i];
    if (n.op < 0) continue;
    const ops::Info& f = ops::info(static_cast<OpCode>(n.op));
    if (!core::is_float(n.dtype) || (!f.differentiable && f.elementwise)) return false;
    if (n.is(code_of<ops::Remainder>)) return false;  // jumps, and multiplies rounding by its quotient
    const ArrayRef v = core::contiguous(values[i]);
    for (int64_t k = 0; k < v->size; ++k)
      if (!(std::abs(core::item(*v, k)) < 1e4)) return false;
  }
  return true;
}

// Single precision where any of the values is.
inline double rounding(const Graph& g) {
  double most = 1e-9;
  for (const Node& n : g.nodes) {
    if (n.dtype == DType::f32) return 2e-3;
    if (n.op == program::kLoop)
      most = std::max({most, rounding(program::loop_of(n)->body), rounding(program::loop_of(n)->other)});
  }
  return most;
}

// Sums run in the order of memory, and passes may leave an operand as a view that was none.
inline bool has_sums(const Graph& g) {
  return std::any_of(g.nodes.begin(), g.nodes.end(), [](const Node& n) {
    if (n.op == program::kLoop) return has_sums(program::loop_of(n)->body) || has_sums(program::loop_of(n)->other);
    if (n.op < 0) return false;
    const ops::Kind kind = ops::info(static_cast<OpCode>(n.op)).kind;
    return kind == ops::Kind::reduction || kind == ops::Kind::linalg || kind == ops::Kind::nn;
  });
}

}  // namespace wengert::fuzz
