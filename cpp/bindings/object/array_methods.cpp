#include "bindings/object/array_methods.h"

#include <pybind11/numpy.h>

#include <cstring>

#include "ad/batch.h"
#include "ad/functions.h"
#include "ad/recorder.h"
#include "ad/requires_grad.h"
#include "bindings/call/functions.h"
#include "bindings/object/backward.h"
#include "bindings/object/index.h"
#include "bindings/object/kinds.h"
#include "bindings/object/lost.h"
#include "bindings/object/python_numbers.h"
#include "bindings/object/views.h"
#include "ops/info.h"

namespace wengert::bindings {

using ad::OpCode;
using ops::code_of;

namespace {
const Value& single(PyObject* a, const char* what) {
  const Value& v = read(as_array(a));
  if (v.array->size != 1)
    type_error("wengert: " + std::string(what) + " needs an array with exactly one element, got shape " +
               v.shape().str());
  return v;
}
}  // namespace

const core::Array& only_element(PyObject* a, const char* what) {
  const Value& v = single(a, what);
  ad::guard(v, ad::GuardOn::number);
  return *v.array;
}

const core::Array& whole_element(PyObject* a) {
  const Value& v = single(a, "int()");
  ad::guard_whole(v);
  return *v.array;
}

namespace {
Value in_row_major(const Value& x) {
  return ad::apply(code_of<ops::Reshape>, &x, 1, ops::new_params<ops::Reshape>(x.shape()));
}
}  // namespace

// A value of its own. Values are immutable, so a new handle is enough, except for a leaf: its copy is computed from it.
Value copied(const Value& x) { return ad::level_as<ad::Leaf>(x.level) ? in_row_major(x) : x; }

namespace {

// Python-level hooks, set once at import: __array_ufunc__, __array_function__, namespace, repr.
PyObject* hooks = nullptr;

}  // namespace

PyObject* array_hook(const char* name) {
  PyObject* f = hooks ? PyDict_GetItemString(hooks, name) : nullptr;
  if (!f) runtime_error("wengert: the Python layer is not loaded; import wengert");
  return f;
}

namespace {

// ---- attributes -----------------------------------------------------------------------------------------------------

template <PyObject* (*F)(PyArray*)> PyObject* getter(PyObject* o, void*) {
  return translated([&] { return F(as_array(o)); });
}

template <PyObject* (*F)(PyArray*)> PyObject* array_getter(PyObject* o, void* name) {
  return translated([&] {
    refuse_number(as_array(o), static_cast<const char*>(name));
    return F(as_array(o));
  });
}

PyObject* get_shape(PyArray* a) { return from_dims(read(a).shape()); }
PyObject* get_dtype(PyArray* a) { return from_dtype(read(a).dtype()); }
PyObject* get_ndim(PyArray* a) { return PyLong_FromLong(read(a).shape().size()); }
PyObject* get_size(PyArray* a) { return PyLong_FromLongLong(read(a).array->size); }
PyObject* get_nbytes(PyArray* a) { return PyLong_FromLongLong(read(a).array->bytes()); }
PyObject* get_itemsize(PyArray* a) { return PyLong_FromLongLong(item_size(read(a).dtype())); }

PyObject* transposed(PyArray* a, bool matrix_only) {
  const Value& x = read(a);
  const int n = x.shape().size();
  if (matrix_only && n < 2)
    value_error("wengert.mT: the array must have at least two dimensions, got " + x.shape().str());
  if (a->scalar()) return wrap(copied(x), a->foreign());
  const auto p = ops::new_params<ops::Transpose>();
  for (int i = 0; i < n; ++i) p->axes.push_back(matrix_only ? i : n - 1 - i);
  if (matrix_only) std::swap(p->axes[n - 1], p->axes[n - 2]);
  Value r = ad::apply(code_of<ops::Transpose>, &x, 1, p);
  return marked(wrap_moved(a, code_of<ops::Transpose>, *p, std::move(r)), a);
}
PyObject* get_t(PyArray* a) { return transposed(a, false); }
PyObject* get_mt(PyArray* a) { return transposed(a, true); }

// ---- methods --------------------------------------------------------------------------------------------------------

template <OpCode Op> PyObject* method(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return translated([&] {
    const Py_ssize_t total = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    std::vector<PyObject*> all{self};
    all.insert(all.end(), args, args + total);
    return marked(structured_function(Op, all.data(), n + 1, kwnames), as_array(self));
  });
}

// reshape and transpose take the numbers one by one as well.
template <OpCode Op> PyObject* spread_method(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return translated([&]() -> PyObject* {
    if (n == 0 || (n == 1 && !PyIndex_Check(args[0]))) return method<Op>(self, args, n, kwnames);
    const py::object t = py::reinterpret_steal<py::object>(PyTuple_New(n));
    for (Py_ssize_t i = 0; i < n; ++i) {
      Py_INCREF(args[i]);
      PyTuple_SET_ITEM(t.ptr(), i, args[i]);
    }
    PyObject* one[] = {t.ptr()};
    return method<Op>(self, one, 1, nullptr);
  });
}

PyObject* item(PyObject* self, PyObject*) {
  return translated([&] {
    const core::Array& x = only_element(self, "item()");
    refuse_lost_number(read(as_array(self)), "item");
    return to_python_scalar(x);
  });
}

// The elements as NumPy's array would have them: a view in its strides, everything else without gaps, in its order.
ArrayRef laid_out(PyArray* a) {
  const ArrayRef& v = read(a).array;
  if (!a->link) return core::contiguous(v);
  const Dims strides = strides_of(a);
  return v->strides == strides ? v : core::arranged(v, core::kept_order(v->shape, strides));
}

PyObject* numpy_copy(PyObject* self, PyObject*) {
  return translated([&]() -> PyObject* {
    refuse_lost(read(as_array(self)), "numpy");
    ad::guard(read(as_array(self)), ad::GuardOn::elements);
    return to_numpy(core::copy_in_order(*laid_out(as_array(self))), true);
  });
}

PyObject* array_protocol(PyObject* self, PyObject* args, PyObject* kwargs) {
  return translated([&]() -> PyObject* {
    py::object dtype = py::none(), copy = py::none();
    const py::tuple t = py::reinterpret_borrow<py::tuple>(args);
    if (!t.empty()) dtype = t[0];
    if (kwargs) {
      const py::dict d = py::reinterpret_borrow<py::dict>(kwargs);
      if (d.contains("dtype")) dtype = d["dtype"];
      if (d.contains("copy")) copy = d["copy"];
    }
    if (follower(read(as_array(self)))) {
      const py::object given =
          py::reinterpret_steal<py::object>(PyObject_CallFunction(array_hook("given"), "OO", self, dtype.ptr()));
      if (!given) throw PythonError{};
      if (!given.is_none()) return py::object(given).release().ptr();
      refuse_lost(read(as_array(self)), "array");
    }
    ad::guard(read(as_array(self)), ad::GuardOn::elements);
    const py::object a = py::reinterpret_steal<py::object>(to_numpy(laid_out(as_array(self)), false));
    if (copy.ptr() != Py_True) lend(as_array(self), a.ptr());
    py::object r = dtype.is_none() ? a : py::object(a.attr("astype")(dtype, py::arg("copy") = false));
    if (copy.ptr() == Py_True) r = r.attr("copy")();
    return r.release().ptr();
  });
}

PyObject* call_hook(const char* name, PyObject* self, PyObject* args, PyObject* kwargs) {
  return translated([&]() -> PyObject* {
    const py::tuple rest = py::reinterpret_borrow<py::tuple>(args);
    py::tuple all(rest.size() + 1);
    all[0] = py::reinterpret_borrow<py::object>(self);
    for (size_t i = 0; i < rest.size(); ++i) all[i + 1] = rest[i];
    return PyObject_Call(array_hook(name), all.ptr(), kwargs);
  });
}

// The same; what comes out is NumPy's if all that went in is.
PyObject* marked_call(const char* name, PyObject* self, PyObject* args, PyObject* kwargs) {
  PyObject* r = call_hook(name, self, args, kwargs);
  if (!r || !as_array(self)->foreign()) return r;
  return translated([&] {
    PyObject* all[] = {args, nullptr};
    const py::object named = kwargs ? py::object(py::tuple(py::reinterpret_borrow<py::dict>(kwargs).attr("values")()))
                                    : py::object(py::tuple());
    all[1] = named.ptr();
    return marked(r, all, 2);
  });
}

PyObject* ufuncs = nullptr;  // NumPy's ufuncs and the functions that stand for them

bool usual_operand(PyObject* o) {
  return is_array(o) || PyFloat_Check(o) || PyLong_Check(o) || py::isinstance<py::array>(o);
}

// `ndarray @ Array`, np.tanh(x): args are the ufunc, the method and the operands. A plain call of a ufunc that has a
// counterpart takes 0.4 us here and 2 us in the Python half, which does all the rest.
PyObject* array_ufunc(PyObject* self, PyObject* args, PyObject* kwargs) {
  const Py_ssize_t n = PyTuple_GET_SIZE(args);
  bool usual = ufuncs && n > 2 && (!kwargs || PyDict_GET_SIZE(kwargs) == 0);
  usual = usual && PyUnicode_Check(PyTuple_GET_ITEM(args, 1)) &&
          PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(args, 1), "__call__") == 0;
  for (Py_ssize_t i = 2; usual && i < n; ++i) usual = usual_operand(PyTuple_GET_ITEM(args, i));
  if (usual) {
    PyObject* f = PyDict_GetItemWithError(ufuncs, PyTuple_GET_ITEM(args, 0));
    if (f) {
      PyObject* const* operands = &PyTuple_GET_ITEM(args, 2);
      PyObject* r = PyObject_Vectorcall(f, operands, static_cast<size_t>(n - 2), nullptr);
      return r && as_array(self)->foreign() ? translated([&] { return marked(r, operands, n - 2); }) : r;
    }
    if (PyErr_Occurred()) return nullptr;
  }
  return marked_call("array_ufunc", self, args, kwargs);
}
PyObject* array_function(PyObject* self, PyObject* args, PyObject* kwargs) {
  return marked_call("array_function", self, args, kwargs);
}
PyObject* array_namespace(PyObject* self, PyObject* args, PyObject* kwargs) {
  return call_hook("array_namespace", self, args, kwargs);
}

PyObject* detach(PyObject* self, PyObject*) {
  return translated([&] {
    PyArray* a = as_array(self);
    Value v = ad::without_derivatives(read(a));
    v.weak = a->value.weak;
    return wrap(std::move(v), a->foreign());
  });
}

// One of NumPy's letters: C, F, A (F if it lies so, else C), K (as it lies).
char order_of(PyObject* o) {
  const char* s = PyUnicode_Check(o) ? PyUnicode_AsUTF8(o) : nullptr;
  if (!s || !s[0] || s[1] || !std::strchr("CFAK", s[0]))
    value_error("wengert.copy: order must be 'C', 'F', 'A' or 'K'");
  return s[0];
}

bool is_column_major(const PyArray* a) {
  Dims shape, strides = strides_of(a), turned;
  for (int i = strides.size(); i-- > 0;) shape.push_back(a->value.shape()[i]), turned.push_back(strides[i]);
  return core::is_row_major(shape, turned);
}

// A handle of its own, of the same kind.
PyObject* copy_in(PyArray* a, char order) {
  Value v = copied(read(a));
  if (order == 'A') order = is_column_major(a) && !is_row_major(a) ? 'F' : 'C';
  if (order == 'F') {
    Dims turn;
    for (int i = v.shape().size(); i-- > 0;) turn.push_back(i);
    v = ad::transpose(in_row_major(ad::transpose(v, turn)), turn);
  } else if (order == 'C' && !v.array->contiguous) {
    v = in_row_major(v);
  }
  return a->scalar() ? wrap(std::move(v), a->foreign()) : wrap_array(std::move(v), a->foreign());
}

PyObject* copy_method(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return translated([&] {
    const Py_ssize_t total = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    if (total > 1 ||
        (kwnames && n == 0 && total && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "order") != 0))
      type_error("wengert.copy takes one argument, order");
    return copy_in(as_array(self), total ? order_of(args[0]) : 'C');
  });
}
PyObject* plain_copy(PyObject* self, PyObject*) {
  return translated([&] { return copy_in(as_array(self), 'C'); });
}

