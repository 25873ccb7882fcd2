// The callable behind wengert.compile: a call reads its arguments, finds the program recorded for their structure,
// shapes and types, and replays it; if there is none, the function runs once and is recorded.
#include "bindings/compiled/callable.h"

#include <pybind11/stl.h>
#include <structmember.h>

#include <algorithm>
#include <unordered_set>

#include "ad/recorder.h"
#include "bindings/compiled/compiled.h"
#include "bindings/interpreter.h"
#include "bindings/object/python_numbers.h"

namespace wengert::bindings {
namespace {

using program::Program;

// ---- calls ----------------------------------------------------------------------------------------------------------

constexpr uint64_t kTooMany = 32;  // recordings of one signature, then it is not recorded any more
constexpr uint64_t kFailures = 4;  // of these that could not be replayed, though the next one might
constexpr size_t kReasonsKept = 200;

std::string guard_text(const Program& p, uint32_t k) {
  const program::Guard& c = p.graph().guards[k];
  std::string s =
      c.on == ad::GuardOn::truth ? (core::item(*c.answer) != 0 ? "a condition was true" : "a condition was false")
      : c.answer->size == 1      ? "a number taken out was " + std::to_string(core::item(*c.answer))
                                 : "the elements of an array of shape " + c.answer->shape.str() + " were looked at";
  if (!c.location.empty()) s += " at " + c.location;
  return s;
}

void note(State& s, std::string reason) {
  if (s.reasons.size() < kReasonsKept) s.reasons.push_back(std::move(reason));
}

std::string why_new(const State& s, const std::vector<std::string>& now) {
  if (s.entries.empty()) return "first call";
  const Entry& last = s.entries.front();
  if (last.description.size() != now.size())
    return "the arguments have " + std::to_string(now.size()) + " leaves, before " +
           std::to_string(last.description.size());
  for (size_t k = 0; k < now.size(); ++k)
    if (last.description[k] != now[k])
      return "leaf " + std::to_string(k) + " of the arguments is " + now[k] + ", before " + last.description[k];
  return "a static argument or the structure of the arguments changed";
}

// A loaded function has no Python function to fall back on.
[[noreturn]] void no_function(const std::string& why) {
  value_error("wengert.compile: " + why + ". The function was loaded from a file and cannot be recorded again here");
}

std::string arguments_text(const std::vector<std::string>& description) {
  std::string s;
  for (const std::string& t : description) s += (s.empty() ? "" : ", ") + t;
  return "(" + s + ")";
}

[[noreturn]] void no_program(const State& s, const Call& c, const Entry* e, const std::string& reason) {
  if (e) no_function(reason + ", and the file holds no program for that");
  std::vector<std::string> now;
  for (const Leaf& leaf : c.leaves) now.push_back(describe_leaf(leaf));
  std::string held;
  for (const Entry& x : s.entries) held += (held.empty() ? "" : ", ") + arguments_text(x.description);
  no_function("there is no program for the arguments " + arguments_text(now) + ", only for " + held +
              " in the structure and with the static arguments they were saved with");
}

PyObject* plain_call(State& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  if (s.function.is_none())
    no_function(
        "these arguments have to be passed to the function itself: values that are being "
        "differentiated (save the compiled derivative instead) or of a type no program takes");
  ++s.eager;
  const py::object f = s.function;
  PyObject* r = going_back([&] { return PyObject_Vectorcall(f.ptr(), args, static_cast<size_t>(n), kwnames); });
  if (!r) throw PythonError{};
  return r;
}

size_t programs(const State& s) {
  size_t n = 0;
  for (const Entry& e : s.entries) n += e.programs.size();
  return n;
}

// What was learnt of signatures without a program is kept for a while, unless that keeps objects of the user's alive.
void drop_entries(State& s) {
  std::list<Entry> dropped;  // ends last: that may run any code
  size_t n = 0;
  for (auto e = s.entries.begin(); e != s.entries.end();) {
    const auto at = e++;
    const bool empty = at->objects && at->programs.empty();
    if ((empty && !at->given_up) || ++n > (empty ? s.capacity : 4 * s.capacity))
      dropped.splice(dropped.end(), s.entries, at);
  }
}

// Forgets interned objects that no entry names.
void forget_unused(State& s) {
  std::unordered_set<int64_t> used;
  for (const Entry& e : s.entries) used.insert(e.interned.begin(), e.interned.end());
  py::list dropped;
  for (Interned* kind : {&s.statics, &s.structures, &s.names}) kind->keep(used, dropped);
  s.numbers_seen = s.next_number;
}

PyObject* record(State& s, const Call& c, Entry* e, const std::string& reason, PyObject* const* args, Py_ssize_t n,
                 PyObject* kwnames) {
  if (s.function.is_none()) no_program(s, c, e, reason);
  ++s.recordings;
  Outcome out;
  std::vector<std::string> description;
  for (const Leaf& leaf : c.leaves) description.push_back(describe_leaf(leaf));
  std::string why = e ? reason : why_new(s, description);
  std::string signature = c.signature;
  const Family family = c.family;
  const bool kinds = s.kinds;
  const std::vector<int64_t> interned = c.interned;
  const bool objects = c.objects;
  std::string unsavable;
  program::SavedEntry form = saved_form(s, args, n, kwnames, unsavable);  // before the function can change them
  py::object result = recorded(s, c, args, n, kwnames, out);
  for (const std::string& text : out.notes) why += "; " + text;
  if (s.kinds != kinds) {
    Call again;
    read_call(s, args, n, kwnames, again);
    signature = again.signature;
  }
  // The function may have called us again: look the entry up anew.
  auto at = std::find_if(s.entries.begin(), s.entries.end(), [&](const Entry& x) { return x.signature == signature; });
  if (at == s.entries.end()) {
    s.entries.push_front({});
    at = s.entries.begin();
    at->signature = signature;
    at->family = family;
    at->interned = interned;
    at->objects = objects;
    at->description = std::move(description);
    at->form = std::move(form);
    at->unsavable = std::move(unsavable);
  } else {
    s.entries.splice(s.entries.begin(), s.entries, at);
  }
  ++at->recordings;
  if (out.made) {
    at->programs.push_front(out.made);
  } else {
    at->given_up = !out.again || ++at->failures >= kFailures;
    why += "; the function is called as it is, because " + out.refusal;
  }
  if (at->recordings >= kTooMany && !at->given_up) {
    at->given_up = true;
    at->programs.clear();
    why += "; after " + std::to_string(at->recordings) +
           " recordings with these arguments the function is called as it is: it keeps asking for values that change";
  }
  note(s, why);
  while (programs(s) > s.capacity) {
    for (auto old = s.entries.rbegin(); old != s.entries.rend(); ++old)
      if (!old->programs.empty()) {
        old->programs.pop_back();
        ++s.evictions;
        break;
      }
  }
  drop_entries(s);
  return result.release().ptr();
}

// It carries a derivative now: a matter of where the function is called.
bool is_traced(const Capture& c) {
  const py::object o = Captures::now(c);
  return o && is_array(o.ptr()) && read(as_array(o.ptr())).level;
}

PyObject* call(State& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Call& c) {
  read_call(s, args, n, kwnames, c);
  // Inside another recording that one sees what the function reads.
  if (c.traced || c.eager || (recording_of_thread() && !s.function.is_none())) return plain_call(s, args, n, kwnames);
  for (auto e = s.entries.begin(); e != s.entries.end(); ++e) {
    if (e->signature != c.signature) continue;
    if (e != s.entries.begin()) s.entries.splice(s.entries.begin(), s.entries, e);
    if (e->given_up) return plain_call(s, args, n, kwnames);
    std::string reason = "no program was left for these arguments";
    // Another thread may change the list while a program runs.
    std::vector<std::shared_ptr<Specialisation>> many;
    std::shared_ptr<Specialisation> one;
    if (e->programs.size() == 1)
      one = e->programs.front();
    else
      many.assign(e->programs.begin(), e->programs.end());
    const size_t count = one ? 1 : many.size();
    const std::string signature = count > 1 ? c.signature : std::string();
    for (size_t k = 0; k < count; ++k) {
      const std::shared_ptr<Specialisation>& spec = one ? one : many[k];
      if (spec->captures)
        if (const Capture* moved = spec->captures->changed()) {
          ++s.misses;
          if (is_traced(*moved)) return plain_call(s, args, n, kwnames);
          if (moved->kind == Capture::array && !moved->hidden) s.hiding = Hiding::all;
          if (k == 0) reason = moved->label + " is not what it was";
          continue;
        }
      if (spec->by_itself && shares_changed(c, *spec)) return plain_call(s, args, n, kwnames);
      uint32_t failed;
      PyObject* result = replayed(c, *spec, failed);
      if (failed != program::kNone) {
        if (failed == program::kOutOfBounds || failed == program::kTooLong) {
          if (s.function.is_none() && failed == program::kTooLong)
            runtime_error("wengert.compile: a while_loop takes more steps than its derivative has room for");
          if (s.function.is_none()) index_error("wengert.compile: an index is out of bounds for its axis");
          return plain_call(s, args, n, kwnames);
        }
        ++s.misses;
        if (k == 0) reason = guard_text(*spec->program, failed) + ", now it is not";
        continue;
      }
      ++s.replays;
      ++spec->replays;
      if (k > 0) {  // it comes first the next time
        for (Entry& x : s.entries)
          if (x.signature == c.signature) {
            const auto at = std::find(x.programs.begin(), x.programs.end(), spec);
            if (at != x.programs.end()) x.programs.splice(x.programs.begin(), x.programs, at);
            break;
          }
      }
      return result;
    }
    return record(s, c, &*e, reason, args, n, kwnames);
  }
  return record(s, c, nullptr, "", args, n, kwnames);
}

PyObject* vectorcall(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  return translated([&]() -> PyObject* {
    State& s = *reinterpret_cast<Compiled*>(self)->state;
    const Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    if (kwnames && PyTuple_GET_SIZE(kwnames) == 0) kwnames = nullptr;
    // The lists of the last call are used again, unless that call is still running (another thread, or recursion).
    if (s.scratch_used) {
      Call own;
      return call(s, args, n, kwnames, own);
    }
    s.scratch_used = true;
    struct Return {
      State& s;
      ~Return() {
        s.scratch.clear();
        s.scratch_used = false;
        if (s.numbers_seen != s.next_number) {
          const py::error_scope kept;
          try {
            forget_unused(s);
          } catch (...) {  // of a key that cannot be hashed any more
            set_python_error();
            PyErr_Clear();
          }
        }
      }
    } back{s};
    return call(s, args, n, kwnames, s.scratch);
  });
}

// ---- the type -------------------------------------------------------------------------------------------------------

PyTypeObject* compiled_type = nullptr;

State& state_of(const py::object& o) {
  if (Py_TYPE(o.ptr()) != compiled_type) type_error("wengert.compile: not a compiled function");
  return *reinterpret_cast<Compiled*>(o.ptr())->state;
}

int traverse(PyObject* o, visitproc visit, void* arg) {
  auto* c = reinterpret_cast<Compiled*>(o);
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(c->dict);
  const State& s = *c->state;
  for (const py::object* held : {&s.function, &s.watch}) Py_VISIT(held->ptr());
  for (const Interned* kind : {&s.statics, &s.structures, &s.names})
    if (const int r = kind->traverse(visit, arg)) return r;
  for (const Entry& e : s.entries)
    for (const auto& spec : e.programs) {
      if (const int r = spec->result.traverse(visit, arg)) return r;
      if (!spec->captures) continue;
      for (const Capture& x : spec->captures->all()) {  // what it reads may well hold this function
        Py_VISIT(x.owner.ptr());
        Py_VISIT(x.key.ptr());
        Py_VISIT(x.expected.ptr());
        Py_VISIT(x.found.ptr());
      }
    }
  return 0;
}
int clear(PyObject* o) {
  auto* c = reinterpret_cast<Compiled*>(o);
  Py_CLEAR(c->dict);
  State dropped;
  std::swap(c->state->entries, dropped.entries);
  std::swap(c->state->statics, dropped.statics);
  std::swap(c->state->structures, dropped.structures);
  std::swap(c->state->names, dropped.names);
  dropped.function = std::exchange(c->state->function, py::none());
  return 0;
}
void dealloc(PyObject* o) {
  auto* c = reinterpret_cast<Compiled*>(o);
  PyObject_GC_UnTrack(o);
  if (c->weakrefs) PyObject_ClearWeakRefs(o);
  Py_CLEAR(c->dict);
  delete c->state;
  PyTypeObject* type = Py_TYPE(o);
  type->tp_free(o);
  Py_DECREF(type);
}
PyObject* bind_method(PyObject* self, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) {
    Py_INCREF(self);
    return self;
  }
  return PyMethod_New(self, instance);
}
PyObject* call_hook(PyObject* self, const char* name) {
  PyObject* f = PyObject_GetAttrString(self, name);
  if (!f) return nullptr;
  PyObject* r = PyObject_CallNoArgs(f);
  Py_DECREF(f);
  return r;
}
PyObject* repr(PyObject* self) { return call_hook(self, "_repr"); }
PyObject* str(PyObject* self) { return call_hook(self, "_str"); }

PyMemberDef members[] = {{"__dictoffset__", T_PYSSIZET, offsetof(Compiled, dict), READONLY, nullptr},
                         {"__weaklistoffset__", T_PYSSIZET, offsetof(Compiled, weakrefs), READONLY, nullptr},
                         {"__vectorcalloffset__", T_PYSSIZET, offsetof(Compiled, vectorcall), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};
PyGetSetDef attributes[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};

template <class F> void* slot(F f) { return reinterpret_cast<void*>(f); }
PyType_Slot slots[] = {{Py_tp_dealloc, slot(dealloc)},
                       {Py_tp_traverse, slot(traverse)},
                       {Py_tp_clear, slot(clear)},
                       {Py_tp_call, slot(PyVectorcall_Call)},
                       {Py_tp_members, members},
                       {Py_tp_getset, attributes},
                       {Py_tp_repr, slot(repr)},
                       {Py_tp_str, slot(str)},
                       {Py_tp_descr_get, slot(bind_method)},
                       {Py_tp_doc, const_cast<char*>("A compiled function; see wengert.compile.")},
                       {0, nullptr}};
PyType_Spec spec = {
    "wengert.Compiled", sizeof(Compiled), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

// Without a function; compiled_define gives it one. (Unpickling makes the object before what it consists of.)
py::object new_compiled(const py::object& watch) {
  auto* c = PyObject_GC_New(Compiled, compiled_type);
  if (!c) throw py::error_already_set();
  c->dict = nullptr;
  c->weakrefs = nullptr;
  c->vectorcall = vectorcall;
  c->state = new State;
  c->state->function = py::none();
  c->state->watch = watch;
  PyObject_GC_Track(reinterpret_cast<PyObject*>(c));
  return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(c));
}

void define(const py::object& o, const py::object& f, const py::tuple& static_arguments, const py::tuple& donated,
            size_t capacity, const py::tuple& static_names) {
  State& s = state_of(o);
  s.static_names = static_names;
  s.capacity = capacity;
  s.static_arguments = s.donated_arguments = {};
  for (const auto& i : static_arguments) s.static_arguments.push_back(i.cast<Py_ssize_t>());
  for (const auto& i : donated) s.donated_arguments.push_back(i.cast<Py_ssize_t>());
  s.function = f;
}

void forget_all(State& s) {
  std::list<Entry> dropped;
  std::swap(s.entries, dropped);
  if (!s.scratch_used) forget_unused(s);
}

py::list program_list(const py::object& o) {
  py::list r;
  for (const Entry& e : state_of(o).entries)
    for (const auto& spec : e.programs) {
      const Program& p = *spec->program;
      py::dict d;
      std::string arguments;
      for (const std::string& t : e.description) arguments += (arguments.empty() ? "" : ", ") + t;
      d["arguments"] = arguments;
      d["listing"] = p.listing();
      d["explanation"] = p.explanation();
      d["recorded"] = p.recorded_operations();
      d["steps"] = p.steps();
      d["scalar"] = p.is_scalar();
      d["flops"] = program::flops(p.graph());
      d["bytes"] = p.bytes_moved();
      d["arena"] = p.arena();
      d["guards"] = p.graph().guards.size();
      d["replays"] = spec->replays;
      r.append(d);
    }
  return r;
}

}  // namespace

void bind_program(py::module_& m) {
  compiled_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!compiled_type) throw py::error_already_set();
  m.add_object("Compiled", py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(compiled_type)));
  m.def("new_compiled", new_compiled);
  m.def("compiled_define", define);
  m.def("compiled_programs", program_list);
  m.def("compiled_reasons", [](const py::object& o) { return state_of(o).reasons; });
  m.def("compiled_stats", [](const py::object& o) {
    const State& s = state_of(o);
    py::dict d;
    d["replays"] = s.replays;
    d["recordings"] = s.recordings;
    d["misses"] = s.misses;
    d["eager"] = s.eager;
    d["programs"] = programs(s);
    d["signatures"] = s.entries.size();
    d["evictions"] = s.evictions;
    return d;
  });
  m.def("compiled_bytes",
        [](const py::object& o, const std::string& name, bool all) { return saved_bytes(state_of(o), name, all); });
  m.def("compiled_load", [](const py::object& o, const py::bytes& file, int64_t max_bytes, bool options) {
    return load_programs(state_of(o), file, max_bytes, options);
  });
  m.def("compiled_sealed", [](std::string file) {  // for tests: see program::seal
    program::seal(file);
    return py::bytes(file);
  });
  m.def("compiled_options", [](const py::object& o) {
    const State& s = state_of(o);
    return py::make_tuple(py::tuple(py::cast(s.static_arguments)), s.capacity);
  });
  m.def("compiled_clear", [](const py::object& o) { forget_all(state_of(o)); });
  m.def(
      "python_number", [](const py::object& x) { return number_of(require_value(x.ptr(), "compile")); },
      "The number, which becomes a condition of the recording.");
  m.def("is_weak", [](const py::object& x) { return is_array(x.ptr()) && read(as_array(x.ptr())).weak; });
}

}  // namespace wengert::bindings
