// Reading the arguments of a compiled function: their leaves, and a signature that calls can share a program by.
#include <pybind11/numpy.h>

#include <algorithm>

#include "bindings/compiled.h"
#include "bindings/transform_type.h"

namespace wengert::bindings {

// Element type of an ndarray that can be read as it is; -1: it has to be converted first.
int direct_type(PyObject* a) {
  const auto* p = py::detail::array_proxy(a);
  const int num = py::detail::npy_api::get().PyArray_RUNTIME_VERSION_ < 0x12
                      ? py::detail::array_descriptor1_proxy(p->descr)->type_num
                      : py::detail::array_descriptor2_proxy(p->descr)->type_num;
  const char order = reinterpret_cast<const py::detail::PyArrayDescr_Proxy*>(p->descr)->byteorder;
  if (order == '>' || (p->flags & py::detail::npy_api::NPY_ARRAY_ALIGNED_) == 0) return -1;
  using api = py::detail::npy_api;
  switch (num) {
    case api::NPY_BOOL_:
      return static_cast<int>(DType::b1);
    case api::NPY_INT_:
      return static_cast<int>(DType::i32);
    case api::NPY_LONG_:
      return static_cast<int>(sizeof(long) == 8 ? DType::i64 : DType::i32);
    case api::NPY_LONGLONG_:
      return static_cast<int>(DType::i64);
    case api::NPY_FLOAT_:
      return static_cast<int>(DType::f32);
    case api::NPY_DOUBLE_:
      return static_cast<int>(DType::f64);
    default:
      return -1;
  }
}

namespace {

void put(std::string& s, const void* p, size_t n) { s.append(static_cast<const char*>(p), n); }
void put_int(std::string& s, int64_t v) { put(s, &v, sizeof v); }

void read_tree(State& s, PyObject* o, Call& c);

void put_object(State& s, Call& c, Interned& kind, PyObject* o, const char* what) {
  const int64_t n = kind.id(o, what, s.next_number);
  c.interned.push_back(n);
  c.objects |= !PyUnicode_CheckExact(o);
  put_int(c.signature, n);
}

}  // namespace

bool counts_by_value(PyObject* o) {
  return PyUnicode_Check(o) || PyBytes_Check(o) || PyFunction_Check(o) || PyCFunction_Check(o) || PyType_Check(o) ||
         Py_TYPE(o) == transform_type || o == Py_Ellipsis || py::isinstance<py::dtype>(o);
}

namespace {

void read_other(State& s, PyObject* o, Call& c) {
  if (PyType_IsSubtype(Py_TYPE(o), numpy_types.ndarray)) {
    c.eager = true;  // masked arrays, matrices …: their own rules
    return;
  }
  if (counts_by_value(o)) {
    c.signature += 'S';
    put_object(s, c, s.statics, o, "an argument");
    return;
  }
  const Deeper deeper("reading an argument of a compiled function");
  const py::object flat = s.flatten_other(held(o));
  if (flat.is_none())
    type_error(
        "wengert.compile: an argument of type " + std::string(Py_TYPE(o)->tp_name) +
        " is neither a number, an array nor a tree of them; name it in static_argnums if it is hashable and never "
        "changes");
  const py::tuple pair = py::reinterpret_borrow<py::tuple>(flat);
  const py::list leaves = py::reinterpret_borrow<py::list>(pair[0]);
  c.signature += 'P';
  put_object(s, c, s.structures, py::object(pair[1]).ptr(), "a structure");
  put_int(c.signature, static_cast<int64_t>(leaves.size()));
  for_items(leaves.ptr(), [&](PyObject* x) { read_tree(s, x, c); });
}

void read_shape(Call& c, const Dims& d) {
  c.signature += static_cast<char>(d.size());
  put(c.signature, d.data(), sizeof(int64_t) * static_cast<size_t>(d.size()));
}

void read_tree(State& s, PyObject* o, Call& c) {
  if (PyFloat_CheckExact(o)) {
    c.signature += 'f';
    c.leaves.emplace_back(o, 'f');
  } else if (Py_TYPE(o) == numpy_types.ndarray) {
    const int t = direct_type(o);
    const auto* p = py::detail::array_proxy(o);
    c.signature += 'n';
    c.signature += static_cast<char>(t);
    if (t < 0) c.signature += std::string(py::str(py::handle(p->descr)));
    c.signature += static_cast<char>(p->nd);
    put(c.signature, p->dimensions, sizeof(int64_t) * static_cast<size_t>(p->nd));
    c.leaves.emplace_back(o, 'n');
    c.family = std::max(c.family, Family::numpy);
  } else if (is_array(o)) {
    const Value& v = read(as_array(o));
    if (v.trace && (v.trace->depth > 0 || ad::recording_enabled())) c.traced = true;
    c.signature += 'A';
    c.signature += static_cast<char>(v.dtype());
    read_shape(c, v.shape());
    c.leaves.emplace_back(o, 'A');
    c.family = Family::array;
  } else if (PyBool_Check(o)) {
    c.signature += o == Py_True ? 'T' : 'F';
  } else if (PyLong_CheckExact(o)) {
    int overflow = 0;
    PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow) c.eager = true;
    c.signature += 'i';
    c.leaves.emplace_back(o, 'i');
  } else if (o == Py_None) {
    c.signature += 'N';
  } else if (PyTuple_CheckExact(o) || PyList_CheckExact(o)) {
    const Deeper deeper("reading an argument of a compiled function");
    c.signature += PyTuple_CheckExact(o) ? '(' : '[';
    put_int(c.signature, PySequence_Fast_GET_SIZE(o));
    for_items(o, [&](PyObject* item) { read_tree(s, item, c); });
  } else if (PyDict_CheckExact(o)) {
    c.signature += '{';
    const Deeper deeper("reading an argument of a compiled function");
    put_int(c.signature, PyDict_GET_SIZE(o));
    for_entries(o, [&](PyObject* key, PyObject* value) {
      put_object(s, c, s.names, key, "a key");
      read_tree(s, value, c);
    });
  } else if (PyType_IsSubtype(Py_TYPE(o), numpy_types.generic)) {
    const py::object t = py::reinterpret_borrow<py::object>(o).attr("dtype");
    c.signature += 'g' + std::string(py::str(t));
    c.leaves.emplace_back(o, 'g');
    c.family = std::max(c.family, Family::numpy);
  } else {
    read_other(s, o, c);
  }
}

}  // namespace

