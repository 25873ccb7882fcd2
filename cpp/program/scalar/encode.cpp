// From single numbers to scalar code: pairs of operations are joined, registers are reused.
#include "program/scalar/code.h"
#include "program/scalar/expand.h"
#include "program/scalar/instructions.h"

namespace wengert::program {
namespace {

using namespace scalar;

int joined(uint8_t inner, uint8_t outer, bool right) {
  int i, o;
  switch (inner) {
    case op_add:
      i = 0;
      break;
    case op_subtract:
      i = 1;
      break;
    case op_multiply:
      i = 2;
      break;
    case op_scale:
      i = 3;
      break;
    default:
      return -1;
  }
  switch (outer) {
    case op_add:
      o = 0;
      break;
    case op_subtract:
      o = right ? 2 : 1;
      break;
    case op_multiply:
      o = 3;
      break;
    case op_scale:
      o = 4;
      break;
    default:
      return -1;
  }
  return op_add_add + 5 * i + o;
}

int arity(uint8_t op) {
  if (op == op_select || (op >= op_add_add && op <= op_scale_scale)) return 3;
  if ((op >= op_add && op <= op_logical_xor) || op == op_call2) return 2;
  return 1;
}

class Coder {
 public:
  Coder(const Graph& g, Expanded e)
      : g_(g),
        e_(std::move(e)),
        n_(static_cast<uint32_t>(e_.values.size())),
        uses_(n_, 0),
        kept_(n_, 0),
        gone_(n_, 0) {}

  ScalarCode code() {
    count_uses();
    join_pairs();
    find_last_readers();
    place_leaves();
    emit();
    for (size_t k = 0; k < e_.outputs.size(); ++k) {
      const Node& n = g_.nodes[g_.outputs[k]];
      if (core::is_int(n.dtype)) throw GiveUp{};
      ScalarCode::Result& r = out_.results.emplace_back(ScalarCode::Result{{}, n.dtype, n.shape});
      for (uint32_t v : e_.outputs[k]) r.registers.push_back(at_[v]);
    }
    out_.calls1 = std::move(e_.calls1);
    out_.calls2 = std::move(e_.calls2);
    out_.called1 = std::move(e_.called1);
    out_.called2 = std::move(e_.called2);
    return std::move(out_);
  }

 private:
  bool runs(uint32_t i) const { return uses_[i] && !gone_[i] && e_.values[i].source == from_code; }

  // What is needed, and how often.
  void count_uses() {
    for (const auto& output : e_.outputs)
      for (uint32_t v : output) ++uses_[v], kept_[v] = 1;
    for (const Expanded::Guard& t : e_.guards) ++uses_[t.value], kept_[t.value] = 1;
    for (uint32_t i = n_; i-- > 0;) {
      if (!runs(i)) continue;
      const Scalar& s = e_.values[i];
      ++uses_[s.a];
      if (arity(s.op) > 1) ++uses_[s.b];
      if (arity(s.op) > 2) ++uses_[s.c];
      ++out_.operations;
    }
  }

  // An operation whose only reader is another one moves into it.
  void join_pairs() {
    for (uint32_t i = 0; i < n_; ++i) {
      Scalar& s = e_.values[i];
      if (!runs(i) || arity(s.op) != 2 || s.op == op_call2 || s.a == s.b) continue;
      for (int side = 0; side < 2; ++side) {
        const uint32_t x = side ? s.b : s.a;
        const Scalar& inner = e_.values[x];
        if (uses_[x] != 1 || kept_[x] || gone_[x] || inner.source != from_code) continue;
        const int op = joined(inner.op, s.op, side == 1);
        if (op < 0) continue;
        s = {static_cast<uint8_t>(op), from_code, inner.a, inner.b, side ? s.a : s.b};
        gone_[x] = 1;
        break;
      }
    }
  }

  void find_last_readers() {
    last_.assign(n_, 0);
    for (uint32_t i = 0; i < n_; ++i) {
      if (!runs(i)) continue;
      const Scalar& s = e_.values[i];
      last_[s.a] = i;
      if (arity(s.op) > 1) last_[s.b] = i;
      if (arity(s.op) > 2) last_[s.c] = i;
    }
    for (uint32_t i = 0; i < n_; ++i)
      if (kept_[i]) last_[i] = n_;
  }

  // The first registers: constants, then inputs.
  void place_leaves() {
    at_.assign(n_, kNone);
    for (uint32_t i = 0; i < n_; ++i)
      if (uses_[i] && e_.values[i].source == from_constant) {
        at_[i] = static_cast<uint32_t>(out_.constants.size());
        out_.constants.push_back(constant_of(e_.values[i]));
      }
    for (const Expanded::Guard& t : e_.guards) {  // constants that guards compare with
      expected_.push_back(static_cast<uint32_t>(out_.constants.size()));
      if (!t.truth) out_.constants.push_back(t.expected);
    }
    out_.registers = static_cast<uint32_t>(out_.constants.size());
    for (uint32_t i = 0; i < n_; ++i)
      if (const Scalar& s = e_.values[i]; uses_[i] && s.source == from_input) {
        at_[i] = out_.registers++;
        out_.sources.push_back({s.a, s.b, at_[i], static_cast<DType>(s.op)});
      }
  }

