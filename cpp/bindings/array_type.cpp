// The Python type wengert.Array. Operators are CPython slots: 18 ns a call where a pybind11 method takes 154 ns.
#include "bindings/array_type.h"

#include <pybind11/numpy.h>
#include <structmember.h>

#include "ad/functions.h"
#include "bindings/array_methods.h"
#include "bindings/bind_ops.h"
#include "bindings/garbage.h"
#include "bindings/index.h"
#include "ops/info.h"

namespace wengert::bindings {
namespace {

using ad::OpCode;
using ops::code_of;

void dealloc(PyObject* o) {
  PyArray* a = as_array(o);
  if (tracked(a) || a->weakrefs || a->link) [[unlikely]] {
    if (tracked(a)) PyObject_GC_UnTrack(o);
    if (a->weakrefs) PyObject_ClearWeakRefs(o);
    if (a->link) Py_XDECREF(reinterpret_cast<PyObject*>(a->link->base));
    delete a->link;
  }
  a->value.~Value();
  PyTypeObject* type = Py_TYPE(o);
  release(a);
  Py_DECREF(type);
}

// Only tracked arrays are asked. Nothing to clear: cycles are broken at the rules (garbage.h).
int traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  const PyArray* a = as_array(o);
  if (a->link) Py_VISIT(a->link->base);
  return visit_value(a->value, visit, arg);
}

// ---- operators ------------------------------------------------------------------------------------------------------

// Arithmetic between Python numbers gives a Python number: arguments of a compiled function that are numbers stay weak.
Value arithmetic(OpCode op, const Value& a, const Value& b) {
  Value r = call_binary(op, a, b);
  r.weak = a.weak && b.weak;
  return r;
}

template <OpCode Op> PyObject* binary_slot(PyObject* a, PyObject* b) {
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
template <OpCode Op> PyObject* in_place_slot(PyObject* a, PyObject* b) {
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

template <OpCode Op> PyObject* unary_slot(PyObject* a) {
  return guarded([&] { return wrap(ad::apply_unary(Op, read(as_array(a)))); });
}

PyObject* positive_slot(PyObject* a) {
  return guarded([&] { return wrap(copied(read(as_array(a)))); });
}

PyObject* invert_slot(PyObject* a) {
  return guarded([&]() -> PyObject* {
    const Value& x = read(as_array(a));
    if (x.dtype() != DType::b1)
      type_error("wengert.invert: '~' is defined for bool arrays, got " + core::describe(*x.array) +
                 "; use logical_not");
    return wrap(ad::apply_unary(code_of<ops::LogicalNot>, x));
  });
}

template <OpCode Op> PyObject* logical_slot(PyObject* a, PyObject* b) {
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
int store_subscript = -1;  // the instruction
void refuse_store(PyObject* a) {
  if (!as_array(a)->value.trace) return;
  PyFrameObject* f = PyEval_GetFrame();
  if (!f) return;
  const py::handle frame(reinterpret_cast<PyObject*>(f));
  const py::bytes code(frame.attr("f_code").attr("co_code"));
  const auto at = frame.attr("f_lasti").cast<Py_ssize_t>();
  if (at < 0 || at >= PyBytes_GET_SIZE(code.ptr()) ||
      static_cast<unsigned char>(PyBytes_AS_STRING(code.ptr())[at]) != store_subscript)
    return;
  type_error(
      "wengert.setitem: storing a value that is being differentiated in an array of another library would silently "
      "lose "
      "the derivative; make the array with wengert.numpy (zeros, empty …), or store float(x) if no derivative is "
      "wanted");
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
    const core::Array& x = whole_element(a);
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

// ---- container ------------------------------------------------------------------------------------------------------

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

// ---- the type -------------------------------------------------------------------------------------------------------

template <class F> void* slot(F f) { return reinterpret_cast<void*>(f); }

PyMemberDef members[] = {{"__weaklistoffset__", T_PYSSIZET, offsetof(PyArray, weakrefs), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};

PyType_Slot slots[] = {
    {Py_tp_doc,
     const_cast<char*>("An n-dimensional array that can be differentiated. Made by wengert.array and by every "
                       "function of wengert.numpy.")},
    {Py_tp_dealloc, slot(dealloc)},
    {Py_tp_traverse, slot(traverse)},
    {Py_tp_members, members},
    {Py_tp_repr, slot(array_repr)},
    {Py_tp_richcompare, slot(compare)},
    {Py_tp_hash, slot(PyObject_HashNotImplemented)},
    {Py_tp_iter, slot(iterate)},
    {Py_tp_methods, array_methods},
    {Py_tp_getset, array_attributes},
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
    {Py_bf_getbuffer, slot(array_buffer)},
    {0, nullptr}};

PyType_Spec spec = {"wengert.Array", sizeof(PyArray), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

// Bytes in front of an object that the collector knows.
size_t gc_header() {
  const py::list some;
  return py::module_::import("sys").attr("getsizeof")(some).cast<size_t>() - some.attr("__sizeof__")().cast<size_t>();
}

}  // namespace

void bind_array_type(py::module_& m) {
  if (gc_header() != kGcHeader) spec.flags &= ~static_cast<unsigned>(Py_TPFLAGS_HAVE_GC);
  store_subscript = py::module_::import("opcode").attr("opmap")["STORE_SUBSCR"].cast<int>();
  array_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!array_type) throw py::error_already_set();
  m.add_object("Array", py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(array_type)));
  // NumPy scalars and arrays on the left leave mixed operations to us.
  m.def("set_hooks", set_array_hooks, "Installs the Python-level parts of the array type.");
  m.def("set_ufuncs", set_ufuncs, "The table of NumPy's ufuncs and the functions called for them.");
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
            runtime_error(
                "wengert.array: a value that is being differentiated cannot be made a leaf; detach() it first");
          if (!core::is_float(v.dtype()))
            type_error("wengert.array: only floating point arrays can require gradients, got " +
                       core::describe(*v.array) + "; pass dtype=float");
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
