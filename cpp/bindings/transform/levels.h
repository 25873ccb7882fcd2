#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

void bind_ad(py::module_& m);

}  // namespace wengert::bindings
