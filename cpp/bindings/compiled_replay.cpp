// Replaying a program on the arguments of a call.
#include <pybind11/numpy.h>

#include <algorithm>
#include <cstring>

#include "bindings/compiled.h"
#include "core/unlocked.h"
#include "simd/rounding.h"

namespace wengert::bindings {
namespace {

using program::kNone;
using program::Program;

PyObject* numpy_empty(DType t, const Dims& shape) {
  PyObject* type = numpy_types.dtype[static_cast<int>(t)];
  auto& api = py::detail::npy_api::get();
  Py_INCREF(type);
  static_assert(sizeof(Py_intptr_t) == sizeof(int64_t));
  PyObject* r =
      api.PyArray_NewFromDescr_(api.PyArray_Type_, type, shape.size(),
                                reinterpret_cast<const Py_intptr_t*>(shape.data()), nullptr, nullptr, 0, nullptr);
  if (!r) throw PythonError{};
  return r;
}

// Numbers of one replay: where inputs are, where outputs go, and the objects made for them.
struct Replay {
  std::vector<char*> in, out;
  std::vector<int64_t> numbers;  // inputs and outputs that are Python numbers
  std::vector<ArrayRef> held;    // copies of inputs; outputs
  std::vector<PyObject*> made;   // ndarrays for outputs
  ~Replay() {
    for (PyObject* o : made) Py_XDECREF(o);
  }
};

constexpr int64_t kOwnMemory = 1 << 16;  // bytes from which outputs come from the pool: fresh pages are slow

void point_inputs(const Call& c, Replay& r) {
  const size_t n = c.leaves.size();
  for (size_t k = 0; k < n; ++k) {
    const Leaf& leaf = c.leaves[k];
    char* p;
    switch (leaf.kind) {
      case 'f': {
        const double v = PyFloat_AS_DOUBLE(leaf.object);
        std::memcpy(&r.numbers[k], &v, sizeof v);
        p = reinterpret_cast<char*>(&r.numbers[k]);
        break;
      }
      case 'i':
        r.numbers[k] = PyLong_AsLongLong(leaf.object);
        p = reinterpret_cast<char*>(&r.numbers[k]);
        break;
      case 'n': {
        const auto* a = py::detail::array_proxy(leaf.object);
        if ((a->flags & py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_) && direct_type(leaf.object) >= 0) {
          p = a->data;
          break;
        }
        [[fallthrough]];
      }
      default:
        r.held.push_back(core::contiguous(leaf_array(leaf)));
        p = r.held.back()->data;
    }
    r.in.push_back(p);
  }
}

// The memory of an argument that results may be computed into as it is; null if it has to be stored afterwards.
char* changeable(const Leaf& leaf, const char* input) {
  if (leaf.kind == 'n') {
    const auto* a = py::detail::array_proxy(leaf.object);
    const bool writable = a->flags & py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
    return writable && a->data == input ? a->data : nullptr;
  }
  if (leaf.kind != 'A') return nullptr;
  const PyArray* a = as_array(leaf.object);
  const core::Array& v = *a->value.array;
  const bool own = v.refs == 2 && (!v.buffer || (v.buffer->refs == 1 && !v.buffer->drop));  // the other is this call's
  return own && !a->link && a->value.plain() && v.data == input ? v.data : nullptr;
}

int64_t bytes_of(const program::Node& n) { return n.size() * core::item_size(n.dtype); }

class Replayer {
 public:
  Replayer(State& s, const Call& c, Specialisation& spec) : s_(s), c_(c), spec_(spec), p_(*spec.program) {}

  // True if the program was right for these numbers; otherwise `failed` names the check.
  bool run(uint32_t& failed) {
    r_.numbers.resize(c_.leaves.size() + p_.outputs());
    r_.in.reserve(c_.leaves.size());
    point_inputs(c_, r_);
    const size_t n = p_.outputs();
    r_.out.resize(n);
    r_.made.resize(n, nullptr);
    values_.resize(n);
    find_in_place();
    for (size_t k = 0; k < n; ++k) {
      const program::Node& node = p_.output(k);
      if (r_.out[k]) continue;
      if (node.shape.empty() && c_.family != Family::array) {
        r_.out[k] = reinterpret_cast<char*>(&r_.numbers[c_.leaves.size() + k]);
      } else if (c_.family == Family::numpy && bytes_of(node) < kOwnMemory && !goes_into_argument(k)) {
        r_.made[k] = numpy_empty(node.dtype, node.shape);
        r_.out[k] = py::detail::array_proxy(r_.made[k])->data;
      } else {
        values_[k] = core::make(node.dtype, node.shape);
        r_.out[k] = values_[k]->data;
      }
    }
    std::unique_ptr<Program::Memory> memory;
    if (spec_.spare.empty()) {
      memory = p_.memory();
    } else {
      memory = std::move(spec_.spare.back());
      spec_.spare.pop_back();
    }
    {
      constexpr double kLong = 1e5;  // operations: well over the price of the interpreter lock
      // Loops of unknown length are interrupted by signals, whose handlers are Python, too.
      const bool held = p_.work() > kLong || p_.open_ended();
      const core::Unlocked unlocked(held && !p_.needs_lock());
      const simd::RoundToNearest rounding;
      failed = p_.run(*memory, r_.in.data(), r_.out.data());
    }
    if (spec_.spare.size() < 8) spec_.spare.push_back(std::move(memory));
    if (failed == program::kInterrupted) throw PythonError{};  // set by the question
    return failed == kNone;
  }

