#include "bindings/object/index.h"

#include <pybind11/numpy.h>

#include <algorithm>

#include "ad/batch.h"
#include "ad/functions.h"
#include "ad/recorder.h"
#include "ad/requires_grad.h"
#include "bindings/call/functions.h"
#include "bindings/object/kinds.h"
#include "bindings/object/lost.h"
#include "bindings/object/views.h"

namespace wengert::bindings {
namespace {

using ad::ParamsRef;
using ops::code_of;

// One entry of an index, resolved: an axis kept by a range, dropped at a position, inserted, or looked up in an array;
// x[True] and x[False] look an inserted axis up at its one position, or nowhere.
struct Entry {
  enum Kind { range, single, fresh, lookup, truth } kind;
  int64_t start = 0, step = 1, count = 1;
  ArrayRef positions = nullptr;  // int64
  Value given = {};              // where they come from
};

struct Index {
  std::vector<Entry> entries;
  bool advanced = false;
};

bool is_plain_int(PyObject* o) { return PyLong_Check(o) && !PyBool_Check(o); }

// Integer or boolean arrays (Arrays, ndarrays, lists); bool arrays become one array of positions for each axis.
void add_array(PyObject* o, Index& index) {
  Value v = require_value(o, "getitem");
  if (!core::is_int(v.dtype())) ad::guard(v, ad::GuardOn::elements);
  ArrayRef a = core::contiguous(v.array);
  if (core::is_float(a->dtype) && a->size) {
    index_error("wengert.getitem: an index must be integers or booleans, got a " + core::describe(*a) +
                "; convert it with astype(int)");
  }
  index.advanced = true;
  if (a->dtype != DType::b1) {
    index.entries.push_back({Entry::lookup, 0, 1, 1, core::cast(a, DType::i64), v});
    return;
  }
  const int n = a->ndim();
  if (n == 0) {
    index.entries.push_back({Entry::truth, 0, 1, 1, core::zeros(DType::i64, Dims{core::item_int(*a) != 0})});
    return;
  }
  int64_t hits = 0;
  for (int64_t i = 0; i < a->size; ++i) hits += a->as<uint8_t>()[i];
  std::vector<ArrayRef> at;
  for (int d = 0; d < n; ++d) at.push_back(core::make(DType::i64, Dims{hits}));
  int64_t k = 0;
  for (int64_t i = 0; i < a->size; ++i) {
    if (!a->as<uint8_t>()[i]) continue;
    int64_t rest = i;
    for (int d = n - 1; d >= 0; --d) {
      at[static_cast<size_t>(d)]->as<int64_t>()[k] = rest % a->shape[d];
      rest /= a->shape[d];
    }
    ++k;
  }
  for (int d = 0; d < n; ++d) {
    // The size of the axis is checked against the mask's when resolved.
    index.entries.push_back({Entry::lookup, a->shape[d], 0, 1, at[static_cast<size_t>(d)]});
  }
}

int axes_used(const std::vector<Entry>& e) {
  int n = 0;
  for (const Entry& x : e) n += x.kind != Entry::fresh && x.kind != Entry::truth;
  return n;
}

[[noreturn]] void out_of_bounds(int64_t i, int axis, int64_t size) {
  index_error("wengert.getitem: index " + std::to_string(i) + " is out of bounds for axis " + std::to_string(axis) +
              " with size " + std::to_string(size));
}

// Computed anew in every step of a loop, or another one in every example: a position like those of an array.
bool varies(const Value& v) {
  const auto* r = ad::level_as<ad::Recorder>(v.level);
  return (r && r->body) || ad::batched(v);
}

void add_entry(PyObject* o, Index& index) {
  if (o == Py_None) {
    index.entries.push_back({Entry::fresh});
  } else if (PySlice_Check(o)) {
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(o, &start, &stop, &step) < 0) throw PythonError{};
    index.entries.push_back({Entry::range, start, step, stop});  // resolved against the axis later
  } else if (is_plain_int(o) ||
             (!is_array(o) && PyIndex_Check(o) && !PyBool_Check(o) && !py::isinstance<py::array>(o))) {
    index.entries.push_back({Entry::single, to_int(o, "getitem")});
  } else {
    if (is_array(o) && read(as_array(o)).shape().empty() && core::is_int(read(as_array(o)).dtype()) &&
        !varies(read(as_array(o)))) {
      ad::guard(read(as_array(o)), ad::GuardOn::number);
      index.entries.push_back({Entry::single, core::item_int(*read(as_array(o)).array)});
      return;
    }
    add_array(o, index);
  }
}

Index parse(PyObject* o, const Dims& shape) {
  Index index;
  if (!PyTuple_Check(o)) {
    if (o == Py_Ellipsis) {
      for (int i = 0; i < shape.size(); ++i) index.entries.push_back({Entry::range, 0, 1, shape[i]});
      return index;
    }
    add_entry(o, index);
  } else {
    std::vector<Entry> before;
    bool ellipsis = false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i) {
      PyObject* item = PyTuple_GET_ITEM(o, i);
      if (item == Py_Ellipsis) {
        if (ellipsis) index_error("wengert.getitem: an index can have only one ellipsis ('...')");
        ellipsis = true;
        before.swap(index.entries);
      } else {
        add_entry(item, index);
      }
    }
    if (ellipsis) {
      const int missing = shape.size() - axes_used(before) - axes_used(index.entries);
      std::vector<Entry> after;
      after.swap(index.entries);
      index.entries = std::move(before);
      for (int i = 0; i < missing; ++i) index.entries.push_back({Entry::range, 0, 1, PY_SSIZE_T_MAX});
      index.entries.insert(index.entries.end(), after.begin(), after.end());
    }
  }
  while (axes_used(index.entries) < shape.size()) index.entries.push_back({Entry::range, 0, 1, PY_SSIZE_T_MAX});
  if (axes_used(index.entries) > shape.size())
    index_error("wengert.getitem: too many indices: the array has " + std::to_string(shape.size()) +
                " dimensions, but " + std::to_string(axes_used(index.entries)) + " were indexed");
  // Resolve ranges and single positions against the sizes.
  int axis = 0;
  for (Entry& e : index.entries) {
    if (e.kind == Entry::fresh || e.kind == Entry::truth) continue;
    const int64_t size = shape[axis];
    if (e.kind == Entry::range) {
      Py_ssize_t start = e.start, stop = e.count;
      e.count = PySlice_AdjustIndices(size, &start, &stop, e.step);
      e.start = e.count ? start : 0;
      if (e.count < 2) e.step = 1;  // as SliceBase::check asks
    } else if (e.kind == Entry::single) {
      if (e.start < -size || e.start >= size) out_of_bounds(e.start, axis, size);
      if (e.start < 0) e.start += size;
    } else if (e.step == 0 && e.start != size) {
      index_error("wengert.getitem: a boolean index of size " + std::to_string(e.start) + " does not match axis " +
                  std::to_string(axis) + " with size " + std::to_string(size));
    }
    ++axis;
  }
  return index;
}

