// The single numbers that a graph is turned into (see expand.cpp).
#pragma once
#include <cmath>
#include <cstring>
#include <map>

#include "ops/elementwise/element_kernels.h"
#include "ops/elementwise/evaluate.h"
#include "program/scalar/code.h"
#include "program/scalar/expand.h"
#include "program/scalar/instructions.h"

namespace wengert::program::scalar {

constexpr double kMostExpansion = 12;            // scalar operations for each operation on arrays
constexpr size_t kMostValues = size_t{1} << 23;  // registers are numbered with 24 bits

class Expansion {
 public:
  explicit Expansion(const Graph& g) : g_(g), elements_(g.nodes.size()), single_(g.nodes.size(), kNone) {
    one_.code = {{}, {op_stop, 0, 0, 0}};
  }

  void run() {
    size_t arrays = 0;
    std::multimap<uint32_t, uint32_t> guards;  // by node
    for (uint32_t k = 0; k < g_.guards.size(); ++k) guards.emplace(g_.guards[k].node, k);
    auto next = guards.begin();
    reserve(g_.nodes.size());
    for (uint32_t k = 0; k < g_.inputs.size(); ++k) input_of_[g_.inputs[k]] = k;
    for (uint32_t i = 0; i < g_.nodes.size(); ++i) {
      arrays += g_.nodes[i].op >= 0;
      if (g_.nodes[i].size() > static_cast<int64_t>(kMostValues)) throw GiveUp{};  // before memory is asked for
      expand(i);
      for (; next != guards.end() && next->first == i; ++next) guard(next->second);
      if (out_.values.size() > kMostValues) throw GiveUp{};
    }
    size_t made = 0;
    for (const Scalar& s : out_.values) made += s.source == from_code;
    if (static_cast<double>(made) > kMostExpansion * static_cast<double>(arrays) + 64) throw GiveUp{};
  }

  Expanded result() {
    for (uint32_t i : g_.outputs) {
      const ArrayRef x = of(i);
      std::vector<uint32_t>& ids_of_output = out_.outputs.emplace_back();
      for (int64_t e = 0; e < x->size; ++e) ids_of_output.push_back(id(x, e));
    }
    return std::move(out_);
  }

 private:
  const ops::ElementKernels& kernels() { return ops::element_kernels(); }

