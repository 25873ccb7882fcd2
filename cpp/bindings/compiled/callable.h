// Compiled functions: the C-level callable of wengert.compile.
#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

void bind_program(py::module_& m);

}  // namespace wengert::bindings
