#include "bindings/object/lost.h"

#include "ad/batch.h"
#include "ad/recorder.h"
#include "bindings/object/array_methods.h"
#include "bindings/object/backward.h"

namespace wengert::bindings {
namespace {

// The Python half knows the user's line, what was called there and what to write instead.
std::string explained(const char* how, const std::string& about = {}) {
  const py::object text =
      py::reinterpret_steal<py::object>(PyObject_CallFunction(array_hook("lost"), "ss", how, about.c_str()));
  if (!text) throw PythonError{};
  return py::str(text);
}

}  // namespace

const ad::Level* follower(const Value& v) {
  for (const Value* at = &v; at->level; at = &at->box->primal) {
    const ad::Level* t = at->level.get();
    if (t->alive && !ad::level_as<ad::Recorder>(t) && !ad::level_as<ad::BatchLevel>(t)) return t;
    if (!at->box) break;
  }
  return nullptr;
}

void refuse_lost(const Value& v, const char* how) {
  const ad::Level* t = follower(v);
  if (!t) return;
  if (t->depth == 0)
    type_error(std::string("wengert: ") + (std::string_view(how) == "numpy" ? "numpy()" : "conversion to NumPy") +
               " of an array that requires gradients would lose the derivative; use .detach() first, or a function of "
               "wengert.numpy");
  type_error(explained(how));
}

void refuse_lost_number(const Value& v, const char* how) {
  const ad::Level* t = core::is_float(v.dtype()) ? follower(v) : nullptr;
  if (!t) return;
  if (t->depth > 0) type_error(explained(how));
  if (std::string_view(how) == "item" || !awaits_backward(v)) return;
  if (PyErr_WarnEx(PyExc_UserWarning,
                   "wengert: float() (or a function that calls it: of math, of NumPy) takes the number of an array "
                   "that requires gradients, without its derivative; write x.item() or x.detach() if that is meant",
                   1) < 0)
    throw PythonError{};
}

void refuse_outer_write(PyArray* a, const Value& v) {
  const ad::Level* t = v.level.get();
  if (!t || t->depth == 0 || ad::level_as<ad::Recorder>(t)) return;
  if (a->link && a->link->root) a = a->link->root;
  // Levels are numbered as they open; the difference is right also when the count has gone round.
  if (static_cast<int32_t>(a->born - static_cast<uint32_t>(t->order)) >= 0) return;
  type_error(explained("outer", core::describe(*a->value.array)));
}

}  // namespace wengert::bindings
