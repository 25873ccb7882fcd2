// What a compiled function reads besides its arguments, and whether it still is what it was when the function was
// recorded. Found by python/wengert/program/captures.py, compared here on every replay.
#pragma once
#include <memory>
#include <string>
#include <vector>

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
  int32_t input = -1;       // read where it lies, as this hidden input of the program
  std::string label;
};

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
  std::string refusal;  // why a replay could be wrong; empty: it cannot
  bool moves = false;   // code or state that a file cannot hold is among them (see saved programs)

 private:
  Capture& fresh(Capture::From from, py::object owner, py::object key, std::string label);
  std::vector<Capture> all_;
};

// Calls watch.enter(frame) for every Python function that is entered while this lives, once for each code object. The
// user's own profile function is called as well.
class FrameHook {
 public:
  explicit FrameHook(const py::object& watch, Captures& found);
  FrameHook(const FrameHook&) = delete;
  ~FrameHook();

 private:
  struct Inside;
  std::unique_ptr<Inside> in_;
};

void bind_captures(py::module_& m);

}  // namespace wengert::bindings
