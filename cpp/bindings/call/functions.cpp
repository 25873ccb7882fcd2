#include "bindings/call/functions.h"

#include <array>
#include <cmath>
#include <cstdint>

#include "ad/functions.h"
#include "ad/recorder.h"
#include "bindings/call/depth.h"
#include "bindings/call/params.h"
#include "bindings/interpreter.h"
#include "bindings/object/index.h"
#include "bindings/object/kinds.h"
#include "bindings/object/views.h"
#include "ops/elementwise/evaluate.h"

namespace wengert::bindings {

using ad::OpCode;
using ad::ParamsRef;
using ops::code_of;
using ops::info;

namespace {

// Whole-number powers of whole numbers: NumPy refuses negative exponents.
void check_integer_power(const Value& a, const Value& b) {
  if (!core::is_int(a.dtype()) || !core::is_int(b.dtype())) return;
  ad::guard(b, ad::GuardOn::elements);
  const ArrayRef e = core::contiguous(b.array);
  for (int64_t i = 0; i < e->size; ++i)
    if (core::item_int(*e, i) < 0)
      value_error("wengert.power: integers to negative integer powers are not allowed; make the base a float");
}

// bool operands of arithmetic: as in NumPy + is "or" and * is "and"; the rest is computed in int64.
OpCode for_bools(OpCode op, std::vector<Value>& v) {
  if (op == code_of<ops::Add> || op == code_of<ops::Maximum>) return code_of<ops::LogicalOr>;
  if (op == code_of<ops::Multiply> || op == code_of<ops::Minimum>) return code_of<ops::LogicalAnd>;
  if (op == code_of<ops::Subtract>)
    type_error("wengert.subtract: not defined for bool arrays; use logical_xor, or convert with astype(int)");
  for (Value& x : v) x = ad::astype(x, DType::i64);
  return op;
}

}  // namespace

namespace {

bool out_of_range(const Value& literal, DType t) {
  if (!literal.weak || !core::is_int(t)) return false;
  if (literal.weak == Value::kBeyond) return true;
  if (literal.dtype() != DType::i64 || t != DType::i32) return false;
  ad::guard(literal, ad::GuardOn::number);
  const int64_t i = core::item_int(*literal.array);
  return i < INT32_MIN || i > INT32_MAX;
}

[[noreturn]] void overflow(const char* op, DType t) {
  PyErr_Format(PyExc_OverflowError,
               "wengert.%s: a Python int is out of bounds for %s, the type of the array beside it; convert the array "
               "with astype first",
               op, core::dtype_name(t).data());
  throw PythonError{};
}

bool compares(OpCode op) {
  return op == code_of<ops::Less> || op == code_of<ops::LessEqual> || op == code_of<ops::Equal> ||
         op == code_of<ops::NotEqual> || op == code_of<ops::Greater> || op == code_of<ops::GreaterEqual>;
}

// NEP 50: a Python int takes the type of the integer array beside it and must fit, but compares rightly with any.
// Gives the common type for literals that need another one.
DType type_with_large_literals(OpCode op, std::vector<Value>& v, size_t first, DType t) {
  bool integers = false;  // among the operands with a type of their own
  for (size_t i = first; i < v.size(); ++i) {
    if (v[i].weak) continue;
    if (core::is_float(v[i].dtype())) return t;
    integers = true;
  }
  if (!integers) return t;
  const DType own = t == DType::i32 ? DType::i32 : DType::i64;
  for (size_t i = first; i < v.size(); ++i) {
    if (!out_of_range(v[i], own)) continue;
    if (!compares(op)) overflow(info(op).name.data(), own);
    if (v[i].weak == Value::kBeyond) v[i] = Value(core::item(*v[i].array) < 0 ? -HUGE_VAL : HUGE_VAL);
    t = v[i].dtype() == DType::f64 || t == DType::f64 ? DType::f64 : DType::i64;
  }
  return t;
}

}  // namespace

void check_fits(const Value& literal, DType t, const char* op) {
  if (out_of_range(literal, t)) overflow(op, t);
}

// Promotes to the type the operation computes in and applies it.
Value promoted(OpCode op, std::vector<Value>& v, const ParamsRef& params) {
  const ops::Info& f = info(op);
  const int n = static_cast<int>(v.size());
  const size_t first = op == code_of<ops::Where> ? 1 : 0;  // the condition keeps its type
  DType t = ad::common_type(v.data() + first, n - static_cast<int>(first));
  if (n > 1) t = type_with_large_literals(op, v, first, t);
  if (f.types == ops::Types::floats && !core::is_float(t)) t = DType::f64;
  for (size_t i = first; i < v.size(); ++i) v[i] = ad::astype(v[i], t);
  if (first) v[0] = ad::astype(v[0], DType::b1);
  if (t == DType::b1 && f.elementwise && f.types == ops::Types::numeric) op = for_bools(op, v);
  if (op == code_of<ops::Power> && v.size() == 2) check_integer_power(v[0], v[1]);
  if (t == DType::b1 && op == code_of<ops::Matmul>) {
    for (Value& x : v) x = ad::astype(x, DType::i64);
    return ad::astype(ad::apply(op, v.data(), n, params), DType::b1);
  }
  return ad::apply(op, v.data(), n, params);
}

Value call_binary(OpCode op, const Value& a, const Value& b) {
  // Both of one floating type: the common case, without the vector below.
  if (a.dtype() == b.dtype() && core::is_float(a.dtype())) return ad::apply2(op, a, b);
  std::vector<Value> v{a, b};
  return promoted(op, v, {});
}

namespace {

// ---- elementwise functions: one instance each -----------------------------------------------------------------------

template <OpCode Op> PyObject* unary_function(PyObject*, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return translated([&]() -> PyObject* {
    if (n != 1) wrong_count(Op, n);
    if (kwnames) refuse_keywords(Op, kwnames);
    if (is_array(args[0])) {
      const Value& x = read(as_array(args[0]));
      if (core::is_float(x.dtype())) return x.plain() ? wrap(ops::unary(Op, x.array)) : wrap(ad::apply1(Op, x));
    }
    std::vector<Value> v{require_value(args[0], info(Op).name.data())};
    return wrap(promoted(Op, v, {}));
  });
}

template <OpCode Op> PyObject* binary_function(PyObject*, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return translated([&]() -> PyObject* {
    if (n != 2) wrong_count(Op, n);
    if (kwnames) refuse_keywords(Op, kwnames);
    if (is_array(args[0]) && is_array(args[1]))
      return wrap(call_binary(Op, read(as_array(args[0])), read(as_array(args[1]))));
    const Value a = require_value(args[0], info(Op).name.data()), b = require_value(args[1], info(Op).name.data());
    return wrap(call_binary(Op, a, b));
  });
}

// ---- structured functions -------------------------------------------------------------------------------------------

std::vector<Value> operands_of(OpCode op, PyObject* const*& args, Py_ssize_t& n) {
  const ops::Info& f = info(op);
  std::vector<Value> v;
  if (f.arity == ops::kVariadic) {
    const py::object seq =
        n ? py::reinterpret_steal<py::object>(going_back([=] { return PySequence_Fast(args[0], ""); })) : py::object();
    if (!seq) {
      if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_TypeError)) throw PythonError{};
      PyErr_Clear();
      type_error("wengert." + op_name(op) + ": the first argument must be a sequence of arrays");
    }
    for_items(seq.ptr(), [&](PyObject* item) { v.push_back(require_value(item, f.name.data())); });
    for (Value& x : v) x.weak = false;  // NumPy makes arrays of them
    if (v.empty()) value_error("wengert." + op_name(op) + ": at least one array is needed");
    ++args, --n;
    return v;
  }
  if (n < f.arity) wrong_count(op, n);
  for (int i = 0; i < f.arity; ++i) v.push_back(require_value(args[i], f.name.data()));
  args += f.arity;
  n -= f.arity;
  return v;
}

}  // namespace

