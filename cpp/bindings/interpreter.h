// The interpreter's lock, and calls that go back into Python.
//
// A thread that waits for the lock while the interpreter ends (a daemon thread) is ended by Python 3.10 to 3.13 with
// pthread_exit, which unwinds the stack: through destructors that need the lock, to frames that nothing may leave, and
// the process aborts. Here such a thread waits for ever instead, as Python itself does from 3.14 on.
#pragma once
#include <pybind11/pybind11.h>

namespace wengert::bindings {

namespace py = pybind11;

[[noreturn]] void wait_for_ever() noexcept;
bool interpreter_ends();
void install_lock_hooks();

// f uses the C API only: what unwinds out of it is the end of the thread.
template <class F> auto going_back(F&& f) noexcept -> decltype(f()) {
  try {
    return f();
  } catch (...) {
    wait_for_ever();
  }
}

// Calls into Python; null, with an exception set, if it raises.
inline PyObject* call_python(PyObject* f, PyObject* args, PyObject* kwargs = nullptr) {
  return going_back([=] { return PyObject_Call(f, args, kwargs); });
}
// The same with arguments as they are; error_already_set if it raises.
template <class... Args> py::object called(const py::object& f, const Args&... args) {
  const py::tuple given = py::make_tuple(args...);
  PyObject* r = call_python(f.ptr(), given.ptr());
  if (!r) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(r);
}

}  // namespace wengert::bindings
