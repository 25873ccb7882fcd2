// Small arrays to record and to compare.
#pragma once
#include <initializer_list>
#include <vector>

#include "core/array.h"

namespace wengert {

inline core::ArrayRef row(std::initializer_list<double> values, core::DType t = core::DType::f64) {
  const core::ArrayRef a = core::make(t, core::Dims{static_cast<int64_t>(values.size())});
  core::for_float(t, [&]<class T>(core::TypeTag<T>) {
    int64_t i = 0;
    for (double v : values) a->as<T>()[i++] = static_cast<T>(v);
  });
  return a;
}

// `first`, `first` + 1/4, … in row-major order.
inline core::ArrayRef counted(const core::Dims& shape, double first, core::DType t = core::DType::f64) {
  const core::ArrayRef a = core::make(t, shape);
  core::for_float(t, [&]<class T>(core::TypeTag<T>) {
    for (int64_t i = 0; i < a->size; ++i) a->as<T>()[i] = static_cast<T>(first + 0.25 * static_cast<double>(i));
  });
  return a;
}

inline std::vector<double> numbers(const core::ArrayRef& a) {
  const core::ArrayRef dense = core::contiguous(a);
  std::vector<double> v;
  for (int64_t i = 0; i < a->size; ++i) v.push_back(core::item(*dense, i));
  return v;
}

}  // namespace wengert
