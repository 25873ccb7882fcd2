// Random graphs over the whole registry, and what they compute, operation by operation.
#pragma once
#include <cmath>
#include <random>
#include <vector>

#include "ops/evaluate.h"
#include "ops/result_type.h"
#include "program/graph.h"

namespace wengert::fuzz {

using core::ArrayRef;
using core::Dims;
using core::DType;
using ops::code_of;
using ops::OpCode;
using ops::ParamsRef;
using program::Graph;
using program::Node;

struct Random {
  explicit Random(uint64_t seed) : engine(seed) {}
  std::mt19937_64 engine;
  int64_t below(int64_t n) { return static_cast<int64_t>(engine() % static_cast<uint64_t>(n)); }
  bool chance(int percent) { return below(100) < percent; }
  double uniform(double lo, double hi) { return std::uniform_real_distribution<double>(lo, hi)(engine); }
};

inline ArrayRef random_array(Random& r, DType t, const Dims& shape) {
  ArrayRef a = core::make(t, shape);
  core::dispatch(t, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < a->size; ++i) {
      if constexpr (std::is_floating_point_v<T>)
        a->as<T>()[i] = static_cast<T>(r.chance(10) ? static_cast<double>(r.below(3)) - 1 : r.uniform(-2, 2));
      else
        a->as<T>()[i] = static_cast<T>(t == DType::b1 ? r.below(2) : r.below(9) - 4);
    }
  });
  return a;
}

// Positions in an array of the given sizes, as the executor computes them; null if one is out of bounds.
inline ArrayRef positions(const Node& n, const std::vector<ArrayRef>& from) {
  ArrayRef y = core::zeros(DType::i64, n.shape);
  for (size_t k = 0; k < from.size(); ++k) {
    const int64_t size = n.params->dims[0][static_cast<int>(k)];
    const ArrayRef x = core::contiguous(core::broadcast_to(core::cast(from[k], DType::i64), n.shape));
    for (int64_t i = 0; i < y->size; ++i) {
      const int64_t at = x->as<int64_t>()[i];
      if (at < -size || at >= size) return nullptr;
      y->as<int64_t>()[i] = y->as<int64_t>()[i] * size + (at < 0 ? at + size : at);
    }
  }
  return y;
}

inline ArrayRef value_of(const Graph& g, uint32_t i, const std::vector<ArrayRef>& values) {
  const Node& n = g.nodes[i];
  if (n.op == program::kConstant) return n.value;
  std::vector<ArrayRef> in;
  for (uint32_t a : g.operands(i)) {
    if (!values[a]) return nullptr;
    in.push_back(values[a]);
  }
  if (n.op == program::kPositions) return positions(n, in);
  if (!n.looks_up()) return ops::evaluate(static_cast<OpCode>(n.op), in, n.params.get());
  ops::Params p(*n.params);
  p.array = in.back();
  in.pop_back();
  return ops::evaluate(static_cast<OpCode>(n.op), in, &p);
}

// All values of a graph; null where a position was out of bounds.
inline std::vector<ArrayRef> values_of(const Graph& g, const std::vector<ArrayRef>& inputs) {
  std::vector<ArrayRef> values(g.nodes.size());
  for (size_t k = 0; k < inputs.size(); ++k) values[g.inputs[k]] = inputs[k];
  for (uint32_t i = 0; i < g.nodes.size(); ++i)
    if (!values[i]) values[i] = value_of(g, i, values);
  return values;
}

class Maker {
 public:
  explicit Maker(Random& r) : r_(r) {
    static constexpr int64_t lengths[] = {0, 1, 2, 3, 4, 5, 8, 17, 40, 130};
    for (int64_t& d : size_) d = lengths[r.below(r.chance(80) ? 7 : 10)];
  }

  // A graph with `operations` operations on random inputs, which are returned as well.
  Graph graph(int operations, std::vector<ArrayRef>& inputs) {
    for (int64_t k = r_.below(4) + 1; k-- > 0;) {
      const ArrayRef a = random_array(r_, type(), shape());
      g_.inputs.push_back(keep(g_.add(program::kInput, {}, {}, a->dtype, a->shape), a));
      inputs.push_back(a);
    }
    for (int tries = 0; operations > 0 && tries < 4000; ++tries) operations -= step();
    for (int64_t k = r_.below(4) + 1; k-- > 0;) g_.outputs.push_back(any());
    if (r_.chance(80)) g_.outputs.push_back(static_cast<uint32_t>(g_.nodes.size() - 1));
    for (int64_t k = r_.below(3); k-- > 0;) add_check();
    return std::move(g_);
  }

 private:
  static constexpr int64_t kMost = 1 << 16;  // elements

