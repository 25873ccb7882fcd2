// Kernels of cheap operations on tiles, compiled once for every instruction set: no remainders, no test of increments.
#include "simd/lanes/vec.h"
// (math.h needs the lanes of vec.h)
#include "program/run/tile_kernels.h"
#include "simd/math/math.h"

namespace wengert::simd::WG_TARGET {
namespace {

template <class T, class... Ops> struct OneOf {
  static constexpr bool value = (std::is_same_v<T, Ops> || ...);
};
template <class Op>
inline constexpr bool cheap = OneOf<Op, ops::Add, ops::Subtract, ops::Multiply, ops::Scale, ops::Divide, ops::Maximum,
                                    ops::Minimum, ops::MaximumOfConstant, ops::MinimumOfConstant, ops::Negative,
                                    ops::Square, ops::Sqrt, ops::Absolute, ops::Reciprocal, ops::Relu>::value;

template <class Op, class T> void one(const void* x, void* y, int64_t n) {
  using V = Vec<T, lanes<T>>;
  const T* px = static_cast<const T*>(x);
  T* py = static_cast<T*>(y);
#pragma GCC unroll 2
  for (int64_t i = 0; i < n; i += V::size) Op::value(V::load(px + i)).store(py + i);
}

template <class Op, class T> void two(const void* a, const void* b, void* y, int64_t n, int step_a, int step_b) {
  using V = Vec<T, lanes<T>>;
  const T *pa = static_cast<const T*>(a), *pb = static_cast<const T*>(b);
  T* py = static_cast<T*>(y);
  const int64_t next_a = step_a ? V::size : 0, next_b = step_b ? V::size : 0;
#pragma GCC unroll 2
  for (int64_t i = 0; i < n; i += V::size, pa += next_a, pb += next_b)
    Op::value(V::load(pa), V::load(pb)).store(py + i);
}

template <class Op, class T> void fill(program::TileKernels& k) {
  constexpr int t = core::index_of<T>();
  if constexpr (ops::Unary<Op>)
    k.one[ops::code_of<Op>][t] = one<Op, T>;
  else
    k.two[ops::code_of<Op>][t] = two<Op, T>;
}

}  // namespace

void fill_tile_kernels(program::TileKernels& k) {
  ops::Primitives::for_each([&]<class Op>() {
    if constexpr (cheap<Op>) {
      fill<Op, float>(k);
      fill<Op, double>(k);
    }
  });
}

}  // namespace wengert::simd::WG_TARGET
