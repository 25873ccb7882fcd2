#pragma once
#include <pybind11/pybind11.h>

namespace wengert::bindings {
void bind_no_grad(pybind11::module_& m);
}
