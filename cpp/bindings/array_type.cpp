// The Python type wengert.Array. Operators are CPython slots: 18 ns a call where a pybind11 method takes 154 ns.
#include "bindings/array_type.h"

#include <pybind11/numpy.h>

#include "ad/functions.h"
#include "bindings/bind_ops.h"
#include "bindings/index.h"
#include "ops/info.h"

namespace wengert::bindings {
namespace {

using ad::OpCode;
using ops::code_of;

// Python-level hooks, set once at import: __array_ufunc__, __array_function__, namespace, repr.
PyObject* hooks = nullptr;

PyObject* hook(const char* name) {
  PyObject* f = hooks ? PyDict_GetItemString(hooks, name) : nullptr;
  if (!f) runtime_error("wengert: the Python layer is not loaded; import wengert");
  return f;
}

void dealloc(PyObject* o) {
  PyArray* a = as_array(o);
  if (a->link) {
    Py_XDECREF(reinterpret_cast<PyObject*>(a->link->base));
    delete a->link;
  }
  a->value.~Value();
  PyTypeObject* type = Py_TYPE(o);
  core::small_free(a, sizeof(PyArray));
  Py_DECREF(type);
}

// ---- operators --------------------------------------------------------------------------------------------------------

// Arithmetic between Python numbers gives a Python number: arguments of a compiled function that are numbers stay weak.
Value arithmetic(OpCode op, const Value& a, const Value& b) {
  Value r = call_binary(op, a, b);
  r.weak = a.weak && b.weak;
  return r;
}

template <OpCode Op>
PyObject* binary_slot(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    if (is_array(a) && is_array(b)) return wrap(arithmetic(Op, read(as_array(a)), read(as_array(b))));
    Value other;
    if (is_array(a)) {
      if (!to_value(b, other)) Py_RETURN_NOTIMPLEMENTED;
      return wrap(arithmetic(Op, read(as_array(a)), other));
    }
    if (!to_value(a, other)) Py_RETURN_NOTIMPLEMENTED;
    return wrap(arithmetic(Op, other, read(as_array(b))));
  });
}

// x += v: the handle takes the new value, keeping shape and element type, as NumPy does.
template <OpCode Op>
PyObject* in_place_slot(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    Value other;
    if (!to_value(b, other)) Py_RETURN_NOTIMPLEMENTED;
    const Value& x = read(as_array(a));
    const char* name = ops::info(Op).name.data();
    const ad::TraceRef leaf = x.trace && x.trace->kind == ad::Trace::Kind::leaf ? x.trace : ad::TraceRef();
    refuse_leaf_write(as_array(a), name);
    Value r = leaf ? call_binary(Op, Value(x.array), Value(other)) : call_binary(Op, x, other);
    if (r.shape() != x.shape())
      value_error("wengert." + std::string(name) + ": an array of shape " + x.shape().str() +
                  " cannot hold the in-place result of shape " + r.shape().str());
    if (core::is_float(r.dtype()) && !core::is_float(x.dtype()))
      type_error("wengert." + std::string(name) + ": a " + std::string(core::dtype_name(r.dtype())) +
                 " result does not fit into an array of " + std::string(core::dtype_name(x.dtype())) + " in place");
    r = ad::astype(r, x.dtype());
    if (leaf) r.trace = leaf;
    write(as_array(a), std::move(r));
    Py_INCREF(a);
    return a;
  });
}

template <OpCode Op>
PyObject* unary_slot(PyObject* a) {
  return guarded([&] { return wrap(ad::apply_unary(Op, read(as_array(a)))); });
}

// A value of its own. Values are immutable, so a new handle is enough, except for a leaf: its copy is computed from it.
Value copied(const Value& x) {
  if (!x.trace || x.trace->kind != ad::Trace::Kind::leaf) return x;
  ad::ParamsRef p(new ops::Params);
  p->dims[0] = x.shape();
  return ad::apply(code_of<ops::Reshape>, &x, 1, p);
}

PyObject* positive_slot(PyObject* a) {
  return guarded([&] { return wrap(copied(read(as_array(a)))); });
}

