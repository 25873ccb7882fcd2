// Operations along axes, as many operations on single numbers.
#include "program/scalar/expansion.h"

namespace wengert::program::scalar {
namespace {

// Rows of the reduced axes, one after the other.
ArrayRef rows_of(const ArrayRef& x, const Dims& axes, int64_t* length) {
  const int n = x->ndim();
  ops::TransposeParams p;
  for (int i = 0; i < n; ++i)
    if (!axes.contains(i - n)) p.axes.push_back(i);
  for (int i = 0; i < n; ++i)
    if (axes.contains(i - n)) p.axes.push_back(i);
  *length = ops::reduced_count(x->shape, axes);
  const ArrayRef in[] = {x};
  return core::contiguous(ops::evaluate(code_of<ops::Transpose>, in, &p));
}

}  // namespace

ArrayRef Expansion::reduced(const Node& n, const ArrayRef& x) {
  int64_t length;
  const ArrayRef rows = rows_of(x, n.p<ops::Sum>().axes, &length);
  ArrayRef y = core::make(DType::i64, n.shape);
  for (int64_t r = 0; r < y->size; ++r) {
    uint32_t v;
    int64_t k = 0;
    if (n.is(code_of<ops::Any>) || n.is(code_of<ops::All>)) {
      v = constant(n.is(code_of<ops::All>));
    } else {
      if (length == 0) throw GiveUp{};
      v = id(rows, r * length);
      k = 1;
    }
    for (; k < length; ++k) {
      const uint32_t e = id(rows, r * length + k);
      if (n.is(code_of<ops::Sum>) || n.is(code_of<ops::Mean>))
        v = add(v, e);
      else if (n.is(code_of<ops::Prod>))
        v = multiply(v, e);
      else if (n.is(code_of<ops::Max>))
        v = operation(op_maximum, v, e);
      else if (n.is(code_of<ops::Min>))
        v = operation(op_minimum, v, e);
      else if (n.is(code_of<ops::Any>))
        v = operation(op_logical_or, v, e);
      else
        v = operation(op_logical_and, v, e);
    }
    if (n.is(code_of<ops::Mean>)) v = operation(op_divide, v, constant(static_cast<double>(length)));
    ids(y)[r] = v;
  }
  return y;
}

ArrayRef Expansion::softmax(const Node& n, const ArrayRef& x) {
  int64_t length;
  const ArrayRef rows = rows_of(x, Dims{n.p<ops::Softmax>().axis}, &length);
  ArrayRef y = core::make(DType::i64, rows->shape);
  for (int64_t r = 0; length && r < y->size / length; ++r) {
    uint32_t largest = id(rows, r * length), total = kNone;
    std::vector<uint32_t> shifted, e;
    for (int64_t k = 1; k < length; ++k) largest = operation(op_maximum, largest, id(rows, r * length + k));
    for (int64_t k = 0; k < length; ++k) {
      const uint32_t x = id(rows, r * length + k);  // 0 below the largest also where that is infinite
      shifted.push_back(operation(op_select, operation(op_equal, x, largest), constant(0), subtract(x, largest)));
      e.push_back(call1(code_of<ops::Exp>, shifted.back()));
      total = k ? add(total, e.back()) : e.back();
    }
    const uint32_t log = n.is(code_of<ops::LogSoftmax>) ? call1(code_of<ops::Log>, total) : kNone;
    for (int64_t k = 0; k < length; ++k) {
      const auto i = static_cast<size_t>(k);
      ids(y)[r * length + k] = log == kNone ? operation(op_divide, e[i], total) : subtract(shifted[i], log);
    }
  }
  return axis_back(n, y, x->ndim());
}

// The axis of the rows goes back to its place.
ArrayRef Expansion::axis_back(const Node& n, const ArrayRef& y, int rank) {
  const int axis = rank + static_cast<int>(n.p<ops::Softmax>().axis);
  ops::TransposeParams p;
  for (int i = 0; i < rank - 1; ++i) p.axes.push_back(i);
  p.axes.insert(axis, rank - 1);
  return moved(code_of<ops::Transpose>, {y}, &p);
}

// The rules of ops/nn.h, written out.
ArrayRef Expansion::softmax_sweep(const Node& n, const ArrayRef& g, const ArrayRef& y) {
  int64_t length;
  const Dims axis{n.p<ops::Softmax>().axis};
  const ArrayRef rows = rows_of(g, axis, &length), weights = rows_of(y, axis, &length);
  const bool log = n.is(code_of<ops::LogSoftmaxSweep>);
  ArrayRef out = core::make(DType::i64, rows->shape);
  for (int64_t r = 0; length && r < out->size / length; ++r) {
    std::vector<uint32_t> x, w;
    for (int64_t k = 0; k < length; ++k) {
      const uint32_t e = id(weights, r * length + k);
      x.push_back(id(rows, r * length + k));
      w.push_back(log ? call1(code_of<ops::Exp>, e) : e);
    }
    for (int time = 0; time < 2; ++time) {
      uint32_t total = kNone;
      for (size_t k = 0; k < x.size(); ++k) {
        const uint32_t part = log ? x[k] : scale(x[k], w[k]);
        total = k ? add(total, part) : part;
      }
      for (size_t k = 0; k < x.size(); ++k) x[k] = subtract(x[k], log ? scale(total, w[k]) : total);
    }
    for (size_t k = 0; k < x.size(); ++k)
      ids(out)[r * length + static_cast<int64_t>(k)] = log ? x[k] : scale(x[k], w[k]);
  }
  return axis_back(n, out, g->ndim());
}

ArrayRef Expansion::matmul(const ArrayRef& a, const ArrayRef& b, const Node& n) {
  const ops::MatmulShapes s(a->shape, b->shape);
  if (!s.batch.empty() || s.a.back() == 0) throw GiveUp{};
  const bool strong = n.is(code_of<ops::StrongMatmul>);
  const int64_t rows = s.a[0], inner = s.a[1], cols = s.b[1];
  ArrayRef y = core::make(DType::i64, n.shape);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) {
      uint32_t v = constant(0);  // as the kernels begin, for the sign of a zero; joined with the first product
      for (int64_t k = 0; k < inner; ++k) {
        const uint32_t x = id(a, i * inner + k), y = id(b, k * cols + j);
        v = add(v, strong ? scale(x, y) : multiply(x, y));
      }
      ids(y)[i * cols + j] = v;
    }
  return y;
}

ArrayRef Expansion::gather_add(const ArrayRef& x, const ArrayRef& v, const ops::GatherParams& p) {
  const Dims rest = x->shape.slice(static_cast<int>(p.lead), x->ndim());
  const int64_t run = rest.product();
  const ArrayRef where = core::contiguous(p.indices), part = spread(v, core::concat(where->shape, rest));
  ArrayRef y = core::copy(x);
  for (int64_t i = 0; i < where->size; ++i)
    for (int64_t k = 0; k < run; ++k) {
      int64_t& to = ids(y)[where->as<int64_t>()[i] * run + k];
      to = add(static_cast<uint32_t>(to), id(part, i * run + k));
    }
  return y;
}

}  // namespace wengert::program::scalar
