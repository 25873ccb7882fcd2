#include "bindings/transform/reverse_call.h"

#include "bindings/interpreter.h"
#include "bindings/object/numpy.h"

namespace wengert::bindings {
namespace {

// Python's side says what is wrong with an argument or a result: python/wengert/transforms/inputs.py.
template <class... Args> [[gnu::cold, gnu::noinline]] py::object explained(const char* name, const Args&... args) {
  return called(py::module_::import("wengert.transforms.inputs").attr(name), args...);
}

struct Lifting : Structured {
  static constexpr const char* kDoing = "taking apart an argument";
  const Asked& asked;
  std::vector<Argument>& leaves;
  Py_ssize_t position = 0;
  PyObject* whole = nullptr;  // the argument

  Lifting(const Asked& a, std::vector<Argument>& l) : asked(a), leaves(l) {}
  bool leaf(PyObject* o) {
    Argument a;
    if (lifted(o, a)) {
      leaves.push_back(std::move(a));
      structure.leaf();
      return true;
    }
    if (o == Py_None) structure.none();
    return o == Py_None;
  }
  [[gnu::noinline]] void unknown(PyObject* o) {
    const std::string where = std::string(py::str(asked.name)) +
                              (o == whole ? ": argument " : ": a leaf of argument ") + std::to_string(position);
    const py::object usable = explained("check_leaf", held(o), where);
    Argument a;
    if (!lifted(usable.ptr(), a)) {
      a.primal = differentiable(usable, "input");
      a.family = Family::numpy;
      a.scalar = PyType_IsSubtype(Py_TYPE(usable.ptr()), numpy_types.generic);
      if (a.scalar) a.type = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(Py_TYPE(usable.ptr())));
    }
    leaves.push_back(std::move(a));
    structure.leaf();
  }
};

// A value of a function (of the kind of `result`) in the family of its arguments: NumPy in, NumPy out.
py::object in_family(const py::object& result, Value v, Family widest) {
  if (widest == Family::array || v.level) return wrapped_like(result, std::move(v));
  const ArrayRef a = std::move(v.array);
  if (!a->shape.empty()) return py::reinterpret_steal<py::object>(to_numpy(a, true));
  return py::reinterpret_steal<py::object>(widest == Family::numpy ? numpy_scalar(*a) : to_python_scalar(*a));
}

// A derivative in the form of its argument.
py::object like(Value v, const Argument& x) {
  if (x.type && !v.level) return x.type(core::item(*v.array));
  return as_family(std::move(v), x);
}

bool is_result(PyObject* o) {
  return is_array(o) || PyFloat_Check(o) || PyLong_Check(o) || PyType_IsSubtype(Py_TYPE(o), numpy_types.ndarray) ||
         PyType_IsSubtype(Py_TYPE(o), numpy_types.generic);
}

int64_t size_of(PyObject* o) {
  if (is_array(o)) return read(as_array(o)).array->size;
  return PyType_IsSubtype(Py_TYPE(o), numpy_types.ndarray) ? PyArray_SIZE(as_ndarray(o)) : 1;
}

}  // namespace

Differentiated::Differentiated(const Asked& asked, PyObject* args) : single_(PyLong_CheckExact(asked.argnums.ptr())) {
  const Py_ssize_t n = PyTuple_GET_SIZE(args);
  leaves_.reserve(2);
  Lifting v(asked, leaves_);
  auto add = [&](Py_ssize_t given) {
    const Py_ssize_t i = given < 0 ? given + n : given;
    bool wrong = i < 0 || i >= n;
    for (const Py_ssize_t other : positions_) wrong |= other == i;
    if (wrong) explained("argnum_tuple", asked.argnums, n, asked.name);
    v.position = i;
    v.whole = PyTuple_GET_ITEM(args, i);
    walk(v.whole, v);
    return i;
  };
  if (single_) {
    position_ = add(PyLong_AsSsize_t(asked.argnums.ptr()));
  } else {
    v.structure.enter(TreeNode::tuple, PyTuple_GET_SIZE(asked.argnums.ptr()), nullptr);
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(asked.argnums.ptr()); ++k)
      positions_.push_back(add(PyLong_AsSsize_t(PyTuple_GET_ITEM(asked.argnums.ptr(), k))));
  }
  structure_ = std::move(v.structure);
}

