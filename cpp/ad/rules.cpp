#include "ad/rules.h"

#include "ops/elementwise/evaluate.h"
#include "simd/rounding.h"

namespace wengert::ad {

using ops::info;

// ---- forward --------------------------------------------------------------------------------------------------------

Value Jvp::aligned(int i) const {
  const Value& v = t(i);
  const int missing = result_.shape().size() - shape(i).size();
  if (!k_ || missing == 0) return v;
  Dims s{k_};
  for (int n = 0; n < missing; ++n) s.push_back(1);
  return reshape(v, core::concat(s, shape(i)));
}

Value Jvp::tangent_or_zeros(int i) const { return active(i) ? t(i) : zeros(ops::led(k_, shape(i)), arg(i).dtype()); }

std::vector<Value> Jvp::all_tangents() const {
  std::vector<Value> r;
  for (size_t i = 0; i < primals_.size(); ++i) r.push_back(tangent_or_zeros(static_cast<int>(i)));
  return r;
}

namespace {

Value times(const Value& t, const Value& slope) { return scale(t, slope); }
Value times(const Value& t, const ops::Factors<Value>& slope) { return scale(scale(t, slope.first), slope.second); }
Value times(const Value& t, ops::One) { return t; }
Value times(const Value& t, ops::MinusOne) { return -t; }

template <class Op> Value tangent_rule(With<Op, Jvp>& r) {
  if constexpr (ops::Unary<Op>) {
    return times(r.t(0), Op::slope(r.arg(0), r.result()));
  } else if constexpr (ops::Binary<Op>) {
    Value a, b;
    if (r.active(0)) a = times(r.aligned(0), Op::slope0(r.arg(0), r.arg(1), r.result()));
    if (r.active(1)) b = times(r.aligned(1), Op::slope1(r.arg(0), r.arg(1), r.result()));
    if (a && b) return a + b;
    return broadcast_to(a ? a : b, ops::led(r.k(), r.result().shape()));
  } else {
    return Op::jvp(r);
  }
}

template <class Op> void cotangent_rule(With<Op, Vjp>& r) {
  if constexpr (ops::Unary<Op>) {
    const Value x = Op::saves & ops::kArg0 ? r.arg(0) : r.g(), y = Op::saves & ops::kResult ? r.result() : r.g();
    r.give(0, times(r.g(), Op::slope(x, y)));
  } else if constexpr (ops::Binary<Op>) {
    auto saved = [&](uint8_t mask, uint8_t bit, int i) { return mask & bit ? (i < 2 ? r.arg(i) : r.result()) : r.g(); };
    auto give = [&](int i, uint8_t mask, auto slope) {
      if (!r.wants(i)) return;
      const Value s =
          times(r.g(), slope(saved(mask, ops::kArg0, 0), saved(mask, ops::kArg1, 1), saved(mask, ops::kResult, 2)));
      r.give(i, sum_to(s, r.shape(i)));
    };
    give(0, Op::saves0, [](const Value& a, const Value& b, const Value& y) { return Op::slope0(a, b, y); });
    give(1, Op::saves1, [](const Value& a, const Value& b, const Value& y) { return Op::slope1(a, b, y); });
  } else {
    Op::vjp(r);
  }
}

struct Rules {
  Value (*tangent[ops::kOps])(const std::vector<Value>& primals, const std::vector<Value>& tangents,
                              const Value& result, const ParamsRef& params, int64_t k) = {};
  void (*cotangent[ops::kOps])(Tape& tape, uint32_t node, Value g, Cotangents& to) = {};
  Rules() {
    ops::Primitives::for_each([this]<class Op>() {
      if constexpr (Op::differentiable) {
        tangent[ops::code_of<Op>] = [](const std::vector<Value>& primals, const std::vector<Value>& tangents,
                                       const Value& result, const ParamsRef& params, int64_t k) {
          With<Op, Jvp> r(primals, tangents, result, params, k);
          return tangent_rule<Op>(r);
        };
        cotangent[ops::code_of<Op>] = [](Tape& tape, uint32_t node, Value g, Cotangents& to) {
          With<Op, Vjp> r(tape, node, std::move(g), to);
          cotangent_rule<Op>(r);
        };
      }
    });
  }
};
const Rules rules;

}  // namespace

Value tangent_of(OpCode op, const std::vector<Value>& primals, const std::vector<Value>& tangents, const Value& result,
                 const ParamsRef& params, int64_t k) {
  return rules.tangent[op](primals, tangents, result, params, k);
}

// ---- reverse --------------------------------------------------------------------------------------------------------

namespace {
// Reused between sweeps: a fresh list of a million cells would cost 2 ms in page faults alone.
thread_local std::vector<Cell> spare_cells;
}  // namespace

Cotangents::Cotangents(uint32_t n) {
  cells_.swap(spare_cells);
  cells_.assign(n, Cell());
}

Cotangents::~Cotangents() {
  for (Cell& c : cells_) c.release();
  if (cells_.capacity() <= (size_t{1} << 22)) cells_.swap(spare_cells);
}

void Cotangents::add(uint32_t i, ArrayRef g) {
  Cell& c = cells_[i];
  if (c.empty()) {
    c = Cell(std::move(g));
    return;
  }
  if (!c.is_array()) {
    add(i, Value(std::move(g)));
    return;
  }
  core::Array* a = c.array();
  if (a->sole_owner()) {
    ops::add_into(*a, g);
  } else if (g->sole_owner()) {
    ops::add_into(*g, c.array_ref());
    c.release();
    c = Cell(std::move(g));
  } else {
    const ArrayRef held = c.take_array();
    c = Cell(ops::binary(ops::code_of<ops::Add>, held, g));
  }
}

void Cotangents::add(uint32_t i, Value g) {
  Cell& c = cells_[i];
  if (g.plain() && (c.empty() || c.is_array())) {
    add(i, std::move(g.array));
    return;
  }
  if (c.empty()) {
    c = Cell(g);
    return;
  }
  const Value sum = c.take_value() + g;
  c = Cell(sum);
}

void Vjp::give_part(OpCode op, int i, const Value& g) {
  if (!wants(i)) return;
  const uint32_t target = tape_.arg(node_, i);
  Value whole = to_.has(target) ? to_.take(target) : zeros(tape_.shape(target), tape_.node(target).dtype);
  update(op, whole, g, params());
  to_.cell(target) = Cell(whole);
}

namespace {

// The sum over the axes along which an operand had been broadcast, for plain arrays.
ArrayRef reduced_to(ArrayRef g, const Dims& shape) {
  if (g->shape == shape) return g;
  return sum_to(Value(std::move(g)), Dims(shape)).array;  // a copy of the shape, which may be on the tape
}

// Saved numbers in the form that kernels take. They belong to nobody: the count never falls to zero.
class Numbers {
 public:
  Numbers() {
    for (core::Array& a : frames_) a.refs = 1, a.data = a.payload;
  }
  core::Array* set(int k, double v, DType t) {
    core::Array& a = frames_[k];
    a.dtype = t;
    core::for_float(t, [&]<class T>(core::TypeTag<T>) { *a.as<T>() = static_cast<T>(v); });
    return &a;
  }

