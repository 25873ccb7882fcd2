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

Graph without_repeats(const Graph& g) {
  Graph r;
  r.nodes.reserve(g.nodes.size());
  r.args.reserve(g.args.size());
  std::vector<uint32_t> at(g.nodes.size());
  std::vector<uint32_t> operands;
  size_t capacity = 64;
  while (capacity < 2 * g.nodes.size()) capacity *= 2;
  std::vector<uint32_t> table(capacity, kNone);
  std::vector<uint64_t> hashes;
  hashes.reserve(g.nodes.size());
  auto add = [&](const Node& n, uint64_t h) {
    const uint32_t i = r.add(n.op, operands, n.params, n.dtype, n.shape);
    r.nodes[i].value = n.value;
    hashes.push_back(h);
    return i;
  };
  for (uint32_t i = 0; i < g.nodes.size(); ++i) {
    const Node& n = g.nodes[i];
    operands.clear();
    for (uint32_t a : g.operands(i)) operands.push_back(at[a]);
    if (commutes(n.op) && operands[0] > operands[1]) std::swap(operands[0], operands[1]);
    if (n.op == kInput) {
      at[i] = add(n, 0);
      continue;
    }
    const uint64_t h = hash_of(n, operands);
    for (size_t slot = h & (capacity - 1);; slot = (slot + 1) & (capacity - 1)) {
      if (table[slot] == kNone) {
        table[slot] = at[i] = add(n, h);
        break;
      }
      const uint32_t k = table[slot];
      const Node& other = r.nodes[k];
      if (hashes[k] == h && other.op == n.op && other.dtype == n.dtype && other.shape == n.shape &&
          other.count == operands.size() && std::equal(operands.begin(), operands.end(), r.operands(k).begin()) &&
          same_params(other.params, n.params) && (n.op != kConstant || same_array(other.value, n.value))) {
        at[i] = k;
        break;
      }
    }
  }
  for (uint32_t i : g.inputs) r.inputs.push_back(at[i]);
  for (uint32_t i : g.outputs) r.outputs.push_back(at[i]);
  for (const Check& c : g.checks) r.checks.push_back({at[c.node], c.asked, c.answer, c.location});
  return r;
}

}  // namespace wengert::program
