#include "bindings/params.h"

#include <algorithm>

#include "ops/info.h"

namespace wengert::bindings {

using ad::OpCode;
using ad::ParamsRef;
using ops::code_of;
using ops::info;
using ops::ParamKind;

std::string op_name(OpCode op) { return std::string(info(op).name); }

[[noreturn]] void wrong_count(OpCode op, Py_ssize_t got) {
  type_error("wengert." + op_name(op) + " takes " + std::to_string(info(op).arity) + " operand(s), got " +
             std::to_string(got));
}

// What python/wengert/hints.py has to say about it.
std::string keyword_hint(PyObject* name) {
  return std::string(py::str(py::module_::import("wengert.hints").attr("keyword")(py::handle(name))));
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

void set_param(ops::Params& p, const ops::Param& d, PyObject* o, const Dims& shape, OpCode op) {
  const std::string name = op_name(op);
  const int ndim = shape.size();
  switch (d.kind) {
    case ParamKind::axes:
      p.dims[d.slot] = normal_axes(o, ndim, name.c_str());
      break;
    case ParamKind::axis: {
      const int rank = ndim + (op == code_of<ops::Stack> ? 1 : 0);
      p.dims[d.slot] = Dims{normal_axis(to_int(o, name.c_str()), rank, name.c_str()) - rank};
      break;
    }
    case ParamKind::shape:
      p.dims[d.slot] = reshape_shape(o, shape);
      break;
    case ParamKind::permutation:
      p.dims[d.slot] = permutation(o, ndim);
      break;
    case ParamKind::dims:
      p.dims[d.slot] = to_dims(o, name.c_str());
      break;
    case ParamKind::integer:
      p.number = to_int(o, name.c_str());
      break;
    case ParamKind::boolean: {
      const int truth = PyObject_IsTrue(o);
      if (truth < 0) throw PythonError{};
      p.flag = truth != 0;
      break;
    }
    case ParamKind::dtype:
      p.number = static_cast<int64_t>(to_dtype(o));
      break;
    case ParamKind::indices: {
      const Value at = require_value(o, name.c_str());
      if (!core::is_int(at.dtype()) && at.array->size)
        type_error("wengert." + name + ": positions must be integers, got a " + core::describe(*at.array));
      ad::observe(at, ad::Asked::elements);
      p.array = core::cast(at.array, DType::i64);
      break;
    }
  }
}

PyObject* default_of(const ops::Param& d) {  // borrowed
  if (d.fallback == "None") return Py_None;
  if (d.fallback == "False") return Py_False;
  static PyObject* minus_one = PyLong_FromLong(-1);  // nothing that could let another thread run
  static PyObject* zero = PyLong_FromLong(0);
  return d.fallback == "-1" ? minus_one : zero;
}

}  // namespace

ParamsRef parse_params(OpCode op, const Dims& shape, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  const auto params = info(op).params;
  if (params.empty()) {
    if (n) wrong_count(op, info(op).arity + n);
    refuse_keywords(op, kwnames);
    return {};
  }
  ParamsRef p(new ops::Params);
  const Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  if (n > static_cast<Py_ssize_t>(params.size())) wrong_count(op, info(op).arity + n);
  Py_ssize_t used = 0;
  for (size_t i = 0; i < params.size(); ++i) {
    PyObject* o = static_cast<Py_ssize_t>(i) < n ? args[i] : nullptr;
    for (Py_ssize_t k = 0; !o && k < nkw; ++k)
      if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, k), params[i].name.data()) == 0) {
        o = args[n + k];
        ++used;
      }
    if (!o && params[i].fallback.empty())
      type_error("wengert." + op_name(op) + ": argument '" + std::string(params[i].name) + "' is missing");
    set_param(*p, params[i], o ? o : default_of(params[i]), shape, op);
  }
  if (used != nkw) {
    std::string names;
    for (const ops::Param& d : params) names += (names.empty() ? "" : ", ") + std::string(d.name);
    for (Py_ssize_t k = 0; k < nkw; ++k) {
      PyObject* name = PyTuple_GET_ITEM(kwnames, k);
      const bool known = std::ranges::any_of(
          params, [&](const ops::Param& d) { return PyUnicode_CompareWithASCIIString(name, d.name.data()) == 0; });
      if (!known)
        type_error("wengert." + op_name(op) + ": unknown keyword argument '" + std::string(py::str(name)) + "'" +
                   keyword_hint(name) + "; it takes " + names);
    }
    type_error("wengert." + op_name(op) + ": an argument is given by position and by name; it takes " + names);
  }
  if (info(op).check) info(op).check(info(op).name, shape, *p);
  return p;
}

py::dict params_dict(OpCode op, const ops::Params* p) {
  py::dict d;
  if (!p) return d;
  for (const ops::Param& q : info(op).params) {
    const py::str key{std::string(q.name)};
    switch (q.kind) {
      case ParamKind::axis:
        d[key] = p->dims[q.slot][0];
        break;
      case ParamKind::integer:
        d[key] = p->number;
        break;
      case ParamKind::boolean:
        d[key] = p->flag;
        break;
      case ParamKind::dtype:
        d[key] = py::reinterpret_steal<py::object>(from_dtype(static_cast<DType>(p->number)));
        break;
      case ParamKind::indices:
        d[key] = py::reinterpret_steal<py::object>(wrap(Value(p->array)));
        break;
      default:
        d[key] = py::reinterpret_steal<py::object>(from_dims(p->dims[q.slot]));
    }
  }
  return d;
}

}  // namespace wengert::bindings
