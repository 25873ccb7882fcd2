#include "bindings/transform/reverse_level.h"

#include <pybind11/numpy.h>

#include "ad/reverse.h"
#include "bindings/interpreter.h"
#include "bindings/transform/garbage.h"

namespace wengert::bindings {

int OpenLevel::traverse(visitproc visit, void* arg) const { return visit_level(level_.get(), visit, arg); }

Value OpenLevel::traced(const Value& primal, uint32_t node, const Value* tangent) const {
  Value v;
  v.array = primal.array;
  v.level = level_;
  v.node = node;
  if (primal.level || tangent) {
    v.box = core::Ref<ad::Box>(new ad::Box);
    v.box->primal = primal;
    if (tangent) v.box->tangent = *tangent;
  }
  return v;
}

Value differentiable(const py::object& x, const char* what) {
  Value v = require_value(x.ptr(), what);
  v.weak = false;
  if (!core::is_float(v.dtype()))
    type_error("wengert: only floating point values can be differentiated, got " + core::describe(*v.array));
  return v;
}

bool lifted(PyObject* o, Argument& a) {
  if (PyFloat_CheckExact(o)) {
    a = {Family::python, Value(core::scalar(PyFloat_AS_DOUBLE(o), DType::f64)), true, true, true};
    return true;
  }
  if (PyLong_CheckExact(o)) {
    const double d = PyLong_AsDouble(o);
    if (d == -1 && PyErr_Occurred()) throw PythonError{};
    a = {Family::python, Value(core::scalar(d, DType::f64)), true, true, true};
    return true;
  }
  if (is_array(o)) {
    const Value& x = read(as_array(o));
    a = {Family::array, x, as_array(o)->scalar(), as_array(o)->foreign(), x.weak != 0};
    a.primal.weak = false;
    return core::is_float(a.primal.dtype());
  }
  if (!py::isinstance<py::array_t<double>>(o) && !py::isinstance<py::array_t<float>>(o)) return false;
  a = {Family::numpy, Value(from_numpy(o, true))};
  return true;
}

py::object as_family(Value v, const Argument& like) {
  if (like.family == Family::array || v.level) return handle_like(std::move(v), like);
  if (like.family == Family::python) {
    if (!v.shape().empty()) return wrapped(std::move(v));
    return py::reinterpret_steal<py::object>(PyFloat_FromDouble(core::item(*v.array)));
  }
  const ArrayRef a = std::move(v.array);
  return py::reinterpret_steal<py::object>(to_numpy(a, true));
}

py::list OpenReverse::sweep(const py::sequence& outputs, const py::sequence& cotangents, bool keep) {
  std::vector<std::pair<uint32_t, Value>> seeds;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Value y = require_value(py::object(outputs[i]).ptr(), "sweep");
    if (!owns(y) || py::object(cotangents[i]).is_none()) continue;
    Value g = require_value(py::object(cotangents[i]).ptr(), "vjp");
    if (!(g.shape() == y.shape()))
      value_error("wengert.vjp: a cotangent of shape " + g.shape().str() + " for an output of shape " +
                  y.shape().str());
    g = ad::astype(g, y.dtype());
    g.weak = false;
    seeds.emplace_back(y.node, std::move(g));
  }
  const std::vector<Value> cts = ad::sweep(reverse().tape, std::move(seeds), inputs_, keep);
  py::list r;
  for (const Value& v : cts) r.append(v ? wrapped(v) : py::object(py::none()));
  return r;
}

std::vector<std::vector<Value>> OpenReverse::swept_rows(const Value& y) {
  ad::check_result(y, level());
  const int64_t n = owns(y) ? y.array->size : 0;
  std::vector<std::vector<Value>> of_input(inputs_.size());
  for (int64_t i = 0; i < n; ++i) {
    ArrayRef seed = core::zeros(y.dtype(), y.shape());
    core::dispatch(y.dtype(), [&](auto tag) { seed->template as<typename decltype(tag)::type>()[i] = 1; });
    std::vector<Value> cts = ad::sweep(reverse().tape, {{y.node, Value(std::move(seed))}}, inputs_, true);
    for (size_t k = 0; k < cts.size(); ++k) of_input[k].push_back(std::move(cts[k]));
  }
  return of_input;
}

py::list OpenReverse::rows(const py::object& y) {
  std::vector<std::vector<Value>> of_input = swept_rows(require_value(y.ptr(), "jacrev"));
  py::list r;
  for (size_t k = 0; k < inputs_.size(); ++k) {
    Value block = stacked(of_input[k], inputs_[k]);
    r.append(block ? wrapped(std::move(block)) : py::object(py::none()));
  }
  return r;
}

py::object OpenReverse::run(const py::object& f, const py::tuple& args, const py::dict& kwargs, Py_ssize_t position) {
  const auto n = static_cast<Py_ssize_t>(args.size());
  if (position < 0) position += n;
  Argument a;
  if (position < 0 || position >= n || !lifted(PyTuple_GET_ITEM(args.ptr(), position), a))
    return py::reinterpret_borrow<py::object>(Py_NotImplemented);
  argument_ = {a.family, {}, a.scalar, a.foreign, a.number};
  py::tuple held(args.size());
  for (Py_ssize_t i = 0; i < n; ++i)
    held[static_cast<size_t>(i)] = i == position ? taken(a) : py::object(args[static_cast<size_t>(i)]);
  PyObject* y = call_python(f.ptr(), held.ptr(), kwargs.empty() ? nullptr : kwargs.ptr());
  if (!y) throw py::error_already_set();
  py::object result = py::reinterpret_steal<py::object>(y);
  settle(y);
  close();
  return result;
}

py::object OpenReverse::jacobian(const py::object& y) {
  const Value v = require_value(y.ptr(), "jacobian");
  const uint32_t x = inputs_.at(0);
  Value block = stacked(swept_rows(v)[0], x);
  const Dims shape = core::concat(v.shape(), reverse().tape.shape(x));
  block = block ? ad::reshape(block, shape) : ad::zeros(shape, reverse().tape.node(x).dtype);
  return as_family(std::move(block), argument_);
}

Value OpenReverse::stacked(std::vector<Value>& rows, uint32_t input) const {
  bool none = true, plain = true;
  for (const Value& v : rows) {
    none &= !v;
    plain &= !v || v.plain();
  }
  if (none) return {};
  const Dims shape = reverse().tape.shape(input);
  const DType t = reverse().tape.node(input).dtype;
  const auto n = static_cast<int64_t>(rows.size());
  if (!plain) {
    for (Value& v : rows)
      if (!v) v = ad::zeros(shape, t);
    return ad::stack(rows, -shape.size() - 1);
  }
  ArrayRef block = core::zeros(t, core::concat(Dims{n}, shape));
  const int64_t bytes = n ? block->bytes() / n : 0;
  for (int64_t i = 0; i < n; ++i)
    if (rows[static_cast<size_t>(i)]) core::copy_into(*rows[static_cast<size_t>(i)].array, block->data + i * bytes);
  return Value(std::move(block));
}

}  // namespace wengert::bindings
