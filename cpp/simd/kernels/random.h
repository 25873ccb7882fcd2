// Random bits from a counter: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
// easy as 1, 2, 3", SC'11). Block c is a function of the key and of c alone, so any part of a stream can be made on its
// own: by any thread, in any order, for any number of lanes, with the same bits.
#pragma once

#include <cstdint>

namespace wengert::simd {

// What becomes of the two words (x, y) of a block.
enum class Draw : int {
  pair_i32,  // x and y, two numbers for each block
  i32,       // x xor y
  i64,       // x 2^32 + y
  f32,       // in [0, 1): the first 23 bits of x xor y
  f64,       // in [0, 1): the first 52 bits of x 2^32 + y
};
inline constexpr int kDraws = 5;

// out[i] of block first + i, i in [0, blocks); on several threads where that pays.
void random_fill(Draw draw, const uint32_t key[2], uint64_t first, int64_t blocks, void* out);

}  // namespace wengert::simd
