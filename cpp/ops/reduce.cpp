#include "ops/reduce.h"

#include <algorithm>
#include <vector>

#include "core/unlocked.h"
#include "simd/kernels/reduce.h"
#include "simd/kernels/softmax.h"
#include "simd/threads.h"

namespace wengert::ops {
namespace {

using core::Array;
using core::dispatch;
using core::TypeTag;

// Any reduction seen as rows: the reduced axes last, contiguous.
struct Rows {
  ArrayRef x;
  int64_t rows, length;
};

Rows as_rows(const ArrayRef& x, const ReductionParams& p) {
  const Dims& axes = p.axes;
  const int n = x->ndim();
  Dims shape, strides;
  int64_t kept = 1;
  for (int i = 0; i < n; ++i)
    if (!axes.contains(i - n)) shape.push_back(x->shape[i]), strides.push_back(x->strides[i]), kept *= x->shape[i];
  for (int i = 0; i < n; ++i)
    if (axes.contains(i - n)) shape.push_back(x->shape[i]), strides.push_back(x->strides[i]);
  Rows r;
  r.length = reduced_count(x->shape, axes);
  r.rows = kept;
  r.x = core::contiguous(core::view(x, shape, strides));
  return r;
}

template <class S, class T> T sum_row(const S* x, int64_t n) {  // whole numbers, wrapping as NumPy does
  uint64_t s = 0;
  for (int64_t i = 0; i < n; ++i) s += static_cast<uint64_t>(static_cast<int64_t>(x[i]));
  return static_cast<T>(s);
}

// Blocks of columns, one behind the other in memory: block[i, j, k] at (i * down + j) * across + k is reduced over j
// without bringing the axis to the end. The leading axes, middle axes, the last axes of a transposed matrix.
struct Columns {
  int64_t blocks = 0, down = 0, across = 0;  // all 0: it does not lie like that
};
Columns as_columns(const Array& x, const Dims& axes) {
  Dims kept, kept_strides, cut, cut_strides;
  for (int i = 0; i < x.ndim(); ++i) {
    const bool reduced = axes.contains(i - x.ndim());
    (reduced ? cut : kept).push_back(x.shape[i]);
    (reduced ? cut_strides : kept_strides).push_back(x.strides[i]);
  }
  if (x.size == 0 || kept.empty() || cut.empty()) return {};
  const int64_t down = cut.product();
  int64_t across = 1;  // of the kept axes that lie inside the reduced ones
  int k = kept.size() - 1;
  for (; k >= 0 && (kept[k] == 1 || kept_strides[k] == across); --k) across *= kept[k];
  int64_t step = across;
  for (int i = cut.size() - 1; i >= 0; --i) {
    if (cut[i] != 1 && cut_strides[i] != step) return {};
    step *= cut[i];
  }
  int64_t blocks = 1;
  for (; k >= 0; --k) {
    if (kept[k] != 1 && kept_strides[k] != step) return {};
    step *= kept[k];
    blocks *= kept[k];
  }
  return {blocks, down, across};
}
// Blocks of a few columns are not worth it: rows are reduced faster after a copy.
constexpr int64_t kNarrow = 16;

DType sum_type(DType t) { return t == DType::b1 || t == DType::i32 ? DType::i64 : t; }  // as NumPy

// The rule of every reduction, apart from the element type.
ArrayType reduced(std::string_view op, OperandTypes in, const ReductionParams& p, DType t) {
  const Dims &axes = p.axes, &shape = in.shape(0);
  for (int k = 0; k < axes.size(); ++k)
    if (axes[k] < -shape.size() || axes[k] >= 0 || (k && axes[k] <= axes[k - 1]))
      refuse(op, "axes " + axes.str() + " are no ascending axes, counted from the end, of an array with " +
                     std::to_string(shape.size()) + " dimensions");
  return {t, reduced_shape(shape, axes, p.keepdims)};
}
ArrayType reduced_floats(std::string_view op, OperandTypes in, const ReductionParams& p) {
  require_float(op, in.dtype(0));
  return reduced(op, in, p, in.dtype(0));
}
ArrayType reduced_nonempty(std::string_view op, OperandTypes in, const ReductionParams& p, DType t) {
  ArrayType out = reduced(op, in, p, t);
  if (reduced_count(in.shape(0), p.axes) == 0 && out.shape.product() != 0)
    refuse(op, "zero elements to reduce in an array of shape " + in.shape(0).str() +
                   ", and there is no identity; test for an empty array first");
  return out;
}

constexpr int64_t kLongReduction = 1 << 17;

// Floating point: the kernels, over the leading axes of a contiguous array without bringing them to the end.
ArrayRef reduce_floats(simd::Reduction op, const ArrayRef& operand, const ReductionParams& p, const ArrayType& out) {
  const ArrayRef x = operand;  // another thread may rebind the operand while the lock is open
  const bool is_long = x->size > kLongReduction;
  auto run = [&]<class T>(TypeTag<T>) {
    const Dims& axes = p.axes;
    ArrayRef y = make(out);
    if (const Columns c = as_columns(*x, axes); c.across >= (c.blocks == 1 ? 2 : kNarrow)) {
      const core::Unlocked unlocked(is_long);
      const auto block = [&](int64_t i) {
        simd::reduce_columns_of(op, x->as<T>() + i * c.down * c.across, c.down, c.across, c.across,
                                y->as<T>() + i * c.across);
      };
      if (c.blocks > 1 && is_long)
        simd::parallel_for(c.blocks, block);
      else
        for (int64_t i = 0; i < c.blocks; ++i) block(i);
      return y;
    }
    if (axes.size() == x->ndim() && without_gaps(*x)) {
      const core::Unlocked unlocked(is_long);
      simd::reduce_rows_of(op, x->as<T>(), 1, x->size, x->size, y->as<T>());
      return y;
    }
    const Rows r = as_rows(x, p);
    const core::Unlocked unlocked(is_long);
    simd::reduce_rows_of(op, r.x->as<T>(), r.rows, r.length, r.length, y->as<T>());
    return y;
  };
  return core::for_float(x->dtype, run);
}

ArrayRef sum_of(const ArrayRef& x, const ReductionParams& p, const ArrayType& out) {
  if (core::is_float(x->dtype)) return reduce_floats(simd::Reduction::sum, x, p, out);
  const Rows r = as_rows(x, p);
  ArrayRef y = make(out);
  dispatch(x->dtype, [&](auto tag) {
    using S = typename decltype(tag)::type;
    if constexpr (!std::is_floating_point_v<S>)
      for (int64_t i = 0; i < r.rows; ++i)
        y->as<int64_t>()[i] = sum_row<S, int64_t>(r.x->template as<S>() + i * r.length, r.length);
  });
  return y;
}

template <class F> ArrayRef by_rows(const ArrayRef& x, const ReductionParams& p, const ArrayType& out, F&& f) {
  const Rows r = as_rows(x, p);
  ArrayRef y = make(out);
  dispatch(x->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < r.rows; ++i) f(r.x->template as<T>() + i * r.length, r.length, *y, i);
  });
  return y;
}

