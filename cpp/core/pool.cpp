#include "core/pool.h"

#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#include "core/memory_share.h"
#include "core/sizes.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace wengert::core {
namespace {

constexpr int64_t kHeader = 64;  // the Buffer itself, so that the data behind it stay aligned
static_assert(sizeof(Buffer) <= kHeader);
constexpr int kClasses = 161;  // the last one is of kMostBytes

// Four classes an octave: at most 25 % of a buffer is unused.
int class_of(int64_t bytes) {
  if (bytes <= 64) return 0;
  const auto b = static_cast<uint64_t>(bytes - 1);
  const int log = 63 - std::countl_zero(b);
  return 4 * (log - 6) + static_cast<int>((b >> (log - 2)) & 3) + 1;
}
int64_t class_bytes(int c) {
  if (c == 0) return 64;
  const int log = (c - 1) / 4 + 6;
  return (int64_t{4} + (c - 1) % 4 + 1) << (log - 2);
}

// Fresh memory. Large buffers ask for huge pages, as NumPy's do: the first touch of 33 MB takes 4.1 ms instead of 10.6.
constexpr std::size_t kHugePage = std::size_t{2} << 20;
void* fresh(std::size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (bytes >= 2 * kHugePage) {
    void* raw = nullptr;
    if (posix_memalign(&raw, kHugePage, bytes) != 0) return nullptr;
    madvise(raw, bytes / 4096 * 4096, MADV_HUGEPAGE);  // only advice: a refusal changes nothing
    return raw;
  }
#endif
  return std::aligned_alloc(64, bytes);
}

struct Pool {
  std::vector<Buffer*> free[kClasses];
  int64_t kept = 0;
  ~Pool() { trim(); }
  void trim() {
    for (auto& list : free) {
      for (Buffer* b : list) std::free(b);
      list.clear();
      list.shrink_to_fit();
    }
    kept = 0;
  }
};

// Large buffers belong to all threads: what a worker thread computes is often dropped by another, and its next
// gradient would be made of fresh pages.
constexpr int kSharedClass = 41;  // 64 KiB and more
struct SharedPool {
  std::mutex lock;  // only tried: a fork may leave it locked for ever
  Pool pool;
};
SharedPool& shared() {
  static auto* s = new SharedPool;  // outlives every thread
  return *s;
}

struct Block {
  Block* next;
};
struct SmallLists {  // one list for each multiple of 16 bytes
  Block* free[kMostSmall / 16 + 1] = {};
  ~SmallLists() {
    for (Block*& head : free)
      while (head) {
        Block* b = head;
        head = b->next;
        std::free(b);
      }
  }
};

struct ThreadLists {
  Pool pool;
  SmallLists small;
};

// A plain pointer, read without a call into the dynamic linker (2 ns an allocation); the guard's destructor runs when
// the thread ends, and memory freed after that goes straight to the system.
__attribute__((tls_model("initial-exec"))) thread_local ThreadLists* lists = nullptr;
__attribute__((tls_model("initial-exec"))) thread_local bool ended = false;
struct Guard {
  ~Guard() {
    ended = true;
    delete lists;
    lists = nullptr;
  }
};

[[gnu::noinline, maybe_unused]] ThreadLists* make_lists() {
  if (ended) return nullptr;
  thread_local Guard guard;
  (void)guard;
  return lists = new ThreadLists;
}
// Under AddressSanitizer nothing is kept: a use after free would find a block that looks alive.
#if defined(__SANITIZE_ADDRESS__)
inline ThreadLists* thread_lists() { return nullptr; }
#else
inline ThreadLists* thread_lists() { return lists ? lists : make_lists(); }
#endif

}  // namespace

namespace {

// Runs f(pool) on the pool for a size class; false: there is none to be had now.
template <class F> bool with_pool(int size_class, F&& f) {
  ThreadLists* t = thread_lists();
  if (!t) return false;
  if (size_class < kSharedClass) return f(t->pool);
  const std::unique_lock<std::mutex> held(shared().lock, std::try_to_lock);
  return held && f(shared().pool);
}

}  // namespace

Buffer* new_buffer(int64_t bytes) {
  if (bytes < 0 || bytes > kMostBytes) throw std::bad_alloc();
  const int c = class_of(bytes);
  Buffer* b = nullptr;
  with_pool(c, [&](Pool& pool) {
    if (pool.free[c].empty()) return false;
    b = pool.free[c].back();
    pool.free[c].pop_back();
    pool.kept -= b->bytes;
    return true;
  });
  if (b) {
    b->updated = false;
    return b;
  }
  const int64_t size = (class_bytes(c) + 63) / 64 * 64;
  count_memory(size);
  void* raw = fresh(static_cast<std::size_t>(size + kHeader));
  if (!raw) throw std::bad_alloc();
  b = new (raw) Buffer;
  b->bytes = size;
  b->data = static_cast<char*>(raw) + kHeader;
  b->size_class = c;
  return b;
}

Buffer* foreign_buffer(void* data, void* owner, void (*drop)(void*)) {
  auto* b = new Buffer;
  b->data = static_cast<char*>(data);
  b->owner = owner;
  b->drop = drop;
  return b;
}

void Buffer::destroy(Buffer* b) {
  if (b->drop) {
    b->drop(b->owner);
    delete b;
    return;
  }
  const bool kept = with_pool(b->size_class, [&](Pool& pool) {
    if (pool.kept + b->bytes > kPoolCap) return false;
    pool.free[b->size_class].push_back(b);
    pool.kept += b->bytes;
    return true;
  });
  if (!kept) std::free(b);
}

void* small_alloc(std::size_t bytes) {
  const std::size_t c = (bytes + 15) / 16;
  ThreadLists* t = thread_lists();
  if (t && t->small.free[c]) {
    Block* b = t->small.free[c];
    t->small.free[c] = b->next;
    return b;
  }
  void* p = std::malloc(c * 16);
  if (!p) throw std::bad_alloc();
  return p;
}

void small_free(void* p, std::size_t bytes) {
  ThreadLists* t = thread_lists();
  if (!t) {
    std::free(p);
    return;
  }
  auto* b = static_cast<Block*>(p);
  const std::size_t c = (bytes + 15) / 16;
  b->next = t->small.free[c];
  t->small.free[c] = b;
}

int64_t pool_bytes() {
  int64_t kept = lists ? lists->pool.kept : 0;
  with_pool(kSharedClass, [&](Pool& pool) { return kept += pool.kept, true; });
  return kept;
}
void pool_trim() {
  if (lists) lists->pool.trim();
  with_pool(kSharedClass, [](Pool& pool) { return pool.trim(), true; });
}

}  // namespace wengert::core
