#include "ops/reduce.h"

#include "core/unlocked.h"
#include "simd/reduce.h"
#include "simd/softmax.h"

namespace wengert::ops {
namespace {

using core::Array;
using core::dispatch;
using core::make;
using core::TypeTag;

// Any reduction seen as rows: the reduced axes last, contiguous.
struct Rows {
  ArrayRef x;
  int64_t rows, length;
  Dims out;
};

Rows as_rows(const ArrayRef& x, const Params& p) {
  const Dims& axes = p.dims[0];
  const int n = x->ndim();
  Dims shape, strides;
  for (int i = 0; i < n; ++i)
    if (!axes.contains(i - n)) shape.push_back(x->shape[i]), strides.push_back(x->strides[i]);
  for (int i = 0; i < n; ++i)
    if (axes.contains(i - n)) shape.push_back(x->shape[i]), strides.push_back(x->strides[i]);
  Rows r;
  r.length = reduced_count(x->shape, axes);
  r.out = reduced_shape(x->shape, axes, p.flag);
  r.rows = r.out.product();
  r.x = core::contiguous(core::view(x, shape, strides));
  return r;
}

template <class S, class T>
T sum_row(const S* x, int64_t n) {  // whole numbers, wrapping as NumPy does
  uint64_t s = 0;
  for (int64_t i = 0; i < n; ++i) s += static_cast<uint64_t>(static_cast<int64_t>(x[i]));
  return static_cast<T>(s);
}

bool leading_axes(const ArrayRef& x, const Dims& axes) {  // exactly the first ones, in a contiguous array
  if (!x->contiguous) return false;
  for (int i = 0; i < axes.size(); ++i)
    if (axes[i] != i - x->ndim()) return false;
  return axes.size() < x->ndim();
}

DType sum_type(DType t) { return t == DType::b1 || t == DType::i32 ? DType::i64 : t; }  // as NumPy

constexpr int64_t kLongReduction = 1 << 17;

// Floating point: the kernels, over the leading axes of a contiguous array without bringing them to the end.
ArrayRef reduce_floats(simd::Reduction op, const ArrayRef& x, const Params& p) {
  const core::Unlocked unlocked(x->size > kLongReduction);
  auto run = [&]<class T>(TypeTag<T>) {
    if (leading_axes(x, p.dims[0])) {
      ArrayRef y = make(x->dtype, reduced_shape(x->shape, p.dims[0], p.flag));
      simd::reduce_columns_of(op, x->as<T>(), reduced_count(x->shape, p.dims[0]), y->size, y->size, y->as<T>());
      return y;
    }
    const Rows r = as_rows(x, p);
    ArrayRef y = make(x->dtype, r.out);
    simd::reduce_rows_of(op, r.x->as<T>(), r.rows, r.length, r.length, y->as<T>());
    return y;
  };
  return x->dtype == DType::f64 ? run(TypeTag<double>{}) : run(TypeTag<float>{});
}

ArrayRef sum_of(const ArrayRef& x, const Params& p) {
  if (core::is_float(x->dtype)) return reduce_floats(simd::Reduction::sum, x, p);
  const Rows r = as_rows(x, p);
  ArrayRef y = make(sum_type(x->dtype), r.out);
  dispatch(x->dtype, [&](auto tag) {
    using S = typename decltype(tag)::type;
    if constexpr (!std::is_floating_point_v<S>)
      for (int64_t i = 0; i < r.rows; ++i)
        y->as<int64_t>()[i] = sum_row<S, int64_t>(r.x->template as<S>() + i * r.length, r.length);
  });
  return y;
}

template <class F>
ArrayRef by_rows(const ArrayRef& x, const Params& p, DType out, F&& f) {
  const Rows r = as_rows(x, p);
  ArrayRef y = make(out, r.out);
  dispatch(x->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < r.rows; ++i) f(r.x->template as<T>() + i * r.length, r.length, *y, i);
  });
  return y;
}

