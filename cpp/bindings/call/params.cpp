#include "bindings/call/params.h"

#include <algorithm>

#include "ad/recorder.h"
#include "ops/info.h"

namespace wengert::bindings {

using ad::OpCode;
using ad::ParamsRef;
using ops::code_of;
using ops::FieldKind;
using ops::info;

std::string op_name(OpCode op) { return std::string(info(op).name); }

[[noreturn]] void wrong_count(OpCode op, Py_ssize_t got) {
  type_error("wengert." + op_name(op) + " takes " + std::to_string(info(op).arity) + " operand(s), got " +
             std::to_string(got));
}

// What python/wengert/_internals/hints.py has to say about it.
std::string keyword_hint(PyObject* name) {
  return std::string(py::str(py::module_::import("wengert._internals.hints").attr("keyword")(py::handle(name))));
}

void refuse_keywords(OpCode op, PyObject* kwnames) {
  if (!kwnames || PyTuple_GET_SIZE(kwnames) == 0) return;
  type_error(
      "wengert." + op_name(op) + ": unknown keyword argument '" + std::string(py::str(PyTuple_GET_ITEM(kwnames, 0))) +
      "' (out=, where= and dtype= of NumPy are not supported here)" + keyword_hint(PyTuple_GET_ITEM(kwnames, 0)));
}

namespace {

Dims reshape_shape(PyObject* o, const Dims& from) {
  Dims shape = to_dims(o, "reshape");
  const Dims asked = shape;
  int unknown = -1;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] >= 0) continue;
    if (shape[i] != -1) value_error("wengert.reshape: negative sizes other than one -1 (inferred), got " + asked.str());
    if (unknown >= 0) value_error("wengert.reshape: only one size can be -1 (inferred), got " + asked.str());
    unknown = i;
  }
  if (unknown >= 0) shape[unknown] = 1;
  const int64_t known = core::element_count(DType::b1, shape), total = from.product();
  const bool fits = unknown < 0 ? known == total : known && total % known == 0;
  if (!fits)
    value_error("wengert.reshape: an array of shape " + from.str() + " (" + std::to_string(total) +
                " elements) does not fit into shape " + asked.str());
  if (unknown >= 0) shape[unknown] = total / known;
  return shape;
}

Dims permutation(PyObject* o, int ndim) {
  Dims r;
  if (o == Py_None) {
    for (int i = ndim; i-- > 0;) r.push_back(i);
    return r;
  }
  for (int64_t a : to_dims(o, "transpose")) {
    const int64_t axis = normal_axis(a, ndim, "transpose");
    if (r.contains(axis)) value_error("wengert.transpose: axis " + std::to_string(a) + " is given twice");
    r.push_back(axis);
  }
  if (r.size() != ndim)
    value_error("wengert.transpose: " + std::to_string(r.size()) + " axes given for an array with " +
                std::to_string(ndim) + " dimensions");
  return r;
}

// One field from what Python gives for it; `shape` is that of the first operand.
struct Parser {
  const std::string name;
  const Dims& shape;
  PyObject* given = nullptr;

  void operator()(const ops::Field& f, Dims& v) const {
    switch (f.kind) {
      case FieldKind::axes:
        v = normal_axes(given, shape.size(), name.c_str());
        break;
      case FieldKind::shape:
        v = reshape_shape(given, shape);
        break;
      case FieldKind::permutation:
        v = permutation(given, shape.size());
        break;
      default:
        v = to_dims(given, name.c_str());
    }
  }
  void operator()(const ops::Field& f, int64_t& v) const {
    v = to_int(given, name.c_str());
    if (f.kind == FieldKind::integer) return;
    const int rank = shape.size() + (f.kind == FieldKind::new_axis ? 1 : 0);
    v = normal_axis(v, rank, name.c_str()) - rank;
  }
  void operator()(const ops::Field&, bool& v) const {
    const int truth = PyObject_IsTrue(given);
    if (truth < 0) throw PythonError{};
    v = truth != 0;
  }
  void operator()(const ops::Field&, DType& v) const { v = to_dtype(given); }
  void operator()(const ops::Field&, ArrayRef& v) const {
    const Value at = require_value(given, name.c_str());
    if (!core::is_int(at.dtype()) && at.array->size)
      type_error("wengert." + name + ": positions must be integers, got a " + core::describe(*at.array));
    ad::guard(at, ad::GuardOn::elements);
    v = core::cast(at.array, DType::i64);
  }
};

// A field as Python gives it.
struct Printer {
  py::object operator()(const Dims& v) const { return py::reinterpret_steal<py::object>(from_dims(v)); }
  py::object operator()(int64_t v) const { return py::int_(v); }
  py::object operator()(bool v) const { return py::bool_(v); }
  py::object operator()(DType v) const { return py::reinterpret_steal<py::object>(from_dtype(v)); }
  py::object operator()(const ArrayRef& v) const { return py::reinterpret_steal<py::object>(wrap(Value(v))); }
};

PyObject* default_of(const ops::Field& d) {  // borrowed
  if (d.fallback == "None") return Py_None;
  if (d.fallback == "False") return Py_False;
  static PyObject* minus_one = PyLong_FromLong(-1);  // nothing that could let another thread run
  static PyObject* zero = PyLong_FromLong(0);
  return d.fallback == "-1" ? minus_one : zero;
}

}  // namespace

ParamsRef parse_params(OpCode op, const Dims& shape, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  const std::vector<ops::Field>& params = info(op).params;
  if (params.empty()) {
    if (n) wrong_count(op, info(op).arity + n);
    refuse_keywords(op, kwnames);
    return {};
  }
  const ParamsRef p = info(op).new_params();
  Parser parse{op_name(op), shape};
  const Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  if (n > static_cast<Py_ssize_t>(params.size())) wrong_count(op, info(op).arity + n);
  Py_ssize_t used = 0;
  Py_ssize_t i = 0;
  ops::for_each_field(*p, [&](const ops::Field& f, auto& value) {
    PyObject* o = i < n ? args[i] : nullptr;
    ++i;
    for (Py_ssize_t k = 0; !o && k < nkw; ++k)
      if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, k), f.name.data()) == 0) {
        o = args[n + k];
        ++used;
      }
    if (!o && f.fallback.empty())
      type_error("wengert." + op_name(op) + ": argument '" + std::string(f.name) + "' is missing");
    parse.given = o ? o : default_of(f);
    parse(f, value);
  });
  if (used != nkw) {
    std::string names;
    for (const ops::Field& d : params) names += (names.empty() ? "" : ", ") + std::string(d.name);
    for (Py_ssize_t k = 0; k < nkw; ++k) {
      PyObject* name = PyTuple_GET_ITEM(kwnames, k);
      const bool known = std::ranges::any_of(
          params, [&](const ops::Field& d) { return PyUnicode_CompareWithASCIIString(name, d.name.data()) == 0; });
      if (!known)
        type_error("wengert." + op_name(op) + ": unknown keyword argument '" + std::string(py::str(name)) + "'" +
                   keyword_hint(name) + "; it takes " + names);
    }
    type_error("wengert." + op_name(op) + ": an argument is given by position and by name; it takes " + names);
  }
  if (info(op).check) info(op).check(info(op).name, shape, *p);
  return p;
}

py::dict params_dict(const ops::Params* p) {
  py::dict d;
  if (p)
    ops::for_each_field(*p,
                        [&](const ops::Field& f, const auto& v) { d[py::str(std::string(f.name))] = Printer{}(v); });
  return d;
}

}  // namespace wengert::bindings