  PyObject* result() {
    for (const auto& [leaf, k] : spec_.changed) {
      const Leaf& changed = c_.leaves[leaf];
      if (r_.out[k] != r_.in[leaf])
        store(changed, array(k));
      else if (changed.kind == 'A')
        write(as_array(changed.object), Value(read(as_array(changed.object)).array));  // its views look again
    }
    return assembled(spec_.result);
  }

 private:
  // Arguments that are changed are computed where they are, if the plan allows and no other argument shares the memory.
  void find_in_place() {
    if (spec_.changed.empty()) return;
    if (spec_.in_place.empty())
      for (const auto& [leaf, k] : spec_.changed) spec_.in_place.push_back(p_.may_share(leaf, k));
    struct Span {
      const char *from, *to;
      bool changed;
    };
    std::vector<Span> spans;
    for (size_t i = 0; i < r_.in.size(); ++i) spans.push_back({r_.in[i], r_.in[i] + bytes_of(p_.input(i)), false});
    for (size_t j = 0; j < spec_.changed.size(); ++j) {
      const auto& [leaf, k] = spec_.changed[j];
      if (!spec_.in_place[j] || r_.out[k]) continue;
      r_.out[k] = changeable(c_.leaves[leaf], r_.in[leaf]);
      spans[leaf].changed = r_.out[k];
    }
    std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.from < b.from; });
    const char *any = nullptr, *other = nullptr;  // where the spans so far end, and those that change
    for (const Span& s : spans) {
      if (s.from < (s.changed ? any : other)) {  // shared: all results get memory of their own
        std::fill(r_.out.begin(), r_.out.end(), nullptr);
        return;
      }
      any = std::max(any, s.to);
      if (s.changed) other = std::max(other, s.to);
    }
  }
  bool goes_into_argument(size_t k) const {
    for (const auto& [leaf, output] : spec_.changed)
      if (output == k) return true;
    return false;
  }
  ArrayRef array(uint32_t k) {
    if (values_[k]) return values_[k];
    const program::Node& node = p_.output(k);
    ArrayRef a = core::make(node.dtype, node.shape);
    std::memcpy(a->data, r_.out[k], static_cast<size_t>(a->bytes()));
    return a;
  }
  PyObject* value(uint32_t k) {
    const program::Node& node = p_.output(k);
    if (r_.made[k]) return std::exchange(r_.made[k], nullptr);
    if (values_[k]) {
      if (c_.family == Family::numpy) return to_numpy(ArrayRef(values_[k]), true);
      return wrap(Value(values_[k]));
    }
    if (c_.family == Family::python && node.dtype == DType::f64) {
      double v;
      std::memcpy(&v, r_.out[k], sizeof v);
      return PyFloat_FromDouble(v);
    }
    const ArrayRef a = array(k);
    return c_.family == Family::python ? to_python_scalar(*a) : numpy_scalar(*a);
  }
  PyObject* assembled(const Template& t) {
    auto checked = [](PyObject* o) {
      if (!o) throw PythonError{};
      return o;
    };
    switch (t.kind) {
      case Template::value:
        return checked(value(t.index));
      case Template::argument:
        Py_INCREF(c_.leaves[t.index].object);
        return c_.leaves[t.index].object;
      case Template::object:
        Py_INCREF(t.held.ptr());
        return t.held.ptr();
      case Template::tuple: {
        const auto n = static_cast<Py_ssize_t>(t.parts.size());
        py::object r = py::reinterpret_steal<py::object>(checked(PyTuple_New(n)));
        for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(r.ptr(), i, assembled(t.parts[static_cast<size_t>(i)]));
        return r.release().ptr();
      }
      case Template::list:
      case Template::other: {
        const auto n = static_cast<Py_ssize_t>(t.parts.size());
        py::object r = py::reinterpret_steal<py::object>(checked(PyList_New(n)));
        for (Py_ssize_t i = 0; i < n; ++i) PyList_SET_ITEM(r.ptr(), i, assembled(t.parts[static_cast<size_t>(i)]));
        if (t.kind == Template::list) return r.release().ptr();
        return s_.unflatten_other(t.held, r).release().ptr();
      }
      default: {
        py::dict r;
        for (size_t i = 0; i < t.parts.size(); ++i) {
          const py::object v = py::reinterpret_steal<py::object>(assembled(t.parts[i]));
          if (PyDict_SetItem(r.ptr(), PyList_GET_ITEM(t.held.ptr(), static_cast<Py_ssize_t>(i)), v.ptr()) < 0)
            throw PythonError{};
        }
        return r.release().ptr();
      }
    }
  }

  State& s_;
  const Call& c_;
  Specialisation& spec_;
  const Program& p_;
  Replay r_;
  std::vector<ArrayRef> values_;
};

}  // namespace

PyObject* replayed(State& s, const Call& c, Specialisation& spec, uint32_t& failed) {
  Replayer replay(s, c, spec);
  return replay.run(failed) ? replay.result() : nullptr;
}

}  // namespace wengert::bindings
