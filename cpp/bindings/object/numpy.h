// NumPy's C API, as every version from 2.0 on has it. Its table of functions is filled by load_numpy_types().
#pragma once
#include <pybind11/pybind11.h>  // Python.h comes first

#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL wengert_numpy_api
#ifndef WENGERT_DEFINES_NUMPY_API
#define NO_IMPORT_ARRAY
#endif
#include <numpy/arrayobject.h>

namespace wengert::bindings {

inline PyArrayObject* as_ndarray(PyObject* o) { return reinterpret_cast<PyArrayObject*>(o); }
inline char* elements_of(PyObject* ndarray) { return PyArray_BYTES(as_ndarray(ndarray)); }
inline bool is_row_major(PyObject* ndarray) { return PyArray_CHKFLAGS(as_ndarray(ndarray), NPY_ARRAY_C_CONTIGUOUS); }

}  // namespace wengert::bindings
