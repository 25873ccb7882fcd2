// The registry as data: one record a primitive, filled by a loop over the list.
#pragma once
#include <vector>

#include "ops/list.h"

namespace wengert::ops {

struct Info {
  std::string_view name, doc;
  Kind kind;
  Types types;
  int arity;
  uint8_t saves[3];    // what the slope by each operand needs
  bool unit_slope[2];  // binary: the slope is the constant 1
  bool differentiable, hidden, elementwise;
  int max_ulp;
  const Interval* domain;
  std::vector<Field> params;
  // Structured operations only.
  core::Ref<Params> (*new_params)();
  ArrayRef (*value)(Args, const Params&);
  void (*check)(std::string_view op, const Dims& shape, const Params&);  // of parameters by operand 0; may be null
};

const Info& info(OpCode op);
// -1 if there is no such primitive.
int find(std::string_view name);
// The positions among the parameters of an operation that has some; else null.
const ArrayRef* positions_of(int op, const ParamsRef& params);

}  // namespace wengert::ops
