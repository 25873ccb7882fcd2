// Reverse sweeps of small tapes made by hand, against derivatives known from elsewhere.
#include <cmath>
#include <functional>
#include <limits>

#include "ad/apply.h"
#include "ad/functions.h"
#include "ad/reverse.h"
#include "arrays.h"
#include "check.h"
#include "ops/elementwise/evaluate.h"

using namespace wengert;
using namespace wengert::ad;
using ops::code_of;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();

// A tape, and the value of each of its nodes.
struct Recorded {
  Tape tape;
  std::vector<ArrayRef> values;

  uint32_t keep(uint32_t node, const ArrayRef& value) {
    values.resize(tape.size());
    values[node] = value;
    return node;
  }
  uint32_t leaf(const ArrayRef& a) { return keep(tape.input(*a), a); }
  template <class Op> uint32_t unary(uint32_t x) {
    const ArrayRef in[] = {values[x]};
    const ArrayRef y = ops::evaluate(code_of<Op>, in, nullptr);
    return keep(tape.append_plain(code_of<Op>, x, kNoNode, Value(values[x]), nullptr, y), y);
  }
  uint32_t binary(OpCode op, uint32_t x, const ArrayRef& a, uint32_t y, const ArrayRef& b) {
    const ArrayRef in[] = {a, b};
    const ArrayRef r = ops::evaluate(op, in, nullptr);
    const Value vb(b);
    return keep(tape.append_plain(op, x, y, Value(a), &vb, r), r);
  }
  template <class Op> uint32_t binary(uint32_t x, uint32_t y) {
    return binary(code_of<Op>, x, values[x], y, values[y]);
  }
  template <class Op> uint32_t with_constant(uint32_t x, const ArrayRef& c) {
    return binary(code_of<Op>, x, values[x], kNoNode, c);
  }
  template <class Op> uint32_t structured(const std::vector<uint32_t>& in, const ParamsRef& params) {
    std::vector<ArrayRef> arrays;
    std::vector<Value> held;
    std::vector<const Value*> args;
    for (uint32_t i : in) arrays.push_back(values[i]), held.push_back(Value(values[i]));
    for (const Value& v : held) args.push_back(&v);
    const ArrayRef y = ops::evaluate(code_of<Op>, arrays, params.get());
    const int n = static_cast<int>(in.size());
    return keep(tape.append(code_of<Op>, in.data(), args.data(), n, nullptr, Value(y), params), y);
  }
  std::vector<Value> sweep(std::vector<std::pair<uint32_t, Value>> seeds, const std::vector<uint32_t>& wanted,
                           bool keep_saved = true) {
    return ad::sweep(tape, std::move(seeds), wanted, keep_saved);
  }
  std::vector<double> gradient(uint32_t of, uint32_t by) {  // seed 1 everywhere
    return numbers(sweep({{of, Value(core::full(values[of]->dtype, values[of]->shape, 1))}}, {by})[0].array);
  }
};

using List = std::vector<double>;

bool close(const List& a, const List& b, double tolerance = 1e-14) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= tolerance * std::max(1.0, std::abs(b[i])))) return false;
  return true;
}

void products_and_sums() {
  for (bool single : {false, true}) {  // arrays are saved, or numbers
    Recorded r;
    const uint32_t x = r.leaf(single ? row({3}) : row({3, -2, 0.5})), y = r.leaf(single ? row({4}) : row({4, 5, 6}));
    const uint32_t xx = r.binary<ops::Multiply>(x, x), xxy = r.binary<ops::Multiply>(xx, y);
    const uint32_t z = r.binary<ops::Subtract>(xxy, x);  // x x y - x
    const List by_x = r.gradient(z, x), by_y = r.gradient(z, y), by_xx = r.gradient(z, xx);
    for (size_t k = 0; k < by_x.size(); ++k) {
      const double a = numbers(r.values[x])[k], b = numbers(r.values[y])[k];
      CHECK(by_x[k] == 2 * a * b - 1 && by_y[k] == a * a && by_xx[k] == b, "%zu", k);
    }
  }
}

void chains() {
  Recorded r;
  const uint32_t x = r.leaf(row({0.3, 1.7}));
  const uint32_t z =
      r.unary<ops::Log>(r.unary<ops::Tanh>(r.unary<ops::Exp>(r.with_constant<ops::Multiply>(x, row({-0.5})))));
  List want;
  for (double v : {0.3, 1.7}) {
    const double e = std::exp(-0.5 * v), t = std::tanh(e);
    want.push_back((1 - t * t) / t * e * -0.5);
  }
  CHECK(close(r.gradient(z, x), want));
}

