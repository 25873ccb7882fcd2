// Storage of arrays. Buffers are 64-byte aligned and reused: fresh pages from the system cost about 7 us each, which
// made the same NumPy gradient 5 times slower. Each thread keeps at most kPoolCap bytes of freed buffers, and all
// together as much of large ones.
#pragma once
#include <cstddef>
#include <cstdint>

namespace wengert::core {

inline constexpr int64_t kPoolCap = int64_t{512} << 20;

struct Buffer {
  int64_t refs = 0;
  int64_t bytes = 0;              // usable size
  char* data = nullptr;           // 64-byte aligned
  void (*drop)(void*) = nullptr;  // foreign memory: called with owner instead of freeing
  void* owner = nullptr;
  bool updated = false;  // has been written in place: slices of it must be copies (see indexing.h)
  int size_class = -1;
  static void destroy(Buffer* b);
};

Buffer* new_buffer(int64_t bytes);                                     // count 0
Buffer* foreign_buffer(void* data, void* owner, void (*drop)(void*));  // count 0

inline constexpr std::size_t kMostSmall = 512;
void* small_alloc(std::size_t bytes);  // objects of at most kMostSmall bytes, from per-thread lists
void small_free(void* p, std::size_t bytes);

int64_t pool_bytes();  // kept at the moment for this thread, and for all
void pool_trim();      // gives all of them back

}  // namespace wengert::core
