// From a graph to steps: places of all nodes, groups of elementwise operations, kernels of the rest, and one arena laid
// out by liveness.
#include "program/plan.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "ops/kernel_table.h"
#include "program/loop.h"
#include "simd/reduce.h"

namespace wengert::program {
namespace {

constexpr int64_t kAlign = 64;
constexpr size_t kMostFused = 48;          // operations of one group
constexpr int64_t kTileBytes = 24 * 1024;  // scratch of one tile: stays in the first-level cache
constexpr int64_t kTile = 1024;            // elements

int64_t aligned(int64_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

class Planner {
 public:
  explicit Planner(Graph g) : schedule_(scheduled(g)) {
    plan_.graph = std::move(g);
    plan_.places.resize(graph().nodes.size());
    dense_.resize(graph().nodes.size(), kNone);
    plan_.check_places.resize(graph().checks.size());
  }

  Plan run() {
    place_leaves();
    mark_outputs();
    order();
    for (const auto& [key, members] : order_) {
      if (members.fused)
        emit_groups(members.nodes);
      else
        emit(members.nodes[0]);
    }
    emit_outputs();
    lay_out();
    plan_.work = flops(graph());
    for (const Fused& f : plan_.fused) plan_.scratch = std::max(plan_.scratch, f.scratch);
    return std::move(plan_);
  }

 private:
  Graph& graph() { return plan_.graph; }
  const Node& node(uint32_t i) { return graph().nodes[i]; }
  Place& place(uint32_t i) { return plan_.places[i]; }

  // ---- storages ----
  uint32_t storage(Storage::Kind kind, uint32_t index, int64_t bytes) {
    plan_.storages.push_back({kind, index, bytes, 0});
    born_.push_back(kNone);
    dies_.push_back(0);
    return static_cast<uint32_t>(plan_.storages.size() - 1);
  }
  // Row-major memory for a node; results that are outputs go where the caller wants them.
  void allocate(uint32_t i) {
    const Node& n = node(i);
    const int64_t bytes = n.size() * core::item_size(n.dtype);
    const auto out = output_of_.find(i);
    place(i) = {out == output_of_.end() ? storage(Storage::arena, 0, bytes) : plan_.output_storage[out->second], 0,
                core::row_major(n.shape), true};
    write(place(i).storage);
  }
  uint32_t now() const { return static_cast<uint32_t>(plan_.steps.size()); }
  void write(uint32_t s) {
    if (born_[s] == kNone) born_[s] = now();
    dies_[s] = std::max(dies_[s], now());
  }
  void read(uint32_t s) { dies_[s] = std::max(dies_[s], now()); }
  void step(Step::Kind kind, size_t index) { plan_.steps.push_back({kind, static_cast<uint32_t>(index)}); }

  void place_leaves() {
    for (uint32_t k = 0; k < graph().inputs.size(); ++k) {
      const uint32_t i = graph().inputs[k];
      place(i) = {storage(Storage::input, k, 0), 0, core::row_major(node(i).shape), true};
    }
    for (uint32_t i = 0; i < graph().nodes.size(); ++i) {
      if (node(i).op != kConstant) continue;
      const ArrayRef& v = node(i).value;
      const bool repeated = v->size > 1 && v->strides == Dims(v->ndim(), 0);
      const ArrayRef held = repeated ? v : core::contiguous(v);
      place(i) = {storage(Storage::constant, static_cast<uint32_t>(plan_.constants.size()), 0), 0, held->strides,
                  held->contiguous};
      plan_.constants.push_back(held);
    }
  }

  // An output that is computed by a step of its own is written where the caller wants it; the others are copied.
  void mark_outputs() {
    for (uint32_t k = 0; k < graph().outputs.size(); ++k) {
      const uint32_t i = graph().outputs[k];
      plan_.output_storage.push_back(storage(Storage::output, k, 0));
      if (!node(i).leaf() && !is_view(graph(), i)) output_of_.emplace(i, k);
    }
  }

  struct Members {
    bool fused = false;
    std::vector<uint32_t> nodes;
  };
  void order() {
    std::map<std::pair<uint32_t, int64_t>, uint32_t> groups;  // (stage, size) -> first member
    std::vector<std::vector<uint32_t>> members(graph().nodes.size());
    for (uint32_t i = 0; i < graph().nodes.size(); ++i) {
      if (node(i).leaf()) continue;
      if (!schedule_.fusable[i] || is_view(graph(), i)) {
        members[i].push_back(i);
        continue;
      }
      const auto [at, fresh] = groups.emplace(std::pair{schedule_.stage[i], node(i).size()}, i);
      members[at->second].push_back(i);
    }
    std::map<uint32_t, std::vector<uint32_t>> checks;
    for (uint32_t k = 0; k < graph().checks.size(); ++k) checks[graph().checks[k].node].push_back(k);
    for (uint32_t i = 0; i < members.size(); ++i) {
      if (members[i].empty()) continue;
      const bool fused = schedule_.fusable[i] && !is_view(graph(), i);
      const uint32_t rank = is_view(graph(), i) ? 1 : 0;  // views come after what they look at
      order_.push_back({{schedule_.stage[i], rank, i}, {fused, std::move(members[i])}});
    }
    std::sort(order_.begin(), order_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [node, list] : checks) checks_of_[node] = std::move(list);
    for (const auto& [node, list] : checks_of_)
      if (graph().nodes[node].leaf()) emit_checks(node);
  }

  // ---- reading ----
  // A row-major copy of a node, made once.
  const Place& dense(uint32_t i) {
    if (place(i).contiguous) return place(i);
    if (dense_[i] != kNone) return copies_[dense_[i]];
    const Node& n = node(i);
    Place to{storage(Storage::arena, 0, n.size() * core::item_size(n.dtype)), 0, core::row_major(n.shape), true};
    copy(place(i), to, n.shape, n.dtype, false);
    dense_[i] = static_cast<uint32_t>(copies_.size());
    copies_.push_back(to);
    return copies_.back();
  }
  void copy(const Place& from, const Place& to, const Dims& shape, DType t, bool add) {
    read(from.storage);
    write(to.storage);
    plan_.copies.push_back({from, to, shape, t, add});
    step(Step::copied, plan_.copies.size() - 1);
  }
  static Dims aligned_strides(const Dims& shape, const Dims& strides, const Dims& to) {
    Dims s(to.size(), 0);
    const int lead = to.size() - shape.size();
    for (int i = 0; i < shape.size(); ++i) s[lead + i] = shape[i] == 1 ? 0 : strides[i];
    return s;
  }

  void emit_checks(uint32_t i) {
    const auto found = checks_of_.find(i);
    if (found == checks_of_.end()) return;
    for (uint32_t k : found->second) {
      const Place& p = dense(i);
      read(p.storage);
      plan_.check_places[k] = p;
      step(Step::check, k);
    }
  }

  // ---- steps that are not elementwise ----
  void emit(uint32_t i) {
    if (!loop(i) && !view(i) && !product(i) && !reduction(i) && !rows(i) && !part(i) && !lookup(i)) call(i);
    emit_checks(i);
  }

  // A view of something that another group of the same stage has just computed.
  void ensure(uint32_t i) {
    if (!is_view(graph(), i) || place(i).storage != kNone) return;
    ensure(graph().operand(i, 0));
    view(i);
  }
  bool view(uint32_t i) {
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
      for (int64_t axis : n.params->dims[0]) strides.push_back(p.strides[static_cast<int>(axis)]);
      p.strides = strides;
    } else if (n.is(code_of<ops::BroadcastTo>)) {
      p.strides = aligned_strides(from.shape, p.strides, n.shape);
    } else {
      p = window(p, *n.params, n.dtype);
    }
    p.contiguous = core::is_row_major(n.shape, p.strides);
    place(i) = p;
    return true;
  }
  // A reshape that only adds or drops unit axes needs no copy.
  Place reshaped(uint32_t x, const Dims& shape) {
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
  static Place window(const Place& whole, const ops::Params& p, DType t) {
    Place r = whole;
    Dims kept;
    for (int k = 0; k < p.dims[0].size(); ++k) {
      if (p.dims[2].product()) r.offset += p.dims[0][k] * whole.strides[k] * core::item_size(t);
      if (p.dims[2][k] != 1) kept.push_back(p.dims[1][k] * whole.strides[k]);
    }
    r.strides = Dims(p.dims[3].size(), 0);
    int at = 0;
    for (int k = 0; k < p.dims[3].size(); ++k)
      if (p.dims[3][k] != 1) r.strides[k] = kept[at++];
    r.contiguous = core::is_row_major(p.dims[3], r.strides);
    return r;
  }

  bool product(uint32_t i) {
    const Node& n = node(i);
    if (!n.is(code_of<ops::Matmul>) || !core::is_float(n.dtype) || n.size() == 0) return false;
    const uint32_t a = graph().operand(i, 0), b = graph().operand(i, 1);
    const ops::MatmulShapes s(node(a).shape, node(b).shape);
    Place pa = place(a), pb = place(b);
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
    allocate(i);
    read(pa.storage);
    read(pb.storage);
    plan_.products.push_back({pa.storage, pb.storage, place(i).storage, pa.offset, pb.offset, place(i).offset,
                              s.a[na - 2], s.a[na - 1], s.b[nc - 1], pa.strides[na - 2], pa.strides[na - 1],
                              pb.strides[nc - 2], pb.strides[nc - 1], batch, step_a, step_b, n.dtype, false});
    step(Step::product, plan_.products.size() - 1);
    return true;
  }

  bool reduction(uint32_t i) {
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
    const Dims& axes = n.params->dims[0];
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
    plan_.reductions.push_back({from.storage, place(i).storage, from.offset, place(i).offset,
                                columns ? count : n.size(), columns ? n.size() : count, columns, mean,
                                static_cast<int>(which), n.dtype});
    step(Step::reduced, plan_.reductions.size() - 1);
    return true;
  }

  bool rows(uint32_t i) {
    const Node& n = node(i);
    const bool log = n.is(code_of<ops::LogSoftmax>);
    if (!log && !n.is(code_of<ops::Softmax>)) return false;
    if (n.params->dims[0][0] != -1 || n.size() == 0) return false;
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
  bool part(uint32_t i) {
    const Node& n = node(i);
    if (n.is(code_of<ops::Concatenate>) || n.is(code_of<ops::Stack>)) return join(i);
    if (!n.is(code_of<ops::SliceUpdate>) && !n.is(code_of<ops::SliceAdd>)) return false;
    const bool add = n.is(code_of<ops::SliceAdd>);
    if (add && !core::is_float(n.dtype)) return false;
    const uint32_t x = graph().operand(i, 0), v = graph().operand(i, 1);
    if (n.size() == 0) return false;
    take_over(i, x);
    Place from = place(v);
    from.strides = aligned_strides(node(v).shape, from.strides, n.params->dims[3]);
    const Place to = window(place(i), *n.params, n.dtype);
    if (n.params->dims[3].product()) copy(from, to, n.params->dims[3], n.dtype, add);
    return true;
  }
  // The result of changing a part of x: x's own memory where nobody reads it afterwards.
  void take_over(uint32_t i, uint32_t x) {
    const Place from = place(x);
    const Node& n = node(i);
    if (output_of_.find(i) == output_of_.end() && may_change(i, x)) {
      place(i) = from;
      return;
    }
    double zero;
    const bool cleared = node(x).op == kConstant && all_zero(node(x), &zero);
    allocate(i);
    if (cleared) {
      plan_.fills.push_back({place(i).storage, place(i).offset, n.size() * core::item_size(n.dtype)});
      write(place(i).storage);
      step(Step::fill, plan_.fills.size() - 1);
    } else {
      copy(from, place(i), n.shape, n.dtype, false);
    }
  }
  static bool all_zero(const Node& n, double* v) {
    const core::Array& a = *n.value;
    *v = 0;
    if (!core::is_float(a.dtype)) return false;
    const bool repeated = a.strides == Dims(a.ndim(), 0);
    if (!repeated && (!a.contiguous || a.size > (1 << 16))) return false;
    const int64_t m = repeated ? 1 : a.size;
    for (int64_t k = 0; k < m; ++k)
      if (core::item(a, k) != 0 || std::signbit(core::item(a, k))) return false;
    return true;
  }
  // x lies in the arena, whole, and `i` is its only reader, directly: no views, no other operations, no checks.
  bool may_change(uint32_t i, uint32_t x) {
    if (node(x).leaf() || is_view(graph(), x) || output_of_.count(x) || checks_of_.count(x)) return false;
    if (plan_.storages[place(x).storage].kind != Storage::arena || !place(x).contiguous) return false;
    if (dense_[x] != kNone) return false;
    if (readers_.empty()) {
      readers_.assign(graph().nodes.size(), 0);
      for (uint32_t a : graph().args) ++readers_[a];
      for (uint32_t o : graph().outputs) ++readers_[o];
    }
    // The value put in must not be another look at x (it would be a second reader, so it is not).
    return readers_[x] == 1 && graph().operand(i, 0) == x;
  }

  bool join(uint32_t i) {
    const Node& n = node(i);
    if (n.size() == 0) return false;
    const bool stack = n.is(code_of<ops::Stack>);
    const int axis = n.shape.size() + static_cast<int>(n.params->dims[0][0]);
    allocate(i);
    int64_t at = 0;
    for (uint32_t a : graph().operands(i)) {
      const Place from = place(a);
      Place to = place(i);
      to.offset += at * to.strides[axis] * core::item_size(n.dtype);
      if (stack) to.strides.erase(axis);
      to.contiguous = core::is_row_major(node(a).shape, to.strides);
      if (node(a).size()) copy(from, to, node(a).shape, n.dtype, false);
      at += stack ? 1 : node(a).shape[axis];
    }
    return true;
  }

  bool loop(uint32_t i) {
    if (node(i).op == kResult) return true;  // came with its loop
    if (node(i).op != kLoop) return false;
    LoopStep s;
    s.loop = loop_of(node(i));
    for (uint32_t a : graph().operands(i)) {
      const Place& from = dense(a);
      s.operands.emplace_back(from.storage, from.offset);
    }
    s.results.assign(s.loop->results(), {kNone, 0});
    for (uint32_t r = i + 1; r < graph().nodes.size(); ++r) {
      if (node(r).op != kResult || graph().operand(r, 0) != i) continue;
      allocate(r);
      s.results[static_cast<size_t>(node(r).params->number)] = {place(r).storage, place(r).offset};
    }
    for (const auto& o : s.operands) read(o.first);
    plan_.needs_lock |= s.loop->needs_lock();
    plan_.loops.push_back(std::move(s));
    step(Step::loop, plan_.loops.size() - 1);
    return true;
  }

  // Gathering, and adding to gathered places, with positions that are constants or computed.
  bool lookup(uint32_t i) {
    const Node& n = node(i);
    if (n.op == kPositions) {
      Positions p;
      p.sizes = n.params->dims[0];
      p.count = n.size();
      for (uint32_t a : graph().operands(i)) {
        if (!(node(a).shape == n.shape) && node(a).size() != 1) {  // spread out
          Place wide = place(a);
          wide.strides = aligned_strides(node(a).shape, wide.strides, n.shape);
          const Place to{storage(Storage::arena, 0, n.size() * core::item_size(node(a).dtype)), 0,
                         core::row_major(n.shape), true};
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
    const bool add = n.is(code_of<ops::GatherAdd>), update = n.is(code_of<ops::GatherUpdate>);
    if (!add && !update && !n.is(code_of<ops::Gather>)) return false;
    if (add && !core::is_float(n.dtype)) {
      if (n.looks_up()) runtime_error("wengert.compile: positions of whole numbers added at computed places");
      return false;
    }
    const uint32_t x = graph().operand(i, 0);
    const Dims rest = node(x).shape.slice(static_cast<int>(n.params->number), node(x).shape.size());
    Lookup l;
    l.count = n.params->array->size;
    l.run = rest.product();
    l.dtype = n.dtype;
    l.kind = add ? Lookup::add : update ? Lookup::replace : Lookup::read;
    if (n.looks_up()) {
      const uint32_t at = graph().operand(i, n.count - 1);
      l.at = place(at).storage;
      l.offset_at = place(at).offset;
    } else {
      l.at = storage(Storage::constant, static_cast<uint32_t>(plan_.constants.size()), 0);
      plan_.constants.push_back(core::contiguous(n.params->array));
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
      const Dims wide = core::concat(n.params->array->shape, rest);
      Place from;
      if (node(v).shape == wide) {
        from = dense(v);
      } else {
        Place spread = place(v);
        spread.strides = aligned_strides(node(v).shape, spread.strides, wide);
        from = {storage(Storage::arena, 0, wide.product() * core::item_size(n.dtype)), 0, core::row_major(wide), true};
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

  void call(uint32_t i) {
    const Node& n = node(i);
    for (uint32_t a : graph().operands(i)) read(place(a).storage);
    allocate(i);
    std::vector<uint32_t> operands(graph().operands(i).begin(), graph().operands(i).end());
    plan_.calls.push_back({static_cast<OpCode>(n.op), n.params, std::move(operands), i});
    step(Step::called, plan_.calls.size() - 1);
    plan_.needs_lock = true;
  }

  // ---- fused groups ----
  void emit_groups(const std::vector<uint32_t>& nodes) {
    for (size_t from = 0; from < nodes.size(); from += kMostFused)
      emit_group({nodes.begin() + static_cast<int64_t>(from),
                  nodes.begin() + static_cast<int64_t>(std::min(nodes.size(), from + kMostFused))});
    for (uint32_t i : nodes) emit_checks(i);
  }

  // (rows, cols) in which an operand of `shape` is a row or a column; Pattern full, single, or none of them.
  bool lies(const Dims& shape, const Dims& in, Fused::Pattern* pattern, int64_t* cols) {
    if (shape.product() == 1) return *pattern = Fused::single, true;
    if (shape.product() == in.product()) return *pattern = Fused::full, true;
    const int rank = in.size(), lead = rank - shape.size();
    auto spread = [&](int k) { return k < lead || (shape[k - lead] == 1 && in[k] != 1); };
    int64_t inner = 1;
    int k = rank;
    for (; k > 0 && !spread(k - 1); --k) inner *= in[k - 1];
    if (inner > 1) {  // a row, if everything before is spread
      for (int j = 0; j < k; ++j)
        if (!spread(j) && in[j] != 1) return false;
      return *pattern = Fused::row, *cols = inner, true;
    }
    for (k = rank; k > 0 && (spread(k - 1) || in[k - 1] == 1); --k) inner *= in[k - 1];
    for (int j = 0; j < k; ++j)
      if (spread(j)) return false;
    return *pattern = Fused::column, *cols = inner, true;
  }

  void emit_group(const std::vector<uint32_t>& nodes) {
    Fused f;
    f.size = node(nodes[0]).size();
    f.cols = 0;
    std::unordered_map<uint32_t, uint16_t> local;  // node -> local, for members
    std::map<std::tuple<uint32_t, int64_t, int, int64_t>, uint16_t> seen;
    std::vector<std::array<uint16_t, 3>> operands(nodes.size());
    std::unordered_map<uint32_t, size_t> member;
    for (size_t k = 0; k < nodes.size(); ++k) member[nodes[k]] = k;
    constexpr uint16_t kMember = 0x8000;
    for (size_t k = 0; k < nodes.size(); ++k) {
      const uint32_t i = nodes[k];
      for (uint32_t o = 0; o < node(i).count; ++o) {
        const uint32_t a = graph().operand(i, o), x = unreshaped(graph(), a);
        const auto inside = member.find(x);
        if (inside != member.end()) {
          operands[k][o] = static_cast<uint16_t>(kMember | inside->second);
          continue;
        }
        operands[k][o] = operand(f, a, node(i), seen);
      }
    }
    const auto count = static_cast<uint16_t>(f.operands.size());
    // Which results leave the group.
    std::vector<char> leaves(nodes.size(), 0);
    std::vector<size_t> last(nodes.size(), 0);
    for (size_t k = 0; k < nodes.size(); ++k) {
      for (uint32_t o = 0; o < node(nodes[k]).count; ++o)
        if (operands[k][o] & kMember) last[operands[k][o] & ~kMember] = k;
      leaves[k] = read_outside(nodes[k], member);
    }
    // Tile and scratch: rows and columns that are spread out first, then results that stay inside.
    int64_t live = 0, widest = 0;
    for (const Fused::Operand& o : f.operands) live += o.pattern == Fused::row || o.pattern == Fused::column;
    std::vector<int64_t> slot(nodes.size(), -1);
    std::vector<int64_t> free;
    int64_t slots = live;
    for (size_t k = 0; k < nodes.size(); ++k) {
      if (!leaves[k]) {
        if (free.empty()) {
          slot[k] = slots++;
        } else {
          slot[k] = free.back();
          free.pop_back();
        }
      }
      for (size_t j = 0; j <= k; ++j)  // after k: a result may not lie over an operand of its own
        if (slot[j] >= 0 && last[j] == k && j != k) free.push_back(slot[j]), last[j] = nodes.size();
    }
    widest = 8;
    f.tile = std::clamp<int64_t>(kTileBytes / (widest * std::max<int64_t>(slots, 1)) / 16 * 16, 128, kTile);
    if (f.cols) {
      f.rows = f.size / f.cols;
      if (f.cols <= f.tile / 2)
        f.tile = std::min(f.rows, f.tile / f.cols) * f.cols;
      else
        f.tile = std::min(f.tile, f.cols);
    } else {
      f.rows = 1;
    }
    const int64_t pitch = aligned(widest * std::min(f.tile, f.size) + 64);
    f.scratch = slots * pitch;
    int64_t spread = 0;
    spreads_.clear();
    for (Fused::Operand& o : f.operands)
      if (o.pattern == Fused::row || o.pattern == Fused::column) spreads_.push_back(pitch * spread++);
    for (size_t k = 0; k < nodes.size(); ++k) {
      const uint32_t i = nodes[k];
      const Node& n = node(i);
      Fused::Op op{};
      op.arity = static_cast<uint8_t>(n.count);
      op.item = static_cast<uint8_t>(core::item_size(n.dtype));
      uint16_t in[3] = {};
      for (uint32_t o = 0; o < n.count; ++o)
        in[o] = operands[k][o] & kMember ? static_cast<uint16_t>(count + (operands[k][o] & ~kMember)) : operands[k][o];
      op.a = in[0], op.b = in[1], op.c = in[2];
      op.out = static_cast<uint16_t>(count + k);
      kernel(i, op);
      if (leaves[k]) {
        allocate(i);
        op.storage = place(i).storage;
        op.offset = place(i).offset;
      } else {
        op.storage = kNone;
        op.offset = slot[k] * pitch;
        place(i).storage = kNone;
      }
      f.ops.push_back(op);
    }
    for (const Fused::Operand& o : f.operands) read(o.storage);
    plan_.fused.push_back(std::move(f));
    step(Step::fused, plan_.fused.size() - 1);
  }

  uint16_t operand(Fused& f, uint32_t a, const Node& reader,
                   std::map<std::tuple<uint32_t, int64_t, int, int64_t>, uint16_t>& seen) {
    Fused::Pattern pattern = Fused::full;
    int64_t cols = 0;
    uint32_t x = a;
    ensure(a);
    // A broadcast that could not be dropped is read at its source.
    if (node(a).is(code_of<ops::BroadcastTo>)) x = graph().operand(a, 0);
    Place p;
    bool fits = lies(node(x).shape, reader.shape, &pattern, &cols);
    if (fits && (pattern == Fused::row || pattern == Fused::column)) {
      if (!f.cols) f.cols = cols;
      fits = f.cols == cols;
    }
    if (fits) {
      const bool repeated = place(x).strides == Dims(node(x).shape.size(), 0);
      if (repeated && node(x).size() > 1) {  // one number
        p = place(x);
        pattern = Fused::single;
      } else {
        p = pattern == Fused::single ? place(x) : dense(x);
      }
    } else {  // spread out into memory
      const Node& n = node(x);
      Place wide = place(x);
      wide.strides = aligned_strides(n.shape, wide.strides, reader.shape);
      wide.contiguous = false;
      p = {storage(Storage::arena, 0, reader.size() * core::item_size(n.dtype)), 0, core::row_major(reader.shape),
           true};
      copy(wide, p, reader.shape, n.dtype, false);
      pattern = Fused::full;
    }
    const auto key = std::tuple{p.storage, p.offset, static_cast<int>(pattern), fits ? 0 : now()};
    const auto found = seen.find(key);
    if (found != seen.end()) return found->second;
    f.operands.push_back({p.storage, p.offset, pattern, static_cast<uint8_t>(core::item_size(node(x).dtype))});
    return seen[key] = static_cast<uint16_t>(f.operands.size() - 1);
  }

  // Is the value needed by anything but members of the group (under any reshape)?
  bool read_outside(uint32_t i, const std::unordered_map<uint32_t, size_t>& member) {
    if (output_of_.count(i) || checks_of_.count(i)) return true;
    if (consumers_.empty()) {
      consumers_.resize(graph().nodes.size());
      for (uint32_t r = 0; r < graph().nodes.size(); ++r)
        for (uint32_t a : graph().operands(r)) consumers_[a].push_back(r);
      out_.assign(graph().nodes.size(), 0);
      for (uint32_t o : graph().outputs) out_[o] = 1;
    }
    if (out_[i]) return true;
    for (uint32_t r : consumers_[i]) {
      if (member.count(r)) continue;
      if (node(r).is(code_of<ops::Reshape>) && !checks_of_.count(r) && !read_outside(r, member)) continue;
      return true;
    }
    return false;
  }

  void kernel(uint32_t i, Fused::Op& op) {
    const Node& n = node(i);
    const auto code = static_cast<OpCode>(n.op);
    const ops::Info& f = ops::info(code);
    const DType in = node(graph().operand(i, 0)).dtype;
    const auto& table = ops::element_kernels();
    if (code == code_of<ops::Where>)
      op.f3 = selection(n.dtype);
    else if (code == code_of<ops::Astype>)
      op.f1 = conversion(in, n.dtype);
    else if (f.types == ops::Types::logical && f.arity == 1)
      op.f1 = plain_unary(code, in);
    else if (f.types == ops::Types::logical)
      op.f2 = plain_binary(code, in);
    else if (f.arity == 1)
      op.f1 = table.value1[code][in == DType::f64];
    else
      op.f2 = table.value2[code][in == DType::f64];
  }

  // ---- the end ----
  void emit_outputs() {
    for (uint32_t k = 0; k < graph().outputs.size(); ++k) {
      const uint32_t i = graph().outputs[k];
      const auto found = output_of_.find(i);
      if (found != output_of_.end() && found->second == k) continue;
      const Node& n = node(i);
      if (n.size() == 0) continue;
      copy(place(i), {plan_.output_storage[k], 0, core::row_major(n.shape), true}, n.shape, n.dtype, false);
    }
  }

  // First fit over the intervals in which storages live.
  void lay_out() {
    struct Block {
      int64_t from, to;
    };
    std::vector<std::vector<uint32_t>> start(plan_.steps.size() + 1), end(plan_.steps.size() + 1);
    for (uint32_t s = 0; s < plan_.storages.size(); ++s) {
      if (plan_.storages[s].kind != Storage::arena || born_[s] == kNone) continue;
      start[born_[s]].push_back(s);
      end[dies_[s]].push_back(s);
    }
    std::vector<Block> free;  // sorted, disjoint; the end of the arena is free as well
    for (size_t at = 0; at <= plan_.steps.size(); ++at) {
      for (uint32_t s : start[at]) {
        Storage& st = plan_.storages[s];
        const int64_t bytes = std::max<int64_t>(aligned(st.bytes), kAlign);
        size_t best = free.size();
        for (size_t k = 0; k < free.size(); ++k)
          if (free[k].to - free[k].from >= bytes &&
              (best == free.size() || free[k].to - free[k].from < free[best].to - free[best].from))
            best = k;
        if (best < free.size()) {
          st.offset = free[best].from;
          free[best].from += bytes;
          if (free[best].from == free[best].to) free.erase(free.begin() + static_cast<int64_t>(best));
        } else if (!free.empty() && free.back().to == plan_.arena) {
          st.offset = free.back().from;
          plan_.arena = st.offset + bytes;
          free.pop_back();
        } else {
          st.offset = plan_.arena;
          plan_.arena += bytes;
        }
      }
      for (uint32_t s : end[at]) {
        const Storage& st = plan_.storages[s];
        Block b{st.offset, st.offset + std::max<int64_t>(aligned(st.bytes), kAlign)};
        auto next = std::lower_bound(free.begin(), free.end(), b,
                                     [](const Block& x, const Block& y) { return x.from < y.from; });
        if (next != free.end() && next->from == b.to) {
          b.to = next->to;
          next = free.erase(next);
        }
        if (next != free.begin() && (next - 1)->to == b.from)
          (next - 1)->to = b.to;
        else
          free.insert(next, b);
      }
    }
  }

  Plan plan_;
  Schedule schedule_;
  std::vector<std::pair<std::tuple<uint32_t, uint32_t, uint32_t>, Members>> order_;
  std::unordered_map<uint32_t, uint32_t> output_of_;  // node -> the output it is written to directly
  std::unordered_map<uint32_t, std::vector<uint32_t>> checks_of_;
  std::vector<uint32_t> born_, dies_, dense_, readers_;
  std::vector<Place> copies_;
  std::vector<int64_t> spreads_;
  std::vector<std::vector<uint32_t>> consumers_;
  std::vector<char> out_;
};

}  // namespace

Plan planned(Graph g) { return Planner(std::move(g)).run(); }

}  // namespace wengert::program