void broadcast_operands() {
  Recorded r;
  const uint32_t x = r.leaf(counted({2, 3}, 1)), b = r.leaf(row({2, 3, 5})), c = r.leaf(counted({2, 1}, 7));
  const uint32_t s = r.leaf(row({10}));
  const uint32_t z = r.binary<ops::Add>(r.binary<ops::Multiply>(r.binary<ops::Multiply>(x, b), c), s);
  CHECK(r.gradient(z, x) == List({14, 21, 35, 14.5, 21.75, 36.25}));
  CHECK(r.gradient(z, b) == List({1 * 7 + 1.75 * 7.25, 1.25 * 7 + 2 * 7.25, 1.5 * 7 + 2.25 * 7.25}));
  CHECK(r.gradient(z, c) == List({1 * 2 + 1.25 * 3 + 1.5 * 5, 1.75 * 2 + 2 * 3 + 2.25 * 5}));
  CHECK(r.gradient(z, s) == List({6}));
  CHECK(r.sweep({{z, Value(counted({2, 3}, 0))}}, {c})[0].shape() == Dims({2, 1}));
}

void structured_operations() {
  Recorded r;
  const uint32_t a = r.leaf(counted({2, 3}, 1)), b = r.leaf(counted({3, 2}, -1));
  const uint32_t ab = r.structured<ops::Matmul>({a, b}, {});
  const uint32_t total = r.structured<ops::Sum>({ab}, ops::new_params<ops::Sum>(Dims{-2, -1}, false));
  List rows_of_b, columns_of_a;
  for (int repeat = 0; repeat < 2; ++repeat)
    for (int k = 0; k < 3; ++k) rows_of_b.push_back(-1 + 0.25 * (2 * k) + -1 + 0.25 * (2 * k + 1));
  for (int k = 0; k < 3; ++k) columns_of_a.insert(columns_of_a.end(), 2, 1 + 0.25 * k + 1 + 0.25 * (3 + k));
  CHECK(close(r.gradient(total, a), rows_of_b) && close(r.gradient(total, b), columns_of_a));

  const uint32_t p = r.leaf(row({1, 2})), q = r.leaf(row({3}));
  const uint32_t joined = r.structured<ops::Concatenate>({p, q, p}, ops::new_params<ops::Concatenate>());
  const std::vector<Value> g = r.sweep({{joined, Value(row({1, 10, 100, 1000, 10000}))}}, {p, q});
  CHECK(numbers(g[0].array) == List({1001, 10010}) && numbers(g[1].array) == List({100}));

  // Parts of one array add up in one array of the cotangent.
  const ParamsRef front(new ops::SliceParams({0}, {1}, {2}, {2})), back(new ops::SliceParams({2}, {-1}, {2}, {2}));
  const uint32_t x = r.leaf(row({5, 6, 7}));
  const uint32_t z = r.binary<ops::Multiply>(r.structured<ops::Slice>({x}, front), r.structured<ops::Slice>({x}, back));
  CHECK(r.gradient(z, x) == List({7, 12, 5}));
}

void reached_and_unreached() {
  Recorded r;
  const uint32_t x = r.leaf(row({2, 3})), y = r.leaf(row({4, 5}));
  const uint32_t xx = r.binary<ops::Multiply>(x, x), yy = r.binary<ops::Multiply>(y, y);
  const uint32_t above = r.binary<ops::Multiply>(xx, yy), compared = r.keep(r.tape.input(*r.values[x]), r.values[x]);
  auto g = r.sweep({{xx, Value(row({1, 1}))}}, {x, y, yy, above, compared, xx}, false);
  CHECK(numbers(g[0].array) == List({4, 6}));
  for (int k : {1, 2, 3, 4}) CHECK(!g[static_cast<size_t>(k)], "%d", k);
  CHECK(numbers(g[5].array) == List({1, 1}));  // its own seed
  CHECK(r.tape.consumed(xx) && !r.tape.consumed(yy) && !r.tape.consumed(above));

  // Seeds of several nodes, and several of one, add up.
  g = r.sweep({{yy, Value(row({1, 0}))}, {yy, Value(row({1, 1}))}, {y, Value(row({0.5, 0.25}))}}, {y, y, yy});
  CHECK(numbers(g[0].array) == List({16.5, 10.25}) && numbers(g[1].array) == numbers(g[0].array));
  CHECK(numbers(g[2].array) == List({2, 1}));
  CHECK(r.sweep({}, {y}).size() == 1 && !r.sweep({}, {y})[0] && r.sweep({}, {}).empty());
}

