#include "bindings/object/views.h"

#include <algorithm>
#include <cstring>

#include "ad/functions.h"
#include "ad/recorder.h"
#include "ad/requires_grad.h"
#include "bindings/loops.h"
#include "bindings/object/array_methods.h"
#include "bindings/transform/garbage.h"

namespace wengert::bindings {

using ad::OpCode;
using ad::ParamsRef;
using ops::code_of;

namespace {

template <class V> PyArray* handle(V&& v, uint32_t kind) {
  void* memory = core::small_alloc(kGcHeader + sizeof(PyArray));
  std::memset(memory, 0, kGcHeader);  // not tracked
  auto* a = reinterpret_cast<PyArray*>(static_cast<char*>(memory) + kGcHeader);
  PyObject_Init(reinterpret_cast<PyObject*>(a), array_type);
  new (&a->value) Value(std::forward<V>(v));
  a->link = nullptr;
  a->version = kind;
  a->weakrefs = nullptr;
  a->born = static_cast<uint32_t>(ad::Level::levels_opened());
  if (!(kind & kForeign)) a->value.weak = false;
  follow(a);
  return a;
}

// A new array lies as its values do, which is how NumPy's would.
[[gnu::noinline]] void lay_out(PyArray* a) {
  const core::Array& x = *a->value.array;
  Dims strides = core::without_gaps(x) ? x.strides : core::kept_order(x.shape, x.strides);
  if (core::is_row_major(x.shape, strides)) return;
  a->link = new Link;
  a->link->strides = std::move(strides);
}

template <class V> PyObject* root_handle(V&& v, uint32_t kind) {
  PyArray* a = handle(std::forward<V>(v), kind);
  if (!a->value.array->contiguous) [[unlikely]]
    lay_out(a);
  return reinterpret_cast<PyObject*>(a);
}

PyArray* root_of(PyArray* a) { return a->link && a->link->root ? a->link->root : a; }

// The part of an array that lies so in `layout`, as a slice, which programs and sweeps know best; null if it is none.
// Neither is empty.
ParamsRef as_slice(const Dims& whole, const Dims& layout, const Dims& shape, const Dims& strides, int64_t offset) {
  const int n = whole.size();
  const auto p = ops::new_params<ops::Slice>(Dims(n, 0), Dims(n, 1), Dims(n, 1), shape);
  Dims &start = p->start, &step = p->step, &count = p->count;
  int64_t below = INT64_MAX;  // the axes of `whole` from the longest stride down
  for (int k = 0; k < n; ++k) {
    int axis = -1;
    for (int i = 0; i < n; ++i)
      if (whole[i] > 1 && layout[i] < below && (axis < 0 || layout[i] > layout[axis])) axis = i;
    if (axis < 0) break;
    start[axis] = offset / layout[axis];
    offset %= layout[axis];
    below = layout[axis];
  }
  int axis = -1;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    for (++axis; axis < n; ++axis) {
      const int64_t by = strides[i] / layout[axis], last = start[axis] + (shape[i] - 1) * by;
      if (by != 0 && strides[i] % layout[axis] == 0 && last >= 0 && last < whole[axis]) break;
    }
    if (axis >= n) return {};
    step[axis] = strides[i] / layout[axis];
    count[axis] = shape[i];
  }
  return p;
}

ParamsRef as_strided(const Dims& layout, const Dims& shape, const Dims& strides, int64_t offset) {
  return ops::new_params<ops::Strided>(shape, strides, offset, layout);
}

}  // namespace

Dims strides_of(const PyArray* a) {
  const Link* l = a->link;
  return l && (l->root || !l->strides.empty()) ? l->strides : core::row_major(a->value.shape());
}
int64_t offset_of(const PyArray* a) { return a->link ? a->link->offset : 0; }
bool is_row_major(const PyArray* a) { return !a->link || core::is_row_major(a->value.shape(), strides_of(a)); }

namespace {
uint32_t kind_of(const core::Array& a, bool foreign) { return a.shape.empty() | uint32_t{foreign} << 1; }
static_assert(kScalar == 1 && kForeign == 2);
}  // namespace