// The basic part as a slice. Axes looked up in arrays stay whole.
core::Ref<ops::SliceParams> basic_part(const Index& index, const Dims& shape) {
  const auto p = ops::new_params<ops::Slice>();
  int axis = 0;
  for (const Entry& e : index.entries) {
    if (e.kind == Entry::fresh || e.kind == Entry::truth) {
      p->shape.push_back(1);
      continue;
    }
    const bool whole = e.kind == Entry::lookup;
    const int64_t count = whole ? shape[axis] : e.kind == Entry::single ? 1 : e.count;
    p->start.push_back(whole ? 0 : e.start);
    p->step.push_back(whole || e.kind == Entry::single ? 1 : e.step);
    p->count.push_back(count);
    if (e.kind != Entry::single) p->shape.push_back(count);
    ++axis;
  }
  return p;
}

bool is_identity(const ops::SliceParams& p, const Dims& shape) {
  if (!(p.count == shape) || !(p.shape == shape)) return false;
  for (int64_t s : p.step)
    if (s != 1) return false;
  return true;
}

// How an index with arrays is carried out: slice, bring the looked-up axes to the front, gather, put the new axes where
// NumPy puts them.
struct Lookup {
  core::Ref<ops::SliceParams> basic;
  core::Ref<ops::GatherParams> gather;
  Dims to_front, back;  // permutations of the sliced array
  Dims place, unplace;  // permutations of the gathered array
  bool whole;           // the basic part takes everything
};

