#include "simd/threads.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "simd/rounding.h"
#if defined(__linux__)
#include <sched.h>
#endif

namespace wengert::simd {
namespace {

int processors() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  const unsigned n = std::thread::hardware_concurrency();
  return n ? int(n) : 1;
}

int initial_threads() {
  if (const char* text = std::getenv("WENGERT_NUM_THREADS")) {
    const int n = std::atoi(text);
    if (n > 0) return n < kMostThreads ? n : kMostThreads;
  }
  return processors();
}

std::atomic<int>& thread_limit() {
  static std::atomic<int> n{initial_threads()};
  return n;
}

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// How long a worker without work looks for the next loop before it sleeps: awake it starts within 0.3 us, asleep within
// 25 us. Longer than what lies between the loops of a training step, shorter than anyone would notice.
using Clock = std::chrono::steady_clock;
constexpr std::chrono::microseconds patience{40};

// A loop is one 64-bit word: its serial number and how many blocks nobody has taken yet. A block is taken by a
// compare-and-swap of the word, so a worker that wakes late can never take a block of a loop it has not seen, and the
// caller waits for the blocks that were taken, not for sleeping workers.
class Pool {
 public:
  // True if the loop was run; false if the pool is busy.
  bool run(int threads, int64_t blocks, void (*body)(void*, int64_t), void* context, bool brief) {
    if (!owner_.try_lock()) return false;
    std::lock_guard<std::mutex> guard(owner_, std::adopt_lock);
    // Spinning pays only where every thread has a processor of its own.
    if (spin_.load(std::memory_order_relaxed) != (threads <= processors_)) spin_.store(threads <= processors_);
    add_workers(threads - 1);
    body_ = body;
    context_ = context;
    blocks_ = blocks;
    limit_.store(threads - 1, std::memory_order_relaxed);
    done_.store(0, std::memory_order_relaxed);
    const uint64_t serial = (word_.load(std::memory_order_relaxed) >> 32) + 1;
    word_.store(serial << 32 | uint64_t(blocks), std::memory_order_seq_cst);
    const bool asleep = sleepers_.load(std::memory_order_seq_cst) > 0;
    if (asleep && worth_waking(brief)) word_.notify_all();
    take_blocks(serial);
    for (int spins = 0; done_.load(std::memory_order_acquire) != blocks; ++spins) {
      if (spins < 20000 && threads <= processors_) {
        relax();
      } else {
        std::this_thread::yield();
      }
    }
    if (asleep) missed_ = Clock::now();
    return true;
  }

 private:
  // Where the system gives no more threads the loop runs on those there are.
  void add_workers(int wanted) {
    try {
      for (; workers_ < wanted; ++workers_) std::thread(&Pool::work, this, workers_).detach();
    } catch (const std::system_error&) {
    }
  }

  // Waking takes 8 us of the caller's time. Brief loops are worth it from the second on that comes soon after another,
  // if the woken then stay awake.
  bool worth_waking(bool brief) const {
    return !brief || (spin_.load(std::memory_order_relaxed) && Clock::now() - missed_ < patience);
  }

  void take_blocks(uint64_t serial) {
    uint64_t word = word_.load(std::memory_order_acquire);
    while (word >> 32 == serial && (word & 0xffffffffu) != 0) {
      if (!word_.compare_exchange_weak(word, word - 1, std::memory_order_acq_rel)) continue;
      const int64_t left = int64_t(word & 0xffffffffu);
      body_(context_, blocks_ - left);
      done_.fetch_add(1, std::memory_order_release);
      word = word_.load(std::memory_order_acquire);
    }
  }

  // The word once it has blocks; spins for a while, then sleeps.
  uint64_t wait_for_blocks() {
    uint64_t word = word_.load(std::memory_order_acquire);
    auto since = Clock::now();
    for (int spins = 0; (word & 0xffffffffu) == 0; ++spins, word = word_.load(std::memory_order_acquire)) {
      if (spins % 64 || (spin_.load(std::memory_order_relaxed) && Clock::now() - since < patience)) {
        relax();
        continue;
      }
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
      word_.wait(word, std::memory_order_seq_cst);
      sleepers_.fetch_sub(1, std::memory_order_relaxed);
      since = Clock::now();
    }
    return word;
  }

  void work(int index) {
    const RoundToNearest rounding;  // a thread starts in the mode of the one that made it
    for (;;) {
      const uint64_t word = wait_for_blocks();
      if (index < limit_.load(std::memory_order_relaxed)) {
        take_blocks(word >> 32);
      } else {
        std::this_thread::yield();
      }
    }
  }

  std::mutex owner_;
  const int processors_ = processors();
  int workers_ = 0;
  Clock::time_point missed_;  // when a loop last ended that had found workers asleep
  void (*body_)(void*, int64_t) = nullptr;
  void* context_ = nullptr;
  int64_t blocks_ = 0;
  std::atomic<int> limit_{0};
  alignas(64) std::atomic<uint64_t> word_{0};
  alignas(64) std::atomic<int64_t> done_{0};
  // Read by those who wait: not beside what the caller writes for every loop.
  alignas(64) std::atomic<int> sleepers_{0};
  std::atomic<bool> spin_{true};
};

std::atomic<Pool*> the_pool{nullptr};
std::mutex pool_creation;

// The child of a fork has no workers: it starts with a new pool (the old one is left, its locks may be held).
void forget_pool() {
  the_pool.store(nullptr);
  new (&pool_creation) std::mutex;
}

Pool& pool() {
  Pool* p = the_pool.load(std::memory_order_acquire);
  if (p) return *p;
  std::lock_guard<std::mutex> guard(pool_creation);
  static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
  (void)registered;
  p = the_pool.load();
  if (!p) {
    p = new Pool;
    the_pool.store(p, std::memory_order_release);
  }
  return *p;
}

thread_local bool inside_loop = false;

}  // namespace

int num_threads() { return thread_limit().load(std::memory_order_relaxed); }
void set_num_threads(int n) { thread_limit().store(n > 1 ? n : 1); }

// By this name threadpoolctl tells the module from others that are called the same.
extern "C" __attribute__((visibility("default"))) int wengert_num_threads() { return num_threads(); }

namespace detail {

void parallel_blocks(int64_t blocks, void (*run)(void*, int64_t), void* context, bool brief) {
  const int threads = num_threads();
  if (threads > 1 && blocks > 1 && blocks < int64_t(1) << 32 && !inside_loop) {
    struct Scope {
      Scope() { inside_loop = true; }
      ~Scope() { inside_loop = false; }
    } scope;
    if (pool().run(threads, blocks, run, context, brief)) return;
  }
  for (int64_t block = 0; block < blocks; ++block) run(context, block);
}

}  // namespace detail
}  // namespace wengert::simd
