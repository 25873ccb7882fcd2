// bench_kernels THREADS PART... (functions, products, rows; all of them where none is named) times the kernels without
// Python and prints one line a measurement: name, type, threads, seconds. Run by bench/kernels/__main__.py, which times
// NumPy beside it.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "math_functions.h"
#include "simd/dispatch.h"
#include "simd/kernels/gemm.h"
#include "simd/kernels/reduce.h"
#include "simd/kernels/softmax.h"
#include "simd/threads.h"

namespace wengert::simd {
namespace scalar {
double fma_rounds_f64(long rounds);
}
#if defined(__x86_64__)
namespace x86_64_v2 {
double fma_rounds_f64(long rounds);
}
namespace x86_64_v3 {
double fma_rounds_f64(long rounds);
}
namespace x86_64_v4 {
double fma_rounds_f64(long rounds);
}
#elif defined(__aarch64__)
namespace arm64 {
double fma_rounds_f64(long rounds);
}
#endif
}  // namespace wengert::simd

using namespace wengert::simd;

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// The best of several batches, each long enough for the clock.
template <class F> double best_time(F f) {
  double start = now();
  f();
  const double once = now() - start;
  const int repeats = std::max(1, int(1e-3 / (once + 1e-9))), batches = once > 0.05 ? 5 : 15;
  double best = once;
  for (int b = 0; b < batches; ++b) {
    start = now();
    for (int i = 0; i < repeats; ++i) f();
    best = std::min(best, (now() - start) / repeats);
  }
  return best;
}

template <class T> std::vector<T> values(int64_t n) {
  std::vector<T> v(n);
  for (int64_t i = 0; i < n; ++i) v[i] = T(0.05 + 0.9 * double(i * 7919 % n) / double(n));
  return v;
}

template <class T> const char* type() { return sizeof(T) == 8 ? "float64" : "float32"; }

template <class T> void print(const std::string& name, double seconds) {
  std::printf("%s %s %d %.6e\n", name.c_str(), type<T>(), num_threads(), seconds);
  std::fflush(stdout);
}

double (*fma_rounds())(long) {
#if defined(__x86_64__)
  switch (active()) {
    case Isa::x86_64_v2:
      return x86_64_v2::fma_rounds_f64;
    case Isa::x86_64_v3:
      return x86_64_v3::fma_rounds_f64;
    case Isa::x86_64_v4:
      return x86_64_v4::fma_rounds_f64;
    default:
      break;
  }
#elif defined(__aarch64__)
  if (active() == Isa::arm64) return arm64::fma_rounds_f64;
#endif
  return scalar::fma_rounds_f64;
}

const MathFunction* functions(int* count) {
#if defined(__x86_64__)
  switch (active()) {
    case Isa::x86_64_v2:
      return x86_64_v2::math_functions(count);
    case Isa::x86_64_v3:
      return x86_64_v3::math_functions(count);
    case Isa::x86_64_v4:
      return x86_64_v4::math_functions(count);
    default:
      break;
  }
#elif defined(__aarch64__)
  if (active() == Isa::arm64) return arm64::math_functions(count);
#endif
  return scalar::math_functions(count);
}

template <class T> void product(int64_t m, int64_t k, int64_t n, const char* form = "NN") {
  const auto a = values<T>(m * k), b = values<T>(k * n);
  std::vector<T> c(m * n);
  const bool at = form[0] == 'T', bt = form[1] == 'T';
  const MatView<T> av{a.data(), m, k, at ? 1 : k, at ? m : 1}, bv{b.data(), k, n, bt ? 1 : n, bt ? k : 1};
  const double t = best_time([&] { gemm(av, bv, c.data(), n); });
  print<T>("matmul-" + std::string(form) + "-" + std::to_string(m) + "x" + std::to_string(k) + "x" + std::to_string(n),
           t);
}

template <class T> void matrix_and_vector(int64_t n) {
  const auto a = values<T>(n * n), x = values<T>(n);
  std::vector<T> y(n), c(n * n);
  const std::string size = std::to_string(n);
  print<T>("gemv-N-" + size, best_time([&] { gemv({a.data(), n, n, n, 1}, x.data(), 1, y.data(), 1); }));
  print<T>("gemv-T-" + size, best_time([&] { gemv({a.data(), n, n, 1, n}, x.data(), 1, y.data(), 1); }));
  print<T>("outer-" + size, best_time([&] { gemm({x.data(), n, 1, 1, 1}, {x.data(), 1, n, n, 1}, c.data(), n); }));
}

