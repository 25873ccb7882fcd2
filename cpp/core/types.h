// Element types: one row of facts each, NumPy 2's promotion among them, and dispatch over them. The lists of cases here
// have no default: a compiler that warns names those that do not know a type.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.h"

namespace wengert::core {

enum class DType : uint8_t { b1, i32, i64, f32, f64 };
inline constexpr int kDTypes = 5;

enum class Sort : uint8_t { boolean, whole, real };
struct TypeFacts {
  std::string_view name;
  int64_t size;  // bytes
  Sort sort;
};
inline constexpr TypeFacts kTypeFacts[kDTypes] = {{"bool", 1, Sort::boolean},
                                                  {"int32", 4, Sort::whole},
                                                  {"int64", 8, Sort::whole},
                                                  {"float32", 4, Sort::real},
                                                  {"float64", 8, Sort::real}};

constexpr const TypeFacts& facts(DType t) { return kTypeFacts[static_cast<int>(t)]; }
constexpr int64_t item_size(DType t) { return facts(t).size; }
constexpr std::string_view dtype_name(DType t) { return facts(t).name; }
constexpr bool is_float(DType t) { return facts(t).sort == Sort::real; }
constexpr bool is_int(DType t) { return facts(t).sort == Sort::whole; }

// NEP 50: the smallest listed type that holds both; an integer array with a float32 array is float64.
constexpr DType promote(DType a, DType b) {
  if (a == b) return a;
  if (facts(a).sort > facts(b).sort) return promote(b, a);
  if (facts(a).sort == facts(b).sort) return item_size(a) < item_size(b) ? b : a;
  return is_int(a) && b == DType::f32 ? DType::f64 : b;
}

template <class T> struct TypeTag {
  using type = T;
};

// The C++ element type of each; bool is stored as uint8_t 0 or 1.
template <DType t> struct Element;
template <> struct Element<DType::b1> : TypeTag<uint8_t> {};
template <> struct Element<DType::i32> : TypeTag<int32_t> {};
template <> struct Element<DType::i64> : TypeTag<int64_t> {};
template <> struct Element<DType::f32> : TypeTag<float> {};
template <> struct Element<DType::f64> : TypeTag<double> {};

template <class T> constexpr DType dtype_of();
template <> constexpr DType dtype_of<bool>() { return DType::b1; }
template <> constexpr DType dtype_of<uint8_t>() { return DType::b1; }
template <> constexpr DType dtype_of<int32_t>() { return DType::i32; }
template <> constexpr DType dtype_of<int64_t>() { return DType::i64; }
template <> constexpr DType dtype_of<float>() { return DType::f32; }
template <> constexpr DType dtype_of<double>() { return DType::f64; }

// Calls f(TypeTag<T>) with the C++ element type of t.
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
    case DType::f64:
      return f(TypeTag<double>{});
  }
  __builtin_unreachable();
}

[[noreturn, gnu::cold, gnu::noinline]] inline void not_floating(DType t) {
  type_error("wengert: " + std::string(dtype_name(t)) + " where floating point is needed; convert with astype(float)");
}

// The same where only floating point can be; another type is an error, never a float.
template <class F> decltype(auto) for_float(DType t, F&& f) {
  switch (t) {
    case DType::f32:
      return f(TypeTag<float>{});
    case DType::f64:
      return f(TypeTag<double>{});
    case DType::b1:
    case DType::i32:
    case DType::i64:
      break;
  }
  not_floating(t);
}

// The place of a floating-point type in tables of kernels.
inline constexpr int kFloats = 2;
template <class T> constexpr int index_of();
template <> constexpr int index_of<float>() { return 0; }
template <> constexpr int index_of<double>() { return 1; }
inline int index_of(DType t) {
  return for_float(t, [](auto tag) { return index_of<typename decltype(tag)::type>(); });
}

}  // namespace wengert::core
