// A call of a compiled function, from its arguments to its results; the parts are in compiled_*.cpp.
#pragma once
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "bindings/depth.h"
#include "bindings/family.h"
#include "program/program.h"
#include "program/saved.h"

namespace wengert::bindings {

// ---- what a call consists of ----------------------------------------------------------------------------------------

// Held: the container it came in may be emptied while the function runs, or have made it just now.
struct Leaf {
  PyObject* object;
  char kind;  // 'f' float, 'i' int, 'A' Array, 'n' ndarray, 'g' NumPy scalar
  Leaf(PyObject* o, char k) : object(Py_NewRef(o)), kind(k) {}
  Leaf(Leaf&& l) noexcept : object(std::exchange(l.object, nullptr)), kind(l.kind) {}
  ~Leaf() { Py_XDECREF(object); }
};

struct Call {
  std::string signature;  // structure, kinds, types, shapes: calls with equal ones can share a program
  std::vector<Leaf> leaves;
  Family family = Family::python;
  bool traced = false;            // some argument is being differentiated: the function itself has to run
  bool eager = false;             // some argument has no place in a program
  std::vector<int64_t> interned;  // the numbers in the signature
  bool objects = false;           // some of them stand for more than strings
  void clear() {
    signature.clear();
    leaves.clear();
    interned.clear();
    objects = false;
    family = Family::python;
    traced = eager = false;
  }
};

// Hashable objects that count by value: their numbers stand in the signature. No number is given twice, so an object
// can be forgotten as soon as no signature that is kept names it.
struct Interned {
  py::dict ids;
  int64_t id(PyObject* o, const char* what, int64_t& next) {
    refuse_deep(o);
    PyObject* found = PyDict_GetItemWithError(ids.ptr(), o);
    if (!found && PyErr_Occurred()) {
      if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw PythonError{};
      PyErr_Clear();
      type_error("wengert.compile: " + std::string(what) + " of type " + Py_TYPE(o)->tp_name +
                 " cannot be hashed; static arguments must be hashable");
    }
    if (found) return PyLong_AsLongLong(found);
    ids[o] = next;
    return next++;
  }
};

// Results of a function: how to put them together again.
struct Template {
  enum Kind : uint8_t { value, argument, object, tuple, list, dict, other } kind;
  uint32_t index = 0;  // value: output; argument: leaf of the call
  py::object held;     // object: itself; dict: its keys; other: its structure
  std::vector<Template> parts;
};

struct Specialisation {
  std::shared_ptr<program::Program> program;
  Template result;
  std::vector<std::pair<uint32_t, uint32_t>> changed;  // leaf that is updated in place, output with its new value
  std::vector<char> in_place;                          // of those, once it has been asked: may they share memory?
  std::vector<std::unique_ptr<program::Program::Memory>> spare;
  uint64_t replays = 0;
};

struct Entry {
  std::string signature;
  Family family;
  std::vector<std::string> description;                 // of the leaves, for why()
  std::list<std::shared_ptr<Specialisation>> programs;  // last used first
  program::SavedEntry form;                             // of the arguments, without programs
  std::string unsavable;                                // why there is no form
  std::vector<int64_t> interned;                        // see Call
  bool objects = false;
  uint64_t recordings = 0;
  bool given_up = false;
};

struct Compiled {
  PyObject ob_base;
  PyObject* dict;
  PyObject* weakrefs;
  vectorcallfunc vectorcall;
  struct State* state;
};

struct State {
  py::object function;  // None: loaded from a file, nothing can be recorded
  py::object flatten_other, unflatten_other;
  std::vector<Py_ssize_t> static_arguments;
  std::vector<Py_ssize_t> donated_arguments;  // results may take their place
  Interned statics, structures, names;
  int64_t next_number = 0, numbers_seen = 0;
  std::list<Entry> entries;  // last used first
  size_t capacity = 64;      // programs kept
  std::vector<std::string> reasons;
  uint64_t replays = 0, recordings = 0, misses = 0, eager = 0, evictions = 0, shown = 0;
  Call scratch;
  bool scratch_used = false;
};

// ---- compiled_arguments.cpp -----------------------------------------------------------------------------------------

void read_call(State& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Call& c);
bool is_static(const State& s, Py_ssize_t i, Py_ssize_t n);
bool is_donated(const State& s, Py_ssize_t i, Py_ssize_t n);
bool counts_by_value(PyObject* o);  // strings, functions, types …: part of the program
int direct_type(PyObject* a);  // element type of an ndarray that can be read as it is; -1: it has to be converted first
ArrayRef leaf_array(const Leaf& leaf);
std::string describe_leaf(const Leaf& leaf);

// ---- compiled_recording.cpp -----------------------------------------------------------------------------------------

// Runs the function itself and records it; `made` stays empty where the run cannot be replayed, `refusal` says why.
py::object recorded(State& s, const Call& call, PyObject* const* args, Py_ssize_t n, PyObject* kwnames,
                    std::shared_ptr<Specialisation>& made, std::string& refusal, std::vector<std::string>& notes);
// The innermost run of a function that is being recorded to be replayed; null outside.
ad::Recorder*& recording_of_thread();
void store(const Leaf& leaf, const ArrayRef& v);  // into an argument that the function changes in place
PyObject* numpy_scalar(const core::Array& a);

// ---- compiled_replay.cpp --------------------------------------------------------------------------------------------

// The results, or null and the check that failed.
PyObject* replayed(State& s, const Call& c, Specialisation& spec, uint32_t& failed);

// ---- compiled_saved.cpp ---------------------------------------------------------------------------------------------

// The form of a call's arguments as plain data; `unsavable` says why there is none.
program::SavedEntry saved_form(const State& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames,
                               std::string& unsavable);
// The programs of a function; with `all`, one that cannot be saved is an error, else it is left out.
py::bytes saved_bytes(const State& s, const std::string& name, bool all);
// Adds the programs of a file, and with `options` takes over how the function was compiled. Returns its name.
std::string load_programs(State& s, const py::bytes& file, int64_t most, bool options);

}  // namespace wengert::bindings
