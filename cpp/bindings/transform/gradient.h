#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

void bind_gradient(py::module_& m);
// `gradient`: an object of the type that is bound here. NotImplemented where an argument has other leaves or
// containers.
PyObject* run_gradient(PyObject* gradient, PyObject* args, PyObject* kwargs);

}  // namespace wengert::bindings