PyObject* structured_function(OpCode op, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  PyObject* const source = n ? args[0] : nullptr;
  std::vector<Value> v = operands_of(op, args, n);
  const ParamsRef p = parse_params(op, v[0].shape(), args, n, kwnames);
  // An argument reduction over all axes of bools and the like needs no promotion beyond the common type.
  Value r = info(op).types == ops::Types::logical ? ad::apply(op, v.data(), static_cast<int>(v.size()), p)
                                                  : promoted(op, v, p);
  if (op == code_of<ops::Where>) return wrap_array(std::move(r));  // NumPy's is no ufunc: 0-d arrays
  if (op == code_of<ops::Astype>) return stands_for_scalar(source) ? wrap(std::move(r)) : wrap_array(std::move(r));
  const bool turned = op == code_of<ops::Transpose> && is_array(source) && as_array(source)->scalar();
  if (turned || !may_view(op)) return wrap(std::move(r));
  return is_array(source) ? wrap_moved(as_array(source), op, *p, std::move(r)) : wrap_array(std::move(r));
}

namespace {

template <OpCode Op> PyObject* structured_entry(PyObject*, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return translated([&] { return structured_function(Op, args, n, kwnames); });
}

// ---- functions that are not primitives themselves -------------------------------------------------------------------

PyObject* getitem_function(PyObject*, PyObject* const* args, Py_ssize_t n) {
  return translated([&]() -> PyObject* {
    if (n != 2) type_error("wengert.getitem takes an array and an index");
    if (is_array(args[0])) return get_item(as_array(args[0]), args[1]);
    return wrap(indexed(require_value(args[0], "getitem"), args[1]));
  });
}

template <bool Add> PyObject* index_change_function(PyObject*, PyObject* const* args, Py_ssize_t n) {
  return translated([&]() -> PyObject* {
    const char* name = Add ? "index_add" : "index_update";
    if (n != 3) type_error("wengert." + std::string(name) + " takes an array, an index and a value");
    Value x = require_value(args[0], name);
    const Value held = x;  // the argument stays as it is
    index_change(x, args[1], require_value(args[2], name), Add);
    return wrap(std::move(x));
  });
}

Dims unit_axes_inserted(const Value& x, PyObject* axis) {
  const Dims given = to_dims(axis, "expand_dims");
  const int rank = x.shape().size() + given.size();
  Dims at;
  for (int64_t a : given) at.push_back(normal_axis(a, rank, "expand_dims"));
  Dims shape;
  int from = 0;
  for (int i = 0; i < rank; ++i)
    shape.push_back(at.contains(i) ? 1 : (from < x.shape().size() ? x.shape()[from++] : 1));
  if (shape.product() != x.shape().product()) value_error("wengert.expand_dims: an axis is given twice");
  return shape;
}

Dims unit_axes_dropped(const Value& x, PyObject* axis) {
  const int n = x.shape().size();
  Dims drop;
  if (axis != Py_None)
    for (int64_t a : to_dims(axis, "squeeze")) {
      drop.push_back(normal_axis(a, n, "squeeze"));
      if (x.shape()[static_cast<int>(drop.back())] != 1)
        value_error("wengert.squeeze: axis " + std::to_string(a) + " of an array of shape " + x.shape().str() +
                    " has a size other than 1");
    }
  Dims shape;
  for (int i = 0; i < n; ++i)
    if (axis == Py_None ? x.shape()[i] != 1 : !drop.contains(i)) shape.push_back(x.shape()[i]);
  return shape;
}

template <bool Insert> PyObject* unit_axes_function(PyObject*, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return translated([&]() -> PyObject* {
    const char* name = Insert ? "expand_dims" : "squeeze";
    PyObject* axis = n > 1 ? args[1] : nullptr;
    if (kwnames && PyTuple_GET_SIZE(kwnames) == 1 &&
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "axis") == 0)
      axis = args[n];
    if (n < 1 || n > 2 || (Insert && !axis)) type_error("wengert." + std::string(name) + " takes an array and an axis");
    const Value x = require_value(args[0], name);
    const auto p = ops::new_params<ops::Reshape>(Insert ? unit_axes_inserted(x, axis)
                                                        : unit_axes_dropped(x, axis ? axis : Py_None));
    if (!Insert && is_array(args[0]) && p->shape == x.shape()) {  // nothing to drop: itself
      Py_INCREF(args[0]);
      return args[0];
    }
    Value r = ad::apply(code_of<ops::Reshape>, &x, 1, p);
    return is_array(args[0]) ? wrap_moved(as_array(args[0]), code_of<ops::Reshape>, *p, std::move(r))
                             : wrap_array(std::move(r));
  });
}

