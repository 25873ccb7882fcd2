// Reading the arguments of a compiled function: their leaves, and a signature that calls can share a program by.
#include <pybind11/numpy.h>

#include <algorithm>
#include <cstring>

#include "bindings/compiled/compiled.h"
#include "bindings/interpreter.h"
#include "bindings/object/numpy.h"
#include "bindings/transform/transform_type.h"

namespace wengert::bindings {

// Element type of an ndarray that can be read as it is; -1: it has to be converted first.
int direct_type(PyObject* a) {
  if (!PyArray_ISBEHAVED_RO(as_ndarray(a))) return -1;
  switch (PyArray_TYPE(as_ndarray(a))) {
    case NPY_BOOL:
      return static_cast<int>(DType::b1);
    case NPY_INT:
      return static_cast<int>(DType::i32);
    case NPY_LONG:
      return static_cast<int>(sizeof(long) == 8 ? DType::i64 : DType::i32);
    case NPY_LONGLONG:
      return static_cast<int>(DType::i64);
    case NPY_FLOAT:
      return static_cast<int>(DType::f32);
    case NPY_DOUBLE:
      return static_cast<int>(DType::f64);
    default:
      return -1;
  }
}

namespace {

// An object equal to another one's only if nobody can tell the two apart.
py::object exact_form(PyObject* o) {
  const Deeper deeper("hashing a static argument");  // Python hashes tuples of tuples by recursion without an end
  py::object self = py::reinterpret_borrow<py::object>(o), type = py::type::of(self);
  if (PyUnicode_CheckExact(o) || PyFunction_Check(o) || PyType_Check(o)) return self;
  auto bits = [](double v) {
    int64_t b;
    std::memcpy(&b, &v, sizeof b);
    return py::int_(b);
  };
  if (PyFloat_Check(o)) return py::make_tuple(type, bits(PyFloat_AS_DOUBLE(o)));
  if (PyComplex_CheckExact(o)) {
    const Py_complex z = PyComplex_AsCComplex(o);
    return py::make_tuple(type, bits(z.real), bits(z.imag));
  }
  if (PyType_IsSubtype(Py_TYPE(o), numpy_types.generic)) return py::make_tuple(type, self.attr("tobytes")());
  py::list parts;
  if (PyTuple_Check(o) || PyFrozenSet_CheckExact(o)) {
    for (const auto& part : self) parts.append(exact_form(part.ptr()));
    if (PyTuple_Check(o)) return py::make_tuple(type, py::tuple(parts));
    return py::make_tuple(type, py::reinterpret_steal<py::object>(PyFrozenSet_New(parts.ptr())));
  }
  if (!PyLong_Check(o) && py::hasattr(self, "__dataclass_fields__") && PyObject_Hash(o) != -1) {
    for (const auto& name : self.attr("__dataclass_fields__"))
      parts.append(exact_form(py::object(self.attr(name)).ptr()));
    return py::make_tuple(type, py::tuple(parts));
  }
  PyErr_Clear();
  return py::make_tuple(type, self);
}

}  // namespace

int64_t Interned::id(PyObject* o, const char* what, int64_t& next) {
  const auto at = known_.find(o);
  if (at != known_.end()) return at->second.id;
  const py::object form = exact_form(o);
  PyObject* found = PyDict_GetItemWithError(ids_.ptr(), form.ptr());
  if (!found && PyErr_Occurred()) {
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw PythonError{};
    PyErr_Clear();
    type_error("wengert.compile: " + std::string(what) + " of type " + Py_TYPE(o)->tp_name +
               " cannot be hashed; static arguments must be hashable");
  }
  if (found) return PyLong_AsLongLong(found);
  ids_[form] = next;
  known_.emplace(o, Known{held(o), next});
  return next++;
}

void Interned::keep(const std::unordered_set<int64_t>& used, py::list& dropped) {
  py::dict kept;
  PyObject *form, *number;
  for (Py_ssize_t at = 0; PyDict_Next(ids_.ptr(), &at, &form, &number);)
    if (used.count(PyLong_AsLongLong(number)))
      kept[py::handle(form)] = py::handle(number);
    else
      dropped.append(py::handle(form));
  if (kept.size() == ids_.size()) return;
  std::swap(ids_, kept);
  for (auto at = known_.begin(); at != known_.end();) {
    if (used.count(at->second.id)) {
      ++at;
    } else {
      dropped.append(at->second.object);
      at = known_.erase(at);
    }
  }
}

int Interned::traverse(visitproc visit, void* arg) const {
  Py_VISIT(ids_.ptr());
  for (const auto& [_, known] : known_) Py_VISIT(known.object.ptr());
  return 0;
}

namespace {

void put(std::string& s, const void* p, size_t n) { s.append(static_cast<const char*>(p), n); }
void put_int(std::string& s, int64_t v) { put(s, &v, sizeof v); }

bool has_element_type(PyObject* descr);

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

void read_shape(Call& c, const Dims& d) {
  c.signature += static_cast<char>(d.size());
  put(c.signature, d.data(), sizeof(int64_t) * static_cast<size_t>(d.size()));
}

// How an array lies decides which of the views of it that a function takes are copies.
void read_order(Call& c, const Dims& shape, const Dims& strides) {
  const Dims kept = core::kept_order(shape, strides);
  if (core::is_row_major(shape, kept)) return;
  c.signature += 'K';
  put(c.signature, kept.data(), sizeof(int64_t) * static_cast<size_t>(kept.size()));
}

// Reads leaves, and writes what is not their values into the signature.
struct Reading {
  static constexpr const char* kDoing = "reading an argument of a compiled function";
  static constexpr bool kSorted = false;
  State& s;
  Call& c;
  // Inlined into the walk, which a call of two short arrays enters twice: 30 of its 480 ns.
  [[gnu::always_inline]] bool leaf(PyObject* o);
  [[gnu::always_inline]] void ndarray(PyObject* o);
  [[gnu::always_inline]] void array(PyObject* o);
  bool other_leaf(PyObject* o);
  size_t enter(TreeNode::Kind kind, PyObject* o, Py_ssize_t n, PyObject* form) {
    c.signature += "  ([{MP"[kind];
    if (kind == TreeNode::list || kind == TreeNode::dict) c.containers.push_back(held(o));
    if (form) put_object(s, c, s.structures, form, "a structure");
    put_int(c.signature, n);
    return 0;
  }
  void key(size_t, Py_ssize_t, PyObject* key) { put_object(s, c, s.names, key, "a key"); }
  void leave(size_t, PyObject*) {}
  bool opens(PyObject*) { return true; }
  [[noreturn]] void unknown(PyObject* o) {
    type_error(
        "wengert.compile: an argument of type " + std::string(Py_TYPE(o)->tp_name) +
        " is neither a number, an array nor a tree of them; name it in static_argnums if it is hashable and never "
        "changes");
  }
};

inline void Reading::ndarray(PyObject* o) {
  const int t = direct_type(o);
  PyArrayObject* p = as_ndarray(o);
  auto* type = reinterpret_cast<PyObject*>(PyArray_DESCR(p));
  const int rank = PyArray_NDIM(p);
  if (t < 0 && !has_element_type(type)) c.eager = true;
  c.signature += 'n';
  c.signature += static_cast<char>(t);
  if (t < 0) c.signature += std::string(py::str(py::handle(type)));
  c.signature += static_cast<char>(rank);
  put(c.signature, PyArray_DIMS(p), sizeof(int64_t) * static_cast<size_t>(rank));
  if (rank > 1 && rank <= core::kMaxDims && !is_row_major(o)) {
    Dims shape, strides;
    for (int i = 0; i < rank; ++i) shape.push_back(PyArray_DIM(p, i)), strides.push_back(PyArray_STRIDE(p, i));
    read_order(c, shape, strides);
  }
  c.leaves.emplace_back(o, 'n');
  c.family = std::max(c.family, Family::numpy);
}

inline void Reading::array(PyObject* o) {
  const Value& v = read(as_array(o));
  if (v.level && (v.level->depth > 0 || ad::recording_enabled())) c.traced = true;
  c.signature += s.kinds && as_array(o)->scalar() ? 'a' : 'A';
  c.signature += static_cast<char>(v.dtype());
  read_shape(c, v.shape());
  if (!v.array->contiguous) read_order(c, v.shape(), v.array->strides);
  c.leaves.emplace_back(o, 'A');
  c.family = Family::array;
}

inline bool Reading::leaf(PyObject* o) {
  if (PyFloat_CheckExact(o)) {
    c.signature += 'f';
    c.leaves.emplace_back(o, 'f');
  } else if (Py_TYPE(o) == numpy_types.ndarray) {
    ndarray(o);
  } else if (is_array(o)) {
    array(o);
  } else if (PyTuple_CheckExact(o) || PyList_CheckExact(o) || PyDict_CheckExact(o)) {
    return false;
  } else {
    return other_leaf(o);
  }
  return true;
}

bool Reading::other_leaf(PyObject* o) {
  if (PyBool_Check(o)) {
    c.signature += o == Py_True ? 'T' : 'F';
  } else if (PyLong_CheckExact(o)) {
    int overflow = 0;
    PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow) c.eager = true;
    c.signature += 'i';
    c.leaves.emplace_back(o, 'i');
  } else if (o == Py_None) {
    c.signature += 'N';
  } else if (PyType_IsSubtype(Py_TYPE(o), numpy_types.generic)) {
    const py::object t = py::reinterpret_borrow<py::object>(o).attr("dtype");
    c.signature += 'g' + std::string(py::str(t));
    if (!has_element_type(t.ptr())) c.eager = true;
    c.leaves.emplace_back(o, 'g');
    c.family = std::max(c.family, Family::numpy);
  } else if (PyType_IsSubtype(Py_TYPE(o), numpy_types.ndarray)) {
    c.eager = true;  // masked arrays, matrices …: their own rules
  } else if (counts_by_value(o)) {
    c.signature += 'S';
    put_object(s, c, s.statics, o, "an argument");
  } else {
    return false;
  }
  return true;
}

void read_tree(State& s, PyObject* o, Call& c) {
  Reading v{s, c};
  walk(o, v);
}

// Of whatever byte order. Arrays of other types would be computed with in another type than NumPy does.
bool has_element_type(PyObject* descr) {
  const py::dtype d = py::reinterpret_borrow<py::dtype>(descr);
  const auto size = d.itemsize();
  return d.kind() == 'b' || ((d.kind() == 'i' || d.kind() == 'f') && (size == 4 || size == 8));
}

// One array given twice is one array inside the function as well.
void find_same(Call& c) {
  const size_t n = c.leaves.size();
  if (n < 2) return;
  auto is_one = [](const Leaf& l) { return l.kind == 'A' || l.kind == 'n'; };
  constexpr size_t kPairwise = 6;
  if (n > kPairwise) {  // mostly none: a small filter says so in 1 ns a leaf
    uint64_t bits[16] = {};
    bool none = true;
    for (const Leaf& l : c.leaves) {
      if (!is_one(l)) continue;
      const uint64_t h = (reinterpret_cast<uintptr_t>(l.object) >> 4) * 0x9E3779B97F4A7C15u >> 54;
      none &= !(bits[h >> 6] >> (h & 63) & 1);
      bits[h >> 6] |= uint64_t{1} << (h & 63);
    }
    if (none) return;
  }
  auto add = [&](size_t later, size_t earlier) {
    c.same.emplace_back(static_cast<uint32_t>(later), static_cast<uint32_t>(earlier));
    c.signature += '=';
    put_int(c.signature, static_cast<int64_t>(later));
    put_int(c.signature, static_cast<int64_t>(earlier));
  };
  if (n <= kPairwise) {
    for (size_t i = 1; i < n; ++i)
      for (size_t j = 0; is_one(c.leaves[i]) && j < i; ++j)
        if (c.leaves[j].object == c.leaves[i].object) {
          add(i, j);
          break;
        }
    return;
  }
  std::unordered_map<PyObject*, size_t> first;
  for (size_t i = 0; i < n; ++i) {
    if (!is_one(c.leaves[i])) continue;
    const auto [at, fresh] = first.emplace(c.leaves[i].object, i);
    if (!fresh) add(i, at->second);
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
bool is_static(const State& s, PyObject* keyword) {
  if (!s.static_names) return false;
  for (const auto& name : s.static_names)
    if (PyUnicode_Compare(name.ptr(), keyword) == 0) return true;
  return false;
}
bool is_donated(const State& s, Py_ssize_t i, Py_ssize_t n) { return names(s.donated_arguments, i, n); }

void read_call(State& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Call& c) {
  put_int(c.signature, n);
  // A derivative around the call, or no_grad: what the function reads besides its arguments may count in one and not in
  // the other. A loaded program reads nothing.
  if (!s.function.is_none()) c.signature += static_cast<char>(ad::current_depth() << 1 | ad::recording_enabled());
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (!s.static_arguments.empty() && is_static(s, i, n)) {
      c.signature += 'S';
      put_object(s, c, s.statics, args[i], "a static argument");
    } else {
      read_tree(s, args[i], c);
    }
  }
  for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); ++i) {
    c.signature += 'k';
    put_object(s, c, s.names, PyTuple_GET_ITEM(kwnames, i), "a keyword");
    if (is_static(s, PyTuple_GET_ITEM(kwnames, i))) {
      c.signature += 'S';
      put_object(s, c, s.statics, args[n + i], "a static argument");
    } else {
      read_tree(s, args[n + i], c);
    }
  }
  find_same(c);
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
