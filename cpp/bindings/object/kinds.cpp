#include "bindings/object/kinds.h"

#include <pybind11/numpy.h>

#include "bindings/call/depth.h"

namespace wengert::bindings {

bool is_number(PyObject* o) { return PyFloat_Check(o) || PyLong_Check(o); }  // NumPy's float64 is a float

bool stands_for_scalar(PyObject* o) { return is_array(o) ? as_array(o)->scalar() : !py::isinstance<py::array>(o); }

PyObject* wrap_like(PyObject* o, Value v) {
  const bool foreign = !is_array(o) || as_array(o)->foreign();
  if (!v.shape().empty() || !stands_for_scalar(o)) return wrap_array(std::move(v), foreign);
  v.weak = is_array(o) ? as_array(o)->value.weak : PyFloat_CheckExact(o) || PyLong_CheckExact(o);
  return wrap(std::move(v), foreign);
}

bool is_foreign(PyObject* o) {
  if (is_array(o)) return as_array(o)->foreign();
  bool all = true;
  if (PyTuple_Check(o) || PyList_Check(o)) {
    const Deeper deeper("looking for Arrays");
    for_items(o, [&](PyObject* item) { all = all && is_foreign(item); });
  }
  return all;
}

namespace {
void mark(PyObject* o) {
  if (is_array(o)) as_array(o)->version |= kForeign;
  if (PyTuple_Check(o) || PyList_CheckExact(o)) for_items(o, mark);
}
}  // namespace

PyObject* marked(PyObject* result, PyObject* const* operands, Py_ssize_t n) {
  for (Py_ssize_t i = 0; i < n; ++i)
    if (!is_foreign(operands[i])) return result;
  mark(result);
  return result;
}

namespace {
// Inside a transform or a recording, also in other threads than its own.
bool inside(const PyArray* a) {
  const ad::Level* t = a->value.level.get();
  return ad::current_depth() > 0 || (t && t->alive && t->depth > 0);
}
}  // namespace

PyObject* class_of(PyArray* a) {
  PyTypeObject* type = array_type;
  const auto t = static_cast<int>(a->value.dtype());
  if (!a->foreign() || !inside(a)) return reinterpret_cast<PyObject*>(type);
  if (!a->scalar()) return reinterpret_cast<PyObject*>(numpy_types.ndarray);
  if (!a->value.weak) return numpy_types.scalar[t];
  type = core::is_float(a->value.dtype()) ? &PyFloat_Type : a->value.dtype() == DType::b1 ? &PyBool_Type : &PyLong_Type;
  return reinterpret_cast<PyObject*>(type);
}

PyObject* get_class(PyArray* a) { return Py_NewRef(class_of(a)); }

// What Python's numbers do not have: `hasattr(x, "shape")` asks whether x is one.
void refuse_number(PyArray* a, const char* name) {
  if (!a->value.weak || !inside(a)) return;
  PyErr_Format(PyExc_AttributeError,
               "'%s' object has no attribute '%s' (this is a number; wengert.array(x) makes an Array of it)",
               reinterpret_cast<PyTypeObject*>(class_of(a))->tp_name, name);
  throw PythonError{};
}

PyObject* operand_of(PyObject* o) {
  if (is_array(o) && !as_array(o)->value.weak) return Py_NewRef(o);
  Value v = require_value(o, "asarray");
  v.weak = false;
  return is_array(o) || is_number(o) ? wrap(std::move(v)) : wrap_array(std::move(v));
}

namespace {

// Numbers and NumPy scalars have no length: `hasattr(x, "__len__")` and `hasattr(x, "__iter__")` tell them from arrays.
PyObject* method_of_arrays(PyObject* o, void* wrapper) {
  auto* descriptor = static_cast<PyObject*>(wrapper);
  if (is_array(o) && as_array(o)->scalar() && as_array(o)->foreign() && inside(as_array(o))) {
    PyErr_Format(PyExc_AttributeError, "'%s' object has no such method: %R",
                 reinterpret_cast<PyTypeObject*>(class_of(as_array(o)))->tp_name, descriptor);
    return nullptr;
  }
  return Py_TYPE(descriptor)->tp_descr_get(descriptor, o, reinterpret_cast<PyObject*>(Py_TYPE(o)));
}
void hide_from_scalars(const char* name) {
  const py::object attributes = py::handle(reinterpret_cast<PyObject*>(array_type)).attr("__dict__");
  PyObject* wrapper = py::object(attributes[name]).release().ptr();  // lives as long as the type
  auto* def = new PyGetSetDef{name, method_of_arrays, nullptr, nullptr, wrapper};
  const py::object found = py::reinterpret_steal<py::object>(PyDescr_NewGetSet(array_type, def));
  if (!found || PyDict_SetItemString(array_type->tp_dict, name, found.ptr()) < 0) throw py::error_already_set();
  PyType_Modified(array_type);
}

PyObject* operand(PyObject*, PyObject* o) {
  return translated([&] { return operand_of(o); });
}
// What a function composed in Python gives where NumPy has a ufunc or a reduction.
PyObject* scalar(PyObject*, PyObject* o) {
  if (is_array(o) && as_array(o)->value.shape().empty() && !as_array(o)->link) as_array(o)->version |= kScalar;
  return Py_NewRef(o);
}
// What a method composed in Python gives.
PyObject* marked_result(PyObject*, PyObject* const* args, Py_ssize_t n) {
  if (n < 1) return PyErr_Format(PyExc_TypeError, "marked takes a result and its operands");
  return translated([&] { return Py_NewRef(marked(args[0], args + 1, n - 1)); });
}
PyMethodDef functions[] = {
    {"marked", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(marked_result)), METH_FASTCALL,
     "marked(result, /, *operands)\n--\n\nThe result; NumPy's if all operands are."},
    {"scalar", scalar, METH_O, "scalar(result, /)\n--\n\nThe result itself, as a number if it is 0-d."},
    {"operand", operand, METH_O,
     "operand(x, /)\n--\n\nThe argument itself if it is an Array with a shape, else an Array of it."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void bind_kinds(py::module_& m) {
  for (const char* name : {"__len__", "__iter__"}) hide_from_scalars(name);
  if (PyModule_AddFunctions(m.ptr(), functions) < 0) throw py::error_already_set();
  // A derivative as an Array that stands for what the argument is which it belongs to.
  m.def("like", [](const py::object& v, const py::object& x) {
    return is_array(v.ptr()) ? py::reinterpret_steal<py::object>(wrap_like(x.ptr(), read(as_array(v.ptr())))) : v;
  });
  // Of anything; numbers have no such attributes.
  m.def("shape_of", [](const py::object& x) -> py::object {
    if (!is_array(x.ptr()) && py::hasattr(x, "shape")) return x.attr("shape");
    return py::reinterpret_steal<py::object>(from_dims(require_value(x.ptr(), "shape").shape()));
  });
  m.def("dtype_of", [](const py::object& x) -> py::object {
    if (!is_array(x.ptr()) && py::hasattr(x, "dtype")) return x.attr("dtype");
    return py::reinterpret_steal<py::object>(from_dtype(require_value(x.ptr(), "dtype").dtype()));
  });
}

}  // namespace wengert::bindings
