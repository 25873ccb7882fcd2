// The types of arrays, apart from any array: what an operation's `result` is made of. It serves the evaluation, the
// bodies of loops, which are recorded without running them, and programs from files, which are checked before anything
// of them runs.
#pragma once
#include <span>
#include <string_view>

#include "core/array.h"

namespace wengert::ops {

using core::ArrayRef;
using core::Dims;
using core::DType;

struct Params;
using Args = std::span<const ArrayRef>;

struct ArrayType {
  DType dtype;
  Dims shape;
};

// The types of operands: of arrays at hand, or known without any.
class OperandTypes {
 public:
  OperandTypes(Args arrays) : arrays_(arrays) {}
  OperandTypes(std::span<const ArrayType> types) : types_(types) {}
  int size() const { return static_cast<int>(arrays_.size() + types_.size()); }  // one of them is empty
  DType dtype(int i) const { return arrays_.empty() ? types_[at(i)].dtype : arrays_[at(i)]->dtype; }
  const Dims& shape(int i) const { return arrays_.empty() ? types_[at(i)].shape : arrays_[at(i)]->shape; }

 private:
  static size_t at(int i) { return static_cast<size_t>(i); }
  Args arrays_;
  std::span<const ArrayType> types_;
};

// Throws, and says what is wrong, where the operands or parameters are none the operation could have been recorded
// with: afterwards it can run on arrays of these types without reading or writing outside of them.
ArrayType result_type(uint16_t op, std::span<const ArrayType> in, const Params* params);

// Throws unless arrays of that type can exist.
void check_array(const ArrayType& t);

// What the rules of operations say: "wengert.NAME: …".
[[noreturn]] void refuse(std::string_view op, const std::string& what);
void require_float(std::string_view op, DType t);
void require_equal(std::string_view op, DType a, DType b);
int require_axis(std::string_view op, int64_t axis, int rank);  // counted from the front

inline ArrayRef make(const ArrayType& t) { return core::make(t.dtype, t.shape); }

}  // namespace wengert::ops
