// x[index] and x[index] = v in terms of the indexing primitives.
#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

PyObject* get_item(PyArray* self, PyObject* index);
void set_item(PyArray* self, PyObject* index, PyObject* v);
// The functional forms, for wengert.numpy and the functions index_update / index_add.
Value indexed(const Value& x, PyObject* index);
void index_change(Value& x, PyObject* index, const Value& v, bool add);

}  // namespace wengert::bindings
