// Matrix products moved out of scans: x[t] @ u of all steps is one product before the loop, and sums over the steps of
// h[t].T @ d[t] (the gradients of weights) and of columns are one product, or one sum, after it.
#include <algorithm>
#include <array>
#include <map>

#include "program/loop/loop.h"

namespace wengert::program {
namespace {

// Operations added to a graph, with the shapes they have.
struct Builder {
  Graph& g;
  const Node& node(uint32_t i) const { return g.nodes[i]; }
  uint32_t reshape(uint32_t x, const Dims& shape) {
    if (node(x).shape == shape) return x;
    return g.add(code_of<ops::Reshape>, std::array{x}, ops::new_params<ops::Reshape>(shape), node(x).dtype, shape);
  }
  uint32_t transpose(uint32_t x) {
    const Dims shape{node(x).shape[1], node(x).shape[0]};
    return g.add(code_of<ops::Transpose>, std::array{x}, ops::new_params<ops::Transpose>(Dims{1, 0}), node(x).dtype,
                 shape);
  }
  uint32_t product(int op, uint32_t a, uint32_t b) {  // op: of the product it replaces
    return g.add(op, std::array{a, b}, {}, node(a).dtype, Dims{node(a).shape[0], node(b).shape[1]});
  }
  uint32_t add(uint32_t a, uint32_t b) {
    return g.add(code_of<ops::Add>, std::array{a, b}, {}, node(a).dtype, node(a).shape);
  }
  uint32_t result(uint32_t loop, uint32_t k) {
    const Loop& l = *loop_of(node(loop));
    const DType t = l.result_type(k);
    const Dims shape = l.result_shape(k);
    return g.add(kLoopResult, std::array{loop}, result_params(k), t, shape);
  }
};

// One scan without the products that can be made outside.
class Moved {
 public:
  Moved(const Loop& loop, Graph body) : l_(loop), b_(std::move(body)) {
    readers_.assign(b_.nodes.size(), 0);
    invariant_.assign(b_.nodes.size(), 1);
    row_.assign(b_.nodes.size(), kNone);
    hoisted_.assign(b_.nodes.size(), kNone);
    for (uint32_t a : b_.args) ++readers_[a];
    for (uint32_t o : b_.outputs) ++readers_[o];
    for (uint32_t k = 0; k < l_.carries + l_.rows; ++k) invariant_[b_.inputs[k]] = 0;
    for (uint32_t k = 0; k < l_.rows; ++k) row_[b_.inputs[l_.carries + k]] = k;
    for (uint32_t i = 0; i < b_.nodes.size(); ++i)
      for (uint32_t a : b_.operands(i)) invariant_[i] &= invariant_[a];
    find_hoisted();
    find_sums();
  }
  bool any() const { return !hoists_.empty() || !sums_.empty(); }
  // Appends the loop and what was moved; `operands` in the new graph. One node for each of the old results.
  std::vector<uint32_t> emit(Graph& to, const std::vector<uint32_t>& operands);

 private:
  struct Hoist {
    uint32_t node, row, factor;  // a row times a constant matrix
  };
  struct Sum {
    uint32_t carry;
    uint32_t left, right;  // rows (m, k) and (m, n) whose product is summed; left kNone: a sum of the rows of right
    bool turned;           // left has to be transposed first
    int op;                // which kind of product
  };

  bool matrix(uint32_t i) const { return b_.nodes[i].shape.size() == 2; }
  bool product(uint32_t i) const {
    const Node& n = b_.nodes[i];
    return is_product(n) && core::is_float(n.dtype) && n.size() > 0 && matrix(b_.operand(i, 1));
  }
  // A row as it is, under any reshape that keeps its last axis.
  uint32_t row_behind(uint32_t i) const {
    const int64_t last = b_.nodes[i].shape.empty() ? 0 : b_.nodes[i].shape.back();
    while (b_.nodes[i].is(code_of<ops::Reshape>)) i = b_.operand(i, 0);
    return row_[i] != kNone && !b_.nodes[i].shape.empty() && b_.nodes[i].shape.back() == last ? row_[i] : kNone;
  }
  uint32_t unreshaped_in(uint32_t i) const {
    while (b_.nodes[i].is(code_of<ops::Reshape>)) i = b_.operand(i, 0);
    return i;
  }

