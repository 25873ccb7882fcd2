#include "simd/kernels/random.h"

#include "simd/kernel_table.h"
#include "simd/threads.h"

namespace wengert::simd {

void random_fill(Draw draw, const uint32_t key[2], uint64_t first, int64_t blocks, void* out) {
  constexpr int64_t kManyBlocks = 1 << 14, kPiece = 1 << 13, kBrief = 1 << 16;  // about 1 ns a block
  constexpr int64_t bytes[kDraws] = {8, 4, 8, 4, 8};
  const auto kernel = kernels().random[static_cast<int>(draw)];
  const uint32_t k0 = key[0], k1 = key[1];
  auto run = [&](int64_t i, int64_t n) {
    kernel(k0, k1, first + static_cast<uint64_t>(i), n, static_cast<char*>(out) + i * bytes[static_cast<int>(draw)]);
  };
  if (blocks < kManyBlocks) return run(0, blocks);
  parallel_for((blocks + kPiece - 1) / kPiece, blocks < kBrief, [&](int64_t task) {
    const int64_t i = task * kPiece;
    run(i, blocks - i < kPiece ? blocks - i : kPiece);
  });
}

}  // namespace wengert::simd
