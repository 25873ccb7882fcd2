#include "ad/apply.h"

#include "ad/batch.h"
#include "ad/process.h"
#include "ad/recorder.h"
#include "ad/reverse.h"
#include "ops/elementwise/evaluate.h"
#include "simd/rounding.h"

namespace wengert::ad {

using ops::code_of;
using ops::info;

namespace {

__attribute__((tls_model("initial-exec"))) thread_local int depth_of_thread = 0;

// The innermost level in which the positions that an operation uses are computed.
Level* level_of_positions(OpCode op, const ParamsRef& params) {
  if (!following && !indexing) return nullptr;
  const ArrayRef* at = ops::positions_of(op, params);
  if (!at) return nullptr;
  if (BatchLevel* batch = BatchLevel::of_positions(at)) return batch;
  uint32_t node;
  return Recorder::of_positions(*at, &node);
}

}  // namespace

// Also operations on plain arrays belong to a recording if the positions they use are computed in it.
Value evaluate(OpCode op, Operands args, int n, const ParamsRef& params) {
  if (Level* t = level_of_positions(op, params)) [[unlikely]]
    return t->process(op, args, n, params);
  return computed(op, args, n, params);
}

Value computed(OpCode op, Operands args, int n, const ParamsRef& params) {
  const ops::Info& f = info(op);
  if (f.elementwise)
    return Value(n == 1 ? ops::unary(op, args[0]->array) : ops::binary(op, args[0]->array, args[1]->array));
  if (n <= kOnStack) {
    ArrayRef a[kOnStack];
    for (int i = 0; i < n; ++i) a[i] = args[i]->array;
    return Value(ops::evaluate(op, {a, static_cast<size_t>(n)}, params.get()));
  }
  std::vector<ArrayRef> a(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) a[static_cast<size_t>(i)] = args[i]->array;
  return Value(ops::evaluate(op, a, params.get()));
}

Value traced(const Value& primal, LevelRef t, uint32_t node) {
  Value v;
  v.array = primal.array;
  v.node = node;
  if (primal.level) {
    v.box = Ref<Box>(new Box);
    v.box->primal = primal;
  }
  v.level = std::move(t);
  return v;
}

// The value of the operation one level down.
Value evaluate_below(OpCode op, Operands args, int n, const ParamsRef& params, const Level* level) {
  bool flat = !lifting;
  for (int i = 0; i < n; ++i) flat &= args[i]->level.get() == level ? !args[i]->box : !args[i]->level;
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

OpCode rule_of(OpCode op, bool both_active) {
  if (both_active) return op;
  if (op == code_of<ops::Maximum>) return code_of<ops::MaximumOfConstant>;
  if (op == code_of<ops::Minimum>) return code_of<ops::MinimumOfConstant>;
  return op;
}

uint32_t append(Tape& tape, OpCode op, uint32_t* nodes, Operands args, int n, const Level* level, const Value& out,
                const ParamsRef& params) {
  if (n == 2) op = rule_of(op, nodes[0] != kNoNode && nodes[1] != kNoNode);
  return tape.append(op, nodes, args, n, level, out, params);
}

namespace {

[[noreturn]] void use_after_end() {
  runtime_error(
      "wengert: a value is used after the transform it belongs to has ended; return it from the function "
      "(has_aux=True), "
      "or take its number with float() or numpy()");
}

}  // namespace

void check_alive(const Level* t) {
  if (!t->alive) [[unlikely]]
    use_after_end();
}

namespace {

// A recording that has ended leaves ordinary values behind: what a compiled function kept of its first run.
bool is_over(const Level* t) {
  const auto* r = level_as<Recorder>(t);
  return r && !r->alive && !r->body;
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

Level* higher(Level* a, Level* b) { return !a || b->order > a->order ? b : a; }

Level* highest_of(Operands args, int n) {
  Level* top = nullptr;
  for (int i = 0; i < n; ++i) {
    Level* t = args[i]->level.get();
    if (t && t != top) top = higher(top, t);
  }
  if (top && !is_over(top)) check_alive(top);
  return top;
}

Value apply_to(OpCode op, Operands args, int n, const ParamsRef& params);

// What rules and conversions compute with hidden arrays belongs to the recording.
bool lifted(OpCode op, Operands args, int n, const ParamsRef& params, Value& out) {
  std::vector<Value> parts;
  bool any = false;
  for (int i = 0; i < n; ++i) {
    parts.push_back(*args[i]);
    any = (!parts.back().level && lifting->lift(parts.back())) || any;
  }
  if (any) out = apply_to(op, Pointers(parts.data(), n), n, params);
  return any;
}

Value apply_to(OpCode op, Operands args, int n, const ParamsRef& params) {
  Level* top = highest_of(args, n);
  if (lifting) [[unlikely]] {  // also beside operands of a level, which may keep them for its rule
    Value out;
    if (lifted(op, args, n, params, out)) return out;
  }
  if (!top) return evaluate(op, args, n, params);
  if (is_over(top)) [[unlikely]] {
    std::vector<Value> left;
    for (int i = 0; i < n; ++i) left.push_back(is_over(args[i]->level.get()) ? primal_of(*args[i]) : *args[i]);
    return apply_to(op, Pointers(left.data(), n), n, params);
  }
  if (Level* t = level_of_positions(op, params); t && t->order > top->order) [[unlikely]] {
    // They belong to the body of a loop, or to the examples of a batch.
    const auto* r = level_as<Recorder>(t);
    if (!r || r->body) return t->process(op, args, n, params);
  }
  return top->process(op, args, n, params);
}

// The level of a value that is a plain array below it: what eager code records nearly always.
ReverseLevel* plain_level(const Value& v) {
  auto* t = level_as<ReverseLevel>(v.level);
  return t && t->alive && !v.box && !lifting ? t : nullptr;
}

Value recorded(ReverseLevel* t, OpCode op, uint32_t node0, uint32_t node1, const Value& a, const Value* b,
               ArrayRef out) {
  check_alive(t);
  if (b) op = rule_of(op, node0 != kNoNode && node1 != kNoNode);
  Value v;
  v.node = t->tape.append_plain(op, node0, node1, a, b, out);
  v.array = std::move(out);
  v.level = LevelRef(t);
  return v;
}

}  // namespace

Level* highest(const Value* args, int n) { return highest_of(Pointers(args, n), n); }

Value apply(OpCode op, const Value* args, int n, const ParamsRef& params) {
  return apply_to(op, Pointers(args, n), n, params);
}

Value apply1(OpCode op, const Value& x) {
  if (!x.level && !lifting) return Value(ops::unary(op, x.array));
  ReverseLevel* t = plain_level(x);
  if (t && info(op).differentiable) {
    ArrayRef out = ops::unary(op, x.array);
    return core::is_float(out->dtype) ? recorded(t, op, x.node, kNoNode, x, nullptr, std::move(out))
                                      : Value(std::move(out));
  }
  const Value* one[] = {&x};
  return apply_to(op, one, 1, {});
}

Value apply2(OpCode op, const Value& a, const Value& b) {
  if (!a.level && !b.level && !lifting) return Value(ops::binary(op, a.array, b.array));
  ReverseLevel* t = plain_level(a.level ? a : b);
  if (t && info(op).differentiable && (!b.level || (b.level.get() == t && !b.box))) {
    ArrayRef out = ops::binary(op, a.array, b.array);
    if (!core::is_float(out->dtype)) return Value(std::move(out));
    return recorded(t, op, a.level ? a.node : kNoNode, b.level ? b.node : kNoNode, a, &b, std::move(out));
  }
  const Value* pair[] = {&a, &b};
  return apply_to(op, pair, 2, {});
}

void update(OpCode op, Value& x, const Value& v, const ParamsRef& params) {
  const bool looked_up = level_of_positions(op, params);
  if (!looked_up && (x.level || v.level)) {
    const Value* both[] = {&x, &v};
    auto* batch = level_as<BatchLevel>(highest_of(both, 2));
    if (batch && batch->update(op, x, v, params)) return;
  }
  Value args[2] = {x, v};
  Level* top = highest(args, 2);
  if (looked_up) {
    x = apply(op, args, 2, params);
    return;
  }
  auto* t = level_as<ReverseLevel>(top);
  if (top && !t) {
    x = apply(op, args, 2, params);
    return;
  }
  for (const Value& a : args)
    if (a.level && (a.level.get() != top || a.box)) {
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
  uint32_t nodes[2];
  for (int i = 0; i < 2; ++i) nodes[i] = args[i].level.get() == t ? args[i].node : kNoNode;
  const Value out(std::move(a));
  const uint32_t node = t->tape.append(op, nodes, Pointers(args, 2), 2, t, out, params);
  x = traced(out, LevelRef(t), node);
}

void check_result(const Value& y, const Level* level) {
  if (!y.level || y.level.get() == level || (y.level->alive && y.level->order < level->order)) return;
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
    if (lifting) [[unlikely]] {
      Value part = x;
      if (lifting->lift(part)) return astype(part, t);
    }
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
