#include "ops/special.h"

#include <cmath>

namespace wengert::ops {
namespace {

// DLMF 5.15.5 and 5.15.9: recurrence up to where the asymptotic series converges to double precision.
double polygamma(int64_t n, double x) {
  if (std::isnan(x)) return x;
  if (x <= 0 && x == std::floor(x)) return n % 2 ? kInf : std::numeric_limits<double>::quiet_NaN();
  if (x < -1) {  // the sum of (x + k)^-(n+1) over all k has period 1; t and 1 - t are exact
    const double t = x - std::floor(x), rest = polygamma(n, 1 - t) - polygamma(n, 1 - x);
    return polygamma(n, t) + (n % 2 ? rest : -rest);
  }
  const double order = static_cast<double>(n), factorial = std::tgamma(order + 1);
  double s = 0;
  for (; x < 12 + order; x += 1) s += factorial / std::pow(x, order + 1);
  // B_2k / (2k)!
  static constexpr double b[] = {1.0 / 12,
                                 -1.0 / 720,
                                 1.0 / 30240,
                                 -1.0 / 1209600,
                                 1.0 / 47900160,
                                 -691.0 / 1307674368000.0,
                                 1.0 / 74724249600.0,
                                 -3617.0 / 10670622842880000.0};
  double tail = std::tgamma(order) / std::pow(x, order) + factorial / (2 * std::pow(x, order + 1));
  for (int k = 1; k <= 8; ++k) tail += b[k - 1] * std::tgamma(2.0 * k + order) / std::pow(x, 2.0 * k + order);
  return (n % 2 ? 1 : -1) * (s + tail);
}

}  // namespace

ArrayType Polygamma::result(OperandTypes in, const Params& p) {
  require_float(name, in.dtype(0));
  if (p.n < 1 || p.n > 80) refuse(name, "n must be between 1 and 80, got " + std::to_string(p.n));
  return {in.dtype(0), in.shape(0)};
}
ArrayRef Polygamma::value(Args a, const Params& p) {
  const ArrayRef x = core::contiguous(a[0]);
  ArrayRef y = make(result(a, p));
  core::dispatch(x->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < x->size; ++i)
      y->template as<T>()[i] = static_cast<T>(polygamma(p.n, static_cast<double>(x->template as<T>()[i])));
  });
  return y;
}

}  // namespace wengert::ops
