// Arguments of a compiled function that are Python numbers, while it is recorded: they count as Python counts.
#pragma once
#include "ad/recorder.h"
#include "bindings/object/convert.h"

namespace wengert::bindings {

// Is it a Python number of the function that is being recorded?
inline bool is_python_number(const Value& v) { return v.weak && ad::level_as<ad::Recorder>(v.level) && v.level->alive; }

// Do operations on two Python numbers give exactly what Python gives? Where they are differentiated, divisors of zero and
// powers that are not real give infinities and NaN.
inline bool count_as_python(const Value& a, const Value& b) {
  auto differentiated = [](const Value& v) { return v.level && !ad::level_as<ad::Recorder>(v.level); };
  return !differentiated(a) && !differentiated(b);
}

// `a op b` of two Python numbers where arrays would give something else: whole numbers know no limit, divisors of zero
// raise, truth values add up. Otherwise (null, no exception) the operation is recorded as it is; whatever that depends
// on has become a guard.
PyObject* python_arithmetic(ad::OpCode op, const Value& a, const Value& b);
// The same for operations that arrays do not have: with the numbers as they are, which become guards.
using PythonOperation = PyObject* (*)(PyObject*, PyObject*);
PyObject* with_numbers(PythonOperation f, const Value& a, const Value& b);
py::object number_of(const Value& v);
// `a op b` where one is a Python number that is recorded and the other one that no integer type holds; else null.
PyObject* beyond(ad::OpCode op, PyObject* a, PyObject* b);

// In the body of a loop, which counts as arrays do, Python's whole numbers are to stay below kCarried from step to step.
inline constexpr double kCarried = 0x1p53;
void keep_whole(ad::Recorder& body, const Value& carried);  // adds the condition, unless it holds anyway

}  // namespace wengert::bindings
