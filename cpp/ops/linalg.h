// The matrix product with all of NumPy's rank rules: 1-d operands are rows (left) or columns (right), further leading
// axes broadcast.
#pragma once
#include "ops/op.h"
#include "ops/shaping.h"
#include "simd/kernels/gemm.h"

namespace wengert::ops {

// How a product looks with both operands seen as (stacks of) matrices.
struct MatmulShapes {
  Dims a, b, batch, out;  // a, b: with the missing matrix axes; batch: common leading axes; out: the result
  MatmulShapes(const Dims& left, const Dims& right);
  Dims matrix_out() const {  // batch + (rows, columns)
    Dims r = batch;
    r.push_back(a[a.size() - 2]);
    r.push_back(b.back());
    return r;
  }
};

struct Matmul : StructuredBase {
  static constexpr std::string_view name = "matmul", doc = "The matrix product, with NumPy's rules for every rank.";
  static constexpr Kind kind = Kind::linalg;
  static constexpr int arity = 2;
  static constexpr uint8_t saves0 = kArg1, saves1 = kArg0;  // a product keeps what the other operand's slope needs
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);

  // t: (k,) + shape; gives it the matrix axes of `full` and unit axes up to `batch`.
  template <class X> static X aligned(const X& t, int64_t k, const Dims& full, int batch) {
    Dims shape = k ? Dims{k} : Dims{};
    for (int i = full.size() - 2; i < batch; ++i) shape.push_back(1);
    for (int64_t d : full) shape.push_back(d);
    return reshape(t, shape);
  }
  template <class R> static auto jvp(R& r) {
    const int64_t k = r.k();
    const MatmulShapes s(r.shape(0), r.shape(1));
    auto left = [&] {
      if (!k || (r.shape(0).size() == 1 && r.shape(1).size() <= 2)) return product(r.t(0), r.arg(1));
      auto y = product(aligned(r.t(0), k, s.a, s.batch.size()), reshape(r.arg(1), s.b));
      return reshape(y, led(k, s.out));
    };
    auto right = [&] {
      if (!k) return product(r.arg(0), r.t(1));
      if (r.shape(1).size() == 1 && r.shape(0).size() == 2) return product(r.t(1), matrix_transpose(r.arg(0)));
      if (r.shape(1).size() == 1 && r.shape(0).size() == 1) return product(r.t(1), r.arg(0));
      auto y = product(reshape(r.arg(0), s.a), aligned(r.t(1), k, s.b, s.batch.size()));
      return reshape(y, led(k, s.out));
    };
    if (!r.active(1)) return left();
    if (!r.active(0)) return right();
    return left() + right();
  }
  template <class B> static auto batched(B& b) {
    const int left = b.shape(0).size(), right = b.shape(1).size();
    if (!b.led(1) && right <= 2) return b.same(b.arg(0), b.arg(1));
    if (!b.led(0) && right == 1 && left == 1) return b.same(b.arg(1), b.arg(0));
    if (!b.led(0) && right == 1 && left == 2) return b.same(b.arg(1), matrix_transpose(b.arg(0)));
    if (!b.led(0) && right > 1 && left <= 2) return b.same(b.arg(0), b.arg(1));
    const MatmulShapes s(b.shape(0), b.shape(1));
    auto matrices = [&](int i, const Dims& full) {
      const auto x = reshape(b.arg(i), b.led(i) ? b.of_all(full) : full);
      return b.led(i) ? b.with_unit_axes(x, s.batch.size() + 2) : x;
    };
    return reshape(b.same(matrices(0, s.a), matrices(1, s.b)), b.of_all(s.out));
  }
  template <class R> static void vjp(R& r) {
    const Dims &left = r.shape(0), &right = r.shape(1);
    if (left.size() == 1 && right.size() == 1) {
      if (r.wants(0)) r.give(0, scale(r.g(), r.arg(1)));
      if (r.wants(1)) r.give(1, scale(r.g(), r.arg(0)));
      return;
    }
    const MatmulShapes s(left, right);
    auto g = reshape(r.g(), s.matrix_out());
    if (r.wants(0)) {
      auto b = reshape(r.arg(1), s.b);
      r.give(0, reshape(sum_to(product(g, matrix_transpose(b)), s.a), left));
    }
    if (r.wants(1)) {
      auto a = reshape(r.arg(0), s.a);
      if (s.b.size() == 2 && s.a.size() > 2) {  // one product for the whole stack instead of a sum of products
        const int64_t rows = s.a.slice(0, s.a.size() - 1).product();
        a = reshape(a, Dims{rows, s.a.back()});
        g = reshape(g, Dims{rows, s.b.back()});
      }
      r.give(1, reshape(sum_to(product(matrix_transpose(a), g), s.b), right));
    }
  }
};

// What derivatives multiply matrices with: a factor that is exactly zero annihilates inf and NaN (see Scale). It is the
// product as usual, made once more without such terms where it has a NaN.
struct StrongMatmul : Matmul {
  static constexpr std::string_view name = "strong_matmul",
                                    doc =
                                        "The matrix product, in which a zero factor gives 0 even if the other is inf "
                                        "or NaN.";
  static constexpr bool hidden = true;
  static ArrayRef value(Args a, const Params& p);
};

// c = a b, without gaps, was made as usual (and perhaps an epilogue applied); true if it has a NaN, and was made anew
// as StrongMatmul says, without an epilogue.
template <class T> bool annihilate(const simd::MatView<T>& a, const simd::MatView<T>& b, T* c);

}  // namespace wengert::ops
