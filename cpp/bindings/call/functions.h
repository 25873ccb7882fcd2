// The primitives as Python functions, made by loops over the list.
#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

void bind_ops(py::module_& m);

PyObject* structured_function(ad::OpCode op, PyObject* const* args, Py_ssize_t n, PyObject* kwnames);
Value promoted(ad::OpCode op, std::vector<Value>& operands, const ad::ParamsRef& params);
// OverflowError if a Python int is to become an integer type that does not hold it.
void check_fits(const Value& literal, core::DType t, const char* op);
Value call_binary(ad::OpCode op, const Value& a, const Value& b);

}  // namespace wengert::bindings
