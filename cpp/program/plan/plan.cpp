// From a graph to steps: places of all nodes, the order of everything, and one arena laid out by liveness.
#include "program/plan/plan.h"

#include <algorithm>

#include "program/plan/planner.h"

namespace wengert::program {

Planner::Planner(Graph g) : schedule_(scheduled(g)) {
  plan_.graph = std::move(g);
  const size_t n = graph().nodes.size();
  plan_.places.resize(n);
  plan_.guard_places.resize(graph().guards.size());
  group_of_.assign(n, 0);
  index_in_group_.assign(n, 0);
  begun_.assign(n, 0);
}

Plan Planner::run() {
  place_leaves();
  mark_outputs();
  mark_guards();
  count_readers();
  const List<Turn> order = turns();
  std::vector<uint32_t> members;
  for (size_t from = 0; from < order.size();) {
    size_t to = from + 1;
    while (to < order.size() && order[to].first == order[from].first && order[to].stage == order[from].stage) ++to;
    members.clear();
    for (size_t k = from; k < to; ++k) members.push_back(order[k].node);
    if (schedule_.fusable[members[0]] && !order[from].view)
      emit_group(members);
    else
      emit(members[0]);
    from = to;
  }
  emit_outputs();
  lay_out();
  plan_.work = flops(graph());
  for (uint32_t s = 0; s < plan_.storages.size(); ++s) plan_.lives.push_back({born_[s], dies_[s]});
  return std::move(plan_);
}

// ---- storages -------------------------------------------------------------------------------------------------------

uint32_t Planner::storage(Storage::Kind kind, uint32_t index, int64_t bytes) {
  plan_.storages.push_back({kind, index, bytes, 0});
  born_.push_back(kNone);
  dies_.push_back(0);
  return static_cast<uint32_t>(plan_.storages.size() - 1);
}

Place Planner::fresh(const Dims& shape, DType t) {
  return {storage(Storage::arena, 0, core::element_count(t, shape) * core::item_size(t)), 0, core::row_major(shape),
          true};
}

void Planner::allocate(uint32_t i) {
  if (!allocate_in_join(i)) allocate_alone(i);
}

// Results that are outputs go where the caller wants them.
void Planner::allocate_alone(uint32_t i) {
  const Node& n = node(i);
  if (output_of_[i] == kNone)
    place(i) = fresh(n.shape, n.dtype);
  else
    place(i) = {plan_.output_storage[output_of_[i]], 0, core::row_major(n.shape), true};
  write(place(i).storage);
}

void Planner::write(uint32_t s) {
  if (born_[s] == kNone) born_[s] = now();
  dies_[s] = std::max(dies_[s], now());
}

// First fit over the intervals in which storages live.
void Planner::lay_out() {
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
        plan_.arena = core::checked_sum(st.offset, bytes);
        free.pop_back();
      } else {
        st.offset = plan_.arena;
        plan_.arena = core::checked_sum(plan_.arena, bytes);
      }
    }
    for (uint32_t s : end[at]) {
      const Storage& st = plan_.storages[s];
      Block b{st.offset, st.offset + std::max<int64_t>(aligned(st.bytes), kAlign)};
      auto next =
          std::lower_bound(free.begin(), free.end(), b, [](const Block& x, const Block& y) { return x.from < y.from; });
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

// ---- order ----------------------------------------------------------------------------------------------------------

void Planner::place_leaves() {
  for (uint32_t k = 0; k < graph().inputs.size(); ++k) {
    const uint32_t i = graph().inputs[k];
    place(i) = {storage(Storage::input, k, 0), 0, core::row_major(node(i).shape), true};
  }
  for (uint32_t i = 0; i < graph().nodes.size(); ++i) {
    if (node(i).op != kConstant) continue;
    const ArrayRef& v = node(i).value;
    constexpr int64_t kLarge = 1 << 20;  // bytes: arrays that repeat elements may be much larger than they look
    const bool repeated = v->size > 1 && (v->strides == Dims(v->ndim(), 0) || v->bytes() > kLarge);
    const ArrayRef held = repeated ? v : core::contiguous(v);
    place(i) = {storage(Storage::constant, static_cast<uint32_t>(plan_.constants.size()), 0), 0, held->strides,
                held->contiguous};
    plan_.constants.push_back(held);
  }
}

// An output that is computed by a step of its own is written where the caller wants it; the others are copied.
void Planner::mark_outputs() {
  output_of_.assign(graph().nodes.size(), kNone);
  output_count_.assign(graph().nodes.size(), 0);
  for (uint32_t k = 0; k < graph().outputs.size(); ++k) {
    const uint32_t i = graph().outputs[k];
    ++output_count_[i];
    plan_.output_storage.push_back(storage(Storage::output, k, 0));
    if (!node(i).given() && !is_view(graph(), i) && output_of_[i] == kNone) output_of_[i] = k;
  }
}

void Planner::mark_guards() {
  guarded_.assign(graph().nodes.size(), 0);
  for (uint32_t k = 0; k < graph().guards.size(); ++k) {
    guards_of_[graph().guards[k].node].push_back(k);
    guarded_[graph().guards[k].node] = 1;
  }
  for (uint32_t i = 0; i < graph().nodes.size(); ++i)
    if (guarded_[i] && node(i).given()) emit_guards(i);
}

void Planner::count_readers() {
  const auto n = static_cast<uint32_t>(graph().nodes.size());
  first_reader_.assign(n + 1, 0);
  for (uint32_t i = 0; i < n; ++i)
    for (uint32_t a : graph().operands(i)) ++first_reader_[a + 1];
  for (uint32_t i = 0; i < n; ++i) first_reader_[i + 1] += first_reader_[i];
  readers_.resize(first_reader_[n]);
  List<uint32_t> next(first_reader_.begin(), first_reader_.end() - 1);
  for (uint32_t i = 0; i < n; ++i)
    for (uint32_t a : graph().operands(i)) readers_[next[a]++] = i;
}

List<Planner::Turn> Planner::turns() {
  List<Turn> order;
  order.reserve(graph().nodes.size());
  std::unordered_map<uint64_t, uint32_t> first_of;  // (stage, size) -> first member of the group
  for (uint32_t i = 0; i < graph().nodes.size(); ++i) {
    if (node(i).given() || schedule_.inside[i]) continue;
    const uint32_t stage = schedule_.stage[i];
    if (is_view(graph(), i)) {  // views come after what they look at
      order.push_back({stage, 1, i, i});
      continue;
    }
    uint32_t first = i;
    if (schedule_.fusable[i]) {
      const uint64_t key = static_cast<uint64_t>(stage) << 40 ^ static_cast<uint64_t>(node(i).size());
      const auto [at, made] = first_of.emplace(key, i);
      // Sizes beyond 2^40 could meet under one key: such an operation stays alone.
      if (node(at->second).size() == node(i).size() && schedule_.stage[at->second] == stage) first = at->second;
    }
    order.push_back({stage, 0, first, i});
  }
  std::sort(order.begin(), order.end(), [](const Turn& a, const Turn& b) { return a.key() < b.key(); });
  return order;
}

void Planner::emit_outputs() {
  for (uint32_t k = 0; k < graph().outputs.size(); ++k) {
    const uint32_t i = graph().outputs[k];
    const Node& n = node(i);
    if (output_of_[i] == k || n.size() == 0) continue;
    copy(place(i), {plan_.output_storage[k], 0, core::row_major(n.shape), true}, n.shape, n.dtype, false);
  }
}

void Planner::emit_guards(uint32_t i) {
  if (!guarded_[i]) return;
  for (uint32_t k : guards_of_[i]) {
    const Place p = dense(i);
    read(p.storage);
    plan_.guard_places[k] = p;
    step(Step::guard, k);
  }
}

// ---- reading --------------------------------------------------------------------------------------------------------

Place Planner::dense(uint32_t i) {
  if (place(i).contiguous) return place(i);
  const auto found = dense_.find(i);
  if (found != dense_.end()) return found->second;
  const Place to = fresh(node(i).shape, node(i).dtype);
  copy(place(i), to, node(i).shape, node(i).dtype, false);
  return dense_[i] = to;
}

void Planner::copy(const Place& from, const Place& to, const Dims& shape, DType t, bool add) {
  read(from.storage);
  write(to.storage);
  plan_.copies.push_back({from, to, shape, t, add});
  step(Step::copied, plan_.copies.size() - 1);
}

Dims Planner::aligned_strides(const Dims& shape, const Dims& strides, const Dims& to) {
  Dims s(to.size(), 0);
  const int lead = to.size() - shape.size();
  for (int i = 0; i < shape.size(); ++i) s[lead + i] = shape[i] == 1 ? 0 : strides[i];
  return s;
}

Plan planned(Graph g) { return Planner(std::move(g)).run(); }

}  // namespace wengert::program
