// Captured arrays that a program reads where they lie, instead of comparing what they hold. That nothing else depends on
// their elements is proved by python/wengert/program/uses.py.
#include <algorithm>

#include "bindings/compiled/captures.h"
#include "bindings/object/numpy.h"

namespace wengert::bindings {
namespace {

ArrayRef memory_of(PyObject* o) {
  if (!is_array(o)) return in_place(o);
  const ArrayRef& a = read(as_array(o)).array;
  return a->buffer ? a : ArrayRef();
}

// The same elements with the axes in the order of memory; null if that has gaps or runs backwards.
ArrayRef in_one_piece(const ArrayRef& a) {
  std::vector<int> order;
  for (int k = 0; k < a->ndim(); ++k) order.push_back(k);
  std::stable_sort(order.begin(), order.end(), [&](int i, int j) { return a->strides[i] > a->strides[j]; });
  Dims shape, strides;
  for (int k : order) {
    shape.push_back(a->shape[k]);
    strides.push_back(a->strides[k]);
  }
  return core::is_row_major(shape, strides) ? core::view(a, shape, core::row_major(shape)) : ArrayRef();
}

struct Span {
  const char *from = nullptr, *to = nullptr;
  bool meets(const core::Array& a) const { return from < a.data + a.bytes() && a.data < to; }
};

Span span_of(PyObject* o) {
  if (is_array(o)) {
    const core::Array& a = *read(as_array(o)).array;
    if (!a.size) return {};
    Span s{a.data, a.data + core::item_size(a.dtype)};
    for (int k = 0; k < a.ndim(); ++k)
      (a.strides[k] < 0 ? s.from : s.to) += (a.shape[k] - 1) * a.strides[k] * core::item_size(a.dtype);
    return s;
  }
  if (!PyArray_Check(o)) return {};
  PyArrayObject* a = as_ndarray(o);
  if (!PyArray_SIZE(a)) return {};
  Span s{PyArray_BYTES(a), PyArray_BYTES(a) + PyArray_ITEMSIZE(a)};
  for (int k = 0; k < PyArray_NDIM(a); ++k)
    (PyArray_STRIDE(a, k) < 0 ? s.from : s.to) += (PyArray_DIM(a, k) - 1) * PyArray_STRIDE(a, k);
  return s;
}

Dims layout(PyObject* ndarray, bool strides) {
  PyArrayObject* a = as_ndarray(ndarray);
  Dims d;
  for (int k = 0; k < PyArray_NDIM(a); ++k) d.push_back(strides ? PyArray_STRIDE(a, k) : PyArray_DIM(a, k));
  return d;
}

}  // namespace

bool hidden_holds(Capture& c, PyObject* o) {
  if (c.dtype) {
    if (Py_TYPE(o) != numpy_types.ndarray) return false;
    PyArrayObject* a = as_ndarray(o);
    if (reinterpret_cast<PyObject*>(PyArray_DESCR(a)) != c.dtype.ptr() || PyArray_NDIM(a) != c.extent.size() ||
        !PyArray_ISALIGNED(a))
      return false;
    for (int k = 0; k < c.extent.size(); ++k)
      if (PyArray_DIM(a, k) != c.extent[k] || (c.extent[k] != 1 && PyArray_STRIDE(a, k) != c.strides[k])) return false;
    c.elements = PyArray_BYTES(a);
  } else {
    if (!is_array(o)) return false;
    const Value& v = read(as_array(o));
    if (v.level || v.dtype() != c.element || !(v.shape() == c.extent)) return false;
    for (int k = 0; k < c.extent.size(); ++k)
      if (c.extent[k] != 1 && v.array->strides[k] != c.strides[k]) return false;
    c.elements = v.array->data;
  }
  if (c.found.ptr() != o) c.found = py::reinterpret_borrow<py::object>(o);
  return true;
}

void Captures::hide(ad::Recorder& run, Hiding which) {
  run_ = &run;
  which_ = which;
  for (Capture& c : all_)
    if (c.kind == Capture::array) consider(c);
}

void Captures::consider(Capture& c) {
  PyObject* o = c.expected.ptr();
  const bool large = c.size > kLargestCompared;
  if ((!large && which_ != Hiding::all) || c.leaf || !c.size) return;
  const ArrayRef a = memory_of(o), whole = a ? in_one_piece(a) : ArrayRef();
  if (!whole) {
    if (large) too_large(c, "it does not lie in memory without gaps, or its type has to be converted");
    return;
  }
  bool exposed = false, inside = false;  // of those it shares memory with
  for (size_t k = 0; k < all_.size(); ++k) {
    if (&all_[k] == &c || all_[k].at < 0) continue;
    const ad::Recorder::Hidden& other = run_->hidden[static_cast<size_t>(all_[k].at)];
    if (!span_of(o).meets(*other.whole)) continue;
    exposed |= other.exposed;
    inside |= a->data >= other.whole->data && a->data + a->bytes() <= other.whole->data + other.whole->bytes();
    if (c.alias >= 0) continue;
    aliased_ = true;
    c.alias = static_cast<int32_t>(k);
    c.further = a->data - other.whole->data;
  }
  c.hidden = true;
  c.at = static_cast<int32_t>(run_->hidden.size());
  c.element = a->dtype;
  c.extent = is_array(o) ? a->shape : layout(o, false);
  c.strides = is_array(o) ? a->strides : layout(o, true);
  run_->hidden.emplace_back();
  run_->hidden.back().whole = whole;
  run_->hidden.back().exposed = exposed;
  if (!running || inside) return;  // what lies in a known one was looked at
  late = true;
  expose(o, "a function that is found when it runs; the next call may be recorded");
}

void Captures::too_large(const Capture& c, const std::string& why) {
  if (!c.dtype) return;  // an Array is another one as soon as it is changed
  refusal = c.label + " is an array of " + std::to_string(c.size) + " bytes that is no argument, and " + why +
            "; pass it as one (up to 65536 bytes are compared on every call)";
}

bool Captures::is_hidden(PyObject* array) const {
  if (!run_) return false;
  const Span s = span_of(array);
  return s.from && std::any_of(run_->hidden.begin(), run_->hidden.end(),
                               [&](const auto& h) { return !h.exposed && s.meets(*h.whole); });
}

void Captures::expose(PyObject* array, const std::string& where) {
  if (!run_) return;
  const Span s = array == Py_None ? Span{} : span_of(array);
  for (ad::Recorder::Hidden& h : run_->hidden) {
    if (h.exposed || (array != Py_None && !s.meets(*h.whole))) continue;
    h.exposed = true;
    if (exposed_.empty()) exposed_ = where;
  }
}

bool Captures::settle(std::vector<uint32_t>& nodes) {
  for (size_t k = 0; k < all_.size(); ++k) {
    Capture& c = all_[k];
    if (c.at < 0) continue;
    ad::Recorder::Hidden& h = run_->hidden[static_cast<size_t>(c.at)];
    if (h.exposed) {
      c.hidden = false;
      c.found = py::object();
      if (c.size > kLargestCompared)
        too_large(c, "its elements may be used by something else than recorded operations, at " + exposed_);
      if (h.node != ad::kNoNode) {
        run_->nodes[h.node].op = ad::Recorder::kConstant;
        run_->nodes[h.node].value = core::copy(h.whole);
      }
      continue;
    }
    c.bytes.clear();
    c.content = nullptr;
    c.expected = py::none();
    moves = true;
    if (h.node == ad::kNoNode) continue;
    inputs.push_back(static_cast<uint32_t>(k));
    nodes.push_back(h.node);
  }
  run_ = nullptr;
  return refusal.empty();
}

const Capture* Captures::parted() const {
  for (const Capture& c : all_) {
    if (!c.hidden || c.alias < 0) continue;
    const Capture& other = all_[static_cast<size_t>(c.alias)];
    if (other.hidden && (!other.found || c.elements - other.elements != c.further)) return &c;
  }
  return nullptr;
}

}  // namespace wengert::bindings
