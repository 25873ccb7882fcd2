#include "simd/kernel_table.h"

namespace wengert::simd {
namespace {

#define WG_FILL(target, t)   \
  do {                       \
    target::fill_gemm(t);    \
    target::fill_random(t);  \
    target::fill_reduce(t);  \
    target::fill_softmax(t); \
  } while (0)

struct Tables {
  KernelTable table[isa_count];

  Tables() {
    for (KernelTable& t : table) WG_FILL(scalar, t);
#if defined(__x86_64__)
    WG_FILL(x86_64_v2, table[int(Isa::x86_64_v2)]);
    WG_FILL(x86_64_v3, table[int(Isa::x86_64_v3)]);
    WG_FILL(x86_64_v4, table[int(Isa::x86_64_v4)]);
#elif defined(__aarch64__)
    WG_FILL(arm64, table[int(Isa::arm64)]);
#endif
  }
};

}  // namespace

const KernelTable& kernels() {
  static const Tables tables;
  return tables.table[int(active())];
}

}  // namespace wengert::simd
