// Reverse mode: operations go to a tape, which is swept backwards.
#pragma once
#include "ad/tape.h"

namespace wengert::ad {

struct ReverseLevel;
// What the owner of the rules (the bindings) is told of a level that has calls with a rule of their own.
struct KeeperHooks {
  void (*drop)(void* keeper) = nullptr;                              // the level ends
  void (*merged)(ReverseLevel* into, ReverseLevel* from) = nullptr;  // one of the two has a keeper
};
inline KeeperHooks keeper_hooks;

struct ReverseLevel : Level {
  static constexpr char tag = 0;
  explicit ReverseLevel(int depth) : ReverseLevel(&tag, depth) {}
  ~ReverseLevel() override {
    if (keeper) keeper_hooks.drop(keeper);
  }
  Value process(OpCode op, Operands args, int n, const ParamsRef& params) override;
  const char* name() const override { return "reverse"; }
  Tape tape;
  Linked calls;            // the CustomCalls on the tape
  void* keeper = nullptr;  // what shows them to a garbage collector

 protected:
  ReverseLevel(const char* which, int depth) : Level(which, depth) {}
};
using ReverseRef = Ref<ReverseLevel>;

// The level if it has a tape: a reverse level, or a graph of values that require gradients.
ReverseLevel* taped(Level* t);
inline const ReverseLevel* taped(const Level* t) { return taped(const_cast<Level*>(t)); }

// Results of a function with a rule of its own, as values of a level with a tape (or of the graph its operands belong
// to). `results` are given one level down.
std::vector<Value> record_call(Level* level, const std::vector<Value>& args, const Ref<CustomCall>& call);

// Reverse sweep from the given nodes. `seeds` become empty. With keep == false saved values are dropped as soon as
// used. Returns the cotangents of the requested nodes (empty Value: structurally zero).
std::vector<Value> sweep(Tape& tape, std::vector<std::pair<uint32_t, Value>> seeds, const std::vector<uint32_t>& wanted,
                         bool keep);

}  // namespace wengert::ad
