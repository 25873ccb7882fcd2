// What the library computes with: an array together with the level of differentiation that follows it.
//
// Every active transform is a level (see level.h). A value of a level has a primal that belongs to lower levels, or is
// a plain array; `array` is always the innermost primal, so shapes and numbers are at hand without descending.
#pragma once
#include "ad/level.h"
#include "core/array.h"

namespace wengert::ad {

using core::ArrayRef;
using core::Dims;
using core::DType;
using core::Ref;

struct Box;

struct Value {
  ArrayRef array;
  LevelRef level;  // empty: a constant
  Ref<Box> box;    // primal (and tangent) where they are more than `array`
  uint32_t node = 0;
  uint8_t weak = 0;  // 1: a literal, which takes the element type of the other operand; kBeyond: a whole one that no
                     // integer type holds
  static constexpr uint8_t kBeyond = 2;

  Value() = default;
  Value(double v) : array(core::scalar(v, DType::f64)), weak(true) {}  // NOLINT: literals in rules
  explicit Value(ArrayRef a) : array(std::move(a)) {}
  explicit operator bool() const { return static_cast<bool>(array); }
  const Dims& shape() const { return array->shape; }
  DType dtype() const { return array->dtype; }
  bool plain() const { return !level; }
};

struct Box : core::Counted<Box> {
  Value primal, tangent;
};

// The value one level down; v must belong to a level.
inline Value primal_of(const Value& v) { return v.box ? v.box->primal : Value(v.array); }
// The value as an operand at level `t` sees it from below.
inline Value below(const Value& v, const Level* t) { return v.level.get() == t ? primal_of(v) : v; }

}  // namespace wengert::ad
