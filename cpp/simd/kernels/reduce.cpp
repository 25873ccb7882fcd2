#include "simd/kernels/reduce.h"

#include <vector>

#include "simd/kernel_table.h"
#include "simd/threads.h"

namespace wengert::simd {
namespace {

// Below this many elements one thread is faster than two.
constexpr int64_t parallel_limit = 1 << 16, brief_limit = 1 << 19;

template <class T> T reduce_one(Reduction op, const T* x, int64_t n) {
  const auto kernel = kernels().reduce<T>().rows[int(op)];
  T result;
  if (n <= reduce_block) {
    kernel(x, 1, n, 0, &result);
    return result;
  }
  const int64_t blocks = (n + reduce_block - 1) / reduce_block;
  std::vector<T> part(blocks);
  const auto body = [&](int64_t b) {
    const int64_t i = b * reduce_block;
    kernel(x + i, 1, n - i < reduce_block ? n - i : reduce_block, 0, &part[b]);
  };
  if (n < parallel_limit) {
    for (int64_t b = 0; b < blocks; ++b) body(b);
  } else {
    parallel_for(blocks, n < brief_limit, body);
  }
  return reduce_one(op, part.data(), blocks);
}

// Pairwise, as the kernels combine the chunks of one block.
template <class T> T combined(std::vector<T> part) {
  size_t parts = part.size();
  for (; parts > 1; parts = (parts + 1) / 2) {
    for (size_t i = 0; i + 1 < parts; i += 2) part[i / 2] = part[i] + part[i + 1];
    if (parts % 2) part[parts / 2] = part[parts - 1];
  }
  return part[0];
}

template <class T> T sum_from(const T* chunks, int64_t n) {
  const int64_t chunk = kernels().reduce<T>().chunk, in_block = reduce_block / chunk, count = (n + chunk - 1) / chunk;
  std::vector<T> blocks;
  for (int64_t i = 0; i < count; i += in_block)
    blocks.push_back(combined(std::vector<T>(chunks + i, chunks + (count - i < in_block ? count : i + in_block))));
  return blocks.size() == 1 ? blocks[0] : reduce_one(Reduction::sum, blocks.data(), int64_t(blocks.size()));
}

template <class T> void rows_of(Reduction op, const T* x, int64_t rows, int64_t cols, int64_t row_stride, T* y) {
  if (cols > reduce_block) {
    for (int64_t i = 0; i < rows; ++i) y[i] = reduce_one(op, x + i * row_stride, cols);
    return;
  }
  const auto kernel = kernels().reduce<T>().rows[int(op)];
  if (rows * cols < parallel_limit) return kernel(x, rows, cols, row_stride, y);
  const int64_t run = 1 + reduce_block / (cols + 1);
  parallel_for((rows + run - 1) / run, rows * cols < brief_limit, [&](int64_t task) {
    const int64_t i = task * run;
    kernel(x + i * row_stride, rows - i < run ? rows - i : run, cols, row_stride, y + i);
  });
}

template <class T> void columns_of(Reduction op, const T* x, int64_t rows, int64_t cols, int64_t row_stride, T* y) {
  const auto kernel = kernels().reduce<T>().columns[int(op)];
  if (rows <= reduce_rows && rows * cols < parallel_limit) return kernel(x, rows, cols, row_stride, y);
  constexpr int64_t width = 1024;
  const int64_t down = rows == 0 ? 1 : (rows + reduce_rows - 1) / reduce_rows, across = (cols + width - 1) / width;
  std::vector<T> part(down > 1 ? down * cols : 0);
  const auto body = [&](int64_t task) {
    const int64_t i = task / across * reduce_rows, j = task % across * width;
    kernel(x + i * row_stride + j, rows - i < reduce_rows ? rows - i : reduce_rows, cols - j < width ? cols - j : width,
           row_stride, (down > 1 ? part.data() + task / across * cols : y) + j);
  };
  if (rows * cols < parallel_limit) {
    for (int64_t task = 0; task < down * across; ++task) body(task);
  } else {
    parallel_for(down * across, rows * cols < brief_limit, body);
  }
  if (down > 1) columns_of(op, part.data(), down, cols, cols, y);
}

template <class T> void add_any(T* y, const T* x, int64_t n) {
  const auto kernel = kernels().reduce<T>().add_to;
  if (n < parallel_limit) return kernel(y, x, n);
  parallel_for((n + reduce_block - 1) / reduce_block, n < brief_limit, [&](int64_t b) {
    const int64_t i = b * reduce_block;
    kernel(y + i, x + i, n - i < reduce_block ? n - i : reduce_block);
  });
}

template <class T> void scaled_add_any(T* y, T scale, const T* x, int64_t n) {
  const auto kernel = kernels().reduce<T>().scaled_add_to;
  if (n < parallel_limit) return kernel(y, scale, x, n);
  parallel_for((n + reduce_block - 1) / reduce_block, n < brief_limit, [&](int64_t b) {
    const int64_t i = b * reduce_block;
    kernel(y + i, scale, x + i, n - i < reduce_block ? n - i : reduce_block);
  });
}

template <class T> void cumsum_any(const T* x, int64_t rows, int64_t cols, T* y) {
  const auto kernel = kernels().reduce<T>().cumsum_rows;
  if (rows * cols < parallel_limit) return kernel(x, rows, cols, y);
  const int64_t run = 1 + reduce_block / (cols + 1);
  parallel_for((rows + run - 1) / run, rows * cols < brief_limit, [&](int64_t task) {
    const int64_t i = task * run;
    kernel(x + i * cols, rows - i < run ? rows - i : run, cols, y + i * cols);
  });
}

}  // namespace

int64_t sum_chunk(int64_t item) { return item == 8 ? kernels().reduce_f64.chunk : kernels().reduce_f32.chunk; }
double sum_of_chunks(const double* chunks, int64_t n) { return sum_from(chunks, n); }
float sum_of_chunks(const float* chunks, int64_t n) { return sum_from(chunks, n); }
double reduce(Reduction op, const double* x, int64_t n) { return reduce_one(op, x, n); }
float reduce(Reduction op, const float* x, int64_t n) { return reduce_one(op, x, n); }
void reduce_rows_of(Reduction op, const double* x, int64_t rows, int64_t cols, int64_t row_stride, double* y) {
  rows_of(op, x, rows, cols, row_stride, y);
}
void reduce_rows_of(Reduction op, const float* x, int64_t rows, int64_t cols, int64_t row_stride, float* y) {
  rows_of(op, x, rows, cols, row_stride, y);
}
void reduce_columns_of(Reduction op, const double* x, int64_t rows, int64_t cols, int64_t row_stride, double* y) {
  columns_of(op, x, rows, cols, row_stride, y);
}
void reduce_columns_of(Reduction op, const float* x, int64_t rows, int64_t cols, int64_t row_stride, float* y) {
  columns_of(op, x, rows, cols, row_stride, y);
}
void cumsum_rows(const double* x, int64_t rows, int64_t cols, double* y) { cumsum_any(x, rows, cols, y); }
void cumsum_rows(const float* x, int64_t rows, int64_t cols, float* y) { cumsum_any(x, rows, cols, y); }
void add_to(double* y, const double* x, int64_t n) { add_any(y, x, n); }
void add_to(float* y, const float* x, int64_t n) { add_any(y, x, n); }
void scaled_add_to(double* y, double scale, const double* x, int64_t n) { scaled_add_any(y, scale, x, n); }
void scaled_add_to(float* y, float scale, const float* x, int64_t n) { scaled_add_any(y, scale, x, n); }

}  // namespace wengert::simd
