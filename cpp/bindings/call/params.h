// Parameters of structured operations: from Python arguments, and back.
#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

std::string op_name(ad::OpCode op);
[[noreturn]] void wrong_count(ad::OpCode op, Py_ssize_t got);
std::string keyword_hint(PyObject* name);
void refuse_keywords(ad::OpCode op, PyObject* kwnames);

// Parameters of a structured operation from Python arguments: args[first …] then keywords.
ad::ParamsRef parse_params(ad::OpCode op, const Dims& shape, PyObject* const* args, Py_ssize_t n, PyObject* kwnames);
// As keyword arguments again.
py::dict params_dict(const ops::Params* p);

}  // namespace wengert::bindings
