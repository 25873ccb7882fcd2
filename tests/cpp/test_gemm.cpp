// Matrix products against the plain triple loop: every target the machine has, sizes around the tile and block edges,
// all strides, accumulation, epilogues; the same bits for 1, 2 and 4 threads.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "simd/dispatch.h"
#include "simd/kernels/gemm.h"
#include "simd/threads.h"

namespace {
using namespace wengert::simd;

std::mt19937_64 rng(7);

template <class T> std::vector<T> random_values(int64_t n) {
  std::uniform_real_distribution<T> d(-1, 1);
  std::vector<T> v(n + 1);
  for (T& x : v) x = d(rng);
  return v;
}

enum Layout { rows_contiguous, columns_contiguous, gaps, reversed, broadcast, layouts };

template <class T> MatView<T> view(const std::vector<T>& v, int64_t rows, int64_t cols, int layout) {
  const T* p = v.data();
  switch (layout) {
    case rows_contiguous:
      return {p, rows, cols, cols, 1};
    case columns_contiguous:
      return {p, rows, cols, 1, rows};
    case gaps:
      return {p, rows, cols, 2 * cols + 3, 2};
    case reversed:
      return {p + rows * cols - (rows && cols ? 1 : 0), rows, cols, -cols, -1};
    default:
      return {p, rows, cols, 0, 1};
  }
}

double activated(double x, Activation a) {
  switch (a) {
    case Activation::tanh:
      return std::tanh(x);
    case Activation::relu:
      return x > 0 ? x : 0;
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    default:
      return x;
  }
}

// An epilogue with an addend gets one that lies as C does.
template <class T>
void check_product(int64_t m, int64_t n, int64_t k, int la, int lb, bool accumulate, const Epilogue<T>* given) {
  const auto va = random_values<T>(2 * m * k + 3 * m + 8), vb = random_values<T>(2 * k * n + 3 * k + 8);
  const auto a = view(va, m, k, la), b = view(vb, k, n, lb);
  const int64_t ldc = n + 5;
  const auto before = random_values<T>(m * ldc);
  const auto addend = random_values<T>(m * ldc);
  auto c = before;
  Epilogue<T> own = given ? *given : Epilogue<T>{};
  const Epilogue<T>* ep = given ? &own : nullptr;
  if (own.addend) {
    own.addend = addend.data();
    own.origin = c.data();
  }
  gemm(a, b, c.data(), ldc, accumulate, ep);
  double worst = 0;
  bool outside = true;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < ldc; ++j) {
      if (j >= n) {
        outside = outside && c[i * ldc + j] == before[i * ldc + j];
        continue;
      }
      long double s = accumulate ? before[i * ldc + j] : 0;
      for (int64_t p = 0; p < k; ++p) {
        s += (long double)a.data[i * a.row_stride + p * a.col_stride] * b.data[p * b.row_stride + j * b.col_stride];
      }
      double expected = double(s);
      if (ep)
        expected =
            activated(expected + (ep->addend ? addend[i * ldc + j] : 0) + (ep->bias ? ep->bias[j] : 0), ep->activation);
      worst = std::fmax(worst, std::fabs(expected - c[i * ldc + j]));
    }
  }
  const double tolerance = (k + 4) * (sizeof(T) == 8 ? 2.3e-16 : 1.2e-7);
  CHECK(worst <= tolerance, "%s f%d %ldx%ldx%ld layouts %d %d accumulate %d: error %g > %g", active_isa(),
        int(8 * sizeof(T)), long(m), long(n), long(k), la, lb, accumulate, worst, tolerance);
  CHECK(outside, "%s f%d %ldx%ldx%ld wrote outside C", active_isa(), int(8 * sizeof(T)), long(m), long(n), long(k));
}

template <class T> void products() {
  const int64_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 33, 47, 49, 65};
  for (int64_t m : sizes) {
    for (int64_t n : sizes) {
      const int64_t k = sizes[rng() % 19];
      check_product<T>(m, n, k, rng() % layouts, rng() % layouts, rng() % 2, nullptr);
      check_product<T>(m, n, k, rows_contiguous, rows_contiguous, rng() % 2, nullptr);
    }
  }
  for (int la = 0; la < layouts; ++la) {
    for (int lb = 0; lb < layouts; ++lb) {
      check_product<T>(5, 6, 7, la, lb, false, nullptr);
      check_product<T>(1, 70, 130, la, lb, true, nullptr);
      check_product<T>(70, 1, 130, la, lb, true, nullptr);
      check_product<T>(1, 1, 130, la, lb, true, nullptr);
      check_product<T>(70, 90, 600, la, lb, true, nullptr);
      check_product<T>(203, 101, 130, la, lb, false, nullptr);
      check_product<T>(3, 4, 0, la, lb, false, nullptr);
      check_product<T>(3, 4, 0, la, lb, true, nullptr);
    }
  }
  check_product<T>(450, 3100, 9, 0, 0, true, nullptr);
  const auto bias = random_values<T>(200);
  for (Activation act : {Activation::none, Activation::tanh, Activation::relu, Activation::sigmoid}) {
    for (const auto& [with_bias, with_addend] : {std::pair{0, 0}, {1, 0}, {0, 1}, {1, 1}}) {
      const Epilogue<T> ep{with_bias ? bias.data() : nullptr, act, with_addend ? bias.data() : nullptr};
      check_product<T>(5, 6, 0, 0, 0, false, &ep);
      check_product<T>(5, 6, 7, 0, 0, false, &ep);
      check_product<T>(1, 130, 7, 0, 0, false, &ep);
      check_product<T>(30, 1, 7, 0, 0, false, &ep);
      check_product<T>(90, 130, 300, 0, 1, true, &ep);
      check_product<T>(330, 190, 110, 0, 0, true, &ep);  // several strips of rows
      check_product<T>(40, 170, 600, 1, 0, false, &ep);  // several blocks of k
      check_product<T>(17, 190, 20, 0, 1, false, &ep);
    }
  }
}

