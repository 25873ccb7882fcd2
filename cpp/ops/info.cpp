#include "ops/info.h"

#include <array>

namespace wengert::ops {
namespace {

template <class Op> Info describe() {
  Info r{};
  r.name = Op::name;
  r.doc = Op::doc;
  r.kind = Op::kind;
  r.types = Op::types;
  r.arity = Op::arity;
  r.differentiable = Op::differentiable;
  r.hidden = Op::hidden;
  r.max_ulp = Op::max_ulp;
  r.domain = Op::domain;
  r.elementwise = Unary<Op> || Binary<Op>;
  if constexpr (requires { Op::saves0; }) {
    r.saves[0] = Op::saves0;
    r.saves[1] = Op::saves1;
  } else {
    r.saves[0] = r.saves[1] = r.saves[2] = Op::saves;
  }
  if constexpr (Binary<Op> && Op::differentiable) {
    r.unit_slope[0] = std::is_same_v<decltype(Op::slope0(0.0, 0.0, 0.0)), One>;
    r.unit_slope[1] = std::is_same_v<decltype(Op::slope1(0.0, 0.0, 0.0)), One>;
  }
  if constexpr (Structured<Op>) {
    typename Op::Params sample;
    for_each_field(sample, [&](const Field& f, const auto&) { r.params.push_back(f); });
    r.new_params = [] { return ParamsRef(new_params<Op>()); };
    r.value = [](Args a, const Params& p) { return Op::value(a, params_of<Op>(p)); };
    if constexpr (requires { &Op::check; })
      r.check = [](std::string_view op, const Dims& shape, const Params& p) { Op::check(op, shape, params_of<Op>(p)); };
  }
  return r;
}

const std::array<Info, kOps> table = [] {
  std::array<Info, kOps> t{};
  int i = 0;
  Primitives::for_each([&]<class Op>() { t[static_cast<size_t>(i++)] = describe<Op>(); });
  return t;
}();

}  // namespace

const Info& info(OpCode op) { return table[op]; }

int find(std::string_view name) {
  for (int i = 0; i < kOps; ++i)
    if (table[static_cast<size_t>(i)].name == name) return i;
  return -1;
}

const ArrayRef* positions_of(int op, const ParamsRef& params) {
  if (!params || (op != code_of<Gather> && op != code_of<GatherUpdate> && op != code_of<GatherAdd>)) return nullptr;
  return &params_of<GatherBase>(params).indices;
}

}  // namespace wengert::ops