PyObject* invert_slot(PyObject* a) {
  return guarded([&]() -> PyObject* {
    const Value& x = read(as_array(a));
    if (x.dtype() != DType::b1)
      type_error("wengert.invert: '~' is defined for bool arrays, got " + core::describe(*x.array) + "; use logical_not");
    return wrap(ad::apply_unary(code_of<ops::LogicalNot>, x));
  });
}

template <OpCode Op>
PyObject* logical_slot(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    Value x, y;
    if (!to_value(a, x) || !to_value(b, y)) Py_RETURN_NOTIMPLEMENTED;
    if (x.dtype() != DType::b1 || y.dtype() != DType::b1)
      type_error("wengert: '&', '|' and '^' are defined for bool arrays; use logical_and, logical_or or logical_xor");
    return wrap(call_binary(Op, x, y));
  });
}

PyObject* power_slot(PyObject* a, PyObject* b, PyObject* modulus) {
  return guarded([&]() -> PyObject* {
    if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
    // x**2 is a product, not a power: 3 ns instead of 15, and exact.
    if (is_array(a) && PyLong_CheckExact(b)) {
      int overflow = 0;
      if (PyLong_AsLongAndOverflow(b, &overflow) == 2 && !overflow && read(as_array(a)).dtype() != DType::b1) {
        return wrap(ad::apply_unary(code_of<ops::Square>, read(as_array(a))));
      }
    }
    Value x, y;
    if (!to_value(a, x) || !to_value(b, y)) Py_RETURN_NOTIMPLEMENTED;
    return wrap(arithmetic(code_of<ops::Power>, x, y));
  });
}

PyObject* matmul_slot(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    Value x, y;
    if (!to_value(a, x) || !to_value(b, y)) Py_RETURN_NOTIMPLEMENTED;
    if (x.dtype() == y.dtype() && core::is_float(x.dtype())) {
      const Value pair[2] = {std::move(x), std::move(y)};
      return wrap(ad::apply(code_of<ops::Matmul>, pair, 2, {}));
    }
    std::vector<Value> v{x, y};
    return wrap(promoted(code_of<ops::Matmul>, v, {}));
  });
}

PyObject* divmod_slot(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    Value x, y;
    if (!to_value(a, x) || !to_value(b, y)) Py_RETURN_NOTIMPLEMENTED;
    return py::make_tuple(py::reinterpret_steal<py::object>(wrap(call_binary(code_of<ops::FloorDivide>, x, y))),
                          py::reinterpret_steal<py::object>(wrap(call_binary(code_of<ops::Remainder>, x, y))))
        .release()
        .ptr();
  });
}

PyObject* compare(PyObject* a, PyObject* b, int op) {
  return guarded([&]() -> PyObject* {
    static constexpr OpCode codes[] = {code_of<ops::Less>,     code_of<ops::LessEqual>, code_of<ops::Equal>,
                                       code_of<ops::NotEqual>, code_of<ops::Greater>,   code_of<ops::GreaterEqual>};
    Value other;
    if (!to_value(b, other)) Py_RETURN_NOTIMPLEMENTED;
    return wrap(call_binary(codes[op], read(as_array(a)), other));
  });
}

const core::Array& only_element(PyObject* a, const char* what) {
  const Value& v = read(as_array(a));
  if (v.array->size != 1)
    type_error("wengert: " + std::string(what) + " needs an array with exactly one element, got shape " + v.shape().str());
  ad::observe(v, ad::Asked::number);
  return *v.array;
}

int truth(PyObject* a) {
  return guarded([&]() -> int {
    const Value& v = read(as_array(a));
    if (v.array->size != 1)
      value_error("wengert: the truth value of an array of shape " + v.shape().str() +
                  " is ambiguous; use .any() or .all()");
    ad::observe(v, ad::Asked::truth);
    return core::item(*v.array) != 0;
  });
}

