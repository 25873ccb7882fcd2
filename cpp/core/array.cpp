#include "core/array.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace wengert::core {
namespace {

Array* blank(DType dtype) {
  auto* a = new (small_alloc(sizeof(Array))) Array;
  a->dtype = dtype;
  return a;
}

[[noreturn, gnu::cold]] void no_array(const Dims& shape) {
  for (int64_t d : shape)
    if (d < 0) value_error("wengert: negative dimensions are not allowed, got shape " + shape.str());
  value_error("wengert: there is no array of shape " + shape.str() + ": it would be too large");
}

// A frame around elements elsewhere, for copy_into only.
Array frame(DType dtype, const Dims& shape, const Dims& strides, char* data) {
  Array f;
  f.dtype = dtype;
  f.shape = shape;
  f.strides = strides;
  f.size = shape.product();
  f.contiguous = is_row_major(shape, strides);
  f.data = data;
  return f;
}

// The axes of length above 1, the one with the longest stride first.
Dims by_stride(const Dims& shape, const Dims& strides) {
  Dims order;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    int at = order.size();
    while (at > 0 && std::abs(strides[static_cast<int>(order[at - 1])]) < std::abs(strides[i])) --at;
    order.insert(at, i);
  }
  return order;
}

// Copies elements with those strides into `to`, whose memory is there, without gaps and in the order of their axes.
void fill_in_order(Array* to, char* from, const Dims& strides) {
  const Dims& shape = to->shape;
  if (shape.size() < 2) {
    to->strides = row_major(shape);
    to->contiguous = true;
    copy_into(frame(to->dtype, shape, strides, from), to->data);
    return;
  }
  if (is_row_major(shape, to->strides = kept_order(shape, strides))) {
    to->contiguous = true;
    copy_into(frame(to->dtype, shape, strides, from), to->data);
    return;
  }
  to->contiguous = false;
  Dims lengths, steps;
  for (int64_t axis : by_stride(shape, to->strides)) {
    lengths.push_back(shape[static_cast<int>(axis)]);
    steps.push_back(strides[static_cast<int>(axis)]);
  }
  copy_into(frame(to->dtype, lengths, steps, from), to->data);
}

}  // namespace

int64_t element_count(DType dtype, const Dims& shape) {
  int64_t bytes = item_size(dtype), n = 1;
  for (int64_t d : shape) {
    if (d < 0 || __builtin_mul_overflow(bytes, d ? d : 1, &bytes) || bytes > kMostBytes) [[unlikely]]
      no_array(shape);
    n *= d;
  }
  return n;
}

ArrayRef make_scalar(DType dtype) {
  Array* a = blank(dtype);
  a->data = a->payload;
  return ArrayRef(a);
}

ArrayRef make(DType dtype, const Dims& shape) {
  const int64_t size = element_count(dtype, shape);
  Array* a = blank(dtype);
  ArrayRef r(a);
  a->shape = shape;
  a->size = size;
  a->strides = row_major(shape);
  const int64_t bytes = a->size * item_size(dtype);
  if (bytes <= static_cast<int64_t>(sizeof a->payload)) {
    a->data = a->payload;
  } else {
    a->buffer = Ref<Buffer>(new_buffer(bytes));
    a->data = a->buffer->data;
  }
  return r;
}

ArrayRef make_like(const Array& like, DType dtype) {
  return like.contiguous ? make_laid_as(like, dtype) : make(dtype, like.shape);
}

ArrayRef make_laid_as(const Array& like, DType dtype) {
  Array* a = blank(dtype);
  ArrayRef r(a);
  a->shape = like.shape;
  a->strides = like.strides;
  a->size = like.size;
  a->contiguous = like.contiguous;
  const int64_t bytes = a->size * item_size(dtype);
  if (bytes <= static_cast<int64_t>(sizeof a->payload)) {
    a->data = a->payload;
  } else {
    a->buffer = Ref<Buffer>(new_buffer(bytes));
    a->data = a->buffer->data;
  }
  return r;
}

