// What turns a graph into a plan. Used by plan.cpp (memory and order), steps.cpp (operations with steps of their
// own) and groups.cpp (elementwise operations).
#pragma once
#include <tuple>

#include "program/plan/plan.h"

namespace wengert::program {

class Planner {
 public:
  explicit Planner(Graph g);
  Plan run();

 private:
  static constexpr int64_t kAlign = 64;
  static int64_t aligned(int64_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

  Graph& graph() { return plan_.graph; }
  const Node& node(uint32_t i) { return graph().nodes[i]; }
  Place& place(uint32_t i) { return plan_.places[i]; }

  // ---- storages ----
  uint32_t storage(Storage::Kind kind, uint32_t index, int64_t bytes);
  Place fresh(const Dims& shape, DType t);  // row-major, in the arena
  void allocate(uint32_t i);                // row-major memory for a node,
  void allocate_alone(uint32_t i);          // of its own
  bool allocate_in_join(uint32_t i);
  void begin_join(uint32_t i);
  template <class F> void parts_of_join(uint32_t i, F&& f);
  uint32_t now() const { return static_cast<uint32_t>(plan_.steps.size()); }
  void write(uint32_t s);
  void read(uint32_t s) { dies_[s] = std::max(dies_[s], now()); }
  void step(Step::Kind kind, size_t index) { plan_.steps.push_back({kind, static_cast<uint32_t>(index)}); }
  void lay_out();

  // ---- order ----
  struct Turn {  // what is emitted when: sorted; members of a group have the same `first`
    uint32_t stage, view, first, node;
    auto key() const { return std::tuple{stage, view, first, node}; }
  };
  void place_leaves();
  void mark_outputs();
  void mark_guards();
  void count_readers();
  List<Turn> turns();
  void emit_outputs();
  void emit_guards(uint32_t i);
  std::span<const uint32_t> readers(uint32_t i) const {
    return {readers_.data() + first_reader_[i], first_reader_[i + 1] - first_reader_[i]};
  }

  // ---- reading ----
  Place dense(uint32_t i);  // a row-major copy of a node, made once
  void copy(const Place& from, const Place& to, const Dims& shape, DType t, bool add);
  static Dims aligned_strides(const Dims& shape, const Dims& strides, const Dims& to);

  // ---- steps that are not elementwise ----
  void emit(uint32_t i);
  void ensure(uint32_t i);
  bool plan_view(uint32_t i);
  Place reshaped(uint32_t x, const Dims& shape);
  static Place window(const Place& whole, const ops::SliceParams& p, DType t);
  bool plan_product(uint32_t last);
  struct Shared {
    Place matrix;
    Product::Operand panels;
  };
  Shared shared(const Node& product, uint32_t a, uint32_t b);
  const Place& packed(uint32_t b);
  bool plan_reduction(uint32_t i);
  bool plan_rows(uint32_t i);
  bool plan_part(uint32_t i);
  void take_over(uint32_t i, uint32_t x);
  bool may_change(uint32_t i, uint32_t x);
  bool plan_join(uint32_t i);
  bool plan_positions(uint32_t i);
  bool plan_lookup(uint32_t i);
  bool plan_loop(uint32_t i);
  bool plan_draw(uint32_t i);
  void plan_call(uint32_t i);

  // ---- fused groups ----
  void emit_group(std::span<const uint32_t> nodes);
  struct Group;
  bool inside(uint32_t i) const { return group_of_[i] == groups_; }
  bool read_outside(uint32_t i);
  void read_operands(Group& g);
  uint32_t operand(Group& g, uint32_t a, const Node& reader);
  void take_sums(Group& g);
  void number_locals(Group& g);
  void choose_tile(Group& g);
  void add_ops(Group& g);
  void kernel(uint32_t i, Fused::Op& op);

  Plan plan_;
  Schedule schedule_;
  List<uint32_t> output_of_;  // of a node: the output it is written to directly
  std::unordered_map<uint32_t, std::vector<uint32_t>> guards_of_;
  List<char> guarded_;
  List<uint32_t> born_, dies_;                  // steps, of storages
  List<uint32_t> first_reader_, readers_;       // operations that read a node
  List<uint32_t> output_count_;                 // of a node: how many outputs it is
  List<char> begun_;                            // joins that have memory and some of their parts
  std::unordered_map<uint32_t, Place> homes_;   // parts of those: where they are wanted
  std::unordered_map<uint32_t, Place> dense_;   // row-major copies of nodes that are not
  std::unordered_map<uint32_t, Place> panels_;  // right operands of products, packed
  List<uint32_t> group_of_, index_in_group_;
  uint32_t groups_ = 0;
};

}  // namespace wengert::program
