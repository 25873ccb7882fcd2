// Products gathered into larger ones: a sum of products over time steps becomes one product over stacked operands, and
// independent products with one right operand become one product whose rows are theirs.
#include <algorithm>
#include <map>

#include "program/graph/graph.h"

namespace wengert::program {
namespace {

constexpr size_t kFewestProducts = 3;

bool matrix_product(const Graph& g, uint32_t i) {
  const Node& n = g.nodes[i];
  return is_product(n) && core::is_float(n.dtype) && n.shape.size() == 2 && n.size() > 0 &&
         g.nodes[g.operand(i, 0)].shape.size() == 2 && g.nodes[g.operand(i, 1)].shape.size() == 2;
}

// `parts` one below the other (axis 0) or side by side (axis 1); matrices.
uint32_t joined(Graph& g, const std::vector<uint32_t>& parts, int axis) {
  Dims shape = g.nodes[parts[0]].shape;
  shape[axis] = 0;
  for (uint32_t p : parts) shape[axis] += g.nodes[p].shape[axis];
  const DType t = g.nodes[parts[0]].dtype;
  return g.add(code_of<ops::Concatenate>, parts, ops::new_params<ops::Concatenate>(axis - 2), t, shape);
}

// Rows [from, from + shape[0]) of a matrix.
uint32_t rows_of(Graph& g, uint32_t x, int64_t from, const Dims& shape) {
  const auto p = ops::new_params<ops::Slice>(Dims{from, 0}, Dims{1, 1}, shape, shape);
  const uint32_t operand[] = {x};
  const DType t = g.nodes[x].dtype;
  return g.add(code_of<ops::Slice>, operand, p, t, shape);
}

// Nodes in an order in which operands come first, following `replaced`; what nothing needs is left out.
Graph sorted(const Graph& g, const std::vector<uint32_t>& replaced) {
  Graph r;
  auto now = [&](uint32_t i) { return i < replaced.size() && replaced[i] != kNone ? replaced[i] : i; };
  std::vector<uint32_t> at(g.nodes.size(), kNone), operands;
  std::vector<std::pair<uint32_t, uint32_t>> stack;
  auto emit = [&](uint32_t root) {
    stack.emplace_back(now(root), 0);
    while (!stack.empty()) {
      auto& [i, next] = stack.back();
      if (at[i] != kNone) {
        stack.pop_back();
        continue;
      }
      if (next < g.nodes[i].count) {
        const uint32_t a = now(g.operand(i, next++));
        if (at[a] == kNone) stack.emplace_back(a, 0);
        continue;
      }
      const Node& n = g.nodes[i];
      operands.clear();
      for (uint32_t a : g.operands(i)) operands.push_back(at[now(a)]);
      const uint32_t made = r.add(n.op, operands, n.params, n.dtype, n.shape);
      r.nodes[made].value = n.value;
      at[i] = made;
      stack.pop_back();
    }
  };
  for (uint32_t i : g.inputs) emit(i);
  // In the old order as far as possible: it is the one in which memory is used best.
  std::vector<char> live(g.nodes.size(), 0);
  std::vector<uint32_t> todo;
  auto need = [&](uint32_t i) {
    if (!live[now(i)]) live[now(i)] = 1, todo.push_back(now(i));
  };
  for (uint32_t i : g.outputs) need(i);
  for (const Guard& c : g.guards) need(c.node);
  while (!todo.empty()) {
    const uint32_t i = todo.back();
    todo.pop_back();
    for (uint32_t a : g.operands(i)) need(a);
  }
  for (uint32_t i = 0; i < g.nodes.size(); ++i)
    if (live[i]) emit(i);
  for (uint32_t i : g.inputs) r.inputs.push_back(at[now(i)]);
  for (uint32_t i : g.outputs) r.outputs.push_back(at[now(i)]);
  for (const Guard& c : g.guards) r.guards.push_back({at[now(c.node)], c.on, c.answer, c.location});
  return r;
}

std::vector<uint32_t> readers(const Graph& g) {
  std::vector<uint32_t> n(g.nodes.size(), 0);
  for (uint32_t a : g.args) ++n[a];
  for (uint32_t i : g.outputs) n[i] += 2;
  for (const Guard& c : g.guards) n[c.node] += 2;
  return n;
}

// ---- arrays made of parts -------------------------------------------------------------------------------------------

uint32_t reshaped(Graph& g, uint32_t x, const Dims& shape) {
  if (g.nodes[x].shape == shape) return x;
  const uint32_t operand[] = {x};
  const DType t = g.nodes[x].dtype;
  return g.add(code_of<ops::Reshape>, operand, ops::new_params<ops::Reshape>(shape), t, shape);
}

// The parts x[0], x[1] … of an array x, joined as matrices, which other passes know.
uint32_t joined_parts(Graph& g, std::vector<uint32_t> parts, const Dims& whole) {
  const int64_t cols = whole.back();
  for (uint32_t& p : parts) p = reshaped(g, p, Dims{g.nodes[p].size() / cols, cols});
  return reshaped(g, joined(g, parts, 0), whole);
}

bool zeros(const core::Array& a) {
  if (a.strides == Dims(a.ndim(), 0)) return core::item(a) == 0;
  constexpr int64_t kShort = 64;  // more equal elements are kept once (see repeated_once)
  if (!a.contiguous || a.size > kShort) return false;
  for (int64_t k = 0; k < a.size; ++k)
    if (core::item(a, k) != 0) return false;
  return true;
}

// Zeros, with a value added to each x[t] in turn (the cotangent of an array that is read step by step): the values.
std::vector<uint32_t> added_parts(const Graph& g, uint32_t i, const std::vector<uint32_t>& uses) {
  const Dims whole = g.nodes[i].shape;
  std::vector<uint32_t> parts(static_cast<size_t>(whole[0]), kNone);
  for (size_t left = parts.size(); left > 0; --left) {
    const Node& n = g.nodes[i];
    if (!n.is(code_of<ops::SliceAdd>) || (left < parts.size() && uses[i] != 1)) return {};
    const ops::SliceParams& p = n.p<ops::SliceAdd>();
    const int64_t at = p.start[0];
    for (int k = 1; k < whole.size(); ++k)
      if (p.start[k] != 0 || p.step[k] != 1 || p.count[k] != whole[k]) return {};
    const uint32_t v = g.operand(i, 1);
    if (p.count[0] != 1 || parts[static_cast<size_t>(at)] != kNone || g.nodes[v].size() != whole.product() / whole[0])
      return {};
    parts[static_cast<size_t>(at)] = v;
    i = g.operand(i, 0);
  }
  return g.nodes[i].op == kConstant && zeros(*g.nodes[i].value) ? parts : std::vector<uint32_t>{};
}

Graph parts_joined(Graph g) {
  const auto uses = readers(g);
  const auto n = static_cast<uint32_t>(g.nodes.size());
  std::vector<uint32_t> replaced(n, kNone);
  bool changed = false;
  for (uint32_t i = n; i-- > 0;) {
    const Dims shape = g.nodes[i].shape;
    if (!core::is_float(g.nodes[i].dtype) || shape.size() < 2 || shape.product() == 0 ||
        shape[0] < static_cast<int64_t>(kFewestProducts))
      continue;
    std::vector<uint32_t> parts;
    if (g.nodes[i].is(code_of<ops::Stack>) && g.nodes[i].p<ops::Stack>().axis == -shape.size())
      parts.assign(g.operands(i).begin(), g.operands(i).end());
    else if (g.nodes[i].is(code_of<ops::SliceAdd>))
      parts = added_parts(g, i, uses);
    if (parts.empty()) continue;
    replaced[i] = joined_parts(g, parts, shape);
    changed = true;
  }
  return changed ? sorted(g, replaced) : std::move(g);
}

// ---- sums of products -----------------------------------------------------------------------------------------------

// The sum over the rows of a matrix (kNone: it is none), perhaps under another shape.
uint32_t column_sum(const Graph& g, uint32_t i) {
  if (g.nodes[i].is(code_of<ops::Reshape>)) i = g.operand(i, 0);
  const Node& n = g.nodes[i];
  const bool is = n.is(code_of<ops::Sum>) && core::is_float(n.dtype) && n.p<ops::Sum>().axes == Dims{-2} &&
                  g.nodes[g.operand(i, 0)].shape.size() == 2;
  return is ? i : kNone;
}

// a1 b1 + a2 b2 + … as [a1 a2 …] [b1; b2; …].
uint32_t one_product(Graph& g, std::vector<uint32_t> products, DType t, const Dims& shape) {
  bool transposed = true;
  for (uint32_t p : products) transposed &= g.nodes[g.operand(p, 0)].is(code_of<ops::Transpose>);
  auto left = [&](uint32_t p) { return transposed ? g.operand(g.operand(p, 0), 0) : g.operand(p, 0); };
  std::sort(products.begin(), products.end(), [&](uint32_t a, uint32_t b) { return left(a) < left(b); });
  std::vector<uint32_t> lefts, rights;
  for (uint32_t p : products) {
    lefts.push_back(left(p));
    rights.push_back(g.operand(p, 1));
  }
  uint32_t a = joined(g, lefts, transposed ? 0 : 1);
  if (transposed) {
    const Dims s = g.nodes[a].shape;
    const uint32_t operand[] = {a};
    a = g.add(code_of<ops::Transpose>, operand, ops::new_params<ops::Transpose>(Dims{1, 0}), t, Dims{s[1], s[0]});
  }
  const uint32_t pair[] = {a, joined(g, rights, 0)};
  const int op = g.nodes[products[0]].op;
  return g.add(op, pair, {}, t, shape);
}

Graph sums_gathered(Graph g) {
  const auto uses = readers(g);
  const auto n = static_cast<uint32_t>(g.nodes.size());
  std::vector<uint32_t> replaced(n, kNone);
  std::vector<char> inside(n, 0);
  auto addition = [&](uint32_t i) {
    const Node& v = g.nodes[i];
    return v.is(code_of<ops::Add>) && core::is_float(v.dtype) && g.nodes[g.operand(i, 0)].shape == v.shape &&
           g.nodes[g.operand(i, 1)].shape == v.shape;
  };
  bool changed = false;
  for (uint32_t i = n; i-- > 0;) {
    if (inside[i] || !addition(i)) continue;
    std::vector<uint32_t> products, sums, others, todo{i};
    while (!todo.empty()) {
      const uint32_t a = todo.back();
      todo.pop_back();
      for (uint32_t x : g.operands(a)) {
        if (addition(x) && uses[x] == 1) {
          inside[x] = 1;
          todo.push_back(x);
        } else if (matrix_product(g, x) && uses[x] == 1 &&
                   (products.empty() || g.nodes[products[0]].op == g.nodes[x].op)) {
          products.push_back(x);
        } else if (const uint32_t s = column_sum(g, x); s != kNone && uses[x] == 1 && uses[s] == 1) {
          sums.push_back(x);
        } else {
          others.push_back(x);
        }
      }
    }
    if (products.size() < kFewestProducts)
      others.insert(others.end(), products.begin(), products.end()), products.clear();
    if (sums.size() < kFewestProducts) others.insert(others.end(), sums.begin(), sums.end()), sums.clear();
    if (products.empty() && sums.empty()) continue;
    const DType t = g.nodes[i].dtype;
    const Dims shape = g.nodes[i].shape;
    uint32_t total = kNone;
    auto include = [&](uint32_t x) {
      const uint32_t both[] = {total, x};
      total = total == kNone ? x : g.add(code_of<ops::Add>, both, {}, t, shape);
    };
    if (!products.empty()) include(one_product(g, products, t, shape));
    if (!sums.empty()) {
      std::vector<uint32_t> parts;
      for (uint32_t x : sums) parts.push_back(g.operand(column_sum(g, x), 0));
      std::sort(parts.begin(), parts.end());
      const uint32_t all[] = {joined(g, parts, 0)};
      const uint32_t sum[] = {
          g.add(code_of<ops::Sum>, all, ops::new_params<ops::Sum>(Dims{-2}), t, Dims{g.nodes[all[0]].shape[1]})};
      include(g.nodes[sum[0]].shape == shape
                  ? sum[0]
                  : g.add(code_of<ops::Reshape>, sum, ops::new_params<ops::Reshape>(shape), t, shape));
    }
    for (uint32_t o : others) include(o);
    replaced[i] = total;
    changed = true;
  }
  return changed ? sorted(g, replaced) : std::move(g);
}

// ---- products with one right operand --------------------------------------------------------------------------------

// Does any of the nodes depend on another one of them?
bool dependent(const Graph& g, const std::vector<uint32_t>& members) {
  std::vector<char> below(g.nodes.size(), 0), member(g.nodes.size(), 0);
  for (uint32_t i : members) member[i] = 1;
  for (uint32_t i = members.front(); i <= members.back(); ++i) {
    for (uint32_t a : g.operands(i)) below[i] |= below[a] | member[a];
    if (member[i] && below[i]) return true;
  }
  return false;
}

bool worth_a_copy(const Graph& g, const std::vector<uint32_t>& members) {
  const Node& a = g.nodes[g.operand(members[0], 0)];
  return g.nodes[members[0]].shape[1] >= 16 || a.size() <= 4096;
}

Graph rows_gathered(Graph g) {
  std::map<uint32_t, bool> done;  // right operands in the graph of now; renewed with it
  for (int round = 0; round < 16; ++round) {
    std::map<std::tuple<uint32_t, int64_t, int>, std::vector<uint32_t>> groups;
    for (uint32_t i = 0; i < g.nodes.size(); ++i)
      if (matrix_product(g, i)) groups[{g.operand(i, 1), g.nodes[i].shape[0], g.nodes[i].op}].push_back(i);
    bool changed = false;
    for (const auto& [key, members] : groups) {
      if (members.size() < kFewestProducts || !worth_a_copy(g, members) || dependent(g, members)) continue;
      std::vector<uint32_t> replaced(g.nodes.size(), kNone), lefts;
      for (uint32_t m : members) lefts.push_back(g.operand(m, 0));
      const uint32_t pair[] = {joined(g, lefts, 0), std::get<0>(key)};
      const DType t = g.nodes[members[0]].dtype;
      const Dims part = g.nodes[members[0]].shape;
      const Dims all{part[0] * static_cast<int64_t>(members.size()), part[1]};
      const uint32_t product = g.add(std::get<2>(key), pair, {}, t, all);
      for (size_t k = 0; k < members.size(); ++k) {
        replaced[members[k]] = rows_of(g, product, static_cast<int64_t>(k) * part[0], part);
      }
      g = sorted(g, replaced);
      changed = true;
      break;
    }
    if (!changed) break;
  }
  return g;
}

// ---- joins of the same parts ----------------------------------------------------------------------------------------

// One below the other (axis -2), at least a few.
bool stacked(const Graph& g, uint32_t i) {
  const Node& v = g.nodes[i];
  return v.is(code_of<ops::Concatenate>) && v.shape.size() == 2 && v.p<ops::Concatenate>().axis == -2 &&
         v.count >= kFewestProducts;
}

// Sums over the rows of the same parts in another order: any order will do.
Graph orders_shared(Graph g) {
  const auto n = static_cast<uint32_t>(g.nodes.size());
  std::vector<char> only_summed(n, 1);
  for (uint32_t i = 0; i < n; ++i)
    for (uint32_t a : g.operands(i)) only_summed[a] &= column_sum(g, i) == i;
  for (uint32_t i : g.outputs) only_summed[i] = 0;
  for (const Guard& c : g.guards) only_summed[c.node] = 0;
  auto parts = [&](uint32_t i) {
    std::vector<uint32_t> p(g.operands(i).begin(), g.operands(i).end());
    std::sort(p.begin(), p.end());
    return p;
  };
  std::map<std::vector<uint32_t>, uint32_t> in_order;
  for (uint32_t i = 0; i < n; ++i)
    if (stacked(g, i) && !only_summed[i]) in_order.emplace(parts(i), i);
  std::vector<uint32_t> replaced(n, kNone);
  bool changed = false;
  for (uint32_t i = 0; i < n; ++i) {
    if (!stacked(g, i) || !only_summed[i]) continue;
    const auto found = in_order.find(parts(i));
    if (found == in_order.end()) continue;
    replaced[i] = found->second;
    changed = true;
  }
  return changed ? sorted(g, replaced) : std::move(g);
}

// h0 … h(T-1), one below the other, and h1 … hT (states before and after every step) are parts of h0 … hT.
Graph joins_shared(Graph g) {
  const auto n = static_cast<uint32_t>(g.nodes.size());
  std::unordered_map<uint32_t, uint32_t> beginning_with;
  for (uint32_t i = 0; i < n; ++i)
    if (stacked(g, i)) beginning_with[g.operand(i, 0)] = i;
  std::vector<uint32_t> replaced(n, kNone);
  bool changed = false;
  for (uint32_t i = 0; i < n; ++i) {
    if (!stacked(g, i) || replaced[i] != kNone) continue;
    const auto found = beginning_with.find(g.operand(i, 1));
    if (found == beginning_with.end() || replaced[found->second] != kNone) continue;
    const uint32_t later = found->second;
    std::vector<uint32_t> parts(g.operands(i).begin(), g.operands(i).end());
    const auto rest = g.operands(later);
    if (later == i || rest.size() != parts.size() || !std::equal(parts.begin() + 1, parts.end(), rest.begin()))
      continue;
    parts.push_back(rest.back());
    const Dims first = g.nodes[i].shape, second = g.nodes[later].shape;
    const int64_t skipped = g.nodes[parts[0]].shape[0];
    const uint32_t all = joined(g, parts, 0);
    replaced[i] = rows_of(g, all, 0, first);
    replaced[later] = rows_of(g, all, skipped, second);
    changed = true;
  }
  return changed ? sorted(g, replaced) : std::move(g);
}

}  // namespace

Graph with_gathered_products(Graph g) {
  // Long programs of numbers have nothing to gather: they are only read once.
  const auto terms = std::count_if(g.nodes.begin(), g.nodes.end(),
                                   [](const Node& n) { return is_product(n) || n.is(code_of<ops::Sum>); });
  const bool joins = std::any_of(g.nodes.begin(), g.nodes.end(), [](const Node& n) {
    return n.is(code_of<ops::Stack>) || n.is(code_of<ops::SliceAdd>);
  });
  const bool gathers = static_cast<size_t>(terms) >= kFewestProducts;
  if (joins) g = parts_joined(std::move(g));
  if (gathers) g = rows_gathered(sums_gathered(std::move(g)));
  if (joins || gathers) g = orders_shared(without_repeats(std::move(g)));
  return joins_shared(std::move(g));
}

// Consecutive parts of one array, joined again along their first axis, are a larger part of it.
uint32_t rejoined(Graph& g, const Node& node, std::span<const uint32_t> in) {
  if (!node.is(code_of<ops::Concatenate>) || node.p<ops::Concatenate>().axis != -node.shape.size()) return kNone;
  uint32_t base = kNone;
  int64_t from = 0, next = 0;
  for (uint32_t x : in) {
    const Node& part = g.nodes[x];
    if (!part.is(code_of<ops::Slice>)) return kNone;
    const uint32_t b = g.operand(x, 0);
    const ops::SliceParams& p = part.p<ops::Slice>();
    const Dims& whole = g.nodes[b].shape;
    for (int k = 0; k < whole.size(); ++k)
      if (p.step[k] != 1 && p.count[k] != 1) return kNone;
    for (int k = 1; k < whole.size(); ++k)
      if (p.start[k] != 0 || p.count[k] != whole[k]) return kNone;
    if (whole.empty() || part.shape.size() != node.shape.size()) return kNone;
    if (base == kNone) base = b, from = next = p.start[0];
    if (b != base || p.start[0] != next) return kNone;
    next += p.count[0];
  }
  Dims count = g.nodes[base].shape;
  count[0] = next - from;
  Dims start(count.size(), 0);
  start[0] = from;
  const auto p = ops::new_params<ops::Slice>(start, Dims(count.size(), 1), count, count);
  const uint32_t operand[] = {base};
  const uint32_t slice = g.add(code_of<ops::Slice>, operand, p, node.dtype, count);
  const uint32_t again[] = {slice};
  return g.add(code_of<ops::Reshape>, again, ops::new_params<ops::Reshape>(node.shape), node.dtype, node.shape);
}

}  // namespace wengert::program