ArrayRef scalar(double v, DType dtype) {
  ArrayRef a = make_scalar(dtype);
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    *a->as<T>() = static_cast<T>(v);
  });
  return a;
}

ArrayRef scalar_int(int64_t v, DType dtype) {
  ArrayRef a = make_scalar(dtype);
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    *a->as<T>() = static_cast<T>(v);
  });
  return a;
}

ArrayRef zeros(DType dtype, const Dims& shape) {
  ArrayRef a = make(dtype, shape);
  std::memset(a->data, 0, static_cast<size_t>(a->bytes()));
  return a;
}

ArrayRef full(DType dtype, const Dims& shape, double v) {
  ArrayRef a = make(dtype, shape);
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    std::fill_n(a->as<T>(), a->size, static_cast<T>(v));
  });
  return a;
}

ArrayRef view(const ArrayRef& a, const Dims& shape, const Dims& strides, int64_t offset) {
  const int64_t size = element_count(a->dtype, shape);
  Array* v = blank(a->dtype);
  ArrayRef r(v);
  v->shape = shape;
  v->strides = strides;
  v->size = size;
  v->contiguous = is_row_major(shape, strides);
  const char* from = a->data + offset * item_size(a->dtype);
  if (a->buffer) {
    v->buffer = a->buffer;
    v->data = const_cast<char*>(from);
    return r;
  }
  // A payload belongs to its object: a view of it is a small copy, which keeps the order of the axes.
  if (v->size * item_size(a->dtype) <= static_cast<int64_t>(sizeof v->payload)) {
    v->data = v->payload;
  } else {  // a broadcast of a scalar
    v->buffer = Ref<Buffer>(new_buffer(v->size * item_size(a->dtype)));
    v->data = v->buffer->data;
  }
  fill_in_order(v, const_cast<char*>(from), strides);
  return r;
}

ArrayRef foreign(DType dtype, const Dims& shape, const Dims& strides, Ref<Buffer> buffer, char* data) {
  const int64_t size = element_count(dtype, shape);
  Array* v = blank(dtype);
  ArrayRef r(v);
  v->shape = shape;
  v->strides = strides;
  v->size = size;
  v->contiguous = is_row_major(shape, strides);
  v->buffer = std::move(buffer);
  v->data = data;
  return r;
}

void copy_into(const Array& from, char* to) {
  const int64_t item = item_size(from.dtype);
  if (from.contiguous) {
    std::memcpy(to, from.data, static_cast<size_t>(from.size * item));
    return;
  }
  const Dims strides[1] = {from.strides};
  dispatch(from.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* out = reinterpret_cast<T*>(to);
    const T* in = from.as<T>();
    walk(from.shape, strides, [&](const int64_t (&at)[1], const int64_t (&step)[1], int64_t n) {
      const T* p = in + at[0];
      if (step[0] == 1) {
        std::memcpy(out, p, static_cast<size_t>(n) * sizeof(T));
      } else {
        for (int64_t i = 0; i < n; ++i) out[i] = p[i * step[0]];
      }
      out += n;
    });
  });
}

ArrayRef copy(const ArrayRef& a) {
  ArrayRef r = make(a->dtype, a->shape);
  copy_into(*a, r->data);
  return r;
}

ArrayRef copy_in_order(const Array& a) {
  ArrayRef r = make(a.dtype, a.shape);
  if (a.contiguous)
    copy_into(a, r->data);
  else
    fill_in_order(r.get(), a.data, a.strides);
  return r;
}

ArrayRef contiguous(const ArrayRef& a) { return a->contiguous ? a : copy(a); }

ArrayRef cast(const ArrayRef& a, DType to) {
  if (a->dtype == to) return a;
  ArrayRef from = a->contiguous ? a : arranged(a, kept_order(a->shape, a->strides));
  ArrayRef r = make(to, a->shape);
  if (!from->contiguous) r->strides = from->strides, r->contiguous = false;
  dispatch(from->dtype, [&](auto source) {
    using S = typename decltype(source)::type;
    dispatch(to, [&](auto target) {
      using T = typename decltype(target)::type;
      const S* in = from->as<S>();
      T* out = r->as<T>();
      if constexpr (std::is_same_v<T, uint8_t>) {
        for (int64_t i = 0; i < from->size; ++i) out[i] = in[i] != S(0);
      } else {
        for (int64_t i = 0; i < from->size; ++i) out[i] = static_cast<T>(in[i]);
      }
    });
  });
  return r;
}

