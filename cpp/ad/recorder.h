// A run recorded for replay: what becomes a program (see program/).
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "ad/tape.h"
#include "core/pool_allocator.h"

namespace wengert::ad {

// What Python asked of a value while it was recorded; a replay in which the answer is another one is not this program.
enum class GuardOn : uint8_t { truth, number, elements };
struct Guard {
  uint32_t node;
  GuardOn on;
  ArrayRef answer;
  std::string location;
};

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
struct Recorder : Level {
  // kPositions (PositionsParams): flat positions, from one array of whole numbers for each axis.
  // kLoop: a loop or branch with programs of its own (see program/loop/loop.h); kLoopResult (ResultParams): one of its
  // results. kCut: the operand without its derivative (stop_gradient in the body of a loop).
  static constexpr int kInput = -1, kConstant = -2, kPositions = -3, kLoop = -4, kLoopResult = -5, kCut = -6;
  struct Node {
    int op;  // opcode, or one of the above
    DType dtype;
    uint32_t first, count;  // operands, in `args`
    Dims shape;
    ParamsRef params;
    ArrayRef value;  // of constants
    int64_t size() const { return shape.product(); }
    bool is(OpCode code) const { return op == static_cast<int>(code); }
    template <class Op> const typename Op::Params& p() const { return ops::params_of<Op>(params); }
    bool given() const { return op == kInput || op == kConstant; }
    // Reads its positions from a last, additional operand.
    bool looks_up() const {
      return op >= 0 && ops::info(static_cast<OpCode>(op)).arity >= 0 &&
             static_cast<int>(count) > ops::info(static_cast<OpCode>(op)).arity;
    }
  };
  static constexpr char tag = 0;
  explicit Recorder(int depth) : Level(&tag, depth) {}
  Value process(OpCode op, Operands args, int n, const ParamsRef& params) override;
  const char* name() const override { return "compiled"; }
  // The node of an operand: its own, that of a constant, or (in the body of a loop) of an additional input.
  uint32_t node_of(const Value& v);
  uint32_t append(int op, const ArrayRef& like, const ParamsRef& params, const uint32_t* nodes, uint32_t n);
  uint32_t constant(const ArrayRef& value);
  void guard(uint32_t node, GuardOn on, const ArrayRef& value);
  // `flat`, as the positions of operations to come, stands for positions that are computed from `from` on every replay.
  void positions(const ArrayRef& flat, const std::vector<Value>& from, const Dims& sizes);

  // Gives a plain value in the memory of a hidden array the node of what it is of that array. False: it is in none.
  bool lift(Value& v);

  core::List<Node> nodes;
  core::List<uint32_t> args;
  std::vector<Guard> guards;
  std::unordered_map<const core::Array*, uint32_t> constants;
  std::unordered_map<const core::Array*, uint32_t> positions_of;
  std::vector<ArrayRef> held;  // keeps the keys of `constants` and `positions_of` alive
  std::unordered_map<uint64_t, size_t> guarded_before;
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
  // Python's whole numbers in such a body: conditions on which none leaves 64 bits, and what nodes are known to stay
  // below.
  std::vector<Value> whole;
  std::unordered_map<uint32_t, double> limits;
  std::vector<std::string> notes;  // for Compiled.why()
  // An array from outside that programs read where it lies: an input of its own.
  struct Hidden {
    ArrayRef whole;           // without gaps, axes in the order of memory
    bool exposed = false;     // somebody else may compute with its elements: it is none any more
    uint32_t node = kNoNode;  // once it is an operand
    bool holds(const core::Array& a) const { return a.data >= whole->data && a.data < whole->data + whole->bytes(); }
  };
  std::vector<Hidden> hidden;
};

// Zeros that take no memory, for values of which only type and shape count.
ArrayRef example_array(DType t, const Dims& shape);
extern __attribute__((tls_model("initial-exec"))) constinit thread_local Recorder* lifting;    // it has hidden arrays
extern __attribute__((tls_model("initial-exec"))) constinit thread_local Recorder* following;  // the innermost with
                                                                                               // positions

}  // namespace wengert::ad