template <class T> void products() {
  for (int64_t n : {2, 3, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048}) product<T>(n, n, n);
  const int64_t shapes[][3] = {{32, 64, 128}, {32, 128, 128}, {1, 128, 128}, {64, 784, 256}, {512, 1024, 2048}};
  for (const auto& s : shapes) product<T>(s[0], s[1], s[2]);
  for (const char* form : {"TN", "NT", "TT"}) {
    for (int64_t n : {16, 32, 64, 128, 256, 512, 1024}) product<T>(n, n, n, form);
  }
  const auto a = values<T>(160000), b = values<T>(160000);
  std::vector<T> c(160000);
  const MatView<T> av{a.data(), 4, 4, 4, 1}, bv{b.data(), 4, 4, 4, 1};
  print<T>("batched-10000x4x4", best_time([&] { gemm_batched(av, bv, c.data(), 4, 10000, 16, 16, 16); }));
  matrix_and_vector<T>(1000);
  const auto x = values<T>(1000000);
  T keep = 0;
  print<T>("dot-1000000", best_time([&] { keep += dot(1000000, x.data(), 1, x.data(), 1); }));
  if (keep == T(1)) std::printf("\n");
}

template <class T> void rows_and_sums() {
  const int64_t shapes[][2] = {{32, 10}, {1000, 10}, {128, 1000}, {1000, 1000}};
  for (const auto& s : shapes) {
    const auto x = values<T>(s[0] * s[1]);
    std::vector<T> y(x.size());
    print<T>("softmax-" + std::to_string(s[0]) + "x" + std::to_string(s[1]),
             best_time([&] { softmax_rows(x.data(), s[0], s[1], y.data()); }));
  }
  for (int64_t n : {1000, 10000, 100000, 1000000, 10000000}) {
    const auto x = values<T>(n);
    auto y = x;
    T keep = 0;
    // As many threads copy as sum and add.
    const int64_t piece = (n + num_threads() - 1) / num_threads();
    print<T>("copy-" + std::to_string(n), best_time([&] {
               parallel_for(num_threads(), [&](int64_t i) {
                 const int64_t from = i * piece, count = std::min(piece, n - from);
                 std::memcpy(y.data() + from, x.data() + from, count * sizeof(T));
               });
               asm volatile("" : : "r"(y.data()) : "memory");
             }));
    print<T>("sum-" + std::to_string(n), best_time([&] { keep += reduce(Reduction::sum, x.data(), n); }));
    print<T>("add_to-" + std::to_string(n), best_time([&] { add_to(y.data(), x.data(), n); }));
    if (keep == T(1)) std::printf("\n");
  }
}

// From the start of a parallel loop to its end, both threads having come.
void fork_join() {
  print<double>("fork-join", best_time([] {
                  std::atomic<int> there{0};
                  parallel_for(num_threads(), [&](int64_t) {
                    ++there;
                    const double since = now();
                    while (there < num_threads() && now() - since < 1e-3) {
                    }
                  });
                }));
}

// The bare loops, in one thread: 4096 elements, in cache.
template <class T> void elementwise() {
  int count;
  const MathFunction* table = functions(&count);
  const auto x = values<T>(4096);
  std::vector<T> y(x.size());
  for (int i = 0; i < count; ++i) {
    const double t = best_time([&] {
      if constexpr (sizeof(T) == 8) {
        table[i].f64(x.data(), x.data(), y.data(), 4096);
      } else {
        table[i].f32(x.data(), x.data(), y.data(), 4096);
      }
    });
    print<T>(std::string("elementwise-") + table[i].name, t);
  }
}

// Multiply-adds of so many threads at once. Whatever else runs on the machine takes from it, so the best is kept.
double peak(int threads) {
  double best = 0;
  set_num_threads(threads);
  for (int round = 0; round < 20; ++round) {
    std::vector<double> flops(threads);
    std::atomic<int> there{0};
    const double start = now();
    parallel_for(threads, [&](int64_t i) {
      ++there;
      while (there < threads && now() - start < 1e-2) {
      }
      flops[i] = fma_rounds()(200000);
    });
    const double seconds = now() - start;
    double sum = 0;
    for (double f : flops) sum += f;
    best = std::max(best, sum / seconds);
  }
  return best;
}

void print_peak(int threads) {
  std::printf("peak float64 %d %.6e\n", threads, peak(threads));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : 1;
  const auto wanted = [&](const char* part) {
    for (int i = 2; i < argc; ++i) {
      if (std::strcmp(argv[i], part) == 0) return true;
    }
    return argc <= 2;
  };
  std::printf("# %s\n", active_isa());
  print_peak(threads);
  if (wanted("functions")) {
    elementwise<double>();
    elementwise<float>();
  }
  if (wanted("products")) {
    products<double>();
    print_peak(threads);
    products<float>();
  }
  if (wanted("rows")) {
    rows_and_sums<double>();
    rows_and_sums<float>();
    if (threads > 1) fork_join();
  }
  print_peak(threads);
}
