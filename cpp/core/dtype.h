// Element types, their order of promotion (NumPy 2's table restricted to these five) and dispatch over them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace wengert::core {

enum class DType : uint8_t { b1, i32, i64, f32, f64 };
inline constexpr int kDTypes = 5;

constexpr int64_t item_size(DType t) {
  constexpr int64_t sizes[kDTypes] = {1, 4, 8, 4, 8};
  return sizes[static_cast<int>(t)];
}
constexpr std::string_view dtype_name(DType t) {
  constexpr std::string_view names[kDTypes] = {"bool", "int32", "int64", "float32", "float64"};
  return names[static_cast<int>(t)];
}
constexpr bool is_float(DType t) { return t >= DType::f32; }
constexpr bool is_int(DType t) { return t == DType::i32 || t == DType::i64; }

// NEP 50: the smallest listed type that holds both; an integer array with a float32 array is float64.
constexpr DType promote(DType a, DType b) {
  if (a == b) return a;
  if (a > b) return promote(b, a);
  if (a == DType::b1) return b;
  if (b == DType::f32) return DType::f64;  // int32 or int64 with float32
  return b;
}

template <class T> constexpr DType dtype_of();
template <> constexpr DType dtype_of<bool>() { return DType::b1; }
template <> constexpr DType dtype_of<uint8_t>() { return DType::b1; }
template <> constexpr DType dtype_of<int32_t>() { return DType::i32; }
template <> constexpr DType dtype_of<int64_t>() { return DType::i64; }
template <> constexpr DType dtype_of<float>() { return DType::f32; }
template <> constexpr DType dtype_of<double>() { return DType::f64; }

template <class T> struct TypeTag {
  using type = T;
};

// Calls f(TypeTag<T>) with the C++ element type of t; bool is stored as uint8_t 0 or 1.
template <class F> decltype(auto) dispatch(DType t, F&& f) {
  switch (t) {
    case DType::b1:
      return f(TypeTag<uint8_t>{});
    case DType::i32:
      return f(TypeTag<int32_t>{});
    case DType::i64:
      return f(TypeTag<int64_t>{});
    case DType::f32:
      return f(TypeTag<float>{});
    default:
      return f(TypeTag<double>{});
  }
}

}  // namespace wengert::core