Dims row_major(const Dims& shape) {
  Dims s = shape;
  int64_t step = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    s[i] = step;
    step = checked_product(step, shape[i]);
  }
  return s;
}

bool is_row_major(const Dims& shape, const Dims& strides) {
  int64_t step = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

bool without_gaps(const Array& a) {
  if (a.contiguous) return true;
  int64_t step = 1;
  for (bool found = true; found && step < a.size;) {
    found = false;
    for (int i = 0; i < a.ndim() && !found; ++i)
      if (a.shape[i] > 1 && a.strides[i] == step) step *= a.shape[i], found = true;
  }
  return step == a.size;
}

Dims kept_order(const Dims& shape, const Dims& strides) {
  if (shape.size() < 2 || is_row_major(shape, strides)) return row_major(shape);
  Dims r(shape.size(), 1);
  int64_t step = 1;
  const Dims order = by_stride(shape, strides);
  for (int k = order.size() - 1; k >= 0; --k) {
    r[static_cast<int>(order[k])] = step;
    step *= shape[static_cast<int>(order[k])];
  }
  return step == 0 ? row_major(shape) : r;
}

bool lies_as(const Array& a, const Dims& strides) {
  for (int i = 0; i < a.ndim(); ++i)
    if (a.shape[i] > 1 && a.strides[i] != strides[i]) return a.size == 0;
  return true;
}

ArrayRef arranged(const ArrayRef& a, const Dims& strides) {
  if (lies_as(*a, strides)) return a;
  Dims to_order = by_stride(a->shape, strides), lengths, steps;
  for (int64_t axis : to_order) {
    lengths.push_back(a->shape[static_cast<int>(axis)]);
    steps.push_back(a->strides[static_cast<int>(axis)]);
  }
  ArrayRef r = make(a->dtype, a->shape);
  r->strides = strides;
  r->contiguous = is_row_major(a->shape, strides);
  copy_into(frame(a->dtype, lengths, steps, a->data), r->data);
  return r;
}

Dims broadcast_shapes(const Dims& a, const Dims& b, const char* op) {
  if (a == b || b.empty()) return a;
  if (a.empty()) return b;
  const int n = std::max(a.size(), b.size());
  Dims r(n, 1);
  for (int i = 0; i < n; ++i) {
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1)
      value_error("wengert." + std::string(op) + ": shapes " + a.str() + " and " + b.str() +
                  " do not broadcast: aligned from the right, sizes must be equal or 1");
    r[n - 1 - i] = x == 1 ? y : x;
  }
  return r;
}

ArrayRef broadcast_to(const ArrayRef& a, const Dims& shape) {
  if (a->shape == shape) return a;
  const int lead = shape.size() - a->ndim();
  Dims strides(shape.size(), 0);
  bool ok = lead >= 0;
  for (int i = 0; ok && i < a->ndim(); ++i) {
    if (a->shape[i] == shape[lead + i])
      strides[lead + i] = a->shape[i] == 1 ? 0 : a->strides[i];
    else
      ok = a->shape[i] == 1;
  }
  if (!ok)
    value_error("wengert.broadcast_to: an array of shape " + a->shape.str() + " does not broadcast to " + shape.str());
  return view(a, shape, strides);
}

double item(const Array& a, int64_t flat) {
  return dispatch(a.dtype, [&](auto tag) { return static_cast<double>(a.as<typename decltype(tag)::type>()[flat]); });
}

int64_t item_int(const Array& a, int64_t flat) {
  return dispatch(a.dtype, [&](auto tag) { return static_cast<int64_t>(a.as<typename decltype(tag)::type>()[flat]); });
}

std::string describe(const Array& a) { return std::string(dtype_name(a.dtype)) + " array of shape " + a.shape.str(); }

}  // namespace wengert::core
