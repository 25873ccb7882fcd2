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
    a = {Family::python, Value(core::scalar(PyFloat_AS_DOUBLE(o), DType::f64)), true, true, true, {}};
    return true;
  }
  if (PyLong_CheckExact(o)) {
    const double d = PyLong_AsDouble(o);
    if (d == -1 && PyErr_Occurred()) throw PythonError{};
    a = {Family::python, Value(core::scalar(d, DType::f64)), true, true, true, {}};
    return true;
  }
  if (is_array(o)) {
    const Value& x = read(as_array(o));
    a = {Family::array, x, as_array(o)->scalar(), as_array(o)->foreign(), x.weak != 0, {}};
    a.primal.weak = false;
    return core::is_float(a.primal.dtype());
  }
  for (const DType t : {DType::f64, DType::f32}) {
    PyObject* type = numpy_types.scalar[static_cast<int>(t)];
    if (reinterpret_cast<PyObject*>(Py_TYPE(o)) != type) continue;
    a = {Family::numpy, Value(core::scalar(PyFloat_AsDouble(o), t)), true, true,
         false,         py::reinterpret_borrow<py::object>(type)};
    return true;
  }
  if (!py::isinstance<py::array_t<double>>(o) && !py::isinstance<py::array_t<float>>(o)) return false;
  a = {Family::numpy, Value(from_numpy(o, true)), false, true, false, {}};
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

}  // namespace wengert::bindings
