// NumPy's order "K": the result of an elementwise operation lies as its operands do.
#pragma once
#include <cstdlib>

#include "core/array.h"

namespace wengert::ops {

// The axes of a result, slowest first. Row-major unless the operands that do not repeat along two axes say otherwise;
// where they disagree, row-major stays.
template <int N> class KeptOrder {
 public:
  KeptOrder(const core::Dims& shape, const core::ArrayRef* (&operands)[N]) : shape_(shape) {
    const int rank = shape.size();
    core::Dims strides[N];
    for (int k = 0; k < N; ++k) strides[k] = aligned(**operands[k]);
    int fastest_first[core::kMaxDims], n = 0;
    for (int axis = rank - 1; axis >= 0; --axis) {
      int at = n;
      for (int i = n - 1; i >= 0; --i) {
        const int verdict = compared(strides, axis, fastest_first[i]);
        if (verdict < 0) break;
        if (verdict > 0) at = i;
      }
      for (int i = n++; i > at; --i) fastest_first[i] = fastest_first[i - 1];
      fastest_first[at] = axis;
    }
    for (int i = n - 1; i >= 0; --i) {
      row_major_ &= fastest_first[i] == n - 1 - i;
      order_.push_back(fastest_first[i]);
    }
  }
  bool row_major() const { return row_major_; }
  // An operand with its axes in this order.
  core::ArrayRef turned(const core::ArrayRef& a) const {
    if (a->size == 1) return a;
    const core::Dims all = aligned(*a);
    const int lead = order_.size() - a->ndim();
    core::Dims shape, strides;
    for (int64_t axis : order_) {
      shape.push_back(axis < lead ? 1 : a->shape[static_cast<int>(axis) - lead]);
      strides.push_back(all[static_cast<int>(axis)]);
    }
    return core::view(a, shape, strides);
  }
  // A fresh row-major result in this order, with its axes where they belong.
  core::ArrayRef turned_back(core::ArrayRef y) const {
    core::Dims strides(shape_.size(), 1);
    for (int k = 0; k < order_.size(); ++k) strides[static_cast<int>(order_[k])] = y->strides[k];
    y->shape = shape_;
    y->strides = strides;
    y->contiguous = core::is_row_major(shape_, strides);
    return y;
  }

 private:
  core::Dims aligned(const core::Array& a) const {
    core::Dims s(shape_.size(), 0);
    const int lead = shape_.size() - a.ndim();
    for (int i = 0; i < a.ndim(); ++i) s[lead + i] = a.shape[i] == 1 ? 0 : a.strides[i];
    return s;
  }
  // 1: the axis should run faster than the other, -1: it should not, 0: nobody says.
  static int compared(const core::Dims (&strides)[N], int axis, int other) {
    int verdict = 0;
    for (const core::Dims& s : strides) {
      const int64_t own = std::abs(s[axis]), its = std::abs(s[other]);
      if (!own || !its) continue;
      if (its <= own) return -1;
      verdict = 1;
    }
    return verdict;
  }

  core::Dims shape_, order_;
  bool row_major_ = true;
};

}  // namespace wengert::ops