// float(x) of a differentiated value is allowed (`if float(x) > 0:`), but NumPy also calls it for `out[i] = x`, where
// the derivative would be lost without a word. The two differ in the instruction of the calling frame.
void refuse_store(PyObject* a) {
  if (!as_array(a)->value.trace) return;
  PyFrameObject* f = PyEval_GetFrame();
  if (!f) return;
  static const int store = py::module_::import("opcode").attr("opmap")["STORE_SUBSCR"].cast<int>();
  const py::handle frame(reinterpret_cast<PyObject*>(f));
  const py::bytes code(frame.attr("f_code").attr("co_code"));
  const auto at = frame.attr("f_lasti").cast<Py_ssize_t>();
  if (at < 0 || at >= PyBytes_GET_SIZE(code.ptr()) ||
      static_cast<unsigned char>(PyBytes_AS_STRING(code.ptr())[at]) != store)
    return;
  type_error(
      "wengert.setitem: storing a value that is being differentiated in an array of another library would silently lose "
      "the derivative; make the array with wengert.numpy (zeros, empty …), or store float(x) if no derivative is wanted");
}

PyObject* to_float(PyObject* a) {
  return guarded([&] {
    refuse_store(a);
    return PyFloat_FromDouble(core::item(only_element(a, "float()")));
  });
}
PyObject* to_integer(PyObject* a) {
  return guarded([&]() -> PyObject* {
    refuse_store(a);
    const core::Array& x = only_element(a, "int()");
    if (core::is_float(x.dtype)) return PyLong_FromDouble(core::item(x));
    return PyLong_FromLongLong(core::item_int(x));
  });
}
PyObject* index_slot(PyObject* a) {
  return guarded([&]() -> PyObject* {
    const core::Array& x = only_element(a, "an index");
    if (!core::is_int(x.dtype))
      type_error("wengert: only integer arrays can be used as an index, got " + core::describe(x));
    return PyLong_FromLongLong(core::item_int(x));
  });
}

// ---- container --------------------------------------------------------------------------------------------------------

Py_ssize_t length(PyObject* a) {
  return guarded([&]() -> Py_ssize_t {
    const Dims& s = read(as_array(a)).shape();
    if (s.empty()) type_error("wengert: len() of a 0-d array");
    return s[0];
  });
}
PyObject* subscript(PyObject* a, PyObject* index) {
  return guarded([&] { return get_item(as_array(a), index); });
}
PyObject* sequence_item(PyObject* a, Py_ssize_t i) {
  const py::object index = py::reinterpret_steal<py::object>(PyLong_FromSsize_t(i));
  return subscript(a, index.ptr());
}
int assign_subscript(PyObject* a, PyObject* index, PyObject* v) {
  return guarded([&]() -> int {
    if (!v) type_error("wengert: elements of an array cannot be deleted");
    set_item(as_array(a), index, v);
    return 0;
  });
}
PyObject* iterate(PyObject* a) {
  return guarded([&]() -> PyObject* {
    if (read(as_array(a)).shape().empty()) type_error("wengert: iteration over a 0-d array");
    return PySeqIter_New(a);
  });
}

// ---- attributes -------------------------------------------------------------------------------------------------------

template <PyObject* (*F)(PyArray*)>
PyObject* getter(PyObject* o, void*) {
  return guarded([&] { return F(as_array(o)); });
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
  if (matrix_only && n < 2) value_error("wengert.mT: the array must have at least two dimensions, got " + x.shape().str());
  ad::ParamsRef p(new ops::Params);
  for (int i = 0; i < n; ++i) p->dims[0].push_back(matrix_only ? i : n - 1 - i);
  if (matrix_only) std::swap(p->dims[0][n - 1], p->dims[0][n - 2]);
  Value r = ad::apply(code_of<ops::Transpose>, &x, 1, p);
  return wrap_view(a, code_of<ops::Transpose>, p, std::move(r));
}
PyObject* get_t(PyArray* a) { return transposed(a, false); }
PyObject* get_mt(PyArray* a) { return transposed(a, true); }

ad::Leaf* leaf_of(PyArray* a) {
  ad::Trace* t = a->value.trace.get();
  return t && t->kind == ad::Trace::Kind::leaf ? static_cast<ad::Leaf*>(t) : nullptr;
}

PyObject* get_requires_grad(PyArray* a) {
  const Value& v = read(a);
  return PyBool_FromLong(v.trace && v.trace->depth == 0);
}

