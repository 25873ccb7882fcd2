#include "ad/batch.h"

#include "ad/functions.h"
#include "ad/process.h"
#include "ad/recorder.h"
#include "ad/rules.h"

namespace wengert::ad {

constinit thread_local BatchLevel* indexing = nullptr;

namespace {

template <class Op> Value batched_rule(With<Op, Batch>& b) {
  if constexpr (ops::Unary<Op>)
    return b.same(b.arg(0));
  else if constexpr (ops::Binary<Op>)
    return b.same(b.aligned(0), b.aligned(1));
  else
    return Op::batched(b);
}

// The same part of x under the axis of the examples, for operations that name one.
template <class Op>
concept OfPart = requires(const typename Op::Params& p) {
  Op::in_place;
  Op::lifted(p, int64_t{1}, p.shape);
};

struct Rules {
  Value (*batched[ops::kOps])(BatchLevel& level, OpCode op, Operands args, int n, const ParamsRef& params) = {};
  ParamsRef (*lifted[ops::kOps])(const ops::Params& params, int64_t size, const Dims& x, Dims& part) = {};
  Rules() {
    ops::Primitives::for_each([this]<class Op>() {
      batched[ops::code_of<Op>] = [](BatchLevel& level, OpCode op, Operands args, int n, const ParamsRef& params) {
        With<Op, Batch> b(level, op, args, n, params);
        return batched_rule<Op>(b);
      };
      if constexpr (OfPart<Op>)
        lifted[ops::code_of<Op>] = [](const ops::Params& params, int64_t size, const Dims& x, Dims& part) {
          const auto& p = ops::params_of<Op>(params);
          part = core::concat(Dims{size}, p.shape);
          return Op::lifted(p, size, x);
        };
    });
  }
};
const Rules rules;

ArrayRef first_of(const ArrayRef& examples) {
  const Dims& s = examples->shape;
  const Dims shape = s.slice(1, s.size());
  if (s[0] == 0) return example_array(examples->dtype, shape);
  return core::view(examples, shape, examples->strides.slice(1, s.size()));
}

Dims unit_axes(const Value& v, bool led, int rank) {
  Dims shape = v.shape();
  const int own = shape.size() - led;
  for (int i = own; i < rank; ++i) shape.insert(led, 1);
  return shape;
}

// Flat positions in axes of these sizes; throws where one is out of bounds.
ArrayRef flattened(const std::vector<Value>& from, const Dims& sizes) {
  Dims common;
  for (const Value& v : from) common = core::broadcast_shapes(common, v.shape(), "getitem");
  ArrayRef flat = core::zeros(DType::i64, common);
  for (size_t k = 0; k < from.size(); ++k) {
    const int axis = static_cast<int>(k);
    const ArrayRef at = core::contiguous(core::broadcast_to(core::cast(from[k].array, DType::i64), common));
    for (int64_t i = 0; i < flat->size; ++i) {
      const int64_t given = at->as<int64_t>()[i], place = given < 0 ? given + sizes[axis] : given;
      if (place < 0 || place >= sizes[axis])
        index_error("wengert.getitem: index " + std::to_string(given) + " is out of bounds for an axis of size " +
                    std::to_string(sizes[axis]) + ", in an example of a vmap");
      flat->as<int64_t>()[i] = flat->as<int64_t>()[i] * sizes[axis] + place;
    }
  }
  return flat;
}

ParamsRef looking_up(const std::vector<Value>& from, const Dims& sizes) {
  const auto p = ops::new_params<ops::Gather>();
  p->indices = flattened(from, sizes);
  p->lead = sizes.size();
  follow_positions(p->indices, from, sizes);
  return p;
}

// The same in operands with the leading axis.
ParamsRef in_batch(const BatchLevel::Positions& p, int64_t size) {
  Dims shape(p.first->ndim() + 1, 1);
  shape[0] = size;
  const ArrayRef example = core::make(DType::i64, shape);
  for (int64_t i = 0; i < size; ++i) example->as<int64_t>()[i] = i;
  std::vector<Value> from{Value(example)};
  from.insert(from.end(), p.from.begin(), p.from.end());
  return looking_up(from, core::concat(Dims{size}, p.sizes));
}

}  // namespace

void BatchLevel::end() {
  alive = false;
  for (BatchLevel** at = &indexing; *at; at = &(*at)->outer_)
    if (*at == this) {
      *at = outer_;
      break;
    }
}

Value BatchLevel::value(const Value& examples) {
  Value v(first_of(examples.array));
  v.level = LevelRef(this);
  v.box = Ref<Box>(new Box);
  v.box->primal = examples;
  v.weak = examples.weak;
  v.box->primal.weak = false;
  return v;
}

Value BatchLevel::examples_of(const Value& v) const {
  if (v.level.get() == this) return primal_of(v);
  return broadcast_to(v, core::concat(Dims{size}, v.shape()));
}

Value BatchLevel::process(OpCode op, Operands args, int n, const ParamsRef& params) {
  return value(rules.batched[op](*this, op, args, n, params));
}

bool BatchLevel::update(OpCode op, Value& x, const Value& v, const ParamsRef& params) {
  if (!rules.lifted[op]) return false;
  Dims part;
  const ParamsRef p = rules.lifted[op](*params, size, x.shape(), part);
  const bool led = v.level.get() == this;
  const Value lower = led ? primal_of(v) : v;
  const Value fitted = broadcast_to(led ? reshape(lower, unit_axes(lower, true, part.size() - 1)) : lower, part);
  Value whole = examples_of(x);
  x = Value();  // and with it the first example, which looks at the same storage
  try {
    ad::update(op, whole, fitted, p);
  } catch (...) {
    x = value(whole);
    throw;
  }
  x = value(whole);
  return true;
}

void BatchLevel::follow(const ArrayRef& first, const std::vector<Value>& from, const Dims& sizes) {
  if (positions_.empty()) {
    outer_ = indexing;
    indexing = this;
  }
  Positions p{first, {}, sizes, {}};
  const int rank = first->ndim();
  for (const Value& v : from) {
    const bool led = v.level.get() == this;
    const Value lower = led ? primal_of(v) : v;
    p.from.push_back(led ? reshape(lower, unit_axes(lower, true, rank)) : lower);
  }
  p.all = looking_up(p.from, sizes);
  positions_[first.get()] = std::move(p);
}

BatchLevel* BatchLevel::of_positions(const ArrayRef* first, const Positions** found) {
  if (!first) return nullptr;
  for (BatchLevel* t = indexing; t; t = t->outer_) {
    const auto at = t->positions_.find(first->get());
    if (at == t->positions_.end()) continue;
    if (found) *found = &at->second;
    return t;
  }
  return nullptr;
}

Value survivors(const ParamsRef& p) {
  const BatchLevel::Positions* found = nullptr;
  BatchLevel* level =
      indexing ? BatchLevel::of_positions(ops::positions_of(ops::code_of<ops::GatherUpdate>, p), &found) : nullptr;
  if (!level) return Value(ops::GatherUpdate::survivors(ops::params_of<ops::GatherUpdate>(p)));
  for (const Value& v : found->from)  // where positions repeat depends on all of them: a recording asks again
    if (!batched(v)) guard(v, GuardOn::elements);
  return level->value(survivors(in_batch(*found, level->size)));
}

bool batched(const Value& v) {
  for (Value at = v; at.level; at = primal_of(at))
    if (level_as<BatchLevel>(at.level)) return true;
  return false;
}

void refuse_batched() {
  const std::string where = location_hook ? location_hook() : std::string();
  type_error("wengert.vmap: a number was asked of a value that has another one in every example of the batch" +
             (where.empty() ? where : " (" + where + ")") +
             "; instead of `if`, bool(), int() or float() write wengert.numpy.where, wengert.cond or "
             "wengert.while_loop, and for a mask as an index wengert.numpy.where");
}

Batch::Batch(BatchLevel& level, OpCode op, Operands args, int n, const ParamsRef& params)
    : level_(level), op_(op), params_(params) {
  for (int i = 0; i < n; ++i) {
    led_.push_back(args[i]->level.get() == &level);
    args_.push_back(below(*args[i], &level));
    shapes_.push_back(args[i]->shape());
    rank_ = std::max(rank_, shapes_.back().size());
  }
  const BatchLevel::Positions* found = nullptr;
  if (indexing && BatchLevel::of_positions(ops::positions_of(op, params), &found) == &level) positions_ = found;
}

Value Batch::again(const Value* args, int n, const ParamsRef& params) const { return apply(op_, args, n, params); }

Value Batch::with_unit_axes(const Value& examples, int rank) const {
  return reshape(examples, unit_axes(examples, true, rank));
}

Value Batch::front(int i) const { return led(i) ? arg(i) : broadcast_to(arg(i), of_all(shape(i))); }

std::vector<Value> Batch::fronts() const {
  std::vector<Value> r;
  for (size_t i = 0; i < args_.size(); ++i) r.push_back(front(static_cast<int>(i)));
  return r;
}

Value Batch::aligned(int i, int rank) const { return led(i) ? with_unit_axes(arg(i), rank) : arg(i); }

Value Batch::fitted(int i, const Dims& shape) const { return broadcast_to(aligned(i, shape.size()), of_all(shape)); }

Value Batch::one_by_one() const {
  const std::vector<Value> all = fronts();
  if (size() == 0) {
    std::vector<ops::ArrayType> types;
    for (size_t i = 0; i < all.size(); ++i) types.push_back({all[i].dtype(), shapes_[i]});
    const ops::ArrayType t = ops::result_type(op_, types, params_.get());
    return zeros(core::concat(Dims{0}, t.shape), t.dtype);
  }
  std::vector<Value> results;
  for (int64_t k = 0; k < size(); ++k) {
    std::vector<Value> one;
    for (const Value& v : all) one.push_back(take_one(v, -v.shape().size(), k));
    results.push_back(again(one.data(), static_cast<int>(one.size()), params_));
  }
  return stack(results, -results[0].shape().size() - 1);
}

ParamsRef Batch::positions_in_batch() const { return in_batch(*positions_, size()); }

}  // namespace wengert::ad
