// softmax, log-softmax and logsumexp of rows and their sweeps, compiled once per target.
#include "simd/kernel_table.h"
#include "simd/math/math.h"

namespace wengert::simd::WG_TARGET {
namespace {

#define WG_BODY __attribute__((always_inline))

// f(j, load, store) for every vector of a row: whole vectors first, then the tail, where `load` fills with the given
// number and `store` writes what exists.
template <class T, class F> WG_INLINE void each_vector(int64_t cols, F f) {
  constexpr int L = lanes<T>;
  using X = Vec<T, L>;
  int64_t j = 0;
  for (; j + L <= cols; j += L) {
    f(j, [](const T* p, T) WG_BODY { return X::load(p); }, [](X x, T* p) WG_BODY { x.store(p); });
  }
  if (j < cols) {
    const int n = int(cols - j);
    f(j, [n](const T* p, T fill) WG_BODY { return X::load(p, n, fill); }, [n](X x, T* p) WG_BODY { x.store(p, n); });
  }
}

template <class T, int N> WG_INLINE T sum_lanes(Vec<T, N> x) {
  if constexpr (N == 1) {
    return x.v;
  } else {
    return sum_lanes(half<0>(x) + half<1>(x));
  }
}
template <class T, int N> WG_INLINE T largest_lane(Vec<T, N> x) {
  if constexpr (N == 1) {
    return x.v;
  } else {
    return largest_lane(larger(half<0>(x), half<1>(x)));
  }
}

// A sum of vectors in blocks of 32, so that the rounding errors of long rows do not pile up.
template <class T> struct RunningSum {
  using X = Vec<T, lanes<T>>;
  X total = X(T(0)), block = X(T(0));
  int in_block = 0;
  WG_INLINE void add(X x) {
    block += x;
    if (++in_block == 32) {
      total += block;
      block = X(T(0));
      in_block = 0;
    }
  }
  WG_INLINE T result() const { return sum_lanes(total + block); }
};

template <class T> constexpr T inf = T(__builtin_inf());

// The largest element. A NaN is passed over: it comes back through exp of its own element.
template <class T> WG_INLINE T largest_of(const T* x, int64_t cols) {
  constexpr int L = lanes<T>, U = 4;  // independent maxima: one would wait for itself
  using X = Vec<T, L>;
  X m[U] = {X(-inf<T>), X(-inf<T>), X(-inf<T>), X(-inf<T>)};
  int64_t j = 0;
  for (; j + U * L <= cols; j += U * L) {
#pragma GCC unroll 4
    for (int u = 0; u < U; ++u) m[u] = larger(X::load(x + j + u * L), m[u]);
  }
  for (; j + L <= cols; j += L) m[0] = larger(X::load(x + j), m[0]);
  if (j < cols) m[1] = larger(X::load(x + j, int(cols - j), -inf<T>), m[1]);
  return largest_lane(larger(larger(m[0], m[1]), larger(m[2], m[3])));
}

// The largest element, or 0 where it is no number to shift by: then exp gives 0, inf or NaN, as it should.
template <class T> WG_INLINE T shift_of(const T* x, int64_t cols) {
  const T r = largest_of(x, cols);
  return __builtin_fabs(r) < inf<T> ? r : T(0);
}

// A row whose largest element is infinite: those equal to it share the weight, the others have none.
template <bool Log, class T> [[gnu::noinline]] void infinite_row(const T* x, int64_t cols, T top, T* y) {
  T winners = 0, nan = 0;
  for (int64_t j = 0; j < cols; ++j) {
    if (x[j] == top) winners += 1;
    if (x[j] != x[j]) nan = x[j];
  }
  const T share = nan + (Log ? -log(Vec<T, 1>(winners)).v : 1 / winners), none = nan + (Log ? -inf<T> : T(0));
  for (int64_t j = 0; j < cols; ++j) y[j] = x[j] == top ? share : none;
}

// Where one weight is above this the sweeps lose digits of its own entry, in which nearly all cancels.
template <class T> constexpr T dominant = T(0.9);

// Entries of `out` sum to zero. That of the weight y above `limit`, if there is one, is what the others leave.
template <class T> [[gnu::noinline]] void balance(const T* y, T limit, int64_t cols, T sum, T* out) {
  for (int64_t i = 0; i < cols; i += 64) {
    const int64_t end = i + 64 < cols ? i + 64 : cols;
    int found = 0;
    for (int64_t j = i; j < end; ++j) found |= int(y[j] > limit);
    if (!found) continue;
    for (int64_t j = i; j < end; ++j)
      if (y[j] > limit) out[j] -= sum;
    return;
  }
}

// A row of K vectors, the last perhaps a part, stays in registers: what a masked store wrote could not be read back
// before it reached the cache.
template <class T, int K> void softmax_short(const T* x, int64_t rows, int64_t cols, T* y) {
  constexpr int L = lanes<T>;
  using X = Vec<T, L>;
  const int last = int(cols - (K - 1) * L);
  for (int64_t i = 0; i < rows; ++i, x += cols, y += cols) {
    X v[K];
#pragma GCC unroll 4
    for (int k = 0; k < K - 1; ++k) v[k] = X::load(x + k * L);
    v[K - 1] = X::load(x + (K - 1) * L, last, -inf<T>);
    X m(-inf<T>);  // a NaN is passed over, as in shift_of
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) m = larger(v[k], m);
    const T top = largest_lane(m);
    if (__builtin_fabs(top) == inf<T>) {
      infinite_row<false>(x, cols, top, y);
      continue;
    }
    const X shift(top);
    X s(T(0));
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) s += v[k] = exp(v[k] - shift);
    const X scale(T(1) / sum_lanes(s));
#pragma GCC unroll 4
    for (int k = 0; k < K - 1; ++k) (v[k] * scale).store(y + k * L);
    (v[K - 1] * scale).store(y + (K - 1) * L, last);
  }
}