PyObject* get_grad(PyArray* a) {
  ad::Leaf* leaf = leaf_of(a);
  if (!leaf || !leaf->gradient) Py_RETURN_NONE;
  PyObject* g = wrap(Value(leaf->gradient->array));
  as_array(g)->link = new Link;
  as_array(g)->link->gradient = leaf->gradient;  // writing into x.grad changes the gradient
  return g;
}

int set_grad(PyObject* o, PyObject* v, void*) {
  return guarded([&]() -> int {
    ad::Leaf* leaf = leaf_of(as_array(o));
    if (!leaf)
      type_error("wengert: .grad can only be set on an array made with requires_grad=True");
    if (!v || v == Py_None) {
      leaf->gradient = nullptr;
      return 0;
    }
    const Value g = ad::astype(require_value(v, "grad"), as_array(o)->value.dtype());
    if (!(g.shape() == as_array(o)->value.shape()))
      value_error("wengert: a gradient of shape " + g.shape().str() + " does not fit an array of shape " +
                  as_array(o)->value.shape().str());
    leaf->gradient = core::Ref<ad::Gradient>(new ad::Gradient);
    leaf->gradient->array = g.array;
    return 0;
  });
}

int set_requires_grad(PyObject* o, PyObject* v, void*) {
  return guarded([&]() -> int {
    const int on = v ? PyObject_IsTrue(v) : 0;
    if (on < 0) throw PythonError{};
    Value& x = as_array(o)->value;
    if (x.trace && !leaf_of(as_array(o)))
      runtime_error("wengert: requires_grad can only be changed on an array that was not computed from others; use detach()");
    if (on && !core::is_float(x.dtype()))
      type_error("wengert: only floating point arrays can require gradients, got " + core::describe(*x.array) +
                 "; convert with astype(float)");
    if (on && !x.trace) x.trace = ad::TraceRef(new ad::Leaf);
    if (!on) x.trace = nullptr;
    return 0;
  });
}

// ---- methods ----------------------------------------------------------------------------------------------------------

template <OpCode Op>
PyObject* method(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return guarded([&] {
    const Py_ssize_t total = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    std::vector<PyObject*> all{self};
    all.insert(all.end(), args, args + total);
    return structured_function(Op, all.data(), n + 1, kwnames);
  });
}

// reshape and transpose take the numbers one by one as well.
template <OpCode Op>
PyObject* spread_method(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
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
  return guarded([&] { return to_python_scalar(only_element(self, "item()")); });
}

PyObject* numpy_copy(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    refuse_traced(read(as_array(self)), "numpy()");
    ad::observe(read(as_array(self)), ad::Asked::elements);
    return to_numpy(core::copy(read(as_array(self)).array), true);
  });
}

PyObject* array_protocol(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    refuse_traced(read(as_array(self)), "conversion to a NumPy array");
    ad::observe(read(as_array(self)), ad::Asked::elements);
    const py::object a = py::reinterpret_steal<py::object>(to_numpy(read(as_array(self)).array, false));
    py::object dtype = py::none(), copy = py::none();
    const py::tuple t = py::reinterpret_borrow<py::tuple>(args);
    if (!t.empty()) dtype = t[0];
    if (kwargs) {
      const py::dict d = py::reinterpret_borrow<py::dict>(kwargs);
      if (d.contains("dtype")) dtype = d["dtype"];
      if (d.contains("copy")) copy = d["copy"];
    }
    py::object r = dtype.is_none() ? a : py::object(a.attr("astype")(dtype, py::arg("copy") = false));
    if (copy.ptr() == Py_True) r = r.attr("copy")();
    return r.release().ptr();
  });
}

PyObject* call_hook(const char* name, PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    const py::tuple rest = py::reinterpret_borrow<py::tuple>(args);
    py::tuple all(rest.size() + 1);
    all[0] = py::reinterpret_borrow<py::object>(self);
    for (size_t i = 0; i < rest.size(); ++i) all[i + 1] = rest[i];
    return PyObject_Call(hook(name), all.ptr(), kwargs);
  });
}
PyObject* array_ufunc(PyObject* self, PyObject* args, PyObject* kwargs) {
  return call_hook("array_ufunc", self, args, kwargs);
}
PyObject* array_function(PyObject* self, PyObject* args, PyObject* kwargs) {
  return call_hook("array_function", self, args, kwargs);
}
PyObject* array_namespace(PyObject* self, PyObject* args, PyObject* kwargs) {
  return call_hook("array_namespace", self, args, kwargs);
}

