// Compiled functions as plain data, and as the bytes of a file. What is kept is what was recorded (operations by name,
// shapes, constants, guards), not how this machine runs it: programs are planned again where they are loaded.
#pragma once
#include <memory>
#include <string_view>

#include "program/graph/graph.h"

namespace wengert::program {

// The structure of arguments or results.
struct Tree {
  enum Kind : uint8_t {
    none,
    ellipsis,
    truth,
    integer,
    real,
    text,
    bytes,
    dtype,
    scalar,  // objects, equal by value
    tuple,
    list,
    dict,  // parts; of dict: key, value, key, value …
    any_float,
    any_int,
    any_scalar,
    any_ndarray,
    any_array,  // leaves of arguments
    value,
    argument,  // leaves of results
    kinds
  };
  Kind kind = none;
  int64_t number = 0;  // truth, integer, scalar; value: which output; argument: which leaf
  double real_number = 0;
  std::string chars;  // text, bytes; any_scalar: name of the type
  DType type = DType::f64;
  Dims shape;  // any_ndarray, any_array
  std::vector<Tree> parts;
};

// The one list of what each kind of tree holds, in the order of files.
template <class T, class F> void visit_fields(T& t, F&& f) {
  switch (t.kind) {
    case Tree::none:
    case Tree::ellipsis:
    case Tree::any_float:
    case Tree::any_int:
    case Tree::kinds:
      break;
    case Tree::real:
      f(t.real_number);
      break;
    case Tree::text:
    case Tree::bytes:
    case Tree::any_scalar:
      f(t.chars);
      break;
    case Tree::truth:
    case Tree::integer:
    case Tree::value:
    case Tree::argument:
      f(t.number);
      break;
    case Tree::dtype:
      f(t.type);
      break;
    case Tree::scalar:
      f(t.type);
      f(t.number);
      f(t.real_number);
      break;
    case Tree::any_ndarray:
    case Tree::any_array:
      f(t.type);
      f(t.shape);
      break;
    case Tree::tuple:
    case Tree::list:
    case Tree::dict:
      f(t.parts);
  }
}

struct SavedProgram {
  Graph graph;
  Tree result;
  std::vector<std::pair<uint32_t, uint32_t>> changed;  // leaf that is updated in place, output with its new value
};
struct SavedEntry {  // the programs of one structure of arguments
  std::vector<Tree> positional;
  std::vector<std::pair<std::string, Tree>> keywords;
  std::vector<SavedProgram> programs;
};
struct SavedFunction {
  std::string name;
  std::vector<int64_t> static_arguments;
  uint64_t capacity = 64;
  std::vector<SavedEntry> entries;
};

inline constexpr uint32_t kFileVersion = 3;
inline constexpr int kDeepest = 100;  // trees inside trees

std::string encoded(const SavedFunction& f);
// Throws, and says what is wrong, unless the bytes are a function of this format whose programs are valid and whose
// arrays need at most `most` bytes each.
SavedFunction decoded(std::string_view file, int64_t most);

// Puts the right checksum and length into the bytes of a file: for tests that change something in it.
void seal(std::string& file);

// Throws unless the graph could have been recorded: then it can be planned and run whatever numbers come in.
void check_graph(const Graph& g, int64_t most);
void check_results(const SavedProgram& p);

}  // namespace wengert::program
