// What Python's garbage collector sees of levels: tapes are C++, but the rules on them (custom_vjp, checkpoint …) are
// Python functions, which may hold a model, which may hold a value of that tape.
//
// A tape with such rules has one Python object, its keeper, that stands for it: the collector goes from Arrays and
// levels to the keeper and from there to the rules. It frees what is referred to only from garbage, so it has to count
// exactly: every reference to the tape that it meets must be one of the keeper. The keeper therefore has some
// references in the name of the tape's owners, at least as many as the tape has, and says itself where those are that
// are too many. References to the tape that the collector cannot see (from C++ only) are then left over, and nothing is
// freed.
#pragma once
#include "ad/reverse.h"
#include "bindings/object/convert.h"

namespace wengert::bindings {

// From the first function with a rule of its own on, Arrays that belong to a level are known to the collector. Others
// never are, and a program without such rules pays nothing.
extern bool rules_possible;
void track(PyArray* a);
inline void follow(PyArray* a) {
  if (a->value.level && rules_possible) [[unlikely]]
    track(a);
}

// A call of a function with a rule of the user's own.
struct Rule : ad::CustomCall {
  Rule(py::object f, std::vector<std::pair<Dims, DType>> operands) : f_(std::move(f)), operands_(std::move(operands)) {}
  std::vector<Value> backward(const std::vector<Value>& cotangents) override;
  PyObject* function() const { return f_.ptr(); }
  py::object dropped() { return std::exchange(f_, py::object()); }

 private:
  py::object f_;  // list of cotangents -> list with one entry (or None) for each operand
  std::vector<std::pair<Dims, DType>> operands_;
};

void keep_rules(ad::ReverseLevel* t);  // it has one now
int visit_level(const ad::Level* t, visitproc visit, void* arg);
int visit_value(const Value& v, visitproc visit, void* arg);
void bind_garbage(py::module_& m);

// For py::class_: T has `int traverse(visitproc, void*) const`.
template <class T> py::custom_type_setup collected() {
  return py::custom_type_setup([](PyHeapTypeObject* heap) {
    PyTypeObject* type = &heap->ht_type;
    type->tp_flags |= Py_TPFLAGS_HAVE_GC;
    type->tp_traverse = [](PyObject* self, visitproc visit, void* arg) {
      Py_VISIT(Py_TYPE(self));
      const auto* i = reinterpret_cast<py::detail::instance*>(self);
      if (!i->simple_layout || !i->simple_holder_constructed) return 0;
      return static_cast<const T*>(i->simple_value_holder[0])->traverse(visit, arg);
    };
  });
}

}  // namespace wengert::bindings
