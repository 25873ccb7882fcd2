// The Wengert list: one 16-byte record a node, arguments and saved values in flat arrays. Recording order is the
// order of the sweep.
#pragma once
#include <vector>

#include "ad/value.h"
#include "ops/info.h"

namespace wengert::ad {

// A place in a ring; whoever is destroyed leaves it.
struct Linked {
  Linked *previous = this, *next = this;
  Linked() = default;
  Linked(const Linked&) = delete;
  ~Linked() {
    previous->next = next;
    next->previous = previous;
  }
  void insert(Linked& one) {  // that is in no ring
    one.next = this;
    one.previous = previous;
    previous->next = &one;
    previous = &one;
  }
  void take_all(Linked& from) {
    if (from.next == &from) return;
    from.next->previous = previous;
    previous->next = from.next;
    from.previous->next = this;
    previous = from.previous;
    from.next = from.previous = &from;
  }
};

// A call of a function with a rule of its own.
struct CustomCall : core::Counted<CustomCall>, Linked {
  virtual ~CustomCall() = default;
  // Cotangents of the results in, cotangents of the operands out (an empty Value where there is none).
  virtual std::vector<Value> backward(const std::vector<Value>& cotangents) = 0;
  std::vector<Value> results;
};

// A value kept by the tape in 8 bytes: an array, or (under other levels) a whole Value, or parameters.
class Cell {
 public:
  Cell() = default;
  explicit Cell(ArrayRef a) : bits_(reinterpret_cast<uintptr_t>(a.detach())) {}
  explicit Cell(const Value& v);
  explicit Cell(const ParamsRef& p) {
    ParamsRef copy = p;
    bits_ = reinterpret_cast<uintptr_t>(copy.detach()) | kParams;
  }
  explicit Cell(const Ref<CustomCall>& c) {
    Ref<CustomCall> copy = c;
    bits_ = reinterpret_cast<uintptr_t>(copy.detach()) | kCustom;
  }
  bool empty() const { return bits_ == 0; }
  bool is_array() const { return (bits_ & kTag) == 0; }
  core::Array* array() const { return reinterpret_cast<core::Array*>(bits_); }
  ops::Params* params() const { return reinterpret_cast<ops::Params*>(bits_ & ~kTag); }
  CustomCall* custom() const { return reinterpret_cast<CustomCall*>(bits_ & ~kTag); }
  Value value() const;     // a copy
  Value take_value();      // moved out
  ArrayRef take_array() {  // only if is_array()
    auto* a = array();
    bits_ = 0;
    return ArrayRef::adopt(a);
  }
  ArrayRef array_ref() const { return ArrayRef(array()); }
  void release();  // cells are plain data: whoever owns them calls this

 private:
  static constexpr uintptr_t kTag = 3, kValue = 1, kParams = 2, kCustom = 3;
  uintptr_t bits_ = 0;
};

inline constexpr uint32_t kNoNode = 0xffffffff;
// Beyond the primitives: leaves, constants that only lend their shape, and calls with a rule of the user's. A call is a
// kCall node with one kCallResult node for each result; the sweep collects their cotangents and then runs the rule.
inline constexpr OpCode kInput = ops::kOps, kShapeOnly = ops::kOps + 1, kCall = ops::kOps + 2,
                        kCallResult = ops::kOps + 3;
// kNumbers: everything saved is a single number, kept in the list of numbers instead of the list of cells.
inline constexpr uint8_t kSavesParams = 16, kConsumed = 32, kNumbers = 64;

struct Node {
  OpCode op;
  uint8_t saved;  // bits of ops::Saves and kSavesParams, in this order in the list of cells (or numbers)
  DType dtype;
  uint32_t first_arg, first_saved, shape;
};
static_assert(sizeof(Node) == 16);

class Tape {
 public:
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  uint32_t input(const core::Array& a) { return bare(a, kInput); }
  // Operands as node numbers (kNoNode: constant) and as values of `level`; the result as seen from below it.
  uint32_t append(OpCode op, const uint32_t* arg_nodes, const Value* const* args, int n, const Level* level,
                  const Value& result, const ParamsRef& params);
  // The same for an elementwise operation over plain arrays, straight: the hot path of eager recording.
  uint32_t append_plain(OpCode op, uint32_t node0, uint32_t node1, const Value& a, const Value* b,
                        const ArrayRef& result);
  // A call node over the operands, then one node for each of its results; returns the first of those.
  uint32_t append_call(const std::vector<uint32_t>& arg_nodes, const Ref<CustomCall>& call);
  // All nodes of another tape behind those of this one; returns by how much their numbers grow.
  uint32_t absorb(Tape& other);

  uint32_t size() const { return static_cast<uint32_t>(nodes_.size()); }
  const Node& node(uint32_t i) const { return nodes_[i]; }
  int arity(uint32_t i) const {
    const uint32_t end = i + 1 < nodes_.size() ? nodes_[i + 1].first_arg : static_cast<uint32_t>(args_.size());
    return static_cast<int>(end - nodes_[i].first_arg);
  }
  uint32_t arg(uint32_t i, int k) const { return args_[nodes_[i].first_arg + static_cast<uint32_t>(k)]; }
  const Dims& shape(uint32_t i) const { return shapes_[nodes_[i].shape]; }
  // The cell saved for one bit of Node::saved, or the number.
  Cell& saved(uint32_t i, uint8_t bit) { return cells_[saved_at(i, bit)]; }
  double saved_number(uint32_t i, uint8_t bit) const { return numbers_[saved_at(i, bit)]; }
  Value saved_value(uint32_t i, uint8_t bit);  // either
  void drop_saved(uint32_t i);                 // afterwards the node counts as consumed
  bool consumed(uint32_t i) const { return nodes_[i].saved & kConsumed; }
  int64_t bytes() const;  // of the tape itself, without the arrays it keeps

  // While a long kernel of a sweep lets other threads run, nobody else may change the tape.
  bool being_swept() const { return sweeper_ != 0; }
  bool wait_for_sweep() {  // of another thread; true if there was one
    if (!sweeper_) [[likely]]
      return false;
    return wait_for_other_thread();
  }

 private:
  friend class Sweeping;
  bool wait_for_other_thread();
  uint32_t saved_at(uint32_t i, uint8_t bit) const {
    const Node& n = nodes_[i];
    return n.first_saved + static_cast<uint32_t>(__builtin_popcount(n.saved & (bit - 1u)));
  }
  uint32_t bare(const core::Array& a, OpCode op);  // a node without operands
  uint32_t append_node(OpCode op, uint8_t saved, DType dtype, const Dims& shape);
  uint32_t shape_id(const Dims& s);
  uint32_t find_shape(const Dims& s);
  std::vector<Node> nodes_;
  std::vector<uint32_t> args_;
  std::vector<Cell> cells_;
  std::vector<double> numbers_;
  std::vector<Dims> shapes_;
  uint32_t recent_shapes_[8] = {}, last_shape_ = 0;
  uint64_t sweeper_ = 0;  // the thread that sweeps
};

// Claims a tape for as long as it lives: sweeps of one tape by several threads come one after the other. Within its own
// sweep a thread may record on the tape and sweep it again (rules of the user's do).
class Sweeping {
 public:
  explicit Sweeping(Tape& t);
  Sweeping(const Sweeping&) = delete;
  ~Sweeping() { tape_.sweeper_ = before_; }

 private:
  Tape& tape_;
  uint64_t before_;
};

}  // namespace wengert::ad