PyObject* detach(PyObject* self, PyObject*) {
  return guarded([&] { return wrap(ad::without_derivatives(read(as_array(self)))); });
}

PyObject* copy_method(PyObject* self, PyObject*) {
  return guarded([&] { return wrap(copied(read(as_array(self)))); });
}

PyObject* backward(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames);

PyObject* repr(PyObject* self) {
  return guarded([&]() -> PyObject* {
    const Value& v = read(as_array(self));
    const py::object a = py::reinterpret_steal<py::object>(to_numpy(core::copy(v.array), true));
    const char* kinds[] = {"leaf", "reverse", "forward", "recorded", "compiled"};
    std::string note;
    if (v.trace && v.trace->depth == 0) note = "requires_grad=True";
    else if (v.trace) note = std::string(kinds[static_cast<int>(v.trace->kind)]) + " level " + std::to_string(v.trace->depth);
    return PyObject_CallFunction(hook("repr"), "Os", a.ptr(), note.c_str());
  });
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  return guarded([&]() -> int {
    view->obj = nullptr;
    if (flags & PyBUF_WRITABLE) {
      PyErr_SetString(PyExc_BufferError, "wengert arrays are exported read-only; use .numpy() for a copy to write into");
      return -1;
    }
    refuse_traced(read(as_array(self)), "the buffer");
    ad::observe(read(as_array(self)), ad::Asked::elements);
    const py::object a = py::reinterpret_steal<py::object>(to_numpy(core::contiguous(read(as_array(self)).array), false));
    return PyObject_GetBuffer(a.ptr(), view, flags);
  });
}

// ---- backward ---------------------------------------------------------------------------------------------------------

Value initial_cotangent(const Value& y, PyObject* given) {
  if (given && given != Py_None) {
    const Value g = ad::astype(require_value(given, "backward"), y.dtype());
    if (!(g.shape() == y.shape()))
      value_error("wengert.backward: the cotangent has shape " + g.shape().str() + ", the value has shape " + y.shape().str());
    return Value(g.array);
  }
  if (y.array->size != 1)
    runtime_error("wengert.backward: without a cotangent the value must be a scalar, got shape " + y.shape().str() +
                  "; reduce it (.sum(), .mean()) or pass a cotangent of this shape");
  return Value(core::full(y.dtype(), y.shape(), 1.0));
}

void run_backward(const Value& y, const Value& g, bool retain) {
  if (!y.trace || y.trace->depth != 0)
    runtime_error(y.trace ? "wengert.backward: inside grad, vjp and the like derivatives are taken by the transform; return the "
                            "value instead"
                          : "wengert.backward: nothing to differentiate: the value does not depend on any array made with "
                            "requires_grad=True (or was computed under no_grad)");
  auto accumulate = [](ad::Leaf& leaf, const Value& ct) {
    if (!ct) return;
    if (leaf.gradient) {
      leaf.gradient->array = ad::apply_binary(code_of<ops::Add>, Value(leaf.gradient->array), ct).array;
    } else {
      leaf.gradient = core::Ref<ad::Gradient>(new ad::Gradient);
      leaf.gradient->array = ct.array;
    }
  };
  if (y.trace->kind == ad::Trace::Kind::leaf) {
    accumulate(*static_cast<ad::Leaf*>(y.trace.get()), g);
    return;
  }
  uint32_t node = y.node;
  auto* t = static_cast<ad::ReverseTrace*>(y.trace.get());
  while (t->merged_into) {
    node += t->offset;
    t = t->merged_into.get();
  }
  const ad::ReverseRef held(t);
  std::vector<uint32_t> wanted;
  std::vector<ad::LeafRef> leaves;
  for (auto& [n, leaf] : t->leaves)
    if (n <= node) wanted.push_back(n), leaves.push_back(leaf);
  const std::vector<Value> cts = ad::sweep(t->tape, {{node, g}}, wanted, retain);
  for (size_t i = 0; i < cts.size(); ++i) accumulate(*leaves[i], cts[i]);
}

