#include "ad/apply.h"

#include "ad/levels.h"
#include "ad/rules.h"
#include "ops/elementwise/evaluate.h"
#include "simd/rounding.h"

namespace wengert::ad {

using ops::code_of;
using ops::info;

namespace {

__attribute__((tls_model("initial-exec"))) thread_local int depth_of_thread = 0;

}  // namespace

// Also operations on plain arrays belong to a recording if the positions they use are computed in it.
Value evaluate(OpCode op, Operands args, int n, const ParamsRef& params) {
  if (following) [[unlikely]] {
    uint32_t node;
    const ArrayRef* at = ops::positions_of(op, params);
    Recorder* t = at ? Recorder::of_positions(*at, &node) : nullptr;
    if (t) return record_step(t, op, args, n, params);
  }
  return computed(op, args, n, params);
}

Value computed(OpCode op, Operands args, int n, const ParamsRef& params) {
  const ops::Info& f = info(op);
  if (f.elementwise)
    return Value(n == 1 ? ops::unary(op, args[0]->array) : ops::binary(op, args[0]->array, args[1]->array));
  if (n <= kFew) {
    ArrayRef a[kFew];
    for (int i = 0; i < n; ++i) a[i] = args[i]->array;
    return Value(ops::evaluate(op, {a, static_cast<size_t>(n)}, params.get()));
  }
  std::vector<ArrayRef> a(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) a[static_cast<size_t>(i)] = args[i]->array;
  return Value(ops::evaluate(op, a, params.get()));
}

Value traced(const Value& primal, TraceRef t, uint32_t node) {
  Value v;
  v.array = primal.array;
  v.node = node;
  if (primal.trace) {
    v.box = Ref<Box>(new Box);
    v.box->primal = primal;
  }
  v.trace = std::move(t);
  return v;
}

// The value of the operation one level down.
Value evaluate_below(OpCode op, Operands args, int n, const ParamsRef& params, const Trace* level) {
  bool flat = true;
  for (int i = 0; i < n; ++i) flat &= args[i]->trace.get() == level ? !args[i]->box : !args[i]->trace;
  if (flat) return evaluate(op, args, n, params);
  if (n <= 2) {
    const Value lower[2] = {below(*args[0], level), n == 2 ? below(*args[1], level) : Value()};
    return apply(op, lower, n, params);
  }
  std::vector<Value> lower(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) lower[static_cast<size_t>(i)] = below(*args[i], level);
  return apply(op, lower.data(), n, params);
}

bool carries_derivative(OpCode op, const Value& result) {
  return info(op).differentiable && core::is_float(result.dtype());
}

namespace {

// With one constant operand the subgradient at a tie is another one (see ops/binary.h).
OpCode recorded_code(OpCode op, bool both_active) {
  if (both_active) return op;
  if (op == code_of<ops::Maximum>) return code_of<ops::MaximumOfConstant>;
  if (op == code_of<ops::Minimum>) return code_of<ops::MinimumOfConstant>;
  return op;
}

}  // namespace

uint32_t append(Tape& tape, OpCode op, uint32_t* nodes, Operands args, int n, const Trace* level, const Value& out,
                const ParamsRef& params) {
  if (n == 2) op = recorded_code(op, nodes[0] != kNoNode && nodes[1] != kNoNode);
  return tape.append(op, nodes, args, n, level, out, params);
}

namespace {

[[noreturn]] void use_after_end() {
  runtime_error(
      "wengert: a value is used after the transform it belongs to has ended; return it from the function "
      "(has_aux=True), "
      "or take its number with float() or numpy()");
}

// While a long kernel ran another thread may have ended the level.
void check_alive(const Trace* t) {
  if (!t->alive) [[unlikely]]
    use_after_end();
}

// A recording that has ended leaves ordinary values behind: what a compiled function kept of its first run.
bool is_over(const Trace* t) {
  return t && t->kind == Trace::Kind::program && !t->alive && !static_cast<const Recorder*>(t)->body;
}

Value record(ReverseTrace* t, OpCode op, Operands args, int n, const ParamsRef& params) {
  Value out = evaluate_below(op, args, n, params, t);
  if (!carries_derivative(op, out)) return out;
  check_alive(t);
  uint32_t few[kFew];
  std::vector<uint32_t> many;
  uint32_t* nodes = few;
  if (n > kFew) {
    many.resize(static_cast<size_t>(n));
    nodes = many.data();
  }
  for (int i = 0; i < n; ++i) nodes[i] = args[i]->trace.get() == t ? args[i]->node : kNoNode;
  const uint32_t node = append(t->tape, op, nodes, args, n, t, out, params);
  return traced(out, TraceRef(t), node);
}

// ---- forward mode -------------------------------------------------------------------------------------------------

Value push_forward(DualTrace* t, OpCode op, Operands args, int n, const ParamsRef& params) {
  std::vector<Value> primals(static_cast<size_t>(n)), tangents(static_cast<size_t>(n));
  int active = 0;
  for (int i = 0; i < n; ++i) {
    const auto k = static_cast<size_t>(i);
    primals[k] = below(*args[i], t);
    if (args[i]->trace.get() != t) continue;
    tangents[k] = args[i]->box->tangent;
    ++active;
  }
  Value out = apply(op, primals.data(), n, params);
  if (!carries_derivative(op, out)) return out;
  const OpCode rule = n == 2 ? recorded_code(op, active == 2) : op;
  Value tangent = tangent_of(rule, primals, tangents, out, params, t->tangents);
  Value v = traced(out, TraceRef(t), 0);
  if (!v.box) {
    v.box = Ref<Box>(new Box);
    v.box->primal = out;
  }
  v.box->tangent = std::move(tangent);
  return v;
}

void change_in_place(OpCode op, ArrayRef& x, const ArrayRef& v, const ops::Params& p) {
  if (op == code_of<ops::SliceUpdate>)
    ops::SliceUpdate::in_place(x, v, ops::params_of<ops::SliceUpdate>(p));
  else if (op == code_of<ops::SliceAdd>)
    ops::SliceAdd::in_place(x, v, ops::params_of<ops::SliceAdd>(p));
  else if (op == code_of<ops::GatherUpdate>)
    ops::GatherUpdate::in_place(x, v, ops::params_of<ops::GatherUpdate>(p));
  else if (op == code_of<ops::StridedUpdate>)
    ops::StridedUpdate::in_place(x, v, ops::params_of<ops::StridedUpdate>(p));
  else if (op == code_of<ops::StridedAdd>)
    ops::StridedAdd::in_place(x, v, ops::params_of<ops::StridedAdd>(p));
  else
    ops::GatherAdd::in_place(x, v, ops::params_of<ops::GatherAdd>(p));
}

Trace* higher(Trace* a, Trace* b) { return !a || b->order > a->order ? b : a; }

Trace* highest_of(Operands args, int n) {
  Trace* top = nullptr;
  for (int i = 0; i < n; ++i) {
    Trace* t = args[i]->trace.get();
    if (t && t != top) top = higher(top, t);
  }
  if (top && !is_over(top)) check_alive(top);
  return top;
}

// Pointers to the operands of a call.
class Pointers {
 public:
  Pointers(const Value* args, int n) {
    if (n > kFew) many_.resize(static_cast<size_t>(n));
    p_ = n > kFew ? many_.data() : few_;
    for (int i = 0; i < n; ++i) p_[i] = args + i;
  }
  operator Operands() const { return p_; }  // NOLINT: stands for the list

