// The elementwise kernels, compiled once for every instruction set (see simd/targets.cmake).
#include "simd/lanes/vec.h"
// (math.h needs the lanes of vec.h)
#include "ops/elementwise/element_kernels.h"
#include "simd/math/math.h"

namespace wengert::simd::WG_TARGET {
namespace {

using ops::ElementKernels;
using ops::kArg0;
using ops::kArg1;
using ops::kResult;

template <class V, class T> WG_INLINE V read(const T* p, int64_t i, int64_t left) {
  return left >= V::size ? V::load(p + i) : V::load(p + i, static_cast<int>(left));
}
template <class V, class T> WG_INLINE void write(T* p, int64_t i, int64_t left, V v) {
  left >= V::size ? v.store(p + i) : v.store(p + i, static_cast<int>(left));
}

// Vectors that go through a function side by side: a function is a chain of dependent operations, and several of them
// fill the units that one would leave idle. Where there is no chain there is nothing to fill.
template <class Op> inline constexpr int kAbreast = Op::max_ulp > 0 && WG_VECTOR_BYTES > 0 ? 4 : 1;

template <class Op, class T> void value1(const void* x, void* y, int64_t n) {
  const T* px = static_cast<const T*>(x);
  T* py = static_cast<T*>(y);
  if (n == 1) {
    Op::value(Vec<T, 1>::load(px)).store(py);
    return;
  }
  using V = Vec<T, lanes<T>>;
  int64_t i = 0;
  if constexpr (kAbreast<Op> == 4) {
    for (; i + 4 * V::size <= n; i += 4 * V::size) {
      const V a = V::load(px + i), b = V::load(px + i + V::size), c = V::load(px + i + 2 * V::size),
              d = V::load(px + i + 3 * V::size);
      const V fa = Op::value(a), fb = Op::value(b), fc = Op::value(c), fd = Op::value(d);
      fa.store(py + i);
      fb.store(py + i + V::size);
      fc.store(py + i + 2 * V::size);
      fd.store(py + i + 3 * V::size);
    }
  }
  for (; i < n; i += V::size) write<V>(py, i, n - i, Op::value(read<V>(px, i, n - i)));
}

template <class Op, class T> void value2(const void* a, const void* b, void* y, int64_t n, int ia, int ib) {
  const T *pa = static_cast<const T*>(a), *pb = static_cast<const T*>(b);
  T* py = static_cast<T*>(y);
  if (n == 1) {
    Op::value(Vec<T, 1>::load(pa), Vec<T, 1>::load(pb)).store(py);
    return;
  }
  using V = Vec<T, lanes<T>>;
  const V a0(*pa), b0(*pb);
  for (int64_t i = 0; i < n; i += V::size) {
    const V va = ia ? read<V>(pa, i, n - i) : a0;
    const V vb = ib ? read<V>(pb, i, n - i) : b0;
    write<V>(py, i, n - i, Op::value(va, vb));
  }
}

// g * slope: known slopes need no product, and an exact zero on either side gives zero (see ops::Scale).
template <class V> WG_INLINE V times(V g, V s) { return ops::strong_product(g, s); }
template <class V> WG_INLINE V times(V g, ops::Factors<V> s) { return times(times(g, s.first), s.second); }
template <class V> WG_INLINE V times(V g, ops::One) { return g; }
template <class V> WG_INLINE V times(V g, ops::MinusOne) { return -g; }

template <class Op, class T> void sweep1(const void* g, const void* x, const void* y, void* out, int64_t n, int ig) {
  const T *pg = static_cast<const T*>(g), *px = static_cast<const T*>(x), *py = static_cast<const T*>(y);
  T* po = static_cast<T*>(out);
  constexpr bool sx = (Op::saves & kArg0) != 0, sy = (Op::saves & kResult) != 0;
  if (n == 1) {
    using V = Vec<T, 1>;
    const V vg = V::load(pg);
    times(vg, Op::slope(sx ? V::load(px) : vg, sy ? V::load(py) : vg)).store(po);
    return;
  }
  using V = Vec<T, lanes<T>>;
  const V g0(*pg);
  for (int64_t i = 0; i < n; i += V::size) {
    const V vg = ig ? read<V>(pg, i, n - i) : g0;
    const V vx = sx ? read<V>(px, i, n - i) : vg;
    const V vy = sy ? read<V>(py, i, n - i) : vg;
    write<V>(po, i, n - i, times(vg, Op::slope(vx, vy)));
  }
}

template <class Op, int Operand, class V> WG_INLINE V slope_times(V g, V a, V b, V y) {
  if constexpr (Operand == 0)
    return times(g, Op::slope0(a, b, y));
  else
    return times(g, Op::slope1(a, b, y));
}

template <class Op, int Operand, class T>
void sweep2(const void* g, const void* a, const void* b, const void* y, void* out, int64_t n, int ig, int ia, int ib) {
  const T *pg = static_cast<const T*>(g), *pa = static_cast<const T*>(a), *pb = static_cast<const T*>(b),
          *py = static_cast<const T*>(y);
  T* po = static_cast<T*>(out);
  constexpr uint8_t saves = Operand == 0 ? Op::saves0 : Op::saves1;
  constexpr bool sa = (saves & kArg0) != 0, sb = (saves & kArg1) != 0, sy = (saves & kResult) != 0;
  if (n == 1) {
    using V = Vec<T, 1>;
    const V vg = V::load(pg);
    slope_times<Op, Operand>(vg, sa ? V::load(pa) : vg, sb ? V::load(pb) : vg, sy ? V::load(py) : vg).store(po);
    return;
  }
  using V = Vec<T, lanes<T>>;
  const V g0(*pg), a0(sa ? *pa : T(0)), b0(sb ? *pb : T(0));
  for (int64_t i = 0; i < n; i += V::size) {
    const V vg = ig ? read<V>(pg, i, n - i) : g0;
    const V va = sa ? (ia ? read<V>(pa, i, n - i) : a0) : vg;
    const V vb = sb ? (ib ? read<V>(pb, i, n - i) : b0) : vg;
    const V vy = sy ? read<V>(py, i, n - i) : vg;
    write<V>(po, i, n - i, slope_times<Op, Operand>(vg, va, vb, vy));
  }
}

template <class Op, class T> void test1(const void* x, void* y, int64_t n) {
  const T* px = static_cast<const T*>(x);
  auto* py = static_cast<uint8_t*>(y);
  using V = Vec<T, lanes<T>>;
  int64_t i = 0;
  for (; i + V::size <= n; i += V::size) Op::test(V::load(px + i)).store(py + i);
  for (; i < n; ++i) py[i] = Op::test(px[i]);
}

template <class Op, int IA, int IB, class T> void test2_with(const T* pa, const T* pb, uint8_t* py, int64_t n) {
  using V = Vec<T, lanes<T>>;
  const V a0(*pa), b0(*pb);
  int64_t i = 0;
  for (; i + V::size <= n; i += V::size) Op::test(IA ? V::load(pa + i) : a0, IB ? V::load(pb + i) : b0).store(py + i);
  for (; i < n; ++i) py[i] = Op::test(pa[i * IA], pb[i * IB]);
}
template <class Op, class T> void test2(const void* a, const void* b, void* y, int64_t n, int ia, int ib) {
  const T *pa = static_cast<const T*>(a), *pb = static_cast<const T*>(b);
  auto* py = static_cast<uint8_t*>(y);
  if (ia && ib)
    test2_with<Op, 1, 1>(pa, pb, py, n);
  else if (ia)
    test2_with<Op, 1, 0>(pa, pb, py, n);
  else if (ib)
    test2_with<Op, 0, 1>(pa, pb, py, n);
  else
    test2_with<Op, 0, 0>(pa, pb, py, n);
}

template <class Op, class T> void fill_tests(ElementKernels& k) {
  constexpr int t = static_cast<int>(core::dtype_of<T>()), op = ops::code_of<Op>;
  if constexpr (ops::Unary<Op>)
    k.test1[op][t] = test1<Op, T>;
  else
    k.test2[op][t] = test2<Op, T>;
}

template <class Op, class T> void fill(ElementKernels& k) {
  constexpr int t = core::index_of<T>(), op = ops::code_of<Op>;
  if constexpr (ops::Unary<Op>) {
    k.value1[op][t] = value1<Op, T>;
    if constexpr (Op::differentiable) k.sweep1[op][t] = sweep1<Op, T>;
  } else {
    k.value2[op][t] = value2<Op, T>;
    if constexpr (Op::differentiable) {
      k.sweep2[op][0][t] = sweep2<Op, 0, T>;
      k.sweep2[op][1][t] = sweep2<Op, 1, T>;
    }
  }
}

}  // namespace

void fill_element_kernels(ElementKernels& k) {
  ops::Primitives::for_each([&]<class Op>() {
    if constexpr (ops::Unary<Op> || ops::Binary<Op>) {
      if constexpr (Op::types == ops::Types::logical) {
        fill_tests<Op, uint8_t>(k);
        fill_tests<Op, int32_t>(k);
        fill_tests<Op, int64_t>(k);
        fill_tests<Op, float>(k);
        fill_tests<Op, double>(k);
      } else {
        fill<Op, float>(k);
        fill<Op, double>(k);
      }
    }
  });
}

}  // namespace wengert::simd::WG_TARGET