// Nobody's arrays are overwritten: not the seeds that the caller still holds, not what the tape keeps.
void arrays_of_others() {
  Recorded r;
  const uint32_t x = r.leaf(row({2, 3}));
  const uint32_t a = r.with_constant<ops::Add>(x, row({1, 1})), b = r.unary<ops::Negative>(a);
  const uint32_t c = r.binary<ops::Add>(b, a), d = r.binary<ops::Add>(c, x);
  const ArrayRef seed = row({1, 10});
  const List first = numbers(r.sweep({{d, Value(seed)}, {x, Value(seed)}, {c, Value(seed)}}, {x})[0].array);
  CHECK(numbers(seed) == List({1, 10}) && seed->refs == 1);
  const std::vector<Value> both = r.sweep({{d, Value(seed)}, {x, Value(seed)}, {c, Value(seed)}}, {x, a});
  CHECK(first == List({2, 20}) && numbers(both[0].array) == first && numbers(both[1].array) == List({0, 0}));

  const uint32_t y = r.unary<ops::Exp>(x), z = r.binary<ops::Multiply>(y, y);
  const List before = numbers(r.values[y]), once = r.gradient(z, x);
  CHECK(r.gradient(z, x) == once && numbers(r.values[y]) == before && numbers(r.values[x]) == List({2, 3}));
}

void sweeping_twice() {
  Recorded r;
  const uint32_t x = r.leaf(row({2, 3})), y = r.binary<ops::Multiply>(x, x), z = r.binary<ops::Multiply>(y, x);
  const uint32_t number = r.unary<ops::Square>(r.leaf(row({3})));
  const std::vector<std::pair<uint32_t, Value>> seeds = {{z, Value(row({1, 1}))}};
  const int64_t kept = r.values[x]->refs;
  CHECK(r.gradient(z, x) == List({12, 27}) && r.gradient(z, x) == List({12, 27}));
  CHECK(numbers(r.sweep(seeds, {x}, false)[0].array) == List({12, 27}));
  CHECK(r.values[x]->refs == kept - 3 && r.tape.consumed(y) && r.tape.consumed(z));
  for (uint32_t i : {z, y}) {
    const std::string error = error_of([&] { r.sweep({{i, Value(row({1, 1}))}}, {x}); });
    CHECK(error.find("retain_graph=True") != std::string::npos, "%s", error.c_str());
  }
  CHECK(!r.tape.being_swept());  // after an error, either
  CHECK(r.gradient(number, number - 1) == List({6}));
  r.sweep({{number, Value(row({1}))}}, {}, false);
  CHECK(!error_of([&] { r.gradient(number, number - 1); }).empty());  // numbers are dropped, too
}

// A value of a level of its own: the sweep then takes the rules instead of the kernels, and is recorded.
Value traced(const ReverseRef& level, const ArrayRef& a) {
  Value v(a);
  v.node = level->tape.input(*a);
  v.level = LevelRef(level);
  return v;
}