template <class T> void softmax(const T* x, int64_t rows, int64_t cols, T* y) {
  using X = Vec<T, lanes<T>>;
  switch ((cols + lanes<T> - 1) / lanes<T>) {
    case 1:
      return softmax_short<T, 1>(x, rows, cols, y);
    case 2:
      return softmax_short<T, 2>(x, rows, cols, y);
    case 3:
      return softmax_short<T, 3>(x, rows, cols, y);
    case 4:
      return softmax_short<T, 4>(x, rows, cols, y);
    default:
      break;
  }
  constexpr int L = lanes<T>;
  const int64_t whole = cols / L * L;
  const int last = int(cols - whole);  // these stay in a register, too
  for (int64_t i = 0; i < rows; ++i, x += cols, y += cols) {
    const T top = largest_of(x, cols);
    if (__builtin_fabs(top) == inf<T>) {
      infinite_row<false>(x, cols, top, y);
      continue;
    }
    const X shift(top);
    RunningSum<T> s;
    for (int64_t j = 0; j < whole; j += L) {
      const X e = exp(X::load(x + j) - shift);
      s.add(e);
      e.store(y + j);
    }
    const X tail = last ? exp(X::load(x + whole, last, -inf<T>) - shift) : X(T(0));
    s.add(tail);
    const X scale(T(1) / s.result());
    for (int64_t j = 0; j < whole; j += L) (X::load(y + j) * scale).store(y + j);
    if (last) (tail * scale).store(y + whole, last);
  }
}

template <class T> void softmax_sweep(const T* g, const T* y, int64_t rows, int64_t cols, T* out) {
  using X = Vec<T, lanes<T>>;
  for (int64_t i = 0; i < rows; ++i, g += cols, y += cols, out += cols) {
    RunningSum<T> s;
    each_vector<T>(cols, [&](int64_t j, auto load, auto) WG_BODY {
      const X w = load(y + j, T(0));
      s.add(select(w == X(T(0)), w, load(g + j, T(0)) * w));  // no weight: nothing, even of inf
    });
    const X d(s.result());
    X most(T(0));
    RunningSum<T> left;
    each_vector<T>(cols, [&](int64_t j, auto load, auto store) WG_BODY {
      const X w = load(y + j, T(0)), r = select(w == X(T(0)), w, (load(g + j, T(0)) - d) * w);
      most = larger(w, most);
      left.add(r);
      store(r, out + j);
    });
    if (largest_lane(most) > dominant<T>) balance(y, dominant<T>, cols, left.result(), out);
  }
}