  void emit() {
    out_.code.reserve(out_.operations + e_.guards.size() + 1);
    for (uint32_t i = 0; i < n_; ++i) {
      emit_guards(i);
      if (runs(i)) emit(i);
    }
    emit_guards(n_);
    out_.code.push_back({op_stop, 0, 0, 0});
  }

  // Those that can be made before value i.
  void emit_guards(uint32_t i) {
    for (; guard_ < e_.guards.size() && e_.guards[guard_].before <= i; ++guard_) {
      const Expanded::Guard& t = e_.guards[guard_];
      const uint32_t op = !t.truth ? op_guard_equal : t.expected != 0 ? op_guard_true : op_guard_false;
      out_.code.push_back({op, at_[t.value], t.guard, t.truth ? 0 : expected_[guard_]});
    }
  }

  void emit(uint32_t i) {
    const Scalar& s = e_.values[i];
    const int count = arity(s.op);
    const bool call = s.op == op_call1 || s.op == op_call2;
    const uint32_t operands[] = {s.a, s.b, s.c};
    ScalarInstruction made{s.op, at_[s.a], count > 1 ? at_[s.b] : 0, call ? s.c : count > 2 ? at_[s.c] : 0};
    for (int k = 0; k < count; ++k) {
      const uint32_t x = operands[k];
      if (last_[x] != i || e_.values[x].source != from_code) continue;
      free_.push_back(at_[x]);
      last_[x] = n_ + 1;  // freed once
    }
    if (free_.empty()) {
      at_[i] = out_.registers++;
    } else {
      at_[i] = free_.back();
      free_.pop_back();
    }
    if (at_[i] >= (1u << 24)) throw GiveUp{};
    made.op_and_target |= at_[i] << 8;
    out_.code.push_back(made);
  }

  const Graph& g_;
  Expanded e_;
  uint32_t n_;
  List<uint32_t> uses_;
  List<char> kept_, gone_;  // outputs and guards read it; it moved into its reader
  List<uint32_t> last_;     // readers
  List<uint32_t> at_;
  std::vector<uint32_t> free_, expected_;
  size_t guard_ = 0;
  ScalarCode out_;
};

constexpr double kInstruction = 1.1, kCall = 4;  // nanoseconds, roughly

bool moves(const Node& n) {
  return n.is(code_of<ops::Reshape>) || n.is(code_of<ops::Transpose>) || n.is(code_of<ops::Slice>) ||
         n.is(code_of<ops::BroadcastTo>) || n.is(code_of<ops::Strided>);
}

// Of the program over arrays.
double cost_of_arrays(const Graph& g) {
  constexpr double kFusedOp = 5, kElement = 0.25, kStep = 35, kReplay = 150;
  double cost = kReplay;
  for (const Node& n : g.nodes) {
    if (n.given() || moves(n)) continue;
    const bool fused = n.op >= 0 && (ops::info(static_cast<OpCode>(n.op)).elementwise || n.is(code_of<ops::Where>));
    cost += (fused ? kFusedOp : kStep) + kElement * static_cast<double>(n.size());
  }
  return cost;
}

double cost_of(const ScalarCode& code) {
  double cost = 0;
  for (const ScalarInstruction& i : code.code) {
    const auto op = i.op_and_target & 0xff;
    cost += op == op_call1 || op == op_call2 ? kCall + kInstruction : kInstruction;
  }
  return cost;
}

// Long programs that would certainly be worse as scalar code are not expanded to see it. Short ones are: values that
// turn out to be equal or known make expansion hard to foresee.
bool hopeless(const Graph& g) {
  constexpr size_t kShort = 400;
  if (g.nodes.size() < kShort) return false;
  double own = 0;
  for (const Node& n : g.nodes)
    if (n.op >= 0 && ops::info(static_cast<OpCode>(n.op)).elementwise)
      own += static_cast<double>(n.size()) * kInstruction;
  return own > 0.75 * cost_of_arrays(g);
}

}  // namespace

std::optional<ScalarCode> scalar_code(const Graph& g) {
  if (hopeless(g)) return {};
  for (uint32_t i : g.outputs)
    if (g.nodes[i].size() > 4 * scalar::kMostElements) return {};
  try {
    ScalarCode code = Coder(g, scalar::expanded(g)).code();
    if (cost_of(code) > cost_of_arrays(g)) return {};
    return code;
  } catch (const scalar::GiveUp&) {
    return {};
  }
}

}  // namespace wengert::program
