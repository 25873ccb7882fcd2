#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

extern PyTypeObject* transform_type;
void bind_transform_type(py::module_& m);

}  // namespace wengert::bindings
