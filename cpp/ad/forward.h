// Forward mode: values carry a tangent beside their primal. Needs no tape.
#pragma once
#include "ad/value.h"

namespace wengert::ad {

struct ForwardLevel : Level {
  static constexpr char tag = 0;
  ForwardLevel(int depth, int64_t k) : Level(&tag, depth), tangents(k) {}
  Value process(OpCode op, Operands args, int n, const ParamsRef& params) override;
  const char* name() const override { return "forward"; }
  int64_t tangents;  // 0: one tangent of the primal's shape; k: k tangents along a leading axis
};

}  // namespace wengert::ad
