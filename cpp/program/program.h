// A compiled program: an optimised graph and the code that runs it. Replays are independent of each other: each has a
// Memory of its own.
#pragma once
#include <memory>

#include "program/plan/plan.h"
#include "program/scalar/code.h"

namespace wengert::program {

class Program {
 public:
  explicit Program(Graph recorded);

  struct Memory {
    std::vector<double> registers;
    std::unique_ptr<Context> context;
  };
  std::unique_ptr<Memory> memory() const;

  // inputs: contiguous elements of every input. outputs: memory for every output. Returns kNone, or the guard that
  // failed or another reason (see plan.h): then outputs hold nothing of use.
  uint32_t run(Memory& memory, char* const* inputs, char* const* outputs) const;

  const Graph& graph() const { return scalar_ ? graph_ : plan_->graph; }
  const Node& output(size_t k) const { return graph().nodes[graph().outputs[k]]; }
  const Node& input(size_t k) const { return graph().nodes[graph().inputs[k]]; }
  size_t inputs() const { return graph().inputs.size(); }
  size_t outputs() const { return graph().outputs.size(); }
  // May a run be given the memory of that input for that output? (Scalar code reads all inputs before it writes.)
  bool may_share(size_t input, size_t output) const { return !plan_ || program::may_share(*plan_, input, output); }
  bool needs_lock() const { return plan_ && plan_->needs_lock; }
  bool open_ended() const { return plan_ && plan_->open_ended; }
  double work() const { return work_; }  // operations of one run; of one step of loops of unknown length
  std::string listing() const { return program::listing(scalar_ ? optimised(graph_, nullptr) : graph()); }
  std::string explanation() const;
  size_t recorded_operations() const { return recorded_; }
  int64_t arena() const;
  double bytes_moved() const;  // read and written by one run; by one step of loops of unknown length
  size_t steps() const { return scalar_ ? scalar_->code.size() - 1 : plan_->steps.size(); }
  bool is_scalar() const { return scalar_.has_value(); }
  const ScalarCode* scalar() const { return scalar_ ? &*scalar_ : nullptr; }

 private:
  Graph graph_;
  std::optional<ScalarCode> scalar_;
  std::unique_ptr<Plan> plan_;
  std::vector<PassReport> passes_;
  size_t recorded_;
  double work_;
};

}  // namespace wengert::program
