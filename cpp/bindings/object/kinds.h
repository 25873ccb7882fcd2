// What a handle stands for, and passes for inside a transform or a recording: code asks `isinstance(x, np.ndarray)`,
// `isinstance(x, float)`, `hasattr(x, "shape")`, and must go the way there that it goes outside. Exact types (is_array,
// Py_TYPE, type(x)) are not fooled.
//
// Functions of ours give Arrays; operators, methods and NumPy's functions give what NumPy's give: anything with an Array
// is an Array, number op number a number, all else NumPy's.
#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

PyObject* class_of(PyArray* a);   // borrowed; outside of transforms and recordings always the type itself
PyObject* get_class(PyArray* a);  // a new reference
// Raises AttributeError if it is a number: `hasattr(x, "shape")` asks for that.
void refuse_number(PyArray* a, const char* name);

bool is_number(PyObject* o);          // of Python
bool stands_for_scalar(PyObject* o);  // and not for an array
// Is it nothing of ours, and holds nothing of ours?
bool is_foreign(PyObject* o);
// What a function gets for the argument o: of its kind, but a scalar only if 0-d.
PyObject* wrap_like(PyObject* o, Value v);
// What functions of the mirror compute with: an Array, which has a shape, also of a number.
PyObject* operand_of(PyObject* o);

// The same result, foreign if all operands are.
inline PyObject* marked(PyObject* result, const PyArray* self) {
  if (self->foreign()) as_array(result)->version |= kForeign;
  return result;
}
PyObject* marked(PyObject* result, PyObject* const* operands, Py_ssize_t n);

void bind_kinds(py::module_& m);

}  // namespace wengert::bindings
