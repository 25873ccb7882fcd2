// Reductions and the softmax family against long double loops, in every target; the same bits for 1, 2 and 4 threads.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "simd/dispatch.h"
#include "simd/kernels/reduce.h"
#include "simd/kernels/softmax.h"
#include "simd/threads.h"

namespace {
using namespace wengert::simd;

std::mt19937_64 rng(11);

template <class T> std::vector<T> random_values(int64_t n, double scale = 1) {
  std::uniform_real_distribution<double> d(-scale, scale);
  std::vector<T> v(n);
  for (T& x : v) x = T(d(rng));
  return v;
}

template <class T> constexpr double eps = sizeof(T) == 8 ? 2.3e-16 : 1.2e-7;

long double plain(Reduction op, const long double* x, int64_t n) {
  const long double inf = std::numeric_limits<long double>::infinity();
  long double r = op == Reduction::sum ? 0 : op == Reduction::prod ? 1 : op == Reduction::max ? -inf : inf;
  for (int64_t i = 0; i < n; ++i) {
    if (op == Reduction::sum) r += x[i];
    if (op == Reduction::prod) r *= x[i];
    if (op == Reduction::max) r = std::isnan(x[i]) || x[i] > r ? x[i] : r;
    if (op == Reduction::min) r = std::isnan(x[i]) || x[i] < r ? x[i] : r;
  }
  return r;
}

bool close(double got, long double expected, double tolerance) {
  if (std::isnan(expected)) return std::isnan(got);
  if (std::isinf(expected)) return got == double(expected);
  return std::fabs(got - double(expected)) <= tolerance;
}

template <class T> void reductions_match() {
  for (Reduction op : {Reduction::sum, Reduction::prod, Reduction::max, Reduction::min}) {
    for (int64_t n : {0, 1, 2, 3, 7, 8, 9, 31, 64, 100, 513, 1025, 5000, 32768, 32769, 200000}) {
      auto x = random_values<T>(n);
      if (op == Reduction::prod) {
        for (T& v : x) v = T(1) + v / T(n);
      }
      std::vector<long double> w(x.begin(), x.end());
      const double got = reduce(op, x.data(), n);
      const double depth = op == Reduction::prod ? n + 1 : 64 + 4 * std::sqrt(double(n));
      CHECK(close(got, plain(op, w.data(), n), eps<T> * depth), "%s f%d op %d n %ld: %g", active_isa(),
            int(8 * sizeof(T)), int(op), long(n), got);
    }
    for (int64_t rows : {1, 2, 7, 8, 9, 130, 300}) {
      for (int64_t cols : {1, 3, 8, 17, 64, 1500}) {
        const int64_t stride = cols + 3;
        auto x = random_values<T>(rows * stride);
        if (op == Reduction::prod) {
          for (T& v : x) v = T(1) + v / T(1500);
        }
        if (cols == 17) x[(rows / 2) * stride + 5] = T(NAN);
        std::vector<T> by_row(rows), by_col(cols);
        reduce_rows_of(op, x.data(), rows, cols, stride, by_row.data());
        reduce_columns_of(op, x.data(), rows, cols, stride, by_col.data());
        const double tolerance = eps<T> * (op == Reduction::prod ? 4000 : 200);
        for (int64_t i = 0; i < rows; ++i) {
          std::vector<long double> w(x.begin() + i * stride, x.begin() + i * stride + cols);
          CHECK(close(by_row[i], plain(op, w.data(), cols), tolerance), "%s op %d row %ld of %ldx%ld", active_isa(),
                int(op), long(i), long(rows), long(cols));
        }
        for (int64_t j = 0; j < cols; ++j) {
          std::vector<long double> w(rows);
          for (int64_t i = 0; i < rows; ++i) w[i] = x[i * stride + j];
          CHECK(close(by_col[j], plain(op, w.data(), rows), tolerance), "%s op %d column %ld of %ldx%ld", active_isa(),
                int(op), long(j), long(rows), long(cols));
        }
      }
    }
  }
}

template <class T> void softmax_matches() {
  const T inf = std::numeric_limits<T>::infinity();
  for (double scale : {1.0, 30.0, 1000.0}) {
    for (int64_t cols : {1, 2, 3, 7, 8, 10, 16, 17, 100, 1000}) {
      const int64_t rows = 5;
      auto x = random_values<T>(rows * cols, scale);
      const auto g = random_values<T>(rows * cols);
      if (cols > 2) x[cols] = -inf;
      if (cols == 7) std::fill(x.begin() + 2 * cols, x.begin() + 3 * cols, -inf);
      std::vector<T> y(rows * cols), ly(rows * cols), lse(rows), sweep(rows * cols), lsweep(rows * cols), loss(rows),
          lse2(rows), ce(rows * cols), lses(rows * cols);
      std::vector<int64_t> labels(rows);
      for (auto& l : labels) l = int64_t(rng() % cols);
      softmax_rows(x.data(), rows, cols, y.data());
      log_softmax_rows(x.data(), rows, cols, ly.data());
      logsumexp_rows(x.data(), rows, cols, lse.data());
      softmax_rows_sweep(g.data(), y.data(), rows, cols, sweep.data());
      log_softmax_rows_sweep(g.data(), ly.data(), rows, cols, lsweep.data());
      logsumexp_rows_sweep(g.data(), x.data(), lse.data(), rows, cols, lses.data());
      cross_entropy_rows(x.data(), labels.data(), rows, cols, loss.data(), lse2.data());
      cross_entropy_rows_sweep(g.data(), x.data(), loss.data(), lse2.data(), labels.data(), rows, cols, ce.data());
      for (int64_t i = 0; i < rows; ++i) {
        const T* r = &x[i * cols];
        long double m = -inf, s = 0, gy = 0, gs = 0;
        for (int64_t j = 0; j < cols; ++j) m = std::fmax(m, (long double)r[j]);
        for (int64_t j = 0; j < cols; ++j) s += std::exp((long double)r[j] - m);
        long double rest = -1;  // log(s) where s is 1 and very little
        for (int64_t j = 0; j < cols; ++j) rest += r[j] == m;
        for (int64_t j = 0; j < cols; ++j) rest += r[j] == m ? 0 : std::exp((long double)r[j] - m);
        const long double log_s = std::log1p(rest);
        const long double expected_lse = std::isinf(m) ? m : m + log_s;
        CHECK(close(lse[i], expected_lse, 4 * eps<T> * (1 + std::fabs(double(m)))), "%s logsumexp cols %ld scale %g",
              active_isa(), long(cols), scale);
        CHECK(std::memcmp(&lse[i], &lse2[i], sizeof(T)) == 0, "%s lse of cross entropy", active_isa());
        if (std::isinf(m)) {
          const double n = double(cols);
          CHECK(close(y[i * cols], 1 / n, eps<T>) && close(ly[i * cols], -std::log(n), 4 * eps<T>),
                "%s softmax of -inf: each has the same share", active_isa());
          continue;
        }
        for (int64_t j = 0; j < cols; ++j) {
          gy += (long double)g[i * cols + j] * std::exp(r[j] - m) / s;
          gs += g[i * cols + j];
        }
        for (int64_t j = 0; j < cols; ++j) {
          const long double p = std::exp(r[j] - m) / s, lp = (r[j] - m) - log_s, gj = g[i * cols + j];
          const double t = 8 * eps<T> * (1 + std::log2(double(cols)));
          const int64_t at = i * cols + j;
          CHECK(close(y[at], p, t * double(p) + 1e-44), "%s softmax %ld: %g %g", active_isa(), long(cols),
                double(y[at]), double(p));
          CHECK(close(ly[at], lp, t * (0.1 * std::fabs(double(lp)) + (r[j] == m ? double(log_s) : 0.2)) + 1e-44),
                "%s log_softmax %ld: %.9g %.9g", active_isa(), long(cols), double(ly[at]), double(lp));
          CHECK(close(sweep[at], (gj - gy) * p, t), "%s softmax sweep %ld", active_isa(), long(cols));
          CHECK(close(lsweep[at], gj - p * gs, t * (4 + scale + std::fabs(double(gs)))), "%s log_softmax sweep %ld",
                active_isa(), long(cols));
          const double ct = t * (4 + scale);
          CHECK(close(lses[at], g[i] * p, ct), "%s logsumexp sweep", active_isa());
          CHECK(close(ce[at], g[i] * (p - (labels[i] == j)), ct), "%s cross entropy sweep", active_isa());
        }
        const long double el = -((r[labels[i]] - m) - log_s);
        CHECK(close(loss[i], el, 4 * eps<T> * (1 + std::fabs(double(el)))), "%s cross entropy %g %g", active_isa(),
              double(loss[i]), double(el));
      }
    }
  }
  // The tail of log-softmax: one element dominates, the loss is far below one ulp of the logits.
  const T x[3] = {T(50), T(0), T(-3)};
  T y[3];
  log_softmax_rows(x, 1, 3, y);
  const double expected = -std::log1p(std::exp(-50.0) + std::exp(-53.0));
  CHECK(std::fabs(y[0] / expected - 1) < 4 * eps<T>, "%s tail %g", active_isa(), double(y[0]));
  // Its sweeps: the entry of the element that dominates is what the others leave.
  const T g[3] = {T(1), T(0), T(0)};
  T p[3], out[3];
  softmax_rows(x, 1, 3, p);
  softmax_rows_sweep(g, p, 1, 3, out);
  CHECK(std::fabs(out[0] / -expected - 1) < 8 * eps<T>, "%s softmax sweep tail %g", active_isa(), double(out[0]));
  log_softmax_rows_sweep(g, y, 1, 3, out);
  CHECK(std::fabs(out[0] / -expected - 1) < 8 * eps<T>, "%s log_softmax sweep tail %g", active_isa(), double(out[0]));
  // Equal infinities share the weight; no weight annihilates an infinite cotangent.
  const T top[3] = {inf, T(2), inf}, h[3] = {T(1), inf, T(2)};
  softmax_rows(top, 1, 3, p);
  CHECK(p[0] == T(0.5) && p[1] == 0 && p[2] == T(0.5), "%s softmax of inf", active_isa());
  softmax_rows_sweep(h, p, 1, 3, out);
  CHECK(out[0] == T(-0.25) && out[1] == 0 && out[2] == T(0.25), "%s softmax sweep of inf", active_isa());
}

template <class T> void cumsum_and_add() {
  const int64_t rows = 300, cols = 700;
  const auto x = random_values<T>(rows * cols);
  std::vector<T> y(rows * cols), z = x;
  cumsum_rows(x.data(), rows, cols, y.data());
  bool same = true;
  for (int64_t i = 0; i < rows; ++i) {
    T s = 0;
    for (int64_t j = 0; j < cols; ++j) same = same && y[i * cols + j] == (s += x[i * cols + j]);
  }
  CHECK(same, "%s cumsum", active_isa());
  add_to(z.data(), y.data(), rows * cols);
  scaled_add_to(z.data(), T(-2), x.data(), rows * cols);
  double worst = 0;
  for (int64_t i = 0; i < rows * cols; ++i) {
    const double error = std::fabs(double(z[i]) - (double(y[i]) - x[i]));
    if (error > worst) worst = error;
  }
  CHECK(worst < 200 * eps<T>, "%s add_to %g", active_isa(), worst);
}

template <class T> void same_bits_for_any_thread_count() {
  const int64_t rows = 1000, cols = 500, n = rows * cols;
  const auto x = random_values<T>(n, 5), g = random_values<T>(n);
  std::vector<T> first;
  for (int threads : {1, 2, 4, 3}) {
    set_num_threads(threads);
    std::vector<T> all;
    for (Reduction op : {Reduction::sum, Reduction::prod, Reduction::max, Reduction::min}) {
      std::vector<T> r(rows), c(cols);
      all.push_back(reduce(op, x.data(), n));
      reduce_rows_of(op, x.data(), rows, cols, cols, r.data());
      reduce_columns_of(op, x.data(), rows, cols, cols, c.data());
      all.insert(all.end(), r.begin(), r.end());
      all.insert(all.end(), c.begin(), c.end());
    }
    std::vector<T> y(n), z(n), l(rows);
    softmax_rows(x.data(), rows, cols, y.data());
    softmax_rows_sweep(g.data(), y.data(), rows, cols, z.data());
    logsumexp_rows(x.data(), rows, cols, l.data());
    all.insert(all.end(), y.begin(), y.end());
    all.insert(all.end(), z.begin(), z.end());
    all.insert(all.end(), l.begin(), l.end());
    log_softmax_rows(x.data(), rows, cols, y.data());
    log_softmax_rows_sweep(g.data(), y.data(), rows, cols, z.data());
    all.insert(all.end(), y.begin(), y.end());
    all.insert(all.end(), z.begin(), z.end());
    std::vector<int64_t> labels(rows);
    for (int64_t i = 0; i < rows; ++i) labels[i] = i * 7 % cols;
    std::vector<T> loss(rows);
    logsumexp_rows_sweep(l.data(), x.data(), l.data(), rows, cols, y.data());
    all.insert(all.end(), y.begin(), y.end());
    cross_entropy_rows(x.data(), labels.data(), rows, cols, loss.data(), l.data());
    cross_entropy_rows_sweep(loss.data(), x.data(), loss.data(), l.data(), labels.data(), rows, cols, y.data());
    all.insert(all.end(), loss.begin(), loss.end());
    all.insert(all.end(), y.begin(), y.end());
    add_to(z.data(), y.data(), n);
    cumsum_rows(x.data(), rows, cols, y.data());
    scaled_add_to(z.data(), T(3), y.data(), n);
    all.insert(all.end(), z.begin(), z.end());
    if (first.empty()) first = all;
    CHECK(std::memcmp(first.data(), all.data(), all.size() * sizeof(T)) == 0, "%s with %d threads", active_isa(),
          threads);
  }
  set_num_threads(2);
}

void transposing_copy() {
  const int64_t rows = 37, cols = 53;
  const auto x = random_values<double>(rows * cols);
  std::vector<double> y(rows * cols);
  copy_matrix(y.data(), 1, rows, x.data(), cols, 1, rows, cols);
  bool same = true;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) same = same && y[j * rows + i] == x[i * cols + j];
  }
  CHECK(same, "transposing copy");
}

template <class T> void all_of_type() {
  reductions_match<T>();
  softmax_matches<T>();
  cumsum_and_add<T>();
  same_bits_for_any_thread_count<T>();
}

}  // namespace

int main() {
  const std::string all = supported_isas();
  for (size_t at = 0; at < all.size();) {
    const size_t end = std::min(all.find(',', at), all.size());
    CHECK(set_isa(all.substr(at, end - at).c_str()), "cannot select %s", all.substr(at, end - at).c_str());
    at = end + 1;
    all_of_type<double>();
    all_of_type<float>();
  }
  transposing_copy();
  return report();
}
