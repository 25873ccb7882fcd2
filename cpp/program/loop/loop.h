// Loops and branches as single operations with programs of their own: the size of a program that contains one does not
// depend on the number of steps.
//
// A graph holds a kLoop node (its Params are a LoopParams) and one kLoopResult node for each of its results. How
// a loop is differentiated stands in python/wengert/program/rolled.py, which makes the loop of tangents and the loop of
// cotangents from its body; Split and `recompute` are what it needs of this file.
#pragma once
#include <memory>

#include "program/program.h"

namespace wengert::program {

struct LoopMemory;

// What a loop is, apart from its programs.
struct LoopForm {
  // scan:   body(carry, one row of each xs, constants) -> (carry, one row of each ys); results: carry, ys stacked.
  // repeat: body(carry, constants) -> (carry, one row of each ys), while other(carry, constants); results: carry, ys
  //         stacked, the number of steps. A length limits the steps; without one there are no ys.
  // branch: body or other of (operands) for a true or false predicate, which comes first; results: theirs.
  enum Kind : uint8_t { scan, repeat, branch } kind = scan;
  uint32_t carries = 0, rows = 0;  // constants: the other inputs of the body
  int64_t length = 0;
  bool reverse = false;
  bool recompute = false;  // its sweep keeps the carries only and runs the body again
  bool counted = false;    // scan: the last operand is the number of steps, at most the length
  bool must_end = false;   // repeat: more steps than the length are a failure (kTooLong)
};

struct Loop : LoopForm {
  Graph body, other;

  Loop(const LoopForm& form, Graph b, Graph o) : LoopForm(form), body(std::move(b)), other(std::move(o)) {}

  size_t operands() const { return body.inputs.size() + (kind == branch || counted); }
  size_t results() const { return body.outputs.size() + (kind == repeat); }
  DType operand_type(size_t k) const;
  Dims operand_shape(size_t k) const;
  DType result_type(size_t k) const;
  Dims result_shape(size_t k) const;

  const Program& body_program() const;  // made when first needed
  const Program& other_program() const;
  bool needs_lock() const;
  bool open_ended() const;
  double work() const;    // operations of one run; of one step where their number is not known
  int64_t bytes() const;  // of memory() and what is in it

  // Contiguous operands in, results out; either may be null where nobody wants it. Returns kNone, or what failed.
  uint32_t run(LoopMemory& memory, char* const* operands, char* const* results) const;
  std::unique_ptr<LoopMemory> memory() const;

 private:
  uint32_t run_scan(LoopMemory& m, char* const* operands, char* const* results) const;
  uint32_t run_repeat(LoopMemory& m, char* const* operands, char* const* results) const;
  uint32_t run_branch(LoopMemory& m, char* const* operands, char* const* results) const;
  void point_rows(LoopMemory& m, char* const* operands, char* const* results, int64_t first) const;
  void next_rows(LoopMemory& m) const;
  struct Steps {
    int64_t from, to, all;
  };
  uint32_t run_numbers(LoopMemory& m, char* const* operands, char* const* results, int64_t n) const;
  uint32_t run_moves(const ScalarCode& code, double* registers, int64_t times, const Steps& steps, LoopMemory& m,
                     char* const* operands, char* const* results) const;
  bool in_place(uint32_t carry) const;
  mutable std::vector<char> in_place_;
  int64_t row_bytes(size_t output) const;
  int64_t own_bytes() const;
  const Program* several() const;  // the body several times in a row, for bodies of numbers
  mutable std::unique_ptr<Program> body_program_, other_program_, several_;
  mutable uint32_t times_ = 0;  // how often; 0: not known yet, 1: once
};
using LoopRef = std::shared_ptr<const Loop>;

// `id` is another one for each, so equal parameters mean the same loop.
struct LoopParams : ops::ParamsOf<LoopParams> {
  explicit LoopParams(LoopRef l);
  LoopRef loop;
  int64_t id;
  template <class Visit> static void fields(LoopParams& p, Visit&& visit) {
    visit(ops::Field{"id", ops::FieldKind::integer}, p.id);
  }
};
const LoopRef& loop_of(const Node& n);
std::string loop_text(const Node& n);  // of a kLoop node, for listings

// Memory of one run, used again by the next.
struct LoopMemory {
  std::unique_ptr<Program::Memory> body, other, several;
  std::vector<char*> in, out, operands, results;
  core::Ref<core::Buffer> buffer;
  std::vector<char*> carry[2];  // every carry twice: read and written
  std::vector<char*> unwanted;  // rows that nobody reads
  std::vector<int64_t> in_step, out_step;
  struct Move {  // of a number between memory and a register of scalar code
    char* at;
    int64_t step;
    uint32_t target;
    DType dtype;
  };
  std::vector<Move> loads, stores;
};

// Only some outputs of a graph, with all its inputs.
Graph selected(const Graph& g, std::span<const uint32_t> outputs);
Graph without_cuts(const Graph& g);  // stop_gradient means nothing to a program
// Which outputs depend, through differentiable operations, on inputs that are active.
std::vector<char> active_outputs(const Graph& g, const std::vector<char>& active_inputs);
// Which operands of maximum and minimum do: their derivative at a tie depends on it.
std::vector<char> active_choices(const Graph& g, const std::vector<char>& active_inputs);

// The record of a body and its cotangents in two. Inputs of g: carries, rows, constants, then cotangents; outputs:
// `results` of the body, then cotangents. `forward` has the inputs of the body and returns residuals (what the
// cotangents need) as further outputs. Inputs of `backward`: the first `carried` cotangents, the residuals, the rows
// named by `rows_used`, the other cotangents, the constants named by `constants_used`. The last `sums` of the carried
// ones begin at 0.
struct Split {
  Graph forward, backward;
  std::vector<uint32_t> rows_used, constants_used;
  uint32_t residuals = 0;
};
// With `recompute` only carries are residuals, and the body runs again on the way back.
Split split(const Graph& g, uint32_t carries, uint32_t rows, uint32_t constants, uint32_t results, uint32_t carried,
            uint32_t sums, bool recompute);

// The body of a scan `times` times in a row: carries, the rows of all these steps one step after the other, constants.
Graph repeated(const Graph& body, uint32_t carries, uint32_t rows, uint32_t times);

// Which carries may be changed where they lie: only parts of them are added to, and nothing else reads them.
std::vector<char> carries_in_place(const Graph& body, uint32_t carries);

// Passes: results that nobody reads, or that are there twice, are not computed; operands that are known become part of
// the body.
Graph with_trimmed_loops(Graph g);
Graph with_moved_products(const Graph& g);
Graph tidied(const Graph& g);  // dead code, constants, algebra and repeats: what the body of a loop can bear

}  // namespace wengert::program