PyObject* wrap(Value v, bool foreign) {
  const uint32_t kind = kind_of(*v.array, foreign);
  return root_handle(std::move(v), kind);
}

PyObject* wrap(ArrayRef a, bool foreign) {
  const uint32_t kind = kind_of(*a, foreign);
  return root_handle(std::move(a), kind);
}

PyObject* wrap_array(Value v, bool foreign) {
  v.weak = false;
  return root_handle(std::move(v), foreign ? kForeign : 0u);
}

void release(PyArray* a) { core::small_free(reinterpret_cast<char*>(a) - kGcHeader, kGcHeader + sizeof(PyArray)); }

PyObject* wrap_view(PyArray* base, Value v, Dims strides, int64_t offset, bool read_only) {
  if (base->scalar()) return wrap_array(std::move(v));
  PyArray* root = root_of(base);
  PyArray* a = handle(std::move(v), 0);
  auto* l = a->link = new Link;
  Py_INCREF(root);
  l->root = root;
  l->seen = root->version;
  l->strides = std::move(strides);
  l->offset = offset;
  l->read_only = read_only || (base->link && base->link->read_only);
  return reinterpret_cast<PyObject*>(a);
}

// ---- reading and writing --------------------------------------------------------------------------------------------

void refresh(PyArray* a) {
  Link& l = *a->link;
  if (l.gradient) {
    if (!(a->value.array == l.gradient->array)) a->touch();
    a->value = Value(l.gradient->array);
    return;
  }
  if (!l.root) return;
  const Value& whole = read(l.root);
  if (l.root->version == l.seen) return;
  const Dims layout = strides_of(l.root), shape = a->value.shape();
  const uint32_t version = l.root->version;
  if (!a->value.array->size) {  // nothing to read
  } else if (const ParamsRef p = as_slice(whole.shape(), layout, shape, l.strides, l.offset)) {
    a->value = ad::slice(whole, p);
  } else {
    a->value = ad::strided(whole, as_strided(layout, shape, l.strides, l.offset));
  }
  follow(a);
  l.seen = version;
}

void lend(PyArray* a, PyObject* numbers) {
  const auto* recorder = ad::level_as<ad::Recorder>(read(a).level);
  if (!recorder || !recorder->alive || recorder->body || a->scalar()) return;
  PyArray* root = root_of(a);
  if (!root->link) root->link = new Link;
  PyObject*& lent = root->link->lent;
  const py::object weak = py::reinterpret_steal<py::object>(PyWeakref_NewRef(numbers, nullptr));
  if (!weak || (!lent && !(lent = PyList_New(0))) || PyList_Append(lent, weak.ptr()) < 0) throw PythonError{};
}

namespace {
bool is_lent(const PyArray* root) {
  if (!root->link || !root->link->lent) return false;
  bool held = false;
  for (const py::handle weak : py::reinterpret_borrow<py::list>(root->link->lent))
    held = held || !py::reinterpret_borrow<py::object>(weak)().is_none();
  return held;
}
}  // namespace

void refuse_write(PyArray* a, const char* name) {
  refuse_outside_write(a);
  if (is_lent(root_of(a)))
    type_error(
        "wengert." + std::string(name) +
        ": inside compile this array was given to NumPy (np.asarray), and what holds its numbers there would not "
        "see the write; use wengert.numpy.asarray, or np.array, which copies");
  if (a->link && a->link->read_only)
    value_error("wengert." + std::string(name) +
                ": this view is read-only, as in NumPy (of a diagonal, of a broadcast); write into a copy() of it");
  if (!ad::recording_enabled()) return;
  PyArray* root = root_of(a);
  if (!ad::level_as<ad::Leaf>(root->value.level)) return;
  runtime_error("wengert." + std::string(name) + ": " +
                (root != a ? "this is a view of an array that requires" : "this array requires") +
                " gradients; changing it in place would change what was recorded. Use `with "
                "wengert.no_grad():` (an optimiser step), or work on a copy");
}

