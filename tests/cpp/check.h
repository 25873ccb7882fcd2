// The smallest test harness that will do: CHECK, a count, an exit code.
#pragma once

#include <cstdio>

struct Tests {
  int guards = 0, failures = 0;
  static Tests& all() {
    static Tests t;
    return t;
  }
};

#define CHECK(condition, ...)                                             \
  do {                                                                    \
    ++Tests::all().guards;                                                \
    if (!(condition) && ++Tests::all().failures <= 20) {                  \
      std::printf("%s:%d: failed: %s: ", __FILE__, __LINE__, #condition); \
      std::printf(__VA_ARGS__);                                           \
      std::printf("\n");                                                  \
    }                                                                     \
  } while (0)

inline int report() {
  std::printf("%d guards, %d failures\n", Tests::all().guards, Tests::all().failures);
  return Tests::all().failures == 0 ? 0 : 1;
}