// log(sum(exp(x - shift))). The largest elements contribute exactly 1 each and are counted apart, so that log1p sees
// the small rest without rounding.
template <class T> WG_INLINE T log_of_sum(const T* x, int64_t cols, T shift) {
  using X = Vec<T, lanes<T>>;
  RunningSum<T> rest;
  X ones(T(0));
  each_vector<T>(cols, [&](int64_t j, auto load, auto) WG_BODY {
    const X v = load(x + j, -inf<T>);
    const auto top = v == X(shift);
    rest.add(select(top, X(T(0)), exp(v - X(shift))));
    ones += select(top, X(T(1)), X(T(0)));
  });
  return log1p(Vec<T, 1>((sum_lanes(ones) - T(1)) + rest.result())).v;
}

template <class T> void log_softmax(const T* x, int64_t rows, int64_t cols, T* y) {
  using X = Vec<T, lanes<T>>;
  for (int64_t i = 0; i < rows; ++i, x += cols, y += cols) {
    const T shift = largest_of(x, cols);
    if (__builtin_fabs(shift) == inf<T>) {
      infinite_row<true>(x, cols, shift, y);
      continue;
    }
    const X m(shift), s(log_of_sum(x, cols, shift));
    each_vector<T>(cols, [&](int64_t j, auto load, auto store) WG_BODY { store((load(x + j, T(0)) - m) - s, y + j); });
  }
}

template <class T> void log_softmax_sweep(const T* g, const T* y, int64_t rows, int64_t cols, T* out) {
  using X = Vec<T, lanes<T>>;
  for (int64_t i = 0; i < rows; ++i, g += cols, y += cols, out += cols) {
    RunningSum<T> s;
    each_vector<T>(cols, [&](int64_t j, auto load, auto) WG_BODY { s.add(load(g + j, T(0))); });
    const X d(s.result());
    X most(T(-1));
    RunningSum<T> left;
    each_vector<T>(cols, [&](int64_t j, auto load, auto store) WG_BODY {
      const X w = load(y + j, -inf<T>), e = exp(w), r = load(g + j, T(0)) - select(e == X(T(0)), e, e * d);
      most = larger(w, most);
      left.add(r);
      store(r, out + j);
    });
    const T limit = T(-0.10536051565782628);  // the logarithm of `dominant`
    if (largest_lane(most) > limit) balance(y, limit, cols, left.result(), out);
  }
}

template <class T> void logsumexp(const T* x, int64_t rows, int64_t cols, T* y) {
  for (int64_t i = 0; i < rows; ++i, x += cols) {
    const T shift = shift_of(x, cols);
    y[i] = shift + log_of_sum(x, cols, shift);
  }
}

template <class T> void cross_entropy(const T* x, const int64_t* labels, int64_t rows, int64_t cols, T* loss, T* lse) {
  for (int64_t i = 0; i < rows; ++i, x += cols) {
    const T shift = shift_of(x, cols), rest = log_of_sum(x, cols, shift), picked = x[labels[i]];
    lse[i] = shift + rest;
    loss[i] = (picked == shift ? T(0) : shift - picked) + rest;
  }
}

template <class T> void logsumexp_sweep(const T* g, const T* x, const T* y, int64_t rows, int64_t cols, T* out) {
  using X = Vec<T, lanes<T>>;
  for (int64_t i = 0; i < rows; ++i, x += cols, out += cols) {
    const X gi(g[i]), yi(y[i]);
    each_vector<T>(cols, [&](int64_t j, auto load, auto store) WG_BODY {
      const X v = load(x + j, T(0));
      store(gi * exp(select(v == yi, X(T(0)), v - yi)), out + j);  // inf - inf is 0 here: the one that dominates
    });
  }
}

template <class T> void fill(SoftmaxKernels<T>& k) {
  k.softmax = softmax<T>;
  k.softmax_sweep = softmax_sweep<T>;
  k.log_softmax = log_softmax<T>;
  k.log_softmax_sweep = log_softmax_sweep<T>;
  k.logsumexp = logsumexp<T>;
  k.cross_entropy = cross_entropy<T>;
  k.logsumexp_sweep = logsumexp_sweep<T>;
}

}  // namespace

void fill_softmax(KernelTable& table) {
  fill(table.softmax_f64);
  fill(table.softmax_f32);
}

}  // namespace wengert::simd::WG_TARGET
