#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

void bind_gradient(py::module_& m);
bool is_gradient(const py::object& f);
// `gradient`: an object of the type that is bound here.
PyObject* run_gradient(PyObject* gradient, PyObject* args, PyObject* kwargs);

}  // namespace wengert::bindings
