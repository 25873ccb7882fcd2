#include "bindings/compiled/captures.h"

#include <frameobject.h>

#include <cstring>
#include <unordered_map>

#include "ad/requires_grad.h"
#include "bindings/compiled/compiled.h"
#include "bindings/interpreter.h"
#include "bindings/object/numpy.h"

namespace wengert::bindings {
namespace {

#if PY_VERSION_HEX < 0x030C0000
uint64_t version_of(PyObject* dict) { return reinterpret_cast<PyDictObject*>(dict)->ma_version_tag; }
#else
uint64_t version_of(PyObject*) { return 0; }  // dicts have none any more: every look compares
#endif

bool is_numpy_array(PyObject* o) { return Py_TYPE(o) == numpy_types.ndarray; }
PyObject* type_of(PyObject* ndarray) { return reinterpret_cast<PyObject*>(PyArray_DESCR(as_ndarray(ndarray))); }
bool is_any_array(PyObject* o) { return is_numpy_array(o) || is_array(o); }

std::string bytes_of(PyObject* ndarray) {
  if (is_row_major(ndarray)) return {elements_of(ndarray), static_cast<size_t>(PyArray_NBYTES(as_ndarray(ndarray)))};
  const py::bytes b = py::reinterpret_borrow<py::object>(ndarray).attr("tobytes")();
  return b;
}

int64_t size_in_bytes(PyObject* o) {
  return is_array(o) ? read(as_array(o)).array->bytes() : PyArray_NBYTES(as_ndarray(o));
}

py::object shape_of(PyObject* ndarray) { return py::reinterpret_borrow<py::object>(ndarray).attr("shape"); }

bool same_shape(PyObject* ndarray, const py::object& shape) {
  PyArrayObject* a = as_ndarray(ndarray);
  if (PyTuple_GET_SIZE(shape.ptr()) != PyArray_NDIM(a)) return false;
  for (int k = 0; k < PyArray_NDIM(a); ++k)
    if (PyLong_AsSsize_t(PyTuple_GET_ITEM(shape.ptr(), k)) != PyArray_DIM(a, k)) return false;
  return true;
}

bool same_bytes(PyObject* ndarray, const std::string& bytes) {
  if (is_row_major(ndarray)) return !std::memcmp(elements_of(ndarray), bytes.data(), bytes.size());
  return bytes_of(ndarray) == bytes;
}

__attribute__((noinline)) bool array_holds(Capture& c, PyObject* o) {
  if (c.hidden) return hidden_holds(c, o);
  if (is_array(o) != static_cast<bool>(c.content)) return false;
  if (is_array(o)) {
    const Value& v = read(as_array(o));
    if (c.leaf ? !ad::level_as<ad::Leaf>(v.level) : static_cast<bool>(v.level)) return false;
    if (v.array == c.content) return true;
    if (v.dtype() != c.content->dtype || !(v.shape() == c.content->shape)) return false;
    if (c.content->bytes() > kLargestCompared) return false;
    const ArrayRef a = core::contiguous(v.array), b = core::contiguous(c.content);
    if (a->size && std::memcmp(a->data, b->data, static_cast<size_t>(a->bytes()))) return false;
    c.content = v.array;
    return true;
  }
  if (!is_numpy_array(o) || type_of(o) != c.dtype.ptr() || !same_shape(o, c.shape)) return false;
  return same_bytes(o, c.bytes);
}

// Equal and of one type, for objects that cannot change; anything else is only equal to itself.
bool same_value(PyObject* a, PyObject* b) {
  if (a == b) return true;
  if (!a || !b || Py_TYPE(a) != Py_TYPE(b)) return false;
  if (PyFloat_Check(a)) {
    const double x = PyFloat_AS_DOUBLE(a), y = PyFloat_AS_DOUBLE(b);
    return std::memcmp(&x, &y, sizeof x) == 0;
  }
  if (PyComplex_CheckExact(a)) {
    const Py_complex x = PyComplex_AsCComplex(a), y = PyComplex_AsCComplex(b);
    return std::memcmp(&x, &y, sizeof x) == 0;
  }
  if (PyTuple_CheckExact(a)) {
    if (PyTuple_GET_SIZE(a) != PyTuple_GET_SIZE(b)) return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a); ++i)
      if (!same_value(PyTuple_GET_ITEM(a, i), PyTuple_GET_ITEM(b, i))) return false;
    return true;
  }
  if (PyLong_CheckExact(a) || PyUnicode_CheckExact(a) || PyBytes_CheckExact(a) ||
      PyType_IsSubtype(Py_TYPE(a), numpy_types.generic)) {
    const int r = PyObject_RichCompareBool(a, b, Py_EQ);
    if (r < 0) PyErr_Clear();
    return r == 1;
  }
  return false;
}

