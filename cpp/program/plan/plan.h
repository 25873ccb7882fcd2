// A graph turned into steps over memory that is laid out beforehand: what the executor runs.
#pragma once
#include <array>
#include <memory>

#include "program/graph/graph.h"
#include "simd/kernels/gemm.h"

namespace wengert::program {

// Where the elements of a node are: a part of a storage, seen through strides (in elements).
struct Place {
  uint32_t storage = kNone;
  int64_t offset = 0;  // bytes
  Dims strides;
  bool contiguous = true;
};

struct Storage {
  enum Kind : uint8_t { input, constant, arena, output } kind;
  uint32_t index = 0;  // which input, constant or output
  int64_t bytes = 0, offset = 0;
};

// ---- steps ----------------------------------------------------------------------------------------------------------

// Elementwise operations run together, tile by tile, in whole vectors. Locals are the operands, the results that go to
// memory, and what stays inside.
struct Fused {
  enum Pattern : uint8_t { full, row, column, single };  // how an operand lies in the (rows, cols) of the group
  struct Operand {
    uint32_t storage;
    int64_t offset;
    Pattern pattern;
    uint8_t item;
  };
  struct Result {
    uint32_t storage;
    int64_t offset;
    uint8_t item;
  };
  using F1 = void (*)(const void*, void*, int64_t);
  using F2 = void (*)(const void*, const void*, void*, int64_t, int, int);
  using F3 = void (*)(const void*, const void*, const void*, void*, int64_t, int, int, int);
  struct Op {
    union {
      F1 f1;
      F2 f2;
      F3 f3;
    };
    uint32_t in[3], out;  // locals
    uint8_t arity, step[3];
  };
  struct Sum {  // of all elements of a local: of chunks, then of those
    uint32_t local, parts, storage;
    int64_t offset, chunk;
    DType dtype;
    bool mean;
  };
  int64_t size = 0, cols = 0;  // cols 0: no operand is a row or a column
  int64_t tile = 0, unit = 1;  // elements worked on at a time; of whole vectors
  int64_t block = 0;           // what one thread takes is a multiple of this
  bool packed = false;         // a tile is several rows
  std::vector<Operand> operands;
  std::vector<Result> results;
  uint32_t slots = 0;  // locals that stay inside
  std::vector<Op> ops;
  std::vector<Sum> sums;
  std::vector<int64_t> at;  // where in the scratch memory a local has its tile
  int64_t pitch = 0;        // bytes of a tile
  int64_t scratch = 0;      // bytes
  double work = 0;          // additions, roughly
};

struct Product {  // a matrix product, or a stack of them
  uint32_t a, b, c;
  int64_t offset_a, offset_b, offset_c;
  int64_t rows, inner, cols, row_a, col_a, row_b, col_b;
  int64_t batch, step_a, step_b;
  DType dtype;
  bool strong;  // see ops::StrongMatmul
  struct Operand {
    uint32_t storage = kNone;
    int64_t offset = 0;
  } addend, bias;  // see simd::Epilogue
  simd::Activation activation = simd::Activation::none;
  Operand panels = {};  // B packed by an earlier step, see simd::gemm_panels
};

struct Packed {  // the right operand of several products, for all of them
  uint32_t b, panels;
  int64_t offset_b, offset_panels;
  int64_t rows, cols, row_stride, col_stride;
  DType dtype;
};

struct Reduced {  // by the kernels: rows (the reduced axes last) or columns (first)
  uint32_t x, y;
  int64_t offset_x, offset_y;
  int64_t rows, cols;
  bool columns, mean;
  int which;  // simd::Reduction
  DType dtype;
};

struct RowsOp {  // softmax and log_softmax of rows
  uint32_t x, y;
  int64_t offset_x, offset_y, rows, cols;
  bool log;
  DType dtype;
};

struct Copied {  // elements brought into row-major order, or put into (added to) a part of an array
  Place from, to;
  Dims shape;
  DType dtype;
  bool add;
};

struct Positions {  // see ad::Recorder::kPositions
  struct Operand {
    uint32_t storage;
    int64_t offset;
    DType dtype;
    bool many;  // one position for each element; else one for all
  };
  std::vector<Operand> operands;
  Dims sizes;
  int64_t count;
  uint32_t y;
  int64_t offset_y;
};

struct Lookup {  // runs of elements at flat positions: read from x into y, or y put into (added to) x
  enum Kind : uint8_t { read, replace, add } kind;
  DType dtype;
  uint32_t x, y, at;
  int64_t offset_x, offset_y, offset_at = 0, count, run;
};

struct Called {  // any other operation, by the function that runs it outside programs
  OpCode op;
  ParamsRef params;
  std::vector<uint32_t> operands;  // nodes
  uint32_t node;
};

struct Loop;
struct LoopMemory;
struct LoopStep {  // see program/loop/loop.h
  std::shared_ptr<const Loop> loop;
  std::vector<std::pair<uint32_t, int64_t>> operands, results;  // storage and offset; kNone: nobody reads it
};

struct Step {
  enum Kind : uint8_t {
    fused,
    product,
    reduced,
    rows,
    copied,
    called,
    guard,
    fill,
    positions,
    lookup,
    loop,
    draw,
    packed
  };
  Kind kind;
  uint32_t index;
};

struct Filled {
  uint32_t storage;
  int64_t offset, bytes;
};

struct Drawn {  // random numbers (see ops/random.h)
  uint32_t key, first, y;
  int64_t offset_key, offset_first, offset_y, count;
  DType dtype;
  bool words;
};

struct Plan {
  Graph graph;
  List<Place> places;  // of nodes
  std::vector<Storage> storages;
  std::vector<ArrayRef> constants;  // by Storage::index, contiguous
  std::vector<Step> steps;
  std::vector<Fused> fused;
  std::vector<Product> products;
  std::vector<Packed> packs;
  std::vector<Reduced> reductions;
  std::vector<RowsOp> row_ops;
  std::vector<Copied> copies;
  std::vector<Called> calls;
  std::vector<Filled> fills;
  std::vector<Positions> positions;
  std::vector<Lookup> lookups;
  std::vector<LoopStep> loops;
  std::vector<Drawn> draws;
  std::vector<Place> guard_places;
  std::vector<uint32_t> output_storage;  // of each output
  struct Life {
    uint32_t born, dies;  // the steps that write it first (kNone: none does) and use it last
  };
  std::vector<Life> lives;  // of storages
  int64_t arena = 0;        // bytes
  bool needs_lock = false;  // of the interpreter
  bool open_ended = false;  // has a loop whose number of steps is not known
  double work = 0;          // flops, roughly
};

Plan planned(Graph g);

// True if a run may be given the same memory for an input and an output.
bool may_share(const Plan& plan, size_t input, size_t output);

// What a product becomes while it is in cache: activation(product + addend + bias).
struct Finish {
  uint32_t product = kNone, addend = kNone, bias = kNone;
  simd::Activation activation = simd::Activation::none;
};

// The schedule: the stage of every node; steps of one stage do not depend on each other, elementwise operations of one
// stage and size run together.
struct Schedule {
  List<uint32_t> stage;
  List<char> fusable;
  std::unordered_map<uint32_t, Finish> finishes;  // by the node whose value it is
  List<char> inside;                              // nodes that have no value outside such a product
};
void find_finishes(const Graph& g, Schedule& s);
Schedule scheduled(const Graph& g);
bool is_view(const Graph& g, uint32_t i);         // no step of its own where the operand's layout allows
uint32_t unreshaped(const Graph& g, uint32_t i);  // the node whose elements these are, in the same order

// Memory of one replay.
struct Context {
  explicit Context(const Plan& plan);
  ~Context();
  Context(const Context&) = delete;
  std::vector<char*> base;  // of storages
  char* arena = nullptr;
  core::Ref<core::Buffer> memory;
  std::vector<std::unique_ptr<LoopMemory>> loops;
};

// A position outside its axis: the function itself has to run, and raises. A loop of more steps than it has room for:
// the function itself has to run. The interrupt hook has asked for an end.
inline constexpr uint32_t kOutOfBounds = kNone - 1, kTooLong = kNone - 2, kInterrupted = kNone - 3;

// inputs: contiguous; outputs: to be filled. Returns kNone, the guard that failed, or one of these.
uint32_t run(const Plan& plan, Context& context, char* const* inputs, char* const* outputs);

}  // namespace wengert::program
