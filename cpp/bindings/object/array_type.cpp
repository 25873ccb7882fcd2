// The Python type wengert.Array. Operators are CPython slots: 18 ns a call where a pybind11 method takes 154 ns.
#include "bindings/object/array_type.h"

#include <pybind11/numpy.h>
#include <structmember.h>

#include "ad/functions.h"
#include "ad/recorder.h"
#include "ad/requires_grad.h"
#include "bindings/call/functions.h"
#include "bindings/object/array_methods.h"
#include "bindings/object/elements.h"
#include "bindings/object/index.h"
#include "bindings/object/kinds.h"
#include "bindings/object/lost.h"
#include "bindings/object/python_numbers.h"
#include "bindings/transform/garbage.h"
#include "ops/elementwise/evaluate.h"
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
    if (a->link) Py_XDECREF(reinterpret_cast<PyObject*>(a->link->root));  // never a view itself: no chain is freed
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
  if (a->link) Py_VISIT(a->link->root);
  return visit_value(a->value, visit, arg);
}

// ---- operators ------------------------------------------------------------------------------------------------------

// Arithmetic between Python numbers gives a Python number: arguments that are numbers stay weak.
Value arithmetic(OpCode op, const Value& a, const Value& b) {
  const bool numbers = a.weak && b.weak;
  const bool truths = numbers && a.dtype() == DType::b1 && b.dtype() == DType::b1;  // they add up
  Value r = truths ? call_binary(op, ad::astype(a, DType::i64), ad::astype(b, DType::i64)) : call_binary(op, a, b);
  r.weak = numbers;
  return r;
}

template <OpCode Op> PyObject* binary(const Value& a, const Value& b, bool foreign) {
  // The common cases first, without the calls below: 5 ns of 43.
  const bool numbers = a.weak && b.weak;
  const bool counted = numbers && count_as_python(a, b);
  if (a.dtype() == b.dtype() && core::is_float(a.dtype()) && !counted) {
    if (a.plain() && b.plain()) return wrap(ops::binary(Op, a.array, b.array), foreign);
    Value r = ad::apply2(Op, a, b);
    r.weak = numbers;
    return wrap(std::move(r), foreign);
  }
  if (counted) [[unlikely]]
    if (PyObject* r = python_arithmetic(Op, a, b)) return r;
  return wrap(arithmetic(Op, a, b), foreign);
}

// [x] * n
bool repeats(OpCode op, PyObject* sequence, PyObject* n) {
  return op == code_of<ops::Multiply> && (PyList_Check(sequence) || PyTuple_Check(sequence)) &&
         is_python_number(read(as_array(n)));
}

template <OpCode Op> PyObject* binary_slot(PyObject* a, PyObject* b) {
  return translated([&]() -> PyObject* {
    if (is_array(a) && is_array(b))
      return binary<Op>(read(as_array(a)), read(as_array(b)), as_array(a)->foreign() && as_array(b)->foreign());
    Value other;
    if (is_array(a)) {
      if (repeats(Op, b, a)) return PyNumber_Multiply(b, number_of(read(as_array(a))).ptr());
      if (read(as_array(a)).weak) [[unlikely]]
        if (PyObject* r = beyond(Op, a, b)) return r;
      if (!to_value(b, other)) Py_RETURN_NOTIMPLEMENTED;
      return binary<Op>(read(as_array(a)), other, as_array(a)->foreign() && is_foreign(b));
    }
    if (repeats(Op, a, b)) return PyNumber_Multiply(a, number_of(read(as_array(b))).ptr());
    if (read(as_array(b)).weak) [[unlikely]]
      if (PyObject* r = beyond(Op, a, b)) return r;
    if (!to_value(a, other)) Py_RETURN_NOTIMPLEMENTED;
    return binary<Op>(other, read(as_array(b)), as_array(b)->foreign() && is_foreign(a));
  });
}

Value matrix_product(const Value& x, const Value& y) {
  if (x.dtype() == y.dtype() && core::is_float(x.dtype())) {
    const Value pair[2] = {x, y};
    return ad::apply(code_of<ops::Matmul>, pair, 2, {});
  }
  std::vector<Value> v{x, y};
  return promoted(code_of<ops::Matmul>, v, {});
}

