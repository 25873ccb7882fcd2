// The smallest test harness that will do: CHECK, a count, an exit code.
#pragma once

#include <cstdio>
#include <exception>
#include <string>

struct Tests {
  int checks = 0, failures = 0;
  static Tests& all() {
    static Tests t;
    return t;
  }
};

// CHECK(condition) or CHECK(condition, format, …).
#define CHECK(condition, ...)                                           \
  do {                                                                  \
    ++Tests::all().checks;                                              \
    if (!(condition) && ++Tests::all().failures <= 20) {                \
      std::printf("%s:%d: failed: %s", __FILE__, __LINE__, #condition); \
      __VA_OPT__(std::printf(": " __VA_ARGS__);)                        \
      std::printf("\n");                                                \
    }                                                                   \
  } while (0)

// What the exception says that f throws; empty if it throws none.
template <class F> std::string error_of(F&& f) {
  try {
    f();
    return {};
  } catch (const std::exception& e) {
    return e.what();
  }
}

inline int report() {
  std::printf("%d checks, %d failures\n", Tests::all().checks, Tests::all().failures);
  return Tests::all().failures == 0 && Tests::all().checks > 0 ? 0 : 1;
}
