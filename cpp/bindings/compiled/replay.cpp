// Replaying a program on the arguments of a call.
#include <algorithm>
#include <cstring>

#include "bindings/compiled/compiled.h"
#include "bindings/interpreter.h"
#include "bindings/object/numpy.h"
#include "core/unlocked.h"
#include "simd/rounding.h"

namespace wengert::bindings {
namespace {

using program::kNone;
using program::Program;

PyObject* numpy_empty(DType t, const Dims& shape) {
  PyObject* type = numpy_types.dtype[static_cast<int>(t)];
  Py_INCREF(type);
  static_assert(sizeof(npy_intp) == sizeof(int64_t));
  PyObject* r = PyArray_NewFromDescr(&PyArray_Type, reinterpret_cast<PyArray_Descr*>(type), shape.size(),
                                     reinterpret_cast<const npy_intp*>(shape.data()), nullptr, nullptr, 0, nullptr);
  if (!r) throw PythonError{};
  return r;
}

constexpr int64_t kOwnMemory = 1 << 16;  // bytes from which outputs come from the pool: fresh pages are slow

void point_inputs(const Call& c, Workspace& r) {
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
      case 'n':
        if (is_row_major(leaf.object) && direct_type(leaf.object) >= 0) {
          p = elements_of(leaf.object);
          break;
        }
        [[fallthrough]];
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
    char* elements = elements_of(leaf.object);
    return PyArray_ISWRITEABLE(as_ndarray(leaf.object)) && elements == input ? elements : nullptr;
  }
  if (leaf.kind != 'A') return nullptr;
  const PyArray* a = as_array(leaf.object);
  const core::Array& v = *a->value.array;
  const bool own = v.refs == 2 && (!v.buffer || (v.buffer->refs == 1 && !v.buffer->drop));  // the other is this call's
  return own && !a->link && a->value.plain() && v.data == input ? v.data : nullptr;
}

int64_t bytes_of(const program::Node& n) { return n.size() * core::item_size(n.dtype); }

const PyArray* root_of(PyObject* array) {
  const PyArray* a = as_array(array);
  return a->link && a->link->root ? a->link->root : a;
}

struct Span {
  const char *from, *to;
  bool changed;
};

// Sorts them. True if one that changes meets another.
bool meet(std::vector<Span>& spans) {
  std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.from < b.from; });
  const char *any = nullptr, *other = nullptr;  // where the spans so far end, and those that change
  for (const Span& s : spans) {
    if (s.from < (s.changed ? any : other)) return true;
    any = std::max(any, s.to);
    if (s.changed) other = std::max(other, s.to);
  }
  return false;
}

// All memory an ndarray may touch, whatever its strides.
Span span_of(PyObject* ndarray, bool changed) {
  PyArrayObject* a = as_ndarray(ndarray);
  const char *from = PyArray_BYTES(a), *to = from;
  for (int k = 0; k < PyArray_NDIM(a); ++k) {
    const npy_intp count = PyArray_DIM(a, k), stride = PyArray_STRIDE(a, k);
    if (count == 0) return {nullptr, nullptr, false};
    (stride < 0 ? from : to) += (count - 1) * stride;
  }
  return {from, to + PyArray_ITEMSIZE(a), changed};
}

// `keep`: other threads may let go of them meanwhile.
__attribute__((noinline)) void point_hidden(const Specialisation& spec, Workspace& r, bool keep) {
  for (uint32_t k : spec.captures->inputs) {
    const Capture& c = spec.captures->all()[k];
    r.in.push_back(c.elements);
    if (!keep) continue;
    if (is_array(c.found.ptr())) r.held.push_back(read(as_array(c.found.ptr())).array);
    r.read.push_back(c.found);
  }
}

class Replayer {
 public:
  Replayer(const Call& c, Specialisation& spec)
      : c_(c), spec_(spec), p_(*spec.program), work_(taken(spec)), r_(*work_), values_(r_.values) {}
  Replayer(const Replayer&) = delete;
  ~Replayer() {
    r_.clear();
    constexpr size_t kKept = 8;
    if (spec_.spare.size() < kKept) spec_.spare.push_back(std::move(work_));
  }

