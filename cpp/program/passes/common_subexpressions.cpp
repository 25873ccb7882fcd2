// Common subexpressions: equal operations on equal operands are computed once.
#include <cstring>

#include "program/graph/graph.h"

namespace wengert::program {
namespace {

constexpr int64_t kSmallConstant = 64;  // bytes compared; larger constants are equal only if they are one array

uint64_t mixed(uint64_t h, uint64_t v) { return (h ^ v) * 0x9e3779b97f4a7c15ull ^ (h >> 29); }

uint64_t hash_of(const Node& n, std::span<const uint32_t> operands) {
  uint64_t h = mixed(static_cast<uint64_t>(n.op + 8), static_cast<uint64_t>(n.dtype));
  for (int64_t d : n.shape) h = mixed(h, static_cast<uint64_t>(d));
  for (uint32_t a : operands) h = mixed(h, a);
  if (n.params) {
    ops::for_each_field(*n.params, [&](const ops::Field&, const auto& v) {
      using T = std::remove_cvref_t<decltype(v)>;
      if constexpr (std::is_same_v<T, Dims>)
        for (int64_t x : v) h = mixed(h, static_cast<uint64_t>(x));
      else if constexpr (!std::is_same_v<T, ArrayRef>)
        h = mixed(h, static_cast<uint64_t>(v));
    });
  }
  if (n.value) {
    if (n.value->contiguous && n.value->bytes() <= kSmallConstant) {
      for (int64_t i = 0; i < n.value->bytes(); ++i) h = mixed(h, static_cast<unsigned char>(n.value->data[i]));
    } else {
      h = mixed(h, reinterpret_cast<uintptr_t>(n.value->data));
    }
  }
  return h;
}

bool same_array(const ArrayRef& a, const ArrayRef& b) {
  if (a == b) return true;
  if (!a || !b || a->dtype != b->dtype || !(a->shape == b->shape)) return false;
  if (a->data == b->data && a->strides == b->strides) return true;
  return a->contiguous && b->contiguous && a->bytes() <= kSmallConstant &&
         std::memcmp(a->data, b->data, static_cast<size_t>(a->bytes())) == 0;
}

bool same_params(const ParamsRef& a, const ParamsRef& b) {
  if (a == b) return true;
  if (!a || !b) return false;
  std::vector<ops::Params::Place> of_b;
  b->each([&](const ops::Field&, ops::Params::Place at) { of_b.push_back(at); });
  size_t k = 0;
  bool same = true;
  ops::for_each_field(*std::as_const(a), [&](const ops::Field&, auto& v) {
    auto* const* w = std::get_if<std::remove_reference_t<decltype(v)>*>(&of_b[k++]);
    if constexpr (std::is_same_v<decltype(v), ArrayRef&>)
      same = same && w && same_array(v, **w);
    else
      same = same && w && v == **w;
  });
  return same;
}

bool commutes(int op) { return op == code_of<ops::Add> || op == code_of<ops::Multiply> || op == code_of<ops::Scale>; }

}  // namespace

Graph without_repeats(Graph g) {
  const auto n = static_cast<uint32_t>(g.nodes.size());
  Compaction kept(g);
  std::vector<uint32_t> operands;
  size_t capacity = 64;
  while (capacity < 2 * size_t{n}) capacity *= 2;
  List<uint32_t> table(capacity, kNone);
  List<uint64_t> hashes;  // of what was kept
  hashes.reserve(n);
  for (uint32_t i = 0; i < n; ++i) {
    const Node& node = g.nodes[i];
    if (node.op == kInput) {
      kept.keep(i);
      hashes.push_back(0);
      continue;
    }
    if (commutes(node.op) && kept.now(g.operand(i, 0)) > kept.now(g.operand(i, 1)))
      std::swap(g.args[node.first], g.args[node.first + 1]);
    operands.clear();
    for (uint32_t a : g.operands(i)) operands.push_back(kept.now(a));
    const uint64_t h = hash_of(node, operands);
    for (size_t slot = h & (capacity - 1);; slot = (slot + 1) & (capacity - 1)) {
      const uint32_t k = table[slot];
      if (k == kNone) {
        table[slot] = kept.keep(i);
        hashes.push_back(h);
        break;
      }
      const Node& other = g.nodes[k];
      if (hashes[k] == h && other.op == node.op && other.dtype == node.dtype && other.shape == node.shape &&
          other.count == operands.size() && std::equal(operands.begin(), operands.end(), kept.operands(k)) &&
          same_params(other.params, node.params) && (node.op != kConstant || same_array(other.value, node.value))) {
        kept.replace(i, k);
        break;
      }
    }
  }
  kept.finish();
  return g;
}

}  // namespace wengert::program
