// Lets other Python threads run while a long kernel works on raw memory. The bindings install the two functions;
// without them (C++ tests) nothing happens.
#pragma once

namespace wengert::core {

struct LockHooks {
  void* (*release)() = nullptr;
  void (*acquire)(void*) = nullptr;
  bool (*ending)() = nullptr;  // the interpreter ends: no other thread gets the lock any more
};
inline LockHooks lock_hooks;

// `worthwhile`: shorter kernels keep the lock; taking it back can cost microseconds when threads compete for it.
class Unlocked {
 public:
  explicit Unlocked(bool worthwhile) : state_(worthwhile && lock_hooks.release ? lock_hooks.release() : nullptr) {}
  Unlocked(const Unlocked&) = delete;
  ~Unlocked() {
    if (state_) lock_hooks.acquire(state_);
  }

 private:
  void* state_;
};

}  // namespace wengert::core
