// The most multiply-adds a core can do in the target's widest registers: what the products are measured against.
// Compiled once per target.
#include "simd/lanes/vec.h"

namespace wengert::simd::WG_TARGET {

namespace {

using V = Vec<double, lanes<double>>;

// One multiply-add whose result the compiler must keep, in a register.
WG_INLINE void step(V& x, V m, V s) {
  x = fma(x, m, s);
#if defined(__aarch64__)
  asm volatile("" : "+w"(x.v));
#elif defined(__AVX512F__)
  asm volatile("" : "+v"(x.v));
#else
  asm volatile("" : "+x"(x.v));
#endif
}

}  // namespace

// `rounds` times 12 independent multiply-adds on whole vectors; returns how many flops that is.
double fma_rounds_f64(long rounds) {
  V a(1.0), b(1.0), c(1.0), d(1.0), e(1.0), f(1.0), g(1.0), h(1.0), i(1.0), j(1.0), k(1.0), l(1.0);
  const V m(0.999999), o(1e-9);
  for (long n = 0; n < rounds; ++n) {
    step(a, m, o), step(b, m, o), step(c, m, o), step(d, m, o), step(e, m, o), step(f, m, o);
    step(g, m, o), step(h, m, o), step(i, m, o), step(j, m, o), step(k, m, o), step(l, m, o);
  }
  return 24.0 * lanes<double> * double(rounds);
}

}  // namespace wengert::simd::WG_TARGET