  uint32_t keep(uint32_t i, const ArrayRef& value) {
    values_.resize(g_.nodes.size());
    values_[i] = value;
    return i;
  }
  uint32_t any() { return static_cast<uint32_t>(r_.below(static_cast<int64_t>(g_.nodes.size()))); }
  // Later ones more often: chains, not bushes.
  uint32_t recent() { return r_.chance(60) ? std::max(any(), any()) : any(); }
  DType type() {
    static constexpr DType often[] = {DType::f64, DType::f64, DType::f64, DType::f32,
                                      DType::i64, DType::i32, DType::b1};
    return often[r_.below(7)];
  }
  int64_t length() { return r_.chance(15) ? 1 : size_[r_.below(2)]; }
  Dims shape() {
    Dims d;
    static constexpr int ranks[] = {0, 1, 1, 2, 2, 2, 3};
    for (int k = ranks[r_.below(7)]; k-- > 0;) d.push_back(length());
    return d.product() > kMost ? Dims{} : d;
  }
  uint32_t astype(uint32_t x, DType t) {
    if (g_.nodes[x].dtype == t) return x;
    if (core::is_float(g_.nodes[x].dtype) && core::is_int(t)) return x;  // NaN to int: undefined
    ParamsRef p(new ops::Params);
    p->number = static_cast<int64_t>(t);
    return add(code_of<ops::Astype>, {x}, p);
  }
  uint32_t constant() {
    ArrayRef a = random_array(r_, type(), shape());
    if (r_.chance(30))
      a = core::full(a->dtype, a->shape, a->dtype == DType::b1 ? 1.0 : static_cast<double>(r_.below(3)) - 1);
    return keep(g_.add_constant(a), a);
  }

  // kNone: the operation does not take these operands.
  uint32_t add(int op, std::vector<uint32_t> in, const ParamsRef& p) {
    std::vector<ops::ArrayType> types;
    for (uint32_t a : in) types.push_back({g_.nodes[a].dtype, g_.nodes[a].shape});
    try {
      const ops::ArrayType t = ops::result_type(static_cast<OpCode>(op), types, p.get());
      if (t.shape.product() > kMost) return program::kNone;
      const uint32_t i = g_.add(op, in, p, t.dtype, t.shape);
      return keep(i, value_of(g_, i, values_));
    } catch (const Error&) {
      return program::kNone;
    }
  }

  Dims axes(int rank) {
    Dims d;
    for (int k = -rank; k < 0; ++k)
      if (r_.chance(60)) d.push_back(k);
    return d;
  }
  Dims another_shape(const Dims& from) {  // of as many elements
    if (from.product() == 0 || r_.chance(30)) return r_.chance(50) ? Dims{from.product()} : from;
    Dims d = from;
    d.insert(static_cast<int>(r_.below(d.size() + 1)), 1);
    for (int k = 0; k + 1 < d.size(); ++k)
      if (r_.chance(40)) {
        d[k] *= d[k + 1];
        d.erase(k + 1);
      }
    return d;
  }
  ParamsRef slice(const Dims& from) {
    ParamsRef p(new ops::Params);
    for (int k = 0; k < from.size(); ++k) {
      const int64_t n = from[k], count = n ? r_.below(n + 1) : 0;
      const int64_t step = count > 1 ? (r_.chance(70) ? 1 : (n - 1) / (count - 1)) : 1, span = (count - 1) * step;
      const bool back = count > 1 && r_.chance(25);
      const int64_t start = count ? r_.below(n - span) : 0;
      p->dims[0].push_back(back ? start + span : start);
      p->dims[1].push_back(back ? -step : step);
      p->dims[2].push_back(count);
      if (count != 1 || r_.chance(50)) p->dims[3].push_back(count);
      if (r_.chance(10)) p->dims[3].push_back(1);
    }
    return p;
  }
  ParamsRef gather(const Dims& from) {
    ParamsRef p(new ops::Params);
    p->number = from.empty() ? 0 : r_.below(from.size() + 1);
    const int64_t places = from.slice(0, static_cast<int>(p->number)).product();
    p->array = core::make(DType::i64, places ? Dims{r_.below(5), r_.below(3) + 1} : Dims{0});
    for (int64_t i = 0; i < p->array->size; ++i) p->array->as<int64_t>()[i] = r_.below(places);
    return p;
  }
  // Positions computed from a whole number among the values.
  uint32_t computed_gather(OpCode op, uint32_t x, uint32_t v) {
    const uint32_t at = recent();
    if (!core::is_int(g_.nodes[at].dtype) || g_.nodes[x].shape.empty()) return program::kNone;
    ParamsRef p(new ops::Params);
    p->dims[0] = Dims{g_.nodes[x].shape[0]};
    const uint32_t one[] = {at};
    const Dims shape = g_.nodes[at].shape;
    const uint32_t place = g_.add(program::kPositions, one, p, DType::i64, shape);
    keep(place, value_of(g_, place, values_));
    if (!values_[place]) {  // out of bounds: the recording would have raised
      g_.nodes.pop_back();
      g_.args.pop_back();
      values_.pop_back();
      return program::kNone;
    }
    ParamsRef q(new ops::Params);
    q->number = 1;
    q->array = values_[place];
    std::vector<uint32_t> in{x};
    if (op != code_of<ops::Gather>) in.push_back(v);
    const uint32_t made = add(op, in, q);
    if (made == program::kNone || (op == code_of<ops::GatherAdd> && !core::is_float(g_.nodes[made].dtype)) ||
        op == code_of<ops::GatherUpdate>)
      return made;  // with the positions of now, as constants
    g_.args.push_back(place);
    ++g_.nodes[made].count;
    return made;
  }

