#pragma once
#include "bindings/convert.h"

namespace wengert::bindings {

void bind_loops(py::module_& m);

}  // namespace wengert::bindings
