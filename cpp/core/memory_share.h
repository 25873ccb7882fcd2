// Whether memory suffices. The system promises more than it has and then kills the process, so a recording that grows
// without end has to be told while there is still some left.
#pragma once
#include <cstdint>
#include <new>
#include <string>

namespace wengert::core {

class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::string what) : what_(std::move(what)) {}
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

// Throws OutOfMemory if with `bytes` more than a share of the memory (of the machine, or of the control group) were in
// use: 97 %, or what WENGERT_MEMORY_SHARE says. Reads files of the system, 30 us.
void require_memory(int64_t bytes);

// The same for small pieces: looks whenever they have come to 64 MiB.
inline constexpr int64_t kLookEvery = int64_t{64} << 20;
inline void count_memory(int64_t bytes) {
  static thread_local int64_t counted = 0;
  if ((counted += bytes) < kLookEvery) return;
  counted = 0;
  require_memory(bytes);
}

}  // namespace wengert::core
