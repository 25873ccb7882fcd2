#include "bindings/object/backward.h"

#include "ad/functions.h"
#include "ad/requires_grad.h"
#include "ad/reverse.h"
#include "bindings/call/params.h"
#include "ops/info.h"

namespace wengert::bindings {

using ops::code_of;

namespace {

ad::Leaf* leaf_of(PyArray* a) { return ad::level_as<ad::Leaf>(a->value.level); }

Value initial_cotangent(const Value& y, PyObject* given) {
  if (given && given != Py_None) {
    const Value g = ad::astype(require_value(given, "backward"), y.dtype());
    if (!(g.shape() == y.shape()))
      value_error("wengert.backward: the cotangent has shape " + g.shape().str() + ", the value has shape " +
                  y.shape().str());
    return Value(g.array);
  }
  if (y.array->size != 1)
    runtime_error("wengert.backward: without a cotangent the value must be a scalar, got shape " + y.shape().str() +
                  "; reduce it (.sum(), .mean()) or pass a cotangent of this shape");
  return Value(core::full(y.dtype(), y.shape(), 1.0));
}

void accumulate(ad::Leaf& leaf, const Value& ct) {
  if (!ct) return;
  if (!leaf.gradient) {
    leaf.gradient = core::Ref<ad::Gradient>(new ad::Gradient);
    leaf.gradient->array = ct.array;
    return;
  }
  const core::Ref<ad::Gradient> to = leaf.gradient;
  while (true) {  // another thread may have added its own while a long addition ran
    const ArrayRef before = to->array;
    const ArrayRef sum = ad::apply_binary(code_of<ops::Add>, Value(before), ct).array;
    if (!(to->array == before)) continue;
    to->array = sum;
    return;
  }
}

void run_backward(const Value& y, const Value& g, bool retain) {
  if (!y.level || y.level->depth != 0)
    runtime_error(
        y.level ? "wengert.backward: inside grad, vjp and the like derivatives are taken by the transform; return the "
                  "value instead"
                : "wengert.backward: nothing to differentiate: the value does not depend on any array made with "
                  "requires_grad=True (or was computed under no_grad)");
  if (auto* leaf = ad::level_as<ad::Leaf>(y.level)) {
    accumulate(*leaf, g);
    return;
  }
  uint32_t node;
  ad::GradGraphRef t;
  do {
    node = y.node;
    t = ad::GradGraphRef(ad::resolve(ad::level_as<ad::GradGraph>(y.level), node));
  } while (t->tape.wait_for_sweep());  // which may have merged it into another
  std::vector<uint32_t> wanted;
  std::vector<ad::LeafRef> leaves;
  for (auto& [n, leaf] : t->leaves)
    if (n <= node) wanted.push_back(n), leaves.push_back(leaf);
  const std::vector<Value> cts = ad::sweep(t->tape, {{node, g}}, wanted, retain);
  for (size_t i = 0; i < cts.size(); ++i) accumulate(*leaves[i], cts[i]);
}

}  // namespace

bool awaits_backward(const Value& v) {
  if (!ad::recording_enabled() || !v.level || v.level->depth != 0) return false;
  if (ad::level_as<ad::Leaf>(v.level)) return true;
  uint32_t node = v.node;
  return !ad::resolve(ad::level_as<ad::GradGraph>(v.level), node)->tape.consumed(node);
}

PyObject* get_requires_grad(PyArray* a) {
  const Value& v = read(a);
  return PyBool_FromLong(v.level && v.level->depth == 0);
}

PyObject* get_grad(PyArray* a) {
  ad::Leaf* leaf = leaf_of(a);
  if (!leaf || !leaf->gradient) Py_RETURN_NONE;
  PyObject* g = wrap(Value(leaf->gradient->array));
  as_array(g)->link = new Link;
  as_array(g)->link->gradient = leaf->gradient;  // writing into x.grad changes the gradient
  return g;
}

int set_grad(PyObject* o, PyObject* v, void*) {
  return translated([&]() -> int {
    ad::Leaf* leaf = leaf_of(as_array(o));
    if (!leaf) type_error("wengert: .grad can only be set on an array made with requires_grad=True");
    if (!v || v == Py_None) {
      leaf->gradient = nullptr;
      return 0;
    }
    const Value g = ad::astype(require_value(v, "grad"), as_array(o)->value.dtype());
    if (!(g.shape() == as_array(o)->value.shape()))
      value_error("wengert: a gradient of shape " + g.shape().str() + " does not fit an array of shape " +
                  as_array(o)->value.shape().str());
    leaf->gradient = core::Ref<ad::Gradient>(new ad::Gradient);
    leaf->gradient->array = g.array;
    return 0;
  });
}

int set_requires_grad(PyObject* o, PyObject* v, void*) {
  return translated([&]() -> int {
    const int on = v ? PyObject_IsTrue(v) : 0;
    if (on < 0) throw PythonError{};
    Value& x = as_array(o)->value;
    if (x.level && !leaf_of(as_array(o)))
      runtime_error(
          "wengert: requires_grad can only be changed on an array that was not computed from others; use detach()");
    if (on && !core::is_float(x.dtype()))
      type_error("wengert: only floating point arrays can require gradients, got " + core::describe(*x.array) +
                 "; convert with astype(float)");
    if (on && !x.level) x.level = ad::LevelRef(new ad::Leaf);
    if (on) as_array(o)->version &= ~uint64_t{1};  // a parameter is changed in place
    if (!on) x.level = nullptr;
    return 0;
  });
}

PyObject* backward(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return translated([&]() -> PyObject* {
    if (n > 2) type_error("wengert.backward takes cotangent and retain_graph, got " + std::to_string(n) + " arguments");
    PyObject *given = n > 0 ? args[0] : nullptr, *keep = n > 1 ? args[1] : Py_False;
    for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); ++i) {
      PyObject* key = PyTuple_GET_ITEM(kwnames, i);
      if (PyUnicode_CompareWithASCIIString(key, "cotangent") == 0)
        given = args[n + i];
      else if (PyUnicode_CompareWithASCIIString(key, "retain_graph") == 0)
        keep = args[n + i];
      else
        type_error("wengert.backward takes cotangent and retain_graph, not '" + std::string(py::str(key)) + "'" +
                   keyword_hint(key));
    }
    const int retain = PyObject_IsTrue(keep);
    if (retain < 0) throw PythonError{};
    const Value y = read(as_array(self));
    run_backward(y, initial_cotangent(y, given), retain);
    Py_RETURN_NONE;
  });
}

}  // namespace wengert::bindings
