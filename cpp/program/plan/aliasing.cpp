// May a result be computed into the memory of an input? It may if nobody reads the input once the result is being
// written, and nothing can fail from then on: after a failure the function itself runs, on the arguments as they were.
#include <algorithm>

#include "program/plan/plan.h"

namespace wengert::program {
namespace {

// Steps after which a replay may be given up.
bool can_fail(Step::Kind kind) {
  return kind == Step::guard || kind == Step::positions || kind == Step::loop || kind == Step::called;
}

// Groups work through input and result in the same order, and kernels read an element before they write it: the last
// operation that reads the input must not come after the one that writes the result.
bool in_step(const Fused& f, uint32_t input, uint32_t output) {
  const auto results = static_cast<uint32_t>(f.operands.size());
  for (uint32_t r = 0; r < f.results.size(); ++r) {
    if (f.results[r].storage != output) continue;
    size_t written = 0;
    while (f.ops[written].out != results + r) ++written;
    for (uint32_t k = 0; k < f.operands.size(); ++k) {
      const Fused::Operand& o = f.operands[k];
      if (o.storage != input) continue;
      const bool same_order = o.pattern == Fused::full || f.size == 1;
      if (!same_order || o.offset != f.results[r].offset || o.item != f.results[r].item) return false;
      for (size_t j = written + 1; j < f.ops.size(); ++j)
        for (int a = 0; a < f.ops[j].arity; ++a)
          if (f.ops[j].in[a] == k) return false;
    }
  }
  return true;
}

// A copy onto itself, which is not made (see the executor).
bool in_step(const Copied& c, uint32_t input, uint32_t output) {
  return c.from.storage == input && c.to.storage == output && !c.add && c.from.offset == c.to.offset &&
         c.from.contiguous && c.to.contiguous;
}

uint32_t storage_of(const Plan& plan, Storage::Kind kind, size_t index) {
  for (uint32_t s = 0; s < plan.storages.size(); ++s)
    if (plan.storages[s].kind == kind && plan.storages[s].index == index) return s;
  return kNone;
}

}  // namespace

bool may_share(const Plan& plan, size_t input, size_t output) {
  const Node &x = plan.graph.nodes[plan.graph.inputs[input]], &y = plan.graph.nodes[plan.graph.outputs[output]];
  if (x.dtype != y.dtype || !(x.shape == y.shape) || x.size() == 0) return false;
  const uint32_t in = storage_of(plan, Storage::input, input), out = storage_of(plan, Storage::output, output);
  if (in == kNone || out == kNone || plan.lives[out].born == kNone) return false;
  const uint32_t written = plan.lives[out].born;
  for (uint32_t k = written; k < plan.steps.size(); ++k)
    if (can_fail(plan.steps[k].kind)) return false;
  const uint32_t last_read = plan.lives[in].dies;  // 0 also where nobody reads it
  if (last_read != written) return last_read < written;
  const Step& s = plan.steps[written];
  if (s.kind == Step::fused) return in_step(plan.fused[s.index], in, out);
  return s.kind == Step::copied && in_step(plan.copies[s.index], in, out);
}

}  // namespace wengert::program
