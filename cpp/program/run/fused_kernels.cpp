// Kernels of fused groups beside those of ops/elementwise/element_kernels.h: selection and conversion; the tables of
// tile kernels.
#include "ops/elementwise/element_kernels.h"
#include "program/run/fused.h"
#include "program/run/tile_kernels.h"
#include "simd/dispatch.h"

namespace wengert::simd {
#define WG_DECLARE(isa)                          \
  namespace isa {                                \
  void fill_tile_kernels(program::TileKernels&); \
  }
WG_EACH_ISA(WG_DECLARE)
#undef WG_DECLARE
}  // namespace wengert::simd

namespace wengert::program {
namespace {

#define WG_FILLER(isa) {simd::Isa::isa, simd::isa::fill_tile_kernels},
constexpr simd::Tables<TileKernels>::Filler fillers[] = {WG_EACH_ISA(WG_FILLER)};
#undef WG_FILLER
const simd::Tables<TileKernels> tile_tables(fillers);

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

}  // namespace

const TileKernels& tile_kernels() { return tile_tables.active(); }

Fused::F1 plain_unary(OpCode op, DType in) { return ops::element_kernels().test1[op][static_cast<int>(in)]; }
Fused::F2 plain_binary(OpCode op, DType in) { return ops::element_kernels().test2[op][static_cast<int>(in)]; }

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