Family Differentiated::widest() const {
  Family widest = Family::python;
  for (const Argument& a : leaves_) widest = std::max(widest, a.family);
  return widest;
}

template <class LeafOf> py::object Differentiated::replaced(PyObject* args, LeafOf&& leaf_of) const {
  const Py_ssize_t n = PyTuple_GET_SIZE(args);
  py::object all = py::reinterpret_steal<py::object>(PyTuple_New(n));
  if (!all) throw PythonError{};
  py::object own = gathered(leaf_of);
  auto put = [&](Py_ssize_t i, PyObject* o) { PyTuple_SET_ITEM(all.ptr(), i, Py_NewRef(o)); };
  if (single_) put(position_, own.ptr());
  for (size_t k = 0; k < positions_.size(); ++k)
    put(positions_[k], PyTuple_GET_ITEM(own.ptr(), static_cast<Py_ssize_t>(k)));
  for (Py_ssize_t i = 0; i < n; ++i)
    if (!PyTuple_GET_ITEM(all.ptr(), i)) put(i, PyTuple_GET_ITEM(args, i));
  return all;
}

ReverseCall::ReverseCall(const Asked& asked, const py::object& f, PyObject* args, PyObject* kwargs)
    : asked_(asked), given_(asked, args) {
  {
    const py::object lifted = given_.replaced(args, [&](size_t k) { return level_.taken(given_.leaves()[k]); });
    const bool keywords = kwargs && PyDict_GET_SIZE(kwargs);
    y_ = py::reinterpret_steal<py::object>(call_python(f.ptr(), lifted.ptr(), keywords ? kwargs : nullptr));
  }
  if (!y_) throw PythonError{};
  settle(y_.ptr());
  if (asked.has_aux) split();
  level_.close();
}

void ReverseCall::split() {
  const bool pair = PyTuple_Check(y_.ptr()) && PyTuple_GET_SIZE(y_.ptr()) == 2;
  const py::object parts = pair ? y_ : explained("split_aux", y_, true, asked_.name);
  aux_ = without_level(parts[py::int_(1)]);
  y_ = parts[py::int_(0)];
}

// Auxiliary results without this level's derivative, in the family of the arguments.
py::object ReverseCall::without_level(const py::object& tree) const {
  Flattened v;
  walk(tree.ptr(), v);
  return v.structure.rebuilt([&](size_t k) {
    if (!is_array(v.leaves[k].ptr())) return v.leaves[k];
    const Value x = read(as_array(v.leaves[k].ptr()));
    ad::check_result(x, level_.level());
    return in_family(v.leaves[k], ad::below(x, level_.level()), given_.widest());
  });
}

py::object ReverseCall::gradient(bool with_value) {
  Value y;
  if (is_array(y_.ptr())) y = read(as_array(y_.ptr()));
  if (!y || !y.shape().empty() || !core::is_float(y.dtype())) explained("check_scalar", y_, asked_.name);
  std::vector<Value> cotangents(given_.leaves().size());
  py::object value = y_;
  if (y) {
    ad::check_result(y, level_.level());
    if (with_value) value = in_family(y_, ad::below(y, level_.level()), given_.widest());
    if (level_.owns(y))
      cotangents =
          ad::sweep(level_.reverse().tape, {{y.node, Value(core::scalar(1.0, y.dtype()))}}, level_.inputs(), false);
  }
  py::object g = given_.gathered([&](size_t k) {
    const Argument& x = given_.leaves()[k];
    Value c = cotangents[k] ? std::move(cotangents[k]) : Value(core::zeros(x.primal.dtype(), x.primal.shape()));
    c.weak = false;
    return like(std::move(c), x);
  });
  if (asked_.has_aux && with_value) return py::make_tuple(py::make_tuple(std::move(value), aux_), std::move(g));
  if (asked_.has_aux) return py::make_tuple(std::move(g), aux_);
  return with_value ? py::object(py::make_tuple(std::move(value), std::move(g))) : g;
}

