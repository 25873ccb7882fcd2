// Random graphs over the whole registry, with loops and branches.
#pragma once
#include <random>
#include <vector>

#include "node_by_node.h"
#include "ops/result_type.h"

namespace wengert::fuzz {

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

class Maker {
 public:
  // depth: how many loops may lie inside one another.
  explicit Maker(Random& r, int depth = 2) : r_(r), depth_(depth) {
    static constexpr int64_t lengths[] = {0, 1, 2, 3, 4, 5, 8, 17, 40, 130};
    for (int64_t& d : size_) d = lengths[r.below(r.chance(80) ? 7 : 10)];
  }

  // A graph with `operations` operations on random inputs, which are returned as well.
  Graph graph(int operations, std::vector<ArrayRef>& inputs) {
    for (int64_t k = r_.below(4) + 1; k-- > 0;) inputs.push_back(random_array(r_, type(), shape()));
    fill(operations, inputs);
    for (int64_t k = r_.below(4) + 1; k-- > 0;) g_.outputs.push_back(any());
    const auto last = static_cast<uint32_t>(g_.nodes.size() - 1);
    if (r_.chance(80) && g_.nodes[last].op != program::kLoop) g_.outputs.push_back(last);
    for (int64_t k = r_.below(3); k-- > 0;) add_check();
    return std::move(g_);
  }

  // The body of a loop, at whose first step the inputs have these values: outputs of the types of `first`, then more.
  Graph body(int operations, const std::vector<ArrayRef>& inputs, const std::vector<ops::ArrayType>& first,
             int64_t more, bool counts) {
    fill(operations, inputs);
    for (const ops::ArrayType& t : first) g_.outputs.push_back(any_of(t));
    while (more-- > 0) g_.outputs.push_back(any_result());
    if (counts) {
      const uint32_t one = g_.add_constant(core::scalar(1.0, DType::f64));
      keep(one, g_.nodes[one].value);
      g_.outputs[0] = add(code_of<ops::Add>, {g_.inputs[0], one}, {});
    }
    return std::move(g_);
  }

 private:
  void fill(int operations, const std::vector<ArrayRef>& inputs) {
    for (const ArrayRef& a : inputs) g_.inputs.push_back(keep(g_.add(program::kInput, {}, {}, a->dtype, a->shape), a));
    for (int tries = 0; operations > 0 && tries < 4000; ++tries) operations -= step();
  }

  static constexpr int64_t kMost = 1 << 16;  // elements

