// grad and value_and_grad of a function.
#include "bindings/transform/gradient.h"

#include "bindings/transform/garbage.h"
#include "bindings/transform/reverse_call.h"

namespace wengert::bindings {
namespace {

class Gradient {
 public:
  Gradient(py::object f, const py::object& argnums, bool has_aux, bool with_value, py::object name)
      : f_(std::move(f)), asked_{argnums, has_aux, std::move(name)}, with_value_(with_value) {}

  py::object operator()(PyObject* args, PyObject* kwargs) const {
    ReverseCall call(asked_, f_, args, kwargs);
    return call.gradient(with_value_);
  }

  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(f_.ptr());
    return 0;
  }

 private:
  py::object f_;
  Asked asked_;
  bool with_value_;
};

}  // namespace

void bind_gradient(py::module_& m) {
  py::class_<Gradient>(m, "Gradient", collected<Gradient>())
      .def(py::init<py::object, py::object, bool, bool, py::object>(), "What grad and value_and_grad call.");
}

bool is_gradient(const py::object& f) { return py::isinstance<Gradient>(f); }

PyObject* run_gradient(PyObject* gradient, PyObject* args, PyObject* kwargs) {
  const py::object held = py::reinterpret_borrow<py::object>(gradient);
  const auto* i = reinterpret_cast<py::detail::instance*>(gradient);
  return translated(
      [&] { return (*static_cast<const Gradient*>(i->simple_value_holder[0]))(args, kwargs).release().ptr(); });
}

}  // namespace wengert::bindings