// In a container: what an array holds is looked at by itself.
bool same_part(PyObject* a, PyObject* b) { return same_value(a, b) || (is_any_array(a) && Py_TYPE(a) == Py_TYPE(b)); }

py::tuple held_by(PyObject* o) {
  if (!PyDict_Check(o)) return py::tuple(py::reinterpret_borrow<py::object>(o));
  py::list parts;
  PyObject *key, *value;
  for (Py_ssize_t at = 0; PyDict_Next(o, &at, &key, &value);) {
    parts.append(py::reinterpret_borrow<py::object>(key));
    parts.append(py::reinterpret_borrow<py::object>(value));
  }
  return py::tuple(parts);
}

bool dict_holds(PyObject* o, PyObject* parts) {
  if (2 * PyDict_GET_SIZE(o) != PyTuple_GET_SIZE(parts)) return false;
  PyObject *key, *value;
  Py_ssize_t k = 0;
  for (Py_ssize_t at = 0; PyDict_Next(o, &at, &key, &value); k += 2)
    if (!same_value(key, PyTuple_GET_ITEM(parts, k)) || !same_part(value, PyTuple_GET_ITEM(parts, k + 1))) return false;
  return true;
}

bool list_holds(PyObject* o, PyObject* parts) {
  if (PyList_GET_SIZE(o) != PyTuple_GET_SIZE(parts)) return false;
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(parts); ++k)
    if (!same_part(PyList_GET_ITEM(o, k), PyTuple_GET_ITEM(parts, k))) return false;
  return true;
}

bool set_holds(PyObject* o, PyObject* parts) {
  if (PySet_GET_SIZE(o) != PyTuple_GET_SIZE(parts)) return false;
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(parts); ++k) {
    const int r = PySet_Contains(o, PyTuple_GET_ITEM(parts, k));
    if (r < 0) PyErr_Clear();
    if (r != 1) return false;
  }
  return true;
}

py::tuple function_parts(PyObject* f) {
  const py::handle h(f);
  return py::make_tuple(h.attr("__code__"), h.attr("__defaults__"), h.attr("__kwdefaults__"));
}

bool function_holds(PyObject* f, PyObject* parts) {
  PyObject* defaults = PyFunction_GET_DEFAULTS(f);
  PyObject* named = PyFunction_GET_KW_DEFAULTS(f);
  return PyFunction_GET_CODE(f) == PyTuple_GET_ITEM(parts, 0) &&
         (defaults ? defaults : Py_None) == PyTuple_GET_ITEM(parts, 1) &&
         (named ? named : Py_None) == PyTuple_GET_ITEM(parts, 2);
}

bool in_dict(const Capture& c) { return c.from == Capture::entry || c.kind == Capture::dict; }

bool holds(Capture& c) {
  uint64_t version = 0;
  if (in_dict(c)) {
    version = version_of(c.owner.ptr());
    if (version && version == c.version && c.kind != Capture::array) return true;
  }
  bool r = false;
  PyObject* o = c.owner.ptr();
  switch (c.kind) {
    case Capture::list:
      r = list_holds(o, c.expected.ptr());
      break;
    case Capture::dict:
      r = dict_holds(o, c.expected.ptr());
      break;
    case Capture::set:
      r = set_holds(o, c.expected.ptr());
      break;
    default: {
      const py::object now = Captures::now(c);
      r = c.kind == Capture::absent
              ? !now
              : now && (c.kind == Capture::array ? array_holds(c, now.ptr()) : same_value(now.ptr(), c.expected.ptr()));
    }
  }
  if (r) c.version = version;
  return r;
}

}  // namespace

py::object Captures::now(const Capture& c) {
  PyObject* o = c.owner.ptr();
  switch (c.from) {
    case Capture::cell:
      return py::reinterpret_borrow<py::object>(PyCell_GET(o));
    case Capture::entry: {
      PyObject* r = PyDict_GetItemWithError(o, c.key.ptr());
      if (!r) PyErr_Clear();
      return py::reinterpret_borrow<py::object>(r);
    }
    case Capture::attribute: {
      PyObject* r = PyType_Check(o) ? PyObject_GetAttr(o, c.key.ptr()) : PyObject_GenericGetAttr(o, c.key.ptr());
      if (!r) PyErr_Clear();
      return py::reinterpret_steal<py::object>(r);
    }
    case Capture::item: {
      const Py_ssize_t n = PyList_Check(o) ? PyList_GET_SIZE(o) : PyTuple_GET_SIZE(o),
                       i = c.index < 0 ? c.index + n : c.index;
      if (i < 0 || i >= n) return {};
      return py::reinterpret_borrow<py::object>(PyList_Check(o) ? PyList_GET_ITEM(o, i) : PyTuple_GET_ITEM(o, i));
    }
    default:
      return c.owner;
  }
}