template <bool Largest, class T>
int64_t extreme_at(const T* x, int64_t n) {  // first of the extremes; a NaN counts as extreme, as in NumPy
  int64_t best = 0;
  for (int64_t i = 1; i < n; ++i) {
    if (x[best] != x[best]) return best;
    if ((Largest ? x[i] > x[best] : x[i] < x[best]) || x[i] != x[i]) best = i;
  }
  return best;
}

template <bool Largest> ArrayRef extremum(const ArrayRef& x, const ReductionParams& p, const ArrayType& out) {
  if (core::is_float(x->dtype)) return reduce_floats(Largest ? simd::Reduction::max : simd::Reduction::min, x, p, out);
  return by_rows(x, p, out, []<class T>(const T* v, int64_t n, Array& y, int64_t i) {
    y.as<T>()[i] = v[extreme_at<Largest>(v, n)];
  });
}
template <bool Largest> ArrayRef arg_extremum(const ArrayRef& x, const ReductionParams& p, const ArrayType& out) {
  return by_rows(x, p, out, []<class T>(const T* v, int64_t n, Array& y, int64_t i) {
    y.as<int64_t>()[i] = extreme_at<Largest>(v, n);
  });
}

}  // namespace

ArrayType Sum::result(OperandTypes in, const Params& p) { return reduced(name, in, p, sum_type(in.dtype(0))); }
ArrayRef Sum::value(Args a, const Params& p) { return sum_of(a[0], p, result(a, p)); }

ArrayType Mean::result(OperandTypes in, const Params& p) { return reduced_floats(name, in, p); }
ArrayRef Mean::value(Args a, const Params& p) {
  ArrayRef y = sum_of(a[0], p, result(a, p));
  const double n = static_cast<double>(reduced_count(a[0]->shape, p.axes));
  core::for_float(y->dtype, [&]<class T>(TypeTag<T>) {
    for (int64_t i = 0; i < y->size; ++i) y->as<T>()[i] /= static_cast<T>(n);
  });
  return y;
}

