// Iteration over the first axis of an Array.
#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

PyObject* elements(PyObject* array);  // iter(array)
void bind_elements(py::module_& m);

}  // namespace wengert::bindings