Value bitwise(OpCode op, const Value& x, const Value& y) {
  if (x.dtype() != DType::b1 || y.dtype() != DType::b1)
    type_error("wengert: '&', '|' and '^' are defined for bool arrays; use logical_and, logical_or or logical_xor");
  return call_binary(op, x, y);
}

// x**2 is a product, not a power: 3 ns instead of 15, and exact.
bool squares(const Value& x, PyObject* exponent) {
  int overflow = 0;
  return PyLong_CheckExact(exponent) && PyLong_AsLongAndOverflow(exponent, &overflow) == 2 && !overflow &&
         x.dtype() != DType::b1;
}

// The operation of an operator on two values; b is the right operand as it was given.
template <OpCode Op> Value operation(const Value& x, const Value& y, PyObject* b) {
  if constexpr (Op == code_of<ops::Matmul>)
    return matrix_product(x, y);
  else if constexpr (Op == code_of<ops::LogicalAnd> || Op == code_of<ops::LogicalOr> || Op == code_of<ops::LogicalXor>)
    return bitwise(Op, x, y);
  else if constexpr (Op == code_of<ops::Power>)
    return squares(x, b) ? ad::apply_unary(code_of<ops::Square>, x) : call_binary(Op, x, y);
  else
    return call_binary(Op, x, y);
}

// What x += v and its like do once the result is there: the array takes it, keeping shape and element type.
PyObject* changed_to(PyObject* a, Value r, const ad::LevelRef& leaf, const char* name) {
  const Value& x = read(as_array(a));
  if (r.shape() != x.shape())
    value_error("wengert." + std::string(name) + ": an array of shape " + x.shape().str() +
                " cannot hold the in-place result of shape " + r.shape().str());
  if (core::is_float(r.dtype()) && !core::is_float(x.dtype()))
    type_error("wengert." + std::string(name) + ": a " + std::string(core::dtype_name(r.dtype())) +
               " result does not fit into an array of " + std::string(core::dtype_name(x.dtype())) + " in place");
  if (x.dtype() == DType::b1 && r.dtype() != DType::b1)
    type_error("wengert." + std::string(name) + ": the result of type " + std::string(core::dtype_name(r.dtype())) +
               " does not fit into an array of bool in place; convert it with astype first");
  r = ad::astype(r, x.dtype());
  refuse_outer_write(as_array(a), r);
  if (leaf) r.level = leaf;
  write(as_array(a), std::move(r));
  Py_INCREF(a);
  return a;
}

// An array that requires gradients stays one; the operation does not see that.
ad::LevelRef leaf_of(const Value& x) { return ad::level_as<ad::Leaf>(x.level) ? x.level : ad::LevelRef(); }

template <OpCode Op> PyObject* in_place_slot(PyObject* a, PyObject* b) {
  return translated([&]() -> PyObject* {
    Value other;
    if (read(as_array(a)).weak) [[unlikely]]
      if (PyObject* r = beyond(Op, a, b)) return as_array(a)->touch(), r;
    if (!to_value(b, other)) Py_RETURN_NOTIMPLEMENTED;
    const Value& x = read(as_array(a));
    if (as_array(a)->scalar() || is_python_number(x)) {  // immutable: the name is bound anew
      as_array(a)->touch();                              // for recordings, which ask whether that mattered
      if (x.weak && other.weak && count_as_python(x, other))
        if (PyObject* r = python_arithmetic(Op, x, other)) return r;
      Value r = operation<Op>(x, other, b);
      r.weak = x.weak && other.weak;
      return wrap(std::move(r), as_array(a)->foreign() && is_foreign(b));
    }
    const char* name = ops::info(Op).name.data();
    const ad::LevelRef leaf = leaf_of(x);
    refuse_write(as_array(a), name);
    return changed_to(a, leaf ? operation<Op>(Value(x.array), Value(other), b) : operation<Op>(x, other, b), leaf,
                      name);
  });
}

PyObject* in_place_power(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return in_place_slot<code_of<ops::Power>>(a, b);
}

