// Numbers of two and three parts (about 100 and 150 bits), each with its sum, product and quotient; and the logarithm,
// sine and cosine written once for both. For results that are small differences of large terms.
#pragma once

#include "simd/math/coefficients.h"
#include "simd/math/exp_log.h"

namespace wengert::simd::WG_TARGET {

// hi + mid + lo, each at most about an ulp of the one before.
template <class V> struct Triple {
  V hi, mid, lo;
};
template <class V> WG_INLINE Triple<V> triple(V a, V b, V c) {
  const Pair<V> rest = two_sum(b, c), top = two_sum(a, rest.hi), low = two_sum(top.lo, rest.lo);
  return {top.hi, low.hi, low.lo};
}

template <class X> struct Lane;
template <class V> struct Lane<Pair<V>> {
  using Type = V;
};
template <class V> struct Lane<Triple<V>> {
  using Type = V;
};
template <class X> using LaneOf = typename Lane<X>::Type;
template <class X> inline constexpr bool in_pairs = sizeof(X) == 2 * sizeof(LaneOf<X>);

// A lane, or a row of a table, as a number of type X, and back.
template <class X> WG_INLINE X widened(LaneOf<X> v) {
  using V = LaneOf<X>;
  if constexpr (in_pairs<X>) {
    return {v, V(0)};
  } else {
    return {v, V(0), V(0)};
  }
}
template <class X> WG_INLINE X constant(const double (&c)[3]) {
  using V = LaneOf<X>;
  if constexpr (in_pairs<X>) {
    return {V(c[0]), V(c[1])};
  } else {
    return {V(c[0]), V(c[1]), V(c[2])};
  }
}
template <class V> WG_INLINE V rounded(Pair<V> a) { return a.hi + a.lo; }
template <class V> WG_INLINE V rounded(Triple<V> a) { return a.hi + (a.mid + a.lo); }

template <class V> WG_INLINE Pair<V> operator+(Pair<V> a, Pair<V> b) {
  Pair<V> s = two_sum(a.hi, b.hi);
  const Pair<V> t = two_sum(a.lo, b.lo);
  s = fast_two_sum(s.hi, s.lo + t.hi);
  return fast_two_sum(s.hi, s.lo + t.lo);
}
template <class V> WG_INLINE Triple<V> operator+(Triple<V> a, Triple<V> b) {
  const Pair<V> s = two_sum(a.hi, b.hi), t = two_sum(a.mid, b.mid), u = two_sum(s.lo, t.hi);
  return triple(s.hi, u.hi, u.lo + t.lo + (a.lo + b.lo));
}
template <class V> WG_INLINE Pair<V> operator-(Pair<V> a) { return {-a.hi, -a.lo}; }
template <class V> WG_INLINE Triple<V> operator-(Triple<V> a) { return {-a.hi, -a.mid, -a.lo}; }
template <class V> WG_INLINE Pair<V> operator-(Pair<V> a, Pair<V> b) { return a + -b; }
template <class V> WG_INLINE Triple<V> operator-(Triple<V> a, Triple<V> b) { return a + -b; }

template <class V> WG_INLINE Pair<V> operator*(Pair<V> a, Pair<V> b) {
  const Pair<V> p = two_prod(a.hi, b.hi);
  return fast_two_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}
template <class V> WG_INLINE Triple<V> operator*(Triple<V> a, Triple<V> b) {
  const Pair<V> p = two_prod(a.hi, b.hi), q = two_prod(a.hi, b.mid), r = two_prod(a.mid, b.hi);
  const Pair<V> s = two_sum(q.hi, r.hi), t = two_sum(p.lo, s.hi);
  return triple(p.hi, t.hi, t.lo + s.lo + (q.lo + r.lo) + (a.hi * b.lo + a.mid * b.mid + a.lo * b.hi));
}

// a b + c where the product is no larger than c.
template <class V> WG_INLINE Pair<V> times_plus(Pair<V> a, Pair<V> b, Pair<V> c) {
  const Pair<V> p = two_prod(a.hi, b.hi), s = fast_two_sum(c.hi, p.hi);
  return {s.hi, s.lo + (c.lo + (p.lo + fma(a.hi, b.lo, a.lo * b.hi)))};
}
template <class V> WG_INLINE Triple<V> times_plus(Triple<V> a, Triple<V> b, Triple<V> c) { return a * b + c; }

template <class V> WG_INLINE Pair<V> operator/(Pair<V> a, Pair<V> b) {
  const V q = a.hi / b.hi;
  const Pair<V> rest = a - b * Pair<V>{q, V(0)};
  const V q2 = rest.hi / b.hi;
  const Pair<V> rest2 = rest - b * Pair<V>{q2, V(0)};
  return fast_two_sum(q, q2) + Pair<V>{rest2.hi / b.hi, V(0)};
}
template <class V> WG_INLINE Triple<V> operator/(Triple<V> a, Triple<V> b) {
  V q[3];
#pragma GCC unroll 3
  for (V& digit : q) {
    digit = rounded(a) / b.hi;
    a = a - b * Triple<V>{digit, V(0), V(0)};
  }
  return triple(q[0], q[1], q[2]);
}

template <class V> WG_INLINE Pair<V> select(typename V::Mask m, Pair<V> a, Pair<V> b) {
  return {select(m, a.hi, b.hi), select(m, a.lo, b.lo)};
}
template <class V> WG_INLINE Triple<V> select(typename V::Mask m, Triple<V> a, Triple<V> b) {
  return {select(m, a.hi, b.hi), select(m, a.mid, b.mid), select(m, a.lo, b.lo)};
}
template <class V> WG_INLINE Pair<V> times_each(Pair<V> a, V power) { return {a.hi * power, a.lo * power}; }
template <class V> WG_INLINE Triple<V> times_each(Triple<V> a, V power) {
  return {a.hi * power, a.mid * power, a.lo * power};
}

// c[0] + c[1] z + …; in pairs fewer terms, and from one of them on one double is enough.
template <class Series, class X> WG_INLINE X series(X z) {
  using V = LaneOf<X>;
  constexpr int n = in_pairs<X> ? Series::pair_terms : int(sizeof(Series::c) / sizeof(Series::c[0]));
  constexpr int exact = in_pairs<X> ? Series::pair_exact : n - 1;
  V tail(Series::c[n - 1][0]);
#pragma GCC unroll 1
  for (int i = n - 2; i >= exact; --i) tail = fma(tail, z.hi, V(Series::c[i][0]));
  X r = widened<X>(tail);
#pragma GCC unroll 1
  for (int i = exact - 1; i >= 0; --i) r = times_plus(r, z, constant<X>(Series::c[i]));
  return r;
}

// log(x) for a positive normal x.
template <class X> WG_INLINE X log_extended(X x) {
  using V = LaneOf<X>;
  const V k = log_parts(x.hi).k;
  const X m = times_each(x, pow2(-k)), one = widened<X>(V(1)), s = (m - one) / (m + one);
  const X l = s * series<AtanhSeries>(s * s);
  return widened<X>(k) * constant<X>(GammaConstants::c[0]) + (l + l);
}

// sin(pi x) and cos(pi x) up to their common sign, |sin| first.
template <class X> struct SinCosPi {
  X sin, cos;
};
template <class X> WG_INLINE SinCosPi<X> sin_cos_pi(LaneOf<X> x) {
  using V = LaneOf<X>;
  const V t = x - rint(x), a = abs(t);
  const auto far = a > 0.25;
  const X u = widened<X>(select(far, 0.5 - a, a)) * constant<X>(GammaConstants::c[1]), z = u * u;
  const X s = u * series<SinSeries>(z), c = series<CosSeries>(z), cos = select(far, s, c);
  return {select(far, c, s), select(t < 0, -cos, cos)};
}

}  // namespace wengert::simd::WG_TARGET
