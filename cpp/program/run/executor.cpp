// Runs a plan: step after step over laid-out memory.
#include <cstring>

#include "ad/recorder.h"
#include "ops/elementwise/evaluate.h"
#include "ops/linalg.h"
#include "program/loop/loop.h"
#include "program/plan/plan.h"
#include "program/run/fused.h"
#include "simd/kernels/gemm.h"
#include "simd/kernels/reduce.h"
#include "simd/kernels/softmax.h"

namespace wengert::program {
namespace {

template <class T> void run_product(const Product& p, char* const* base) {
  const simd::MatView<T> a{reinterpret_cast<const T*>(base[p.a] + p.offset_a), p.rows, p.inner, p.row_a, p.col_a};
  const simd::MatView<T> b{reinterpret_cast<const T*>(base[p.b] + p.offset_b), p.inner, p.cols, p.row_b, p.col_b};
  T* c = reinterpret_cast<T*>(base[p.c] + p.offset_c);
  if (p.batch != 1) {
    simd::gemm_batched(a, b, c, p.cols, p.batch, p.step_a, p.step_b, p.rows * p.cols);
    for (int64_t k = 0; p.strong && k < p.batch; ++k) {
      simd::MatView<T> left = a, right = b;
      left.data += k * p.step_a;
      right.data += k * p.step_b;
      ops::annihilate(left, right, c + k * p.rows * p.cols);
    }
    return;
  }
  auto at = [&](const Product::Operand& o) {
    return o.storage == kNone ? nullptr : reinterpret_cast<const T*>(base[o.storage] + o.offset);
  };
  const simd::Epilogue<T> epilogue{at(p.bias), p.activation, at(p.addend), c};
  if (const T* panels = at(p.panels))
    simd::gemm_panels(a, panels, p.cols, c, p.cols, &epilogue);
  else
    simd::gemm(a, b, c, p.cols, false, &epilogue);
  if (p.strong && ops::annihilate(a, b, c)) simd::apply(epilogue, c, p.cols, p.rows, p.cols);
}

template <class T> void run_packed(const Packed& p, char* const* base) {
  const simd::MatView<T> b{reinterpret_cast<const T*>(base[p.b] + p.offset_b), p.rows, p.cols, p.row_stride,
                           p.col_stride};
  simd::pack_panels(b, reinterpret_cast<T*>(base[p.panels] + p.offset_panels));
}

template <class T> void run_reduced(const Reduced& s, char* const* base) {
  const T* x = reinterpret_cast<const T*>(base[s.x] + s.offset_x);
  T* y = reinterpret_cast<T*>(base[s.y] + s.offset_y);
  const auto which = static_cast<simd::Reduction>(s.which);
  if (s.columns)
    simd::reduce_columns_of(which, x, s.rows, s.cols, s.cols, y);
  else
    simd::reduce_rows_of(which, x, s.rows, s.cols, s.cols, y);
  if (!s.mean) return;
  const int64_t n = s.columns ? s.cols : s.rows;
  const T count = static_cast<T>(static_cast<double>(s.columns ? s.rows : s.cols));
  for (int64_t i = 0; i < n; ++i) y[i] /= count;
}

template <class T> void run_rows(const RowsOp& s, char* const* base) {
  const T* x = reinterpret_cast<const T*>(base[s.x] + s.offset_x);
  T* y = reinterpret_cast<T*>(base[s.y] + s.offset_y);
  if (s.log)
    simd::log_softmax_rows(x, s.rows, s.cols, y);
  else
    simd::softmax_rows(x, s.rows, s.cols, y);
}

template <class T> void run_copied(const Copied& s, char* const* base) {
  const T* from = reinterpret_cast<const T*>(base[s.from.storage] + s.from.offset);
  T* to = reinterpret_cast<T*>(base[s.to.storage] + s.to.offset);
  if (from == to && !s.add) return;  // a carry of a loop that is changed in place
  const Dims strides[2] = {s.from.strides, s.to.strides};
  core::walk(s.shape, strides, [&](const int64_t (&at)[2], const int64_t (&step)[2], int64_t n) {
    const T* p = from + at[0];
    T* q = to + at[1];
    if (s.add) {
      if constexpr (std::is_floating_point_v<T>) {
        if (step[0] == 1 && step[1] == 1) {
          simd::add_to(q, p, n);
        } else {
          for (int64_t i = 0; i < n; ++i) q[i * step[1]] += p[i * step[0]];
        }
      }
    } else if (step[0] == 1 && step[1] == 1) {
      std::memcpy(q, p, static_cast<size_t>(n) * sizeof(T));
    } else {
      for (int64_t i = 0; i < n; ++i) q[i * step[1]] = p[i * step[0]];
    }
  });
}

bool run_positions(const Positions& s, char* const* base) {
  auto* y = reinterpret_cast<int64_t*>(base[s.y] + s.offset_y);
  for (int64_t i = 0; i < s.count; ++i) y[i] = 0;
  for (size_t k = 0; k < s.operands.size(); ++k) {
    const Positions::Operand& o = s.operands[k];
    const int64_t size = s.sizes[static_cast<int>(k)];
    const bool ok = core::dispatch(o.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T* p = reinterpret_cast<const T*>(base[o.storage] + o.offset);
      for (int64_t i = 0; i < s.count; ++i) {
        auto at = static_cast<int64_t>(p[o.many ? i : 0]);
        if (at < -size || at >= size) return false;
        y[i] = y[i] * size + (at < 0 ? at + size : at);
      }
      return true;
    });
    if (!ok) return false;
  }
  return true;
}

template <class T> void run_lookup(const Lookup& s, char* const* base) {
  T* x = reinterpret_cast<T*>(base[s.x] + s.offset_x);
  T* y = reinterpret_cast<T*>(base[s.y] + s.offset_y);
  const auto* at = reinterpret_cast<const int64_t*>(base[s.at] + s.offset_at);
  const int64_t run = s.run;
  for (int64_t i = 0; i < s.count; ++i) {
    T *p = x + at[i] * run, *q = y + i * run;
    if (s.kind == Lookup::read) {
      if (run == 1)
        *q = *p;
      else
        std::memcpy(q, p, static_cast<size_t>(run) * sizeof(T));
    } else if (s.kind == Lookup::replace) {
      std::memcpy(p, q, static_cast<size_t>(run) * sizeof(T));
    } else {
      for (int64_t k = 0; k < run; ++k) p[k] = static_cast<T>(p[k] + q[k]);
    }
  }
}

// A frame around memory that belongs to the plan.
void frame(core::Array& a, const Plan& plan, uint32_t node, char* const* base) {
  const Node& n = plan.graph.nodes[node];
  const Place& p = plan.places[node];
  a.refs = 1;  // never freed
  a.dtype = n.dtype;
  a.shape = n.shape;
  a.strides = p.strides;
  a.contiguous = p.contiguous;
  a.size = n.size();
  a.data = base[p.storage] + p.offset;
}

void run_called(const Plan& plan, const Called& s, char* const* base) {
  std::vector<core::Array> frames(s.operands.size());
  std::vector<ArrayRef> args;
  for (size_t k = 0; k < frames.size(); ++k) {
    frame(frames[k], plan, s.operands[k], base);
    args.push_back(ArrayRef(&frames[k]));
  }
  const ArrayRef y = ops::evaluate(s.op, args, s.params.get());
  const Place& to = plan.places[s.node];
  if (y->size) core::copy_into(*y, base[to.storage] + to.offset);
}

uint32_t run_loop(const LoopStep& s, LoopMemory& m, char* const* base) {
  auto at = [&](const std::pair<uint32_t, int64_t>& p) {
    return p.first == kNone ? nullptr : base[p.first] + p.second;
  };
  for (size_t k = 0; k < s.operands.size(); ++k) m.operands[k] = at(s.operands[k]);
  for (size_t k = 0; k < s.results.size(); ++k) m.results[k] = at(s.results[k]);
  return s.loop->run(m, m.operands.data(), m.results.data());
}

bool holds(const Plan& plan, uint32_t k, char* const* base) {
  const Guard& c = plan.graph.guards[k];
  const Place& p = plan.guard_places[k];
  const char* data = base[p.storage] + p.offset;
  if (c.on == ad::GuardOn::truth)
    return core::dispatch(c.answer->dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      return (*reinterpret_cast<const T*>(data) != T(0)) == (*c.answer->as<T>() != T(0));
    });
  return std::memcmp(data, c.answer->data, static_cast<size_t>(c.answer->bytes())) == 0;
}

}  // namespace