namespace {

void set_root(PyArray* root, Value v) {
  root->value = std::move(v);
  follow(root);
  root->touch();
  if (root->link && root->link->gradient) root->link->gradient->array = root->value.array;
}

}  // namespace

void write(PyArray* a, Value v) {
  v.weak = false;
  PyArray* root = root_of(a);
  if (root == a) return set_root(a, std::move(v));
  Link& l = *a->link;
  read(root);
  const Dims layout = strides_of(root);
  ad::LevelRef leaf;  // an array that requires gradients stays one
  if (ad::level_as<ad::Leaf>(root->value.level)) leaf = std::move(root->value.level);
  a->value = std::move(v);  // which lets go of the storage: it is written in place if nobody else looks at it
  follow(a);
  Value whole = std::move(root->value);
  root->value = Value();
  try {
    const Dims& shape = a->value.shape();
    if (!a->value.array->size) {  // nothing to write
    } else if (const ParamsRef p = as_slice(whole.shape(), layout, shape, l.strides, l.offset)) {
      ad::update(code_of<ops::SliceUpdate>, whole, a->value, p);
    } else {
      ad::update(code_of<ops::StridedUpdate>, whole, a->value, as_strided(layout, shape, l.strides, l.offset));
    }
  } catch (...) {
    if (leaf) whole.level = std::move(leaf);
    root->value = std::move(whole);
    l.seen = root->version + 1;  // what is in the view is not what is in the storage
    throw;
  }
  if (leaf) whole.level = std::move(leaf);
  set_root(root, std::move(whole));
  l.seen = root->version;
}

// ---- which results are views ----------------------------------------------------------------------------------------

bool may_view(OpCode op) {
  return op == code_of<ops::Reshape> || op == code_of<ops::Transpose> || op == code_of<ops::Slice> ||
         op == code_of<ops::BroadcastTo>;
}

namespace {

// The strides of the same elements under another shape; false where only a copy has that shape.
bool reshaped(const Dims& from, const Dims& strides, const Dims& to, Dims& out) {
  if (from == to) {
    out = strides;
    return true;
  }
  Dims lengths, steps;
  for (int i = 0; i < from.size(); ++i)
    if (from[i] != 1) lengths.push_back(from[i]), steps.push_back(strides[i]);
  out = Dims(to.size(), 1);
  int i = 0, k = 0;
  while (i < lengths.size() && k < to.size()) {  // groups of old and new axes with equally many elements
    int i_end = i + 1, k_end = k + 1;
    int64_t old_count = lengths[i], new_count = to[k];
    while (old_count != new_count) {
      if (new_count < old_count)
        new_count *= to[k_end++];
      else
        old_count *= lengths[i_end++];
    }
    for (int j = i; j + 1 < i_end; ++j)
      if (steps[j] != lengths[j + 1] * steps[j + 1]) return false;
    out[k_end - 1] = steps[i_end - 1];
    for (int j = k_end - 1; j > k; --j) out[j - 1] = out[j] * to[j];
    i = i_end;
    k = k_end;
  }
  return true;
}

Dims broadcast_strides(const Dims& from, const Dims& strides, const Dims& to) {
  Dims out(to.size(), 0);
  const int lead = to.size() - from.size();
  for (int i = 0; i < from.size(); ++i)
    if (from[i] == to[lead + i]) out[lead + i] = strides[i];
  return out;
}

Dims sliced_strides(const Dims& strides, const ops::SliceParams& p, int64_t& offset) {
  const Dims &start = p.start, &step = p.step, &count = p.count, &shape = p.shape;
  Dims out(shape.size(), 0);
  int k = 0;
  for (int i = 0; i < strides.size(); ++i) {
    offset += start[i] * strides[i];
    if (count[i] == 1) continue;
    while (shape[k] == 1) ++k;
    out[k++] = step[i] * strides[i];
  }
  return out;
}

}  // namespace

