#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

void bind_loops(py::module_& m);
// In the body of a loop that is being recorded: an error if this array, or the one it is a view of, is none of the
// body's values. What is done to it would happen once instead of once a step.
void refuse_outside_write(const PyArray* a);

}  // namespace wengert::bindings
