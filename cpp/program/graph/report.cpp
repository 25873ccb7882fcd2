// What a program says of itself: what each pass did, memory, bytes read and written.
#include <cstdio>

#include "program/loop/loop.h"

namespace wengert::program {
namespace {

double bytes_of(const Graph& g, uint32_t i) {
  return static_cast<double>(g.nodes[i].size()) * static_cast<double>(core::item_size(g.nodes[i].dtype));
}

double moved(const Fused& f) {
  double bytes = 0;
  const int64_t rows = f.cols ? f.size / f.cols : 1;
  for (const Fused::Operand& o : f.operands) {
    const int64_t count = o.pattern == Fused::full     ? f.size
                          : o.pattern == Fused::row    ? f.cols
                          : o.pattern == Fused::column ? rows
                                                       : 1;
    bytes += static_cast<double>(count * o.item);
  }
  for (const Fused::Result& r : f.results) bytes += static_cast<double>(f.size * r.item);
  return bytes;
}

double moved(const Product& p) {
  const int64_t c = p.rows * p.cols;
  const int64_t count = p.batch * (p.rows * p.inner + p.inner * p.cols + c) + (p.addend.storage != kNone) * c +
                        (p.bias.storage != kNone) * p.cols;
  return static_cast<double>(count * core::item_size(p.dtype));
}

double moved(const Loop& l) {
  const double once = l.body_program().bytes_moved() + (l.kind != Loop::scan ? l.other_program().bytes_moved() : 0);
  return l.kind == Loop::scan && !l.counted ? once * static_cast<double>(l.length) : once;
}

double moved(const Plan& plan, const Step& s) {
  const auto bytes = [](int64_t count, DType t) { return static_cast<double>(count * core::item_size(t)); };
  switch (s.kind) {
    case Step::fused:
      return moved(plan.fused[s.index]);
    case Step::product:
      return moved(plan.products[s.index]);
    case Step::reduced: {
      const Reduced& r = plan.reductions[s.index];
      return bytes(r.rows * r.cols + (r.columns ? r.cols : r.rows), r.dtype);
    }
    case Step::rows:
      return bytes(2 * plan.row_ops[s.index].rows * plan.row_ops[s.index].cols, plan.row_ops[s.index].dtype);
    case Step::copied: {
      const Copied& c = plan.copies[s.index];
      return bytes((c.add ? 3 : 2) * c.shape.product(), c.dtype);
    }
    case Step::called: {
      const Called& c = plan.calls[s.index];
      double sum = bytes_of(plan.graph, c.node);
      for (uint32_t i : c.operands) sum += bytes_of(plan.graph, i);
      return sum;
    }
    case Step::guard:
      return 0;
    case Step::fill:
      return static_cast<double>(plan.fills[s.index].bytes);
    case Step::positions:
      return bytes(2 * plan.positions[s.index].count, DType::i64);
    case Step::lookup: {
      const Lookup& l = plan.lookups[s.index];
      return bytes(l.count, DType::i64) + bytes((l.kind == Lookup::add ? 3 : 2) * l.count * l.run, l.dtype);
    }
    case Step::loop:
      return moved(*plan.loops[s.index].loop);
    case Step::packed: {
      const Packed& p = plan.packs[s.index];
      return bytes(2 * p.rows * p.cols, p.dtype);
    }
    case Step::draw:
      return bytes(plan.draws[s.index].count, plan.draws[s.index].dtype);
  }
  return 0;
}

std::string number(size_t n) { return std::to_string(n); }

}  // namespace

double Program::bytes_moved() const {
  double sum = 0;
  if (scalar_) {
    for (uint32_t i : graph_.inputs) sum += bytes_of(graph_, i);
    for (uint32_t i : graph_.outputs) sum += bytes_of(graph_, i);
  } else {
    for (const Step& s : plan_->steps) sum += moved(*plan_, s);
  }
  return sum;
}

int64_t Program::arena() const {
  if (scalar_) return static_cast<int64_t>(scalar_->registers) * 8;
  int64_t bytes = plan_->arena;
  for (const LoopStep& l : plan_->loops) bytes += l.loop->bytes();
  return bytes;
}

std::string Program::explanation() const {
  std::string s = "recorded: " + number(recorded_) + " operations\n";
  for (const PassReport& p : passes_)
    s += std::string(p.pass) + ": " + number(p.before) + " -> " + number(p.after) + "\n";
  if (scalar_) {
    s += "scalar code: " + number(scalar_->operations) + " operations in " + number(steps()) + " instructions, " +
         std::to_string(scalar_->registers) + " registers\n";
  } else {
    size_t inside = 0, finished = 0;
    for (const Fused& f : plan_->fused) inside += f.ops.size();
    for (const Product& p : plan_->products)
      finished += p.addend.storage != kNone || p.bias.storage != kNone || p.activation != simd::Activation::none;
    s += "fusion: " + number(inside) + " elementwise operations in " + number(plan_->fused.size()) + " groups\n";
    s += "steps: " + number(plan_->steps.size()) + " (" + number(plan_->products.size()) + " matrix products, " +
         number(plan_->reductions.size()) + " reductions, " + number(plan_->copies.size()) + " copies, " +
         number(plan_->calls.size()) + " others)\n";
    s += "epilogues: " + number(finished) + " products end with a sum, a bias or a function\n";
    s += "memory: an arena of " + std::to_string(plan_->arena) + " bytes\n";
  }
  char work[96];
  std::snprintf(work, sizeof work, "work: %.3g operations on numbers, %.3g bytes read and written\n", flops(graph()),
                bytes_moved());
  return s + work;
}

}  // namespace wengert::program