ArrayType Prod::result(OperandTypes in, const Params& p) { return reduced(name, in, p, sum_type(in.dtype(0))); }
ArrayRef Prod::value(Args a, const Params& p) {
  if (core::is_float(a[0]->dtype)) return reduce_floats(simd::Reduction::prod, a[0], p, result(a, p));
  return by_rows(a[0], p, result(a, p), []<class S>(const S* v, int64_t n, Array& y, int64_t i) {
    using T = std::conditional_t<std::is_floating_point_v<S>, S, uint64_t>;
    T r = 1;
    for (int64_t k = 0; k < n; ++k) r *= static_cast<T>(v[k]);
    y.as<T>()[i] = r;
  });
}

ArrayType Max::result(OperandTypes in, const Params& p) { return reduced_nonempty(name, in, p, in.dtype(0)); }
ArrayRef Max::value(Args a, const Params& p) { return extremum<true>(a[0], p, result(a, p)); }
ArrayType Min::result(OperandTypes in, const Params& p) { return reduced_nonempty(name, in, p, in.dtype(0)); }
ArrayRef Min::value(Args a, const Params& p) { return extremum<false>(a[0], p, result(a, p)); }
ArrayType Argmax::result(OperandTypes in, const Params& p) { return reduced_nonempty(name, in, p, DType::i64); }
ArrayRef Argmax::value(Args a, const Params& p) { return arg_extremum<true>(a[0], p, result(a, p)); }
ArrayType Argmin::result(OperandTypes in, const Params& p) { return reduced_nonempty(name, in, p, DType::i64); }
ArrayRef Argmin::value(Args a, const Params& p) { return arg_extremum<false>(a[0], p, result(a, p)); }

ArrayType Logsumexp::result(OperandTypes in, const Params& p) { return reduced_floats(name, in, p); }
ArrayRef Logsumexp::value(Args a, const Params& p) {
  const Rows r = as_rows(a[0], p);
  ArrayRef y = make(result(a, p));
  core::for_float(y->dtype,
                  [&]<class T>(TypeTag<T>) { simd::logsumexp_rows(r.x->as<T>(), r.rows, r.length, y->as<T>()); });
  return y;
}

namespace {

// Whether any element is zero (or is not), a block at a time: a loop with an exit at every element would not vectorise.
template <bool Zero, class T> bool contains(const T* v, int64_t n) {
  for (int64_t i = 0; i < n; i += 1024) {
    const int64_t end = std::min(n, i + 1024);
    uint8_t found = 0;
    for (int64_t k = i; k < end; ++k) found |= static_cast<uint8_t>((v[k] == T(0)) == Zero);
    if (found) return true;
  }
  return false;
}

}  // namespace

ArrayType Any::result(OperandTypes in, const Params& p) { return reduced(name, in, p, DType::b1); }
ArrayRef Any::value(Args a, const Params& p) {
  return by_rows(a[0], p, result(a, p), []<class T>(const T* v, int64_t n, Array& y, int64_t i) {
    y.as<uint8_t>()[i] = contains<false>(v, n);
  });
}

ArrayType All::result(OperandTypes in, const Params& p) { return reduced(name, in, p, DType::b1); }
ArrayRef All::value(Args a, const Params& p) {
  return by_rows(a[0], p, result(a, p), []<class T>(const T* v, int64_t n, Array& y, int64_t i) {
    y.as<uint8_t>()[i] = !contains<true>(v, n);
  });
}

ArrayType Cumsum::result(OperandTypes in, const Params& p) {
  require_axis(name, p.axis, in.shape(0).size());
  return {sum_type(in.dtype(0)), in.shape(0)};
}
ArrayRef Cumsum::value(Args a, const Params& p) {
  const ArrayType out = result(a, p);
  const ArrayRef x = core::contiguous(core::cast(a[0], out.dtype));
  const int axis = x->ndim() + static_cast<int>(p.axis);
  const int64_t n = x->shape[axis], inner = x->shape.slice(axis + 1, x->ndim()).product();
  const int64_t outer = x->shape.slice(0, axis).product();
  ArrayRef y = make(out);
  dispatch(x->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    // Of float32 in double: its own sums are off by 1e-3 after 1e5 terms.
    using Sum = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
    std::vector<Sum> sums(static_cast<size_t>(inner));
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t k = 0; k < n; ++k) {
        const int64_t row = (o * n + (p.reverse ? n - 1 - k : k)) * inner;
        const T* in = x->template as<T>() + row;
        T* out = y->template as<T>() + row;
        Sum* sum = sums.data();
        for (int64_t i = 0; i < inner; ++i) {
          sum[i] = k ? sum[i] + static_cast<Sum>(in[i]) : static_cast<Sum>(in[i]);
          out[i] = static_cast<T>(sum[i]);
        }
      }
  });
  return y;
}

}  // namespace wengert::ops