PyObject* view_method(PyObject* self, PyObject* const*, Py_ssize_t n) {
  return translated([&] {
    if (n) type_error("wengert.view: another dtype would read the bytes of the numbers; use astype(dtype)");
    return marked(same_view(as_array(self)), as_array(self));
  });
}

// The keywords of NumPy that say nothing here (order="K", casting, subok) are taken; copy=False may give self.
PyObject* astype_method(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return translated([&]() -> PyObject* {
    PyObject *dtype = n > 0 ? args[0] : nullptr, *copy = n > 4 ? args[4] : Py_True;
    for (Py_ssize_t k = 0; kwnames && k < PyTuple_GET_SIZE(kwnames); ++k) {
      PyObject* name = PyTuple_GET_ITEM(kwnames, k);
      if (PyUnicode_CompareWithASCIIString(name, "dtype") == 0) dtype = args[n + k];
      if (PyUnicode_CompareWithASCIIString(name, "copy") == 0) copy = args[n + k];
    }
    if (!dtype) type_error("wengert.astype takes a dtype");
    const DType t = to_dtype(dtype);
    const Value& x = read(as_array(self));
    const int fresh = PyObject_IsTrue(copy);
    if (fresh < 0) throw PythonError{};
    if (!fresh && t == x.dtype()) {
      Py_INCREF(self);
      return self;
    }
    Value r = t == x.dtype() ? copied(x) : ad::astype(x, t);
    r.weak = false;
    const bool foreign = as_array(self)->foreign();
    return as_array(self)->scalar() ? wrap(std::move(r), foreign) : wrap_array(std::move(r), foreign);
  });
}

