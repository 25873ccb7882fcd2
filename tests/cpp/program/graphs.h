// Graphs written by hand.
#pragma once
#include <initializer_list>
#include <vector>

#include "ops/result_type.h"
#include "program/plan/plan.h"

namespace wengert::program {

struct Builder {
  Graph g;

  uint32_t input(const Dims& shape, DType t = DType::f64) {
    g.inputs.push_back(g.add(kInput, {}, {}, t, shape));
    return g.inputs.back();
  }
  uint32_t constant(const ArrayRef& value) { return g.add_constant(value); }
  uint32_t add(OpCode op, std::span<const uint32_t> in, const ParamsRef& params = {}) {
    std::vector<ops::ArrayType> types;
    for (uint32_t i : in) types.push_back({g.nodes[i].dtype, g.nodes[i].shape});
    const ops::ArrayType t = ops::result_type(op, types, params.get());
    return g.add(op, in, params, t.dtype, t.shape);
  }
  template <class Op> uint32_t add(std::initializer_list<uint32_t> in, const ParamsRef& params = {}) {
    return add(code_of<Op>, {in.begin(), in.size()}, params);
  }
  uint32_t positions(uint32_t of, int64_t size) {
    const uint32_t in[] = {of};
    return g.add(kPositions, in, ParamsRef(new ad::PositionsParams(Dims{size})), DType::i64, g.nodes[of].shape);
  }
  // x[at] for positions that are computed; `now` has their shape.
  uint32_t gather(uint32_t x, uint32_t at, const ArrayRef& now) {
    const auto p = ops::new_params<ops::Gather>();
    p->lead = 1;
    p->indices = now;
    const uint32_t y = add<ops::Gather>({x}, p);
    g.args.push_back(at);
    ++g.nodes[y].count;
    return y;
  }
  uint32_t sum(uint32_t x, Dims axes) { return add<ops::Sum>({x}, ops::new_params<ops::Sum>(std::move(axes), false)); }
  void guard(uint32_t node, ad::GuardOn on, const ArrayRef& answer, const char* where = "f.py:1") {
    g.guards.push_back({node, on, answer, where});
  }
  // Both may be called again.
  Plan plan(std::initializer_list<uint32_t> outputs) {
    g.outputs = outputs;
    return planned(g);
  }
  Plan plan_of_needed(std::initializer_list<uint32_t> outputs) {  // nodes get other numbers
    g.outputs = outputs;
    return planned(without_dead_code(g));
  }
};

inline size_t count(const Plan& p, Step::Kind kind) {
  size_t n = 0;
  for (const Step& s : p.steps) n += s.kind == kind;
  return n;
}

}  // namespace wengert::program
