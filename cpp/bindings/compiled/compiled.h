// A call of a compiled function, from its arguments to its results; the parts are in compiled_*.cpp.
#pragma once
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ad/recorder.h"
#include "bindings/call/family.h"
#include "bindings/call/tree.h"
#include "bindings/compiled/captures.h"
#include "program/file/saved.h"
#include "program/program.h"

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
  std::vector<py::object> containers;  // lists and dicts, in the order they are met: the function may change them
  std::vector<std::pair<uint32_t, uint32_t>> same;  // leaves that are one object: the later, the earlier
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
    containers.clear();
    same.clear();
    family = Family::python;
    traced = eager = false;
  }
};

// Objects that count by value: their numbers stand in the signature. Equal is what nobody can tell apart: not 1 and
// True, 0.0 and -0.0, "a" and a str Enum of it. No number is given twice, so an object can be forgotten as soon as no
// signature that is kept names it.
class Interned {
 public:
  int64_t id(PyObject* o, const char* what, int64_t& next);
  // Forgets all but those; `dropped` keeps what ends, which may run any code.
  void keep(const std::unordered_set<int64_t>& used, py::list& dropped);
  int traverse(visitproc visit, void* arg) const;

 private:
  struct Known {
    py::object object;
    int64_t id;
  };
  std::unordered_map<PyObject*, Known> known_;  // by identity
  py::dict ids_;                                // by their exact form
};

// One leaf of a function's result: where it comes from.
struct Place {
  enum Kind : uint8_t { value, argument, container, object } kind;
  uint32_t index = 0;  // value: output; argument: leaf of the call; container: one of the call's
  py::object held;     // object: itself
};

struct Result {
  Structure structure;
  std::vector<Place> places;
  template <class Of> py::object rebuilt(Of&& of) const {
    return structure.rebuilt([&](size_t k) { return of(places[k]); });
  }
  int traverse(visitproc visit, void* arg) const {
    for (const Place& p : places) Py_VISIT(p.held.ptr());
    return structure.traverse(visit, arg);
  }
};

// What one replay works in, kept for the next one: six allocations, half the price of a small replay.
struct Workspace {
  std::unique_ptr<program::Program::Memory> memory;
  std::vector<char*> in, out;
  std::vector<int64_t> numbers;  // inputs and outputs that are Python numbers
  std::vector<ArrayRef> held;    // copies of inputs
  std::vector<py::object> read;  // hidden arrays
  std::vector<ArrayRef> values;  // outputs
  std::vector<PyObject*> made;   // ndarrays for outputs
  void clear() {
    in.clear();
    out.clear();
    held.clear();
    read.clear();
    values.clear();
    for (PyObject* o : made) Py_XDECREF(o);
    made.clear();
  }
  Workspace() = default;
  Workspace(const Workspace&) = delete;
  ~Workspace() { clear(); }
};

struct Specialisation {
  std::shared_ptr<program::Program> program;
  Result result;
  std::vector<std::pair<uint32_t, uint32_t>> changed;  // leaf that is updated in place, output with its new value
  std::vector<std::pair<uint32_t, Result>> refilled;   // container of the arguments that changes, what it then holds
  std::shared_ptr<Captures> captures;                  // what the function read besides its arguments
  bool hidden = false;                                 // some of that is read where it lies
  bool repeated = false;                               // one array stands in several places of the results
  size_t inputs = 0;                                   // of the program that are leaves; hidden arrays follow
  size_t by_itself = 0;                                // of those, the first ones: the others are donated
  std::vector<char> in_place;                          // of those, once it has been asked: may they share memory?
  std::vector<std::unique_ptr<Workspace>> spare;
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
  uint64_t recordings = 0, failures = 0;
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
  py::object watch;     // makes the captures.Watch of one recording
  std::vector<Py_ssize_t> static_arguments;
  py::tuple static_names;                     // of those that can be given by keyword
  std::vector<Py_ssize_t> donated_arguments;  // results may take their place
  Interned statics, structures, names;
  int64_t next_number = 0, numbers_seen = 0;
  std::list<Entry> entries;  // last used first
  size_t capacity = 64;      // programs kept
  std::vector<std::string> reasons;
  uint64_t replays = 0, recordings = 0, misses = 0, eager = 0, evictions = 0, shown = 0;
  Call scratch;
  bool scratch_used = false;
  Hiding hiding = Hiding::none;  // what recordings hide from the start: all arrays, once one that was compared changed
  bool kinds = false;  // an argument without axes was changed in place: number or array, that is part of the signature
};

// ---- arguments.cpp --------------------------------------------------------------------------------------------------

void read_call(State& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Call& c);
bool is_static(const State& s, Py_ssize_t i, Py_ssize_t n);
bool is_static(const State& s, PyObject* keyword);
bool is_donated(const State& s, Py_ssize_t i, Py_ssize_t n);
bool counts_by_value(PyObject* o);  // strings, functions, types …: part of the program
int direct_type(PyObject* a);  // element type of an ndarray that can be read as it is; -1: it has to be converted first
ArrayRef leaf_array(const Leaf& leaf);
std::string describe_leaf(const Leaf& leaf);

// ---- recording.cpp --------------------------------------------------------------------------------------------------

// Runs the function itself and records it; `made` stays empty where the run cannot be replayed, `refusal` says why. The
// function sees copies of the arguments: what it does to them is done to the arguments afterwards.
struct Outcome {
  std::shared_ptr<Specialisation> made;
  std::string refusal;
  bool again = false;  // the next call may be recorded
  bool rerun = false;  // what came out is not right: the function has to run on the arguments themselves
  std::vector<std::string> notes;
};
py::object recorded(State& s, const Call& call, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Outcome& out);
// The innermost run of a function that is being recorded to be replayed; null outside.
ad::Recorder*& recording_of_thread();
void store(const Leaf& leaf, const ArrayRef& v);  // into an argument that the function changes in place

// ---- replay.cpp -----------------------------------------------------------------------------------------------------

// Some array among these is changed by the program and shares memory with another one it reads.
bool shares_changed(const Call& c, const Specialisation& spec);
void refill(PyObject* container, PyObject* with);
// The results, or null and the guard that failed.
PyObject* replayed(const Call& c, Specialisation& spec, uint32_t& failed);

// ---- saved.cpp ------------------------------------------------------------------------------------------------------

// The form of a call's arguments as plain data; `unsavable` says why there is none.
program::SavedEntry saved_form(const State& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames,
                               std::string& unsavable);
// The programs of a function; with `all`, one that cannot be saved is an error, else it is left out.
py::bytes saved_bytes(const State& s, const std::string& name, bool all);
// Adds the programs of a file, and with `options` takes over how the function was compiled. Returns its name.
std::string load_programs(State& s, const py::bytes& file, int64_t most, bool options);

}  // namespace wengert::bindings
