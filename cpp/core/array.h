// The n-dimensional array: dtype, shape, strides (in elements) and storage, with value semantics. Small payloads live
// inside the object, so that a scalar costs one entry of a free list.
#pragma once
#include <string>

#include "core/dims.h"
#include "core/pool.h"
#include "core/ref.h"
#include "core/types.h"

namespace wengert::core {

struct Array;
using ArrayRef = Ref<Array>;

struct Array {
  int64_t refs = 0;
  char* data = nullptr;
  int64_t size = 1;
  Ref<Buffer> buffer;  // empty: the data are in payload
  DType dtype = DType::f64;
  bool contiguous = true;  // row-major without gaps
  Dims shape, strides;
  alignas(16) char payload[32];

  static void destroy(Array* a) {
    a->~Array();
    small_free(a, sizeof(Array));
  }
  int ndim() const { return shape.size(); }
  int64_t bytes() const { return size * item_size(dtype); }
  template <class T> T* as() const { return reinterpret_cast<T*>(data); }
  // May be overwritten by whoever holds the only reference to this object.
  bool sole_owner() const { return refs == 1 && contiguous && (!buffer || (buffer->refs == 1 && !buffer->drop)); }
};

// The number of elements of an array of that type and shape; throws where there can be none: a size is negative, or it
// would be larger than kMostBytes. Empty axes count as one there, so that no product of some of the sizes overflows.
int64_t element_count(DType dtype, const Dims& shape);

ArrayRef make(DType dtype, const Dims& shape);       // contents undefined
ArrayRef make_like(const Array& a, DType dtype);     // of the shape of a; contents undefined
ArrayRef make_laid_as(const Array& a, DType dtype);  // also of its strides; a lies without gaps
ArrayRef make_scalar(DType dtype);                   // 0-d, contents undefined
ArrayRef scalar(double v, DType dtype);
ArrayRef scalar_int(int64_t v, DType dtype);
ArrayRef zeros(DType dtype, const Dims& shape);
ArrayRef full(DType dtype, const Dims& shape, double v);
// Another look at the same storage.
ArrayRef view(const ArrayRef& a, const Dims& shape, const Dims& strides, int64_t offset = 0);
ArrayRef foreign(DType dtype, const Dims& shape, const Dims& strides, Ref<Buffer> buffer, char* data);

ArrayRef contiguous(const ArrayRef& a);      // itself when it already is
ArrayRef copy(const ArrayRef& a);            // always fresh and contiguous
ArrayRef copy_in_order(const Array& a);      // fresh, without gaps, in the order of the axes of a
ArrayRef cast(const ArrayRef& a, DType to);  // in the order of axes of a
// Itself if it lies so already, else a copy; the strides leave no gaps (see kept_order).
ArrayRef arranged(const ArrayRef& a, const Dims& strides);
bool lies_as(const Array& a, const Dims& strides);  // up to axes of length 1
void copy_into(const Array& from, char* to);        // row-major, same dtype

Dims row_major(const Dims& shape);
bool is_row_major(const Dims& shape, const Dims& strides);
bool without_gaps(const Array& a);  // row-major but for the order of its axes: what transposition makes of one
// Strides of a copy without gaps that keeps the order of the axes: NumPy's order "K". Row-major where they tie.
Dims kept_order(const Dims& shape, const Dims& strides);
Dims broadcast_shapes(const Dims& a, const Dims& b, const char* op);
ArrayRef broadcast_to(const ArrayRef& a, const Dims& shape);
double item(const Array& a, int64_t flat = 0);  // element of a contiguous array as double
int64_t item_int(const Array& a, int64_t flat = 0);
std::string describe(const Array& a);  // "float64 array of shape (2, 3)"

// Walks all positions of `shape` in row-major order along up to N stride lists, innermost axis handed over whole:
// body(pointers, inner strides in elements, count). Adjacent axes are merged where every operand allows.
template <int N, class Body> void walk(const Dims& shape, const Dims (&strides)[N], Body&& body) {
  int64_t dim[kMaxDims], step[N][kMaxDims];
  int n = 0;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return;
    if (shape[i] == 1) continue;
    bool merge = n > 0;
    for (int k = 0; merge && k < N; ++k) merge = step[k][n - 1] == strides[k][i] * shape[i];
    if (merge) {
      dim[n - 1] *= shape[i];
      for (int k = 0; k < N; ++k) step[k][n - 1] = strides[k][i];
    } else {
      dim[n] = shape[i];
      for (int k = 0; k < N; ++k) step[k][n] = strides[k][i];
      ++n;
    }
  }
  int64_t offset[N] = {}, inner[N], index[kMaxDims] = {};
  if (n == 0) {
    for (int k = 0; k < N; ++k) inner[k] = 1;
    body(offset, inner, int64_t{1});
    return;
  }
  const int last = n - 1;
  for (int k = 0; k < N; ++k) inner[k] = step[k][last];
  while (true) {
    body(offset, inner, dim[last]);
    int axis = last - 1;
    for (; axis >= 0; --axis) {
      for (int k = 0; k < N; ++k) offset[k] += step[k][axis];
      if (++index[axis] < dim[axis]) break;
      for (int k = 0; k < N; ++k) offset[k] -= step[k][axis] * dim[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

}  // namespace wengert::core
