#include "ad/listing.h"

#include "ad/process.h"
#include "ad/rules.h"

namespace wengert::ad {

Value Listing::process(OpCode op, Operands args, int n, const ParamsRef& params) {
  Value out = evaluate_below(op, args, n, params, this);
  Entry e;
  e.op = op;
  e.params = params;
  for (int i = 0; i < n; ++i) {
    if (args[i]->level.get() == this) {
      e.args.push_back(args[i]->node);
    } else {
      e.args.push_back(static_cast<uint32_t>(entries.size()));
      entries.push_back({-2, {}, {}, args[i]->array, {}, {}});
    }
  }
  e.value = out.array;
  if (location_hook) e.location = location_hook();
  entries.push_back(std::move(e));
  return traced(out, LevelRef(this), static_cast<uint32_t>(entries.size() - 1));
}

}  // namespace wengert::ad
