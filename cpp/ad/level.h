// A level: an active transform (reverse, forward), a recording (listing, program), or the graphs of arrays that require
// gradients. The level opened last handles an operation and leaves what is below it to the others.
#pragma once
#include "core/ref.h"
#include "ops/list.h"
#include "ops/params.h"

namespace wengert::ad {

using ops::OpCode;
using ops::ParamsRef;

struct Value;
using Operands = const Value* const*;
inline constexpr int kOnStack = 4;  // operands kept on the stack

struct Level : core::Counted<Level> {
  // Which class it is (see level_as): the address of its `tag`. Asked in the hot path, where a virtual call is dear.
  Level(const char* which, int d) : kind(which), depth(d), order(d ? ++opened : 0) {}
  virtual ~Level() = default;
  // The operation on operands of which one at least belongs to this level, and none to a higher one.
  virtual Value process(OpCode op, Operands args, int n, const ParamsRef& params) = 0;
  virtual const char* name() const = 0;  // in what is printed
  virtual void end() { alive = false; }  // by the thread that opened it
  const char* const kind;
  bool alive = true;   // values may take part in operations
  bool asked = false;  // a number was asked of one of its values, or of one above it
  int depth;           // 0: values that require gradients; n: the n-th transform of its thread, from outside
  // Which level handles an operation: the one opened last, in whatever thread. Depths of two threads say nothing about
  // each other. (Levels are opened with the interpreter lock held.)
  int64_t order;

  static int64_t levels_opened() { return opened; }

 private:
  static inline int64_t opened = 0;
};
using LevelRef = core::Ref<Level>;

// The level as one of class L; null if it is none.
template <class L> L* level_as(Level* t) { return t && t->kind == &L::tag ? static_cast<L*>(t) : nullptr; }
template <class L> const L* level_as(const Level* t) {
  return t && t->kind == &L::tag ? static_cast<const L*>(t) : nullptr;
}
template <class L> L* level_as(const LevelRef& t) { return level_as<L>(t.get()); }

}  // namespace wengert::ad
