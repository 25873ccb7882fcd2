// Running loops: the program of the body, step after step, over rows of stacked arrays.
#include "program/loop/loop.h"

#include <algorithm>
#include <cstring>

#include "core/patience.h"

namespace wengert::program {
namespace {

constexpr int64_t kAlign = 64;

int64_t bytes_of(DType t, const Dims& shape) { return core::element_count(t, shape) * core::item_size(t); }
int64_t padded(int64_t bytes) { return (std::max<int64_t>(bytes, 1) + kAlign - 1) / kAlign * kAlign; }
void copy_bytes(char* to, const char* from, int64_t n) {
  if (n) std::memcpy(to, from, static_cast<size_t>(n));
}

}  // namespace

LoopParams::LoopParams(LoopRef l) : loop(std::move(l)) {
  static int64_t made = 0;  // changes under the interpreter lock
  id = ++made;
}

const LoopRef& loop_of(const Node& n) { return static_cast<const LoopParams*>(n.params.get())->loop; }

std::string loop_text(const Node& n) {
  const Loop& l = *loop_of(n);
  const std::string steps = std::to_string(l.length) + " steps";
  if (l.kind == Loop::repeat) return l.length ? "while<at most " + steps + ">" : "while";
  if (l.kind == Loop::branch) return "branch";
  return (l.counted ? "scan<at most " : "scan<") + steps + (l.reverse ? ", backwards>" : ">");
}

// ---- shapes ---------------------------------------------------------------------------------------------------------

DType Loop::operand_type(size_t k) const {
  if (kind == branch) return k == 0 ? DType::b1 : body.nodes[body.inputs[k - 1]].dtype;
  return k == body.inputs.size() ? DType::i64 : body.nodes[body.inputs[k]].dtype;
}

Dims Loop::operand_shape(size_t k) const {
  if (kind == branch) return k == 0 ? Dims{} : body.nodes[body.inputs[k - 1]].shape;
  if (k == body.inputs.size()) return Dims{};  // the number of steps
  const Dims& s = body.nodes[body.inputs[k]].shape;
  return kind == scan && k >= carries && k < carries + rows ? core::concat(Dims{length}, s) : s;
}

DType Loop::result_type(size_t k) const {
  return k == body.outputs.size() ? DType::i64 : body.nodes[body.outputs[k]].dtype;
}

Dims Loop::result_shape(size_t k) const {
  if (k == body.outputs.size()) return Dims{};  // the number of steps
  const Dims& s = body.nodes[body.outputs[k]].shape;
  return kind != branch && k >= carries ? core::concat(Dims{length}, s) : s;
}

// ---- programs and memory --------------------------------------------------------------------------------------------

const Program& Loop::body_program() const {
  if (!body_program_) body_program_ = std::make_unique<Program>(without_cuts(body));
  return *body_program_;
}

const Program& Loop::other_program() const {
  if (!other_program_) other_program_ = std::make_unique<Program>(without_cuts(other));
  return *other_program_;
}

const Program* Loop::several() const {
  if (times_ == 0) {
    constexpr int64_t kCode = 512, kMost = 16;  // instructions of one run: they stay in the first-level cache
    const auto size = static_cast<int64_t>(body_program().steps()) + 1;
    const int64_t times = std::min({kMost, kCode / size, length / 2});
    times_ = 1;
    if (kind == scan && body_program().is_scalar() && times > 1) {
      auto p = std::make_unique<Program>(repeated(without_cuts(body), carries, rows, static_cast<uint32_t>(times)));
      if (p->is_scalar()) {
        several_ = std::move(p);
        times_ = static_cast<uint32_t>(times);
      }
    }
  }
  return several_.get();
}

bool Loop::in_place(uint32_t c) const {
  if (in_place_.empty()) in_place_ = carries_in_place(body_program().graph(), carries);
  return in_place_[c];
}

bool Loop::needs_lock() const { return body_program().needs_lock() || (kind != scan && other_program().needs_lock()); }

bool Loop::open_ended() const {
  return kind == repeat || counted || body_program().open_ended() || (kind == branch && other_program().open_ended());
}

double Loop::work() const {
  const double once = body_program().work() + (kind != scan ? other_program().work() : 0);
  return kind == scan && !counted ? once * static_cast<double>(length) : once;
}

std::unique_ptr<LoopMemory> Loop::memory() const {
  auto m = std::make_unique<LoopMemory>();
  m->body = body_program().memory();
  if (kind != scan) m->other = other_program().memory();
  if (const Program* p = several()) m->several = p->memory();
  m->in.resize(body.inputs.size());
  m->out.resize(body.outputs.size());
  m->operands.resize(operands());
  m->results.resize(results());
  for (auto& c : m->carry) c.resize(carries);
  m->unwanted.resize(body.outputs.size());
  if (kind == scan && carries) in_place(0);  // found while the interpreter lock is held
  const int64_t total = own_bytes();
  if (!total) return m;
  m->buffer = core::Ref<core::Buffer>(core::new_buffer(total));
  int64_t at = 0;
  auto next = [&](char*& p, size_t output) {
    p = m->buffer->data + at;
    at += row_bytes(output);
  };
  for (size_t k = 0; k < body.outputs.size(); ++k) {
    if (kind != branch && k < carries) {
      for (auto& c : m->carry) next(c[k], k);
    } else {
      next(m->unwanted[k], k);
    }
  }
  return m;
}

int64_t Loop::row_bytes(size_t output) const {
  const Node& n = body.nodes[body.outputs[output]];
  return padded(bytes_of(n.dtype, n.shape));
}

int64_t Loop::own_bytes() const {
  int64_t total = 0;
  for (size_t k = 0; k < body.outputs.size(); ++k)
    total = core::checked_sum(total, row_bytes(k) * (kind != branch && k < carries ? 2 : 1));
  return total;
}

int64_t Loop::bytes() const {
  int64_t total = own_bytes() + body_program().arena();
  if (kind != scan) total += other_program().arena();
  if (const Program* p = several()) total += p->arena();
  return total;
}

// ---- running --------------------------------------------------------------------------------------------------------

uint32_t Loop::run(LoopMemory& m, char* const* operands, char* const* results) const {
  switch (kind) {
    case scan:
      return run_scan(m, operands, results);
    case repeat:
      return run_repeat(m, operands, results);
    default:
      return run_branch(m, operands, results);
  }
}

namespace {
void load(const LoopMemory::Move& l, double* r) {
  core::dispatch(l.dtype, [&]<class T>(core::TypeTag<T>) {
    r[l.target] = static_cast<double>(*reinterpret_cast<const T*>(l.at));
  });
}
}  // namespace

uint32_t Loop::run_scan(LoopMemory& m, char* const* operands, char* const* results) const {
  const Program& program = body_program();
  const int64_t n = counted ? std::clamp<int64_t>(*reinterpret_cast<const int64_t*>(operands[body.inputs.size()]), 0,
                                                  length)  // a file may say anything
                            : length;
  if (n == 0) {
    for (uint32_t c = 0; c < carries; ++c)
      if (results[c]) copy_bytes(results[c], operands[c], bytes_of(operand_type(c), operand_shape(c)));
    return kNone;
  }
  if (program.scalar()) return run_numbers(m, operands, results, n);
  point_rows(m, operands, results, reverse ? n - 1 : 0);
  for (uint32_t c = 0; c < carries; ++c) {
    if (!in_place(c)) continue;
    char* at = results[c] ? results[c] : m.carry[0][c];
    copy_bytes(at, operands[c], bytes_of(operand_type(c), operand_shape(c)));
    m.in[c] = at;
  }
  core::Patience patience(program.work());
  for (int64_t t = 0; t < n; ++t) {
    for (uint32_t c = 0; c < carries; ++c)
      m.out[c] = in_place(c) ? m.in[c] : t + 1 == n && results[c] ? results[c] : m.carry[t & 1][c];
    const uint32_t failed = program.run(*m.body, m.in.data(), m.out.data());
    if (failed != kNone) return failed;
    if (patience.ended()) return kInterrupted;
    next_rows(m);
  }
  return kNone;
}

// Inputs and outputs of the step that is at row `first`.
void Loop::point_rows(LoopMemory& m, char* const* operands, char* const* results, int64_t first) const {
  m.in_step.assign(body.inputs.size(), 0);
  m.out_step.assign(body.outputs.size(), 0);
  for (size_t k = 0; k < body.inputs.size(); ++k) {
    m.in[k] = operands[k];
    if (k < carries || k >= carries + rows) continue;
    const Node& n = body.nodes[body.inputs[k]];
    const int64_t row = bytes_of(n.dtype, n.shape);
    m.in[k] += first * row;
    m.in_step[k] = reverse ? -row : row;
  }
  for (size_t k = carries; k < body.outputs.size(); ++k) {
    const Node& n = body.nodes[body.outputs[k]];
    const int64_t row = bytes_of(n.dtype, n.shape);
    m.out[k] = results[k] ? results[k] + first * row : m.unwanted[k];
    m.out_step[k] = !results[k] ? 0 : reverse ? -row : row;
  }
}

void Loop::next_rows(LoopMemory& m) const {
  for (uint32_t c = 0; c < carries; ++c) m.in[c] = m.out[c];
  for (size_t k = carries; k < carries + rows; ++k) m.in[k] += m.in_step[k];
  for (size_t k = carries; k < body.outputs.size(); ++k) m.out[k] += m.out_step[k];
}

// A body of numbers: carries stay in their places, rows are read into registers and written from them.
uint32_t Loop::run_numbers(LoopMemory& m, char* const* operands, char* const* results, int64_t n) const {
  for (uint32_t c = 0; c < carries; ++c)
    copy_bytes(m.carry[0][c], operands[c], bytes_of(operand_type(c), operand_shape(c)));
  int64_t done = 0;
  if (const Program* p = several()) {
    done = n / times_ * times_;
    const uint32_t failed =
        run_moves(*p->scalar(), m.several->registers.data(), times_, {0, done, n}, m, operands, results);
    if (failed != kNone) return failed;
  }
  const uint32_t failed =
      run_moves(*body_program().scalar(), m.body->registers.data(), 1, {done, n, n}, m, operands, results);
  for (uint32_t c = 0; failed == kNone && c < carries; ++c)
    if (results[c]) copy_bytes(results[c], m.carry[0][c], bytes_of(operand_type(c), operand_shape(c)));
  return failed;
}

// A part of the steps of such a body, `times` of them in each run of the code.
uint32_t Loop::run_moves(const ScalarCode& code, double* r, int64_t times, const Steps& steps, LoopMemory& m,
                         char* const* operands, char* const* results) const {
  const int64_t from = steps.from, to = steps.to, last = steps.all - 1 - from;
  if (from == to) return kNone;
  // Where the row of step `from + u` is, and how far it moves from one run to the next.
  auto place = [&](char* base, int64_t row, int64_t u, char** at, int64_t* step) {
    *at = base + (reverse ? last - u : from + u) * row;
    *step = reverse ? -times * row : times * row;
  };
  m.loads.clear();
  m.stores.clear();
  for (const ScalarCode::Source& s : code.sources) {
    const auto k = static_cast<int64_t>(s.input), row = k - carries, moving = times * rows;
    const int64_t own = row < 0 ? k : row < moving ? carries + row % rows : k - moving + rows;
    const Node& in = body.nodes[body.inputs[static_cast<size_t>(own)]];
    LoopMemory::Move l{row < 0 ? m.carry[0][k] : operands[own], 0, s.target, s.dtype};
    if (row >= 0 && row < moving) place(operands[own], bytes_of(in.dtype, in.shape), row / rows, &l.at, &l.step);
    l.at += s.element * core::item_size(in.dtype);
    m.loads.push_back(l);
  }
  const size_t ys = body.outputs.size() - carries;
  for (size_t k = 0; k < code.results.size(); ++k) {
    const size_t own = k < carries ? k : carries + (k - carries) % ys;
    if (k >= carries && !results[own]) continue;
    const Node& out = body.nodes[body.outputs[own]];
    LoopMemory::Move s{k < carries ? m.carry[0][k] : nullptr, 0, 0, out.dtype};
    if (k >= carries)
      place(results[own], bytes_of(out.dtype, out.shape), static_cast<int64_t>((k - carries) / ys), &s.at, &s.step);
    for (uint32_t target : code.results[k].registers) {
      s.target = target;
      m.stores.push_back(s);
      s.at += core::item_size(out.dtype);
    }
  }
  core::Patience patience(static_cast<double>(code.code.size()));
  for (int64_t t = from; t < to; t += times) {
    for (LoopMemory::Move& l : m.loads) {
      load(l, r);
      l.at += l.step;
    }
    const uint32_t failed = program::run(code, r);
    if (failed != kNone) return failed;
    if (patience.ended()) return kInterrupted;
    for (LoopMemory::Move& s : m.stores) {
      core::dispatch(s.dtype,
                     [&]<class T>(core::TypeTag<T>) { *reinterpret_cast<T*>(s.at) = element_of<T>(r[s.target]); });
      s.at += s.step;
    }
  }
  return kNone;
}

uint32_t Loop::run_repeat(LoopMemory& m, char* const* operands, char* const* results) const {
  point_rows(m, operands, results, 0);
  core::Patience patience(body_program().work() + other_program().work());
  int64_t t = 0;
  for (;; ++t) {
    if (length && t == length && !must_end) break;
    uint8_t again = 0;
    char* answer = reinterpret_cast<char*>(&again);
    uint32_t failed = other_program().run(*m.other, m.in.data(), &answer);
    if (failed != kNone) return failed;
    if (!again) break;
    if (length && t == length) return kTooLong;
    for (uint32_t c = 0; c < carries; ++c) m.out[c] = m.carry[t & 1][c];
    failed = body_program().run(*m.body, m.in.data(), m.out.data());
    if (failed != kNone) return failed;
    if (patience.ended()) return kInterrupted;
    next_rows(m);
  }
  for (uint32_t c = 0; c < carries; ++c)
    if (results[c]) copy_bytes(results[c], m.in[c], bytes_of(operand_type(c), operand_shape(c)));
  if (char* count = results[body.outputs.size()]) std::memcpy(count, &t, sizeof t);
  return kNone;
}

uint32_t Loop::run_branch(LoopMemory& m, char* const* operands, char* const* results) const {
  for (size_t k = 0; k < body.inputs.size(); ++k) m.in[k] = operands[k + 1];
  for (size_t k = 0; k < body.outputs.size(); ++k) m.out[k] = results[k] ? results[k] : m.unwanted[k];
  const bool first = *reinterpret_cast<const uint8_t*>(operands[0]) != 0;
  return first ? body_program().run(*m.body, m.in.data(), m.out.data())
               : other_program().run(*m.other, m.in.data(), m.out.data());
}

}  // namespace wengert::program
