// Runs groups of elementwise operations: all operations on one tile, then the next tile.
#include <algorithm>
#include <cstring>

#include "program/run/fused.h"
#include "simd/kernels/reduce.h"
#include "simd/threads.h"

namespace wengert::program {
namespace {

// Additions worth a second thread (2.5 us), and those up to which a loop is brief (see threads.h).
constexpr double kParallelWork = 1 << 16, kBriefWork = 1 << 19;
constexpr double kBlockWork = 1 << 13;
constexpr int64_t kMostBlocks = 32;
constexpr int64_t kVector = 64;  // bytes

template <class F> void by_item(uint8_t item, F&& f) {
  if (item == 8)
    f(uint64_t{});
  else if (item == 4)
    f(uint32_t{});
  else
    f(uint8_t{});
}

// n elements; few of them without the call that a size unknown to the compiler costs (5 ns, as much as an operation).
void copy_elements(const char* from, char* to, uint8_t item, int64_t n) {
  if (n * item > kVector) {
    std::memcpy(to, from, static_cast<size_t>(n * item));
    return;
  }
  by_item(item, [&]<class T>(T v) {
    for (int64_t i = 0; i < n; ++i) {
      std::memcpy(&v, from + i * int64_t(sizeof v), sizeof v);
      std::memcpy(to + i * int64_t(sizeof v), &v, sizeof v);
    }
  });
}

// The last of n elements, repeated to the end of a vector: what lies behind the elements is computed with, and must not
// be slow or a trap.
void pad(char* p, uint8_t item, int64_t n, int64_t padded) {
  by_item(item, [&]<class T>(T last) {
    std::memcpy(&last, p + (n - 1) * int64_t(sizeof last), sizeof last);
    for (int64_t i = n; i < padded; ++i) std::memcpy(p + i * int64_t(sizeof last), &last, sizeof last);
  });
}

void splat(const char* from, char* to, uint8_t item) {
  by_item(item, [&]<class T>(T v) {
    std::memcpy(&v, from, sizeof v);
    for (size_t i = 0; i < kVector / sizeof v; ++i) std::memcpy(to + i * sizeof v, &v, sizeof v);
  });
}

class Range {
 public:
  Range(const Fused& f, char* const* base, char* scratch)
      : f_(f), base_(base), scratch_(scratch), at_(reinterpret_cast<char**>(scratch)), results_(f.operands.size()) {
    for (size_t k = 0; k < f.at.size(); ++k) at_[k] = scratch + f.at[k];
    for (size_t k = 0; k < f.operands.size(); ++k) {
      const Fused::Operand& o = f.operands[k];
      if (o.pattern == Fused::single) splat(base[o.storage] + o.offset, at_[k], o.item);
      if (o.pattern == Fused::row && f.packed) repeat_row(o, at_[k]);
    }
  }

  // Elements [from, to), both multiples of the block (or the end).
  void run(int64_t from, int64_t to) {
    for (int64_t first = from, n; first < to; first += n) {
      n = std::min(f_.tile, to - first);
      if (f_.cols && !f_.packed) n = std::min(n, f_.cols - first % f_.cols);
      const int64_t padded = (n + f_.unit - 1) / f_.unit * f_.unit;
      read(first, n, padded);
      for (size_t k = 0; k < f_.results.size(); ++k)
        if (padded == n) at_[results_ + k] = memory(f_.results[k], first);
      for (const Fused::Sum& s : f_.sums)
        if (s.local >= results_ + f_.results.size())
          at_[s.local] = scratch_ + f_.at[s.local] + first % s.chunk * core::item_size(s.dtype);
      run_ops(padded);
      if (padded != n) write(first, n);
      for (const Fused::Sum& s : f_.sums) sum(s, first, n);
    }
  }

 private:
  template <class R> char* memory(const R& r, int64_t element) const {
    return base_[r.storage] + r.offset + element * r.item;
  }

  void repeat_row(const Fused::Operand& o, char* to) const {
    const int64_t bytes = f_.cols * o.item, n = std::min(f_.tile, f_.size);
    for (int64_t r = 0; r < n / f_.cols; ++r)
      std::memcpy(to + r * bytes, base_[o.storage] + o.offset, static_cast<size_t>(bytes));
    pad(to, o.item, n, (n + f_.unit - 1) / f_.unit * f_.unit);
  }

  void repeat_each(const Fused::Operand& o, char* to, int64_t row, int64_t rows) const {
    by_item(o.item, [&]<class T>(T) {
      const T* p = reinterpret_cast<const T*>(base_[o.storage] + o.offset) + row;
      T* out = reinterpret_cast<T*>(to);
      for (int64_t r = 0; r < rows; ++r, out += f_.cols) std::fill_n(out, f_.cols, p[r]);
    });
  }

  // Tiles that are no whole vectors are worked on in copies.
  void read_elements(size_t k, const Fused::Operand& o, int64_t first, int64_t n, int64_t padded) {
    at_[k] = memory(o, first);
    if (padded == n) return;
    char* to = scratch_ + f_.at[k];
    copy_elements(at_[k], to, o.item, n);
    pad(to, o.item, n, padded);
    at_[k] = to;
  }

