#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

void bind_array_type(py::module_& m);

}  // namespace wengert::bindings