PyObject* ravel_function(PyObject*, PyObject* const* args, Py_ssize_t n) {
  return translated([&]() -> PyObject* {
    if (n != 1) type_error("wengert.ravel takes an array");
    if (is_array(args[0])) return raveled(as_array(args[0]));
    const Value x = require_value(args[0], "ravel");
    return wrap_array(ad::reshape(x, Dims{x.array->size}));
  });
}

PyObject* diagonal_function(PyObject*, PyObject* const* args, Py_ssize_t n) {
  return translated([&]() -> PyObject* {
    if (n != 5) type_error("wengert.diagonal takes an array, an offset, two axes and whether it is read-only");
    const Value x = require_value(args[0], "diagonal");
    const int rank = x.shape().size();
    const int64_t k = to_int(args[1], "diagonal"), axis1 = normal_axis(to_int(args[2], "diagonal"), rank, "diagonal"),
                  axis2 = normal_axis(to_int(args[3], "diagonal"), rank, "diagonal");
    if (axis1 == axis2) value_error("wengert.diagonal: the two axes must differ");
    if (is_array(args[0])) return diagonal_view(as_array(args[0]), k, axis1, axis2, args[4] == Py_True);
    return wrap_array(diagonal_of(x, k, static_cast<int>(axis1), static_cast<int>(axis2)));
  });
}

