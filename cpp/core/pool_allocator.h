// Memory of the pool for long standard vectors: one of 100,000 elements in fresh pages costs more than filling it.
#pragma once
#include <cstdlib>
#include <new>
#include <vector>

#include "core/pool.h"

namespace wengert::core {

template <class T> struct PoolAllocator {
  using value_type = T;
  static constexpr std::size_t kLeast = std::size_t{1} << 15, kFront = 64;  // bytes; the buffer is noted in front
  PoolAllocator() = default;
  template <class U> PoolAllocator(const PoolAllocator<U>&) {}
  T* allocate(std::size_t n) {
    if (n > SIZE_MAX / 2 / sizeof(T)) throw std::bad_array_new_length();
    if (n * sizeof(T) < kLeast) return static_cast<T*>(::operator new(n * sizeof(T)));
    Buffer* b = new_buffer(static_cast<int64_t>(n * sizeof(T) + kFront));
    *reinterpret_cast<Buffer**>(b->data) = b;
    return reinterpret_cast<T*>(b->data + kFront);
  }
  void deallocate(T* p, std::size_t n) {
    if (n * sizeof(T) < kLeast) return ::operator delete(p);
    Buffer::destroy(*reinterpret_cast<Buffer**>(reinterpret_cast<char*>(p) - kFront));
  }
  template <class U> bool operator==(const PoolAllocator<U>&) const { return true; }
};

template <class T> using List = std::vector<T, PoolAllocator<T>>;

}  // namespace wengert::core