  void find_hoisted() {
    for (uint32_t i = 0; i < b_.nodes.size(); ++i) {
      if (!product(i) || b_.nodes[b_.operand(i, 0)].shape.size() > 2) continue;
      const uint32_t row = row_behind(b_.operand(i, 0));
      if (row == kNone || !invariant_[b_.operand(i, 1)]) continue;
      hoisted_[i] = static_cast<uint32_t>(hoists_.size());
      hoists_.push_back({i, row, b_.operand(i, 1)});
    }
  }

  // Carries that only add up: carry + (product, or sum of rows), read by nobody else.
  void find_sums() {
    for (uint32_t c = 0; c < l_.carries; ++c) {
      const uint32_t in = b_.inputs[c], out = b_.outputs[c];
      const Node& n = b_.nodes[out];
      if (!n.is(code_of<ops::Add>) || readers_[in] != 1 || readers_[out] != 1 || !core::is_float(n.dtype)) continue;
      const uint32_t term = b_.operand(out, 0) == in ? b_.operand(out, 1) : b_.operand(out, 0);
      if ((b_.operand(out, 0) != in && b_.operand(out, 1) != in) || !(b_.nodes[term].shape == n.shape)) continue;
      Sum s{c, kNone, kNone, false, b_.nodes[term].op};
      if (product(term) && matrix(b_.operand(term, 0)) && readers_[term] == 1) {
        const uint32_t left = b_.operand(term, 0), right = b_.operand(term, 1);
        const int64_t k = n.shape[0], m = b_.nodes[right].shape[0], cols = n.shape[1];
        if (m * (k + cols) > 2 * k * cols || invariant_[left] || invariant_[right]) continue;
        s.right = m == 1 ? unreshaped_in(right) : right;
        if (b_.nodes[left].is(code_of<ops::Transpose>)) {
          s.left = b_.operand(left, 0);
        } else if (m == 1) {
          s.left = unreshaped_in(left);
        } else {
          s.left = left;
          s.turned = true;
        }
      } else if (n.shape.size() == 1 && b_.nodes[term].is(code_of<ops::Reshape>)) {  // of a single row
        s.right = unreshaped_in(term);
        if (invariant_[s.right] || b_.nodes[s.right].op == kInput) continue;
      } else if (n.shape.size() == 1 && b_.nodes[term].is(code_of<ops::Sum>) && matrix(b_.operand(term, 0)) &&
                 b_.nodes[term].p<ops::Sum>().axes == Dims{-2}) {
        s.right = b_.operand(term, 0);
        if (invariant_[s.right]) continue;
      } else {
        continue;
      }
      sums_.push_back(s);
    }
  }

  // The body without what was moved; fills new_rows_ (stacked operands) and the numbers of new outputs.
  Graph new_body();
  uint32_t output_for(uint32_t node);
  uint32_t outside(Builder& b, uint32_t node, const std::vector<uint32_t>& operands);
  uint32_t stacked(Builder& b, uint32_t node, uint32_t loop, const std::vector<uint32_t>& operands);
  bool summed(uint32_t carry) const {
    return std::any_of(sums_.begin(), sums_.end(), [&](const Sum& s) { return s.carry == carry; });
  }

