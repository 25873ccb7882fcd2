// Compiled once per target.
#include "math_functions.h"

#include "simd/math/math.h"

namespace wengert::simd::WG_TARGET {
namespace {

template <class T, int L, class F> void loop(F f, const T* x, T* out, int64_t n) {
  using V = Vec<T, L>;
  int64_t i = 0;
  for (; i + L <= n; i += L) f(V::load(x + i)).store(out + i);
  if (i < n) f(V::load(x + i, int(n - i))).store(out + i, int(n - i));
}
template <class T, int L, class F> void loop(F f, const T* x, const T* y, T* out, int64_t n) {
  using V = Vec<T, L>;
  int64_t i = 0;
  for (; i + L <= n; i += L) f(V::load(x + i), V::load(y + i)).store(out + i);
  if (i < n) f(V::load(x + i, int(n - i)), V::load(y + i, int(n - i))).store(out + i, int(n - i));
}

#define WG_UNARY(name)                                                     \
  {#name,                                                                  \
   1,                                                                      \
   [](const double* x, const double*, double* o, int64_t n) {              \
     loop<double, lanes<double>>([](auto v) { return name(v); }, x, o, n); \
   },                                                                      \
   [](const float* x, const float*, float* o, int64_t n) {                 \
     loop<float, lanes<float>>([](auto v) { return name(v); }, x, o, n);   \
   },                                                                      \
   [](const double* x, const double*, double* o, int64_t n) {              \
     loop<double, 1>([](auto v) { return name(v); }, x, o, n);             \
   },                                                                      \
   [](const float* x, const float*, float* o, int64_t n) { loop<float, 1>([](auto v) { return name(v); }, x, o, n); }}
#define WG_BINARY(name)                                                                  \
  {#name,                                                                                \
   2,                                                                                    \
   [](const double* x, const double* y, double* o, int64_t n) {                          \
     loop<double, lanes<double>>([](auto a, auto b) { return name(a, b); }, x, y, o, n); \
   },                                                                                    \
   [](const float* x, const float* y, float* o, int64_t n) {                             \
     loop<float, lanes<float>>([](auto a, auto b) { return name(a, b); }, x, y, o, n);   \
   },                                                                                    \
   [](const double* x, const double* y, double* o, int64_t n) {                          \
     loop<double, 1>([](auto a, auto b) { return name(a, b); }, x, y, o, n);             \
   },                                                                                    \
   [](const float* x, const float* y, float* o, int64_t n) {                             \
     loop<float, 1>([](auto a, auto b) { return name(a, b); }, x, y, o, n);              \
   }}

const MathFunction table[] = {
    WG_UNARY(exp),    WG_UNARY(exp2),    WG_UNARY(expm1),       WG_UNARY(log),      WG_UNARY(log2),
    WG_UNARY(log10),  WG_UNARY(log1p),   WG_UNARY(sqrt),        WG_UNARY(rsqrt),    WG_UNARY(cbrt),
    WG_UNARY(sinh),   WG_UNARY(cosh),    WG_UNARY(tanh),        WG_UNARY(asinh),    WG_UNARY(acosh),
    WG_UNARY(atanh),  WG_UNARY(sigmoid), WG_UNARY(log_sigmoid), WG_UNARY(softplus), WG_UNARY(sin),
    WG_UNARY(cos),    WG_UNARY(tan),     WG_UNARY(sinpi),       WG_UNARY(cospi),    WG_UNARY(asin),
    WG_UNARY(acos),   WG_UNARY(atan),    WG_UNARY(erf),         WG_UNARY(erfc),     WG_UNARY(gelu),
    WG_UNARY(erfinv), WG_UNARY(lgamma),  WG_UNARY(digamma),     WG_UNARY(trigamma), WG_BINARY(atan2),
    WG_BINARY(pow),   WG_BINARY(hypot),  WG_BINARY(logaddexp)};

}  // namespace

const MathFunction* math_functions(int* count) {
  *count = int(sizeof(table) / sizeof(table[0]));
  return table;
}

}  // namespace wengert::simd::WG_TARGET
