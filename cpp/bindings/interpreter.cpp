#include "bindings/interpreter.h"

#include <chrono>
#include <thread>

#include "core/unlocked.h"

namespace wengert::bindings {

void wait_for_ever() noexcept {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

bool interpreter_ends() {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

void install_lock_hooks() {
  core::lock_hooks = {
      []() -> void* { return PyEval_SaveThread(); },
      [](void* state) { going_back([=] { PyEval_RestoreThread(static_cast<PyThreadState*>(state)); }); },
      interpreter_ends};
}

}  // namespace wengert::bindings