Capture& Captures::fresh(Capture::From from, py::object owner, py::object key, std::string label) {
  constexpr size_t kMost = 4096;
  if (all_.size() >= kMost) refusal = "it reads more than " + std::to_string(kMost) + " things besides its arguments";
  all_.emplace_back();
  Capture& c = all_.back();
  c.from = from;
  c.kind = Capture::value;
  if (from == Capture::item) c.index = key.cast<Py_ssize_t>();
  c.owner = std::move(owner);
  c.key = std::move(key);
  c.label = std::move(label);
  return c;
}

void Captures::add(Capture::From from, py::object owner, py::object key, py::object expected, std::string label) {
  Capture& c = fresh(from, std::move(owner), std::move(key), std::move(label));
  PyObject* o = expected.ptr();
  if (is_any_array(o)) {
    c.kind = Capture::array;
    c.size = size_in_bytes(o);
    if (is_array(o)) {
      const Value& v = read(as_array(o));
      c.content = v.array;
      c.leaf = ad::level_as<ad::Leaf>(v.level);
      if (v.level && !c.leaf) {  // of a transform around this call: nothing that lasts
        c.kind = Capture::value;
        c.content = nullptr;
      }
    } else {
      c.dtype = py::reinterpret_borrow<py::object>(type_of(o));
      c.shape = shape_of(o);
      if (c.size <= kLargestCompared) c.bytes = bytes_of(o);
    }
  }
  if (!is_any_array(o) && PyObject_TypeCheck(o, numpy_types.ndarray))
    refusal = c.label + " is a " + Py_TYPE(o)->tp_name + ", whose content is not compared; pass it as an argument";
  c.expected = std::move(expected);
  if (in_dict(c)) c.version = version_of(c.owner.ptr());
  if (run_ && c.kind == Capture::array) consider(c);
}

void Captures::add_absent(Capture::From from, py::object owner, py::object key, std::string label) {
  Capture& c = fresh(from, std::move(owner), std::move(key), std::move(label));
  c.kind = Capture::absent;
  if (in_dict(c)) c.version = version_of(c.owner.ptr());
}

void Captures::add_container(py::object owner, std::string label) {
  PyObject* o = owner.ptr();
  const Capture::Kind kind = PyDict_Check(o) ? Capture::dict : PyList_Check(o) ? Capture::list : Capture::set;
  Capture& c = fresh(Capture::object, std::move(owner), py::none(), std::move(label));
  c.kind = kind;
  c.expected = held_by(o);
  if (in_dict(c)) c.version = version_of(o);
}

void Captures::add_function(py::object f, std::string label) {
  PyObject* o = f.ptr();
  Capture& c = fresh(Capture::object, std::move(f), py::none(), std::move(label));
  c.kind = Capture::function;
  c.expected = function_parts(o);
}

const Capture* Captures::changed() {
  for (Capture& c : all_) {
#if PY_VERSION_HEX < 0x030C0000  // where dicts have versions, most captures are settled here
    if (c.version && c.kind != Capture::array && version_of(c.owner.ptr()) == c.version) continue;
#endif
    // Most of what remains, without what a call of `holds` costs.
    if (c.kind == Capture::function ? !function_holds(c.owner.ptr(), c.expected.ptr()) : !holds(c)) return &c;
  }
  return aliased_ ? parted() : nullptr;
}

// ---- the functions that are entered --------------------------------------------------------------------------------

struct FrameHook::Inside {
  py::object watch;
  py::tuple generators;
  Captures& found;
  py::object each;
  std::unordered_map<PyCodeObject*, bool> seen;  // is it the user's?
  std::vector<py::object> held;
  Py_tracefunc before = nullptr;
  py::object before_argument;
  Inside* outer = nullptr;
  static inline thread_local Inside* running = nullptr;

