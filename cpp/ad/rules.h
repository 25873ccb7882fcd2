// Derivative rules as the levels call them: what a rule sees (Jvp, Vjp) and the tables made from the list.
#pragma once
#include <vector>

#include "ad/batch.h"
#include "ad/functions.h"
#include "ad/tape.h"

namespace wengert::ad {

// Names the line of user code that runs; set by the bindings.
extern std::string (*location_hook)();

// The tangent of an operation's result. Tangents may be empty (constant operands); k: see ForwardLevel.
Value tangent_of(OpCode op, const std::vector<Value>& primals, const std::vector<Value>& tangents, const Value& result,
                 const ParamsRef& params, int64_t k);

// Cotangents by node during a sweep.
class Cotangents {
 public:
  explicit Cotangents(uint32_t n);
  ~Cotangents();
  bool has(uint32_t i) const { return i < cells_.size() && !cells_[i].empty(); }
  Cell& cell(uint32_t i) { return cells_[i]; }
  Value take(uint32_t i) { return cells_[i].take_value(); }
  void add(uint32_t i, Value g);
  void add(uint32_t i, ArrayRef g);

 private:
  std::vector<Cell> cells_;
};

// What the vjp of a structured operation sees.
class Vjp {
 public:
  Vjp(Tape& tape, uint32_t node, Value g, Cotangents& to) : tape_(tape), node_(node), g_(std::move(g)), to_(to) {}
  const Value& g() const { return g_; }
  Value take_g() { return std::move(g_); }  // last use: may be overwritten
  Value arg(int i) { return tape_.saved_value(node_, static_cast<uint8_t>(1 << i)); }
  Value result() { return tape_.saved_value(node_, ops::kResult); }
  ParamsRef params() { return ParamsRef(tape_.saved(node_, kSavesParams).params()); }
  int nargs() const { return tape_.arity(node_); }
  bool wants(int i) const {
    const uint32_t a = tape_.arg(node_, i);
    return a != kNoNode && tape_.node(a).op != kShapeOnly;
  }
  const Dims& shape(int i) {
    const uint32_t a = tape_.arg(node_, i);
    if (a != kNoNode) return tape_.shape(a);
    held_ = arg(i);
    return held_.shape();
  }
  int64_t length(int i, int64_t axis) {
    const Dims& s = tape_.shape(tape_.arg(node_, i));
    return s[s.size() + static_cast<int>(axis)];
  }
  DType dtype(int i) const { return tape_.node(tape_.arg(node_, i)).dtype; }
  Value survivors() { return ad::survivors(params()); }
  void give(int i, Value g) {
    if (wants(i)) to_.add(tape_.arg(node_, i), std::move(g));
  }
  // The cotangent of a part, added into that of the whole in place: reading x[t] in a loop stays linear.
  void give_slice(int i, const Value& g) { give_part(ops::code_of<ops::SliceAdd>, i, g); }
  void give_gather(int i, const Value& g) { give_part(ops::code_of<ops::GatherAdd>, i, g); }
  void give_strided(int i, const Value& g) { give_part(ops::code_of<ops::StridedAdd>, i, g); }

 private:
  void give_part(OpCode op, int i, const Value& g);
  Tape& tape_;
  uint32_t node_;
  Value g_, held_;
  Cotangents& to_;
};

// What the jvp of a structured operation sees.
class Jvp {
 public:
  Jvp(const std::vector<Value>& primals, const std::vector<Value>& tangents, const Value& result,
      const ParamsRef& params, int64_t k)
      : primals_(primals), tangents_(tangents), result_(result), params_(params), k_(k) {}
  int64_t k() const { return k_; }
  const ParamsRef& params() const { return params_; }
  bool active(int i) const { return static_cast<bool>(tangents_[static_cast<size_t>(i)]); }
  const Value& t(int i) const { return tangents_[static_cast<size_t>(i)]; }
  const Value& arg(int i) const { return primals_[static_cast<size_t>(i)]; }
  const Value& result() const { return result_; }
  const Dims& shape(int i) const { return arg(i).shape(); }
  Value aligned(
      int i) const;  // with unit axes between the k tangents and the axes of the operand, up to the result's rank
  Value tangent_or_zeros(int i) const;
  std::vector<Value> all_tangents() const;

 private:
  const std::vector<Value>&primals_, &tangents_;
  const Value& result_;
  const ParamsRef& params_;
  int64_t k_;
};

// What the rules of one operation see: the same, and its parameters under their names.
template <class Op, class Rule> class With : public Rule {
 public:
  using Rule::Rule;
  const typename Op::Params& p() { return ops::params_of<Op>(*this->params().get()); }
};

}  // namespace wengert::ad
