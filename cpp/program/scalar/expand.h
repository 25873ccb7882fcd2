// A graph as operations on single numbers, between the graph and scalar code.
#pragma once
#include <cstring>

#include "program/graph/graph.h"

namespace wengert::program::scalar {

inline constexpr int64_t kMostElements = 128;  // of one array

enum Source : uint8_t { from_code, from_constant, from_input };

struct Scalar {
  uint8_t op;
  Source source;
  uint32_t a, b, c;  // operands, calls: c is the function; constants: their bits; inputs: input and element
};

inline double constant_of(const Scalar& s) {
  const uint64_t bits = s.a | static_cast<uint64_t>(s.b) << 32;
  double v;
  std::memcpy(&v, &bits, 8);
  return v;
}

struct Expanded {
  struct Guard {
    uint32_t guard, element, value, before;  // after how many values it can be made
    double expected;
    bool truth;
  };
  List<Scalar> values;
  std::vector<std::vector<uint32_t>> outputs;  // values of the elements
  std::vector<Guard> guards;
  std::vector<void (*)(const void*, void*, int64_t)> calls1;
  std::vector<void (*)(const void*, const void*, void*, int64_t, int, int)> calls2;
  std::vector<OpCode> called1, called2;  // which operations these are
  bool known(uint32_t i, double* v) const {
    if (values[i].source != from_constant) return false;
    *v = constant_of(values[i]);
    return true;
  }
};

struct GiveUp {};  // thrown where scalar code is not possible, or would be longer than worth it

Expanded expanded(const Graph& g);

}  // namespace wengert::program::scalar