template <OpCode Op> PyObject* unary_slot(PyObject* a) {
  return translated([&] {
    const Value& x = read(as_array(a));
    if (x.weak && x.dtype() == DType::b1) return wrap(ad::apply_unary(Op, ad::astype(x, DType::i64)), true);
    return wrap(ad::apply_unary(Op, x), as_array(a)->foreign());
  });
}

PyObject* positive_slot(PyObject* a) {
  return translated([&] { return wrap(copied(read(as_array(a))), as_array(a)->foreign()); });
}

PyObject* invert_slot(PyObject* a) {
  return translated([&]() -> PyObject* {
    const Value& x = read(as_array(a));
    if (is_python_number(x) && !core::is_float(x.dtype())) return PyNumber_Invert(number_of(x).ptr());
    if (x.dtype() != DType::b1)
      type_error("wengert.invert: '~' is defined for bool arrays, got " + core::describe(*x.array) +
                 "; use logical_not");
    return wrap(ad::apply_unary(code_of<ops::LogicalNot>, x), as_array(a)->foreign());
  });
}

template <OpCode Op> PyObject* bits(PyObject* a, PyObject* b) {
  return (Op == code_of<ops::LogicalAnd>  ? PyNumber_And
          : Op == code_of<ops::LogicalOr> ? PyNumber_Or
                                          : PyNumber_Xor)(a, b);
}

// Shifts: of Python numbers only.
template <PythonOperation F> PyObject* number_slot(PyObject* a, PyObject* b) {
  return translated([&]() -> PyObject* {
    Value x, y;
    if (!to_value(a, x) || !to_value(b, y)) Py_RETURN_NOTIMPLEMENTED;
    if (!x.weak || !y.weak || !count_as_python(x, y)) Py_RETURN_NOTIMPLEMENTED;
    return with_numbers(F, x, y);
  });
}

template <OpCode Op> PyObject* logical_slot(PyObject* a, PyObject* b) {
  return translated([&]() -> PyObject* {
    Value x, y;
    if (!to_value(a, x) || !to_value(b, y)) Py_RETURN_NOTIMPLEMENTED;
    const bool numbers = x.weak && y.weak;
    if (numbers && count_as_python(x, y) && (x.dtype() != DType::b1 || y.dtype() != DType::b1))
      return with_numbers(bits<Op>, x, y);
    Value r = bitwise(Op, x, y);
    r.weak = numbers;
    return wrap(std::move(r), is_foreign(a) && is_foreign(b));
  });
}

PyObject* power_slot(PyObject* a, PyObject* b, PyObject* modulus) {
  return translated([&]() -> PyObject* {
    if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
    if (is_array(a) && !is_python_number(read(as_array(a))) && squares(read(as_array(a)), b))
      return wrap(ad::apply_unary(code_of<ops::Square>, read(as_array(a))), as_array(a)->foreign());
    Value x, y;
    if (PyObject* r = beyond(code_of<ops::Power>, a, b)) return r;
    if (!to_value(a, x) || !to_value(b, y)) Py_RETURN_NOTIMPLEMENTED;
    if (x.weak && y.weak && count_as_python(x, y)) {
      if (PyObject* r = python_arithmetic(code_of<ops::Power>, x, y)) return r;
      if (!y.level && core::item(*y.array) == 2 && core::is_int(y.dtype()) && x.dtype() != DType::b1)
        return wrap(ad::apply_unary(code_of<ops::Square>, x), true);
    }
    return wrap(arithmetic(code_of<ops::Power>, x, y), is_foreign(a) && is_foreign(b));
  });
}

PyObject* matmul_slot(PyObject* a, PyObject* b) {
  return translated([&]() -> PyObject* {
    Value x, y;
    if (!to_value(a, x) || !to_value(b, y)) Py_RETURN_NOTIMPLEMENTED;
    return wrap(matrix_product(x, y), is_foreign(a) && is_foreign(b));
  });
}