PyObject* wrap_moved(PyArray* base, OpCode op, const ops::Params& p, Value r) {
  if (base->scalar()) return wrap_array(std::move(r));
  const core::Array &whole = *base->value.array, &part = *r.array;
  const bool read_only = op == code_of<ops::BroadcastTo>;
  if (part.size == 0) {
    Dims none = core::row_major(part.shape);
    return wrap_view(base, std::move(r), std::move(none), offset_of(base), read_only);
  }
  if (!base->link && whole.contiguous && part.buffer && part.buffer == whole.buffer) {  // it says itself where it lies
    Dims strides = part.strides;
    const int64_t offset = (part.data - whole.data) / core::item_size(whole.dtype);
    return wrap_view(base, std::move(r), std::move(strides), offset, read_only);
  }
  if (op == code_of<ops::Reshape> && !base->link) {  // row-major to row-major
    Dims strides = core::row_major(ops::params_of<ops::Reshape>(p).shape);
    return wrap_view(base, std::move(r), std::move(strides), 0);
  }
  const Dims &shape = whole.shape, strides = strides_of(base);
  int64_t offset = offset_of(base);
  Dims out;
  if (op == code_of<ops::Slice>) {
    out = sliced_strides(strides, ops::params_of<ops::Slice>(p), offset);
  } else if (op == code_of<ops::Transpose>) {
    for (int64_t axis : ops::params_of<ops::Transpose>(p).axes) out.push_back(strides[static_cast<int>(axis)]);
  } else if (op == code_of<ops::BroadcastTo>) {
    out = broadcast_strides(shape, strides, ops::params_of<ops::BroadcastTo>(p).shape);
  } else if (!reshaped(shape, strides, ops::params_of<ops::Reshape>(p).shape, out)) {
    return wrap_array(std::move(r));
  }
  return wrap_view(base, std::move(r), std::move(out), offset, read_only);
}

PyObject* same_view(PyArray* a) {
  const Value v = copied(read(a));
  return wrap_view(a, v, strides_of(a), offset_of(a));
}

PyObject* raveled(PyArray* a) {
  const Value x = read(a);
  const auto p = ops::new_params<ops::Reshape>(Dims{x.array->size});
  Value r = ad::apply(code_of<ops::Reshape>, &x, 1, p);
  return is_row_major(a) ? wrap_moved(a, code_of<ops::Reshape>, *p, std::move(r)) : wrap_array(std::move(r));
}

namespace {

// Shape, strides and first element of the diagonals in two axes, behind the other axes.
struct Diagonal {
  Dims shape, strides;
  int64_t offset;
  Diagonal(const Dims& whole, const Dims& steps, int64_t k, int rows, int columns) {
    for (int i = 0; i < whole.size(); ++i)
      if (i != rows && i != columns) shape.push_back(whole[i]), strides.push_back(steps[i]);
    const int64_t down = k < 0 ? -k : 0, right = k > 0 ? k : 0;
    const int64_t length = std::max<int64_t>(0, std::min(whole[rows] - down, whole[columns] - right));
    shape.push_back(length);
    strides.push_back(steps[rows] + steps[columns]);
    offset = length ? down * steps[rows] + right * steps[columns] : 0;
  }
};

}  // namespace

Value diagonal_of(const Value& x, int64_t k, int axis1, int axis2) {
  const core::Array& a = *x.array;
  const Dims kept = core::kept_order(a.shape, a.strides),
             layout = core::lies_as(a, kept) ? kept : core::row_major(a.shape);
  const Diagonal d(a.shape, layout, k, axis1, axis2);
  return ad::strided(x, as_strided(layout, d.shape, d.strides, d.offset));
}

PyObject* diagonal_view(PyArray* a, int64_t k, int64_t axis1, int64_t axis2, bool read_only) {
  const Value x = read(a);
  const int rows = static_cast<int>(axis1), columns = static_cast<int>(axis2);
  const Diagonal d(x.shape(), strides_of(a), k, rows, columns);
  Value v = diagonal_of(x, k, rows, columns);
  return wrap_view(a, std::move(v), d.strides, offset_of(a) + d.offset, read_only);
}

}  // namespace wengert::bindings
