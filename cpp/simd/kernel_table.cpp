#include "simd/kernel_table.h"

namespace wengert::simd {
namespace {

struct Tables {
  KernelTable table[isa_count];

  Tables() {
    for (KernelTable& t : table) scalar::fill_gemm(t);
#if defined(__x86_64__)
    x86_64_v2::fill_gemm(table[int(Isa::x86_64_v2)]);
    x86_64_v3::fill_gemm(table[int(Isa::x86_64_v3)]);
    x86_64_v4::fill_gemm(table[int(Isa::x86_64_v4)]);
#elif defined(__aarch64__)
    arm64::fill_gemm(table[int(Isa::arm64)]);
#endif
  }
};

}  // namespace

const KernelTable& kernels() {
  static const Tables tables;
  return tables.table[int(active())];
}

}  // namespace wengert::simd
