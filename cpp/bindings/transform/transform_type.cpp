// What transforms of functions return: a callable that knows what it was made from, so that it can be pickled and
// copied (python/wengert/transforms/pickling.py). A Gradient (gradient.cpp) is called without a detour.
#include "bindings/transform/transform_type.h"

#include <structmember.h>

#include "bindings/interpreter.h"
#include "bindings/transform/gradient.h"

namespace wengert::bindings {

PyTypeObject* transform_type = nullptr;

namespace {

struct Transform {
  PyObject ob_base;
  PyObject *dict, *weakrefs;
  PyObject* call;    // what it does
  bool gradient;     // that is a Gradient, which is called without a detour
  PyObject* origin;  // (function that made it, its arguments), or None
};
Transform* as_transform(PyObject* o) { return reinterpret_cast<Transform*>(o); }
PyObject* partial = nullptr;  // functools.partial

PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs) {
  const Transform* t = as_transform(self);
  if (!t->call) {
    PyErr_SetString(PyExc_RuntimeError,
                    "wengert: this function was freed by the garbage collector, or not yet unpickled");
    return nullptr;
  }
  if (t->gradient) return run_gradient(t->call, args, kwargs);
  const py::object f = py::reinterpret_borrow<py::object>(t->call);
  return call_python(f.ptr(), args, kwargs);
}

int traverse(PyObject* o, visitproc visit, void* arg) {
  const Transform* t = as_transform(o);
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(t->dict);
  Py_VISIT(t->call);
  Py_VISIT(t->origin);
  return 0;
}
int clear(PyObject* o) {
  Transform* t = as_transform(o);
  Py_CLEAR(t->dict);
  Py_CLEAR(t->call);
  Py_CLEAR(t->origin);
  return 0;
}
void dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  Py_TRASHCAN_BEGIN(o, dealloc) if (as_transform(o)->weakrefs) PyObject_ClearWeakRefs(o);
  clear(o);
  PyObject_GC_Del(o);
  Py_DECREF(type);
  Py_TRASHCAN_END
}

// In a class a transform binds like a function; as a partial call, which can be pickled.
PyObject* bind_method(PyObject* self, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) {
    Py_INCREF(self);
    return self;
  }
  return PyObject_CallFunctionObjArgs(partial, self, instance, nullptr);
}

PyObject* repr(PyObject* self) {
  PyObject* name = PyObject_GetAttrString(self, "__name__");
  if (!name) return nullptr;
  PyObject* r = PyUnicode_FromFormat("<wengert function %S>", name);
  Py_DECREF(name);
  return r;
}

PyMemberDef members[] = {{"__dictoffset__", T_PYSSIZET, offsetof(Transform, dict), READONLY, nullptr},
                         {"__weaklistoffset__", T_PYSSIZET, offsetof(Transform, weakrefs), READONLY, nullptr},
                         {"_origin", T_OBJECT, offsetof(Transform, origin), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};
PyGetSetDef attributes[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};

template <class F> void* slot(F f) { return reinterpret_cast<void*>(f); }
PyType_Slot slots[] = {{Py_tp_dealloc, slot(dealloc)},
                       {Py_tp_traverse, slot(traverse)},
                       {Py_tp_clear, slot(clear)},
                       {Py_tp_call, slot(call)},
                       {Py_tp_members, members},
                       {Py_tp_getset, attributes},
                       {Py_tp_repr, slot(repr)},
                       {Py_tp_descr_get, slot(bind_method)},
                       {Py_tp_doc, const_cast<char*>("A function that a transform returned.")},
                       {0, nullptr}};
PyType_Spec spec = {"wengert.Transform", sizeof(Transform), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

PyObject* shared(const py::object& o) { return o.is_none() ? nullptr : py::object(o).release().ptr(); }

py::object new_transform(const py::object& f, const py::object& origin) {
  auto* t = PyObject_GC_New(Transform, transform_type);
  if (!t) throw py::error_already_set();
  t->dict = t->weakrefs = nullptr;
  t->call = shared(f);
  t->gradient = is_gradient(f);
  t->origin = shared(origin);
  PyObject_GC_Track(reinterpret_cast<PyObject*>(t));
  return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(t));
}

void require(const py::object& o) {
  if (Py_TYPE(o.ptr()) != transform_type) type_error("wengert: not a function that a transform returned");
}

// `to` becomes what `from` is: unpickling makes the object first and what it consists of later.
void become(const py::object& to, const py::object& from) {
  require(to);
  require(from);
  const Transform& f = *as_transform(from.ptr());
  Transform& t = *as_transform(to.ptr());
  Py_XINCREF(f.call);
  Py_XINCREF(f.origin);
  Py_XSETREF(t.call, f.call);
  t.gradient = f.gradient;
  Py_XSETREF(t.origin, f.origin);
  to.attr("__dict__").attr("update")(from.attr("__dict__"));
}

}  // namespace

void bind_transform_type(py::module_& m) {
  transform_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!transform_type) throw py::error_already_set();
  partial = py::object(py::module_::import("functools").attr("partial")).release().ptr();
  m.add_object("Transform", py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(transform_type)));
  m.def("new_transform", new_transform, py::arg("f") = py::none(), py::arg("origin") = py::none());
  m.def("become", become);
}

}  // namespace wengert::bindings
