#include "ad/recorder.h"

#include <algorithm>
#include <cmath>

#include "ad/batch.h"
#include "ad/functions.h"
#include "ad/process.h"
#include "ad/rules.h"
#include "ops/result_type.h"

namespace wengert::ad {

using ops::info;

std::string (*location_hook)() = nullptr;
constinit thread_local Recorder* following = nullptr;
constinit thread_local Recorder* lifting = nullptr;

ArrayRef example_array(DType t, const Dims& shape) {
  if (shape.product() <= 1) return core::zeros(t, shape);
  static const core::Ref<core::Buffer> zero = [] {
    core::Ref<core::Buffer> b(core::new_buffer(64));
    std::fill_n(b->data, 64, char{0});
    return b;
  }();
  return core::broadcast_to(core::foreign(t, Dims{1}, Dims{1}, zero, zero->data), shape);
}

namespace {
// Of the type and shape the operation gives.
Value example(OpCode op, Operands args, int n, const ParamsRef& params) {
  std::vector<ops::ArrayType> types;
  for (int i = 0; i < n; ++i) types.push_back({args[i]->dtype(), args[i]->shape()});
  const ops::ArrayType t = ops::result_type(op, types, params.get());
  return Value(example_array(t.dtype, t.shape));
}
}  // namespace

Value Recorder::process(OpCode op, Operands args, int n, const ParamsRef& params) {
  bool plain = true;
  if (!body)
    for (int i = 0; i < n; ++i) plain &= args[i]->level.get() == this ? !args[i]->box : !args[i]->level;
  Value out = examples ? example(op, args, n, params)
              : plain  ? computed(op, args, n, params)
                       : evaluate_below(op, args, n, params, this);
  NodeNumbers nodes(n);
  for (int i = 0; i < n; ++i) nodes[i] = node_of(*args[i]);
  if (const ArrayRef* at = following ? ops::positions_of(op, params) : nullptr) {
    uint32_t positions;
    Recorder* owner = Recorder::of_positions(*at, &positions);
    if (owner && owner != this && body) {  // computed around the loop
      Value outside(*at);
      outside.level = LevelRef(owner);
      outside.node = positions;
      positions = node_of(outside);
      owner = this;
    }
    if (owner == this) nodes[n++] = positions;
  }
  const uint32_t node = append(op, out.array, params, nodes, static_cast<uint32_t>(n));
  return traced(out, LevelRef(this), node);
}

uint32_t Recorder::append(int op, const ArrayRef& like, const ParamsRef& params, const uint32_t* operands, uint32_t n) {
  if (nodes.size() >= kNoNode - 1) runtime_error("wengert.compile: a program holds at most 2**32 - 2 operations");
  nodes.push_back({op, like->dtype, static_cast<uint32_t>(args.size()), n, like->shape, params, {}});
  args.insert(args.end(), operands, operands + n);
  return static_cast<uint32_t>(nodes.size() - 1);
}

uint32_t Recorder::node_of(const Value& v) {
  if (v.level.get() == this) return v.node;
  if (lifting && !v.level) [[unlikely]] {
    Value part = v;
    if (lifting->lift(part)) return node_of(part);
  }
  if (v.level && body) {
    for (size_t k = 0; k < captured.size(); ++k) {
      const Value& c = captured[k];
      if (c.array == v.array && c.level == v.level && c.box == v.box && c.node == v.node) return captured_nodes[k];
    }
    captured.push_back(v);
    captured_nodes.push_back(append(kInput, v.array, {}, nullptr, 0));
    return captured_nodes.back();
  }
  if (v.level && (v.level->depth > 0 || recording_enabled())) {
    refusal = "it uses a value from outside that is being differentiated; pass it as an argument";
    elsewhere = true;
  }
  return constant(v.array);
}

namespace {

// The axes of an array in the order of memory; empty if that has gaps or runs backwards.
Dims memory_order(const core::Array& a) {
  Dims order;
  for (int k = 0; k < a.ndim(); ++k) order.push_back(k);
  std::stable_sort(order.data(), order.data() + order.size(), [&](int64_t i, int64_t j) {
    return a.strides[static_cast<int>(i)] > a.strides[static_cast<int>(j)];
  });
  return order;
}

// The part as a slice, which plans read as it lies; null if it is none.
ops::ParamsRef slice_of(const Dims& whole, const core::Array& a, int64_t first) {
  const Dims layout = core::row_major(whole);
  auto p = ops::new_params<ops::Slice>(Dims(), Dims(), Dims(), a.shape);
  int j = 0;
  auto skip = [&] {
    while (j < a.ndim() && a.shape[j] == 1) ++j;
  };
  skip();
  for (int k = 0; k < whole.size(); ++k) {
    const int64_t start = first / layout[k];
    first %= layout[k];
    const bool along = j < a.ndim() && a.strides[j] != 0 && a.strides[j] % layout[k] == 0;
    const int64_t step = along ? a.strides[j] / layout[k] : 1, count = along ? a.shape[j] : 1,
                  last = start + (count - 1) * step;
    if (last < 0 || last >= whole[k]) return {};
    p->start.push_back(start);
    p->step.push_back(step);
    p->count.push_back(count);
    if (along) ++j, skip();
  }
  return j == a.ndim() ? ops::ParamsRef(p) : ops::ParamsRef();
}

Value part_of(const Value& whole, const core::Array& a, int64_t first) {
  const Dims& s = whole.shape();
  if (first == 0 && a.size == whole.array->size) {
    if (a.contiguous) return reshape(whole, a.shape);
    const Dims order = memory_order(a);
    Dims perm(order.size(), 0), shape, strides;
    for (int k = 0; k < order.size(); ++k) {
      perm[static_cast<int>(order[k])] = k;
      shape.push_back(a.shape[static_cast<int>(order[k])]);
      strides.push_back(a.strides[static_cast<int>(order[k])]);
    }
    if (core::is_row_major(shape, strides)) return transpose(reshape(whole, shape), perm);
  }
  if (const ops::ParamsRef p = slice_of(s, a, first)) return apply(ops::code_of<ops::Slice>, &whole, 1, p);
  const ops::ParamsRef p(new ops::StridedParams(a.shape, a.strides, first, core::row_major(s)));
  return apply(ops::code_of<ops::Strided>, &whole, 1, p);
}

}  // namespace

bool Recorder::lift(Value& v) {
  const core::Array& a = *v.array;
  for (Hidden& h : hidden) {
    if (h.exposed || !a.size || !h.holds(a)) continue;
    const int64_t item = core::item_size(h.whole->dtype), bytes = a.data - h.whole->data;
    int64_t first = bytes / item, last = first;
    for (int k = 0; k < a.ndim(); ++k) (a.strides[k] < 0 ? first : last) += (a.shape[k] - 1) * a.strides[k];
    if (a.dtype != h.whole->dtype || bytes % item || first < 0 || last >= h.whole->size) {
      h.exposed = true;  // what it is read as is no part of it
      continue;
    }
    if (h.node == kNoNode) h.node = append(kInput, h.whole, {}, nullptr, 0);
    Value whole(h.whole);
    whole.level = LevelRef(this);
    whole.node = h.node;
    const uint8_t weak = v.weak;
    v = part_of(whole, a, bytes / item);
    v.weak = weak;
    return true;
  }
  return false;
}

uint32_t Recorder::constant(const ArrayRef& value) {
  const auto found = constants.find(value.get());
  if (found != constants.end()) return found->second;
  const uint32_t node = append(kConstant, value, {}, nullptr, 0);
  // Memory that belongs to somebody else may change before the next call.
  nodes.back().value = value->buffer && value->buffer->drop ? core::copy(value) : value;
  constants.emplace(value.get(), node);
  if (nodes.back().value.get() != value.get()) held.push_back(value);
  return node;
}

void Recorder::guard(uint32_t node, GuardOn on, const ArrayRef& value) {
  if (!guarded_before.emplace(uint64_t{node} << 2 | static_cast<uint64_t>(on), guards.size()).second) return;
  guards.push_back({node, on, core::copy(value), location_hook ? location_hook() : std::string()});
}

namespace {
// The value as the recording sees it; no level: it is not recorded.
Value recorded_value(const Value& v) {
  Value at = v;
  while (at.level && !level_as<Recorder>(at.level)) at = primal_of(at);
  return at.level && at.level->alive ? at : Value(v.array);
}
}  // namespace

void guard(const Value& v, GuardOn on) {
  if (!v.level) return;
  for (Value at = v; at.level; at = primal_of(at)) at.level->asked = true;
  if (batched(v)) refuse_batched();
  const Value at = recorded_value(v);
  if (at.level) static_cast<Recorder*>(at.level.get())->guard(at.node, on, at.array);
}

void guard_whole(const Value& v) {
  constexpr double kLargest = 0x1p62;  // beyond it whole numbers are told apart by the float itself
  if (!v.level) return;
  if (batched(v)) return guard(v, GuardOn::number);
  const Value at = recorded_value(v);
  if (!at.level) return;
  if (!core::is_float(at.dtype()) || !(std::abs(core::item(*at.array)) < kLargest)) return guard(v, GuardOn::number);
  const Value whole = astype(at, DType::i64);
  static_cast<Recorder*>(whole.level.get())->guard(whole.node, GuardOn::number, whole.array);
}

Recorder* Recorder::of_positions(const ArrayRef& flat, uint32_t* node) {
  for (Recorder* t = following; t; t = t->outer) {
    const auto found = t->positions_of.find(flat.get());
    if (found == t->positions_of.end()) continue;
    *node = found->second;
    return t;
  }
  return nullptr;
}

void Recorder::finish() {
  alive = false;
  if (following == this) following = outer;
}

void Recorder::follow(const ArrayRef& flat, uint32_t node) {
  if (positions_of.empty()) {
    outer = following;
    following = this;
  }
  positions_of[flat.get()] = node;
  held.push_back(flat);
}

void Recorder::positions(const ArrayRef& flat, const std::vector<Value>& from, const Dims& sizes) {
  std::vector<uint32_t> nodes;
  for (const Value& v : from) nodes.push_back(body ? node_of(v) : v.level.get() == this ? v.node : constant(v.array));
  const ParamsRef p(new PositionsParams(sizes));
  follow(flat, append(kPositions, flat, p, nodes.data(), static_cast<uint32_t>(nodes.size())));
}

void follow_positions(const ArrayRef& flat, const std::vector<Value>& from, const Dims& sizes) {
  if (auto* batch = level_as<BatchLevel>(highest(from.data(), static_cast<int>(from.size()))))
    return batch->follow(flat, from, sizes);
  std::vector<Value> recorded;
  Level* top = nullptr;
  for (const Value& v : from) {
    recorded.push_back(recorded_value(v));
    Level* t = recorded.back().level.get();
    if (t && (!top || t->depth > top->depth)) top = t;
  }
  if (!top) return;
  for (size_t i = 0; i < from.size(); ++i)
    if (recorded[i].level && recorded[i].level.get() != top && !static_cast<Recorder*>(top)->body)
      guard(from[i], GuardOn::elements);
  static_cast<Recorder*>(top)->positions(flat, recorded, sizes);
}

Value without_derivatives(const Value& v) {
  if (!v.level) return v;
  if (auto* batch = level_as<BatchLevel>(v.level)) return batch->value(without_derivatives(primal_of(v)));
  if (!level_as<Recorder>(v.level)) return without_derivatives(primal_of(v));
  const Value& at = v;
  if (auto* t = static_cast<Recorder*>(at.level.get()); t->body && t->alive && core::is_float(at.dtype())) {
    const uint32_t node = t->append(Recorder::kCut, at.array, {}, &at.node, 1);
    return traced(Value(at.array), at.level, node);
  }
  if (!at.box) return at;
  Value r = at;
  r.box = nullptr;
  const Value below = without_derivatives(at.box->primal);
  if (below.level) {
    r.box = Ref<Box>(new Box);
    r.box->primal = below;
  }
  return r;
}

}  // namespace wengert::ad
