// Programs of few elements as straight-line code over doubles: one 16-byte instruction for each scalar operation, run
// by threaded code (about 1 ns an instruction, whatever the length of the program).
#pragma once
#include <optional>

#include "program/graph/graph.h"

namespace wengert::program {

struct ScalarInstruction {
  uint32_t op_and_target;  // operation in the low 8 bits, target register above
  uint32_t a, b, c;
};
static_assert(sizeof(ScalarInstruction) == 16);

// A register as an element; bool is stored as 0 or 1.
template <class T> T element_of(double v) {
  if constexpr (std::is_same_v<T, uint8_t>)
    return v != 0;
  else
    return static_cast<T>(v);
}

struct ScalarCode {
  struct Source {  // elements of an input that are loaded before the run
    uint32_t input, element, target;
    DType dtype;
  };
  struct Result {
    std::vector<uint32_t> registers;  // one for each element
    DType dtype;
    Dims shape;
  };
  struct Guard {  // elements that have to be what they were
    uint32_t guard;
    std::vector<uint32_t> registers;
  };
  std::vector<ScalarInstruction> code;  // ends with a stop
  std::vector<double> constants;        // the first registers
  uint32_t registers = 0;
  std::vector<Source> sources;
  std::vector<Result> results;
  std::vector<Guard> guards;
  std::vector<void (*)(const void*, void*, int64_t)> calls1;
  std::vector<void (*)(const void*, const void*, void*, int64_t, int, int)> calls2;
  std::vector<ops::OpCode> called1, called2;  // which operations these are
  size_t operations = 0;                      // before pairs were joined
};

// Empty if the program has too many elements, or other element types than float64 and bool.
std::optional<ScalarCode> scalar_code(const Graph& g);

// Runs the code; `registers` holds the constants and the loaded inputs. Returns kNone, or the guard that failed.
uint32_t run(const ScalarCode& code, double* registers);

}  // namespace wengert::program
