// lgamma, digamma and trigamma for x < 0, from the reflection formula in double-double. Between any two poles lgamma
// (down to -18) and digamma have zeros, where the terms of the formula cancel; what is left of them there is computed
// again with three parts. How much that has to be good for: of the zeros in one binade the luckiest lies about
// 2^-53 from a double, so a result may be 2^-60 of its terms, and 4 ulp of it 2^-111.
#pragma once

#include "simd/math/extended.h"

namespace wengert::simd::WG_TARGET {

// 1 - x, moved up to 16 or more.
inline constexpr int gamma_steps = 15;

// log(pi / |sin(pi x)|) - lgamma(1 - x)
template <class X> WG_INLINE LaneOf<X> lgamma_reflected(LaneOf<X> x) {
  using V = LaneOf<X>;
  const X one = widened<X>(V(1)), half = widened<X>(V(0.5));
  X y = one - widened<X>(x), product = constant<X>(GammaConstants::c[1]);
#pragma GCC unroll 1
  for (int i = 0; i < gamma_steps; ++i) {
    const auto below = y.hi < 16;
    product = select(below, product * y, product);
    y = select(below, y + one, y);
  }
  const X w = one / y;
  const X stirling =
      (y - half) * log_extended(y) - y + constant<X>(GammaConstants::c[2]) + w * series<StirlingSeries>(w * w);
  return rounded(log_extended(product / sin_cos_pi<X>(x).sin) - stirling);
}

// psi(1 - x) - pi cot(pi x)
template <class X> WG_INLINE LaneOf<X> digamma_reflected(LaneOf<X> x) {
  using V = LaneOf<X>;
  const X one = widened<X>(V(1)), zero = widened<X>(V(0));
  X y = one - widened<X>(x), sum = zero;
#pragma GCC unroll 1
  for (int i = 0; i < gamma_steps; ++i) {
    const auto below = y.hi < 16;
    sum = sum + select(below, one / y, zero);
    y = select(below, y + one, y);
  }
  const X w = one / y, z = w * w;
  const auto turn = sin_cos_pi<X>(x);
  const X cot = constant<X>(GammaConstants::c[1]) * (turn.cos / turn.sin);
  const X asymptotic = log_extended(y) - w * widened<X>(V(0.5)) + z * series<DigammaSeries>(z);
  return rounded(asymptotic - sum - cot);
}

// Results from here on come of terms below 2^6 with errors of 2^-100 of them: right to half an ulp and a little.
inline constexpr double gamma_cancelled = 0x1p-36;

template <class V> __attribute__((noinline)) void lgamma_beside_zero(const V& x, V& result) {
  result = select(abs(result) < gamma_cancelled, lgamma_reflected<Triple<V>>(x), result);
}
template <class V> __attribute__((noinline)) void lgamma_left(const V& x, V& result) {
  result = lgamma_reflected<Pair<V>>(x);
  if (any(abs(result) < gamma_cancelled)) lgamma_beside_zero(x, result);
}

template <class V> __attribute__((noinline)) void digamma_beside_zero(const V& x, V& result) {
  result = select(abs(result) < gamma_cancelled, digamma_reflected<Triple<V>>(x), result);
}
template <class V> __attribute__((noinline)) void digamma_left(const V& x, V& result) {
  result = digamma_reflected<Pair<V>>(x);
  if (any(abs(result) < gamma_cancelled)) digamma_beside_zero(x, result);
}

// (pi / sin(pi x))^2
template <class V> __attribute__((noinline)) void trigamma_pole(const V& x, Pair<V>& result) {
  const Pair<V> q = constant<Pair<V>>(GammaConstants::c[1]) / sin_cos_pi<Pair<V>>(x).sin;
  result = q * q;
}

}  // namespace wengert::simd::WG_TARGET