  // ---- values ----
  uint32_t value(uint8_t op, uint32_t a, uint32_t b = kNone, uint32_t c = kNone, Source source = from_code) {
    if (2 * (out_.values.size() + 1) > table_.size()) grow();
    const Scalar s{op, source, a, b, c};
    uint32_t& slot = slot_of(s);
    if (slot != kNone) return slot;
    slot = static_cast<uint32_t>(out_.values.size());
    no_minus_zero_.push_back(proved_without_minus_zero(s));
    out_.values.push_back(s);
    return static_cast<uint32_t>(out_.values.size() - 1);
  }
  // Where the value is in the table, or belongs. An operation looks near the place of its latest operand first, which
  // is in the cache: mostly that is the value before.
  uint32_t& slot_of(const Scalar& s) {
    constexpr size_t kNear = 8;
    const size_t mask = table_.size() - 1;
    auto fits = [&](uint32_t& slot) {
      if (slot == kNone) return true;
      const Scalar& v = out_.values[slot];
      return v.op == s.op && v.source == s.source && v.a == s.a && v.b == s.b && v.c == s.c;
    };
    if (s.source == from_code) {
      const size_t near = 2 * size_t{s.b == kNone ? s.a : std::max(s.a, s.b)};
      for (size_t k = 0; k < kNear; ++k)
        if (uint32_t& slot = table_[(near + k) & mask]; fits(slot)) return slot;
    }
    uint64_t h = s.op + 131 * static_cast<uint64_t>(s.source);
    for (uint32_t x : {s.a, s.b, s.c}) h = (h ^ x) * 0x9e3779b97f4a7c15ull, h ^= h >> 32;
    while (!fits(table_[h & mask])) ++h;
    return table_[h & mask];
  }
  void reserve(size_t n) {
    out_.values.reserve(n);
    no_minus_zero_.reserve(n);
    size_t slots = 256;
    while (slots < 2 * n) slots *= 2;
    table_.assign(slots, kNone);
  }
  void grow() {
    table_.assign(2 * table_.size(), kNone);
    for (uint32_t i = 0; i < out_.values.size(); ++i) slot_of(out_.values[i]) = i;
  }
  uint32_t constant(double v) {
    uint64_t bits;
    std::memcpy(&bits, &v, 8);
    return value(0, static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32), kNone, from_constant);
  }
  bool known(uint32_t i, double* v) const { return out_.known(i, v); }
  bool is(uint32_t i, double expected) const {
    double v;
    return known(i, &v) && v == expected && std::signbit(v) == std::signbit(expected);
  }
  // The operation carried out now, by the interpreter itself.
  uint32_t folded(uint8_t op, uint32_t a, uint32_t b, uint32_t c, int operands) {
    double r[4] = {};
    const uint32_t in[] = {a, b, c};
    for (int k = 0; k < operands; ++k)
      if (!known(in[k], &r[k])) return kNone;
    const bool call = op == op_call1 || op == op_call2;
    one_.code[0] = {op | 3u << 8, 0, 1, call ? c : 2};
    program::run(one_, r);
    return constant(r[3]);
  }
  uint32_t operation(uint8_t op, uint32_t a, uint32_t b = kNone, uint32_t c = kNone) {
    const int operands = op == op_select ? 3 : b == kNone ? 1 : 2;
    if (out_.values[a].source == from_constant) {
      const uint32_t v = folded(op, a, b, c, operands);
      if (v != kNone) return v;
    }
    return value(op, a, b, c);
  }
  bool is_operation(uint32_t i, uint8_t op) const {
    return out_.values[i].source == from_code && out_.values[i].op == op;
  }
  // y of 0 - y, kNone for other values: what -y is where -0 must not appear.
  uint32_t taken_from_zero(uint32_t i) const {
    return is_operation(i, op_subtract) && is(out_.values[i].a, 0) ? out_.values[i].b : kNone;
  }
  // x + 0 is x unless x is -0, so most of what follows takes a proof that it is not.
  bool without_minus_zero(uint32_t i) const { return no_minus_zero_[i]; }
  bool proved_without_minus_zero(const Scalar& s) const {
    double v;
    switch (s.source) {
      case from_constant:
        v = constant_of(s);
        return v != 0 || !std::signbit(v);
      case from_input:
        return !core::is_float(static_cast<DType>(s.op));
      default:
        break;
    }
    switch (s.op) {
      case op_add:
        return no_minus_zero_[s.a] || no_minus_zero_[s.b];
      case op_subtract:
        return no_minus_zero_[s.a];
      case op_maximum:
      case op_minimum:
        return no_minus_zero_[s.a] && no_minus_zero_[s.b];
      case op_select:
        return no_minus_zero_[s.b] && no_minus_zero_[s.c];
      case op_call1:
        return out_.called1[s.c] == code_of<ops::Exp> || out_.called1[s.c] == code_of<ops::Cosh> ||
               out_.called1[s.c] == code_of<ops::Sigmoid>;
      default:
        return s.op == op_scale || s.op == op_square || s.op == op_absolute || (s.op >= op_equal && s.op <= op_isinf);
    }
  }
  uint32_t negative(uint32_t a) { return is_operation(a, op_negative) ? out_.values[a].a : operation(op_negative, a); }
  uint32_t subtract(uint32_t a, uint32_t b) {
    if (is(b, 0) || (is(b, -0.0) && without_minus_zero(a))) return a;
    if (is(a, -0.0)) return negative(b);
    if (is_operation(b, op_negative)) return add(a, out_.values[b].a);
    const uint32_t y = taken_from_zero(b);
    if (y != kNone && without_minus_zero(a)) return add(a, y);
    return operation(op_subtract, a, b);
  }
  uint32_t add(uint32_t a, uint32_t b) {
    for (const auto& [x, other] : {std::pair{b, a}, std::pair{a, b}}) {
      if (is(x, -0.0) || (is(x, 0) && without_minus_zero(other))) return other;
      if (is_operation(x, op_negative)) return subtract(other, out_.values[x].a);
      const uint32_t y = taken_from_zero(x);
      if (y != kNone && without_minus_zero(other)) return subtract(other, y);
    }
    return operation(op_add, std::min(a, b), std::max(a, b));
  }
  uint32_t multiply(uint32_t a, uint32_t b) {
    for (const auto& [x, other] : {std::pair{a, b}, std::pair{b, a}}) {
      if (is(x, 1)) return other;
      if (is(x, -1)) return negative(other);
    }
    return operation(op_multiply, std::min(a, b), std::max(a, b));
  }
  uint32_t scale(uint32_t a, uint32_t b) {
    for (const auto& [x, other] : {std::pair{a, b}, std::pair{b, a}}) {
      if (is(x, 0) || is(x, -0.0)) return constant(0);
      if (is(x, 1)) return add(other, constant(0));
      if (is(x, -1)) return subtract(constant(0), other);
      // Signs move outwards, where they meet sums or each other.
      const uint32_t y = is_operation(x, op_negative) ? out_.values[x].a : taken_from_zero(x);
      if (y != kNone) return subtract(constant(0), scale(y, other));
    }
    return operation(op_scale, std::min(a, b), std::max(a, b));
  }
  uint32_t call1(OpCode op, uint32_t a) {
    if (calls1_.empty()) calls1_.assign(ops::kOps, kNone);
    if (calls1_[op] == kNone) {
      calls1_[op] = static_cast<uint32_t>(out_.calls1.size());
      const auto f = kernels().value1[op][1];
      if (!f) throw GiveUp{};
      out_.calls1.push_back(f);
      one_.calls1.push_back(f);
      out_.called1.push_back(op);
    }
    return operation(op_call1, a, kNone, calls1_[op]);
  }
  uint32_t call2(OpCode op, uint32_t a, uint32_t b) {
    if (calls2_.empty()) calls2_.assign(ops::kOps, kNone);
    if (calls2_[op] == kNone) {
      calls2_[op] = static_cast<uint32_t>(out_.calls2.size());
      const auto f = kernels().value2[op][1];
      if (!f) throw GiveUp{};
      out_.calls2.push_back(f);
      one_.calls2.push_back(f);
      out_.called2.push_back(op);
    }
    return operation(op_call2, a, b, calls2_[op]);
  }