  const Loop& l_;
  Graph b_;
  std::vector<uint32_t> readers_, row_, hoisted_;
  std::vector<char> invariant_;
  std::vector<Hoist> hoists_;
  std::vector<Sum> sums_;
  std::vector<uint32_t> extra_;              // nodes of the body that become additional outputs
  std::map<uint32_t, uint32_t> outside_of_;  // invariant node of the body -> node of the graph around
};

Graph Moved::new_body() {
  Graph r;
  std::vector<uint32_t> at(b_.nodes.size(), kNone);
  auto input = [&](uint32_t i) {
    at[i] = r.add(kInput, {}, {}, b_.nodes[i].dtype, b_.nodes[i].shape);
    r.inputs.push_back(at[i]);
  };
  for (uint32_t c = 0; c < l_.carries; ++c)
    if (!summed(c)) input(b_.inputs[c]);
  for (uint32_t k = 0; k < l_.rows; ++k) input(b_.inputs[l_.carries + k]);
  for (const Hoist& h : hoists_) input(h.node);
  for (size_t k = l_.carries + l_.rows; k < b_.inputs.size(); ++k) input(b_.inputs[k]);
  std::vector<char> left(b_.nodes.size(), 0);  // sums, which are made outside
  for (const Sum& s : sums_) left[b_.inputs[s.carry]] = left[b_.outputs[s.carry]] = 1;
  std::vector<uint32_t> operands;
  for (uint32_t i = 0; i < b_.nodes.size(); ++i) {
    const Node& n = b_.nodes[i];
    if (at[i] != kNone || left[i]) continue;
    operands.clear();
    for (uint32_t a : b_.operands(i)) operands.push_back(at[a]);
    at[i] = r.add(n.op, operands, n.params, n.dtype, n.shape);
    r.nodes[at[i]].value = n.value;
  }
  for (uint32_t k = 0; k < b_.outputs.size(); ++k)
    if (k >= l_.carries || !summed(k)) r.outputs.push_back(at[b_.outputs[k]]);
  Builder build{r};
  for (const Sum& s : sums_) {
    if (s.left != kNone && !s.turned) output_for(s.left);
    output_for(s.right);
  }
  for (uint32_t i : extra_) r.outputs.push_back(at[i]);
  for (const Sum& s : sums_)
    if (s.turned) r.outputs.push_back(build.transpose(at[s.left]));
  return without_dead_code(r);
}

uint32_t Moved::output_for(uint32_t node) {
  if (row_[node] != kNone) return kNone;  // stacked already
  const auto found = std::find(extra_.begin(), extra_.end(), node);
  if (found == extra_.end()) extra_.push_back(node);
  return static_cast<uint32_t>(std::find(extra_.begin(), extra_.end(), node) - extra_.begin());
}

uint32_t Moved::outside(Builder& b, uint32_t node, const std::vector<uint32_t>& operands) {
  const auto found = outside_of_.find(node);
  if (found != outside_of_.end()) return found->second;
  const Node& n = b_.nodes[node];
  uint32_t made;
  if (n.op == kInput) {
    made = operands[static_cast<size_t>(std::find(b_.inputs.begin(), b_.inputs.end(), node) - b_.inputs.begin())];
  } else if (n.op == kConstant) {
    made = b.g.add_constant(n.value);
  } else {
    std::vector<uint32_t> in;
    for (uint32_t a : b_.operands(node)) in.push_back(outside(b, a, operands));
    made = b.g.add(n.op, in, n.params, n.dtype, n.shape);
  }
  return outside_of_[node] = made;
}

// The rows of a node of the body over all steps: (steps * rows, columns).
uint32_t Moved::stacked(Builder& b, uint32_t node, uint32_t loop, const std::vector<uint32_t>& operands) {
  if (row_[node] != kNone) return operands[l_.carries + row_[node]];
  const auto first = static_cast<uint32_t>(l_.results() - sums_.size());
  return b.result(loop, first + output_for(node));
}

std::vector<uint32_t> Moved::emit(Graph& to, const std::vector<uint32_t>& operands) {
  Builder b{to};
  std::vector<uint32_t> given;
  for (uint32_t c = 0; c < l_.carries; ++c)
    if (!summed(c)) given.push_back(operands[c]);
  for (uint32_t k = 0; k < l_.rows; ++k) given.push_back(operands[l_.carries + k]);
  for (const Hoist& h : hoists_) {
    const uint32_t rows = operands[l_.carries + h.row], factor = outside(b, h.factor, operands);
    const int64_t inner = to.nodes[factor].shape[0];
    const uint32_t flat = b.reshape(rows, Dims{to.nodes[rows].size() / std::max<int64_t>(inner, 1), inner});
    given.push_back(
        b.reshape(b.product(b_.nodes[h.node].op, flat, factor), core::concat(Dims{l_.length}, b_.nodes[h.node].shape)));
  }
  for (size_t k = l_.carries + l_.rows; k < b_.inputs.size(); ++k) given.push_back(operands[k]);
  Graph body = new_body();
  LoopForm form = l_;
  form.carries -= static_cast<uint32_t>(sums_.size());
  form.rows += static_cast<uint32_t>(hoists_.size());
  const LoopRef made = std::make_shared<Loop>(form, std::move(body), Graph{});
  const uint32_t loop = to.add(kLoop, given, ParamsRef(new LoopParams(made)), DType::b1, Dims{});
  std::vector<uint32_t> results(l_.results(), kNone);
  uint32_t next = 0;
  for (uint32_t k = 0; k < l_.results(); ++k)
    if (k >= l_.carries || !summed(k)) results[k] = b.result(loop, next++);
  auto turned = static_cast<uint32_t>(l_.results() - sums_.size() + extra_.size());
  for (const Sum& s : sums_) {
    const Dims shape = l_.result_shape(s.carry);
    const int64_t cols = shape.back();
    uint32_t right = stacked(b, s.right, loop, operands);
    right = b.reshape(right, Dims{to.nodes[right].size() / cols, cols});
    uint32_t total;
    if (s.left == kNone) {
      total = to.add(code_of<ops::Sum>, std::array{right}, ops::new_params<ops::Sum>(Dims{-2}), to.nodes[right].dtype,
                     shape);
    } else {
      uint32_t left = s.turned ? b.result(loop, turned++) : stacked(b, s.left, loop, operands);
      left = b.reshape(left, Dims{to.nodes[left].size() / shape[0], shape[0]});
      total = b.product(s.op, b.transpose(left), right);
    }
    results[s.carry] = b.add(operands[s.carry], total);
  }
  return results;
}

}  // namespace

Graph with_moved_products(const Graph& g) {
  if (std::none_of(g.nodes.begin(), g.nodes.end(), [](const Node& n) { return n.op == kLoop; })) return g;
  Graph r;
  std::vector<uint32_t> at(g.nodes.size(), kNone), operands;
  std::map<uint32_t, std::vector<uint32_t>> results;
  for (uint32_t i = 0; i < g.nodes.size(); ++i) {
    const Node& n = g.nodes[i];
    operands.clear();
    for (uint32_t a : g.operands(i)) operands.push_back(at[a]);
    if (n.op == kLoopResult && results.count(g.operand(i, 0))) {
      at[i] = results[g.operand(i, 0)][result_index(n)];
      continue;
    }
    if (n.op == kLoop && loop_of(n)->kind == Loop::scan && !loop_of(n)->counted && loop_of(n)->length > 1) {
      Moved m(*loop_of(n), tidied(without_cuts(loop_of(n)->body)));
      if (m.any()) {
        results[i] = m.emit(r, operands);
        continue;
      }
    }
    at[i] = r.add(n.op, operands, n.params, n.dtype, n.shape);
    r.nodes[at[i]].value = n.value;
  }
  r.inputs = g.inputs;
  r.outputs = g.outputs;
  r.guards = g.guards;
  renumber(r, at);
  return r;
}

}  // namespace wengert::program
