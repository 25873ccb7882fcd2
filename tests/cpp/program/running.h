// A run of a program over memory of its own.
#pragma once
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "program/program.h"

namespace wengert::fuzz {

using core::ArrayRef;

// Memory of exactly the right size, so that one byte too far is seen.
struct Bytes {
  explicit Bytes(int64_t n) : p(static_cast<char*>(std::malloc(static_cast<size_t>(n ? n : 1)))) {}
  ~Bytes() { std::free(p); }
  Bytes(Bytes&& o) noexcept : p(std::exchange(o.p, nullptr)) {}
  char* p;
};

inline uint32_t run(const program::Program& p, const std::vector<ArrayRef>& inputs, std::vector<ArrayRef>* results) {
  std::vector<Bytes> held;
  std::vector<char*> in, out;
  for (const ArrayRef& a : inputs) {
    held.emplace_back(a->bytes());
    core::copy_into(*a, held.back().p);
    in.push_back(held.back().p);
  }
  for (size_t k = 0; k < p.outputs(); ++k) {
    held.emplace_back(p.output(k).size() * core::item_size(p.output(k).dtype));
    out.push_back(held.back().p);
  }
  const auto memory = p.memory();
  const uint32_t failed = p.run(*memory, in.data(), out.data());
  if (failed == program::kNone && results)
    for (size_t k = 0; k < p.outputs(); ++k) {
      results->push_back(core::make(p.output(k).dtype, p.output(k).shape));
      if (results->back()->size)
        std::memcpy(results->back()->data, out[k], static_cast<size_t>(results->back()->bytes()));
    }
  return failed;
}

}  // namespace wengert::fuzz
