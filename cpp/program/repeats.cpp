// Common subexpressions: equal operations on equal operands are computed once.
#include <cstring>

#include "program/graph.h"

namespace wengert::program {
namespace {

constexpr int64_t kSmallConstant = 64;  // bytes compared; larger constants are equal only if they are one array

uint64_t mixed(uint64_t h, uint64_t v) { return (h ^ v) * 0x9e3779b97f4a7c15ull ^ (h >> 29); }

uint64_t hash_of(const Node& n, std::span<const uint32_t> operands) {
  uint64_t h = mixed(static_cast<uint64_t>(n.op + 8), static_cast<uint64_t>(n.dtype));
  for (int64_t d : n.shape) h = mixed(h, static_cast<uint64_t>(d));
  for (uint32_t a : operands) h = mixed(h, a);
  if (n.params) {
    for (const Dims& d : n.params->dims)
      for (int64_t x : d) h = mixed(h, static_cast<uint64_t>(x));
    h = mixed(h, static_cast<uint64_t>(n.params->number) * 2 + n.params->flag);
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
  for (int k = 0; k < 4; ++k)
    if (!(a->dims[k] == b->dims[k])) return false;
  return a->number == b->number && a->flag == b->flag && same_array(a->array, b->array);
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
