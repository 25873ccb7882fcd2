// Views as NumPy has them: which results share the storage of their operand, and where in it they lie.
#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

// In elements of the storage the array belongs to.
Dims strides_of(const PyArray* a);
int64_t offset_of(const PyArray* a);
bool is_row_major(const PyArray* a);

// v read out of the storage of base, where the strides say. A copy if base is a scalar.
PyObject* wrap_view(PyArray* base, Value v, Dims strides, int64_t offset, bool read_only = false);
// r, the value of a reshape, transposition, slice or broadcast of base: a view wherever NumPy has one.
PyObject* wrap_moved(PyArray* base, ad::OpCode op, const ops::Params& p, Value r);
bool may_view(ad::OpCode op);

// NumPy was given the numbers of a recorded array. A write into it would have to show there, on replays too: as long as
// somebody holds them, it is refused.
void lend(PyArray* a, PyObject* numbers);

PyObject* same_view(PyArray* a);  // x.view()
PyObject* raveled(PyArray* a);    // a view if the elements lie in row-major order, else a copy
PyObject* diagonal_view(PyArray* a, int64_t offset, int64_t axis1, int64_t axis2, bool read_only);
Value diagonal_of(const Value& x, int64_t offset, int axis1, int axis2);

}  // namespace wengert::bindings
