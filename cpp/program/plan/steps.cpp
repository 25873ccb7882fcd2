// Steps of operations that are not elementwise: views, products, reductions, joining and changing parts, lookups.
#include <algorithm>
#include <cmath>

#include "program/loop/loop.h"
#include "program/plan/planner.h"
#include "simd/kernels/reduce.h"

namespace wengert::program {
namespace {

// Zeros only, and no negative ones: memory can be cleared instead of copied.
bool all_zero(const Node& n) {
  const core::Array& a = *n.value;
  if (!core::is_float(a.dtype)) return false;
  const bool repeated = a.strides == Dims(a.ndim(), 0);
  if (!repeated && (!a.contiguous || a.size > (1 << 16))) return false;
  const int64_t m = repeated ? 1 : a.size;
  for (int64_t k = 0; k < m; ++k)
    if (core::item(a, k) != 0 || std::signbit(core::item(a, k))) return false;
  return true;
}

}  // namespace

void Planner::emit(uint32_t i) {
  const bool made = place(i).storage != kNone && !begun_[i];  // a sum at the end of a group
  constexpr bool (Planner::* kinds[])(uint32_t) = {
      &Planner::plan_loop,      &Planner::plan_view,   &Planner::plan_product,
      &Planner::plan_reduction, &Planner::plan_rows,   &Planner::plan_part,
      &Planner::plan_positions, &Planner::plan_lookup, &Planner::plan_draw};
  auto knows = [&](auto plan) { return (this->*plan)(i); };
  if (!made && std::none_of(std::begin(kinds), std::end(kinds), knows)) plan_call(i);
  emit_guards(i);
}

// A view of something that another group of the same stage has just computed.
void Planner::ensure(uint32_t i) {
  if (!is_view(graph(), i) || place(i).storage != kNone) return;
  ensure(graph().operand(i, 0));
  plan_view(i);
}
bool Planner::plan_view(uint32_t i) {
  const Node& n = node(i);
  if (!is_view(graph(), i)) return false;
  if (place(i).storage != kNone) return true;
  const uint32_t x = graph().operand(i, 0);
  const Node& from = node(x);
  Place p = place(x);
  if (n.is(code_of<ops::Reshape>)) {
    if (!p.contiguous) p = reshaped(x, n.shape);
    p.strides = p.contiguous ? core::row_major(n.shape) : p.strides;
  } else if (n.is(code_of<ops::Transpose>)) {
    Dims strides;
    for (int64_t axis : n.p<ops::Transpose>().axes) strides.push_back(p.strides[static_cast<int>(axis)]);
    p.strides = strides;
  } else if (n.is(code_of<ops::BroadcastTo>)) {
    p.strides = aligned_strides(from.shape, p.strides, n.shape);
  } else {
    p = window(p, n.p<ops::Slice>(), n.dtype);
  }
  p.contiguous = core::is_row_major(n.shape, p.strides);
  place(i) = p;
  return true;
}
// A reshape that only adds or drops unit axes needs no copy.
Place Planner::reshaped(uint32_t x, const Dims& shape) {
  const Node& from = node(x);
  Dims a, b, strides;
  for (int k = 0; k < from.shape.size(); ++k)
    if (from.shape[k] != 1) a.push_back(from.shape[k]), strides.push_back(place(x).strides[k]);
  for (int64_t d : shape)
    if (d != 1) b.push_back(d);
  if (!(a == b)) return dense(x);
  Place p = place(x);
  p.strides = Dims(shape.size(), 0);
  int at = 0;
  for (int k = 0; k < shape.size(); ++k)
    if (shape[k] != 1) p.strides[k] = strides[at++];
  return p;
}
Place Planner::window(const Place& whole, const ops::SliceParams& p, DType t) {
  Place r = whole;
  Dims kept;
  for (int k = 0; k < p.start.size(); ++k) {
    if (p.count.product()) r.offset += p.start[k] * whole.strides[k] * core::item_size(t);
    if (p.count[k] != 1) kept.push_back(p.step[k] * whole.strides[k]);
  }
  r.strides = Dims(p.shape.size(), 0);
  int at = 0;
  for (int k = 0; k < p.shape.size(); ++k)
    if (p.shape[k] != 1) r.strides[k] = kept[at++];
  r.contiguous = core::is_row_major(p.shape, r.strides);
  return r;
}

// A matrix that many products of few rows share, as the weights of a recurrence, is prepared once for all of them.
// Small, it is read as it lies, so it is turned if it is transposed (32 x 128 x 128 takes 3.6 us then, 5 us before);
// large, it is packed (64 x 512 x 512 spends a tenth of its time on that).
Planner::Shared Planner::shared(const Node& product, uint32_t a, uint32_t b) {
  constexpr int64_t small = 256 * 1024;
  constexpr size_t many = 8;
  Shared r{place(b), {}};
  const Dims &left = node(a).shape, &right = node(b).shape;
  if (left.size() != 2 || right.size() != 2 || right[1] < 16 || readers(b).size() < many) return r;
  if (left[0] < 16 || left[0] > 256 || place(a).strides[1] != 1) return r;
  if (right.product() * core::item_size(product.dtype) > small) {
    const Place& panels = packed(b);
    r.panels = {panels.storage, panels.offset};
  } else if (left[0] <= 64 && r.matrix.strides[1] != 1) {
    r.matrix = dense(b);
  }
  return r;
}

const Place& Planner::packed(uint32_t b) {
  const auto [at, added] = panels_.try_emplace(b);
  if (added) {
    const Place& from = place(b);
    const Dims& s = node(b).shape;
    at->second = fresh({simd::panels_size(s[0], s[1])}, node(b).dtype);
    read(from.storage);
    write(at->second.storage);
    plan_.packs.push_back({from.storage, at->second.storage, from.offset, at->second.offset, s[0], s[1],
                           from.strides[0], from.strides[1], node(b).dtype});
    step(Step::packed, plan_.packs.size() - 1);
  }
  return at->second;
}

bool Planner::plan_product(uint32_t last) {
  const auto found = schedule_.finishes.find(last);
  const Finish f = found == schedule_.finishes.end() ? Finish{.product = last} : found->second;
  const uint32_t i = f.product;
  const Node& n = node(i);
  if (!is_product(n) || !core::is_float(n.dtype) || n.size() == 0) return false;
  const uint32_t a = graph().operand(i, 0), b = graph().operand(i, 1);
  const ops::MatmulShapes s(node(a).shape, node(b).shape);
  const Shared right = shared(n, a, b);
  Place pa = place(a), pb = right.matrix;
  if (node(a).shape.size() == 1) pa.strides = Dims{0, pa.strides[0]};
  if (node(b).shape.size() == 1) pb.strides = Dims{pb.strides[0], 0};
  const int nb = s.batch.size(), na = s.a.size(), nc = s.b.size();
  const Dims lead_a = aligned_strides(s.a.slice(0, na - 2), pa.strides.slice(0, na - 2), s.batch);
  const Dims lead_b = aligned_strides(s.b.slice(0, nc - 2), pb.strides.slice(0, nc - 2), s.batch);
  int64_t step_a = 0, step_b = 0, batch = 1;
  for (int k = nb; k-- > 0;) {  // several batch axes must act as one
    if (s.batch[k] == 1) continue;
    if (batch == 1) {
      step_a = lead_a[k];
      step_b = lead_b[k];
    } else if (lead_a[k] != step_a * batch || lead_b[k] != step_b * batch) {
      return false;
    }
    batch *= s.batch[k];
  }
  auto extra = [&](uint32_t x) -> Product::Operand {
    if (x == kNone) return {};
    const Place p = dense(x);
    return {p.storage, p.offset};
  };
  const Product::Operand addend = extra(f.addend), bias = extra(f.bias);
  allocate(last);
  for (uint32_t x : {pa.storage, pb.storage, addend.storage, bias.storage, right.panels.storage})
    if (x != kNone) read(x);
  plan_.products.push_back({pa.storage,
                            pb.storage,
                            place(last).storage,
                            pa.offset,
                            pb.offset,
                            place(last).offset,
                            s.a[na - 2],
                            s.a[na - 1],
                            s.b[nc - 1],
                            pa.strides[na - 2],
                            pa.strides[na - 1],
                            pb.strides[nc - 2],
                            pb.strides[nc - 1],
                            batch,
                            step_a,
                            step_b,
                            n.dtype,
                            n.is(code_of<ops::StrongMatmul>),
                            addend,
                            bias,
                            f.activation,
                            right.panels});
  step(Step::product, plan_.products.size() - 1);
  return true;
}

bool Planner::plan_reduction(uint32_t i) {
  const Node& n = node(i);
  const bool mean = n.is(code_of<ops::Mean>);
  simd::Reduction which;
  if (n.is(code_of<ops::Sum>) || mean)
    which = simd::Reduction::sum;
  else if (n.is(code_of<ops::Max>))
    which = simd::Reduction::max;
  else if (n.is(code_of<ops::Min>))
    which = simd::Reduction::min;
  else
    return false;
  const uint32_t x = graph().operand(i, 0);
  const Dims& axes = n.p<ops::Sum>().axes;
  const int rank = node(x).shape.size();
  if (!core::is_float(n.dtype) || node(x).dtype != n.dtype || node(x).size() == 0) return false;
  bool first = true, last = true;
  for (int k = 0; k < axes.size(); ++k) {
    first &= axes[k] == k - rank;
    last &= axes[k] == k - axes.size();
  }
  if (!first && !last) return false;
  const bool columns = first && axes.size() < rank;
  const Place from = dense(x);
  const int64_t count = ops::reduced_count(node(x).shape, axes);
  allocate(i);
  read(from.storage);
  plan_.reductions.push_back({from.storage, place(i).storage, from.offset, place(i).offset, columns ? count : n.size(),
                              columns ? n.size() : count, columns, mean, static_cast<int>(which), n.dtype});
  step(Step::reduced, plan_.reductions.size() - 1);
  return true;
}

bool Planner::plan_rows(uint32_t i) {
  const Node& n = node(i);
  const bool log = n.is(code_of<ops::LogSoftmax>);
  if (!log && !n.is(code_of<ops::Softmax>)) return false;
  if (n.p<ops::Softmax>().axis != -1 || n.size() == 0) return false;
  const uint32_t x = graph().operand(i, 0);
  const Place from = dense(x);
  allocate(i);
  read(from.storage);
  plan_.row_ops.push_back({from.storage, place(i).storage, from.offset, place(i).offset, n.size() / n.shape.back(),
                           n.shape.back(), log, n.dtype});
  step(Step::rows, plan_.row_ops.size() - 1);
  return true;
}

// Joining, and changes of parts: copies into windows of the result.
bool Planner::plan_part(uint32_t i) {
  const Node& n = node(i);
  if (n.is(code_of<ops::Concatenate>) || n.is(code_of<ops::Stack>)) return plan_join(i);
  if (!n.is(code_of<ops::SliceUpdate>) && !n.is(code_of<ops::SliceAdd>)) return false;
  const bool add = n.is(code_of<ops::SliceAdd>);
  if (add && !core::is_float(n.dtype)) return false;
  const uint32_t x = graph().operand(i, 0), v = graph().operand(i, 1);
  if (n.size() == 0) return false;
  take_over(i, x);
  Place from = place(v);
  const ops::SliceParams& p = n.p<ops::SliceUpdate>();
  from.strides = aligned_strides(node(v).shape, from.strides, p.shape);
  const Place to = window(place(i), p, n.dtype);
  if (p.shape.product()) copy(from, to, p.shape, n.dtype, add);
  return true;
}
// The result of changing a part of x: x's own memory where nobody reads it afterwards.
void Planner::take_over(uint32_t i, uint32_t x) {
  const Place from = place(x);
  const Node& n = node(i);
  if (output_of_[i] == kNone && may_change(i, x)) {
    place(i) = from;
    return;
  }
  const bool cleared = node(x).op == kConstant && all_zero(node(x));
  allocate(i);
  if (cleared) {
    plan_.fills.push_back({place(i).storage, place(i).offset, n.size() * core::item_size(n.dtype)});
    write(place(i).storage);
    step(Step::fill, plan_.fills.size() - 1);
  } else {
    copy(from, place(i), n.shape, n.dtype, false);
  }
}
// x lies in the arena, whole, and `i` is its only reader, directly: no views, no other operations, no guards.
bool Planner::may_change(uint32_t i, uint32_t x) {
  if (node(x).given() || is_view(graph(), x) || output_count_[x] || guarded_[x]) return false;
  if (plan_.storages[place(x).storage].kind != Storage::arena || !place(x).contiguous) return false;
  if (dense_.count(x)) return false;
  if (begun_[x] || homes_.count(x)) return false;  // shares its memory with the parts of a join
  // The value put in must not be another look at x (it would be a second reader, so it is not).
  return readers(x).size() == 1 && graph().operand(i, 0) == x;
}

namespace {
int64_t joined_axis(const Node& n) {
  return n.is(code_of<ops::Stack>) ? n.p<ops::Stack>().axis : n.p<ops::Concatenate>().axis;
}
}  // namespace

// f(operand, where it belongs) for every operand of a join (concatenate, stack) that has memory.
template <class F> void Planner::parts_of_join(uint32_t i, F&& f) {
  const Node& n = node(i);
  const bool stack = n.is(code_of<ops::Stack>);
  const int axis = n.shape.size() + static_cast<int>(joined_axis(n));
  int64_t before = 0;
  for (uint32_t a : graph().operands(i)) {
    Place to = place(i);
    to.offset += before * to.strides[axis] * core::item_size(n.dtype);
    if (stack) to.strides.erase(axis);
    to.contiguous = core::is_row_major(node(a).shape, to.strides);
    if (node(a).size()) f(a, to);
    before += stack ? 1 : node(a).shape[axis];
  }
}

void Planner::begin_join(uint32_t i) {
  allocate_alone(i);
  begun_[i] = 1;
  parts_of_join(i, [this](uint32_t a, const Place& to) { homes_.emplace(a, to); });
}

// A value that will be part of a join is computed where the join wants it, if its elements lie together there.
bool Planner::allocate_in_join(uint32_t i) {
  if (output_of_[i] != kNone || node(i).size() == 0) return false;
  for (uint32_t r : readers(i)) {
    const Node& n = node(r);
    if (!n.is(code_of<ops::Concatenate>) && !n.is(code_of<ops::Stack>)) continue;
    const int axis = n.shape.size() + static_cast<int>(joined_axis(n));
    if (output_of_[r] != kNone || n.dtype != node(i).dtype || n.shape.slice(0, axis).product() != 1) continue;
    if (!begun_[r] && place(r).storage == kNone) begin_join(r);
    const auto home = homes_.find(i);
    if (home == homes_.end()) continue;
    place(i) = home->second;
    place(i).strides = core::row_major(node(i).shape);
    place(i).contiguous = true;
    write(place(i).storage);
    return true;
  }
  return false;
}

bool Planner::plan_join(uint32_t i) {
  const Node& n = node(i);
  if (n.size() == 0) return false;
  if (!begun_[i]) allocate(i);
  parts_of_join(i, [&](uint32_t a, const Place& to) {
    const bool there = place(a).storage == to.storage && place(a).offset == to.offset;
    if (!there) copy(place(a), to, node(a).shape, n.dtype, false);
  });
  return true;
}

// Flat positions from whole numbers that are computed.
bool Planner::plan_positions(uint32_t i) {
  const Node& n = node(i);
  if (n.op != kPositions) return false;
  Positions p;
  p.sizes = sizes_of(n);
  p.count = n.size();
  for (uint32_t a : graph().operands(i)) {
    if (!(node(a).shape == n.shape) && node(a).size() != 1) {  // spread out
      Place wide = place(a);
      wide.strides = aligned_strides(node(a).shape, wide.strides, n.shape);
      const Place to = fresh(n.shape, node(a).dtype);
      copy(wide, to, n.shape, node(a).dtype, false);
      p.operands.push_back({to.storage, 0, node(a).dtype, true});
    } else {
      const Place from = dense(a);
      p.operands.push_back({from.storage, from.offset, node(a).dtype, node(a).size() == n.size()});
    }
    read(p.operands.back().storage);
  }
  allocate(i);
  for (const auto& o : p.operands) read(o.storage);
  p.y = place(i).storage;
  p.offset_y = place(i).offset;
  plan_.positions.push_back(std::move(p));
  step(Step::positions, plan_.positions.size() - 1);
  return true;
}

// Gathering, and adding to gathered places, with positions that are constants or computed.
bool Planner::plan_lookup(uint32_t i) {
  const Node& n = node(i);
  const bool add = n.is(code_of<ops::GatherAdd>), update = n.is(code_of<ops::GatherUpdate>);
  if (!add && !update && !n.is(code_of<ops::Gather>)) return false;
  if (add && !core::is_float(n.dtype)) {
    if (n.looks_up()) runtime_error("wengert.compile: positions of whole numbers added at computed places");
    return false;
  }
  const uint32_t x = graph().operand(i, 0);
  const ops::GatherParams& p = n.p<ops::Gather>();
  const Dims rest = node(x).shape.slice(static_cast<int>(p.lead), node(x).shape.size());
  Lookup l;
  l.count = p.indices->size;
  l.run = rest.product();
  l.dtype = n.dtype;
  l.kind = add ? Lookup::add : update ? Lookup::replace : Lookup::read;
  if (n.looks_up()) {
    const uint32_t at = graph().operand(i, n.count - 1);
    l.at = place(at).storage;
    l.offset_at = place(at).offset;
  } else {
    l.at = storage(Storage::constant, static_cast<uint32_t>(plan_.constants.size()), 0);
    plan_.constants.push_back(core::contiguous(p.indices));
  }
  if (l.kind == Lookup::read) {
    const Place from = dense(x);
    allocate(i);
    read(from.storage);
    l.x = from.storage;
    l.offset_x = from.offset;
    l.y = place(i).storage;
    l.offset_y = place(i).offset;
  } else {
    const uint32_t v = graph().operand(i, 1);
    const Dims wide = core::concat(p.indices->shape, rest);
    Place from;
    if (node(v).shape == wide) {
      from = dense(v);
    } else {
      Place spread = place(v);
      spread.strides = aligned_strides(node(v).shape, spread.strides, wide);
      from = fresh(wide, n.dtype);
      copy(spread, from, wide, n.dtype, false);
    }
    read(from.storage);
    take_over(i, x);
    read(from.storage);
    l.x = place(i).storage;
    l.offset_x = place(i).offset;
    l.y = from.storage;
    l.offset_y = from.offset;
    write(l.x);
  }
  read(l.at);
  plan_.lookups.push_back(l);
  step(Step::lookup, plan_.lookups.size() - 1);
  return true;
}

bool Planner::plan_loop(uint32_t i) {
  if (node(i).op == kLoopResult) return true;  // came with its loop
  if (node(i).op != kLoop) return false;
  LoopStep s;
  s.loop = loop_of(node(i));
  for (uint32_t a : graph().operands(i)) {
    const Place& from = dense(a);
    s.operands.emplace_back(from.storage, from.offset);
  }
  s.results.assign(s.loop->results(), {kNone, 0});
  for (uint32_t r : readers(i)) {
    allocate(r);
    s.results[result_index(node(r))] = {place(r).storage, place(r).offset};
  }
  for (const auto& o : s.operands) read(o.first);
  plan_.needs_lock |= s.loop->needs_lock();
  plan_.open_ended |= s.loop->open_ended();
  plan_.loops.push_back(std::move(s));
  step(Step::loop, plan_.loops.size() - 1);
  return true;
}

bool Planner::plan_draw(uint32_t i) {
  const Node& n = node(i);
  if (!n.is(code_of<ops::RandomBits>)) return false;
  const Place key = dense(graph().operand(i, 0)), first = dense(graph().operand(i, 1));
  read(key.storage);
  read(first.storage);
  allocate(i);
  plan_.draws.push_back({key.storage, first.storage, place(i).storage, key.offset, first.offset, place(i).offset,
                         n.size(), n.dtype, n.p<ops::RandomBits>().words});
  step(Step::draw, plan_.draws.size() - 1);
  return true;
}

void Planner::plan_call(uint32_t i) {
  const Node& n = node(i);
  for (uint32_t a : graph().operands(i)) read(place(a).storage);
  allocate(i);
  std::vector<uint32_t> operands(graph().operands(i).begin(), graph().operands(i).end());
  plan_.calls.push_back({static_cast<OpCode>(n.op), n.params, std::move(operands), i});
  step(Step::called, plan_.calls.size() - 1);
  plan_.needs_lock = true;
}

}  // namespace wengert::program
