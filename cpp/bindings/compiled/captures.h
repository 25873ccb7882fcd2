// What a compiled function reads besides its arguments, and whether it still is what it was when the function was
// recorded. Found by python/wengert/program/captures.py, compared here on every replay.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ad/recorder.h"
#include "bindings/object/convert.h"

namespace wengert::bindings {

inline constexpr int64_t kLargestCompared = 1 << 16;  // bytes of an array whose content is compared on every replay

struct Capture {
  // Where it is found: in a cell, a dict, an attribute, a list or tuple; or the object is known.
  enum From : uint8_t { cell, entry, attribute, item, object } from;
  enum Kind : uint8_t { value, absent, array, list, dict, set, function } kind;
  py::object owner, key;
  Py_ssize_t index = 0;
  py::object expected;   // value: itself; containers: a tuple of what they hold; function: code and defaults
  uint64_t version = 0;  // of the dict at the last look, where dicts have one
  // Of arrays: the type and what they held.
  ArrayRef content;         // an Array's
  std::string bytes;        // an ndarray's, row by row
  py::object dtype, shape;  // an ndarray's
  bool leaf = false;        // it requires gradients
  std::string label;
  // A hidden array is read where it lies, if its type and layout are these; what it holds does not matter.
  bool hidden = false;
  int64_t size = 0;  // in bytes, of any array
  DType element = DType::f64;
  Dims extent, strides;  // in bytes, of an Array in elements
  int32_t at = -1;       // while it is recorded: in Recorder::hidden
  int32_t alias = -1;    // it shares memory with that capture, so many bytes further on
  int64_t further = 0;
  py::object found;  // at the last look
  char* elements = nullptr;
};

// Which of the arrays it reads a recording may hide: none, what is too large to be compared, all.
enum class Hiding : uint8_t { none, large, all };

class Captures {
 public:
  void add(Capture::From from, py::object owner, py::object key, py::object expected, std::string label);
  void add_absent(Capture::From from, py::object owner, py::object key, std::string label);
  void add_container(py::object owner, std::string label);  // list, dict, set
  void add_function(py::object f, std::string label);
  // The first that is another one now; null: all are what they were.
  const Capture* changed();
  bool empty() const { return all_.empty(); }
  size_t size() const { return all_.size(); }
  const std::vector<Capture>& all() const { return all_; }
  std::vector<Capture>& all() { return all_; }
  // What it is now; null (no exception): there is none.
  static py::object now(const Capture& c);

  // From now on arrays that are found are hidden in this recording.
  void hide(ad::Recorder& run, Hiding which);
  bool hides() const { return run_ && !run_->hidden.empty(); }
  bool is_hidden(PyObject* array) const;                   // is it in the memory of one?
  void expose(PyObject* array, const std::string& where);  // its elements may be used otherwise; None: those of all
  // At the end of the recording: those that stay hidden are compared no more, and the ones that were operands become
  // inputs (their nodes). The others are compared; false: one of them is too large for that (see `refusal`).
  bool settle(std::vector<uint32_t>& nodes);
  bool late = false;             // one was found when functions had run that nobody had looked at for its sake
  bool running = false;          // they have
  std::vector<uint32_t> inputs;  // of the program, behind those that are arguments: which captures
  std::string refusal;           // why a replay could be wrong; empty: it cannot
  bool moves = false;            // code or state that a file cannot hold is among them (see saved programs)

 private:
  Capture& fresh(Capture::From from, py::object owner, py::object key, std::string label);
  void consider(Capture& c);
  void too_large(const Capture& c, const std::string& why);
  const Capture* parted() const;  // a hidden array that shares memory with others otherwise than it did
  std::vector<Capture> all_;
  ad::Recorder* run_ = nullptr;
  Hiding which_ = Hiding::none;
  bool aliased_ = false;
  std::string exposed_;  // where that was first
};

bool hidden_holds(Capture& c, PyObject* o);

// Calls watch.enter(frame) for every Python function that is entered while this lives, once for each code object; what
// is the user's it answers with True. The user's own profile function is called as well.
class FrameHook {
 public:
  // `each`, if there is one, is called every time such a function is entered.
  FrameHook(const py::object& watch, Captures& found, const py::object& each);
  FrameHook(const FrameHook&) = delete;
  ~FrameHook();

 private:
  struct Inside;
  std::unique_ptr<Inside> in_;
};

void bind_captures(py::module_& m);

}  // namespace wengert::bindings
