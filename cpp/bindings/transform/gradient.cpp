// grad and value_and_grad of functions of numbers, arrays and plain trees of them in one call: opening the level,
// lifting, sweeping and converting back cost 0.5 us here and 5 us in Python, as much as forty operations.
#include "bindings/transform/gradient.h"

#include <pybind11/numpy.h>

#include "ad/reverse.h"
#include "bindings/call/tree.h"
#include "bindings/interpreter.h"
#include "bindings/transform/garbage.h"

namespace wengert::bindings {
namespace {

class Gradient {
 public:
  Gradient(py::object f, const py::object& argnums, bool with_value, py::object check)
      : f_(std::move(f)), check_(std::move(check)), with_value_(with_value) {
    single_ = PyLong_CheckExact(argnums.ptr());
    if (single_) {
      nums_.push_back(argnums.cast<Py_ssize_t>());
    } else {
      for (const auto& n : argnums) nums_.push_back(n.cast<Py_ssize_t>());
    }
  }

  // NotImplemented: an argument is of another kind (an integer array, a container of a class …); nothing has been run.
  PyObject* operator()(PyObject* args, PyObject* kwargs) const {
    const Py_ssize_t n = PyTuple_GET_SIZE(args);
    std::vector<Argument> leaves;
    std::vector<Tree> trees(nums_.size());
    for (size_t k = 0; k < nums_.size(); ++k) {
      const Py_ssize_t i = position(k, n);
      if (i < 0 || i >= n || !trees[k].take(PyTuple_GET_ITEM(args, i), leaves)) Py_RETURN_NOTIMPLEMENTED;
    }
    OpenReverse level;
    const py::object held = py::reinterpret_steal<py::object>(PyTuple_New(n));
    for (Py_ssize_t i = 0; i < n; ++i) {
      PyObject* o = PyTuple_GET_ITEM(args, i);
      Py_INCREF(o);
      PyTuple_SET_ITEM(held.ptr(), i, o);
    }
    std::vector<py::object> inputs;
    for (const Argument& a : leaves) inputs.push_back(level.taken(a));
    for (size_t k = 0; k < nums_.size(); ++k)
      PyTuple_SetItem(held.ptr(), position(k, n),
                      trees[k].rebuilt([&](size_t leaf) { return std::move(inputs[leaf]); }).release().ptr());
    const bool keywords = kwargs && PyDict_GET_SIZE(kwargs);
    const py::object result =
        py::reinterpret_steal<py::object>(call_python(f_.ptr(), held.ptr(), keywords ? kwargs : nullptr));
    if (!result) throw PythonError{};
    const bool scalar = is_array(result.ptr()) && read(as_array(result.ptr())).shape().empty() &&
                        core::is_float(read(as_array(result.ptr())).dtype());
    if (!scalar) check_(result);
    level.close();
    return finish(result, scalar, level, leaves, trees);
  }

  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(f_.ptr());
    Py_VISIT(check_.ptr());
    return 0;
  }

 private:
  Py_ssize_t position(size_t k, Py_ssize_t n) const { return nums_[k] < 0 ? nums_[k] + n : nums_[k]; }

  static py::object value_of(const py::object& result, const Value& y, const std::vector<Argument>& leaves) {
    Family widest = Family::python;
    for (const Argument& a : leaves) widest = std::max(widest, a.family);
    if (widest == Family::array || y.level) return wrapped_like(result, y);
    if (widest == Family::python) return as_family(y, {Family::python, {}});
    return py::handle(numpy_types.scalar[static_cast<int>(y.dtype())])(core::item(*y.array));
  }

  PyObject* finish(const py::object& result, bool scalar, const OpenReverse& level, const std::vector<Argument>& leaves,
                   const std::vector<Tree>& trees) const {
    py::object value;
    std::vector<Value> cotangents(leaves.size());
    if (scalar) {
      const Value y = read(as_array(result.ptr()));
      ad::check_result(y, level.level());
      if (with_value_) value = value_of(result, ad::below(y, level.level()), leaves);
      if (level.owns(y))
        cotangents =
            ad::sweep(level.reverse().tape, {{y.node, Value(core::scalar(1.0, y.dtype()))}}, level.inputs(), false);
    } else {
      value = result;
    }
    auto gradient_of = [&](size_t leaf) {
      const Value& x = leaves[leaf].primal;
      Value g = cotangents[leaf] ? std::move(cotangents[leaf]) : Value(core::zeros(x.dtype(), x.shape()));
      g.weak = false;
      return as_family(std::move(g), leaves[leaf]);
    };
    py::object g;
    if (single_) {
      g = trees[0].rebuilt(gradient_of);
    } else {
      py::tuple all(trees.size());
      for (size_t k = 0; k < trees.size(); ++k) all[k] = trees[k].rebuilt(gradient_of);
      g = std::move(all);
    }
    return (with_value_ ? py::object(py::make_tuple(value, g)) : g).release().ptr();
  }

  py::object f_, check_;
  std::vector<Py_ssize_t> nums_;
  bool single_, with_value_;
};

}  // namespace

void bind_gradient(py::module_& m) {
  py::class_<Gradient>(m, "Gradient", collected<Gradient>())
      .def(py::init<py::object, py::object, bool, py::object>(), "The short way of a Transform.");
}

PyObject* run_gradient(PyObject* gradient, PyObject* args, PyObject* kwargs) {
  const py::object held = py::reinterpret_borrow<py::object>(gradient);
  const auto* i = reinterpret_cast<py::detail::instance*>(gradient);
  return translated([&] { return (*static_cast<const Gradient*>(i->simple_value_holder[0]))(args, kwargs); });
}

}  // namespace wengert::bindings