  // ---- arrays of values ----
  static int64_t* ids(const ArrayRef& a) { return a->as<int64_t>(); }
  static uint32_t id(const ArrayRef& a, int64_t i) { return static_cast<uint32_t>(ids(a)[i]); }
  ArrayRef of(uint32_t node) {
    if (!elements_[node]) {
      if (single_[node] == kNone) throw GiveUp{};
      elements_[node] = core::make(DType::i64, g_.nodes[node].shape);
      ids(elements_[node])[0] = single_[node];
    }
    return elements_[node];
  }
  ArrayRef spread(const ArrayRef& a, const Dims& shape) { return core::contiguous(core::broadcast_to(a, shape)); }
  ArrayRef moved(OpCode op, const std::vector<ArrayRef>& in, const ops::Params* p) {
    return core::contiguous(ops::evaluate(op, in, p));
  }

  uint32_t unary(OpCode op, uint32_t a);
  uint32_t binary(OpCode op, uint32_t a, uint32_t b);
  ArrayRef reduced(const Node& n, const ArrayRef& x);
  ArrayRef softmax(const Node& n, const ArrayRef& x);
  ArrayRef softmax_sweep(const Node& n, const ArrayRef& g, const ArrayRef& y);
  ArrayRef axis_back(const Node& n, const ArrayRef& y, int rank);
  ArrayRef matmul(const ArrayRef& a, const ArrayRef& b, const Node& n);
  ArrayRef gather_add(const ArrayRef& x, const ArrayRef& v, const ops::GatherParams& p);
  void expand(uint32_t i);
  bool scalar_operation(uint32_t i);
  ArrayRef expanded(const Node& n, std::span<const uint32_t> in);
  void guard(uint32_t k);

  const Graph& g_;
  List<ArrayRef> elements_;  // made when they are needed for nodes of one element
  List<uint32_t> single_;
  std::unordered_map<uint32_t, uint32_t> input_of_;
  List<uint32_t> table_;
  std::vector<uint32_t> calls1_, calls2_;
  List<char> no_minus_zero_;  // of values: proved not to be -0
  ScalarCode one_;            // a single instruction, to compute what is known
  Expanded out_;
};

}  // namespace wengert::program::scalar
