// Attributes and methods of wengert.Array, as tables for the type.
#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

extern PyMethodDef array_methods[];
extern PyGetSetDef array_attributes[];
PyObject* array_repr(PyObject* self);
int array_buffer(PyObject* self, Py_buffer* view, int flags);
// The Python-level parts: __array_ufunc__, __array_function__, the namespace, repr.
void set_array_hooks(const py::dict& d);
PyObject* array_hook(const char* name);  // borrowed
// NumPy's ufuncs and the functions called for them.
void set_ufuncs(const py::dict& d);
// The one element of an array, or TypeError. A recording is told that it was asked for.
const core::Array& only_element(PyObject* a, const char* what);
// The same rounded towards zero, for int(): only the whole number counts for the recording.
const core::Array& whole_element(PyObject* a);

// A value of its own, for copies.
Value copied(const Value& x);

}  // namespace wengert::bindings
