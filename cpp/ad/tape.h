// The Wengert list: one 16-byte record a node, arguments and saved values in flat arrays. Recording order is the
// order of the sweep.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "ad/value.h"
#include "core/pool_allocator.h"
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
// kCall node with one kResult node for each output; the sweep collects the outputs' cotangents and then runs the rule.
inline constexpr OpCode kLeaf = ops::kOps, kConstant = ops::kOps + 1, kCall = ops::kOps + 2, kResult = ops::kOps + 3;
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

  uint32_t leaf(const core::Array& a, OpCode op = kLeaf);
  // Operands as node numbers (kNoNode: constant) and as values of `level`; the result as seen from below it.
  uint32_t append(OpCode op, const uint32_t* arg_nodes, const Value* const* args, int n, const Trace* level,
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

struct ReverseTrace;
// What the owner of the rules (the bindings) is told of a level that has calls with a rule of their own.
struct KeeperHooks {
  void (*drop)(void* keeper) = nullptr;                              // the level ends
  void (*merged)(ReverseTrace* into, ReverseTrace* from) = nullptr;  // one of the two has a keeper
};
inline KeeperHooks keeper_hooks;

struct ReverseTrace : Trace {
  explicit ReverseTrace(int depth) : Trace(Kind::reverse, depth) {}
  ~ReverseTrace() override {
    if (keeper) keeper_hooks.drop(keeper);
  }
  Tape tape;
  Linked calls;            // the CustomCalls on the tape
  void* keeper = nullptr;  // what shows them to a garbage collector
  // Depth 0 only. Graphs of values that require gradients each start a tape of their own; when two meet in an
  // operation, one takes over the other. `leaves` are the nodes that accumulate into Array.grad.
  Ref<ReverseTrace> merged_into;
  uint32_t offset = 0;
  std::vector<std::pair<uint32_t, Ref<struct Leaf>>> leaves;
};
using ReverseRef = Ref<ReverseTrace>;

// Where backward() adds up the gradient of a leaf; a new one after the old was cleared.
struct Gradient : core::Counted<Gradient> {
  ArrayRef array;
};

// An array made with requires_grad: joins the tape of the first operation that uses it.
struct Leaf : Trace {
  Leaf() : Trace(Kind::leaf, 0) {}
  Ref<Gradient> gradient;
  uint32_t last_index = 0;  // where in the leaves of its tape it was found last
};
using LeafRef = Ref<Leaf>;

struct DualTrace : Trace {
  DualTrace(int depth, int64_t k) : Trace(Kind::dual, depth), tangents(k) {}
  int64_t tangents;  // 0: one tangent of the primal's shape; k: k tangents along a leading axis
};

// One operation as it was run, with everything kept: for people to look at.
struct Listing : Trace {
  struct Entry {
    int op;  // opcode; -1 input, -2 constant
    ParamsRef params;
    std::vector<uint32_t> args;
    ArrayRef value;
    std::string label, location;
  };
  explicit Listing(int depth) : Trace(Kind::listing, depth) {}
  std::vector<Entry> entries;
};

// What Python asked of a value while it was recorded for replay; on replay the answer must be the same.
enum class Asked : uint8_t { truth, number, elements };

// Parameters of what a recording holds beyond the primitives.
struct PositionsParams : ops::ParamsOf<PositionsParams> {
  explicit PositionsParams(Dims d = {}) : sizes(std::move(d)) {}
  Dims sizes;  // of the axes the positions belong to
  template <class Visit> static void fields(PositionsParams& p, Visit&& visit) {
    visit(ops::Field{"sizes", ops::FieldKind::dims}, p.sizes);
  }
};
struct ResultParams : ops::ParamsOf<ResultParams> {
  explicit ResultParams(int64_t k = 0) : index(k) {}
  int64_t index;  // among the results of the loop
  template <class Visit> static void fields(ResultParams& p, Visit&& visit) {
    visit(ops::Field{"index", ops::FieldKind::integer}, p.index);
  }
};

// A run that is recorded to be replayed (see program/): operations, shapes and constants, no intermediate values.
struct Recorder : Trace {
  // kPositions (PositionsParams): flat positions, from one array of whole numbers for each axis.
  // kLoop: a loop or branch with programs of its own (see program/loop.h); kResult (ResultParams): one of its
  // results. kCut: the operand without its derivative (stop_gradient in the body of a loop).
  static constexpr int kInput = -1, kConstant = -2, kPositions = -3, kLoop = -4, kResult = -5, kCut = -6;
  struct Step {
    int op;  // opcode, or one of the above
    DType dtype;
    uint32_t first, count;  // operands, in `args`
    Dims shape;
    ParamsRef params;
    ArrayRef value;  // of constants
    int64_t size() const { return shape.product(); }
    bool is(OpCode code) const { return op == static_cast<int>(code); }
    template <class Op> const typename Op::Params& p() const { return ops::params_of<Op>(params); }
    bool leaf() const { return op == kInput || op == kConstant; }
    // Reads its positions from a last, additional operand.
    bool looks_up() const {
      return op >= 0 && ops::info(static_cast<OpCode>(op)).arity >= 0 &&
             static_cast<int>(count) > ops::info(static_cast<OpCode>(op)).arity;
    }
  };
  struct Question {
    uint32_t node;
    Asked asked;
    ArrayRef answer;
    std::string location;
  };
  explicit Recorder(int depth) : Trace(Kind::program, depth) {}
  // The node of an operand: its own, that of a constant, or (in the body of a loop) of an additional input.
  uint32_t node_of(const Value& v);
  uint32_t append(int op, const ArrayRef& like, const ParamsRef& params, const uint32_t* nodes, uint32_t n);
  uint32_t constant(const ArrayRef& value);
  void ask(uint32_t node, Asked asked, const ArrayRef& value);
  // `flat`, as the positions of operations to come, stands for positions that are computed from `from` on every replay.
  void positions(const ArrayRef& flat, const std::vector<Value>& from, const Dims& sizes);

  core::List<Step> steps;
  core::List<uint32_t> args;
  std::vector<Question> questions;
  std::unordered_map<const core::Array*, uint32_t> constants;
  std::unordered_map<const core::Array*, uint32_t> positions_of;
  std::vector<ArrayRef> held;  // keeps the keys of `constants` and `positions_of` alive
  std::unordered_map<uint64_t, size_t> asked_before;
  Recorder* outer = nullptr;  // the next one with positions of its own, while this one runs
  void finish();              // no more operations
  // The node behind the positions an operation uses; kNoNode: they are constants.
  static Recorder* of_positions(const ArrayRef& flat, uint32_t* node);
  void follow(const ArrayRef& flat, uint32_t node);  // `flat` are the positions behind this node
  std::string refusal;                               // why this run must not be replayed; empty: it may
  bool elsewhere = false;                            // that lies in where it runs, not in the function
  // The body of a loop: values of other levels become inputs; the operations on them belong to the body only.
  bool body = false;
  bool examples = false;        // of which only shapes and types count: nothing is computed
  std::vector<Value> captured;  // what these inputs stand for
  std::vector<uint32_t> captured_nodes;
  std::vector<std::string> notes;  // for Compiled.why()
};

// Reverse sweep from the given nodes. `seeds` become empty. With keep == false saved values are dropped as soon as
// used. Returns the cotangents of the requested nodes (empty Value: structurally zero).
std::vector<Value> sweep(Tape& tape, std::vector<std::pair<uint32_t, Value>> seeds, const std::vector<uint32_t>& wanted,
                         bool keep);

}  // namespace wengert::ad
