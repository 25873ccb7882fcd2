// A batch: many examples at once. Its values have one more axis in front, which the function does not see; `array` is
// the first example, of which only type and shape count.
#pragma once
#include <unordered_map>
#include <vector>

#include "ad/value.h"

namespace wengert::ad {

struct BatchLevel : Level {
  static constexpr char tag = 0;
  BatchLevel(int depth, int64_t examples) : Level(&tag, depth), size(examples) {}
  ~BatchLevel() override { end(); }
  void end() override;
  Value process(OpCode op, Operands args, int n, const ParamsRef& params) override;
  const char* name() const override { return "vmap"; }
  // A value of this level: the examples lie along the leading axis of `examples`.
  Value value(const Value& examples);
  // v one level down, with the leading axis: of examples that are all the same if it belongs elsewhere.
  Value examples_of(const Value& v) const;
  // x with a part of it changed by v, in place where nobody else can see it; false if that is no matter of a part alone.
  bool update(OpCode op, Value& x, const Value& v, const ParamsRef& params);
  const int64_t size;

  // Positions, of an index by arrays, that differ from example to example. What operations hold as their positions
  // are those of the first one.
  struct Positions {
    ArrayRef first;
    std::vector<Value> from;  // what they are computed of, along each axis that is indexed: one level down
    Dims sizes;
    ParamsRef all;  // of a gather, with the leading axis
  };
  void follow(const ArrayRef& first, const std::vector<Value>& from, const Dims& sizes);
  // Of the innermost batch in which these positions differ; null: there is none.
  static BatchLevel* of_positions(const ArrayRef* first, const Positions** found = nullptr);

 private:
  std::unordered_map<const core::Array*, Positions> positions_;
  BatchLevel* outer_ = nullptr;  // the next one with positions of its own
};

// Whether numbers of v are those of one example among several: no Python number stands for them.
bool batched(const Value& v);
// Of the positions of a gather_update, which the last write to an element is; see GatherUpdate::survivors.
Value survivors(const ParamsRef& p);
[[noreturn]] void refuse_batched();
extern
    __attribute__((tls_model("initial-exec"))) constinit thread_local BatchLevel* indexing;  // innermost with positions

// What the batching rule of an operation sees.
class Batch {
 public:
  Batch(BatchLevel& level, OpCode op, Operands args, int n, const ParamsRef& params);
  int64_t size() const { return level_.size; }
  bool led(int i) const { return led_[static_cast<size_t>(i)]; }              // has the leading axis
  const Value& arg(int i) const { return args_[static_cast<size_t>(i)]; }     // with it, if so
  const Dims& shape(int i) const { return shapes_[static_cast<size_t>(i)]; }  // as the function sees it
  const ParamsRef& params() const { return params_; }
  Dims of_all(const Dims& shape) const { return core::concat(Dims{size()}, shape); }
  Value with_unit_axes(const Value& examples, int rank) const;  // behind the leading axis, up to so many in an example
  Value front(int i) const;                                     // with the leading axis
  std::vector<Value> fronts() const;                            // of all operands
  Value aligned(int i) const { return aligned(i, rank_); }
  Value aligned(int i, int rank) const;                    // with unit axes behind it, up to so many of its own
  Value fitted(int i, const Dims& shape) const;            // with it, broadcast to that shape
  template <class... V> Value same(const V&... v) const {  // the same operation
    const Value all[] = {v...};
    return again(all, static_cast<int>(sizeof...(V)), params_);
  }
  Value one_by_one() const;  // the operation on each example
  bool positions_vary() const { return positions_ != nullptr; }
  ParamsRef positions() const { return positions_->all; }  // of all examples, in an operand without the leading axis
  ParamsRef positions_in_batch() const;                    // in one with it, as the first axis that is indexed

 private:
  Value again(const Value* args, int n, const ParamsRef& params) const;
  BatchLevel& level_;
  OpCode op_;
  const ParamsRef& params_;
  std::vector<Value> args_;
  std::vector<Dims> shapes_;
  std::vector<char> led_;
  int rank_ = 0;  // the largest of an operand
  const BatchLevel::Positions* positions_ = nullptr;
};

}  // namespace wengert::ad
