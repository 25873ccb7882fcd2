// Tapes and threads: who sweeps a tape has it for himself until he is done, or gone.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "ad/reverse.h"
#include "check.h"
#include "core/unlocked.h"

using namespace wengert;
using namespace wengert::ad;

namespace {

std::mutex interpreter;  // stands for Python's lock: everything happens under it, but for Unlocked

void wait_unlocked(int microseconds) {
  const core::Unlocked unlocked(true);
  std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
}

struct Thread {  // joined with the lock open
  template <class F>
  explicit Thread(F&& f)
      : thread([f] {
          const std::lock_guard held(interpreter);
          f();
        }) {}
  ~Thread() {
    const core::Unlocked unlocked(true);
    thread.join();
  }
  std::thread thread;
};

void ones_own() {
  Tape t;
  CHECK(!t.being_swept() && !t.wait_for_sweep());
  {
    const Sweeping outer(t);
    CHECK(t.being_swept() && !t.wait_for_sweep());  // nobody to wait for
    {
      const Sweeping inner(t);
      CHECK(t.being_swept());
    }
    CHECK(t.being_swept() && !t.wait_for_sweep());
  }
  CHECK(!t.being_swept());
}

void of_another_thread() {
  Tape t;
  std::vector<int> order;
  {
    std::optional<Sweeping> mine(std::in_place, t);
    const Thread sweeps([&] {
      order.push_back(1);
      const Sweeping its(t);
      order.push_back(3);
    });
    const Thread records([&] {
      while (order.empty()) wait_unlocked(100);
      CHECK(t.wait_for_sweep());
      order.push_back(4);
      CHECK(!t.wait_for_sweep());
    });
    while (order.empty()) wait_unlocked(100);
    wait_unlocked(5000);
    order.push_back(2);
    mine.reset();
  }
  CHECK(order.size() == 4 && order[0] == 1 && order[1] == 2, "%zu", order.size());
  CHECK(!t.being_swept());
}

void one_at_a_time() {
  Tape t;
  int inside = 0, most = 0, sweeps = 0;
  {
    std::vector<std::unique_ptr<Thread>> threads;
    for (int k = 0; k < 4; ++k)
      threads.push_back(std::make_unique<Thread>([&] {
        for (int round = 0; round < 25; ++round) {
          const Sweeping its(t);
          most = std::max(most, ++inside);
          wait_unlocked(50);  // a long kernel
          const Sweeping again(t);
          --inside;
          ++sweeps;
        }
      }));
  }
  CHECK(most == 1 && sweeps == 100, "%d at a time, %d in all", most, sweeps);
}

// At the end of the interpreter threads stop where they are: their claims bind nobody.
void at_the_end() {
  Tape t;
  std::optional<Sweeping> stopped;
  {
    const Thread other([&] { stopped.emplace(t); });
  }
  CHECK(t.being_swept());
  core::lock_hooks.ending = [] { return true; };
  CHECK(!t.wait_for_sweep() && !t.being_swept());
  core::lock_hooks.ending = nullptr;
}

// Neither do those of threads that a fork left behind; that of the thread that forked holds.
void after_a_fork() {
  Tape t, mine;
  bool claimed = false, over = false;
  const Sweeping own(mine);
  const Thread other([&] {
    const Sweeping its(t);
    claimed = true;
    while (!over) wait_unlocked(100);
  });
  while (!claimed) wait_unlocked(100);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const bool kept = mine.being_swept() && !mine.wait_for_sweep() && mine.being_swept();
    const bool free = t.being_swept() && !t.wait_for_sweep() && !t.being_swept();
    _exit(!kept ? 2 : !free ? 3 : 0);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
  CHECK(t.being_swept());  // in the parent nothing has changed
  over = true;
}

}  // namespace

int main() {
  const std::lock_guard held(interpreter);
  core::lock_hooks.release = []() -> void* {
    interpreter.unlock();
    return &interpreter;
  };
  core::lock_hooks.acquire = [](void*) { interpreter.lock(); };
  ones_own();
  of_another_thread();
  one_at_a_time();
  at_the_end();
  after_a_fork();
  return report();
}
