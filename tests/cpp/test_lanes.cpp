// Lanes and the mathematics on them: masks, partial loads, width 1 against the full width bit by bit, special values,
// and the accuracy contract against the C library in long double (the full table is measured by measure_ulp.py).
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "math_functions.h"
#include "simd/dispatch.h"

namespace {
using namespace wengert::simd;
using Long = long double;

std::mt19937_64 rng(3);

template <class T> T sample(int mode) {
  const double u = std::uniform_real_distribution<double>(0, 1)(rng), s = rng() & 1 ? 1 : -1;
  switch (mode % 7) {
    case 0: {  // any bit pattern
      T x;
      const uint64_t b = rng();
      std::memcpy(&x, &b, sizeof x);
      return x;
    }
    case 1:
      return T(s * 2 * u);
    case 2:
      return T(s * 40 * u);
    case 3:
      return T(s * 750 * u);
    case 4:
      return T(s * std::exp(-40 * u));
    case 5:
      return T(1 + s * std::exp(-36 * u));
    default:
      return T(s * u * 1e5);
  }
}

// The error in units of the last place of a T near `expected`.
template <class T> double ulps(Long expected, T got) {
  if (std::isnan(expected)) return std::isnan(got) ? 0 : HUGE_VAL;
  if (std::isinf(T(expected)) || std::isinf(got)) return T(expected) == got ? 0 : HUGE_VAL;
  if (std::isnan(got)) return HUGE_VAL;
  int e;
  std::frexp(expected, &e);
  const int unit = std::max(e, std::numeric_limits<T>::min_exponent) - std::numeric_limits<T>::digits;
  return double(std::fabs(Long(got) - expected) / std::ldexp(Long(1), unit));
}

using Reference = std::function<Long(Long, Long)>;
struct Contract {
  double max_ulp;
  Reference reference;
};

const std::map<std::string, Contract>& contracts() {
  static const Long half = std::sqrt(Long(0.5));
  static const std::map<std::string, Contract> table = {
      {"exp", {2, [](Long x, Long) { return std::exp(x); }}},
      {"exp2", {2, [](Long x, Long) { return std::exp2(x); }}},
      {"expm1", {2, [](Long x, Long) { return std::expm1(x); }}},
      {"log", {2, [](Long x, Long) { return std::log(x); }}},
      {"log2", {2, [](Long x, Long) { return std::log2(x); }}},
      {"log10", {2, [](Long x, Long) { return std::log10(x); }}},
      {"log1p", {2, [](Long x, Long) { return std::log1p(x); }}},
      {"sqrt", {0.5001, [](Long x, Long) { return std::sqrt(x); }}},
      {"rsqrt", {2, [](Long x, Long) { return 1 / std::sqrt(x); }}},
      {"cbrt", {2, [](Long x, Long) { return std::cbrt(x); }}},
      {"sinh", {2, [](Long x, Long) { return std::sinh(x); }}},
      {"cosh", {2, [](Long x, Long) { return std::cosh(x); }}},
      {"tanh", {2, [](Long x, Long) { return std::tanh(x); }}},
      {"asinh", {2, [](Long x, Long) { return std::asinh(x); }}},
      {"acosh", {2, [](Long x, Long) { return std::acosh(x); }}},
      {"atanh", {2, [](Long x, Long) { return std::atanh(x); }}},
      {"sigmoid", {2, [](Long x, Long) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }}},
      {"softplus", {2, [](Long x, Long) { return (x > 0   ? x
                                                  : x < 0 ? 0
                                                          : x) +
                                                 std::log1p(std::exp(-std::fabs(x))); }}},
      {"log_sigmoid",
       {2,
        [](Long x, Long) {
          return -((x < 0 ? -x : x > 0 ? 0 : x) + std::log1p(std::exp(-std::fabs(x))));
        }}},
      {"sin", {2, [](Long x, Long) { return std::sin(x); }}},
      {"cos", {2, [](Long x, Long) { return std::cos(x); }}},
      {"tan", {2, [](Long x, Long) { return std::tan(x); }}},
      {"asin", {2, [](Long x, Long) { return std::asin(x); }}},
      {"acos", {2, [](Long x, Long) { return std::acos(x); }}},
      {"atan", {2, [](Long x, Long) { return std::atan(x); }}},
      {"erf", {2, [](Long x, Long) { return std::erf(x); }}},
      {"erfc", {2, [](Long x, Long) { return std::erfc(x); }}},
      {"gelu", {2, [](Long x, Long) { return std::isinf(x) ? (x > 0 ? x : -Long(0)) : x * std::erfc(-x * half) / 2; }}},
      {"lgamma", {4, [](Long x, Long) { return x > 0 || x <= 0 ? (x > 0 ? std::lgamma(x) : Long(NAN)) : x; }}},
      {"atan2", {2, [](Long x, Long y) { return std::atan2(x, y); }}},
      {"pow", {4, [](Long x, Long y) { return std::pow(x, y); }}},
      {"hypot", {2, [](Long x, Long y) { return std::hypot(x, y); }}},
  };
  return table;
}

