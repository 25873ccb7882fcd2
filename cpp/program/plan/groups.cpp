// Groups of elementwise operations of one size: operands and how they lie, results that leave, sums at the end, and the
// tiles in which the executor works through them.
#include <algorithm>
#include <map>
#include <numeric>

#include "ops/elementwise/element_kernels.h"
#include "program/plan/planner.h"
#include "program/run/fused.h"
#include "program/run/tile_kernels.h"
#include "simd/kernels/reduce.h"

namespace wengert::program {
namespace {

constexpr int64_t kFirstLevel = 32 * 1024;    // bytes of tiles that stay in the first-level cache,
constexpr int64_t kSecondLevel = 768 * 1024;  // and in the second
constexpr int64_t kLargestTile = 1024, kGoodTile = 256, kSmallestTile = 64;  // elements
constexpr int64_t kLeastSummed = 1 << 15;                                    // elements worth summing in the group
constexpr double kCostly = 10;                                               // a mathematical function, in additions

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

}  // namespace

// A group while it is being made.
struct Planner::Group {
  static constexpr uint32_t kMember = 0x80000000;
  std::span<const uint32_t> nodes;
  Fused f;
  std::vector<uint32_t> reads;   // of all members, one after the other: operand of the group, or kMember and a member
  std::vector<uint32_t> starts;  // where the reads of a member begin
  std::vector<uint32_t> local;   // of members
  std::vector<char> leaves, summed;
  struct Sum {
    uint32_t node, member;
  };
  std::vector<Sum> sums;
  int64_t widest = 1, narrowest_float = 8;
  std::map<std::tuple<uint32_t, int64_t, int, int64_t>, uint32_t> seen;
};

void Planner::emit_group(std::span<const uint32_t> nodes) {
  ++groups_;
  Group g;
  g.nodes = nodes;
  g.f.size = node(nodes[0]).size();
  for (uint32_t k = 0; k < nodes.size(); ++k) {
    group_of_[nodes[k]] = groups_;
    index_in_group_[nodes[k]] = k;
  }
  read_operands(g);
  take_sums(g);
  g.leaves.resize(nodes.size());
  for (uint32_t k = 0; k < nodes.size(); ++k) g.leaves[k] = read_outside(nodes[k]);
  number_locals(g);
  choose_tile(g);
  add_ops(g);
  for (const Fused::Operand& o : g.f.operands) read(o.storage);
  plan_.fused.push_back(std::move(g.f));
  step(Step::fused, plan_.fused.size() - 1);
  for (uint32_t i : nodes) emit_guards(i);
}

void Planner::read_operands(Group& g) {
  for (uint32_t i : g.nodes) {
    g.starts.push_back(static_cast<uint32_t>(g.reads.size()));
    auto note = [&](DType t) {
      g.widest = std::max(g.widest, core::item_size(t));
      if (core::is_float(t)) g.narrowest_float = std::min(g.narrowest_float, core::item_size(t));
    };
    note(node(i).dtype);
    for (uint32_t a : graph().operands(i)) {
      note(node(a).dtype);
      const uint32_t x = unreshaped(graph(), a);
      g.reads.push_back(inside(x) ? Group::kMember | index_in_group_[x] : operand(g, a, node(i)));
    }
  }
}

uint32_t Planner::operand(Group& g, uint32_t a, const Node& reader) {
  Fused& f = g.f;
  Fused::Pattern pattern = Fused::full;
  int64_t cols = 0;
  uint32_t x = a;
  ensure(a);
  // A broadcast that could not be dropped is read at its source.
  if (node(a).is(code_of<ops::BroadcastTo>)) x = graph().operand(a, 0);
  Place p;
  bool fits = lies(node(x).shape, reader.shape, &pattern, &cols);
  const bool repeated = node(x).size() > 1 && place(x).strides == Dims(node(x).shape.size(), 0);  // one number
  // Kernels of one operand have no increment: theirs is spread out.
  if (reader.count == 1) fits &= pattern == Fused::full && !repeated;
  if (fits && (pattern == Fused::row || pattern == Fused::column)) {
    if (!f.cols) f.cols = cols;
    fits = f.cols == cols;
  }
  if (fits) {
    if (repeated) {
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
    p = fresh(reader.shape, n.dtype);
    copy(wide, p, reader.shape, n.dtype, false);
    pattern = Fused::full;
  }
  const auto [at, made] = g.seen.emplace(std::tuple{p.storage, p.offset, static_cast<int>(pattern), fits ? 0 : now()},
                                         static_cast<uint32_t>(f.operands.size()));
  if (made) f.operands.push_back({p.storage, p.offset, pattern, static_cast<uint8_t>(core::item_size(node(x).dtype))});
  return at->second;
}

// Is the value needed by anything but members of the group (under any reshape) and sums that the group makes itself?
bool Planner::read_outside(uint32_t i) {
  if (output_count_[i] || guarded_[i]) return true;
  for (uint32_t r : readers(i)) {
    if (inside(r)) continue;
    if (node(r).is(code_of<ops::Reshape>) && !read_outside(r)) continue;
    return true;
  }
  return false;
}

// Sums of all elements of a member need not wait until it has been written. They are made of the same pieces as outside
// programs, so they are the same to the last bit.
void Planner::take_sums(Group& g) {
  g.summed.assign(g.nodes.size(), 0);
  if (g.f.size < kLeastSummed || g.f.cols) return;
  for (uint32_t k = 0; k < g.nodes.size(); ++k) {
    auto take = [&](uint32_t i, const auto& again) -> void {
      for (uint32_t r : readers(i)) {
        const Node& n = node(r);
        if (n.is(code_of<ops::Reshape>)) again(r, again);
        if (!n.is(code_of<ops::Sum>) && !n.is(code_of<ops::Mean>)) continue;
        if (n.size() != 1 || !core::is_float(n.dtype) || node(i).dtype != n.dtype || inside(r)) continue;
        group_of_[r] = groups_;  // its reading is no reading from outside
        g.sums.push_back({r, k});
        g.summed[k] = 1;
      }
    };
    take(g.nodes[k], take);
  }
}

// Operands, then results, then what stays inside, where places are used again; summed ones keep theirs.
void Planner::number_locals(Group& g) {
  const auto n = static_cast<uint32_t>(g.nodes.size());
  std::vector<uint32_t> last(n, 0);
  for (uint32_t k = 0; k < n; ++k)
    for (uint32_t at = g.starts[k]; at < g.starts[k] + node(g.nodes[k]).count; ++at)
      if (g.reads[at] & Group::kMember) last[g.reads[at] & ~Group::kMember] = k;
  auto next = static_cast<uint32_t>(g.f.operands.size());
  g.local.assign(n, kNone);
  for (uint32_t k = 0; k < n; ++k)
    if (g.leaves[k]) g.local[k] = next++;
  const uint32_t first_slot = next;
  std::vector<uint32_t> free[9];  // by size of the elements
  for (uint32_t k = 0; k < n; ++k) {
    const Node& v = node(g.nodes[k]);
    const int64_t item = core::item_size(v.dtype);
    // A result may lie over an operand whose last reader it is: kernels read an element before they write it.
    for (uint32_t at = g.starts[k]; at < g.starts[k] + v.count; ++at) {
      if (!(g.reads[at] & Group::kMember)) continue;
      const uint32_t x = g.reads[at] & ~Group::kMember;
      if (last[x] != k || g.leaves[x] || g.summed[x]) continue;
      free[core::item_size(node(g.nodes[x]).dtype)].push_back(g.local[x]);
      last[x] = kNone;  // freed once
    }
    if (g.leaves[k]) continue;
    if (free[item].empty() || g.summed[k]) {
      g.local[k] = next++;
    } else {
      g.local[k] = free[item].back();
      free[item].pop_back();
    }
  }
  g.f.slots = next - first_slot;
}

void Planner::choose_tile(Group& g) {
  Fused& f = g.f;
  const int64_t locals = static_cast<int64_t>(f.operands.size()) + f.slots + 1, line = locals * g.widest;
  f.unit = 64 / g.narrowest_float;
  int64_t tile = kLargestTile;
  for (const Group::Sum& s : g.sums) tile = std::min(tile, simd::sum_chunk(core::item_size(node(s.node).dtype)));
  while (tile > kGoodTile && tile * line > kFirstLevel) tile /= 2;
  while (tile > kSmallestTile && tile * line > kSecondLevel) tile /= 2;
  if (f.cols) {
    const int64_t whole = std::lcm(f.cols, f.unit);
    if (f.cols > tile / 2)
      tile = std::min(tile, f.cols);
    else
      tile = tile >= whole ? tile / whole * whole : tile / f.cols * f.cols;
  }
  f.packed = f.cols && tile % f.cols == 0;
  f.tile = tile;
  f.block = f.cols && !f.packed ? f.cols : tile;  // no block begins inside a row
  // The skew keeps tiles apart in the sets of the cache.
  f.pitch = aligned(g.widest * std::min(tile, (f.size + f.unit - 1) / f.unit * f.unit)) + 2 * kAlign;
}

void Planner::add_ops(Group& g) {
  Fused& f = g.f;
  auto step_of = [&](uint32_t local) -> uint8_t {
    if (local >= f.operands.size()) return 1;
    const auto p = f.operands[local].pattern;
    return p == Fused::full || p == Fused::row || (p == Fused::column && f.packed);
  };
  for (uint32_t k = 0; k < g.nodes.size(); ++k) {
    const uint32_t i = g.nodes[k];
    const Node& n = node(i);
    Fused::Op op{};
    op.arity = static_cast<uint8_t>(n.count);
    for (uint32_t o = 0; o < n.count; ++o) {
      const uint32_t r = g.reads[g.starts[k] + o];
      op.in[o] = r & Group::kMember ? g.local[r & ~Group::kMember] : r;
      op.step[o] = step_of(op.in[o]);
    }
    op.out = g.local[k];
    kernel(i, op);
    const bool cheap = n.count != 1 || tile_kernels().one[n.op][0] || !ops::info(static_cast<OpCode>(n.op)).elementwise;
    f.work += static_cast<double>(f.size) * (cheap ? 1 : kCostly);
    f.ops.push_back(op);
    if (!g.leaves[k]) continue;
    allocate(i);
    f.results.push_back({place(i).storage, place(i).offset, static_cast<uint8_t>(core::item_size(n.dtype))});
  }
  for (const Group::Sum& s : g.sums) {
    const Node& n = node(s.node);
    const int64_t chunk = simd::sum_chunk(core::item_size(n.dtype));
    const Place parts = fresh(Dims{(f.size + chunk - 1) / chunk}, n.dtype);
    write(parts.storage);
    allocate(s.node);
    f.sums.push_back({g.local[s.member], parts.storage, place(s.node).storage, place(s.node).offset, chunk, n.dtype,
                      n.is(code_of<ops::Mean>)});
    f.block = std::max(f.block, chunk);
  }
  f.scratch = lay_out_scratch(f);
}

void Planner::kernel(uint32_t i, Fused::Op& op) {
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
  else if (const int t = core::index_of(in); f.arity == 1)
    op.f1 = tile_kernels().one[code][t] ? tile_kernels().one[code][t] : table.value1[code][t];
  else
    op.f2 = tile_kernels().two[code][t] ? tile_kernels().two[code][t] : table.value2[code][t];
}

}  // namespace wengert::program