template <class T> void batches() {
  for (int64_t n : {1, 2, 3, 4, 5, 8, 16, 33}) {
    for (int layout : {rows_contiguous, columns_contiguous}) {
      const int64_t batch = 37;
      const auto va = random_values<T>(batch * n * n), vb = random_values<T>(batch * n * n);
      std::vector<T> c(batch * n * n), one(n * n);
      gemm_batched(view(va, n, n, rows_contiguous), view(vb, n, n, layout), c.data(), n, batch, n * n, n * n, n * n);
      double worst = 0;
      for (int64_t i = 0; i < batch; ++i) {
        auto a = view(va, n, n, rows_contiguous), b = view(vb, n, n, layout);
        a.data += i * n * n;
        b.data += i * n * n;
        for (int64_t r = 0; r < n * n; ++r) {
          long double s = 0;
          for (int64_t p = 0; p < n; ++p) {
            s += (long double)a.data[r / n * a.row_stride + p * a.col_stride] *
                 b.data[p * b.row_stride + r % n * b.col_stride];
          }
          worst = std::fmax(worst, std::fabs(double(s) - c[i * n * n + r]));
        }
      }
      CHECK(worst <= (n + 4) * (sizeof(T) == 8 ? 2.3e-16 : 1.2e-7), "%s batched %ld layout %d: %g", active_isa(),
            long(n), layout, worst);
    }
  }
}

template <class T> void same_bits_for_any_thread_count() {
  struct Shape {
    int64_t m, n, k;
  };
  for (Shape s : {Shape{300, 310, 320},
                  {64, 2000, 100},
                  {2000, 64, 100},
                  {1, 2000, 1000},
                  {3000, 1, 500},
                  {32, 128, 128},
                  {9, 700, 300},
                  {130, 9, 700}}) {
    const auto va = random_values<T>(s.m * s.k), vb = random_values<T>(s.k * s.n), bias = random_values<T>(s.n);
    const Epilogue<T> epilogue{bias.data(), Activation::tanh};
    for (int lb : {rows_contiguous, columns_contiguous}) {
      std::vector<T> first;
      for (int threads : {1, 2, 4, 3}) {
        set_num_threads(threads);
        std::vector<T> c(s.m * s.n);
        gemm(view(va, s.m, s.k, lb), view(vb, s.k, s.n, lb), c.data(), s.n);
        gemm(view(va, s.m, s.k, lb), view(vb, s.k, s.n, lb), c.data(), s.n, true, &epilogue);
        if (first.empty()) first = c;
        CHECK(std::memcmp(first.data(), c.data(), c.size() * sizeof(T)) == 0, "%s f%d %ldx%ldx%ld with %d threads",
              active_isa(), int(8 * sizeof(T)), long(s.m), long(s.n), long(s.k), threads);
      }
    }
  }
  std::vector<T> first;
  const auto va = random_values<T>(5000 * 64), vb = random_values<T>(5000 * 64);
  for (int threads : {1, 2, 4}) {
    set_num_threads(threads);
    std::vector<T> c(5000 * 64);
    gemm_batched(MatView<T>{va.data(), 8, 8, 8, 1}, MatView<T>{vb.data(), 8, 8, 8, 1}, c.data(), 8, 5000, 64, 64, 64);
    if (first.empty()) first = c;
    CHECK(std::memcmp(first.data(), c.data(), c.size() * sizeof(T)) == 0, "%s batched, %d threads", active_isa(),
          threads);
  }
  set_num_threads(2);
}

template <class T> void inner_products() {
  for (int64_t n : {0, 1, 2, 7, 8, 9, 63, 64, 65, 1000}) {
    const auto x = random_values<T>(3 * n), y = random_values<T>(3 * n);
    for (int64_t s : {1, 3}) {
      long double e = 0;
      for (int64_t i = 0; i < n; ++i) e += (long double)x[i * s] * y[i * s];
      const double got = dot(n, x.data(), s, y.data(), s);
      CHECK(std::fabs(got - double(e)) <= (n + 4) * (sizeof(T) == 8 ? 2.3e-16 : 1.2e-7), "%s dot %ld: %g", active_isa(),
            long(n), got - double(e));
    }
  }
}

}  // namespace

int main() {
  const std::string all = supported_isas();
  for (size_t at = 0; at < all.size();) {
    const size_t end = std::min(all.find(',', at), all.size());
    CHECK(set_isa(all.substr(at, end - at).c_str()), "cannot select %s", all.substr(at, end - at).c_str());
    at = end + 1;
    products<double>();
    products<float>();
    batches<double>();
    batches<float>();
    inner_products<double>();
    inner_products<float>();
    same_bits_for_any_thread_count<double>();
    same_bits_for_any_thread_count<float>();
  }
  CHECK(!set_isa("z80"), "an unknown instruction set was accepted");
  return report();
}