template <class T>
void run(const MathFunction& f, bool one, const std::vector<T>& x, const std::vector<T>& y, std::vector<T>& out) {
  if constexpr (sizeof(T) == 8) {
    (one ? f.f64_one : f.f64)(x.data(), y.data(), out.data(), int64_t(x.size()));
  } else {
    (one ? f.f32_one : f.f32)(x.data(), y.data(), out.data(), int64_t(x.size()));
  }
}

template <class T> void check_function(const char* isa, const MathFunction& f) {
  const int bits = 8 * sizeof(T);
  using L = std::numeric_limits<T>;
  const T special[] = {0,
                       -T(0),
                       1,
                       -1,
                       2,
                       -2,
                       T(0.5),
                       T(-0.5),
                       3,
                       T(2.5),
                       T(1e5),
                       L::infinity(),
                       -L::infinity(),
                       L::quiet_NaN(),
                       L::denorm_min(),
                       -L::denorm_min(),
                       L::min(),
                       -L::min(),
                       L::max(),
                       -L::max()};
  std::vector<T> x, y;
  for (T a : special) {
    for (T b : special) {
      x.push_back(a);
      y.push_back(b);
    }
  }
  for (int i = 0; i < 20003; ++i) {
    x.push_back(sample<T>(i));
    y.push_back(sample<T>(int(rng() % 7)));
  }
  std::vector<T> wide(x.size()), one(x.size());
  run(f, false, x, y, wide);
  run(f, true, x, y, one);
  for (size_t i = 0; i < x.size(); ++i) {
    const bool same = std::memcmp(&wide[i], &one[i], sizeof(T)) == 0 || (std::isnan(wide[i]) && std::isnan(one[i]));
    CHECK(same, "%s f%d %s(%g, %g): lane %a, alone %a", isa, bits, f.name, double(x[i]), double(y[i]), double(wide[i]),
          double(one[i]));
    const auto contract = contracts().find(f.name);
    if (contract == contracts().end()) continue;
    const Long expected = contract->second.reference(x[i], y[i]);
    if (std::strcmp(f.name, "lgamma") == 0 && x[i] <= 0) continue;  // long double's own is no reference there
    const double error = ulps(expected, wide[i]);
    CHECK(error <= contract->second.max_ulp, "%s f%d %s(%a, %a) = %a, expected %La: %.3g ulp", isa, bits, f.name,
          double(x[i]), double(y[i]), double(wide[i]), expected, error);
    if (expected == 0 && wide[i] == 0) {
      CHECK(std::signbit(expected) == std::signbit(wide[i]), "%s f%d %s(%g, %g): sign of zero", isa, bits, f.name,
            double(x[i]), double(y[i]));
    }
  }
}

// Values that no C function gives, or that deserve their own line.
void check_values(const char* isa, const MathFunction* table, int count) {
  struct Row {
    const char* name;
    double x, expected;
  };
  const double inf = HUGE_VAL;
  const Row rows[] = {{"digamma", 1, -0.57721566490153286061},
                      {"digamma", 0.5, -1.9635100260214234794},
                      {"digamma", 1.4616321449683622, -9.2412655217294275168e-17},
                      {"digamma", 1e10, 23.025850929890456840},
                      {"digamma", -0.5, 0.036489973978576520559},
                      {"digamma", 0.0, -inf},
                      {"digamma", -0.0, inf},
                      {"digamma", inf, inf},
                      {"trigamma", 1, 1.6449340668482264365},
                      {"trigamma", 0.5, 4.9348022005446793094},
                      {"trigamma", 100, 0.010050166663333571395},
                      {"trigamma", -0.5, 8.9348022005446793094},
                      {"lgamma", -0.5, 1.2655121234846454},
                      {"lgamma", -1, inf},
                      {"lgamma", 0, inf},
                      {"sinpi", 0.5, 1},
                      {"sinpi", 1, 0},
                      {"cospi", 0.5, 0},
                      {"sinpi", 1.0 / 6, 0.5},
                      {"sigmoid", -745, 4.9406564584124654e-324}};
  for (const Row& row : rows) {
    for (int i = 0; i < count; ++i) {
      if (std::strcmp(table[i].name, row.name) != 0) continue;
      double got;
      table[i].f64(&row.x, &row.x, &got, 1);
      CHECK(got == row.expected || ulps(Long(row.expected), got) <= 4, "%s %s(%g) = %.17g, expected %.17g", isa,
            row.name, row.x, got, row.expected);
    }
  }
}

void check_target(const char* isa, const MathFunction* table, int count) {
  for (int i = 0; i < count; ++i) {
    check_function<double>(isa, table[i]);
    check_function<float>(isa, table[i]);
  }
  check_values(isa, table, count);
}

}  // namespace

int main() {
  int count;
  const MathFunction* table = scalar::math_functions(&count);
  check_target("scalar", table, count);
#if defined(__x86_64__)
  if (supported(Isa::x86_64_v2)) check_target("x86-64-v2", x86_64_v2::math_functions(&count), count);
  if (supported(Isa::x86_64_v3)) check_target("x86-64-v3", x86_64_v3::math_functions(&count), count);
  if (supported(Isa::x86_64_v4)) check_target("x86-64-v4", x86_64_v4::math_functions(&count), count);
#elif defined(__aarch64__)
  check_target("arm64", arm64::math_functions(&count), count);
#endif
  return report();
}
