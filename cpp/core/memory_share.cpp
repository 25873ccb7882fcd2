#include "core/memory_share.h"

#include <cstdio>
#include <cstdlib>

namespace wengert::core {
namespace {

struct Memory {
  double total = 0, free = 0;  // bytes
};

// The lines of a file: f(line), until it answers false.
template <class F> bool each_line(const char* path, F&& f) {
  std::FILE* file = std::fopen(path, "r");
  if (!file) return false;
  char line[256];
  while (std::fgets(line, sizeof line, file) && f(static_cast<const char*>(line))) {
  }
  std::fclose(file);
  return true;
}

double number_in(const char* path) {
  double n = -1;
  each_line(path, [&](const char* line) {
    if (std::sscanf(line, "%lf", &n) != 1) n = -1;  // "max"
    return false;
  });
  return n;
}

// What the machine has, swap included. Nothing is known outside Linux.
Memory of_machine() {
  Memory m;
  each_line("/proc/meminfo", [&](const char* line) {
    double kib = 0;
    if (std::sscanf(line, "MemTotal: %lf", &kib) == 1 || std::sscanf(line, "SwapTotal: %lf", &kib) == 1) {
      m.total += 1024 * kib;
    } else if (std::sscanf(line, "MemAvailable: %lf", &kib) == 1 || std::sscanf(line, "SwapFree: %lf", &kib) == 1) {
      m.free += 1024 * kib;
    }
    return true;
  });
  return m;
}

// What the control group of a container has (version 2). Cached files count as used there, but make room.
Memory of_group() {
  Memory m;
  const double most = number_in("/sys/fs/cgroup/memory.max"), used = number_in("/sys/fs/cgroup/memory.current");
  if (most < 0 || used < 0) return m;
  m.total = most;
  m.free = most - used;
  each_line("/sys/fs/cgroup/memory.stat", [&](const char* line) {
    double cached = 0;
    const bool found = std::sscanf(line, "inactive_file %lf", &cached) == 1;
    m.free += cached;
    return !found;
  });
  return m;
}

double share() {
  static const double s = [] {
    const char* text = std::getenv("WENGERT_MEMORY_SHARE");
    return text ? std::atof(text) : 0.97;
  }();
  return s;
}

}  // namespace

void require_memory(int64_t bytes) {
  if (share() >= 1) return;
  for (const Memory& m : {of_machine(), of_group()}) {
    if (m.total <= 0 || m.total - m.free + static_cast<double>(bytes) <= share() * m.total) continue;
    char text[400];
    std::snprintf(
        text, sizeof text,
        "wengert: %.1f MB more would fill over %.0f %% of the memory (%.1f GB, of which %.1f GB are free). A long "
        "recording keeps less with wengert.checkpoint or scan(..., checkpoint=\"sqrt\"); the environment variable "
        "WENGERT_MEMORY_SHARE sets the share (1: no limit).",
        static_cast<double>(bytes) / 1e6, 100 * share(), m.total / 1e9, m.free / 1e9);
    throw OutOfMemory(text);
  }
}

}  // namespace wengert::core
