// Kernels of fused groups beside those of ops/kernel_table.h: comparisons, logic, selection, conversion; the tables of
// tile kernels.
#include "program/fused.h"
#include "program/tile_kernels.h"
#include "simd/dispatch.h"

namespace wengert::simd {
#define WG_DECLARE(isa)                            \
  namespace isa {                                  \
  void fill_tile_kernels(program::TileKernels& k); \
  }
WG_DECLARE(scalar)
#if defined(__aarch64__)
WG_DECLARE(arm64)
#else
WG_DECLARE(x86_64_v2)
WG_DECLARE(x86_64_v3)
WG_DECLARE(x86_64_v4)
#endif
#undef WG_DECLARE
}  // namespace wengert::simd

namespace wengert::program {
namespace {

struct TileTables {
  TileKernels of[simd::isa_count];
  TileTables() {
    for (TileKernels& k : of) simd::scalar::fill_tile_kernels(k);
    // Code of an instruction set the processor lacks must not even run to fill its table.
    auto fill = [&](simd::Isa isa, void (*f)(TileKernels&)) {
      if (simd::supported(isa)) f(of[static_cast<int>(isa)]);
    };
#if defined(__aarch64__)
    fill(simd::Isa::arm64, simd::arm64::fill_tile_kernels);
#else
    fill(simd::Isa::x86_64_v2, simd::x86_64_v2::fill_tile_kernels);
    fill(simd::Isa::x86_64_v3, simd::x86_64_v3::fill_tile_kernels);
    fill(simd::Isa::x86_64_v4, simd::x86_64_v4::fill_tile_kernels);
#endif
  }
};
const TileTables tile_tables;

template <class Op, class T> void test1(const void* x, void* y, int64_t n) {
  const T* p = static_cast<const T*>(x);
  auto* out = static_cast<uint8_t*>(y);
  for (int64_t i = 0; i < n; ++i) out[i] = Op::test(p[i]);
}

template <class Op, class T> void test2(const void* a, const void* b, void* y, int64_t n, int ia, int ib) {
  const T *p = static_cast<const T*>(a), *q = static_cast<const T*>(b);
  auto* out = static_cast<uint8_t*>(y);
  if (ia && ib) {
    for (int64_t i = 0; i < n; ++i) out[i] = Op::test(p[i], q[i]);
  } else if (ia) {
    const T v = *q;
    for (int64_t i = 0; i < n; ++i) out[i] = Op::test(p[i], v);
  } else {
    const T v = *p;
    for (int64_t i = 0; i < n; ++i) out[i] = Op::test(v, ib ? q[i] : *q);
  }
}

template <class T>
void select(const void* c, const void* a, const void* b, void* y, int64_t n, int ic, int ia, int ib) {
  const auto* pc = static_cast<const uint8_t*>(c);
  const T *pa = static_cast<const T*>(a), *pb = static_cast<const T*>(b);
  T* out = static_cast<T*>(y);
  if (ic && ia && ib) {
    for (int64_t i = 0; i < n; ++i) out[i] = pc[i] ? pa[i] : pb[i];
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = pc[i * ic] ? pa[i * ia] : pb[i * ib];
  }
}

template <class S, class T> void convert(const void* x, void* y, int64_t n) {
  const S* p = static_cast<const S*>(x);
  T* out = static_cast<T*>(y);
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<T, uint8_t>)
      out[i] = p[i] != S(0);
    else
      out[i] = static_cast<T>(p[i]);
  }
}

struct Tables {
  Fused::F1 one[ops::kOps][core::kDTypes] = {};
  Fused::F2 two[ops::kOps][core::kDTypes] = {};
  Tables() {
    ops::Primitives::for_each([this]<class Op>() {
      if constexpr (ops::Unary<Op> || ops::Binary<Op>) {
        if constexpr (Op::types == ops::Types::logical) {
          put<Op, uint8_t>();
          put<Op, int32_t>();
          put<Op, int64_t>();
          put<Op, float>();
          put<Op, double>();
        }
      }
    });
  }
  template <class Op, class T> void put() {
    constexpr auto t = static_cast<int>(core::dtype_of<T>());
    if constexpr (ops::Unary<Op>)
      one[code_of<Op>][t] = test1<Op, T>;
    else
      two[code_of<Op>][t] = test2<Op, T>;
  }
};
const Tables tables;

}  // namespace

const TileKernels& tile_kernels() { return tile_tables.of[static_cast<int>(simd::active())]; }

Fused::F1 plain_unary(OpCode op, DType in) { return tables.one[op][static_cast<int>(in)]; }
Fused::F2 plain_binary(OpCode op, DType in) { return tables.two[op][static_cast<int>(in)]; }

Fused::F3 selection(DType t) {
  return core::dispatch(t, [](auto tag) -> Fused::F3 { return select<typename decltype(tag)::type>; });
}

Fused::F1 conversion(DType from, DType to) {
  return core::dispatch(from, [to](auto source) {
    return core::dispatch(to, [](auto target) -> Fused::F1 {
      return convert<typename decltype(source)::type, typename decltype(target)::type>;
    });
  });
}

}  // namespace wengert::program