PyObject* divmod_slot(PyObject* a, PyObject* b) {
  return translated([&]() -> PyObject* {
    Value x, y;
    if (!to_value(a, x) || !to_value(b, y)) Py_RETURN_NOTIMPLEMENTED;
    if (x.weak && y.weak && count_as_python(x, y)) {
      PyObject* q = python_arithmetic(code_of<ops::FloorDivide>, x, y);
      if (q) return Py_DECREF(q), with_numbers(PyNumber_Divmod, x, y);
    }
    const bool foreign = is_foreign(a) && is_foreign(b);
    auto part = [&](OpCode op) { return py::reinterpret_steal<py::object>(wrap(arithmetic(op, x, y), foreign)); };
    return py::make_tuple(part(code_of<ops::FloorDivide>), part(code_of<ops::Remainder>)).release().ptr();
  });
}

PyObject* compare(PyObject* a, PyObject* b, int op) {
  return translated([&]() -> PyObject* {
    static constexpr OpCode codes[] = {code_of<ops::Less>,     code_of<ops::LessEqual>, code_of<ops::Equal>,
                                       code_of<ops::NotEqual>, code_of<ops::Greater>,   code_of<ops::GreaterEqual>};
    if (read(as_array(a)).weak && (PyList_Check(b) || PyTuple_Check(b))) Py_RETURN_NOTIMPLEMENTED;
    Value other;
    if (!to_value(b, other)) Py_RETURN_NOTIMPLEMENTED;
    return wrap(arithmetic(codes[op], read(as_array(a)), other), as_array(a)->foreign() && is_foreign(b));
  });
}

Py_hash_t hashed(PyObject* a) {
  return translated([&]() -> Py_hash_t {
    if (!is_python_number(read(as_array(a)))) return PyObject_HashNotImplemented(a);
    return PyObject_Hash(number_of(read(as_array(a))).ptr());
  });
}

int truth(PyObject* a) {
  return translated([&]() -> int {
    const Value& v = read(as_array(a));
    if (v.array->size != 1)
      value_error("wengert: the truth value of an array of shape " + v.shape().str() +
                  " is ambiguous; use .any() or .all()");
    ad::guard(v, ad::GuardOn::truth);
    return core::item(*v.array) != 0;
  });
}

// Whatever wants a C double comes here: float(x), the functions of math, NumPy's `out[i] = x`.
PyObject* to_float(PyObject* a) {
  return translated([&] {
    const core::Array& x = only_element(a, "float()");
    refuse_lost_number(read(as_array(a)), "number");
    return PyFloat_FromDouble(core::item(x));
  });
}
// A whole number has no derivative to lose.
PyObject* to_integer(PyObject* a) {
  return translated([&]() -> PyObject* {
    const core::Array& x = whole_element(a);
    if (core::is_float(x.dtype)) return PyLong_FromDouble(core::item(x));
    return PyLong_FromLongLong(core::item_int(x));
  });
}
PyObject* index_slot(PyObject* a) {
  return translated([&]() -> PyObject* {
    const core::Array& x = only_element(a, "an index");
    if (!core::is_int(x.dtype))
      type_error("wengert: only integer arrays can be used as an index, got " + core::describe(x));
    return PyLong_FromLongLong(core::item_int(x));
  });
}

// ---- container ------------------------------------------------------------------------------------------------------

