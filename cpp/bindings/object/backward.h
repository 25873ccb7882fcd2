// Gradients in PyTorch's style: requires_grad, grad, backward.
#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

PyObject* get_requires_grad(PyArray* a);
int set_requires_grad(PyObject* o, PyObject* v, void*);
PyObject* get_grad(PyArray* a);
int set_grad(PyObject* o, PyObject* v, void*);
// Whether backward() would take a derivative through this value: recorded at depth 0, and not swept yet.
bool awaits_backward(const Value& v);
PyObject* backward(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames);

}  // namespace wengert::bindings
