// From a graph to single numbers: every element becomes a value of its own (moving elements costs nothing then), what
// is known is computed now, equal values are computed once.
#include "program/scalar/expand.h"

#include <cmath>
#include <cstring>
#include <map>

#include "ad/recorder.h"
#include "ops/elementwise/element_kernels.h"
#include "ops/elementwise/evaluate.h"
#include "program/scalar/code.h"
#include "program/scalar/instructions.h"

namespace wengert::program::scalar {
namespace {

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
  void guard(uint32_t check);

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

// Rows of the reduced axes, one after the other.
ArrayRef rows_of(const ArrayRef& x, const Dims& axes, int64_t* length) {
  const int n = x->ndim();
  ops::TransposeParams p;
  for (int i = 0; i < n; ++i)
    if (!axes.contains(i - n)) p.axes.push_back(i);
  for (int i = 0; i < n; ++i)
    if (axes.contains(i - n)) p.axes.push_back(i);
  *length = ops::reduced_count(x->shape, axes);
  const ArrayRef in[] = {x};
  return core::contiguous(ops::evaluate(code_of<ops::Transpose>, in, &p));
}

ArrayRef Expansion::reduced(const Node& n, const ArrayRef& x) {
  int64_t length;
  const ArrayRef rows = rows_of(x, n.p<ops::Sum>().axes, &length);
  ArrayRef y = core::make(DType::i64, n.shape);
  for (int64_t r = 0; r < y->size; ++r) {
    uint32_t v;
    int64_t k = 0;
    if (n.is(code_of<ops::Any>) || n.is(code_of<ops::All>)) {
      v = constant(n.is(code_of<ops::All>));
    } else {
      if (length == 0) throw GiveUp{};
      v = id(rows, r * length);
      k = 1;
    }
    for (; k < length; ++k) {
      const uint32_t e = id(rows, r * length + k);
      if (n.is(code_of<ops::Sum>) || n.is(code_of<ops::Mean>))
        v = add(v, e);
      else if (n.is(code_of<ops::Prod>))
        v = multiply(v, e);
      else if (n.is(code_of<ops::Max>))
        v = operation(op_maximum, v, e);
      else if (n.is(code_of<ops::Min>))
        v = operation(op_minimum, v, e);
      else if (n.is(code_of<ops::Any>))
        v = operation(op_logical_or, v, e);
      else
        v = operation(op_logical_and, v, e);
    }
    if (n.is(code_of<ops::Mean>)) v = operation(op_divide, v, constant(static_cast<double>(length)));
    ids(y)[r] = v;
  }
  return y;
}

ArrayRef Expansion::softmax(const Node& n, const ArrayRef& x) {
  int64_t length;
  const ArrayRef rows = rows_of(x, Dims{n.p<ops::Softmax>().axis}, &length);
  ArrayRef y = core::make(DType::i64, rows->shape);
  for (int64_t r = 0; length && r < y->size / length; ++r) {
    uint32_t largest = id(rows, r * length), total = kNone;
    std::vector<uint32_t> shifted, e;
    for (int64_t k = 1; k < length; ++k) largest = operation(op_maximum, largest, id(rows, r * length + k));
    for (int64_t k = 0; k < length; ++k) {
      const uint32_t x = id(rows, r * length + k);  // 0 below the largest also where that is infinite
      shifted.push_back(operation(op_select, operation(op_equal, x, largest), constant(0), subtract(x, largest)));
      e.push_back(call1(code_of<ops::Exp>, shifted.back()));
      total = k ? add(total, e.back()) : e.back();
    }
    const uint32_t log = n.is(code_of<ops::LogSoftmax>) ? call1(code_of<ops::Log>, total) : kNone;
    for (int64_t k = 0; k < length; ++k) {
      const auto i = static_cast<size_t>(k);
      ids(y)[r * length + k] = log == kNone ? operation(op_divide, e[i], total) : subtract(shifted[i], log);
    }
  }
  return axis_back(n, y, x->ndim());
}

// The axis of the rows goes back to its place.
ArrayRef Expansion::axis_back(const Node& n, const ArrayRef& y, int rank) {
  const int axis = rank + static_cast<int>(n.p<ops::Softmax>().axis);
  ops::TransposeParams p;
  for (int i = 0; i < rank - 1; ++i) p.axes.push_back(i);
  p.axes.insert(axis, rank - 1);
  return moved(code_of<ops::Transpose>, {y}, &p);
}

// The rules of ops/nn.h, written out.
ArrayRef Expansion::softmax_sweep(const Node& n, const ArrayRef& g, const ArrayRef& y) {
  int64_t length;
  const Dims axis{n.p<ops::Softmax>().axis};
  const ArrayRef rows = rows_of(g, axis, &length), weights = rows_of(y, axis, &length);
  const bool log = n.is(code_of<ops::LogSoftmaxSweep>);
  ArrayRef out = core::make(DType::i64, rows->shape);
  for (int64_t r = 0; length && r < out->size / length; ++r) {
    std::vector<uint32_t> x, w;
    for (int64_t k = 0; k < length; ++k) {
      const uint32_t e = id(weights, r * length + k);
      x.push_back(id(rows, r * length + k));
      w.push_back(log ? call1(code_of<ops::Exp>, e) : e);
    }
    for (int time = 0; time < 2; ++time) {
      uint32_t total = kNone;
      for (size_t k = 0; k < x.size(); ++k) {
        const uint32_t part = log ? x[k] : scale(x[k], w[k]);
        total = k ? add(total, part) : part;
      }
      for (size_t k = 0; k < x.size(); ++k) x[k] = subtract(x[k], log ? scale(total, w[k]) : total);
    }
    for (size_t k = 0; k < x.size(); ++k)
      ids(out)[r * length + static_cast<int64_t>(k)] = log ? x[k] : scale(x[k], w[k]);
  }
  return axis_back(n, out, g->ndim());
}

ArrayRef Expansion::matmul(const ArrayRef& a, const ArrayRef& b, const Node& n) {
  const ops::MatmulShapes s(a->shape, b->shape);
  if (!s.batch.empty() || s.a.back() == 0) throw GiveUp{};
  const bool strong = n.is(code_of<ops::StrongMatmul>);
  const int64_t rows = s.a[0], inner = s.a[1], cols = s.b[1];
  ArrayRef y = core::make(DType::i64, n.shape);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) {
      uint32_t v = constant(0);  // as the kernels begin, for the sign of a zero; joined with the first product
      for (int64_t k = 0; k < inner; ++k) {
        const uint32_t x = id(a, i * inner + k), y = id(b, k * cols + j);
        v = add(v, strong ? scale(x, y) : multiply(x, y));
      }
      ids(y)[i * cols + j] = v;
    }
  return y;
}

ArrayRef Expansion::gather_add(const ArrayRef& x, const ArrayRef& v, const ops::GatherParams& p) {
  const Dims rest = x->shape.slice(static_cast<int>(p.lead), x->ndim());
  const int64_t run = rest.product();
  const ArrayRef where = core::contiguous(p.indices), part = spread(v, core::concat(where->shape, rest));
  ArrayRef y = core::copy(x);
  for (int64_t i = 0; i < where->size; ++i)
    for (int64_t k = 0; k < run; ++k) {
      int64_t& to = ids(y)[where->as<int64_t>()[i] * run + k];
      to = add(static_cast<uint32_t>(to), id(part, i * run + k));
    }
  return y;
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

}  // namespace

Expanded expanded(const Graph& g) {
  Expansion e(g);
  e.run();
  return e.result();
}

}  // namespace wengert::program::scalar
