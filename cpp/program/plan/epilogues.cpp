// Sums and functions that a matrix product makes of its result while it is in cache: f(a b + addend + bias), with f
// tanh, relu, sigmoid or nothing. Elements are added in the order of the program, so nothing changes to the last bit.
#include "program/plan/plan.h"

namespace wengert::program {
namespace {

bool matrix_product(const Graph& g, uint32_t i) {
  const Node& n = g.nodes[i];
  return is_product(n) && core::is_float(n.dtype) && n.shape.size() == 2 && n.size() > 0 &&
         g.nodes[g.operand(i, 0)].shape.size() == 2 && g.nodes[g.operand(i, 1)].shape.size() == 2;
}

class Finder {
 public:
  Finder(const Graph& g, const List<char>& fusable)
      : g_(g), fusable_(fusable), reader_(g.nodes.size(), kNone), same_size_(g.nodes.size(), 0) {
    List<uint32_t> uses(g.nodes.size(), 0);
    for (uint32_t i = 0; i < g.nodes.size(); ++i)
      for (uint32_t a : g.operands(i)) {
        ++uses[a];
        reader_[a] = i;
        same_size_[a] |= fusable[i] && g.nodes[i].size() == g.nodes[a].size();
      }
    for (uint32_t i : g.outputs) uses[i] += 2;
    for (const Guard& c : g.guards) uses[c.node] += 2;
    for (uint32_t i = 0; i < g.nodes.size(); ++i)
      if (uses[i] != 1) reader_[i] = kNone;
  }

  // What becomes of product `i`: the last node of it, and how that is made. kNone: nothing.
  uint32_t finish(uint32_t i, Finish& f, std::vector<uint32_t>& inside) const {
    f.product = i;
    uint32_t last = i;
    if (const uint32_t other = added_to(last, i); other != kNone && is_addend(other, i)) {
      f.addend = other;
      inside.push_back(last);
      last = reader_[last];
    }
    if (const uint32_t other = added_to(last, i); other != kNone && is_row(other, i)) {
      f.bias = other;
      inside.push_back(last);
      last = reader_[last];
    }
    if (const uint32_t r = reader_[last]; r != kNone && g_.nodes[r].shape == g_.nodes[i].shape) {
      f.activation = g_.nodes[r].is(code_of<ops::Tanh>)      ? simd::Activation::tanh
                     : g_.nodes[r].is(code_of<ops::Relu>)    ? simd::Activation::relu
                     : g_.nodes[r].is(code_of<ops::Sigmoid>) ? simd::Activation::sigmoid
                                                             : simd::Activation::none;
      if (f.activation != simd::Activation::none) {
        inside.push_back(last);
        return r;
      }
    }
    // A sum whose readers are elementwise is theirs: it costs them no pass of its own.
    return last == i || same_size_[last] ? kNone : last;
  }

 private:
  // The other operand of the only reader of `last`, if that is an addition of the product's shape and type.
  uint32_t added_to(uint32_t last, uint32_t product) const {
    const uint32_t r = reader_[last];
    if (r == kNone) return kNone;
    const Node &n = g_.nodes[r], &p = g_.nodes[product];
    if (!n.is(code_of<ops::Add>) || n.dtype != p.dtype || !(n.shape == p.shape)) return kNone;
    const uint32_t other = g_.operand(r, 0) == last ? g_.operand(r, 1) : g_.operand(r, 0);
    return g_.nodes[other].dtype == p.dtype ? other : kNone;
  }
  // As large as the product, and in memory already: neither a constant nor what a group of elementwise operations could
  // keep to itself.
  bool is_addend(uint32_t i, uint32_t product) const {
    return g_.nodes[i].shape == g_.nodes[product].shape && g_.nodes[i].op != kConstant && !fusable_[unreshaped(g_, i)];
  }
  bool is_row(uint32_t i, uint32_t product) const {
    const Dims& s = g_.nodes[i].shape;
    const int64_t cols = g_.nodes[product].shape[1];
    return cols > 1 && !s.empty() && s.back() == cols && s.product() == cols;
  }

  const Graph& g_;
  const List<char>& fusable_;
  List<uint32_t> reader_;  // the only one
  List<char> same_size_;   // some reader is elementwise and of the same size
};

}  // namespace

void find_finishes(const Graph& g, Schedule& s) {
  s.inside.assign(g.nodes.size(), 0);
  const Finder finder(g, s.fusable);
  std::vector<uint32_t> inside;
  for (uint32_t i = 0; i < g.nodes.size(); ++i) {
    if (!matrix_product(g, i)) continue;
    Finish f;
    inside.clear();
    const uint32_t last = finder.finish(i, f, inside);
    if (last == kNone || s.finishes.count(last)) continue;  // the other operand of the sum finishes it
    bool taken = false;
    for (uint32_t k : inside) taken |= s.inside[k] || s.finishes.count(k);
    if (taken) continue;
    for (uint32_t k : inside) s.inside[k] = 1, s.fusable[k] = 0;
    s.fusable[last] = 0;
    s.finishes.emplace(last, f);
  }
}

}  // namespace wengert::program
