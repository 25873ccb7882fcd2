#include "ops/random.h"

#include <cstring>

#include "core/unlocked.h"
#include "ops/result_type.h"
#include "simd/kernels/random.h"

namespace wengert::ops {
namespace {

void check_words(const char* what, DType t, const Dims& shape) {
  if (t != DType::i32 || !(shape == Dims{2}))
    type_error("wengert.random_bits: the " + std::string(what) + " must be int32 of shape (2,), got " +
               std::string(core::dtype_name(t)) + " of shape " + shape.str() +
               "; wengert.random.key(seed) makes a key");
}

simd::Draw form(DType t, bool words) {
  switch (t) {
    case DType::i32:
      return words ? simd::Draw::pair_i32 : simd::Draw::i32;
    case DType::i64:
      return simd::Draw::i64;
    case DType::f32:
      return simd::Draw::f32;
    default:
      return simd::Draw::f64;
  }
}

}  // namespace

ArrayType RandomBits::result(OperandTypes in, const Params& p) {
  check_words("key", in.dtype(0), in.shape(0));
  check_words("first block", in.dtype(1), in.shape(1));
  const Dims& shape = p.shape;
  if (p.dtype == DType::b1) type_error("wengert.random_bits: dtype must be int32, int64, float32 or float64");
  for (int64_t d : shape)
    if (d < 0) refuse(name, "sizes must not be negative, got shape " + shape.str());
  if (p.words && (p.dtype != DType::i32 || shape.empty() || shape.back() != 2))
    refuse(name, "words come as int32 with a last axis of 2, got shape " + shape.str());
  const ArrayType out{p.dtype, shape};
  check_array(out);
  return out;
}

ArrayRef RandomBits::value(Args a, const Params& p) {
  const ArrayRef key = core::contiguous(a[0]), first = core::contiguous(a[1]);
  ArrayRef y = make(result(a, p));
  const core::Unlocked unlocked(y->size >= 1 << 15);
  fill_random(key->data, first->data, y->dtype, p.words, y->size, y->data);
  return y;
}

void fill_random(const char* key, const char* first, DType t, bool words, int64_t count, char* out) {
  uint32_t k[2], at[2];
  std::memcpy(k, key, sizeof k);
  std::memcpy(at, first, sizeof at);
  simd::random_fill(form(t, words), k, uint64_t{at[0]} << 32 | at[1], words ? count / 2 : count, out);
}

}  // namespace wengert::ops
