// What the steps of a plan read and write, told from the steps alone.
#pragma once
#include <functional>

#include "program/loop/loop.h"
#include "program/plan/plan.h"
#include "simd/kernels/gemm.h"

namespace wengert::program {

struct Access {
  uint32_t storage;
  int64_t from, to;  // bytes, from the beginning of the storage
  bool write;
};

class Accesses {
 public:
  using Tell = std::function<void(const Access&)>;
  Accesses(const Plan& plan, const Step& step, Tell tell) : p_(plan), tell_(std::move(tell)) { of(step); }

 private:
  void run(uint32_t storage, int64_t offset, int64_t bytes, bool write) {
    if (storage != kNone && bytes) tell_({storage, offset, offset + bytes, write});
  }
  // Along axes of so many elements and such strides (in elements).
  void strided(uint32_t storage, int64_t offset, const Dims& shape, const Dims& strides, int64_t item, bool write) {
    int64_t low = 0, high = 0;
    for (int k = 0; k < shape.size(); ++k) {
      if (shape[k] == 0) return;
      (strides[k] < 0 ? low : high) += (shape[k] - 1) * strides[k];
    }
    tell_({storage, offset + low * item, offset + (high + 1) * item, write});
  }
  void whole(uint32_t node, const Place& at, bool write) {
    const Node& n = p_.graph.nodes[node];
    strided(at.storage, at.offset, n.shape, at.strides, core::item_size(n.dtype), write);
  }

  void of(const Step& s) {
    switch (s.kind) {
      case Step::fused:
        return of(p_.fused[s.index]);
      case Step::product:
        return of(p_.products[s.index]);
      case Step::packed: {
        const Packed& x = p_.packs[s.index];
        const int64_t item = core::item_size(x.dtype);
        strided(x.b, x.offset_b, {x.rows, x.cols}, {x.row_stride, x.col_stride}, item, false);
        return run(x.panels, x.offset_panels, simd::panels_size(x.rows, x.cols) * item, true);
      }
      case Step::reduced: {
        const Reduced& x = p_.reductions[s.index];
        const int64_t item = core::item_size(x.dtype);
        run(x.x, x.offset_x, x.rows * x.cols * item, false);
        return run(x.y, x.offset_y, (x.columns ? x.cols : x.rows) * item, true);
      }
      case Step::rows: {
        const RowsOp& x = p_.row_ops[s.index];
        const int64_t bytes = x.rows * x.cols * core::item_size(x.dtype);
        run(x.x, x.offset_x, bytes, false);
        return run(x.y, x.offset_y, bytes, true);
      }
      case Step::copied: {
        const Copied& c = p_.copies[s.index];
        const int64_t item = core::item_size(c.dtype);
        strided(c.from.storage, c.from.offset, c.shape, c.from.strides, item, false);
        if (c.add) strided(c.to.storage, c.to.offset, c.shape, c.to.strides, item, false);
        return strided(c.to.storage, c.to.offset, c.shape, c.to.strides, item, true);
      }
      case Step::called: {
        const Called& c = p_.calls[s.index];
        for (uint32_t i : c.operands) whole(i, p_.places[i], false);
        return whole(c.node, p_.places[c.node], true);
      }
      case Step::fill: {
        const Filled& f = p_.fills[s.index];
        return run(f.storage, f.offset, f.bytes, true);
      }
      case Step::positions: {
        const Positions& x = p_.positions[s.index];
        for (const Positions::Operand& o : x.operands)
          run(o.storage, o.offset, (o.many ? x.count : 1) * core::item_size(o.dtype), false);
        return run(x.y, x.offset_y, x.count * 8, true);
      }
      case Step::lookup: {  // where in x is known when it runs
        const Lookup& l = p_.lookups[s.index];
        const int64_t bytes = l.count * l.run * core::item_size(l.dtype), some = std::min<int64_t>(bytes, 1);
        const bool reads = l.kind == Lookup::read;
        run(l.at, l.offset_at, l.count * 8, false);
        run(l.x, l.offset_x, some, false);
        if (!reads) run(l.x, l.offset_x, some, true);
        return run(l.y, l.offset_y, bytes, reads);
      }
      case Step::loop: {
        const LoopStep& l = p_.loops[s.index];
        auto bytes = [](DType t, const Dims& shape) { return core::item_size(t) * shape.product(); };
        for (size_t k = 0; k < l.operands.size(); ++k)
          run(l.operands[k].first, l.operands[k].second, bytes(l.loop->operand_type(k), l.loop->operand_shape(k)),
              false);
        for (size_t k = 0; k < l.results.size(); ++k)
          run(l.results[k].first, l.results[k].second, bytes(l.loop->result_type(k), l.loop->result_shape(k)), true);
        return;
      }
      case Step::draw: {
        const Drawn& d = p_.draws[s.index];
        run(d.key, d.offset_key, 8, false);
        run(d.first, d.offset_first, 8, false);
        return run(d.y, d.offset_y, d.count * core::item_size(d.dtype), true);
      }
      case Step::guard:
        return whole(p_.graph.guards[s.index].node, p_.guard_places[s.index], false);
    }
  }

  void of(const Fused& f) {
    for (const Fused::Operand& o : f.operands) {
      const int64_t n = o.pattern == Fused::full  ? f.size
                        : o.pattern == Fused::row ? f.cols
                                                  : (o.pattern == Fused::column ? f.size / f.cols : 1);
      run(o.storage, o.offset, n * o.item, false);
    }
    for (const Fused::Result& r : f.results) run(r.storage, r.offset, f.size * r.item, true);
    for (const Fused::Sum& s : f.sums) {
      const int64_t item = core::item_size(s.dtype);
      run(s.parts, 0, (f.size + s.chunk - 1) / s.chunk * item, true);
      run(s.storage, s.offset, item, true);
    }
  }

  void of(const Product& x) {
    const int64_t item = core::item_size(x.dtype), all = x.rows * x.cols;
    strided(x.a, x.offset_a, {x.batch, x.rows, x.inner}, {x.step_a, x.row_a, x.col_a}, item, false);
    if (x.panels.storage == kNone)
      strided(x.b, x.offset_b, {x.batch, x.inner, x.cols}, {x.step_b, x.row_b, x.col_b}, item, false);
    else
      run(x.panels.storage, x.panels.offset, simd::panels_size(x.inner, x.cols) * item, false);
    run(x.addend.storage, x.addend.offset, all * item, false);
    run(x.bias.storage, x.bias.offset, x.cols * item, false);
    run(x.c, x.offset_c, x.batch * all * item, true);
  }

  const Plan& p_;
  Tell tell_;
};

}  // namespace wengert::program