Dims inverse_of(const Dims& perm) {
  Dims r(perm.size());
  for (int i = 0; i < perm.size(); ++i) r[static_cast<int>(perm[i])] = i;
  return r;
}

bool looks_up(const Entry& e) { return e.kind == Entry::lookup || e.kind == Entry::truth; }

Lookup plan(Index& index, const Dims& shape, bool replaces = false) {
  // NumPy counts single positions beside arrays as arrays of one position.
  for (Entry& e : index.entries)
    if (e.kind == Entry::single) e = {Entry::lookup, 0, 1, 1, core::scalar_int(e.start, DType::i64), {}};
  Lookup r;
  r.basic = basic_part(index, shape);
  r.whole = is_identity(*r.basic, shape);
  const Dims& sliced = r.basic->shape;
  Dims common, axes;
  std::vector<ArrayRef> positions;
  for (size_t i = 0; i < index.entries.size(); ++i) {
    const Entry& e = index.entries[i];
    if (!looks_up(e)) continue;
    axes.push_back(static_cast<int64_t>(i));
    positions.push_back(e.positions);
    common = core::broadcast_shapes(common, e.positions->shape, "getitem");
  }
  ArrayRef flat = core::zeros(DType::i64, common);
  for (size_t k = 0; k < positions.size(); ++k) {
    const ArrayRef p = core::contiguous(core::broadcast_to(positions[k], common));
    const int axis = static_cast<int>(axes[static_cast<int>(k)]);
    const int64_t size = sliced[axis];
    for (int64_t i = 0; i < flat->size; ++i) {
      int64_t at = p->as<int64_t>()[i];
      if (at < -size || at >= size) out_of_bounds(at, axis, size);
      if (at < 0) at += size;
      flat->as<int64_t>()[i] = flat->as<int64_t>()[i] * size + at;
    }
  }
  std::vector<Value> given;
  Dims sizes;
  bool computed = false;
  for (const Entry& e : index.entries) {
    if (!looks_up(e)) continue;
    given.push_back(e.given ? e.given : Value(e.positions));
    computed |= static_cast<bool>(given.back().level);
  }
  for (int64_t axis : axes) sizes.push_back(sliced[static_cast<int>(axis)]);
  bool varying = false;
  for (const Value& v : given) varying |= ad::batched(v);
  if (varying || (computed && !replaces)) {
    ad::follow_positions(flat, given, sizes);
  } else if (computed) {  // which of repeated positions stays depends on all of them
    for (const Value& v : given) ad::guard(v, ad::GuardOn::elements);
  }
  r.gather = ops::new_params<ops::Gather>();
  r.gather->indices = flat;
  r.gather->lead = axes.size();
  r.to_front = axes;
  for (int i = 0; i < sliced.size(); ++i)
    if (!axes.contains(i)) r.to_front.push_back(i);
  r.back = inverse_of(r.to_front);
  bool together = true;
  for (int i = 1; i < axes.size(); ++i) together &= axes[i] == axes[i - 1] + 1;
  const int at = together ? static_cast<int>(axes[0]) : 0, added = common.size(), rest = sliced.size() - axes.size();
  for (int i = 0; i < at; ++i) r.place.push_back(added + i);
  for (int i = 0; i < added; ++i) r.place.push_back(i);
  for (int i = at; i < rest; ++i) r.place.push_back(added + i);
  r.unplace = inverse_of(r.place);
  return r;
}

Value looked_up(const Value& x, const Lookup& r) {
  const Value part = r.whole ? x : ad::slice(x, r.basic);
  return ad::transpose(ad::gather(ad::transpose(part, r.to_front), r.gather), r.place);
}

}  // namespace

Value indexed(const Value& x, PyObject* o) {
  Index index = parse(o, x.shape());
  if (index.advanced) return looked_up(x, plan(index, x.shape()));
  return ad::slice(x, basic_part(index, x.shape()));
}

namespace {
// Taken by integers alone, an element is a scalar and not tied to its array; x[0, ...] is a 0-d view.
bool is_element(PyObject* o) {
  if (!PyTuple_Check(o)) return o != Py_Ellipsis;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i)
    if (PyTuple_GET_ITEM(o, i) == Py_Ellipsis) return false;
  return true;
}
}  // namespace

