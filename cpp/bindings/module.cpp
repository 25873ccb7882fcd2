#include <pybind11/pybind11.h>

#include "bindings/call/functions.h"
#include "bindings/call/tree.h"
#include "bindings/compiled/callable.h"
#include "bindings/compiled/captures.h"
#include "bindings/interpreter.h"
#include "bindings/loops.h"
#include "bindings/object/array_type.h"
#include "bindings/transform/garbage.h"
#include "bindings/transform/gradient.h"
#include "bindings/transform/levels.h"
#include "bindings/transform/no_grad.h"
#include "bindings/transform/reverse_call.h"
#include "bindings/transform/transform_type.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "The compiled core of wengert: arrays, primitives, levels of differentiation.";
  wengert::bindings::install_lock_hooks();
  wengert::bindings::load_numpy_types();
  pybind11::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const wengert::Error&) {
      wengert::bindings::set_python_error();
    } catch (const wengert::bindings::PythonError&) {
    }
  });
  wengert::bindings::bind_array_type(m);
  wengert::bindings::bind_ops(m);
  wengert::bindings::bind_garbage(m);
  wengert::bindings::bind_no_grad(m);
  wengert::bindings::bind_ad(m);
  wengert::bindings::bind_tree(m);
  wengert::bindings::bind_gradient(m);
  wengert::bindings::bind_reverse_call(m);
  wengert::bindings::bind_transform_type(m);
  wengert::bindings::bind_captures(m);
  wengert::bindings::bind_program(m);
  wengert::bindings::bind_loops(m);
}