namespace {
bool names(const std::vector<Py_ssize_t>& list, Py_ssize_t i, Py_ssize_t n) {
  for (Py_ssize_t k : list)
    if (k == i || k + n == i) return true;
  return false;
}
}  // namespace

bool is_static(const State& s, Py_ssize_t i, Py_ssize_t n) { return names(s.static_arguments, i, n); }
bool is_donated(const State& s, Py_ssize_t i, Py_ssize_t n) { return names(s.donated_arguments, i, n); }

void read_call(State& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Call& c) {
  put_int(c.signature, n);
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (!s.static_arguments.empty() && is_static(s, i, n)) {
      c.signature += 'S';
      put_object(s, c, s.statics, args[i], "a static argument");
      if (PyFloat_Check(args[i]) || PyLong_Check(args[i])) c.signature += Py_TYPE(args[i])->tp_name;  // 1, 1.0, True
    } else {
      read_tree(s, args[i], c);
    }
  }
  if (!kwnames) return;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kwnames); ++i) {
    c.signature += 'k';
    put_object(s, c, s.names, PyTuple_GET_ITEM(kwnames, i), "a keyword");
    read_tree(s, args[n + i], c);
  }
}

ArrayRef leaf_array(const Leaf& leaf) {
  switch (leaf.kind) {
    case 'f':
      return core::scalar(PyFloat_AS_DOUBLE(leaf.object), DType::f64);
    case 'i':
      return core::scalar_int(PyLong_AsLongLong(leaf.object), DType::i64);
    case 'A':
      return read(as_array(leaf.object)).array;
    case 'n':
      return from_numpy(leaf.object, true);
    default:
      return require_value(leaf.object, "compile").array;
  }
}

std::string describe_leaf(const Leaf& leaf) {
  switch (leaf.kind) {
    case 'f':
      return "float";
    case 'i':
      return "int";
    case 'A':
      return "Array " + std::string(core::dtype_name(read(as_array(leaf.object)).dtype())) + " " +
             read(as_array(leaf.object)).shape().str();
    default: {
      const ArrayRef a = leaf_array(leaf);
      return std::string(leaf.kind == 'n' ? "ndarray " : "scalar ") + std::string(core::dtype_name(a->dtype)) + " " +
             a->shape.str();
    }
  }
}

}  // namespace wengert::bindings
