// Elementwise work on two operands that do not lie alike: broadcast, transposed, with gaps. Nothing is copied whole;
// what a kernel cannot read in place is brought together a tile at a time.
#pragma once
#include <algorithm>
#include <cstdlib>

#include "core/array.h"
#include "core/unlocked.h"
#include "simd/kernels/reduce.h"
#include "simd/threads.h"

namespace wengert::ops {

// Long arrays are cut into fixed blocks for the threads; the elements do not depend on each other, so neither do
// results on the cut. Below kLong one thread is faster than waking another (about 5 us).
// Below kBrief it takes more than 50 us for few functions (see threads.h).
inline constexpr int64_t kLong = 1 << 15, kPiece = 1 << 13, kBrief = 1 << 18;

inline core::Dims aligned_strides(const core::Array& a, const core::Dims& shape) {
  core::Dims s(shape.size(), 0);
  const int lead = shape.size() - a.ndim();
  for (int i = 0; i < a.ndim(); ++i) s[lead + i] = a.shape[i] == 1 ? 0 : a.strides[i];
  return s;
}

// kernel(a, b, y, n, ia, ib) over operands a and b and a row-major result y of the given shape.
template <class T, class Kernel> class PairLoop {
 public:
  PairLoop(const core::Dims& shape, const core::Dims& a, const core::Dims& b, int64_t out_item, Kernel kernel)
      : shape_(shape), strides_{a, b, core::row_major(shape)}, out_item_(out_item), kernel_(kernel) {}

  void run(const char* a, const char* b, char* y) const {
    const int across = partner();
    if (across < 0) return runs(a, b, y);
    core::Dims outer = shape_;
    const int last = shape_.size() - 1;
    outer[across] = outer[last] = 1;
    core::walk(outer, strides_, [&](const int64_t (&at)[3], const int64_t (&step)[3], int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        tiles(across, a + (at[0] + i * step[0]) * item, b + (at[1] + i * step[1]) * item,
              y + (at[2] + i * step[2]) * out_item_);
      }
    });
  }

 private:
  static constexpr int64_t item = sizeof(T), kRows = 16, kCols = 256;
  static bool in_place(int64_t step) { return step == 0 || step == 1; }

  // The axis along which an operand lies that has gaps along the last one; -1 where there is none worth a tile.
  int partner() const {
    const int last = shape_.size() - 1;
    if (last < 1 || shape_[last] < kRows) return -1;
    for (int k = 0; k < 2; ++k) {
      if (in_place(strides_[k][last])) continue;
      for (int i = 0; i < last; ++i) {
        if (shape_[i] >= kRows && strides_[k][i] == 1) return i;
      }
    }
    return -1;
  }

  void tiles(int across, const char* a, const char* b, char* y) const {
    const int last = shape_.size() - 1;
    const int64_t rows = shape_[across], cols = shape_[last];
    T room[2][kRows * kCols];
    for (int64_t i = 0; i < rows; i += kRows) {
      const int64_t h = std::min(kRows, rows - i);
      for (int64_t j = 0; j < cols; j += kCols) {
        const int64_t w = std::min(kCols, cols - j);
        const char* from[2] = {a, b};
        int64_t row[2], step[2];
        for (int k = 0; k < 2; ++k) {
          row[k] = strides_[k][across];
          step[k] = strides_[k][last];
          from[k] += (i * row[k] + j * step[k]) * item;
          if (in_place(step[k])) continue;
          simd::copy_matrix(room[k], kCols, int64_t{1}, reinterpret_cast<const T*>(from[k]), row[k], step[k], h, w);
          from[k] = reinterpret_cast<const char*>(room[k]);
          row[k] = kCols;
          step[k] = 1;
        }
        for (int64_t r = 0; r < h; ++r) {
          kernel_(from[0] + r * row[0] * item, from[1] + r * row[1] * item,
                  y + ((i + r) * strides_[2][across] + j) * out_item_, w, static_cast<int>(step[0]),
                  static_cast<int>(step[1]));
        }
      }
    }
  }

  // Run after run along the last axis.
  void runs(const char* a, const char* b, char* y) const {
    T room[2][kCols];
    core::walk(shape_, strides_, [&](const int64_t (&at)[3], const int64_t (&step)[3], int64_t n) {
      const char *pa = a + at[0] * item, *pb = b + at[1] * item;
      char* out = y + at[2] * out_item_;
      if (in_place(step[0]) && in_place(step[1])) {
        kernel_(pa, pb, out, n, static_cast<int>(step[0]), static_cast<int>(step[1]));
        return;
      }
      for (int64_t i = 0; i < n; i += kCols) {
        const int64_t m = std::min(kCols, n - i);
        kernel_(packed(pa + i * step[0] * item, step[0], m, room[0]),
                packed(pb + i * step[1] * item, step[1], m, room[1]), out + i * out_item_, m, 1, 1);
      }
    });
  }

  static const char* packed(const char* from, int64_t stride, int64_t n, T* room) {
    const T* p = reinterpret_cast<const T*>(from);
    for (int64_t i = 0; i < n; ++i) room[i] = p[i * stride];
    return reinterpret_cast<const char*>(room);
  }

  core::Dims shape_, strides_[3];
  int64_t out_item_;
  Kernel kernel_;
};

// The broadcast pair a, b into y, which is fresh or a itself; long ones cut along their longest leading axis.
template <class T, class Kernel>
void run_pair(const core::Array& a, const core::Array& b, core::Array& y, Kernel kernel) {
  const core::Dims &shape = y.shape, sa = aligned_strides(a, shape), sb = aligned_strides(b, shape);
  const int64_t out_item = core::item_size(y.dtype);
  int axis = 0;
  while (axis < shape.size() && shape[axis] == 1) ++axis;
  if (y.size < kLong || axis == shape.size() || shape.size() > 4) {  // longer shapes allocate: not in a parallel loop
    return PairLoop<T, Kernel>(shape, sa, sb, out_item, kernel).run(a.data, b.data, y.data);
  }
  const core::Unlocked unlocked(std::max(a.size, b.size) >= kLong);
  const int64_t below = y.size / shape[axis], least = std::max<int64_t>(1, 2 * kPiece / below),
                step = (least + 15) / 16 * 16;  // whole tiles
  simd::parallel_for((shape[axis] + step - 1) / step, y.size < kBrief, [&](int64_t task) {
    const int64_t i = task * step;
    core::Dims piece = shape;
    piece[axis] = std::min(step, shape[axis] - i);
    PairLoop<T, Kernel>(piece, sa, sb, out_item, kernel)
        .run(a.data + i * sa[axis] * static_cast<int64_t>(sizeof(T)),
             b.data + i * sb[axis] * static_cast<int64_t>(sizeof(T)), y.data + i * below * out_item);
  });
}

}  // namespace wengert::ops