PyObject* backward(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
    PyObject* given = n > 0 ? args[0] : nullptr;
    int retain = n > 1 ? PyObject_IsTrue(args[1]) : 0;
    for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); ++i) {
      PyObject* key = PyTuple_GET_ITEM(kwnames, i);
      if (PyUnicode_CompareWithASCIIString(key, "cotangent") == 0) given = args[n + i];
      else if (PyUnicode_CompareWithASCIIString(key, "retain_graph") == 0) retain = PyObject_IsTrue(args[n + i]);
      else type_error("wengert.backward takes cotangent and retain_graph, not '" + std::string(py::str(key)) + "'");
    }
    const Value y = read(as_array(self));
    run_backward(y, initial_cotangent(y, given), retain == 1);
    Py_RETURN_NONE;
  });
}

// ---- the type ---------------------------------------------------------------------------------------------------------

template <class F>
PyCFunction as_method(F f) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}
constexpr int kFast = METH_FASTCALL | METH_KEYWORDS, kAny = METH_VARARGS | METH_KEYWORDS;

PyMethodDef methods[] = {
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
    {"astype", as_method(method<code_of<ops::Astype>>), kFast, "The array converted to another element type."},
    {"item", item, METH_NOARGS, "The only element, as a Python number."},
    {"numpy", numpy_copy, METH_NOARGS, "A NumPy copy that may be written to; np.asarray(x) gives a read-only view."},
    {"copy", copy_method, METH_NOARGS, "A copy; derivatives flow through."},
    {"__copy__", copy_method, METH_NOARGS, "A copy."},
    {"detach", detach, METH_NOARGS, "The same numbers without derivative."},
    {"backward", as_method(backward), kFast,
     "backward($self, cotangent=None, retain_graph=False)\n--\n\nAdds the derivatives of this value to .grad of the arrays it "
     "depends on."},
    {"__array__", as_method(array_protocol), kAny, "A read-only NumPy view of the numbers."},
    {"__array_ufunc__", as_method(array_ufunc), kAny, "NumPy ufuncs on this array."},
    {"__array_function__", as_method(array_function), kAny, "NumPy functions on this array."},
    {"__array_namespace__", as_method(array_namespace), kAny, "wengert.numpy."},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef attributes[] = {{"shape", getter<get_shape>, nullptr, "Sizes of the axes.", nullptr},
                            {"dtype", getter<get_dtype>, nullptr, "Element type, as np.dtype.", nullptr},
                            {"ndim", getter<get_ndim>, nullptr, "Number of axes.", nullptr},
                            {"size", getter<get_size>, nullptr, "Number of elements.", nullptr},
                            {"nbytes", getter<get_nbytes>, nullptr, "Bytes of the elements.", nullptr},
                            {"itemsize", getter<get_itemsize>, nullptr, "Bytes of one element.", nullptr},
                            {"T", getter<get_t>, nullptr, "The axes reversed.", nullptr},
                            {"mT", getter<get_mt>, nullptr, "The last two axes exchanged.", nullptr},
                            {"requires_grad", getter<get_requires_grad>, set_requires_grad,
                             "Whether derivatives are recorded for backward().", nullptr},
                            {"grad", getter<get_grad>, set_grad, "The accumulated gradient, or None.", nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};

template <class F>
void* slot(F f) {
  return reinterpret_cast<void*>(f);
}

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("An n-dimensional array that can be differentiated. Made by wengert.array and by every "
                                  "function of wengert.numpy.")},
    {Py_tp_dealloc, slot(dealloc)},
    {Py_tp_repr, slot(repr)},
    {Py_tp_richcompare, slot(compare)},
    {Py_tp_hash, slot(PyObject_HashNotImplemented)},
    {Py_tp_iter, slot(iterate)},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_nb_add, slot(binary_slot<code_of<ops::Add>>)},
    {Py_nb_subtract, slot(binary_slot<code_of<ops::Subtract>>)},
    {Py_nb_multiply, slot(binary_slot<code_of<ops::Multiply>>)},
    {Py_nb_true_divide, slot(binary_slot<code_of<ops::Divide>>)},
    {Py_nb_floor_divide, slot(binary_slot<code_of<ops::FloorDivide>>)},
    {Py_nb_remainder, slot(binary_slot<code_of<ops::Remainder>>)},
    {Py_nb_divmod, slot(divmod_slot)},
    {Py_nb_power, slot(power_slot)},
    {Py_nb_matrix_multiply, slot(matmul_slot)},
    {Py_nb_inplace_add, slot(in_place_slot<code_of<ops::Add>>)},
    {Py_nb_inplace_subtract, slot(in_place_slot<code_of<ops::Subtract>>)},
    {Py_nb_inplace_multiply, slot(in_place_slot<code_of<ops::Multiply>>)},
    {Py_nb_inplace_true_divide, slot(in_place_slot<code_of<ops::Divide>>)},
    {Py_nb_negative, slot(unary_slot<code_of<ops::Negative>>)},
    {Py_nb_positive, slot(positive_slot)},
    {Py_nb_absolute, slot(unary_slot<code_of<ops::Absolute>>)},
    {Py_nb_invert, slot(invert_slot)},
    {Py_nb_and, slot(logical_slot<code_of<ops::LogicalAnd>>)},
    {Py_nb_or, slot(logical_slot<code_of<ops::LogicalOr>>)},
    {Py_nb_xor, slot(logical_slot<code_of<ops::LogicalXor>>)},
    {Py_nb_bool, slot(truth)},
    {Py_nb_float, slot(to_float)},
    {Py_nb_int, slot(to_integer)},
    {Py_nb_index, slot(index_slot)},
    {Py_mp_length, slot(length)},
    {Py_mp_subscript, slot(subscript)},
    {Py_mp_ass_subscript, slot(assign_subscript)},
    {Py_sq_item, slot(sequence_item)},
    {Py_bf_getbuffer, slot(get_buffer)},
    {0, nullptr}};