Py_ssize_t length(PyObject* a) {
  return translated([&]() -> Py_ssize_t {
    const Dims& s = read(as_array(a)).shape();
    if (s.empty()) type_error("wengert: len() of a 0-d array");
    return s[0];
  });
}
PyObject* subscript(PyObject* a, PyObject* index) {
  return translated([&] { return get_item(as_array(a), index); });
}
int assign_subscript(PyObject* a, PyObject* index, PyObject* v) {
  return translated([&]() -> int {
    if (!v) type_error("wengert: elements of an array cannot be deleted");
    set_item(as_array(a), index, v);
    return 0;
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
    {Py_tp_hash, slot(hashed)},
    {Py_tp_iter, slot(elements)},
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
    {Py_nb_inplace_floor_divide, slot(in_place_slot<code_of<ops::FloorDivide>>)},
    {Py_nb_inplace_remainder, slot(in_place_slot<code_of<ops::Remainder>>)},
    {Py_nb_inplace_power, slot(in_place_power)},
    {Py_nb_inplace_matrix_multiply, slot(in_place_slot<code_of<ops::Matmul>>)},
    {Py_nb_inplace_and, slot(in_place_slot<code_of<ops::LogicalAnd>>)},
    {Py_nb_inplace_or, slot(in_place_slot<code_of<ops::LogicalOr>>)},
    {Py_nb_inplace_xor, slot(in_place_slot<code_of<ops::LogicalXor>>)},
    {Py_nb_negative, slot(unary_slot<code_of<ops::Negative>>)},
    {Py_nb_positive, slot(positive_slot)},
    {Py_nb_absolute, slot(unary_slot<code_of<ops::Absolute>>)},
    {Py_nb_invert, slot(invert_slot)},
    {Py_nb_and, slot(logical_slot<code_of<ops::LogicalAnd>>)},
    {Py_nb_or, slot(logical_slot<code_of<ops::LogicalOr>>)},
    {Py_nb_xor, slot(logical_slot<code_of<ops::LogicalXor>>)},
    {Py_nb_lshift, slot(number_slot<PyNumber_Lshift>)},
    {Py_nb_rshift, slot(number_slot<PyNumber_Rshift>)},
    {Py_nb_bool, slot(truth)},
    {Py_nb_float, slot(to_float)},
    {Py_nb_int, slot(to_integer)},
    {Py_nb_index, slot(index_slot)},
    {Py_mp_length, slot(length)},
    {Py_mp_subscript, slot(subscript)},
    {Py_mp_ass_subscript, slot(assign_subscript)},
    {Py_bf_getbuffer, slot(array_buffer)},
    {0, nullptr}};

PyType_Spec spec = {"wengert.Array", sizeof(PyArray), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

// Bytes in front of an object that the collector knows.
size_t gc_header() {
  const py::list some;
  return py::module_::import("sys").attr("getsizeof")(some).cast<size_t>() - some.attr("__sizeof__")().cast<size_t>();
}

// What was given as the element type that was asked for.
Value with_type(Value v, const py::object& dtype, const char* name) {
  if (!dtype.is_none()) {
    const DType t = to_dtype(dtype.ptr());
    check_fits(v, t, name);
    v = ad::astype(v, t);
  }
  v.weak = false;
  return v;
}

}  // namespace

void bind_array_type(py::module_& m) {
  if (gc_header() != kGcHeader) spec.flags &= ~static_cast<unsigned>(Py_TPFLAGS_HAVE_GC);
  array_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!array_type) throw py::error_already_set();
  m.add_object("Array", py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(array_type)));
  bind_elements(m);
  bind_kinds(m);
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
        v = with_type(copied(v), dtype, "array");
        if (requires_grad) {
          if (v.level)
            runtime_error(
                "wengert.array: a value that is being differentiated cannot be made a leaf; detach() it first");
          if (!core::is_float(v.dtype()))
            type_error("wengert.array: only floating point arrays can require gradients, got " +
                       core::describe(*v.array) + "; pass dtype=float");
          v.level = ad::LevelRef(new ad::Leaf);
        }
        return py::reinterpret_steal<py::object>(wrap_array(std::move(v)));
      },
      py::arg("x"), py::arg("dtype") = py::none(), py::arg("requires_grad") = false,
      "An array from numbers, nested lists, NumPy arrays or Arrays (copied).");
  m.def(
      "holds_array",
      [](const py::object& o) {
        return (py::isinstance<py::list>(o) || py::isinstance<py::tuple>(o)) && holds_array(o.ptr());
      },
      py::arg("x"), "Whether a list or tuple has an Array in it, or one in it has.");
  m.def(
      "for_numpy", [](const py::object& o) { return for_numpy(o.ptr()); }, py::arg("x"),
      "The argument; if it is a list of objects, which might change it while NumPy reads it, a tuple of them.");
  m.def(
      "asarray",
      [](const py::object& o, const py::object& dtype) {
        if (dtype.is_none()) return py::reinterpret_steal<py::object>(operand_of(o.ptr()));
        Value v = with_type(require_value(o.ptr(), "asarray"), dtype, "asarray");
        return py::reinterpret_steal<py::object>(is_number(o.ptr()) ? wrap(std::move(v)) : wrap_array(std::move(v)));
      },
      py::arg("x"), py::arg("dtype") = py::none(), "The argument itself if it is an Array, else an Array of it.");
}

}  // namespace wengert::bindings