Context::Context(const Plan& plan) : base(plan.storages.size(), nullptr) {
  if (plan.arena) {
    memory = core::Ref<core::Buffer>(core::new_buffer(plan.arena));
    arena = memory->data;
  }
  for (const LoopStep& l : plan.loops) loops.push_back(l.loop->memory());
  for (size_t s = 0; s < base.size(); ++s) {
    const Storage& st = plan.storages[s];
    if (st.kind == Storage::arena)
      base[s] = arena + st.offset;
    else if (st.kind == Storage::constant)
      base[s] = plan.constants[st.index]->data;
  }
}
Context::~Context() = default;

uint32_t run(const Plan& plan, Context& context, char* const* inputs, char* const* outputs) {
  char** base = context.base.data();
  for (size_t s = 0; s < context.base.size(); ++s) {
    const Storage& st = plan.storages[s];
    if (st.kind == Storage::input)
      base[s] = inputs[st.index];
    else if (st.kind == Storage::output)
      base[s] = outputs[st.index];
  }
  for (const Step& s : plan.steps) {
    switch (s.kind) {
      case Step::fused:
        run_fused(plan.fused[s.index], base);
        break;
      case Step::product: {
        const Product& p = plan.products[s.index];
        core::for_float(p.dtype, [&]<class T>(core::TypeTag<T>) { run_product<T>(p, base); });
        break;
      }
      case Step::packed: {
        const Packed& p = plan.packs[s.index];
        core::for_float(p.dtype, [&]<class T>(core::TypeTag<T>) { run_packed<T>(p, base); });
        break;
      }
      case Step::reduced: {
        const Reduced& r = plan.reductions[s.index];
        core::for_float(r.dtype, [&]<class T>(core::TypeTag<T>) { run_reduced<T>(r, base); });
        break;
      }
      case Step::rows: {
        const RowsOp& r = plan.row_ops[s.index];
        core::for_float(r.dtype, [&]<class T>(core::TypeTag<T>) { run_rows<T>(r, base); });
        break;
      }
      case Step::copied: {
        const Copied& c = plan.copies[s.index];
        core::dispatch(c.dtype, [&](auto tag) { run_copied<typename decltype(tag)::type>(c, base); });
        break;
      }
      case Step::called:
        run_called(plan, plan.calls[s.index], base);
        break;
      case Step::fill: {
        const Filled& f = plan.fills[s.index];
        std::memset(base[f.storage] + f.offset, 0, static_cast<size_t>(f.bytes));
        break;
      }
      case Step::positions:
        if (!run_positions(plan.positions[s.index], base)) return kOutOfBounds;
        break;
      case Step::lookup: {
        const Lookup& l = plan.lookups[s.index];
        core::dispatch(l.dtype, [&](auto tag) { run_lookup<typename decltype(tag)::type>(l, base); });
        break;
      }
      case Step::loop: {
        const uint32_t failed = run_loop(plan.loops[s.index], *context.loops[s.index], base);
        if (failed != kNone) return failed;
        break;
      }
      case Step::draw: {
        const Drawn& d = plan.draws[s.index];
        ops::fill_random(base[d.key] + d.offset_key, base[d.first] + d.offset_first, d.dtype, d.words, d.count,
                         base[d.y] + d.offset_y);
        break;
      }
      case Step::guard:
        if (!holds(plan, s.index, base)) return s.index;
    }
  }
  return kNone;
}

}  // namespace wengert::program