PyObject* get_item(PyArray* self, PyObject* o) {
  const Value x = read(self);  // a copy: an index object may run code that writes into self
  Index index = parse(o, x.shape());
  if (index.advanced) return marked(wrap(looked_up(x, plan(index, x.shape()))), self);
  const ParamsRef p = basic_part(index, x.shape());
  Value v = ad::slice(x, p);
  if (v.array->shape.empty() && is_element(o)) return wrap(std::move(v), self->foreign());
  return marked(wrap_moved(self, code_of<ops::Slice>, *p, std::move(v)), self);
}

namespace {

void change_at(Value& x, Index& index, const Value& given, bool add) {
  const Value v = ad::astype(given, x.dtype());
  auto fit = [](const Value& value, const Dims& shape) {
    Value w = value;
    while (w.shape().size() > shape.size() && w.shape()[0] == 1)
      w = ad::reshape(w, w.shape().slice(1, w.shape().size()));
    try {
      return ad::broadcast_to(w, shape);
    } catch (const Error&) {
      value_error("wengert.setitem: a value of shape " + value.shape().str() +
                  " does not fit an indexed part of shape " + shape.str());
    }
  };
  if (!index.advanced) {
    const auto p = basic_part(index, x.shape());
    ad::update(add ? code_of<ops::SliceAdd> : code_of<ops::SliceUpdate>, x, fit(v, p->shape), p);
    return;
  }
  const ad::OpCode op = add ? code_of<ops::GatherAdd> : code_of<ops::GatherUpdate>;
  const Lookup r = plan(index, x.shape(), !add);
  Dims front_shape;
  for (int64_t i : r.to_front) front_shape.push_back(r.basic->shape[static_cast<int>(i)]);
  const Dims gathered =
      core::concat(r.gather->indices->shape, front_shape.slice(static_cast<int>(r.gather->lead), front_shape.size()));
  Dims placed;
  for (int64_t i : r.place) placed.push_back(gathered[static_cast<int>(i)]);
  const Value fitted = ad::transpose(fit(v, placed), r.unplace);
  if (r.whole && front_shape == x.shape() && r.to_front == r.back && std::is_sorted(r.back.begin(), r.back.end())) {
    ad::update(op, x, fitted, r.gather);  // nothing to move: in place if x is ours alone
    return;
  }
  Value part = ad::transpose(r.whole ? x : ad::slice(x, r.basic), r.to_front);
  ad::update(op, part, fitted, r.gather);
  part = ad::transpose(part, r.back);
  if (r.whole)
    x = part;
  else
    ad::update(code_of<ops::SliceUpdate>, x, part, r.basic);
}

}  // namespace

void index_change(Value& x, PyObject* o, const Value& given, bool add) {
  Index index = parse(o, x.shape());
  change_at(x, index, given, add);
}

void set_item(PyArray* self, PyObject* o, PyObject* given) {
  if (self->scalar())
    type_error(
        "wengert.setitem: a number (an element, a sum, any 0-d result) cannot be changed in place, as in NumPy; bind "
        "the name anew, or make an array of it: wengert.numpy.array(x)");
  Value v = require_value(given, "setitem");
  Index index = [&] {  // before anything is taken out of self: an index object may run code that looks at it
    const ArrayRef held = read(self).array;
    return parse(o, held->shape);
  }();
  read(self);
  refuse_write(self, "setitem");
  refuse_outer_write(self, v);
  check_fits(v, self->value.dtype(), "setitem");
  if (ad::level_as<ad::Leaf>(self->value.level)) {
    const auto leaf = self->value.level;
    Value changed(self->value.array);
    change_at(changed, index, Value(v.array), false);
    changed.level = leaf;
    write(self, std::move(changed));
    return;
  }
  if (core::is_float(v.dtype()) && !core::is_float(self->value.dtype()) && follower(v))
    type_error("wengert.setitem: a differentiated value cannot be stored in an array of " +
               std::string(core::dtype_name(self->value.dtype())) +
               ": its derivative would be lost; make the array float");
  Value changed = std::move(self->value);  // moved, so that it can be changed in place
  try {
    change_at(changed, index, v, false);
  } catch (...) {
    self->value = std::move(changed);
    throw;
  }
  write(self, std::move(changed));
}

}  // namespace wengert::bindings
