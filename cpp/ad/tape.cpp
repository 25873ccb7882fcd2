#include "ad/tape.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "core/unlocked.h"
#include "ops/info.h"

namespace wengert::ad {

using ops::info;

Cell::Cell(const Value& v) {
  if (v.level) {
    bits_ = reinterpret_cast<uintptr_t>(new Value(v)) | kValue;
  } else {
    ArrayRef a = v.array;
    bits_ = reinterpret_cast<uintptr_t>(a.detach());
  }
}

Value Cell::value() const {
  if ((bits_ & kTag) == kValue) return *reinterpret_cast<Value*>(bits_ & ~kTag);
  return bits_ ? Value(ArrayRef(array())) : Value();
}

Value Cell::take_value() {
  Value v = value();
  release();
  return v;
}

// Empties the cell first: the end of a rule may run code of the user's, which records on this tape.
void Cell::release() {
  Cell own;
  std::swap(own.bits_, bits_);
  if ((own.bits_ & kTag) == kValue)
    delete reinterpret_cast<Value*>(own.bits_ & ~kTag);
  else if ((own.bits_ & kTag) == kParams)
    ParamsRef::adopt(own.params());
  else if ((own.bits_ & kTag) == kCustom)
    Ref<CustomCall>::adopt(own.custom());
  else if (own.bits_)
    ArrayRef::adopt(own.array());
}

namespace {

// Emptied lists wait here for the next tape: pages fresh from the system would cost about 70 ns a node.
constexpr size_t kKeptNodes = size_t{1} << 21;
struct SpareLists {
  std::vector<Node> nodes;
  std::vector<uint32_t> args;
  std::vector<Cell> cells;
  std::vector<double> numbers;
  std::vector<Dims> shapes;
};
thread_local std::vector<SpareLists>* spare = nullptr;
struct SpareGuard {
  ~SpareGuard() {
    delete spare;
    spare = nullptr;
    ended = true;
  }
  bool ended = false;
};
thread_local SpareGuard spare_guard;

}  // namespace

Tape::Tape() {
  if (!spare) {
    if (spare_guard.ended) return;
    spare = new std::vector<SpareLists>;
  }
  if (spare->empty()) return;
  SpareLists& s = spare->back();
  nodes_.swap(s.nodes);
  args_.swap(s.args);
  cells_.swap(s.cells);
  numbers_.swap(s.numbers);
  shapes_.swap(s.shapes);
  spare->pop_back();
}

Tape::~Tape() {
  for (Cell& c : cells_) c.release();
  if (!spare || spare->size() >= 8 || nodes_.capacity() > kKeptNodes) return;
  nodes_.clear();
  args_.clear();
  cells_.clear();
  numbers_.clear();
  shapes_.clear();
  spare->push_back({std::move(nodes_), std::move(args_), std::move(cells_), std::move(numbers_), std::move(shapes_)});
}

uint32_t Tape::shape_id(const Dims& s) {
  if (last_shape_ < shapes_.size() && shapes_[last_shape_] == s) return last_shape_;
  return last_shape_ = find_shape(s);
}

uint32_t Tape::find_shape(const Dims& s) {
  uint32_t h = static_cast<uint32_t>(s.size());
  for (int64_t d : s) h = h * 31 + static_cast<uint32_t>(d);
  uint32_t& slot = recent_shapes_[h & 7];
  if (slot < shapes_.size() && shapes_[slot] == s) return slot;
  shapes_.push_back(s);
  return slot = static_cast<uint32_t>(shapes_.size() - 1);
}

uint32_t Tape::append_node(OpCode op, uint8_t saved, DType dtype, const Dims& shape) {
  if (nodes_.size() >= kNoNode - 1) runtime_error("wengert: a tape holds at most 2**32 - 2 nodes");
  const size_t first = saved & kNumbers ? numbers_.size() : cells_.size();
  nodes_.push_back(
      {op, saved, dtype, static_cast<uint32_t>(args_.size()), static_cast<uint32_t>(first), shape_id(shape)});
  return size() - 1;
}

uint32_t Tape::bare(const core::Array& a, OpCode op) { return append_node(op, 0, a.dtype, a.shape); }

uint32_t Tape::append(OpCode op, const uint32_t* arg_nodes, const Value* const* args, int n, const Level* level,
                      const Value& result, const ParamsRef& params) {
  const ops::Info& f = info(op);
  const bool variadic = f.arity == ops::kVariadic;
  std::vector<uint32_t> constants;
  if (variadic) {  // the rule needs the shapes of constant operands too
    constants.assign(arg_nodes, arg_nodes + n);
    for (int i = 0; i < n; ++i)
      if (constants[static_cast<size_t>(i)] == kNoNode)
        constants[static_cast<size_t>(i)] = bare(*args[i]->array, kShapeOnly);
    arg_nodes = constants.data();
  }
  uint8_t saves = params ? kSavesParams : 0;
  if (!variadic)
    for (int i = 0; i < n; ++i)
      if (arg_nodes[i] != kNoNode) saves |= f.saves[i];
  const uint32_t node = append_node(op, saves, result.dtype(), result.shape());
  args_.insert(args_.end(), arg_nodes, arg_nodes + n);
  auto save = [&](const Value& v) {
    if (v.level.get() == level || (level->depth == 0 && v.level && v.level->depth == 0))
      cells_.push_back(v.box ? Cell(v.box->primal) : Cell(v.array));
    else
      cells_.push_back(Cell(v));
  };
  for (int i = 0; i < 3; ++i)
    if (saves & (1 << i)) save(*args[i]);
  if (saves & ops::kResult) cells_.push_back(Cell(result));
  if (saves & kSavesParams) cells_.push_back(Cell(params));
  return node;
}

uint32_t Tape::append_plain(OpCode op, uint32_t node0, uint32_t node1, const Value& a, const Value* b,
                            const ArrayRef& result) {
  const ops::Info& f = info(op);
  auto saves = static_cast<uint8_t>((node0 != kNoNode ? f.saves[0] : 0) | (b && node1 != kNoNode ? f.saves[1] : 0));
  const core::Array* saved[3] = {saves & ops::kArg0 ? a.array.get() : nullptr,
                                 saves & ops::kArg1 ? b->array.get() : nullptr,
                                 saves & ops::kResult ? result.get() : nullptr};
  // 8 bytes instead of an array of 160, which then is free for the next operation.
  bool numbers = saves != 0;
  for (const core::Array* v : saved) numbers &= !v || v->size == 1;
  if (numbers) saves |= kNumbers;
  const uint32_t node = append_node(op, saves, result->dtype, result->shape);
  args_.push_back(node0);
  if (b) args_.push_back(node1);
  for (const core::Array* v : saved) {
    if (!v) continue;
    if (numbers)
      core::for_float(v->dtype,
                      [&]<class T>(core::TypeTag<T>) { numbers_.push_back(static_cast<double>(*v->as<T>())); });
    else
      cells_.push_back(Cell(ArrayRef(const_cast<core::Array*>(v))));
  }
  return node;
}

uint32_t Tape::append_call(const std::vector<uint32_t>& arg_nodes, const Ref<CustomCall>& call) {
  const core::Array& any = *call->results.front().array;
  const uint32_t node = bare(any, kCall);
  nodes_[node].saved = kSavesParams;
  args_.insert(args_.end(), arg_nodes.begin(), arg_nodes.end());
  cells_.push_back(Cell(call));
  for (size_t i = 0; i < call->results.size(); ++i) {
    bare(*call->results[i].array, kCallResult);
    args_.push_back(node);
    args_.push_back(static_cast<uint32_t>(i));
  }
  return node + 1;
}

uint32_t Tape::absorb(Tape& other) {
  const uint32_t by = size(), args = static_cast<uint32_t>(args_.size()), cells = static_cast<uint32_t>(cells_.size()),
                 numbers = static_cast<uint32_t>(numbers_.size()), shapes = static_cast<uint32_t>(shapes_.size());
  for (Node n : other.nodes_) {
    n.first_arg += args;
    n.first_saved += n.saved & kNumbers ? numbers : cells;
    n.shape += shapes;
    nodes_.push_back(n);
  }
  for (uint32_t i = 0; i < other.size(); ++i)
    for (int k = 0; k < other.arity(i); ++k) {
      const uint32_t a = other.arg(i, k);
      const bool number = other.nodes_[i].op == kCallResult && k == 1;  // which result, not a node
      args_.push_back(a == kNoNode || number ? a : a + by);
    }
  cells_.insert(cells_.end(), other.cells_.begin(), other.cells_.end());
  numbers_.insert(numbers_.end(), other.numbers_.begin(), other.numbers_.end());
  shapes_.insert(shapes_.end(), other.shapes_.begin(), other.shapes_.end());
  other.nodes_.clear();
  other.args_.clear();
  other.cells_.clear();
  other.numbers_.clear();
  other.shapes_.clear();
  return by;
}

Value Tape::saved_value(uint32_t i, uint8_t bit) {
  if (nodes_[i].saved & kNumbers) return Value(core::scalar(saved_number(i, bit), nodes_[i].dtype));
  return saved(i, bit).value();
}

void Tape::drop_saved(uint32_t i) {
  const Node n = nodes_[i];
  if (n.saved & kConsumed) return;
  nodes_[i].saved |= kConsumed;
  if (n.saved & kNumbers) return;
  const int count = __builtin_popcount(n.saved & (kConsumed - 1u));
  for (int k = 0; k < count; ++k) cells_[n.first_saved + static_cast<uint32_t>(k)].release();
}

namespace {
// Threads are numbered, and no number is used again. Of the threads before a fork only the one that forked lives on in
// the child: what the others had claimed is free there. (They were in kernels, where the interpreter lock is open: no
// tape is half changed.)
std::atomic<uint64_t> threads{1};
uint64_t before_fork = 0, survivor = 0;

uint64_t this_thread() {
  static thread_local const uint64_t number = threads++;
  return number;
}
bool gone(uint64_t thread) { return thread < before_fork && thread != survivor; }

void remember_fork() {
  survivor = this_thread();
  before_fork = threads;
}
}  // namespace

bool Tape::wait_for_other_thread() {
  if (sweeper_ == this_thread()) return false;
  if (gone(sweeper_)) {
    sweeper_ = 0;
    return false;
  }
  while (sweeper_) {
    if (core::lock_hooks.ending && core::lock_hooks.ending()) {  // that thread will not go on
      sweeper_ = 0;
      return false;
    }
    // rare, and a sweep lasts milliseconds: no condition variable is worth its place in every tape
    const core::Unlocked unlocked(true);
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return true;
}

Sweeping::Sweeping(Tape& t) : tape_(t) {
  static const int registered = pthread_atfork(nullptr, nullptr, remember_fork);
  (void)registered;
  t.wait_for_sweep();
  before_ = t.sweeper_;
  t.sweeper_ = this_thread();
}

int64_t Tape::bytes() const {
  return static_cast<int64_t>(nodes_.size() * sizeof(Node) + args_.size() * 4 + cells_.size() * sizeof(Cell) +
                              numbers_.size() * sizeof(double) + shapes_.size() * sizeof(Dims));
}

}  // namespace wengert::ad
