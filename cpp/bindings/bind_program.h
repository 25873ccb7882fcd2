// Compiled functions: the C-level callable of wengert.compile.
#pragma once
#include "bindings/convert.h"

namespace wengert::bindings {

void bind_program(py::module_& m);

}  // namespace wengert::bindings