std::string signature(const ops::Info& f) {
  std::string s = std::string(f.name) + "(";
  if (f.arity == ops::kVariadic)
    s += "arrays";
  else if (f.name == "where")
    s += "condition, x, y";
  else
    s += f.arity == 1 ? "x" : "a, b";
  s += f.params.empty() ? ", /" : "";
  for (const ops::Field& p : f.params)
    s += ", " + std::string(p.name) + (p.fallback.empty() ? "" : "=" + std::string(p.fallback));
  return s + ")\n--\n\n" + std::string(f.doc);
}

struct Functions {
  std::array<PyMethodDef, ops::kOps> defs{};
  std::array<std::string, ops::kOps> docs;
  Functions() {
    ops::Primitives::for_each([this]<class Op>() {
      constexpr OpCode code = code_of<Op>;
      using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);
      Fast f;
      if constexpr (ops::Unary<Op>)
        f = unary_function<code>;
      else if constexpr (ops::Binary<Op>)
        f = binary_function<code>;
      else
        f = structured_entry<code>;
      docs[code] = signature(info(code));
      defs[code] = {Op::name.data(), reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)),
                    METH_FASTCALL | METH_KEYWORDS, docs[code].c_str()};
    });
  }
};

template <class F> PyCFunction as_method(F f) { return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)); }

PyMethodDef more[] = {
    {"getitem", as_method(getitem_function), METH_FASTCALL, "getitem(x, index)\n--\n\nx[index]."},
    {"index_update", as_method(index_change_function<false>), METH_FASTCALL,
     "index_update(x, index, v)\n--\n\nA copy of x with x[index] = v done to it."},
    {"index_add", as_method(index_change_function<true>), METH_FASTCALL,
     "index_add(x, index, v)\n--\n\nA copy of x with v added at index; repeated positions accumulate."},
    {"expand_dims", as_method(unit_axes_function<true>), METH_FASTCALL | METH_KEYWORDS,
     "expand_dims(x, axis)\n--\n\nThe array with axes of size 1 inserted."},
    {"squeeze", as_method(unit_axes_function<false>), METH_FASTCALL | METH_KEYWORDS,
     "squeeze(x, axis=None)\n--\n\nThe array without its axes of size 1."},
    {"ravel", as_method(ravel_function), METH_FASTCALL,
     "ravel(x)\n--\n\nAll elements in row-major order along one axis; a view if they lie so."},
    {"diagonal", as_method(diagonal_function), METH_FASTCALL,
     "diagonal(x, offset, axis1, axis2, read_only)\n--\n\nThe diagonals of the matrices in two axes: a view."},
};

