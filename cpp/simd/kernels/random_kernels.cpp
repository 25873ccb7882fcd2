// Threefry-2x32-20 over lanes, compiled once per target: additions, rotations and exclusive ors of 32-bit words.
#include "simd/kernel_table.h"
#include "simd/lanes/vec.h"

namespace wengert::simd::WG_TARGET {
namespace {

constexpr int kLanes = lanes<int32_t>;
using Word = Vec<int32_t, kLanes>;

struct Block {
  Word x, y;
};

template <int K> WG_INLINE Word rotated(Word v) { return (v << K) | (v >> (32 - K)); }

template <int K> WG_INLINE void round(Block& b) {
  b.x += b.y;
  b.y = rotated<K>(b.y) ^ b.x;
}

// One number of the key after every four rounds, with the number of the injection.
WG_INLINE void inject(Block& b, Word first, Word second, int32_t count) {
  b.x += first;
  b.y += second + Word(count);
}

WG_INLINE Block threefry(Block b, int32_t k0, int32_t k1) {
  const Word a(k0), c(k1), d(int32_t(0x1bd11bda) ^ k0 ^ k1);
  inject(b, a, c, 0);
  round<13>(b), round<15>(b), round<26>(b), round<6>(b);
  inject(b, c, d, 1);
  round<17>(b), round<29>(b), round<16>(b), round<24>(b);
  inject(b, d, a, 2);
  round<13>(b), round<15>(b), round<26>(b), round<6>(b);
  inject(b, a, c, 3);
  round<17>(b), round<29>(b), round<16>(b), round<24>(b);
  inject(b, c, d, 4);
  round<13>(b), round<15>(b), round<26>(b), round<6>(b);
  inject(b, d, a, 5);
  return b;
}

// Blocks `at`, `at` + 1, … as they go in: upper word, lower word.
WG_INLINE Block counters(uint64_t at) {
  int32_t steps[kLanes];
  for (int i = 0; i < kLanes; ++i) steps[i] = i;
  const Word low = Word(int32_t(uint32_t(at))) + Word::load(steps);
  // Lanes past a multiple of 2^32 belong to the next upper word. Comparing without signs: the sign bits turned.
  const Word turn(INT32_MIN);
  const auto wrapped = (low ^ turn) < (Word(int32_t(uint32_t(at))) ^ turn);
  const int32_t high = int32_t(uint32_t(at >> 32));
  return {select(wrapped, Word(int32_t(uint32_t(high) + 1u)), Word(high)), low};
}

// high 2^32 + low of each lane, as 64-bit numbers one after the other: to(first lane, numbers).
template <int N, class F> WG_INLINE void joined(Vec<int32_t, N> high, Vec<int32_t, N> low, F to) {
  const auto h = convert<int64_t>(high), l = convert<int64_t>(low);
  to((h << 32) | (l & Vec<int64_t, N>(0xffffffff)));
}
template <int N, class F> WG_INLINE void each_half(Vec<int32_t, N> high, Vec<int32_t, N> low, F to) {
  if constexpr (N == 1) {
    joined(high, low, [&](auto v) __attribute__((always_inline)) { to(0, v); });
  } else {
    joined(half<0>(high), half<0>(low), [&](auto v) __attribute__((always_inline)) { to(0, v); });
    joined(half<1>(high), half<1>(low), [&](auto v) __attribute__((always_inline)) { to(N / 2, v); });
  }
}

// kLanes blocks as numbers.
struct PairI32 {
  using Number = int64_t;  // two of them
  static WG_INLINE void store(Block b, int64_t* out) {
    each_half(b.y, b.x, [&](int at, auto v) __attribute__((always_inline)) { v.store(out + at); });
  }
};
struct I32 {
  using Number = int32_t;
  static WG_INLINE void store(Block b, int32_t* out) { (b.x ^ b.y).store(out); }
};
struct I64 {
  using Number = int64_t;
  static WG_INLINE void store(Block b, int64_t* out) {
    each_half(b.x, b.y, [&](int at, auto v) __attribute__((always_inline)) { v.store(out + at); });
  }
};
// The bits become the fraction of a number in [1, 2).
struct F32 {
  using Number = float;
  static WG_INLINE void store(Block b, float* out) {
    const Word bits = ((b.x ^ b.y) >> 9) | Word(0x3f800000);
    (from_bits<float, kLanes>(bits) - 1).store(out);
  }
};
struct F64 {
  using Number = double;
  static WG_INLINE void store(Block b, double* out) {
    each_half(b.x, b.y, [&]<int N>(int at, Vec<int64_t, N> v) __attribute__((always_inline)) {
      (from_bits<double, N>((v >> 12) | Vec<int64_t, N>(0x3ff0000000000000)) - 1).store(out + at);
    });
  }
};

template <class Form> void fill(uint32_t k0, uint32_t k1, uint64_t at, int64_t n, void* to) {
  using Number = typename Form::Number;
  Number* out = static_cast<Number*>(to);
  auto next = [&](Number* p)
                  __attribute__((always_inline)) { Form::store(threefry(counters(at), int32_t(k0), int32_t(k1)), p); };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes, at += kLanes) next(out + i);
  if (i == n) return;
  Number rest[kLanes];
  next(rest);
  for (int k = 0; i + k < n; ++k) out[i + k] = rest[k];
}

}  // namespace

void fill_random(KernelTable& t) {
  t.random[static_cast<int>(Draw::pair_i32)] = fill<PairI32>;
  t.random[static_cast<int>(Draw::i32)] = fill<I32>;
  t.random[static_cast<int>(Draw::i64)] = fill<I64>;
  t.random[static_cast<int>(Draw::f32)] = fill<F32>;
  t.random[static_cast<int>(Draw::f64)] = fill<F64>;
}

}  // namespace wengert::simd::WG_TARGET
