#pragma once
#include "bindings/convert.h"

namespace wengert::bindings {

void bind_gradient(py::module_& m);

}  // namespace wengert::bindings
