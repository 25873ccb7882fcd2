#include "ad/forward.h"

#include "ad/process.h"
#include "ad/rules.h"

namespace wengert::ad {

Value ForwardLevel::process(OpCode op, Operands args, int n, const ParamsRef& params) {
  std::vector<Value> primals(static_cast<size_t>(n)), given(static_cast<size_t>(n));
  int active = 0;
  for (int i = 0; i < n; ++i) {
    const auto k = static_cast<size_t>(i);
    primals[k] = below(*args[i], this);
    if (args[i]->level.get() != this) continue;
    given[k] = args[i]->box->tangent;
    ++active;
  }
  Value out = apply(op, primals.data(), n, params);
  if (!carries_derivative(op, out)) return out;
  const OpCode rule = n == 2 ? rule_of(op, active == 2) : op;
  Value tangent = tangent_of(rule, primals, given, out, params, tangents);
  Value v = traced(out, LevelRef(this), 0);
  if (!v.box) {
    v.box = Ref<Box>(new Box);
    v.box->primal = out;
  }
  v.box->tangent = std::move(tangent);
  return v;
}

}  // namespace wengert::ad