  static int called(PyObject*, PyFrameObject* frame, int what, PyObject* argument) {
    Inside& in = *running;
    if (what == PyTrace_CALL) in.enter(frame);
    if (what == PyTrace_C_CALL && argument && PyCFunction_Check(argument)) in.call(PyCFunction_GET_SELF(argument));
    return in.before ? in.before(in.before_argument.ptr(), frame, what, argument) : 0;
  }
  struct Running {  // once the first function has been looked at
    Captures& found;
    ~Running() { found.running = true; }
  };
  void call(PyObject* self) {
    if (!self || PyModule_Check(self)) return;
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(generators.ptr()); ++k)
      if (PyType_IsSubtype(Py_TYPE(self), reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(generators.ptr(), k))))
        found.refusal = "it draws random numbers; use wengert.random with keys, or pass them as arguments";
  }
  void enter(PyFrameObject* frame) {
    const Running running{found};
    PyCodeObject* code = PyFrame_GetCode(frame);
    py::object own = py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(code));
    const auto [at, fresh] = seen.emplace(code, false);
    if (fresh) {
      held.push_back(std::move(own));
      const py::object r = told(watch, frame);
      at->second = r.ptr() == Py_True;
    }
    if (seen[code] && each) told(each, frame);
  }
  py::object told(const py::object& f, PyFrameObject* frame) {
    PyObject* r = going_back([&] { return PyObject_CallOneArg(f.ptr(), reinterpret_cast<PyObject*>(frame)); });
    if (r) return py::reinterpret_steal<py::object>(r);
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    const py::object t = py::reinterpret_steal<py::object>(type), v = py::reinterpret_steal<py::object>(value),
                     tb = py::reinterpret_steal<py::object>(trace);
    found.refusal = "what it reads could not be found out: " + std::string(py::str(v));
    return {};
  }
};

FrameHook::FrameHook(const py::object& watch, Captures& found, const py::object& each)
    : in_(new Inside{watch.attr("enter"), watch.attr("generators"), found, each, {}, {}, nullptr, {}, nullptr}) {
  const PyThreadState* state = PyThreadState_Get();
  in_->before = state->c_profilefunc;
  in_->before_argument = py::reinterpret_borrow<py::object>(state->c_profileobj);
  in_->outer = std::exchange(Inside::running, in_.get());
  PyEval_SetProfile(Inside::called, nullptr);
}

FrameHook::~FrameHook() {
  PyEval_SetProfile(in_->before, in_->before_argument.ptr());
  Inside::running = in_->outer;
}

void bind_captures(py::module_& m) {
  py::class_<Captures, std::shared_ptr<Captures>>(m, "Captures")
      .def(py::init<>())
      .def("cell",
           [](Captures& c, py::object cell, py::object expected, std::string label) {
             c.add(Capture::cell, std::move(cell), py::none(), std::move(expected), std::move(label));
           })
      .def("empty_cell",
           [](Captures& c, py::object cell, std::string label) {
             c.add_absent(Capture::cell, std::move(cell), py::none(), std::move(label));
           })
      .def("entry",
           [](Captures& c, py::dict owner, py::object key, py::object expected, std::string label) {
             c.add(Capture::entry, std::move(owner), std::move(key), std::move(expected), std::move(label));
           })
      .def("no_entry",
           [](Captures& c, py::dict owner, py::object key, std::string label) {
             c.add_absent(Capture::entry, std::move(owner), std::move(key), std::move(label));
           })
      .def("attribute",
           [](Captures& c, py::object owner, py::str key, py::object expected, std::string label) {
             c.add(Capture::attribute, std::move(owner), std::move(key), std::move(expected), std::move(label));
           })
      .def("no_attribute",
           [](Captures& c, py::object owner, py::str key, std::string label) {
             c.add_absent(Capture::attribute, std::move(owner), std::move(key), std::move(label));
           })
      .def("item",
           [](Captures& c, py::object owner, Py_ssize_t index, py::object expected, std::string label) {
             if (!PyList_Check(owner.ptr()) && !PyTuple_Check(owner.ptr()))
               type_error("item: neither a list nor a tuple");
             c.add(Capture::item, std::move(owner), py::int_(index), std::move(expected), std::move(label));
           })
      .def("container",
           [](Captures& c, py::object owner, std::string label) {
             PyObject* o = owner.ptr();
             if (!PyDict_Check(o) && !PyList_Check(o) && !PyAnySet_Check(o))
               type_error("container: neither a list, a dict nor a set");
             c.add_container(std::move(owner), std::move(label));
           })
      .def("function",
           [](Captures& c, py::object f, std::string label) {
             if (!PyFunction_Check(f.ptr())) type_error("function: no Python function");
             c.add_function(std::move(f), std::move(label));
           })
      .def("is_hidden", [](const Captures& c, const py::object& array) { return c.is_hidden(array.ptr()); })
      .def("expose",
           [](Captures& c, const py::object& array, const std::string& where) { c.expose(array.ptr(), where); })
      .def("refuse", [](Captures& c, std::string why) { c.refusal = std::move(why); })
      .def("moves", [](Captures& c) { c.moves = true; })
      .def("__len__", [](const Captures& c) { return c.size(); })
      .def_property_readonly("labels", [](const Captures& c) {
        py::list r;
        for (const Capture& x : c.all()) r.append(x.label);
        return r;
      });
}

}  // namespace wengert::bindings