 private:
  core::Array frames_[3];
};

// First-order sweep of an elementwise node over plain arrays: one fused kernel for each operand. False if something is
// not plain.
bool sweep_elementwise(Tape& tape, uint32_t i, Cotangents& ct, Numbers& numbers) {
  const Node n = tape.node(i);  // a copy: while a kernel runs another thread may record on this tape
  const ops::Info& f = info(n.op);
  if (!f.elementwise || !ct.cell(i).is_array()) return false;
  core::Array* saved[3] = {};
  for (int k = 0; k < 3; ++k) {
    const auto bit = static_cast<uint8_t>(k == 2 ? ops::kResult : 1 << k);
    if (!(n.saved & bit)) continue;
    if (n.saved & kNumbers) {
      saved[k] = numbers.set(k, tape.saved_number(i, bit), n.dtype);
      continue;
    }
    const Cell& c = tape.saved(i, bit);
    if (!c.is_array()) return false;
    saved[k] = c.array();
  }
  ArrayRef g = ct.cell(i).take_array();
  if (f.arity == 1) {
    ct.add(tape.arg(i, 0), ops::sweep_unary(n.op, std::move(g), saved[0], saved[2]));
    return true;
  }
  const uint32_t target[2] = {tape.arg(i, 0), tape.arg(i, 1)};
  for (int k = 0; k < 2; ++k) {
    if (target[k] == kNoNode) continue;
    const bool last = k == 1 || target[1] == kNoNode;
    ArrayRef gk = last ? std::move(g) : g;
    if (!f.unit_slope[k]) gk = ops::sweep_binary(n.op, k, std::move(gk), saved[0], saved[1], saved[2]);
    ct.add(target[k], reduced_to(std::move(gk), tape.shape(target[k])));
  }
  return true;
}

// A result leaves its cotangent where it is; the call, which lies before its results, takes all and runs its rule.
void sweep_call(Tape& tape, uint32_t i, Cotangents& ct) {
  if (tape.node(i).op == kCallResult) {
    const uint32_t call = tape.arg(i, 0);
    if (!ct.has(call)) ct.add(call, Value(core::make_scalar(DType::b1)));  // marks the call as reached
    return;
  }
  ct.take(i);
  const Ref<CustomCall> held(tape.saved(i, kSavesParams).custom());  // its rule may sweep this tape again
  CustomCall& c = *held;
  std::vector<Value> g(c.results.size());
  for (size_t k = 0; k < g.size(); ++k) {
    const uint32_t result = i + 1 + static_cast<uint32_t>(k);
    g[k] = ct.has(result) ? ct.take(result) : zeros(c.results[k].shape(), c.results[k].dtype());
  }
  const std::vector<Value> out = c.backward(g);
  for (int k = 0; k < tape.arity(i); ++k) {
    const uint32_t target = tape.arg(i, k);
    const Value& v = out[static_cast<size_t>(k)];
    if (target != kNoNode && v) ct.add(target, v);
  }
}

}  // namespace

std::vector<Value> sweep(Tape& tape, std::vector<std::pair<uint32_t, Value>> seeds, const std::vector<uint32_t>& wanted,
                         bool keep) {
  const Sweeping claimed(tape);
  const simd::RoundToNearest rounding;
  uint32_t top = 0;
  for (auto& [node, g] : seeds) top = std::max(top, node + 1);
  for (uint32_t w : wanted) top = std::max(top, w + 1);
  Cotangents ct(top);
  std::vector<Value> result(wanted.size());
  std::vector<char> is_wanted(top, 0);
  for (uint32_t w : wanted) is_wanted[w] = 1;
  for (auto& [node, g] : seeds) ct.add(node, std::move(g));
  seeds.clear();
  Numbers numbers;
  for (uint32_t i = top; i-- > 0;) {
    if (!ct.has(i)) continue;
    const OpCode op = tape.node(i).op;
    if (op == kInput || op == kShapeOnly) continue;  // collected below
    if (is_wanted[i])
      for (size_t k = 0; k < wanted.size(); ++k)
        if (wanted[k] == i) result[k] = ct.cell(i).value();
    if (tape.consumed(i))
      runtime_error(
          "wengert.backward: a second sweep through a graph whose saved values were dropped by the first; pass "
          "retain_graph=True to the first backward, or compute the value again");
    if (op == kCall || op == kCallResult) {
      sweep_call(tape, i, ct);
      if (!keep) tape.drop_saved(i);
      continue;
    }
    if (!sweep_elementwise(tape, i, ct, numbers)) rules.cotangent[op](tape, i, ct.take(i), ct);
    if (!keep) tape.drop_saved(i);
  }
  for (size_t k = 0; k < wanted.size(); ++k)
    if (tape.node(wanted[k]).op == kInput) result[k] = ct.cell(wanted[k]).value();
  return result;
}

}  // namespace wengert::ad
