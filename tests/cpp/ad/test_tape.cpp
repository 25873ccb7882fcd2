// The Wengert list: what was recorded is there, belongs to the tape exactly once, and goes when it is dropped.
#include <array>
#include <sstream>

#include "ad/reverse.h"
#include "arrays.h"
#include "check.h"

using namespace wengert;
using namespace wengert::ad;
using ops::code_of;
using ops::kArg0;
using ops::kArg1;
using ops::kArg2;
using ops::kResult;

namespace {

constexpr uint8_t kBits[] = {kArg0, kArg1, kArg2, kResult};

struct Call : CustomCall {
  explicit Call(bool& is_gone) : gone(is_gone) {}
  ~Call() override { gone = true; }
  std::vector<Value> backward(const std::vector<Value>&) override { return {}; }
  bool& gone;
};

Ref<Call> call_of(std::initializer_list<ArrayRef> results, bool& gone) {
  const Ref<Call> c(new Call(gone));
  for (const ArrayRef& r : results) c->results.push_back(Value(r));
  return c;
}

void inputs() {
  Tape t;
  CHECK(t.size() == 0 && t.bytes() == 0);
  const ArrayRef x = counted({2, 3}, 0), y = counted({4}, 0, DType::f32);
  CHECK(t.input(*x) == 0 && t.input(*y) == 1 && t.size() == 2);
  CHECK(t.node(0).op == kInput && t.node(0).dtype == DType::f64 && t.shape(0) == Dims({2, 3}));
  CHECK(t.node(1).op == kInput && t.node(1).dtype == DType::f32 && t.shape(1) == Dims{4});
  CHECK(t.arity(0) == 0 && t.arity(1) == 0);
  CHECK(x->refs == 1);  // of an input nothing is kept
}

// Every operation, with every choice of operands that are no constants.
void what_append_saves() {
  const ReverseRef level(new ReverseLevel(1));
  int saving = 0;
  for (OpCode op = 0; op < ops::kOps; ++op) {
    const ops::Info& f = ops::info(op);
    if (f.arity == ops::kVariadic) continue;
    const std::string name(f.name);
    for (uint32_t active = 1; active < 1u << f.arity; ++active) {
      const ArrayRef result = counted({3}, 9);
      const ParamsRef params = f.params.empty() ? ParamsRef() : f.new_params();
      Value args[3];
      const Value* pointers[3] = {&args[0], &args[1], &args[2]};
      for (int k = 0; k < f.arity; ++k) args[k] = Value(counted({3}, k));
      {
        Tape t;
        uint32_t nodes[3] = {};
        uint8_t want = params ? kSavesParams : 0;
        for (int k = 0; k < f.arity; ++k) {
          nodes[k] = active >> k & 1 ? t.input(*args[k].array) : kNoNode;
          if (nodes[k] != kNoNode) want |= f.saves[k];
        }
        const uint32_t i = t.append(op, nodes, pointers, f.arity, level.get(), Value(result), params);
        t.append(op, nodes, pointers, f.arity, level.get(), Value(result), params);  // whose own lie behind
        CHECK(t.node(i).op == op && t.node(i).saved == want, "%s, operands %u", name.c_str(), active);
        CHECK(t.arity(i) == f.arity, "%s", name.c_str());
        for (int k = 0; k < f.arity; ++k) CHECK(t.arg(i, k) == nodes[k], "%s, operand %d", name.c_str(), k);
        for (int k = 0; k < 4; ++k) {
          if (!(want & kBits[k])) continue;
          ++saving;
          const ArrayRef& kept = k == 3 ? result : args[k].array;
          CHECK(t.saved(i, kBits[k]).array() == kept.get(), "%s, operands %u, saved %d", name.c_str(), active, k);
          CHECK(kept->refs == 3, "%s: %lld owners", name.c_str(), static_cast<long long>(kept->refs));
        }
        if (params) CHECK(t.saved(i, kSavesParams).params() == params.get() && params->refs == 3, "%s", name.c_str());
      }
      for (int k = 0; k < f.arity; ++k) CHECK(args[k].array->refs == 1, "%s, operand %d", name.c_str(), k);
      CHECK(result->refs == 1 && (!params || params->refs == 1), "%s", name.c_str());
    }
  }
  CHECK(saving > 100, "%d", saving);
}

// The same over plain arrays, where single numbers are kept as such.
void what_append_plain_saves() {
  int as_numbers = 0, as_arrays = 0;
  for (OpCode op = 0; op < ops::kOps; ++op) {
    const ops::Info& f = ops::info(op);
    if (!f.elementwise || !f.differentiable) continue;
    const std::string name(f.name);
    for (int round = 0; round < 24; ++round) {
      const int active = round % 3 + 1, wide = round / 3 % 4;
      const DType type = round < 12 ? DType::f64 : DType::f32;
      if (f.arity == 1 && (active > 1 || wide > 1)) continue;
      const ArrayRef a = counted({wide & 1 ? 3 : 1}, 0.1, type), b = counted({wide & 2 ? 3 : 1}, 5.3, type);
      const ArrayRef y = counted({wide ? 3 : 1}, 8.7, type);
      Tape t;
      const Value va(a), vb(b);
      const ArrayRef one = counted({1}, 1), many = counted({2}, 1);
      t.append_plain(code_of<ops::Square>, t.input(*one), kNoNode, Value(one), nullptr, one);  // others lie before
      t.append_plain(code_of<ops::Square>, t.input(*many), kNoNode, Value(many), nullptr, many);
      const uint32_t nodes[2] = {active & 1 ? t.input(*a) : kNoNode, active & 2 ? t.input(*b) : kNoNode};
      const int64_t owners[] = {a->refs, b->refs, y->refs};
      const uint32_t i = t.append_plain(op, nodes[0], nodes[1], va, f.arity == 2 ? &vb : nullptr, y);
      const bool kept_none = a->refs == owners[0] && b->refs == owners[1] && y->refs == owners[2];
      uint8_t want = 0;
      for (int k = 0; k < f.arity; ++k)
        if (nodes[k] != kNoNode) want |= f.saves[k];
      const ArrayRef kept[] = {a, b, nullptr, y};
      bool single = want != 0;
      for (int k = 0; k < 4; ++k)
        if (want & kBits[k]) single &= kept[k]->size == 1;
      const uint8_t saved = t.node(i).saved;
      CHECK((saved & ~kNumbers) == want && !(saved & kNumbers) == !single, "%s %d: %d", name.c_str(), round, saved);
      CHECK(t.node(i).dtype == type && t.shape(i) == y->shape && t.arity(i) == f.arity, "%s", name.c_str());
      for (int k = 0; k < f.arity; ++k) CHECK(t.arg(i, k) == nodes[k], "%s", name.c_str());
      for (int k = 0; k < 4; ++k) {
        if (!(want & kBits[k])) continue;
        ++(single ? as_numbers : as_arrays);
        const Value v = t.saved_value(i, kBits[k]);
        CHECK(v.plain() && v.dtype() == type && numbers(v.array) == numbers(kept[k]), "%s %d: saved %d", name.c_str(),
              round, k);
        if (!single) CHECK(t.saved(i, kBits[k]).array() == kept[k].get(), "%s", name.c_str());
      }
      CHECK(kept_none == (single || !want), "%s %d", name.c_str(), round);
    }
  }
  CHECK(as_numbers > 50 && as_arrays > 150, "%d %d", as_numbers, as_arrays);
}

// Constant operands of operations with any number of them lend their shapes.
void shapes_of_constants() {
  const ReverseRef level(new ReverseLevel(1));
  const Value a(counted({2}, 0)), b(counted({5}, 0)), c(counted({1}, 0)), y(counted({8}, 0));
  const Value* args[] = {&a, &b, &c};
  Tape t;
  const uint32_t nodes[] = {kNoNode, t.input(*b.array), kNoNode};
  const ParamsRef params = ops::new_params<ops::Concatenate>();
  const uint32_t i = t.append(code_of<ops::Concatenate>, nodes, args, 3, level.get(), y, params);
  CHECK(t.arity(i) == 3 && t.arg(i, 1) == nodes[1]);
  for (int k : {0, 2}) {
    const uint32_t n = t.arg(i, k);
    CHECK(n != kNoNode && t.node(n).op == kShapeOnly && t.shape(n) == args[k]->shape(), "operand %d", k);
  }
  CHECK(t.node(i).saved == kSavesParams && a.array->refs == 1 && b.array->refs == 1);
}

// A value of the level itself is kept as what is below it; one of another level as it is.
void values_of_levels() {
  const ReverseRef level(new ReverseLevel(2)), other(new ReverseLevel(1));
  auto of = [](const ArrayRef& a, const ReverseRef& t) {
    Value v(a);
    v.node = t->tape.input(*a);
    v.level = LevelRef(t);
    return v;
  };
  const ArrayRef x = counted({3}, 0), y = counted({3}, 1);
  const Value below = of(y, other), own = of(x, level);
  Value boxed = own;  // whose primal belongs to the other level
  boxed.array = y;
  boxed.box = Ref<Box>(new Box);
  boxed.box->primal = below;
  {
    Tape t;
    auto recorded = [&](const Value& a, const Value& b) {
      const Value* args[] = {&a, &b};
      const uint32_t nodes[] = {t.input(*x), t.input(*y)};
      return t.append(code_of<ops::Multiply>, nodes, args, 2, level.get(), Value(x), {});
    };
    uint32_t i = recorded(own, below);
    CHECK(t.saved(i, kArg0).is_array() && t.saved(i, kArg0).array() == x.get());
    CHECK(!t.saved(i, kArg1).is_array() && t.saved(i, kArg1).value().level.get() == other.get());
    CHECK(t.saved(i, kArg1).value().node == below.node && t.saved(i, kArg1).value().array == y);
    i = recorded(boxed, own);
    CHECK(t.saved(i, kArg0).value().level.get() == other.get() && t.saved(i, kArg1).array() == x.get());
    t.drop_saved(i);
    CHECK(t.saved(i, kArg0).empty() && t.saved(i, kArg1).empty());
  }
  CHECK(other->refs == 3, "%lld", static_cast<long long>(other->refs));  // ours, and those of two values
}

void dropping() {
  bool gone = false;
  const ArrayRef a = counted({3}, 0), one = counted({1}, 2);
  const ParamsRef params = ops::new_params<ops::Sum>(Dims{-1}, false);
  Tape t;
  const Value va(a), v1(one);
  const uint32_t x = t.input(*a), s = t.input(*one);
  const uint32_t arrays = t.append_plain(code_of<ops::Multiply>, x, x, va, &va, a);
  const uint32_t number = t.append_plain(code_of<ops::Multiply>, s, s, v1, &v1, one);
  const Value* args[] = {&va};
  const uint32_t with_params = t.append(code_of<ops::Sum>, &x, args, 1, nullptr, v1, params);
  const uint32_t result = t.append_call({x}, call_of({a}, gone)), call = result - 1;
  const uint32_t later = t.append_plain(code_of<ops::Square>, x, kNoNode, va, nullptr, a);
  const int64_t with_all = a->refs;
  for (uint32_t i : {arrays, number, with_params, call}) {
    CHECK(!t.consumed(i));
    for (int twice = 0; twice < 2; ++twice) {
      t.drop_saved(i);
      CHECK(t.consumed(i), "node %u", i);
    }
  }
  CHECK(gone && params->refs == 1 && a->refs == with_all - 3, "%lld", static_cast<long long>(a->refs));
  CHECK(!t.consumed(later) && t.saved(later, kArg0).array() == a.get());
  CHECK(t.arity(arrays) == 2 && t.arg(arrays, 1) == x && t.shape(arrays) == a->shape);  // the list itself stays
}

void shapes_are_shared() {
  const ArrayRef a = counted({7, 3}, 0), b = counted({5}, 0);  // that do not meet among the recent ones
  Tape t;
  t.input(*a), t.input(*b);
  const int64_t before = t.bytes();
  for (int k = 0; k < 500; ++k) t.input(*a), t.input(*b);
  CHECK(t.bytes() - before == 1000 * static_cast<int64_t>(sizeof(Node)), "%lld", static_cast<long long>(t.bytes()));
  for (uint32_t i = 2; i < t.size(); ++i) CHECK(&t.shape(i) == &t.shape(i & 1));
  // More shapes than are remembered at a time.
  for (int64_t k = 0; k < 200; ++k) t.input(*counted({k % 40, 2}, 0));
  for (uint32_t i = 0; i < 200; ++i) CHECK(t.shape(1002 + i) == Dims({i % 40, 2}), "%u", i);
}

void calls() {
  bool gone = false;
  const ArrayRef x = counted({2}, 0), y = counted({3}, 0, DType::f32), z = counted({}, 0);
  {
    Tape t;
    const uint32_t a = t.input(*x), first = t.append_call({a, kNoNode}, call_of({y, z, x}, gone)), after = t.input(*z);
    const uint32_t call = first - 1;
    CHECK(call == a + 1 && after == first + 3 && t.node(call).op == kCall && t.node(call).saved == kSavesParams);
    CHECK(t.arity(call) == 2 && t.arg(call, 0) == a && t.arg(call, 1) == kNoNode && t.arity(after) == 0);
    const ArrayRef results[] = {y, z, x};
    for (uint32_t k = 0; k < 3; ++k) {
      CHECK(t.node(first + k).op == kCallResult && t.node(first + k).dtype == results[k]->dtype, "%u", k);
      CHECK(t.shape(first + k) == results[k]->shape && t.arity(first + k) == 2, "%u", k);
      CHECK(t.arg(first + k, 0) == call && t.arg(first + k, 1) == k, "%u", k);
    }
    CHECK(t.saved(call, kSavesParams).custom()->results.size() == 3 && !gone);
  }
  CHECK(gone && y->refs == 1);
}

// Every node from `from` on, its operands counted from there.
std::string text(Tape& t, uint32_t from, uint32_t to) {
  std::ostringstream s;
  for (uint32_t i = from; i < to; ++i) {
    const Node n = t.node(i);
    s << n.op << ' ' << int{n.saved} << ' ' << core::dtype_name(n.dtype) << t.shape(i).str();
    for (int k = 0; k < t.arity(i); ++k) {
      const bool counts = t.arg(i, k) != kNoNode && !(n.op == kCallResult && k == 1);
      s << ' ' << t.arg(i, k) - (counts ? from : 0);
    }
    for (uint8_t bit : kBits) {
      if (!(n.saved & bit)) continue;
      if (n.saved & kNumbers)
        s << " number " << t.saved_number(i, bit);
      else
        s << " array " << t.saved(i, bit).array();
    }
    if (n.saved & kSavesParams)
      s << " params "
        << (n.op == kCall ? static_cast<void*>(t.saved(i, kSavesParams).custom())
                          : static_cast<void*>(t.saved(i, kSavesParams).params()));
    s << '\n';
  }
  return s.str();
}

// One node of every kind: numbers, arrays, parameters, calls.
void record(Tape& t, const ArrayRef& a, const ArrayRef& one, bool& gone) {
  const Value va(a), v1(one);
  const Value* args[] = {&va};
  const uint32_t x = t.input(*a), s = t.input(*one);
  t.append_plain(code_of<ops::Multiply>, x, kNoNode, va, &v1, a);
  t.append_plain(code_of<ops::Divide>, s, s, v1, &v1, one);
  t.append(code_of<ops::Softmax>, &x, args, 1, nullptr, va, ops::new_params<ops::Softmax>());
  t.append_call({kNoNode, s}, call_of({a, one}, gone));
  t.append_plain(code_of<ops::Multiply>, s, t.input(*counted({a->size, 1}, 0)), v1, &va, a);
}

void absorbing() {
  bool gone[3] = {};
  const ArrayRef a = counted({3}, 0), b = counted({4}, 0), one = counted({1}, 1), two = counted({1}, 2);
  {
    Tape t, other, empty;
    record(t, a, one, gone[0]);
    record(other, b, two, gone[1]);
    const uint32_t n = t.size(), m = other.size();
    const std::string first = text(t, 0, n), second = text(other, 0, m);
    CHECK(t.absorb(other) == n && t.size() == n + m);
    CHECK(text(t, 0, n) == first, "\n%s%s", first.c_str(), text(t, 0, n).c_str());
    CHECK(text(t, n, n + m) == second, "\n%s%s", second.c_str(), text(t, n, n + m).c_str());
    CHECK(other.size() == 0 && other.bytes() == 0 && !gone[0] && !gone[1]);
    record(other, b, one, gone[2]);  // both go on
    const std::string third = text(other, 0, m);
    CHECK(t.absorb(other) == n + m && t.absorb(empty) == n + 2 * m);
    CHECK(text(t, n + m, n + 2 * m) == third && text(t, 0, n) == first);
    const uint32_t i = t.input(*a);
    CHECK(t.shape(i) == Dims{3} && t.arity(i) == 0);
  }
  CHECK(gone[0] && gone[1] && gone[2]);
  CHECK(a->refs == 1 && b->refs == 1 && one->refs == 1 && two->refs == 1);
}

// A tape gets the memory of one that ended, and nothing else of it.
void memory_used_again() {
  bool gone = false;
  const ArrayRef a = counted({3}, 0), one = counted({1}, 1);
  for (int round = 0; round < 20; ++round) {
    Tape t, second;
    CHECK(t.size() == 0 && t.bytes() == 0 && second.size() == 0);
    record(round % 2 ? t : second, a, one, gone);
    const uint32_t i = t.input(*counted({round + 1, 2}, 0));
    CHECK(t.shape(i) == Dims({round + 1, 2}));
  }
  CHECK(a->refs == 1 && one->refs == 1);
}

}  // namespace

int main() {
  inputs();
  what_append_saves();
  what_append_plain_saves();
  shapes_of_constants();
  values_of_levels();
  dropping();
  shapes_are_shared();
  calls();
  absorbing();
  memory_used_again();
  return report();
}