 private:
  const Value* few_[kFew];
  std::vector<const Value*> many_;
  const Value** p_;
};

Value apply_to(OpCode op, Operands args, int n, const ParamsRef& params) {
  Trace* top = highest_of(args, n);
  if (!top) return evaluate(op, args, n, params);
  if (is_over(top)) [[unlikely]] {
    std::vector<Value> left;
    for (int i = 0; i < n; ++i) left.push_back(is_over(args[i]->trace.get()) ? primal_of(*args[i]) : *args[i]);
    return apply_to(op, Pointers(left.data(), n), n, params);
  }
  if (following) [[unlikely]] {  // read at positions that belong to the body of a loop
    uint32_t node;
    const ArrayRef* at = ops::positions_of(op, params);
    Recorder* t = at ? Recorder::of_positions(*at, &node) : nullptr;
    if (t && t->body && t->order > top->order) return record_step(t, op, args, n, params);
  }
  if (top->depth == 0) return record_ambient(op, args, n, params);
  switch (top->kind) {
    case Trace::Kind::reverse:
      return record(static_cast<ReverseTrace*>(top), op, args, n, params);
    case Trace::Kind::dual:
      return push_forward(static_cast<DualTrace*>(top), op, args, n, params);
    case Trace::Kind::program:
      return record_step(static_cast<Recorder*>(top), op, args, n, params);
    default:
      return list(static_cast<Listing*>(top), op, args, n, params);
  }
}

// The level of a value that is a plain array below it: what eager code records nearly always.
ReverseTrace* plain_level(const Value& v) {
  Trace* t = v.trace.get();
  if (!t || t->kind != Trace::Kind::reverse || t->depth == 0 || !t->alive || v.box) return nullptr;
  return static_cast<ReverseTrace*>(t);
}

Value recorded(ReverseTrace* t, OpCode op, uint32_t node0, uint32_t node1, const Value& a, const Value* b,
               ArrayRef out) {
  check_alive(t);
  if (b) op = recorded_code(op, node0 != kNoNode && node1 != kNoNode);
  Value v;
  v.node = t->tape.append_plain(op, node0, node1, a, b, out);
  v.array = std::move(out);
  v.trace = TraceRef(t);
  return v;
}

}  // namespace

Trace* highest(const Value* args, int n) { return highest_of(Pointers(args, n), n); }

Value apply(OpCode op, const Value* args, int n, const ParamsRef& params) {
  return apply_to(op, Pointers(args, n), n, params);
}

Value apply1(OpCode op, const Value& x) {
  if (!x.trace) return Value(ops::unary(op, x.array));
  ReverseTrace* t = plain_level(x);
  if (t && info(op).differentiable) {
    ArrayRef out = ops::unary(op, x.array);
    return core::is_float(out->dtype) ? recorded(t, op, x.node, kNoNode, x, nullptr, std::move(out))
                                      : Value(std::move(out));
  }
  const Value* one[] = {&x};
  return apply_to(op, one, 1, {});
}

Value apply2(OpCode op, const Value& a, const Value& b) {
  if (!a.trace && !b.trace) return Value(ops::binary(op, a.array, b.array));
  ReverseTrace* t = plain_level(a.trace ? a : b);
  if (t && info(op).differentiable && (!b.trace || (b.trace.get() == t && !b.box))) {
    ArrayRef out = ops::binary(op, a.array, b.array);
    if (!core::is_float(out->dtype)) return Value(std::move(out));
    return recorded(t, op, a.trace ? a.node : kNoNode, b.trace ? b.node : kNoNode, a, &b, std::move(out));
  }
  const Value* pair[] = {&a, &b};
  return apply_to(op, pair, 2, {});
}

std::vector<Value> record_call(Trace* level, const std::vector<Value>& args, const Ref<CustomCall>& call) {
  if (level->depth == 0 && !recording_enabled()) return call->results;
  const int n = static_cast<int>(args.size());
  const ReverseRef t =
      level->depth == 0 ? common_tape(Pointers(args.data(), n), n) : ReverseRef(static_cast<ReverseTrace*>(level));
  std::vector<uint32_t> nodes;
  for (const Value& v : args)
    nodes.push_back(level->depth == 0 ? node_in(t.get(), v) : v.trace.get() == level ? v.node : kNoNode);
  const uint32_t first = t->tape.append_call(nodes, call);
  t->calls.insert(*call);
  std::vector<Value> out;
  for (size_t i = 0; i < call->results.size(); ++i) {
    const Value& r = call->results[i];
    out.push_back(core::is_float(r.dtype()) ? traced(r, TraceRef(t.get()), first + static_cast<uint32_t>(i)) : r);
  }
  return out;
}

void update(OpCode op, Value& x, const Value& v, const ParamsRef& params) {
  Value args[2] = {x, v};
  Trace* top = highest(args, 2);
  uint32_t positions;
  const ArrayRef* at = following ? ops::positions_of(op, params) : nullptr;
  if (at && Recorder::of_positions(*at, &positions)) {
    x = apply(op, args, 2, params);
    return;
  }
  const bool reverse = top && top->kind == Trace::Kind::reverse && top->depth > 0;
  if (top && !reverse) {
    x = apply(op, args, 2, params);
    return;
  }
  for (const Value& a : args)
    if (a.trace && (a.trace.get() != top || a.box)) {
      x = apply(op, args, 2, params);
      return;
    }
  args[0].array = nullptr;  // else the array would have two owners and be copied
  ArrayRef a = std::move(x.array);
  try {
    change_in_place(op, a, v.array, *params);
  } catch (...) {
    x.array = std::move(a);
    throw;
  }
  if (!top) {
    x = Value(std::move(a));
    return;
  }
  auto* t = static_cast<ReverseTrace*>(top);
  uint32_t nodes[2];
  for (int i = 0; i < 2; ++i) nodes[i] = args[i].trace.get() == t ? args[i].node : kNoNode;
  const Value out(std::move(a));
  const uint32_t node = t->tape.append(op, nodes, Pointers(args, 2), 2, t, out, params);
  x = traced(out, TraceRef(t), node);
}

void check_result(const Value& y, const Trace* level) {
  if (!y.trace || y.trace.get() == level || (y.trace->alive && y.trace->order < level->order)) return;
  runtime_error(
      "wengert: the function returned a value of another transform, one that has ended or that runs inside it in "
      "another "
      "thread; its derivative would be lost. Return it from that transform instead, or use stop_gradient");
}

int current_depth() { return depth_of_thread; }
void push_level() { ++depth_of_thread; }
void pop_level() { --depth_of_thread; }
Depth::Depth() { push_level(); }
Depth::~Depth() { pop_level(); }

// ---- promotion ----------------------------------------------------------------------------------------------------

DType common_type(const Value* args, int n) {
  int strong = -1, weak = -1;
  for (int i = 0; i < n; ++i) {
    int& t = args[i].weak ? weak : strong;
    const auto own = static_cast<int>(args[i].dtype());
    t = t < 0 ? own : static_cast<int>(core::promote(static_cast<DType>(t), static_cast<DType>(own)));
  }
  if (strong < 0) return static_cast<DType>(weak);
  const auto s = static_cast<DType>(strong);
  if (weak < 0) return s;
  const auto w = static_cast<DType>(weak);
  if (w == DType::b1) return s;
  if (core::is_float(w)) return core::is_float(s) ? s : DType::f64;
  return s == DType::b1 ? DType::i64 : s;  // an integer literal takes any number type
}

Value astype(const Value& x, DType t) {
  if (x.dtype() == t) return x;
  if (x.plain()) {
    const simd::RoundToNearest rounding;  // 0.1 becomes a float32 here
    Value v(core::cast(x.array, t));
    v.weak = x.weak;
    return v;
  }
  return apply(code_of<ops::Astype>, &x, 1, ops::new_params<ops::Astype>(t));
}

namespace {

DType computing_type(OpCode op, DType common) {
  const ops::Types types = info(op).types;
  if (types == ops::Types::floats && !core::is_float(common)) return DType::f64;
  return common;
}

}  // namespace

Value apply_unary(OpCode op, const Value& x) {
  const DType t = computing_type(op, x.dtype());
  Value r = t == x.dtype() ? apply1(op, x) : apply1(op, astype(x, t));
  r.weak = x.weak;
  return r;
}

Value apply_binary(OpCode op, const Value& a, const Value& b) {
  auto common = [&] {
    const Value pair[2] = {a, b};
    return common_type(pair, 2);
  };
  const DType t = computing_type(op, a.dtype() == b.dtype() ? a.dtype() : common());
  Value r = a.dtype() == t && b.dtype() == t ? apply2(op, a, b) : apply2(op, astype(a, t), astype(b, t));
  r.weak = a.weak && b.weak;
  return r;
}

Value apply_where(const Value& c, const Value& a, const Value& b) {
  const Value pair[2] = {a, b};
  const DType t = common_type(pair, 2);
  const Value args[3] = {astype(c, DType::b1), astype(a, t), astype(b, t)};
  Value r = apply(code_of<ops::Where>, args, 3, {});
  r.weak = a.weak && b.weak;
  return r;
}

Value apply_structured(OpCode op, const Value& x, const ParamsRef& params) {
  const Value y = astype(x, computing_type(op, x.dtype()));
  Value r = apply(op, &y, 1, params);
  r.weak = x.weak;
  return r;
}

}  // namespace wengert::ad
