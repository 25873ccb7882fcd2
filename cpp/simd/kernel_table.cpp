#include "simd/kernel_table.h"

namespace wengert::simd {
namespace {

#define WG_FILLER(isa)            \
  {Isa::isa, [](KernelTable& t) { \
     isa::fill_gemm(t);           \
     isa::fill_random(t);         \
     isa::fill_reduce(t);         \
     isa::fill_softmax(t);        \
   }},
constexpr Tables<KernelTable>::Filler fillers[] = {WG_EACH_ISA(WG_FILLER)};
#undef WG_FILLER

}  // namespace

const KernelTable& kernels() {
  static const Tables<KernelTable> tables(fillers);
  return tables.active();
}

}  // namespace wengert::simd