// A zero cotangent gives zero wherever the slope is infinite or none, by kernels and by rules, for every operation.
void strong_zeros() {
  const double points[] = {0, -0.0, 1, -1, 2, -3, kInf, -kInf, kNan, 1e-320, 1e308};
  int seen = 0;
  auto holds = [&](Recorded& r, uint32_t z, const std::vector<uint32_t>& wanted, std::string_view name) {
    const ArrayRef zero = core::zeros(DType::f64, r.values[z]->shape);
    const ReverseRef level(new ReverseLevel(1));
    for (const Value& seed : {Value(zero), traced(level, zero)})
      for (const Value& g : r.sweep({{z, seed}}, wanted)) {
        for (double v : numbers(g.array)) {
          CHECK(v == 0, "%s: %g", std::string(name).c_str(), v);
          ++seen;
        }
        CHECK(g.plain() == seed.plain());
      }
  };
  for (OpCode op = 0; op < ops::kOps; ++op) {
    const ops::Info& f = ops::info(op);
    if (!f.elementwise || !f.differentiable) continue;
    for (double a : points)
      for (double b : points) {
        Recorded r;
        const ArrayRef va = row({a, 0.5}), vb = row({b, 0.5});
        const uint32_t x = r.leaf(va), y = r.leaf(vb);
        if (f.arity == 2) {
          holds(r, r.binary(op, x, va, y, vb), {x, y}, f.name);
        } else {
          const ArrayRef in[] = {va};
          const ArrayRef result = ops::evaluate(op, in, nullptr);
          holds(r, r.keep(r.tape.append_plain(op, x, kNoNode, Value(va), nullptr, result), result), {x}, f.name);
          break;
        }
      }
  }
  CHECK(seen > 5000, "%d", seen);

  // A masked part of a product: rows of zeros meet infinities.
  Recorded r;
  const uint32_t a = r.leaf(counted({2, 2}, 1)), b = r.leaf(core::full(DType::f64, {2, 2}, kInf));
  const uint32_t ab = r.structured<ops::Matmul>({a, b}, {});
  const ArrayRef seed = core::contiguous(core::zeros(DType::f64, {2, 2}));
  seed->as<double>()[3] = 1;
  CHECK(numbers(r.sweep({{ab, Value(seed)}}, {a})[0].array) == List({0, 0, kInf, kInf}));
}

// Kernels and rules give the same derivatives.
void kernels_and_rules() {
  const ReverseRef level(new ReverseLevel(1));
  for (OpCode op = 0; op < ops::kOps; ++op) {
    const ops::Info& f = ops::info(op);
    if (!f.elementwise || !f.differentiable) continue;
    for (bool single : {false, true})
      for (int active = 1; active < (f.arity == 2 ? 4 : 2); ++active) {
        const double up = f.domain[0].lo == 1 ? 1.25 : 0.25;  // smooth everywhere else
        const ArrayRef va = single ? row({up}) : row({up, up + 0.5}), vb = row({0.75, 0.375});
        Recorded r;
        const uint32_t x = active & 1 ? r.leaf(va) : kNoNode, y = active & 2 ? r.leaf(vb) : kNoNode;
        uint32_t z;
        if (f.arity == 2) {
          z = r.binary(op, x, va, y, vb);
        } else {
          const ArrayRef in[] = {va};
          const ArrayRef result = ops::evaluate(op, in, nullptr);
          z = r.keep(r.tape.append_plain(op, x, kNoNode, Value(va), nullptr, result), result);
        }
        std::vector<uint32_t> wanted;
        for (uint32_t i : {x, y})
          if (i != kNoNode) wanted.push_back(i);
        const ArrayRef seed = counted(r.values[z]->shape, 1.5);
        const auto plain = r.sweep({{z, Value(seed)}}, wanted), other = r.sweep({{z, traced(level, seed)}}, wanted);
        for (size_t k = 0; k < wanted.size(); ++k)
          CHECK(close(numbers(plain[k].array), numbers(other[k].array)) && other[k].level.get() == level.get(),
                "%s, operands %d, single %d: %g, %g", std::string(f.name).c_str(), active, single,
                numbers(plain[k].array)[0], numbers(other[k].array)[0]);
      }
  }
}

// A sweep of values of an outer level can be swept in turn.
void second_derivatives() {
  const ReverseRef outer(new ReverseLevel(1)), inner(new ReverseLevel(2));
  const ArrayRef at = row({0.5, 2});
  const Value x = traced(outer, at);
  Value v = x;
  v.level = LevelRef(inner);
  v.node = inner->tape.input(*at);
  v.box = Ref<Box>(new Box);
  v.box->primal = x;
  const Value y = v * v * v * ad::sin(v);
  const Value first = sweep(inner->tape, {{y.node, Value(row({1, 1}))}}, {v.node}, true)[0];
  CHECK(first.level.get() == outer.get());
  const Value second = sweep(outer->tape, {{first.node, Value(row({1, 1}))}}, {x.node}, true)[0];
  List d1, d2;
  for (double p : {0.5, 2.0}) {
    d1.push_back(3 * p * p * std::sin(p) + p * p * p * std::cos(p));
    d2.push_back(6 * p * std::sin(p) + 6 * p * p * std::cos(p) - p * p * p * std::sin(p));
  }
  CHECK(close(numbers(first.array), d1) && close(numbers(second.array), d2) && second.plain());
}

