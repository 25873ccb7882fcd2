// A run with everything kept, for people to look at.
#pragma once
#include <string>
#include <vector>

#include "ad/value.h"

namespace wengert::ad {

struct Listing : Level {
  struct Entry {
    int op;  // opcode; -1 input, -2 constant
    ParamsRef params;
    std::vector<uint32_t> args;
    ArrayRef value;
    std::string label, location;
  };
  static constexpr char tag = 0;
  explicit Listing(int depth) : Level(&tag, depth) {}
  Value process(OpCode op, Operands args, int n, const ParamsRef& params) override;
  const char* name() const override { return "recorded"; }
  std::vector<Entry> entries;
};

}  // namespace wengert::ad
