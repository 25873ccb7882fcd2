// The mathematics counts on rounding to nearest: in another mode exp was wrong by 1 %. Whoever starts a computation
// holds one of these, and the mode that somebody has set comes back afterwards.
#pragma once
#include <cfenv>

namespace wengert::simd {

// Two sums and a comparison beside the work, where reading the mode would hold up what comes next.
inline bool rounds_to_nearest() {
  double tiny = 0x1p-60;
#if defined(__x86_64__)
  asm volatile("" : "+x"(tiny));  // or the compiler would add
#elif defined(__aarch64__)
  asm volatile("" : "+w"(tiny));
#endif
  return 1.0 + tiny == 1.0 - tiny;
}

class RoundToNearest {
 public:
  RoundToNearest() {
    if (!rounds_to_nearest()) [[unlikely]]
      set();
  }
  RoundToNearest(const RoundToNearest&) = delete;
  ~RoundToNearest() {
    if (before_ != FE_TONEAREST) [[unlikely]]
      std::fesetround(before_);
  }

 private:
  [[gnu::cold, gnu::noinline]] void set() {
    before_ = std::fegetround();
    std::fesetround(FE_TONEAREST);
  }
  int before_ = FE_TONEAREST;
};

}  // namespace wengert::simd
