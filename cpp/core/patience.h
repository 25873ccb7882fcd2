// Loops of programs may be long, or never end: they ask now and then whether to stop. The bindings install the question
// (has Ctrl-C been pressed?), the fuzzer a limit; without it nothing happens.
#pragma once
#include <cstdint>

namespace wengert::core {

inline bool (*interrupt_hook)() = nullptr;  // true: stop

// Counts the work of the steps of one loop, and asks after every million operations of this thread: between 10 us (of
// large products) and 1 ms (of numbers), so that the clock in the question costs nothing that can be measured.
class Patience {
 public:
  explicit Patience(double operations)
      : step_(operations < kAll ? static_cast<int64_t>(operations) + kOverhead : kAll), left_(kept) {}
  Patience(const Patience&) = delete;
  ~Patience() { kept = left_; }
  bool ended(int64_t steps = 1) {
    left_ -= steps * step_;
    if (left_ > 0) [[likely]]
      return false;
    left_ = kAll;
    return interrupt_hook && interrupt_hook();
  }

 private:
  static constexpr int64_t kAll = 1'000'000, kOverhead = 20;
  inline static thread_local int64_t kept = kAll;
  int64_t step_, left_;
};

}  // namespace wengert::core