PyType_Spec spec = {"wengert.Array", sizeof(PyArray), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

}  // namespace

void bind_array_type(py::module_& m) {
  array_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!array_type) throw py::error_already_set();
  m.add_object("Array", py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(array_type)));
  // NumPy scalars and arrays on the left leave mixed operations to us.
  m.def(
      "set_hooks", [](const py::dict& d) { hooks = py::dict(d).release().ptr(); },
      "Installs the Python-level parts of the array type.");
  m.def(
      "array",
      [](const py::object& o, const py::object& dtype, bool requires_grad) {
        Value v;
        if (!to_value(o.ptr(), v))
          type_error("wengert.array: expected numbers or arrays (possibly nested in lists), got " +
                     std::string(Py_TYPE(o.ptr())->tp_name));
        v = copied(v);
        v.weak = false;
        if (!dtype.is_none()) v = ad::astype(v, to_dtype(dtype.ptr()));
        if (requires_grad) {
          if (v.trace)
            runtime_error("wengert.array: a value that is being differentiated cannot be made a leaf; detach() it first");
          if (!core::is_float(v.dtype()))
            type_error("wengert.array: only floating point arrays can require gradients, got " + core::describe(*v.array) +
                       "; pass dtype=float");
          v.trace = ad::TraceRef(new ad::Leaf);
        }
        return py::reinterpret_steal<py::object>(wrap(std::move(v)));
      },
      py::arg("x"), py::arg("dtype") = py::none(), py::arg("requires_grad") = false,
      "An array from numbers, nested lists, NumPy arrays or Arrays (copied).");
  m.def(
      "asarray",
      [](const py::object& o, const py::object& dtype) {
        if (is_array(o.ptr()) && dtype.is_none()) return o;
        Value v = require_value(o.ptr(), "asarray");
        v.weak = false;
        if (!dtype.is_none()) v = ad::astype(v, to_dtype(dtype.ptr()));
        return py::reinterpret_steal<py::object>(wrap(std::move(v)));
      },
      py::arg("x"), py::arg("dtype") = py::none(), "The argument itself if it is an Array, else an Array of it.");
}

}  // namespace wengert::bindings
