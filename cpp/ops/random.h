// Random numbers as a function of a key: no state, so programs may repeat, share or drop them. wengert.random is
// composed of this.
#pragma once
#include "ops/op.h"

namespace wengert::ops {

struct RandomParams : ParamsOf<RandomParams> {
  Dims shape;
  DType dtype = DType::f64;
  bool words = false;
  template <class Visit> static void fields(RandomParams& p, Visit&& visit) {
    visit(Field{"shape", FieldKind::dims}, p.shape);
    visit(Field{"dtype", FieldKind::dtype}, p.dtype);
    visit(Field{"words", FieldKind::boolean, "False"}, p.words);
  }
};

struct RandomBits : StructuredBase {
  static constexpr std::string_view
      name = "random_bits",
      doc =
          "Blocks of Threefry-2x32-20 under a key, counted from b on in row-major order; key and b are two int32 words "
          "each, the upper first. int32 and int64: all bits random (words: both words of each block, along a last axis "
          "of 2); float32 and float64: multiples of 2**-23 and 2**-52 in [0, 1).";
  static constexpr Kind kind = Kind::random;
  static constexpr int arity = 2;
  static constexpr bool differentiable = false, hidden = true;
  using Params = RandomParams;
  static ArrayType result(OperandTypes in, const Params& p);
  static ArrayRef value(Args a, const Params& p);
  template <class B> static auto batched(B& b) { return b.one_by_one(); }
};

// The same over raw memory: two words each of key and first block, `count` numbers out.
void fill_random(const char* key, const char* first, DType t, bool words, int64_t count, char* out);

}  // namespace wengert::ops