struct Call : CustomCall {
  std::function<std::vector<Value>(const std::vector<Value>&)> rule;
  int times = 0;
  std::vector<Value> backward(const std::vector<Value>& g) override {
    ++times;
    return rule(g);
  }
};

void calls() {
  Recorded r;
  const uint32_t x = r.leaf(row({2, 3})), y = r.leaf(row({4, 5, 6}));
  const Ref<Call> call(new Call);
  call->results = {Value(row({0, 0})), Value(row({0, 0, 0}, DType::f32)), Value(counted({}, 0))};
  const uint32_t first = r.tape.append_call({x, kNoNode, y, x}, call);
  r.values.resize(r.tape.size());
  for (size_t k = 0; k < 3; ++k) r.values[first + k] = call->results[k].array;
  const uint32_t z = r.binary<ops::Multiply>(first, first);  // zeros: its cotangent reaches the call as 0
  std::vector<std::vector<double>> got;
  call->rule = [&](const std::vector<Value>& g) {
    got.clear();
    for (const Value& v : g) got.push_back(numbers(v.array));
    CHECK(g.size() == 3 && g[1].dtype() == DType::f32 && g[2].shape().empty());
    return std::vector<Value>{Value(row({1, 2})), Value(row({7, 7})), Value(), Value(row({10, 20}))};
  };
  // Of results that nobody reached the cotangent is zero.
  auto g = r.sweep({{first + 1, Value(row({1, 2, 3}, DType::f32))}}, {x, y});
  CHECK(call->times == 1 && got[0] == List({0, 0}) && got[1] == List({1, 2, 3}) && got[2] == List({0}));
  CHECK(numbers(g[0].array) == List({11, 22}) && !g[1]);
  // All of them together are one call.
  g = r.sweep({{first, Value(row({5, 6}))}, {first + 2, Value(counted({}, 9))}, {z, Value(row({1, 1}))}}, {x});
  CHECK(call->times == 2 && got[0] == List({5, 6}) && got[2] == List({9}));
  // None of them: no call.
  CHECK(numbers(r.sweep({{x, Value(row({1, 1}))}}, {x})[0].array) == List({1, 1}) && call->times == 2);
  // Dropped with what it holds, and missed the next time.
  CHECK(call->refs == 2);
  r.sweep({{first, Value(row({5, 6}))}}, {x}, false);
  CHECK(call->refs == 1 && call->times == 3);
  CHECK(!error_of([&] { r.sweep({{first, Value(row({5, 6}))}}, {x}); }).empty() && call->times == 3);
}

// A rule may record on the tape that is being swept, sweep it, and fail.
void rules_that_use_the_tape() {
  Recorded r;
  const uint32_t x = r.leaf(row({2, 3})), xx = r.binary<ops::Multiply>(x, x);
  const Ref<Call> call(new Call);
  call->results = {Value(row({8, 27}))};
  const uint32_t result = r.tape.append_call({x}, call);
  r.values.resize(r.tape.size());
  r.values[result] = call->results[0].array;
  const uint32_t z = r.binary<ops::Multiply>(result, x);
  call->rule = [&](const std::vector<Value>& g) {
    CHECK(r.tape.being_swept());
    for (int k = 0; k < 300; ++k) r.binary<ops::Multiply>(r.leaf(row({1, 1})), x);  // lists move
    const List slope = r.gradient(xx, x);
    const List at = numbers(g[0].array);
    return std::vector<Value>{Value(row({at[0] * slope[0], at[1] * slope[1]}))};
  };
  CHECK(r.gradient(z, x) == List({2 * 4 + 8, 3 * 6 + 27}));
  call->rule = [](const std::vector<Value>&) -> std::vector<Value> { value_error("no derivative"); };
  CHECK(error_of([&] { r.gradient(z, x); }) == "no derivative" && !r.tape.being_swept());
  CHECK(r.gradient(xx, x) == List({4, 6}));
}

}  // namespace

int main() {
  products_and_sums();
  chains();
  broadcast_operands();
  structured_operations();
  reached_and_unreached();
  arrays_of_others();
  sweeping_twice();
  strong_zeros();
  kernels_and_rules();
  second_derivatives();
  calls();
  rules_that_use_the_tape();
  return report();
}