py::object ReverseCall::jacobian() {
  if (is_array(y_.ptr())) return blocks(y_);
  Flattened v;
  walk(y_.ptr(), v);
  for (const py::object& y : v.leaves)
    if (!is_result(y.ptr())) explained("check_output", y, asked_.name);
  return v.structure.rebuilt([&](size_t k) { return blocks(v.leaves[k]); });
}

// One sweep for each element of y: the rows of the Jacobian.
std::vector<std::vector<Value>> ReverseCall::swept_rows(const Value& y) {
  ad::check_result(y, level_.level());
  const int64_t n = level_.owns(y) ? y.array->size : 0;
  std::vector<std::vector<Value>> of_input(level_.inputs().size());
  for (int64_t i = 0; i < n; ++i) {
    ArrayRef seed = core::zeros(y.dtype(), y.shape());
    core::dispatch(y.dtype(), [&](auto tag) { seed->template as<typename decltype(tag)::type>()[i] = 1; });
    std::vector<Value> cts =
        ad::sweep(level_.reverse().tape, {{y.node, Value(std::move(seed))}}, level_.inputs(), true);
    for (size_t k = 0; k < cts.size(); ++k) of_input[k].push_back(std::move(cts[k]));
  }
  return of_input;
}

py::object ReverseCall::blocks(const py::object& result) {
  const Value y = require_value(result.ptr(), "jacobian");
  std::vector<std::vector<Value>> rows =
      is_array(result.ptr()) ? swept_rows(y) : std::vector<std::vector<Value>>(level_.inputs().size());
  return given_.gathered([&](size_t k) {
    const Argument& x = given_.leaves()[k];
    const Dims shape = core::concat(y.shape(), x.primal.shape());
    Value block = stacked(rows[k], level_.inputs()[k]);
    block = block ? ad::reshape(block, shape) : ad::zeros(shape, x.primal.dtype());
    // By a number an array goes back in the family of all arguments.
    const bool number = x.family == Family::python || x.type || (x.family == Family::numpy && x.scalar);
    return number && !shape.empty() ? in_family(result, std::move(block), given_.widest()) : like(std::move(block), x);
  });
}

Value ReverseCall::stacked(std::vector<Value>& rows, uint32_t input) const {
  bool none = true, plain = true;
  for (const Value& v : rows) {
    none &= !v;
    plain &= !v || v.plain();
  }
  if (none) return {};
  const Dims shape = level_.reverse().tape.shape(input);
  const DType t = level_.reverse().tape.node(input).dtype;
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

int64_t ReverseCall::size() const {
  int64_t n = 0;
  for (const Argument& a : given_.leaves()) n += a.primal.array->size;
  return n;
}

int64_t ReverseCall::result_size() const {
  if (is_array(y_.ptr())) return size_of(y_.ptr());
  Flattened v;
  walk(y_.ptr(), v);
  int64_t n = 0;
  for (const py::object& y : v.leaves) n += size_of(y.ptr());
  return n;
}

namespace {

// A run that is still to be asked for its Jacobian.
struct Run {
  Asked asked;
  ReverseCall call;
  Run(const py::object& f, const py::tuple& args, const py::dict& kwargs, Asked a)
      : asked(std::move(a)), call(asked, f, args.ptr(), kwargs.ptr()) {}
};

}  // namespace

void bind_reverse_call(py::module_& m) {
  py::class_<Run>(m, "ReverseCall", "One run of a function in reverse mode; see jacobians.py.")
      .def(py::init([](const py::object& f, const py::tuple& args, const py::dict& kwargs, const py::object& argnums,
                       bool has_aux, const py::object& name) {
        return std::make_unique<Run>(f, args, kwargs, Asked{argnums, has_aux, name});
      }))
      .def("jacobian", [](Run& r) { return r.call.jacobian(); })
      .def_property_readonly("aux", [](const Run& r) { return r.call.aux(); })
      .def_property_readonly(
          "sizes", [](const Run& r) { return py::make_tuple(r.call.size(), r.call.result_size()); },
          "Elements of the arguments, and of the result.");
}

}  // namespace wengert::bindings
