// lgamma, digamma and trigamma for x < 0, from the reflection formula in double-double: between any two poles lgamma
// and digamma have zeros, where the terms of the formula cancel. Its terms carry about 100 bits, so what is left is
// right to 4 ulp, or (in the last bits beside a zero) to 2^-96 of the largest term.
#pragma once

#include "simd/coefficients.h"
#include "simd/exp_log.h"

namespace wengert::simd::WG_TARGET {

template <class V> WG_INLINE Pair<V> operator+(Pair<V> a, Pair<V> b) {
  Pair<V> s = two_sum(a.hi, b.hi);
  const Pair<V> t = two_sum(a.lo, b.lo);
  s = fast_two_sum(s.hi, s.lo + t.hi);
  return fast_two_sum(s.hi, s.lo + t.lo);
}
template <class V> WG_INLINE Pair<V> operator-(Pair<V> a) { return {-a.hi, -a.lo}; }
template <class V> WG_INLINE Pair<V> operator-(Pair<V> a, Pair<V> b) { return a + -b; }
template <class V> WG_INLINE Pair<V> operator*(Pair<V> a, Pair<V> b) {
  const Pair<V> p = two_prod(a.hi, b.hi);
  return fast_two_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}
template <class V> WG_INLINE Pair<V> operator/(Pair<V> a, Pair<V> b) {
  const V q = a.hi / b.hi;
  const Pair<V> rest = a - b * Pair<V>{q, V(0)};
  const V q2 = rest.hi / b.hi;
  const Pair<V> rest2 = rest - b * Pair<V>{q2, V(0)};
  return fast_two_sum(q, q2) + Pair<V>{rest2.hi / b.hi, V(0)};
}
template <class V> WG_INLINE Pair<V> select(typename V::Mask m, Pair<V> a, Pair<V> b) {
  return {select(m, a.hi, b.hi), select(m, a.lo, b.lo)};
}

template <class V> struct PairOf {
  static WG_INLINE Pair<V> ln2() { return at(0); }
  static WG_INLINE Pair<V> pi() { return at(1); }
  static WG_INLINE Pair<V> half_log_two_pi() { return at(2); }
  static WG_INLINE Pair<V> at(int i) { return {V(PairConstants::c[i][0]), V(PairConstants::c[i][1])}; }
};

// c[0] + c[1] z + …; from term `Exact` on one double is enough.
template <class Series, int Exact, class V> WG_INLINE Pair<V> series(Pair<V> z) {
  constexpr int n = int(sizeof(Series::c) / sizeof(Series::c[0]));
  V tail(Series::c[n - 1][0]);
#pragma GCC unroll 1
  for (int i = n - 2; i >= Exact; --i) tail = fma(tail, z.hi, V(Series::c[i][0]));
  Pair<V> r{tail, V(0)};
#pragma GCC unroll 1
  for (int i = Exact - 1; i >= 0; --i) r = r * z + Pair<V>{V(Series::c[i][0]), V(Series::c[i][1])};
  return r;
}

// log(x) for a positive normal x.
template <class V> WG_INLINE Pair<V> log(Pair<V> x) {
  const auto p = log_parts(x.hi);
  const Pair<V> m{p.m, x.lo * pow2(-p.k)}, one{V(1), V(0)}, s = (m - one) / (m + one);
  const Pair<V> l = s * series<AtanhSeries, 12>(s * s);
  return Pair<V>{p.k, V(0)} * PairOf<V>::ln2() + (l + l);
}

// sin(pi x) and cos(pi x) up to their common sign, |sin| first.
template <class V> struct SinCosPi {
  Pair<V> sin, cos;
};
template <class V> WG_INLINE SinCosPi<V> sin_cos_pi(V x) {
  const V t = x - rint(x), a = abs(t);
  const auto far = a > 0.25;
  const Pair<V> u = Pair<V>{select(far, 0.5 - a, a), V(0)} * PairOf<V>::pi(), z = u * u;
  const Pair<V> s = u * series<SinSeries, 10>(z), c = series<CosSeries, 10>(z);
  const Pair<V> cos = select(far, s, c);
  return {select(far, c, s), select(t < 0, -cos, cos)};
}

// 1 - x, moved up to 16 or more.
inline constexpr int gamma_steps = 15;

// log(pi / |sin(pi x)|) - lgamma(1 - x)
template <class V> __attribute__((noinline)) void lgamma_left(const V& x, V& result) {
  const Pair<V> one{V(1), V(0)}, half{V(0.5), V(0)};
  Pair<V> y = two_sum(V(1), -x), product = PairOf<V>::pi();
#pragma GCC unroll 1
  for (int i = 0; i < gamma_steps; ++i) {
    const auto below = y.hi < 16;
    product = select(below, product * y, product);
    y = select(below, y + one, y);
  }
  const Pair<V> w = one / y;
  const Pair<V> stirling =
      (y - half) * log(y) - y + PairOf<V>::half_log_two_pi() + w * series<StirlingSeries, 8>(w * w);
  const Pair<V> r = log(product / sin_cos_pi(x).sin) - stirling;
  result = r.hi + r.lo;
}

// psi(1 - x) - pi cot(pi x)
template <class V> __attribute__((noinline)) void digamma_left(const V& x, V& result) {
  const Pair<V> one{V(1), V(0)}, zero{V(0), V(0)};
  Pair<V> y = two_sum(V(1), -x), sum = zero;
#pragma GCC unroll 1
  for (int i = 0; i < gamma_steps; ++i) {
    const auto below = y.hi < 16;
    sum = sum + select(below, one / y, zero);
    y = select(below, y + one, y);
  }
  const Pair<V> w = one / y, z = w * w;
  const auto turn = sin_cos_pi(x);
  const Pair<V> cot = PairOf<V>::pi() * (turn.cos / turn.sin);
  const Pair<V> asymptotic = log(y) - w * Pair<V>{V(0.5), V(0)} + z * series<DigammaSeries, 8>(z);
  const Pair<V> r = asymptotic - sum - cot;
  result = r.hi + r.lo;
}

// (pi / sin(pi x))^2
template <class V> __attribute__((noinline)) void trigamma_pole(const V& x, Pair<V>& result) {
  const Pair<V> q = PairOf<V>::pi() / sin_cos_pi(x).sin;
  result = q * q;
}

}  // namespace wengert::simd::WG_TARGET