  void read(int64_t first, int64_t n, int64_t padded) {
    const int64_t row = f_.cols ? first / f_.cols : 0;
    for (size_t k = 0; k < f_.operands.size(); ++k) {
      const Fused::Operand& o = f_.operands[k];
      if (o.pattern == Fused::full) {
        read_elements(k, o, first, n, padded);
      } else if (o.pattern == Fused::row && !f_.packed) {
        read_elements(k, o, first % f_.cols, n, padded);
      } else if (o.pattern == Fused::column && f_.packed) {
        repeat_each(o, at_[k], row, n / f_.cols);
        pad(at_[k], o.item, n, padded);
      } else if (o.pattern == Fused::column) {
        splat(memory(o, row), at_[k], o.item);
      }
    }
    if (padded != n)
      for (size_t k = 0; k < f_.results.size(); ++k) at_[results_ + k] = scratch_ + f_.at[results_ + k];
  }

  void run_ops(int64_t n) const {
    char* const* at = at_;
    for (const Fused::Op& op : f_.ops) {
      switch (op.arity) {
        case 1:
          op.f1(at[op.in[0]], at[op.out], n);
          break;
        case 2:
          op.f2(at[op.in[0]], at[op.in[1]], at[op.out], n, op.step[0], op.step[1]);
          break;
        default:
          op.f3(at[op.in[0]], at[op.in[1]], at[op.in[2]], at[op.out], n, op.step[0], op.step[1], op.step[2]);
      }
    }
  }

  void write(int64_t first, int64_t n) const {
    for (size_t k = 0; k < f_.results.size(); ++k)
      copy_elements(at_[results_ + k], memory(f_.results[k], first), f_.results[k].item, n);
  }

  void sum(const Fused::Sum& s, int64_t first, int64_t n) const {
    const int64_t start = first / s.chunk * s.chunk, end = first + n;
    if (end % s.chunk != 0 && end != f_.size) return;
    const bool inside = s.local >= results_ + f_.results.size();
    auto run = [&]<class T>(core::TypeTag<T>) {
      const char* from = inside ? scratch_ + f_.at[s.local] : memory(f_.results[s.local - results_], start);
      T* parts = reinterpret_cast<T*>(base_[s.parts]);
      simd::reduce_rows_of(simd::Reduction::sum, reinterpret_cast<const T*>(from), 1, end - start, end - start,
                           parts + start / s.chunk);
    };
    core::for_float(s.dtype, run);
  }

  const Fused& f_;
  char* const* base_;
  char* scratch_;
  char** at_;
  size_t results_;  // the first local that is one
};

struct Scratch {
  std::vector<char> bytes;
  char* get(int64_t n) {
    if (static_cast<int64_t>(bytes.size()) < n + kVector) bytes.resize(static_cast<size_t>(n + kVector));
    return reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(bytes.data()) + kVector - 1) / kVector * kVector);
  }
};
thread_local Scratch scratch_of_thread;

void finish(const Fused& f, const Fused::Sum& s, char* const* base) {
  auto run = [&]<class T>(core::TypeTag<T>) {
    const T total = simd::sum_of_chunks(reinterpret_cast<const T*>(base[s.parts]), f.size);
    *reinterpret_cast<T*>(base[s.storage] + s.offset) =
        s.mean ? total / static_cast<T>(static_cast<double>(f.size)) : total;
  };
  core::for_float(s.dtype, run);
}

}  // namespace

int64_t lay_out_scratch(Fused& f) {
  const size_t named = f.operands.size() + f.results.size(), locals = named + f.slots;
  int64_t bytes = (static_cast<int64_t>(locals * sizeof(char*)) + kVector - 1) / kVector * kVector;
  f.at.resize(locals);
  for (size_t k = 0; k < locals; ++k) {
    f.at[k] = bytes;
    int64_t own = f.pitch;
    if (k < f.operands.size()) {
      const auto p = f.operands[k].pattern;
      if (p == Fused::single || (p == Fused::column && !f.packed)) own = kVector;
    }
    for (const Fused::Sum& s : f.sums)
      if (s.local == k) own = s.chunk * core::item_size(s.dtype) + 2 * kVector;
    bytes += own;
  }
  return bytes;
}

void run_fused(const Fused& f, char* const* base) {
  const int64_t units = (f.size + f.block - 1) / f.block;
  if (f.work < kParallelWork || units == 1) {
    Range(f, base, scratch_of_thread.get(f.scratch)).run(0, f.size);
  } else {
    const int64_t blocks = std::min({units, kMostBlocks, static_cast<int64_t>(f.work / kBlockWork)});
    const int64_t block = (units + blocks - 1) / blocks * f.block;
    simd::parallel_for((f.size + block - 1) / block, f.work < kBriefWork, [&](int64_t b) {
      Range(f, base, scratch_of_thread.get(f.scratch)).run(b * block, std::min(f.size, (b + 1) * block));
    });
  }
  for (const Fused::Sum& s : f.sums) finish(f, s, base);
}

}  // namespace wengert::program
