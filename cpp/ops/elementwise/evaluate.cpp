#include "ops/elementwise/evaluate.h"

#include <algorithm>

#include "core/unlocked.h"
#include "ops/elementwise/element_kernels.h"
#include "ops/elementwise/kept_order.h"
#include "ops/elementwise/strided_pairs.h"
#include "simd/dispatch.h"
#include "simd/rounding.h"
#include "simd/threads.h"

namespace wengert::simd {
#define WG_DECLARE(isa)                            \
  namespace isa {                                  \
  void fill_element_kernels(ops::ElementKernels&); \
  }
WG_EACH_ISA(WG_DECLARE)
#undef WG_DECLARE
}  // namespace wengert::simd

namespace wengert::ops {

using core::Array;
using core::make;

namespace {

#define WG_FILLER(isa) {simd::Isa::isa, simd::isa::fill_element_kernels},
constexpr simd::Tables<ElementKernels>::Filler fillers[] = {WG_EACH_ISA(WG_FILLER)};
#undef WG_FILLER
const simd::Tables<ElementKernels> tables(fillers);

// Arithmetic of integers: plain loops of the baseline instruction set, one instance for each element type. Results are
// always fresh, so they cannot overlap the operands.
using Loop1 = ElementKernels::Value1;
using Loop2 = ElementKernels::Value2;

template <class Op, class T> void plain1(const void* x, void* y, int64_t n) {
  const T* p = static_cast<const T*>(x);
  T* __restrict out = static_cast<T*>(y);
  for (int64_t i = 0; i < n; ++i) out[i] = Op::integer(p[i]);
}
template <int IA, int IB, class Op, class T> void plain2_with(const T* p, const T* q, T* __restrict out, int64_t n) {
  const T a0 = *p, b0 = *q;
  for (int64_t i = 0; i < n; ++i) out[i] = Op::integer(IA ? p[i] : a0, IB ? q[i] : b0);
}
template <class Op, class T> void plain2(const void* a, const void* b, void* y, int64_t n, int ia, int ib) {
  if (n == 0) return;
  const T *p = static_cast<const T*>(a), *q = static_cast<const T*>(b);
  T* out = static_cast<T*>(y);
  if (ia && ib)
    plain2_with<1, 1, Op, T>(p, q, out, n);
  else if (ia)
    plain2_with<1, 0, Op, T>(p, q, out, n);
  else
    plain2_with<0, 1, Op, T>(p, q, out, ib ? n : 1);
  if (!ia && !ib) std::fill(out + 1, out + n, *out);
}

struct PlainTable {
  Loop1 one[kOps][core::kDTypes] = {};
  Loop2 two[kOps][core::kDTypes] = {};
  template <class Op, class T> void put() {
    if constexpr (Unary<Op>)
      one[code_of<Op>][static_cast<int>(core::dtype_of<T>())] = plain1<Op, T>;
    else
      two[code_of<Op>][static_cast<int>(core::dtype_of<T>())] = plain2<Op, T>;
  }
  PlainTable() {
    Primitives::for_each([&]<class Op>() {
      if constexpr (Unary<Op> || Binary<Op>) {
        if constexpr (requires { &Op::template integer<int64_t>; }) {
          put<Op, int32_t>();
          put<Op, int64_t>();
        }
      }
    });
  }
};
const PlainTable plain;

[[noreturn]] void no_kernel(OpCode op, DType t) {
  type_error("wengert." + std::string(info(op).name) + ": no rule for " + std::string(core::dtype_name(t)) +
             " operands; convert with astype(float)");
}

// How an operand runs along a result of that shape: 1 contiguous, 0 one number, -1 neither.
int increment(const Array& a, const Dims& shape) {
  if (a.size == 1) return 0;
  return a.contiguous && a.shape == shape ? 1 : -1;
}

template <class F> void in_pieces(int64_t n, F&& run) {
  if (n < kLong) {
    run(int64_t{0}, n);
    return;
  }
  const core::Unlocked unlocked(true);
  simd::parallel_for((n + kPiece - 1) / kPiece, n < kBrief,
                     [&](int64_t i) { run(i * kPiece, std::min(kPiece, n - i * kPiece)); });
}

bool same_layout(const Array& a, const Array& b) { return a.shape == b.shape && a.strides == b.strides; }

const char* at(const Array* a, int64_t i, int inc) { return a ? a->data + i * inc * item_size(a->dtype) : nullptr; }
const char* at(const ArrayRef& a, int64_t i, int inc) { return at(a.get(), i, inc); }

}  // namespace

const ElementKernels& element_kernels() { return tables.active(); }

ArrayRef unary(OpCode op, const ArrayRef& x) {
  if (!simd::rounds_to_nearest()) [[unlikely]] {
    const simd::RoundToNearest rounding;
    return unary(op, x);
  }
  const bool flat = x->contiguous || core::without_gaps(*x);
  if (!flat) [[unlikely]] {
    const ArrayRef* operands[] = {&x};
    const KeptOrder<1> order(x->shape, operands);
    if (!order.row_major()) return order.turned_back(unary(op, order.turned(x)));
  }
  const ArrayRef from = flat ? x : core::copy(x);
  const Info& f = info(op);
  if (f.types != Types::logical && core::is_float(x->dtype)) {
    const auto kernel = element_kernels().value1[op][core::index_of(x->dtype)];
    ArrayRef y = core::make_laid_as(*from, x->dtype);
    const int64_t item = item_size(y->dtype);
    in_pieces(y->size, [&](int64_t i, int64_t n) {
      if (n) kernel(from->data + i * item, y->data + i * item, n);
    });
    return y;
  }
  const bool logical = f.types == Types::logical;
  const int t = static_cast<int>(x->dtype);
  const Loop1 loop = logical ? element_kernels().test1[op][t] : plain.one[op][t];
  if (!loop) no_kernel(op, x->dtype);
  ArrayRef y = core::make_laid_as(*from, logical ? DType::b1 : x->dtype);
  const int64_t item = item_size(x->dtype), out = item_size(y->dtype);
  in_pieces(y->size, [&](int64_t i, int64_t n) { loop(from->data + i * item, y->data + i * out, n); });
  return y;
}

namespace {

// The result where the operands want another order of its axes than row-major; else null.
[[gnu::noinline]] ArrayRef in_kept_order(OpCode op, const ArrayRef& a, const ArrayRef& b) {
  const ArrayRef* operands[] = {&a, &b};
  const KeptOrder<2> order(core::broadcast_shapes(a->shape, b->shape, info(op).name.data()), operands);
  if (order.row_major()) return {};
  return order.turned_back(binary(op, order.turned(a), order.turned(b)));
}

}  // namespace

ArrayRef binary(OpCode op, const ArrayRef& first, const ArrayRef& second) {
  if (!simd::rounds_to_nearest()) [[unlikely]] {
    const simd::RoundToNearest rounding;
    return binary(op, first, second);
  }
  // Long kernels let other threads run, and those may rebind the operands' handles: the arrays are held here.
  const bool is_long = first->size >= kLong || second->size >= kLong;
  const ArrayRef held[2] = {is_long ? first : nullptr, is_long ? second : nullptr};
  const ArrayRef &a = is_long ? held[0] : first, &b = is_long ? held[1] : second;
  const Info& f = info(op);
  bool flat = false;  // in one order without gaps: as if they had one axis
  if ((!a->contiguous || !b->contiguous) && (a->ndim() > 1 || b->ndim() > 1)) [[unlikely]] {
    flat = same_layout(*a, *b) && core::without_gaps(*a);
    if (!flat)
      if (ArrayRef y = in_kept_order(op, a, b)) return y;
  }
  const bool logical = f.types == Types::logical;
  const DType in = a->dtype, out = logical ? DType::b1 : in;
  ArrayRef y = flat                   ? core::make_laid_as(*a, out)
               : a->shape == b->shape ? core::make_like(*a, out)
                                      : make(out, core::broadcast_shapes(a->shape, b->shape, f.name.data()));
  if (y->size == 0) return y;
  const int ia = flat ? 1 : increment(*a, y->shape), ib = flat ? 1 : increment(*b, y->shape);
  if (!logical && core::is_float(in)) {
    const auto kernel = element_kernels().value2[op][core::index_of(in)];
    if (ia >= 0 && ib >= 0) {
      const int64_t item = item_size(in);
      in_pieces(y->size,
                [&](int64_t i, int64_t n) { kernel(at(a, i, ia), at(b, i, ib), y->data + i * item, n, ia, ib); });
    } else {
      core::for_float(in, [&]<class T>(core::TypeTag<T>) { run_pair<T>(*a, *b, *y, kernel); });
    }
    return y;
  }
  const int t = static_cast<int>(in);
  const Loop2 loop = logical ? element_kernels().test2[op][t] : plain.two[op][t];
  if (!loop) no_kernel(op, in);
  if (ia >= 0 && ib >= 0) {
    const int64_t item = item_size(out);
    in_pieces(y->size, [&](int64_t i, int64_t n) { loop(at(a, i, ia), at(b, i, ib), y->data + i * item, n, ia, ib); });
    return y;
  }
  core::dispatch(in, [&](auto tag) {
    using T = typename decltype(tag)::type;
    run_pair<T>(*a, *b, *y, loop);
  });
  return y;
}

namespace {

// All elements are one number: what broadcast_to makes of a scalar.
bool is_uniform(const Array& g) {
  if (g.size <= 1 || g.contiguous) return false;
  for (int64_t s : g.strides)
    if (s != 0) return false;
  return true;
}

// Where the cotangent is not needed afterwards the product takes its place.
ArrayRef room_for(const ArrayRef& g) { return g->sole_owner() ? g : core::make_like(*g, g->dtype); }

// The one layout of everything a sweep reads where that is a transposed one; null otherwise. A uniform cotangent fits
// any layout.
const Array* transposed_layout(const Array& g, bool uniform, std::initializer_list<const Array*> read) {
  const Array* first = uniform ? nullptr : &g;
  for (const Array* v : read) {
    if (!v || v->size == 1) continue;
    if (!first) first = v;
    if (!same_layout(*v, *first)) return nullptr;
  }
  return first && !first->contiguous && first->shape == g.shape && core::without_gaps(*first) ? first : nullptr;
}

// Fits the kernels as it is, beside a cotangent of that shape.
bool direct(const Array* v, const Array& g) {
  return !v || v->size == 1 || (v->contiguous && v->size == g.size && v->shape == g.shape);
}

ArrayRef spread(const Array* v, const Dims& shape) {
  if (!v) return nullptr;
  const ArrayRef held(const_cast<Array*>(v));
  return v->size == 1 ? held : core::contiguous(core::broadcast_to(held, shape));
}

void run_sweep1(OpCode op, const ArrayRef& g, const Array* x, const Array* y, Array& out, int ig) {
  const auto kernel = element_kernels().sweep1[op][core::index_of(g->dtype)];
  in_pieces(out.size, [&](int64_t i, int64_t n) {
    if (n) kernel(at(g, i, ig), at(x, i, 1), at(y, i, 1), out.data + i * item_size(out.dtype), n, ig);
  });
}
void run_sweep2(OpCode op, int operand, const ArrayRef& g, const Array* a, const Array* b, const Array* y, Array& out,
                int ig) {
  const auto kernel = element_kernels().sweep2[op][operand][core::index_of(g->dtype)];
  const int ia = a && a->size > 1, ib = b && b->size > 1;
  in_pieces(out.size, [&](int64_t i, int64_t n) {
    if (n)
      kernel(at(g, i, ig), at(a, i, ia), at(b, i, ib), at(y, i, 1), out.data + i * item_size(out.dtype), n, ig, ia, ib);
  });
}

}  // namespace

ArrayRef sweep_unary(OpCode op, ArrayRef g, const Array* x, const Array* y) {
  const bool uniform = is_uniform(*g);
  if ((!uniform && !g->contiguous) || !direct(x, *g) || !direct(y, *g)) {
    if (const Array* layout = transposed_layout(*g, uniform, {x, y})) {
      const ArrayRef out = core::make_like(*g, g->dtype);
      run_sweep1(op, g, x, y, *out, !uniform);
      return core::view(out, layout->shape, layout->strides);
    }
    const ArrayRef sx = spread(x, g->shape), sy = spread(y, g->shape);
    return sweep_unary(op, uniform ? core::copy(g) : core::contiguous(g), sx.get(), sy.get());
  }
  const ArrayRef out = room_for(g);
  run_sweep1(op, g, x, y, *out, !uniform);
  return out;
}

ArrayRef sweep_binary(OpCode op, int operand, ArrayRef g, const Array* a, const Array* b, const Array* y) {
  const bool uniform = is_uniform(*g);
  if ((!uniform && !g->contiguous) || !direct(a, *g) || !direct(b, *g) || !direct(y, *g)) {
    if (const Array* layout = transposed_layout(*g, uniform, {a, b, y})) {
      const ArrayRef out = core::make_like(*g, g->dtype);
      run_sweep2(op, operand, g, a, b, y, *out, !uniform);
      return core::view(out, layout->shape, layout->strides);
    }
    const ArrayRef sa = spread(a, g->shape), sb = spread(b, g->shape), sy = spread(y, g->shape);
    return sweep_binary(op, operand, uniform ? core::copy(g) : core::contiguous(g), sa.get(), sb.get(), sy.get());
  }
  const ArrayRef out = room_for(g);
  run_sweep2(op, operand, g, a, b, y, *out, !uniform);
  return out;
}

void add_into(Array& dst, const ArrayRef& src) {
  if (dst.size == 0) return;
  if (!core::is_float(dst.dtype)) type_error("wengert.add_into: cotangents are floating point");
  const auto kernel = element_kernels().value2[code_of<Add>][core::index_of(dst.dtype)];
  const int inc = increment(*src, dst.shape);
  if (inc >= 0) {
    const int64_t item = item_size(dst.dtype);
    in_pieces(dst.size, [&](int64_t i, int64_t n) {
      kernel(dst.data + i * item, at(src, i, inc), dst.data + i * item, n, 1, inc);
    });
  } else {
    core::for_float(dst.dtype, [&]<class T>(core::TypeTag<T>) { run_pair<T>(dst, *src, dst, kernel); });
  }
}

ArrayRef evaluate(OpCode op, Args args, const Params* params) {
  const Info& f = info(op);
  if (f.elementwise) return f.arity == 1 ? unary(op, args[0]) : binary(op, args[0], args[1]);
  static const NoParams none{};
  const simd::RoundToNearest rounding;
  return f.value(args, params ? *params : none);
}

}  // namespace wengert::ops
