#include "ops/result_type.h"

#include <array>

namespace wengert::ops {
namespace {

using Operands = std::span<const ArrayType>;
template <class Op> struct Tag {};

[[noreturn]] void wrong(const std::string& what) { value_error(what); }

std::string text(const ArrayType& t) { return std::string(core::dtype_name(t.dtype)) + " " + t.shape.str(); }

void require_float(const ArrayType& t) {
  if (!core::is_float(t.dtype)) wrong("an operand must be float32 or float64, not " + text(t));
}
void require_equal(DType a, DType b) {
  if (a != b)
    wrong("operands of different types, " + std::string(core::dtype_name(a)) + " and " +
          std::string(core::dtype_name(b)));
}

int64_t count_of(const Dims& shape) { return shape.product(); }  // of shapes that were checked

DType accumulated(DType t) { return t == DType::b1 || t == DType::i32 ? DType::i64 : t; }

int one_axis(const Dims& d, int rank) {
  if (d.size() != 1 || d[0] < -rank || d[0] >= 0)
    wrong("axis " + d.str() + " is no axis of an array with " + std::to_string(rank) + " dimensions");
  return rank + static_cast<int>(d[0]);
}

// ---- elementwise
// -----------------------------------------------------------------------------------------------------

template <class Op> DType elementwise_dtype(DType t) {
  if constexpr (Op::types == Types::logical) {
    return DType::b1;
  } else {
    const bool whole = requires { &Op::template integer<int64_t>; };
    if (!core::is_float(t) && !(Op::types == Types::numeric && whole && core::is_int(t)))
      wrong("it is not defined for " + std::string(core::dtype_name(t)));
    return t;
  }
}
template <Unary Op> ArrayType rule(Tag<Op>, Operands in, const Params&) {
  return {elementwise_dtype<Op>(in[0].dtype), in[0].shape};
}
template <Binary Op> ArrayType rule(Tag<Op>, Operands in, const Params&) {
  require_equal(in[0].dtype, in[1].dtype);
  return {elementwise_dtype<Op>(in[0].dtype), core::broadcast_shapes(in[0].shape, in[1].shape, Op::name.data())};
}
ArrayType rule(Tag<Where>, Operands in, const Params&) {
  if (in[0].dtype != DType::b1) wrong("the condition must be bool, not " + text(in[0]));
  require_equal(in[1].dtype, in[2].dtype);
  return {in[1].dtype,
          core::broadcast_shapes(core::broadcast_shapes(in[0].shape, in[1].shape, "where"), in[2].shape, "where")};
}
ArrayType rule(Tag<Polygamma>, Operands in, const Params& p) {
  require_float(in[0]);
  if (p.number < 1 || p.number > 80) wrong("n must be between 1 and 80, got " + std::to_string(p.number));
  return in[0];
}

// ---- reductions
// ------------------------------------------------------------------------------------------------------

template <class Op>
  requires std::is_base_of_v<ReductionBase, Op>
ArrayType rule(Tag<Op>, Operands in, const Params& p) {
  const Dims &axes = p.dims[0], &shape = in[0].shape;
  for (int k = 0; k < axes.size(); ++k)
    if (axes[k] < -shape.size() || axes[k] >= 0 || (k && axes[k] <= axes[k - 1]))
      wrong("axes " + axes.str() + " are no ascending axes, counted from the end, of an array with " +
            std::to_string(shape.size()) + " dimensions");
  DType t = in[0].dtype;
  constexpr bool position = std::is_same_v<Op, Argmax> || std::is_same_v<Op, Argmin>;
  constexpr bool extreme = position || std::is_same_v<Op, Max> || std::is_same_v<Op, Min>;
  if constexpr (Op::types == Types::floats) require_float(in[0]);
  if constexpr (Op::types == Types::logical)
    t = DType::b1;
  else if constexpr (position)
    t = DType::i64;
  else if constexpr (!extreme)
    t = accumulated(t);
  const ArrayType out{t, reduced_shape(shape, axes, p.flag)};
  if (extreme && reduced_count(shape, axes) == 0 && count_of(out.shape) != 0)
    wrong("no elements to reduce in an array of shape " + shape.str());
  return out;
}
ArrayType rule(Tag<Cumsum>, Operands in, const Params& p) {
  one_axis(p.dims[0], in[0].shape.size());
  return {accumulated(in[0].dtype), in[0].shape};
}
template <class Op>
  requires(std::is_same_v<Op, Softmax> || std::is_same_v<Op, LogSoftmax>)
ArrayType rule(Tag<Op>, Operands in, const Params& p) {
  require_float(in[0]);
  one_axis(p.dims[0], in[0].shape.size());
  return in[0];
}

// ---- products, and elements moved
// ------------------------------------------------------------------------------------

template <class Op>
  requires std::is_base_of_v<Matmul, Op>
ArrayType rule(Tag<Op>, Operands in, const Params&) {
  require_equal(in[0].dtype, in[1].dtype);
  return {in[0].dtype, MatmulShapes(in[0].shape, in[1].shape).out};
}
ArrayType rule(Tag<Reshape>, Operands in, const Params& p) {
  const ArrayType out{in[0].dtype, p.dims[0]};
  check_array(out);
  if (count_of(out.shape) != count_of(in[0].shape))
    wrong("shape " + in[0].shape.str() + " cannot become " + out.shape.str());
  return out;
}
ArrayType rule(Tag<Transpose>, Operands in, const Params& p) {
  const Dims& perm = p.dims[0];
  const int n = in[0].shape.size();
  bool permutes = perm.size() == n;
  for (int64_t k = 0; k < n; ++k) permutes = permutes && perm.contains(k);
  if (!permutes) wrong("axes " + perm.str() + " are no permutation of " + std::to_string(n));
  Dims shape;
  for (int64_t axis : perm) shape.push_back(in[0].shape[static_cast<int>(axis)]);
  return {in[0].dtype, shape};
}
ArrayType rule(Tag<BroadcastTo>, Operands in, const Params& p) {
  const ArrayType out{in[0].dtype, p.dims[0]};
  check_array(out);
  if (!(core::broadcast_shapes(in[0].shape, out.shape, "broadcast_to") == out.shape))
    wrong("shape " + in[0].shape.str() + " does not broadcast to " + out.shape.str());
  return out;
}
ArrayType rule(Tag<Astype>, Operands in, const Params& p) {
  if (p.number < 0 || p.number >= core::kDTypes) wrong("there is no type number " + std::to_string(p.number));
  return {static_cast<DType>(p.number), in[0].shape};
}
ArrayType rule(Tag<Concatenate>, Operands in, const Params& p) {
  const int axis = one_axis(p.dims[0], in[0].shape.size());
  Dims shape = in[0].shape;
  for (const ArrayType& t : in) {
    require_equal(t.dtype, in[0].dtype);
    bool fits = t.shape.size() == shape.size();
    for (int k = 0; fits && k < shape.size(); ++k) fits = k == axis || t.shape[k] == shape[k];
    if (!fits) wrong("shapes " + in[0].shape.str() + " and " + t.shape.str() + " do not fit together");
    if (&t == in.data()) continue;
    shape[axis] += t.shape[axis];
    check_array({t.dtype, shape});  // so that the sum cannot overflow
  }
  return {in[0].dtype, shape};
}
ArrayType rule(Tag<Stack>, Operands in, const Params& p) {
  const int axis = one_axis(p.dims[0], in[0].shape.size() + 1);
  for (const ArrayType& t : in) {
    require_equal(t.dtype, in[0].dtype);
    if (!(t.shape == in[0].shape)) wrong("shapes " + in[0].shape.str() + " and " + t.shape.str() + " differ");
  }
  Dims shape = in[0].shape;
  shape.insert(axis, static_cast<int64_t>(in.size()));
  return {in[0].dtype, shape};
}

// ---- parts
// -----------------------------------------------------------------------------------------------------------

void require_broadcast(const Dims& from, const Dims& to) {
  if (!(core::broadcast_shapes(from, to, "index") == to))
    wrong("a value of shape " + from.str() + " does not broadcast to a part of shape " + to.str());
}

// The part a slice names lies within the array, and its shape is that of the ranges up to axes of length 1.
void check_slice(const Dims& shape, const Params& p) {
  const Dims &start = p.dims[0], &step = p.dims[1], &count = p.dims[2];
  const int n = shape.size();
  if (start.size() != n || step.size() != n || count.size() != n)
    wrong("start, step and count must have one number for each of " + std::to_string(n) + " axes");
  Dims kept, named;
  for (int k = 0; k < n; ++k) {
    int64_t last = 0;
    const bool inside = count[k] >= 0 && count[k] <= shape[k] && start[k] >= 0 &&
                        (count[k] == 0 ? start[k] == 0 : start[k] < shape[k]) &&
                        !__builtin_mul_overflow(count[k] ? count[k] - 1 : 0, step[k], &last) &&
                        !__builtin_add_overflow(last, start[k], &last) &&
                        (count[k] == 0 || (last >= 0 && last < shape[k])) && (count[k] > 1 || step[k] == 1);
    if (!inside)
      wrong("axis " + std::to_string(k) + " of length " + std::to_string(shape[k]) + " has no range of " +
            std::to_string(count[k]) + " elements from " + std::to_string(start[k]) + " in steps of " +
            std::to_string(step[k]));
    if (count[k] != 1) kept.push_back(count[k]);
  }
  for (int64_t d : p.dims[3])
    if (d != 1) named.push_back(d);
  if (!(kept == named)) wrong("a part of shape " + count.str() + " cannot become " + p.dims[3].str());
}
ArrayType rule(Tag<Slice>, Operands in, const Params& p) {
  check_slice(in[0].shape, p);
  return {in[0].dtype, p.dims[3]};
}
template <class Op>
  requires(std::is_same_v<Op, SliceUpdate> || std::is_same_v<Op, SliceAdd>)
ArrayType rule(Tag<Op>, Operands in, const Params& p) {
  check_slice(in[0].shape, p);
  require_equal(in[0].dtype, in[1].dtype);
  require_broadcast(in[1].shape, p.dims[3]);
  return in[0];
}

// Positions all inside the first axes; the shape of what is looked up there.
Dims looked_up(const Dims& shape, const Params& p) {
  if (p.number < 0 || p.number > shape.size()) wrong("lead must be between 0 and " + std::to_string(shape.size()));
  if (!p.array || p.array->dtype != DType::i64) wrong("positions must be an int64 array");
  const int lead = static_cast<int>(p.number);
  const int64_t size = count_of(shape.slice(0, lead));
  Dims once = p.array->shape;  // what repeats is looked at once: such an array may be larger than memory
  for (int k = 0; k < once.size(); ++k)
    if (p.array->strides[k] == 0 && once[k] > 1) once[k] = 1;
  const ArrayRef at = core::contiguous(core::view(p.array, once, p.array->strides));
  for (int64_t i = 0; i < at->size; ++i)
    if (const int64_t v = at->as<int64_t>()[i]; v < 0 || v >= size)
      wrong("position " + std::to_string(v) + " is outside of " + std::to_string(size) + " places");
  return core::concat(p.array->shape, shape.slice(lead, shape.size()));
}
ArrayType rule(Tag<Gather>, Operands in, const Params& p) { return {in[0].dtype, looked_up(in[0].shape, p)}; }
template <class Op>
  requires(std::is_same_v<Op, GatherUpdate> || std::is_same_v<Op, GatherAdd>)
ArrayType rule(Tag<Op>, Operands in, const Params& p) {
  require_equal(in[0].dtype, in[1].dtype);
  require_broadcast(in[1].shape, looked_up(in[0].shape, p));
  return in[0];
}

// ---- the table
// -------------------------------------------------------------------------------------------------------

using Rule = ArrayType (*)(Operands, const Params&);
const std::array<Rule, kOps> rules = [] {
  std::array<Rule, kOps> t{};
  size_t i = 0;
  Primitives::for_each([&]<class Op>() {
    if constexpr (requires(Operands in, const Params& p) { rule(Tag<Op>{}, in, p); })
      t[i] = [](Operands in, const Params& p) { return rule(Tag<Op>{}, in, p); };
    ++i;
  });
  return t;
}();

}  // namespace

void check_array(const ArrayType& t) {
  int64_t bytes = core::item_size(t.dtype);
  for (int64_t d : t.shape)  // empty axes count as well: products of the others must not overflow either
    if (d < 0 || __builtin_mul_overflow(bytes, d ? d : 1, &bytes) || bytes > (int64_t{1} << 46))
      wrong("there is no array of shape " + t.shape.str());
}

ArrayType result_type(OpCode op, std::span<const ArrayType> in, const Params* params) {
  const Info& f = info(op);
  if (!rules[op]) wrong("there is no rule for the type of its result (ops/result_type.cpp)");
  if (f.arity == kVariadic ? in.empty() : in.size() != static_cast<size_t>(f.arity))
    wrong("it takes " + (f.arity == kVariadic ? "at least 1" : std::to_string(f.arity)) + " operands, got " +
          std::to_string(in.size()));
  if (!f.params.empty() && !params) wrong("its parameters are missing");
  static const Params none;
  ArrayType out = rules[op](in, params ? *params : none);
  check_array(out);
  return out;
}

}  // namespace wengert::ops