void check_nonempty(const char* op, const ArrayRef& x, const Params& p) {
  if (reduced_count(x->shape, p.dims[0]) == 0 && reduced_shape(x->shape, p.dims[0], p.flag).product() != 0)
    value_error("wengert." + std::string(op) + ": zero elements to reduce in an array of shape " + x->shape.str() +
                ", and there is no identity; test for an empty array first");
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

template <bool Largest>
ArrayRef extremum(const char* op, const ArrayRef& x, const Params& p) {
  check_nonempty(op, x, p);
  if (core::is_float(x->dtype)) return reduce_floats(Largest ? simd::Reduction::max : simd::Reduction::min, x, p);
  return by_rows(x, p, x->dtype, []<class T>(const T* v, int64_t n, Array& y, int64_t i) {
    y.as<T>()[i] = v[extreme_at<Largest>(v, n)];
  });
}
template <bool Largest>
ArrayRef arg_extremum(const char* op, const ArrayRef& x, const Params& p) {
  check_nonempty(op, x, p);
  return by_rows(x, p, DType::i64, []<class T>(const T* v, int64_t n, Array& y, int64_t i) {
    y.as<int64_t>()[i] = extreme_at<Largest>(v, n);
  });
}

}  // namespace

ArrayRef Sum::value(Args a, const Params& p) { return sum_of(a[0], p); }

ArrayRef Mean::value(Args a, const Params& p) {
  ArrayRef y = sum_of(a[0], p);
  const double n = static_cast<double>(reduced_count(a[0]->shape, p.dims[0]));
  if (y->dtype == DType::f64)
    for (int64_t i = 0; i < y->size; ++i) y->as<double>()[i] /= n;
  else
    for (int64_t i = 0; i < y->size; ++i) y->as<float>()[i] /= static_cast<float>(n);
  return y;
}

ArrayRef Prod::value(Args a, const Params& p) {
  if (core::is_float(a[0]->dtype)) return reduce_floats(simd::Reduction::prod, a[0], p);
  return by_rows(a[0], p, sum_type(a[0]->dtype), []<class S>(const S* v, int64_t n, Array& y, int64_t i) {
    using T = std::conditional_t<std::is_floating_point_v<S>, S, uint64_t>;
    T r = 1;
    for (int64_t k = 0; k < n; ++k) r *= static_cast<T>(v[k]);
    y.as<T>()[i] = r;
  });
}

ArrayRef Max::value(Args a, const Params& p) { return extremum<true>("max", a[0], p); }
ArrayRef Min::value(Args a, const Params& p) { return extremum<false>("min", a[0], p); }
ArrayRef Argmax::value(Args a, const Params& p) { return arg_extremum<true>("argmax", a[0], p); }
ArrayRef Argmin::value(Args a, const Params& p) { return arg_extremum<false>("argmin", a[0], p); }

ArrayRef Logsumexp::value(Args a, const Params& p) {
  const Rows r = as_rows(a[0], p);
  ArrayRef y = make(a[0]->dtype, r.out);
  if (y->dtype == DType::f64) simd::logsumexp_rows(r.x->as<double>(), r.rows, r.length, y->as<double>());
  else simd::logsumexp_rows(r.x->as<float>(), r.rows, r.length, y->as<float>());
  return y;
}

ArrayRef Any::value(Args a, const Params& p) {
  return by_rows(a[0], p, DType::b1, []<class T>(const T* v, int64_t n, Array& y, int64_t i) {
    bool r = false;
    for (int64_t k = 0; k < n; ++k) r |= v[k] != T(0);
    y.as<uint8_t>()[i] = r;
  });
}

ArrayRef All::value(Args a, const Params& p) {
  return by_rows(a[0], p, DType::b1, []<class T>(const T* v, int64_t n, Array& y, int64_t i) {
    bool r = true;
    for (int64_t k = 0; k < n; ++k) r &= v[k] != T(0);
    y.as<uint8_t>()[i] = r;
  });
}

ArrayRef Cumsum::value(Args a, const Params& p) {
  const ArrayRef x = core::contiguous(core::cast(a[0], sum_type(a[0]->dtype)));
  const int axis = x->ndim() + static_cast<int>(p.dims[0][0]);
  const int64_t n = x->shape[axis], inner = x->shape.slice(axis + 1, x->ndim()).product();
  const int64_t outer = x->shape.slice(0, axis).product();
  ArrayRef y = make(x->dtype, x->shape);
  dispatch(x->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using Sum = std::conditional_t<std::is_floating_point_v<T>, T, uint64_t>;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t k = 0; k < n; ++k) {
        const int64_t row = (o * n + (p.flag ? n - 1 - k : k)) * inner, before = row + (p.flag ? inner : -inner);
        const T* in = x->template as<T>() + row;
        T* out = y->template as<T>();
        for (int64_t i = 0; i < inner; ++i)
          out[row + i] = k ? static_cast<T>(static_cast<Sum>(out[before + i]) + static_cast<Sum>(in[i])) : in[i];
      }
  });
  return y;
}

}  // namespace wengert::ops