PyObject* get_strides(PyArray* a) {
  const int64_t item = item_size(read(a).dtype());
  Dims s = strides_of(a);
  for (int i = 0; i < s.size(); ++i) s[i] *= item;
  return from_dims(s);
}
PyObject* get_base(PyArray* a) {
  PyObject* root = a->link && a->link->root ? reinterpret_cast<PyObject*>(a->link->root) : Py_None;
  Py_INCREF(root);
  return root;
}

}  // namespace

PyObject* array_repr(PyObject* self) {
  return translated([&]() -> PyObject* {
    const Value& v = read(as_array(self));
    std::string note;
    Value shown = v;
    if (ad::batched(v)) {  // all examples
      while (shown.level) shown = ad::primal_of(shown);
    } else {
      if (is_python_number(v)) return PyObject_Repr(number_of(v).ptr());
      ad::guard(v, ad::GuardOn::elements);
    }
    const py::object a = py::reinterpret_steal<py::object>(to_numpy(core::copy(shown.array), true));
    if (v.level && v.level->depth == 0)
      note = "requires_grad=True";
    else if (v.level)
      note = std::string(v.level->name()) + " level " + std::to_string(v.level->depth);
    return PyObject_CallFunction(array_hook("repr"), "Os", a.ptr(), note.c_str());
  });
}