  uint32_t keep(uint32_t i, const ArrayRef& value) {
    values_.resize(g_.nodes.size());
    values_[i] = value;
    return i;
  }
  uint32_t any() {  // but a loop is no operand
    for (;;)
      if (const auto i = static_cast<uint32_t>(r_.below(static_cast<int64_t>(g_.nodes.size())));
          g_.nodes[i].op != program::kLoop)
        return i;
  }
  uint32_t any_result() {
    if (g_.nodes.empty()) constant();
    return recent();
  }
  uint32_t any_of(const ops::ArrayType& t) {  // a late one, or a constant
    uint32_t found = program::kNone;
    for (uint32_t i = 0; i < g_.nodes.size(); ++i)
      if (g_.nodes[i].op != program::kLoop && g_.nodes[i].dtype == t.dtype && g_.nodes[i].shape == t.shape &&
          (found == program::kNone || r_.chance(70)))
        found = i;
    if (found != program::kNone) return found;
    const ArrayRef a = random_array(r_, t.dtype, t.shape);
    return keep(g_.add_constant(a), a);
  }
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
    return add(code_of<ops::Astype>, {x}, ops::new_params<ops::Astype>(t));
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
    const auto p = ops::new_params<ops::Slice>();
    for (int k = 0; k < from.size(); ++k) {
      const int64_t n = from[k], count = n ? r_.below(n + 1) : 0;
      const int64_t step = count > 1 ? (r_.chance(70) ? 1 : (n - 1) / (count - 1)) : 1, span = (count - 1) * step;
      const bool back = count > 1 && r_.chance(25);
      const int64_t start = count ? r_.below(n - span) : 0;
      p->start.push_back(back ? start + span : start);
      p->step.push_back(back ? -step : step);
      p->count.push_back(count);
      if (count != 1 || r_.chance(50)) p->shape.push_back(count);
      if (r_.chance(10)) p->shape.push_back(1);
    }
    return p;
  }
  ParamsRef strided(const Dims& from) {
    const auto p = ops::new_params<ops::Strided>();
    Dims order;
    for (int k = 0; k < from.size(); ++k) order.insert(static_cast<int>(r_.below(k + 1)), k);
    Dims layout(from.size(), 1);
    int64_t step = 1;
    for (int64_t axis : order) layout[static_cast<int>(axis)] = step, step *= from[static_cast<int>(axis)];
    p->layout = from.product() && r_.chance(50) ? layout : core::row_major(from);
    for (int64_t axis : order) {
      const int k = static_cast<int>(axis);
      const int64_t count = from[k] ? r_.below(from[k] + 1) : 0, start = count ? r_.below(from[k] - count + 1) : 0;
      const bool back = count > 1 && r_.chance(25);
      p->offset += (back ? start + count - 1 : start) * p->layout[k];
      p->shape.push_back(count);
      p->strides.push_back(back ? -p->layout[k] : p->layout[k]);
    }
    if (r_.chance(15)) p->shape.insert(0, 2), p->strides.insert(0, 0);
    return p;
  }
  ParamsRef gather(const Dims& from) {
    const auto p = ops::new_params<ops::Gather>();
    p->lead = from.empty() ? 0 : r_.below(from.size() + 1);
    const int64_t places = from.slice(0, static_cast<int>(p->lead)).product();
    p->indices = core::make(DType::i64, places ? Dims{r_.below(5), r_.below(3) + 1} : Dims{0});
    for (int64_t i = 0; i < p->indices->size; ++i) p->indices->as<int64_t>()[i] = r_.below(places);
    return p;
  }
  // Positions computed from a whole number among the values.
  uint32_t computed_gather(OpCode op, uint32_t x, uint32_t v) {
    const uint32_t at = recent();
    if (!core::is_int(g_.nodes[at].dtype) || g_.nodes[x].shape.empty()) return program::kNone;
    const ParamsRef p(new ad::PositionsParams(Dims{g_.nodes[x].shape[0]}));
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
    const auto q = ops::new_params<ops::Gather>();
    q->lead = 1;
    q->indices = values_[place];
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

  void choose(ops::FieldKind kind, Dims& d, const Dims& from) {
    const int rank = from.size();
    switch (kind) {
      case ops::FieldKind::axes:
        d = axes(rank);
        break;
      case ops::FieldKind::shape:
        d = another_shape(from);
        break;
      case ops::FieldKind::permutation:
        for (int k = 0; k < rank; ++k) d.insert(static_cast<int>(r_.below(k + 1)), k);
        break;
      default:
        d = from;
        for (int64_t& n : std::span(d.data(), static_cast<size_t>(rank)))
          if (n == 1) n = length();
        if (r_.chance(40)) d.insert(0, length());
    }
  }
  void choose(ops::FieldKind kind, int64_t& v, const Dims& from) {
    v = kind == ops::FieldKind::integer ? r_.below(4) : -1 - r_.below(from.size() + 1);
  }
  void choose(ops::FieldKind, DType& v, const Dims&) { v = r_.chance(70) ? DType::f64 : DType::f32; }
  void choose(ops::FieldKind, bool& v, const Dims&) { v = r_.chance(50); }
  void choose(ops::FieldKind, ArrayRef&, const Dims&) {}  // of indexing only, see gather()
  ParamsRef parameters(OpCode op, const Dims& from) {
    const ops::Info& f = ops::info(op);
    if (f.params.empty()) return {};
    if (f.kind == ops::Kind::indexing)
      return f.params.size() != 4 ? gather(from) : f.params[0].name == "start" ? slice(from) : strided(from);
    const ParamsRef p = f.new_params();
    ops::for_each_field(*p, [&](const ops::Field& q, auto& v) { choose(q.kind, v, from); });
    return p;
  }

  static std::vector<ops::ArrayType> types_of(const std::vector<ArrayRef>& values) {
    std::vector<ops::ArrayType> t;
    for (const ArrayRef& v : values) t.push_back({v->dtype, v->shape});
    return t;
  }

  // A loop that ends, over values there are, with all of its results. Nothing is kept of one whose positions leave
  // their array at a later step.
  int loop() {
    const auto kind = static_cast<Loop::Kind>(r_.below(3));
    std::vector<uint32_t> in;
    std::vector<ArrayRef> now;  // the inputs of the body at the first step
    auto take = [&](uint32_t i) {
      in.push_back(i);
      now.push_back(values_[i]);
    };
    auto number = [&](double v, DType t) {
      const ArrayRef a = core::scalar(v, t);
      take(keep(g_.add_constant(a), a));
    };
    int64_t length = 0;
    uint32_t carries = 0, rows = 0;
    if (kind == Loop::repeat) number(1, DType::f64), ++carries;  // counts the steps
    if (kind != Loop::branch)
      for (int64_t k = r_.below(3); k-- > 0; ++carries) take(recent());
    if (kind == Loop::scan) {
      length = r_.below(5);
      for (int64_t k = r_.below(4); k-- > 0;) {
        const uint32_t i = recent();
        const Dims& s = g_.nodes[i].shape;
        if (s.empty() || s[0] > 8 || (rows && s[0] != length)) continue;
        length = s[0];
        in.push_back(i);
        now.push_back(length ? row_of(values_[i], 0) : random_array(r_, g_.nodes[i].dtype, s.slice(1, s.size())));
        ++rows;
      }
    }
    for (int64_t k = r_.below(3) + (in.empty() && kind == Loop::branch); k-- > 0;) take(recent());
    std::vector<ops::ArrayType> kept = types_of({now.begin(), now.begin() + carries});
    const int size = static_cast<int>(r_.below(6)) + 1;
    Graph body =
        Maker(r_, depth_ - 1)
            .body(size, now, kept, kind == Loop::repeat ? 0 : r_.below(3) + (carries == 0), kind == Loop::repeat);
    Graph other;
    if (kind == Loop::repeat) {
      for (const ArrayRef& a : now) other.inputs.push_back(other.add(program::kInput, {}, {}, a->dtype, a->shape));
      const uint32_t pair[] = {other.inputs[0],
                               other.add_constant(core::scalar(static_cast<double>(r_.below(5)), DType::f64))};
      other.outputs.push_back(other.add(code_of<ops::LessEqual>, pair, {}, DType::b1, {}));
    } else if (kind == Loop::branch) {
      std::vector<ops::ArrayType> results;
      for (uint32_t i : body.outputs) results.push_back({body.nodes[i].dtype, body.nodes[i].shape});
      other = Maker(r_, depth_ - 1).body(size, now, results, 0, false);
      in.insert(in.begin(), any_of({DType::b1, {}}));
    }
    program::LoopForm form{kind, carries, rows, length};
    form.reverse = kind == Loop::scan && r_.chance(40);
    form.recompute = kind == Loop::scan && r_.chance(20);
    if (kind == Loop::repeat && r_.chance(30)) form.length = r_.below(4) + 1;
    const auto made = std::make_shared<const Loop>(form, std::move(body), std::move(other));
    return add_loop(made, in);
  }

  int add_loop(const program::LoopRef& l, const std::vector<uint32_t>& in) {
    std::vector<ArrayRef> operands;
    for (uint32_t i : in) operands.push_back(values_[i]);
    for (size_t k = 0; k < l->results(); ++k)
      if (l->result_shape(k).product() > kMost) return 0;
    const std::vector<ArrayRef> results = results_of(*l, operands, {});
    if (results.size() != l->results()) return 0;
    const uint32_t node = g_.add(program::kLoop, in, ParamsRef(new program::LoopParams(l)), DType::b1, {});
    keep(node, value_of(g_, node, values_));
    for (size_t k = 0; k < results.size(); ++k) {
      if (results.size() > 1 && r_.chance(15)) continue;  // nobody wants it
      const uint32_t from[] = {node};
      keep(g_.add(program::kLoopResult, from, program::result_params(k), l->result_type(k), l->result_shape(k)),
           results[k]);
    }
    return 3;
  }

  // Keys may be of use as first blocks, too.
  uint32_t random_bits() {
    const ops::ArrayType words{DType::i32, Dims{2}};
    const auto p = ops::copied_params<ops::RandomBits>(*parameters(code_of<ops::RandomBits>, shape()));
    p->dtype = static_cast<DType>(1 + r_.below(core::kDTypes - 1));
    p->words = p->words && p->dtype == DType::i32;
    if (p->words) p->shape.push_back(2);
    const uint32_t key = any_of(words);
    return add(code_of<ops::RandomBits>, {key, any_of(words)}, p);
  }

  // One more operation if it fits; how many were added, about.
  int step() {
    if (depth_ > 0 && r_.chance(6) && !g_.nodes.empty()) return loop();
    if (g_.nodes.empty() || r_.chance(4)) return constant() != program::kNone;
    const auto op = static_cast<OpCode>(r_.chance(15) ? code_of<ops::Matmul> : r_.below(ops::kOps));
    if (op == code_of<ops::RandomBits>) return random_bits() != program::kNone;
    // Of operands that are no weights of a softmax their kernel and their scalar code may differ.
    if (op == code_of<ops::SoftmaxSweep> || op == code_of<ops::LogSoftmaxSweep>) return 0;
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
      in[1] = add(code_of<ops::Transpose>, {in[1]}, ops::new_params<ops::Transpose>(Dims{1, 0}));
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
    const auto asked = v->size == 1 ? static_cast<ad::GuardOn>(r_.below(3)) : ad::GuardOn::elements;
    g_.guards.push_back({i, asked, core::copy(v), "random.py:1"});
  }

  Random& r_;
  int depth_;
  Graph g_;
  std::vector<ArrayRef> values_;
  int64_t size_[2] = {};
};

}  // namespace wengert::fuzz
