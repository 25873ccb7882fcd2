#include "bindings/object/elements.h"

#include "bindings/object/index.h"

namespace wengert::bindings {
namespace {

// Elements one by one, forwards or backwards. An iterator of our own, because PySeqIter asks for sq_item: a type that
// has it is a sequence to NumPy, which then puts its own words in place of ours when `out[i] = x` fails.
struct Elements {
  PyObject ob_base;
  PyObject* array;
  Py_ssize_t at, stop, step;
};
PyTypeObject* elements_type = nullptr;

PyObject* elements_of(PyObject* a, bool backwards) {
  return translated([&]() -> PyObject* {
    const Dims& shape = read(as_array(a)).shape();
    if (shape.empty()) type_error("wengert: iteration over a 0-d array");
    auto* it = PyObject_New(Elements, elements_type);
    if (!it) throw PythonError{};
    Py_INCREF(a);
    it->array = a;
    it->step = backwards ? -1 : 1;
    it->at = backwards ? shape[0] - 1 : 0;
    it->stop = backwards ? -1 : shape[0];
    return reinterpret_cast<PyObject*>(it);
  });
}
PyObject* next_element(PyObject* o) {
  auto* it = reinterpret_cast<Elements*>(o);
  if (it->at == it->stop) return nullptr;
  const py::object index = py::reinterpret_steal<py::object>(PyLong_FromSsize_t(it->at));
  it->at += it->step;
  return translated([&] { return get_item(as_array(it->array), index.ptr()); });
}

void free_elements(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  Py_DECREF(reinterpret_cast<Elements*>(o)->array);
  PyObject_Free(o);
  Py_DECREF(type);
}

template <class F> void* slot(F f) { return reinterpret_cast<void*>(f); }
PyType_Slot slots[] = {{Py_tp_dealloc, slot(free_elements)},
                       {Py_tp_iter, slot(PyObject_SelfIter)},
                       {Py_tp_iternext, slot(next_element)},
                       {0, nullptr}};
PyType_Spec spec = {"wengert._core.Elements", sizeof(Elements), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

}  // namespace

PyObject* elements(PyObject* array) { return elements_of(array, false); }

void bind_elements(py::module_& m) {
  elements_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!elements_type) throw py::error_already_set();
  m.def("elements_backwards", [](const py::object& a) {
    if (!is_array(a.ptr())) type_error("wengert: expected an Array");
    PyObject* it = elements_of(a.ptr(), true);
    if (!it) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(it);
  });
}

}  // namespace wengert::bindings
