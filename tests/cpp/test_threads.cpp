// The pool: every block once, nested and concurrent loops, changing counts, and life after fork().
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "check.h"
#include "simd/threads.h"

namespace {
using namespace wengert::simd;

bool every_block_once(int64_t blocks) {
  std::vector<std::atomic<int>> seen(blocks);
  parallel_for(blocks, [&](int64_t b) { ++seen[b]; });
  for (auto& s : seen) {
    if (s != 1) return false;
  }
  return true;
}

}  // namespace

int main() {
  for (int threads : {1, 2, 4, 3, 8, 1, 2}) {
    set_num_threads(threads);
    CHECK(num_threads() == threads, "%d", threads);
    for (int round = 0; round < 300; ++round) {
      for (int64_t blocks : {0, 1, 2, 3, 17, 100}) CHECK(every_block_once(blocks), "%d threads", threads);
    }
  }
  set_num_threads(4);
  std::atomic<int> inner{0};
  parallel_for(8, [&](int64_t) { parallel_for(5, [&](int64_t) { ++inner; }); });
  CHECK(inner == 40, "nested loops ran %d blocks", inner.load());

  std::atomic<bool> good{true};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        if (!every_block_once(23)) good = false;
      }
    });
  }
  for (auto& t : callers) t.join();
  CHECK(good, "concurrent callers");

  const pid_t child = fork();
  if (child == 0) _exit(every_block_once(50) && every_block_once(1000) ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "loops in a forked child: status %d", status);
  CHECK(every_block_once(50), "the parent after fork");
  return report();
}
