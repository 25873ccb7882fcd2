// Levels of differentiation as Python sees them; reverse mode, and the forms in which its derivatives go back.
#pragma once
#include "ad/reverse.h"
#include "ad/rules.h"
#include "bindings/call/family.h"
#include "bindings/object/convert.h"
#include "bindings/object/kinds.h"

namespace wengert::bindings {

inline py::object wrapped(Value v) { return py::reinterpret_steal<py::object>(wrap(std::move(v))); }
inline py::object wrapped_like(const py::handle& o, Value v) {
  return py::reinterpret_steal<py::object>(wrap_like(o.ptr(), std::move(v)));
}

// One active transform: made on entry, closed on exit (also after exceptions), its tape usable afterwards.
class OpenLevel {
 public:
  explicit OpenLevel(ad::Level* t) : level_(t) { ad::push_level(); }
  OpenLevel(const OpenLevel&) = delete;
  ~OpenLevel() { close(); }
  void close() {
    if (!open_) return;
    open_ = false;
    level_->end();
    ad::pop_level();
  }
  ad::Level* level() const { return level_.get(); }
  int traverse(visitproc visit, void* arg) const;  // for the garbage collector
  bool owns(const Value& v) const { return v.level == level_; }

 protected:
  Value traced(const Value& primal, uint32_t node, const Value* tangent = nullptr) const;
  ad::LevelRef level_;
  bool open_ = true;
};

Value differentiable(const py::object& x, const char* what);

struct Argument {
  Family family;
  Value primal;
  bool scalar = false;  // a number or NumPy scalar, or an Array that stands for one
  bool foreign = true;  // also an Array that passes for something else
  bool number = false;  // of Python, likewise
  py::object type;      // of a NumPy scalar
};
// False: neither a number nor a floating point array.
bool lifted(PyObject* o, Argument& a);
// A derivative or result in the form of an argument.
py::object as_family(Value v, const Argument& like);
// A value as an Array that passes for what the argument is.
inline py::object handle_like(Value v, const Argument& like) {
  v.weak = like.number && v.shape().empty();
  return py::reinterpret_steal<py::object>(like.scalar || !v.shape().empty() ? wrap(std::move(v), like.foreign)
                                                                             : wrap_array(std::move(v), like.foreign));
}

class OpenReverse : public OpenLevel {
 public:
  OpenReverse() : OpenLevel(new ad::ReverseLevel(ad::current_depth() + 1)) {}
  ad::ReverseLevel& reverse() const { return *static_cast<ad::ReverseLevel*>(level_.get()); }
  const std::vector<uint32_t>& inputs() const { return inputs_; }

  py::object input(const py::object& x) { return wrapped_like(x, leaf(differentiable(x, "input"))); }
  py::object taken(const Argument& a) { return handle_like(leaf(a.primal), a); }
  // Cotangents of all inputs for the given cotangents of `outputs`; None where there is no dependence.
  py::list sweep(const py::sequence& outputs, const py::sequence& cotangents, bool keep);
  int64_t nodes() const { return reverse().tape.size(); }
  int64_t bytes() const { return reverse().tape.bytes(); }

 private:
  Value leaf(const Value& v) {
    inputs_.push_back(reverse().tape.input(*v.array));  // the handle may be given another value by `x[i] = v`
    return traced(v, inputs_.back());
  }
  std::vector<uint32_t> inputs_;
};

}  // namespace wengert::bindings