int array_buffer(PyObject* self, Py_buffer* view, int flags) {
  return translated([&]() -> int {
    view->obj = nullptr;
    if (flags & PyBUF_WRITABLE) {
      PyErr_SetString(PyExc_BufferError,
                      "wengert arrays are exported read-only; use .numpy() for a copy to write into");
      return -1;
    }
    if (follower(read(as_array(self)))) {  // NumPy asks here first and then __array__, which says more
      PyErr_SetString(PyExc_BufferError, "wengert: the buffer of a value that carries a derivative");
      return -1;
    }
    ad::guard(read(as_array(self)), ad::GuardOn::elements);
    const ArrayRef v = laid_out(as_array(self));
    const bool any_strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES &&
                             !(flags & (PyBUF_C_CONTIGUOUS | PyBUF_ANY_CONTIGUOUS) & ~PyBUF_STRIDES);
    const py::object a = py::reinterpret_steal<py::object>(to_numpy(any_strides ? v : core::contiguous(v), false));
    lend(as_array(self), a.ptr());
    return PyObject_GetBuffer(a.ptr(), view, flags);
  });
}

void set_array_hooks(const py::dict& d) { hooks = py::dict(d).release().ptr(); }
void set_ufuncs(const py::dict& d) { ufuncs = py::dict(d).release().ptr(); }

