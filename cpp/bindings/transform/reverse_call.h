// One run of a function in reverse mode: its arguments lifted, its result, and the derivatives in the form of the
// arguments. In C++ it costs 0.5 us, in Python 5 us, as much as forty operations.
#pragma once
#include "bindings/call/tree.h"
#include "bindings/transform/reverse_level.h"

namespace wengert::bindings {

// What a transform was asked for.
struct Asked {
  py::object argnums;  // a number or a tuple of them, without duplicates
  bool has_aux;
  py::object name;  // for errors
};

// The differentiated arguments of a call.
class Differentiated {
 public:
  Differentiated(const Asked& asked, PyObject* args);
  const std::vector<Argument>& leaves() const { return leaves_; }
  Family widest() const;
  // The arguments with others in the place of their leaves.
  template <class LeafOf> py::object replaced(PyObject* args, LeafOf&& leaf_of) const;
  // The tree of an argument, or the tuple of several.
  template <class LeafOf> py::object gathered(LeafOf&& leaf_of) const { return structure_.rebuilt(leaf_of); }

 private:
  bool single_;
  Py_ssize_t position_ = 0;            // of the only one
  std::vector<Py_ssize_t> positions_;  // of several
  std::vector<Argument> leaves_;
  Structure structure_;
};

class ReverseCall {
 public:
  ReverseCall(const Asked& asked, const py::object& f, PyObject* args, PyObject* kwargs);
  // The gradient of the scalar it returned: gradient, (gradient, aux), (value, gradient), ((value, aux), gradient).
  py::object gradient(bool with_value);
  // The Jacobian of what it returned, a tree: for each of its leaves the tree of the arguments' blocks.
  py::object jacobian();
  const py::object& aux() const { return aux_; }
  int64_t size() const;         // elements of the arguments
  int64_t result_size() const;  // and of the result

 private:
  void split();
  py::object without_level(const py::object& tree) const;
  py::object value_of(const Value& y) const;
  py::object blocks(const py::object& y);
  std::vector<std::vector<Value>> swept_rows(const Value& y);
  Value stacked(std::vector<Value>& rows, uint32_t input) const;

  const Asked& asked_;
  Differentiated given_;
  OpenReverse level_;
  py::object y_, aux_ = py::none();
};

void bind_reverse_call(py::module_& m);

}  // namespace wengert::bindings