  ParamsRef parameters(OpCode op, const Dims& from) {
    const ops::Info& f = ops::info(op);
    if (f.params.empty()) return {};
    if (f.kind == ops::Kind::indexing) return f.params.size() == 4 ? slice(from) : gather(from);
    ParamsRef p(new ops::Params);
    const int rank = from.size();
    for (const ops::Param& q : f.params) {
      Dims& d = p->dims[q.slot];
      switch (q.kind) {
        case ops::ParamKind::axes:
          d = axes(rank);
          break;
        case ops::ParamKind::axis:
          d = Dims{-1 - r_.below(rank + 1)};
          break;
        case ops::ParamKind::shape:
          d = another_shape(from);
          break;
        case ops::ParamKind::permutation:
          for (int k = 0; k < rank; ++k) d.insert(static_cast<int>(r_.below(k + 1)), k);
          break;
        case ops::ParamKind::dims:
          d = from;
          for (int64_t& n : std::span(d.data(), static_cast<size_t>(rank)))
            if (n == 1) n = length();
          if (r_.chance(40)) d.insert(0, length());
          break;
        case ops::ParamKind::integer:
          p->number = r_.below(4);
          break;
        case ops::ParamKind::dtype:
          p->number = r_.chance(70) ? static_cast<int64_t>(DType::f64) : static_cast<int64_t>(DType::f32);
          break;
        default:
          p->flag = r_.chance(50);
      }
    }
    return p;
  }

  // One more operation if it fits; how many were added, about.
  int step() {
    if (r_.chance(4)) return constant() != program::kNone;
    const auto op = static_cast<OpCode>(r_.chance(15) ? code_of<ops::Matmul> : r_.below(ops::kOps));
    const ops::Info& f = ops::info(op);
    std::vector<uint32_t> in{recent()};
    const int64_t count = f.arity == ops::kVariadic ? r_.below(4) + 1 : f.arity;
    while (static_cast<int64_t>(in.size()) < count) in.push_back(r_.chance(20) ? in[0] : recent());
    const bool where = op == code_of<ops::Where>;
    if (f.types == ops::Types::floats || op == code_of<ops::Softmax>)
      if (!core::is_float(g_.nodes[in[0]].dtype)) in[0] = astype(in[0], DType::f64);
    if (where) in[0] = astype(in[0], DType::b1);
    for (size_t k = where ? 2 : 1; k < in.size(); ++k) in[k] = astype(in[k], g_.nodes[in[where ? 1 : 0]].dtype);
    if (op == code_of<ops::Matmul> && r_.chance(60) && g_.nodes[in[1]].shape.size() == 2) {
      ParamsRef p(new ops::Params);
      p->dims[0] = Dims{1, 0};
      in[1] = add(code_of<ops::Transpose>, {in[1]}, p);
    }
    const bool gathers =
        op == code_of<ops::Gather> || op == code_of<ops::GatherUpdate> || op == code_of<ops::GatherAdd>;
    if (gathers && r_.chance(60)) return computed_gather(op, in[0], in.back()) != program::kNone;
    return add(op, in, parameters(op, g_.nodes[in[0]].shape)) != program::kNone;
  }

  void add_check() {
    const uint32_t i = any();
    const ArrayRef& v = values_[i];
    if (v->size > 64) return;
    const auto asked = v->size == 1 ? static_cast<ad::Asked>(r_.below(3)) : ad::Asked::elements;
    g_.checks.push_back({i, asked, core::copy(v), "random.py:1"});
  }

  Random& r_;
  Graph g_;
  std::vector<ArrayRef> values_;
  int64_t size_[2] = {};
};

}  // namespace wengert::fuzz
