#include "bindings/transform/garbage.h"

#include "ad/apply.h"
#include "ad/requires_grad.h"
#include "ad/reverse.h"
#include "bindings/interpreter.h"
#include "bindings/transform/reverse_level.h"

namespace wengert::bindings {

bool rules_possible = false;

namespace {

struct Keeper {
  PyObject ob_base;
  ad::ReverseLevel* level;  // null after its end
  Py_ssize_t owned;         // references in the name of the tape's owners
};
PyTypeObject* keeper_type = nullptr;

Keeper* keeper_of(const ad::Level* t) {
  const ad::ReverseLevel* r = ad::taped(t);
  return r ? static_cast<Keeper*>(r->keeper) : nullptr;
}
PyObject* object(Keeper* k) { return reinterpret_cast<PyObject*>(k); }

void own(Keeper* k, Py_ssize_t n) {
  Py_SET_REFCNT(object(k), Py_REFCNT(object(k)) - k->owned + n);
  k->owned = n;
}

void keep_up(Keeper* k) {
  const Py_ssize_t refs = k->level->refs;
  if (refs + 4 > k->owned || 8 * refs + 64 < k->owned) own(k, 2 * refs + 16);
}

bool countable(const Keeper* k) { return k->level && k->level->refs <= k->owned; }

template <class F> void for_rules(ad::ReverseLevel& t, F f) {
  for (ad::Linked* at = t.calls.next; at != &t.calls; at = at->next)
    f(*static_cast<Rule*>(static_cast<ad::CustomCall*>(at)));
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  auto* k = reinterpret_cast<Keeper*>(self);
  if (!k->level) return 0;
  if (countable(k))
    for (Py_ssize_t i = k->level->refs; i < k->owned; ++i) Py_VISIT(self);
  for (ad::Linked* at = k->level->calls.next; at != &k->level->calls; at = at->next)
    Py_VISIT(static_cast<Rule*>(static_cast<ad::CustomCall*>(at))->function());
  const auto* graph = ad::level_as<ad::GradGraph>(k->level);
  return graph ? visit_level(graph->merged_into.get(), visit, arg) : 0;
}

int clear(PyObject* self) {
  auto* k = reinterpret_cast<Keeper*>(self);
  if (!k->level) return 0;
  std::vector<py::object> held;  // all out before the first ends, which may run any code
  for_rules(*k->level, [&](Rule& r) { held.push_back(r.dropped()); });
  return 0;
}

void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

void drop(void* keeper) {
  auto* k = static_cast<Keeper*>(keeper);
  k->level = nullptr;
  own(k, 1);
  Py_DECREF(object(k));
}

void merged(ad::ReverseLevel* into, ad::ReverseLevel* from) {
  keep_rules(into);
  keep_rules(from);  // the way to `into` for values that still name this one
}

template <class F> void* slot(F f) { return reinterpret_cast<void*>(f); }
PyType_Slot slots[] = {{Py_tp_dealloc, slot(dealloc)},
                       {Py_tp_traverse, slot(traverse)},
                       {Py_tp_clear, slot(clear)},
                       {Py_tp_doc, const_cast<char*>("Shows the rules on a tape to the garbage collector.")},
                       {0, nullptr}};
PyType_Spec spec = {"wengert._core.Keeper", sizeof(Keeper), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

}  // namespace

void keep_rules(ad::ReverseLevel* t) {
  if (!t->keeper) {
    auto* k = PyObject_GC_New(Keeper, keeper_type);
    if (!k) throw py::error_already_set();
    k->level = t;
    k->owned = 1;
    t->keeper = k;
    PyObject_GC_Track(object(k));
  }
  keep_up(static_cast<Keeper*>(t->keeper));
}

void track(PyArray* a) {
  if (!tracked(a) && PyType_IS_GC(array_type)) PyObject_GC_Track(reinterpret_cast<PyObject*>(a));
  if (Keeper* k = keeper_of(a->value.level.get())) keep_up(k);
}

int visit_level(const ad::Level* t, visitproc visit, void* arg) {
  Keeper* k = keeper_of(t);
  if (k && countable(k)) Py_VISIT(object(k));
  return 0;
}

int visit_value(const Value& v, visitproc visit, void* arg) {
  if (const int r = visit_level(v.level.get(), visit, arg)) return r;
  if (!v.box || v.box->refs != 1) return 0;
  if (const int r = visit_value(v.box->primal, visit, arg)) return r;
  return visit_value(v.box->tangent, visit, arg);
}

std::vector<Value> Rule::backward(const std::vector<Value>& cotangents) {
  if (!f_) runtime_error("wengert.backward: the rule of a function on this tape was freed by the garbage collector");
  py::list g;
  for (const Value& v : cotangents) g.append(wrapped(v));
  const py::object f = f_;
  const ad::Depth inside;  // of a transform, for what its arrays pass for
  const py::object raw = py::reinterpret_steal<py::object>(call_python(f.ptr(), py::make_tuple(g).ptr()));
  if (!raw) throw PythonError{};
  const py::sequence out = raw;
  if (out.size() != operands_.size())
    value_error("wengert.custom_vjp: the rule returned " + std::to_string(out.size()) + " cotangents for " +
                std::to_string(operands_.size()) + " operands");
  std::vector<Value> r;
  for (size_t i = 0; i < out.size(); ++i) {
    const py::object o = out[i];
    r.emplace_back();
    if (o.is_none()) continue;
    Value v = ad::astype(require_value(o.ptr(), "custom_vjp"), operands_[i].second);
    v.weak = false;
    if (!(v.shape() == operands_[i].first))
      value_error("wengert.custom_vjp: the rule returned a cotangent of shape " + v.shape().str() +
                  " for an argument of shape " + operands_[i].first.str());
    r.back() = std::move(v);
  }
  return r;
}

void bind_garbage(py::module_& m) {
  keeper_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!keeper_type) throw py::error_already_set();
  ad::keeper_hooks = {drop, merged};
  m.def("expect_rules", [] { rules_possible = true; }, "Called where a function with a rule of its own is made.");
}

}  // namespace wengert::bindings
