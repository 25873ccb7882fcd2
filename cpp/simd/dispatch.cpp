#include "simd/dispatch.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#if __has_include(<unistd.h>)
#include <unistd.h>
#endif

namespace wengert::simd {
namespace {

constexpr const char* names[isa_count] = {"scalar", "x86-64-v2", "x86-64-v3", "x86-64-v4", "arm64"};

struct Choice {
  Isa isa = Isa::scalar;
  bool failed = false;
  char error[256] = "";
  char list[96] = "";

  Choice() {
    for (int i = 0; i < isa_count; ++i) {
      if (!supported(Isa(i))) continue;
      isa = Isa(i);
      if (list[0]) std::strcat(list, ",");
      std::strcat(list, names[i]);
    }
    const char* wanted = std::getenv("WENGERT_ISA");
    if (!wanted || !wanted[0]) return;
    for (int i = 0; i < isa_count; ++i) {
      if (std::strcmp(wanted, names[i]) == 0 && supported(Isa(i))) {
        isa = Isa(i);
        return;
      }
    }
    failed = true;
    std::snprintf(error, sizeof error, "WENGERT_ISA=%.40s is not available here; using %s. Choose one of: %s", wanted,
                  names[int(isa)], list);
  }
};

Choice& choice() {
  static Choice c;
  return c;
}

}  // namespace

bool supported(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return true;
#if defined(__x86_64__)
    case Isa::x86_64_v2:
      return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
    case Isa::x86_64_v3:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") &&
             __builtin_cpu_supports("bmi");
    case Isa::x86_64_v4:
      return supported(Isa::x86_64_v3) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
#elif defined(__aarch64__)
    case Isa::arm64:
      return true;
#endif
    default:
      return false;
  }
}

Isa active() { return choice().isa; }
const char* name_of(Isa isa) { return names[int(isa)]; }
const char* active_isa() { return names[int(active())]; }
const char* supported_isas() { return choice().list; }
const char* dispatch_error() { return choice().failed ? choice().error : nullptr; }

long l2_bytes() {
  constexpr long usual = 1 << 20, least = 128 << 10, most = 4 << 20;
#ifdef _SC_LEVEL2_CACHE_SIZE
  const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (bytes >= least) return bytes < most ? bytes : most;
#endif
  return usual;
}

bool set_isa(const char* name) {
  for (int i = 0; i < isa_count; ++i) {
    if (std::strcmp(name, names[i]) == 0 && supported(Isa(i))) {
      choice().isa = Isa(i);
      return true;
    }
  }
  return false;
}

}  // namespace wengert::simd
