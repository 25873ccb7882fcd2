// One small pool of threads for all kernels.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace wengert::simd {

// How many threads a parallel loop may use, the caller included. At first WENGERT_NUM_THREADS, or the processors this
// process may run on.
int num_threads();
inline constexpr int kMostThreads = 1024;  // each has a stack: a slip must not make a million of them
void set_num_threads(int n);

namespace detail {
void parallel_blocks(int64_t blocks, void (*run)(void* context, int64_t block), void* context, bool brief);
}

// f(block) for every block in [0, blocks), in any order and on any thread; returns when all are done. Where blocks
// are summed up, how work is cut must not depend on num_threads(): then neither do results. Runs in the calling thread alone where the
// pool is busy (nested or concurrent loops) or has one thread. f must not throw.
// A `brief` loop takes less than about 50 us in one thread: waking a thread that sleeps would cost more than it saves,
// so that is done only where such loops follow each other closely.
template <class F> void parallel_for(int64_t blocks, bool brief, F&& f) {
  using Body = std::remove_reference_t<F>;
  detail::parallel_blocks(
      blocks, [](void* context, int64_t block) { (*static_cast<Body*>(context))(block); },
      const_cast<void*>(static_cast<const void*>(std::addressof(f))), brief);
}
template <class F> void parallel_for(int64_t blocks, F&& f) { parallel_for(blocks, false, f); }

}  // namespace wengert::simd