py::list registry() {
  py::list r;
  for (int i = 0; i < ops::kOps; ++i) {
    const ops::Info& f = info(static_cast<OpCode>(i));
    py::dict d;
    d["name"] = std::string(f.name);
    d["doc"] = std::string(f.doc);
    d["arity"] = f.arity;
    d["kind"] = std::string(ops::kKindNames[static_cast<int>(f.kind)]);
    py::list domain;
    for (int k = 0; k < (f.arity > 0 ? f.arity : 1); ++k) domain.append(py::make_tuple(f.domain[k].lo, f.domain[k].hi));
    d["domain"] = py::tuple(domain);
    d["differentiable"] = f.differentiable;
    d["hidden"] = f.hidden;
    std::string saves;
    for (int k = 0; k < 3; ++k) {
      const char* names[] = {"operand 0", "operand 1", "operand 2"};
      if ((f.saves[0] | f.saves[1] | f.saves[2]) & (1 << k))
        saves += (saves.empty() ? "" : ", ") + std::string(names[k]);
    }
    if ((f.saves[0] | f.saves[1] | f.saves[2]) & ops::kResult)
      saves += (saves.empty() ? "" : ", ") + std::string("result");
    d["saves"] = saves.empty() ? "nothing" : saves;
    d["max_ulp"] = f.max_ulp;
    d["types"] = f.types == ops::Types::floats ? "floats" : f.types == ops::Types::numeric ? "numeric" : "logical";
    py::list params;
    constexpr const char* kinds[] = {"axes", "axis",    "axis",    "shape", "permutation",
                                     "dims", "integer", "boolean", "dtype", "indices"};
    for (const ops::Field& p : f.params)
      params.append(py::make_tuple(std::string(p.name), kinds[static_cast<int>(p.kind)]));
    d["params"] = params;
    r.append(d);
  }
  return r;
}

}  // namespace

void bind_ops(py::module_& m) {
  static Functions functions;
  py::module_ sub = m.def_submodule("ops", "The primitives, and the indexing functions made of them.");
  const py::str module_name("wengert._core.ops");
  auto add = [&](PyMethodDef& def) {
    PyObject* f = PyCFunction_NewEx(&def, nullptr, module_name.ptr());
    if (!f || PyModule_AddObject(sub.ptr(), def.ml_name, f) < 0) throw py::error_already_set();
  };
  for (PyMethodDef& def : functions.defs) add(def);
  for (PyMethodDef& def : more) add(def);
  m.def("registry", registry, "One dictionary for each primitive, in the order of the list.");
  m.def(
      "apply",
      [](const std::string& name, const py::args& args, const py::kwargs& kwargs) {
        const int op = ops::find(name);
        if (op < 0) value_error("wengert.apply: there is no primitive '" + name + "'; wengert.primitives() lists them");
        std::vector<PyObject*> all;
        py::tuple names(kwargs.size());
        size_t i = 0;
        if (info(static_cast<OpCode>(op)).arity == ops::kVariadic)
          all.push_back(args.ptr());
        else
          for (const auto& a : args) all.push_back(a.ptr());
        const auto n = static_cast<Py_ssize_t>(all.size());
        for (const auto& [k, v] : kwargs) {
          names[i++] = k;
          all.push_back(v.ptr());
        }
        PyObject* r = translated([&]() -> PyObject* {
          const auto code = static_cast<OpCode>(op);
          if (!info(code).elementwise) return structured_function(code, all.data(), n, names.ptr());
          std::vector<Value> v;
          PyObject* const* p = all.data();
          Py_ssize_t left = n;
          v = operands_of(code, p, left);
          if (left || names.size()) wrong_count(code, n + static_cast<Py_ssize_t>(names.size()));
          return wrap(promoted(code, v, {}));
        });
        if (!r) throw py::error_already_set();
        return py::reinterpret_steal<py::object>(r);
      },
      "Runs a primitive by name.");
}

}  // namespace wengert::bindings