  // True if the program was right for these numbers; otherwise `failed` names the guard.
  bool run(uint32_t& failed) {
    r_.numbers.resize(c_.leaves.size() + p_.outputs());
    r_.in.reserve(c_.leaves.size());
    point_inputs(c_, r_);
    constexpr double kLongWork = 1e5;  // operations: well over the price of the interpreter lock
    // Loops of unknown length are interrupted by signals, whose handlers are Python, too.
    const bool held = p_.work() > kLongWork || p_.open_ended();
    if (spec_.hidden) [[unlikely]]
      point_hidden(spec_, r_, held);
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
        r_.out[k] = elements_of(r_.made[k]);
      } else {
        values_[k] = core::make(node.dtype, node.shape);
        r_.out[k] = values_[k]->data;
      }
    }
    {
      const core::Unlocked unlocked(held && !p_.needs_lock());
      const simd::RoundToNearest rounding;
      failed = p_.run(*r_.memory, r_.in.data(), r_.out.data());
    }
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
    if (spec_.repeated) once_.resize(p_.outputs());
    if (spec_.refilled.empty()) return assembled(spec_.result).release().ptr();
    std::vector<py::object> contents;
    for (const auto& [at, with] : spec_.refilled) contents.push_back(assembled(with));
    for (size_t i = 0; i < contents.size(); ++i)
      refill(c_.containers[spec_.refilled[i].first].ptr(), contents[i].ptr());
    return assembled(spec_.result).release().ptr();
  }

 private:
  static std::unique_ptr<Workspace> taken(Specialisation& spec) {
    if (spec.spare.empty()) {
      auto made = std::make_unique<Workspace>();
      made->memory = spec.program->memory();
      return made;
    }
    auto last = std::move(spec.spare.back());
    spec.spare.pop_back();
    return last;
  }
  // Arguments that are changed are computed where they are, if the plan allows and no other argument shares the memory.
  void find_in_place() {
    if (spec_.changed.empty()) return;
    if (spec_.in_place.empty())
      for (const auto& [leaf, k] : spec_.changed) spec_.in_place.push_back(p_.may_share(leaf, k));
    std::vector<Span> spans;
    for (size_t i = 0; i < r_.in.size(); ++i) spans.push_back({r_.in[i], r_.in[i] + bytes_of(p_.input(i)), false});
    for (size_t j = 0; j < spec_.changed.size(); ++j) {
      const auto& [leaf, k] = spec_.changed[j];
      if (!spec_.in_place[j] || r_.out[k]) continue;
      r_.out[k] = changeable(c_.leaves[leaf], r_.in[leaf]);
      spans[leaf].changed = r_.out[k];
    }
    if (meet(spans)) std::fill(r_.out.begin(), r_.out.end(), nullptr);  // all results get memory of their own
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
  py::object assembled(const Result& r) {
    return r.rebuilt([&](const Place& p) -> py::object {
      if (p.kind == Place::argument) return held(c_.leaves[p.index].object);
      if (p.kind == Place::container) return c_.containers[p.index];
      if (p.kind == Place::object) return p.held;
      if (spec_.repeated && once_[p.index]) return once_[p.index];
      py::object one = py::reinterpret_steal<py::object>(value(p.index));
      if (!one) throw PythonError{};
      if (spec_.repeated) once_[p.index] = one;
      return one;
    });
  }

  const Call& c_;
  Specialisation& spec_;
  const Program& p_;
  std::unique_ptr<Workspace> work_;
  Workspace& r_;
  std::vector<ArrayRef>& values_;
  std::vector<py::object> once_;  // outputs that stand in several places
};

}  // namespace

bool shares_changed(const Call& c, const Specialisation& spec) {
  if (spec.by_itself == 0) return false;
  auto changed = [&](size_t k) {
    for (size_t j = 0; j < spec.by_itself; ++j)
      if (spec.changed[j].first == k) return true;
    return false;
  };
  std::vector<Span> spans;
  std::vector<std::pair<const PyArray*, bool>> roots;
  size_t next = 0;
  for (size_t k = 0; k < c.leaves.size(); ++k) {
    if (next < c.same.size() && c.same[next].first == k) {  // the same object is recorded as such
      ++next;
      continue;
    }
    PyObject* o = c.leaves[k].object;
    if (c.leaves[k].kind == 'n') spans.push_back(span_of(o, changed(k)));
    if (c.leaves[k].kind != 'A') continue;
    const PyArray* root = root_of(o);
    for (const auto& [other, changes] : roots)
      if (other == root && (changes || changed(k))) return true;
    roots.emplace_back(root, changed(k));
  }
  if (spec.captures)
    for (const Capture& x : spec.captures->all()) {
      if (x.kind != Capture::array) continue;
      const py::object o = Captures::now(x);
      if (!o) continue;
      if (Py_TYPE(o.ptr()) == numpy_types.ndarray) spans.push_back(span_of(o.ptr(), false));
      if (is_array(o.ptr()))
        for (const auto& [other, changes] : roots)
          if (changes && other == root_of(o.ptr())) return true;
    }
  return spans.size() > 1 && meet(spans);
}

PyObject* replayed(const Call& c, Specialisation& spec, uint32_t& failed) {
  Replayer replay(c, spec);
  return replay.run(failed) ? replay.result() : nullptr;
}

}  // namespace wengert::bindings