namespace {

template <class F> PyCFunction as_method(F f) { return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)); }
constexpr int kFast = METH_FASTCALL | METH_KEYWORDS, kAny = METH_VARARGS | METH_KEYWORDS;

}  // namespace

PyMethodDef array_methods[] = {
    {"sum", as_method(method<code_of<ops::Sum>>), kFast, "The sum over axes."},
    {"mean", as_method(method<code_of<ops::Mean>>), kFast, "The mean over axes."},
    {"prod", as_method(method<code_of<ops::Prod>>), kFast, "The product over axes."},
    {"max", as_method(method<code_of<ops::Max>>), kFast, "The largest element over axes."},
    {"min", as_method(method<code_of<ops::Min>>), kFast, "The smallest element over axes."},
    {"any", as_method(method<code_of<ops::Any>>), kFast, "Whether any element is nonzero."},
    {"all", as_method(method<code_of<ops::All>>), kFast, "Whether all elements are nonzero."},
    {"argmax", as_method(method<code_of<ops::Argmax>>), kFast, "Position of the largest element."},
    {"argmin", as_method(method<code_of<ops::Argmin>>), kFast, "Position of the smallest element."},
    {"reshape", as_method(spread_method<code_of<ops::Reshape>>), kFast, "The same elements under another shape."},
    {"transpose", as_method(spread_method<code_of<ops::Transpose>>), kFast, "The axes in another order."},
    {"astype", as_method(astype_method), kFast,
     "The array converted to another element type; itself if it has that type and copy=False."},
    {"item", item, METH_NOARGS, "The only element, as a Python number."},
    {"numpy", numpy_copy, METH_NOARGS, "A NumPy copy that may be written to; np.asarray(x) gives a read-only view."},
    {"copy", as_method(copy_method), kFast, "copy($self, order='C')\n--\n\nA copy; derivatives flow through."},
    {"view", as_method(view_method), METH_FASTCALL, "The same elements under another handle."},
    {"__copy__", plain_copy, METH_NOARGS, "A copy."},
    {"detach", detach, METH_NOARGS, "The same numbers without derivative."},
    {"backward", as_method(backward), kFast,
     "backward($self, cotangent=None, retain_graph=False)\n--\n\nAdds the derivatives of this value to .grad of the "
     "arrays it "
     "depends on."},
    {"__array__", as_method(array_protocol), kAny, "A read-only NumPy view of the numbers."},
    {"__array_ufunc__", as_method(array_ufunc), kAny, "NumPy ufuncs on this array."},
    {"__array_function__", as_method(array_function), kAny, "NumPy functions on this array."},
    {"__array_namespace__", as_method(array_namespace), kAny, "wengert.numpy."},
    {nullptr, nullptr, 0, nullptr}};

namespace {
// An attribute that numbers do not have.
PyGetSetDef number_less(const char* name, ::getter get, const char* doc) {
  return {name, get, nullptr, doc, const_cast<char*>(name)};
}
}  // namespace

PyGetSetDef array_attributes[] = {
    {"__class__", getter<get_class>, nullptr, "What the array passes for.", nullptr},
    number_less("shape", array_getter<get_shape>, "Sizes of the axes."),
    number_less("dtype", array_getter<get_dtype>, "Element type, as np.dtype."),
    number_less("ndim", array_getter<get_ndim>, "Number of axes."),
    number_less("size", array_getter<get_size>, "Number of elements."),
    number_less("nbytes", array_getter<get_nbytes>, "Bytes of the elements."),
    number_less("itemsize", array_getter<get_itemsize>, "Bytes of one element."),
    number_less("strides", array_getter<get_strides>, "Bytes from one element to the next along each axis."),
    number_less("base", array_getter<get_base>, "The array whose storage this one is a view of, or None."),
    number_less("T", array_getter<get_t>, "The axes reversed."),
    number_less("mT", array_getter<get_mt>, "The last two axes exchanged."),
    {"requires_grad", getter<get_requires_grad>, set_requires_grad, "Whether derivatives are recorded for backward().",
     nullptr},
    {"grad", getter<get_grad>, set_grad, "The accumulated gradient, or None.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

}  // namespace wengert::bindings
