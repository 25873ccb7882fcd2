// Sizes of arrays in 64 bits against the same in 128: what does not fit is an exception, what fits is right.
#include <cstdlib>
#include <new>
#include <random>

#include "check.h"
#include "core/array.h"

using namespace wengert::core;

namespace {

using Wide = __int128;
std::mt19937_64 random_bits(1);

int64_t any_size() {
  switch (random_bits() % 6) {
    case 0:
      return static_cast<int64_t>(random_bits());  // negative half of the time
    case 1:
      return static_cast<int64_t>(random_bits() >> (random_bits() % 63 + 1));
    case 2:
      return int64_t{1} << random_bits() % 63;
    default:
      return static_cast<int64_t>(random_bits() % 9) - 1;
  }
}

template <class F> bool throws(F&& f) {
  try {
    f();
    return false;
  } catch (const wengert::Error&) {
    return true;
  }
}

bool fits(Wide v) { return v == static_cast<int64_t>(v); }

void pairs() {
  for (int i = 0; i < 200'000; ++i) {
    const int64_t a = any_size(), b = any_size();
    const Wide product = Wide(a) * b, sum = Wide(a) + b;
    CHECK(throws([&] { checked_product(a, b); }) != fits(product), "%ld * %ld", long(a), long(b));
    CHECK(!fits(product) || checked_product(a, b) == product, "%ld * %ld", long(a), long(b));
    CHECK(throws([&] { checked_sum(a, b); }) != fits(sum), "%ld + %ld", long(a), long(b));
    CHECK(!fits(sum) || checked_sum(a, b) == sum, "%ld + %ld", long(a), long(b));
  }
}

void shapes() {
  constexpr DType types[] = {DType::b1, DType::i32, DType::i64, DType::f32, DType::f64};
  for (int i = 0; i < 200'000; ++i) {
    Dims shape;
    for (auto n = static_cast<int>(random_bits() % 7); n-- > 0;) shape.push_back(any_size());
    const DType t = types[random_bits() % 5];
    bool possible = true;
    Wide bytes = item_size(t), count = 1;
    for (int64_t d : shape) {
      possible = possible && d >= 0;
      if (!possible) break;
      bytes *= d ? d : 1;
      possible = bytes <= kMostBytes;
      count *= d;
    }
    CHECK(throws([&] { element_count(t, shape); }) != possible, "%s", shape.str().c_str());
    if (possible) {
      CHECK(element_count(t, shape) == count && shape.product() == count, "%s", shape.str().c_str());
      const Dims strides = row_major(shape);
      CHECK(is_row_major(shape, strides), "%s", shape.str().c_str());
    } else {
      CHECK(throws([&] { make(t, shape); }), "%s", shape.str().c_str());
      CHECK(throws([&] { view(scalar(1, t), shape, Dims(shape.size())); }), "%s", shape.str().c_str());
    }
  }
}

bool no_memory(int64_t bytes) {
  try {
    const Ref<Buffer> b(new_buffer(bytes));
    return b->bytes < bytes;
  } catch (const std::bad_alloc&) {
    return true;
  }
}

void memory() {
  for (int64_t bytes : {int64_t{-1}, INT64_MIN, INT64_MAX, kMostBytes + 1, kMostBytes * 2})
    CHECK(no_memory(bytes), "%ld bytes", long(bytes));
  for (int64_t bytes = kMostBytes / 8; bytes <= kMostBytes; bytes += kMostBytes / 8) no_memory(bytes);
  for (int64_t bytes : {0, 1, 64, 65, 4095, 4097, 70'000}) {
    const Ref<Buffer> b(new_buffer(bytes));
    CHECK(b->bytes >= bytes, "%ld of %ld bytes", long(b->bytes), long(bytes));
  }
}

}  // namespace

int main() {
  pairs();
  shapes();
  memory();
  return report();
}
