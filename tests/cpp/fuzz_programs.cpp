// Random graphs through random passes, and files of programs with something changed in them. Nothing may crash, hang
// or allocate without bound; what is accepted has to run, and equal programs have to compute equal numbers.
//
//   fuzz_programs [seconds] [first seed] [files of saved programs …]
//
// A failure prints the seed of its round; `fuzz_programs 0 SEED` runs that round alone. Best under AddressSanitizer.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "core/patience.h"
#include "program/file/saved.h"
#include "program/program.h"
#include "random_graphs.h"

namespace wengert::fuzz {
namespace {

using program::kNone;
using program::Program;
using program::SavedFunction;
using program::Tree;

constexpr int64_t kMostBytes = 1 << 20;
constexpr unsigned kSlow = 60;  // seconds one round may take

volatile uint64_t round_now = 0;
bool seed_only = false;  // one round, to be looked at
struct Counts {
  uint64_t rounds, programs, pipelines, files, refused, ran;
} counts;

void note_seed() {
  char text[64];
  const int n = std::snprintf(text, sizeof text, "\nfuzz_programs: failed in round %llu\n",
                              static_cast<unsigned long long>(round_now));
  if (n > 0 && write(2, text, static_cast<size_t>(n)) < 0) std::_Exit(3);
}
void on_signal(int number) {
  note_seed();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

[[noreturn]] void fail(const std::string& what, const Graph& g) {
  std::fprintf(stderr, "%s\n%s", what.c_str(), program::listing(g).c_str());
  note_seed();
  std::exit(1);
}

// ---- running -----------------------------------------------------------------------------------------------------

// Memory of exactly the right size, so that one byte too far is seen.
struct Bytes {
  explicit Bytes(int64_t n) : p(static_cast<char*>(std::malloc(static_cast<size_t>(n ? n : 1)))) {}
  ~Bytes() { std::free(p); }
  Bytes(Bytes&& o) noexcept : p(std::exchange(o.p, nullptr)) {}
  char* p;
};

uint32_t run(const Program& p, const std::vector<ArrayRef>& inputs, std::vector<ArrayRef>* results) {
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
  if (failed == kNone && results)
    for (size_t k = 0; k < p.outputs(); ++k) {
      results->push_back(core::make(p.output(k).dtype, p.output(k).shape));
      if (results->back()->size)
        std::memcpy(results->back()->data, out[k], static_cast<size_t>(results->back()->bytes()));
    }
  return failed;
}

// ---- equal programs compute equal numbers ---------------------------------------------------------------------------

// `tolerance` 0 means to the last bit, but for the payload of NaN.
bool equal(const ArrayRef& x, const ArrayRef& y, double tolerance) {
  if (x->dtype != y->dtype || !(x->shape == y->shape)) return false;
  const ArrayRef a = core::contiguous(x), b = core::contiguous(y);
  double scale = 0;
  for (int64_t i = 0; i < b->size; ++i)
    if (std::isfinite(core::item(*b, i))) scale = std::max(scale, std::abs(core::item(*b, i)));
  for (int64_t i = 0; i < a->size; ++i) {
    const double p = core::item(*a, i), q = core::item(*b, i);
    if (tolerance == 0 && p == 0 && q == 0 && std::signbit(p) != std::signbit(q)) return false;
    if (p != q && !(std::isnan(p) && std::isnan(q)) && !(std::abs(p - q) <= tolerance * scale)) return false;
  }
  return true;
}

// Rounding is told apart from errors only where it is not blown up: no jumps, no extremes, and enough digits.
bool smooth(const Graph& g, const std::vector<ArrayRef>& values) {
  for (uint32_t i = 0; i < g.nodes.size(); ++i) {
    const Node& n = g.nodes[i];
    if (n.op < 0) continue;
    const ops::Info& f = ops::info(static_cast<OpCode>(n.op));
    if (!core::is_float(n.dtype) || (!f.differentiable && f.elementwise)) return false;
    if (n.is(code_of<ops::Remainder>)) return false;  // jumps, and multiplies rounding by its quotient
    const ArrayRef v = core::contiguous(values[i]);
    for (int64_t k = 0; k < v->size; ++k)
      if (!(std::abs(core::item(*v, k)) < 1e4)) return false;
  }
  return true;
}

// Single precision where any of the values is.
double rounding(const Graph& g) {
  double most = 1e-9;
  for (const Node& n : g.nodes) {
    if (n.dtype == DType::f32) return 2e-3;
    if (n.op == program::kLoop)
      most = std::max({most, rounding(program::loop_of(n)->body), rounding(program::loop_of(n)->other)});
  }
  return most;
}

// Sums run in the order of memory, and passes may leave an operand as a view that was none.
bool has_sums(const Graph& g) {
  return std::any_of(g.nodes.begin(), g.nodes.end(), [](const Node& n) {
    if (n.op == program::kLoop) return has_sums(program::loop_of(n)->body) || has_sums(program::loop_of(n)->other);
    if (n.op < 0) return false;
    const ops::Kind kind = ops::info(static_cast<OpCode>(n.op)).kind;
    return kind == ops::Kind::reduction || kind == ops::Kind::linalg || kind == ops::Kind::nn;
  });
}

const char* random_pass(Random& r, Graph& g) {
  static constexpr program::Rule folding[] = {program::fold_constants}, algebra[] = {program::simplify},
                                 joining[] = {program::rejoined},
                                 all[] = {program::rejoined, program::fold_constants, program::simplify};
  switch (r.below(9)) {
    case 0:
      g = program::without_dead_code(g);
      return "dead code";
    case 1:
      g = program::without_repeats(g);
      return "repeats";
    case 2:
      g = program::rewritten(g, folding);
      return "constants";
    case 3:
      g = program::rewritten(g, algebra);
      return "algebra";
    case 4:
      g = program::rewritten(g, joining);
      return "rejoined";
    case 5:
      g = program::rewritten(g, all);
      return "all rules";
    case 6:
      g = program::without_repeats(program::with_trimmed_loops(g));  // equal results are one
      return "trimmed loops: algebra";                               // in the bodies
    case 7:
      g = program::without_repeats(program::with_moved_products(g));
      return "moved products";
    default:
      g = program::with_gathered_products(g);
      return "gathered products";
  }
}

bool may_loop(const Graph& g) {
  return std::any_of(g.nodes.begin(), g.nodes.end(), [](const Node& n) { return n.op == program::kLoop; });
}

void compare(const Graph& g, const std::vector<ArrayRef>& got, const std::vector<ArrayRef>& want, double tolerance,
             const std::string& what) {
  for (size_t k = 0; k < want.size(); ++k)
    if (!equal(got[k], want[k], tolerance)) fail("output " + std::to_string(k) + " differs after " + what, g);
}

void pipeline(Random& r) {
  std::vector<ArrayRef> inputs;
  const Graph g = Maker(r).graph(static_cast<int>(r.below(r.chance(90) ? 20 : 120)) + 1, inputs);
  program::check_graph(g, int64_t{1} << 30);
  bool is_smooth = true;
  const std::vector<ArrayRef> values = values_of(
      g, inputs, [&](const Graph& part, const std::vector<ArrayRef>& v) { is_smooth = is_smooth && smooth(part, v); });
  std::vector<ArrayRef> want;
  for (uint32_t i : g.outputs) want.push_back(values[i]);

  Graph h = g;
  std::string passes;
  double tolerance = has_sums(g) ? rounding(g) : 0;
  for (int64_t k = r.below(8); k-- > 0;) {
    const size_t before = h.nodes.size();
    const std::string pass = random_pass(r, h);
    passes += pass + "; ";
    if (pass == "gathered products" && h.nodes.size() != before) tolerance = rounding(g);
    if (pass == "moved products" && may_loop(h)) tolerance = rounding(g);
    program::check_graph(h, int64_t{1} << 30);
  }
  const std::vector<ArrayRef> after = values_of(h, inputs);
  std::vector<ArrayRef> got;
  for (uint32_t i : h.outputs) got.push_back(after[i]);
  if (tolerance == 0 || is_smooth) compare(h, got, want, tolerance, passes);
  ++counts.pipelines;

  if (seed_only)
    std::fprintf(stderr, "%s\n%s\n%s\n", program::listing(g).c_str(), passes.c_str(), program::listing(h).c_str());
  const Program p(h);
  got.clear();
  const uint32_t failed = run(p, inputs, &got);
  if (is_smooth) {
    if (failed != kNone && tolerance == 0 && h.guards.empty()) fail("the program did not run", h);
    if (failed == kNone) compare(p.graph(), got, want, rounding(g), passes + "planning");
  }
  ++counts.programs;
}

// ---- files ----------------------------------------------------------------------------------------------------------

Tree leaf(Tree::Kind kind, int64_t number = 0) {
  Tree t;
  t.kind = kind;
  t.number = number;
  return t;
}

SavedFunction function_of(Graph g) {
  SavedFunction f;
  f.name = "f";
  program::SavedProgram p;
  program::SavedEntry e;
  for (uint32_t i : g.inputs) {
    Tree t = leaf(Tree::any_ndarray);
    t.type = g.nodes[i].dtype;
    t.shape = g.nodes[i].shape;
    e.positional.push_back(t);
  }
  p.result.kind = Tree::tuple;
  for (size_t k = 0; k < g.outputs.size(); ++k) p.result.parts.push_back(leaf(Tree::value, static_cast<int64_t>(k)));
  p.graph = std::move(g);
  e.programs.push_back(std::move(p));
  f.entries.push_back(std::move(e));
  return f;
}

// Numbers in which mistakes like to hide.
int64_t odd_number(Random& r) {
  static constexpr int64_t numbers[] = {
      0,  1,  2,  3,   4,   5,       7,       8,       -1,          -2,        -3,
      31, 32, 33, 255, 256, 1 << 15, 1 << 16, 1 << 20, 0x7fffffff,  INT64_MAX, INT64_MIN,
      63, 64, 65, 127, 128, 1000,    -128,    -1000,   0x100000000, 1ll << 40, 1ll << 46};
  return numbers[r.below(std::size(numbers))];
}

void change_dims(Random& r, Dims& d) {
  if (d.empty() || r.chance(15))
    d.push_back(odd_number(r) & 0xff);
  else if (r.chance(15))
    d.erase(static_cast<int>(r.below(d.size())));
  else
    d[static_cast<int>(r.below(d.size()))] = r.chance(60) ? r.below(6) : odd_number(r);
}

void change_graph(Random& r, Graph& g);

// A number of a loop, or a field of one of its programs.
void change_loop(Random& r, Node& n) {
  const Loop& was = *program::loop_of(n);
  Loop l(was, was.body, was.other);
  switch (r.below(8)) {
    case 0:
      l.carries = static_cast<uint32_t>(r.chance(70) ? r.below(4) : odd_number(r));
      break;
    case 1:
      l.rows = static_cast<uint32_t>(r.chance(70) ? r.below(4) : odd_number(r));
      break;
    case 2:
      l.length = r.chance(70) ? r.below(6) : odd_number(r);
      break;
    case 3:
      l.kind = static_cast<Loop::Kind>(r.below(3));
      break;
    case 4:
      l.counted = !l.counted;
      break;
    case 5:
      l.must_end = !l.must_end;
      break;
    case 6:
      change_graph(r, l.other);
      break;
    default:
      change_graph(r, l.body);
  }
  n.params = ParamsRef(new program::LoopParams(std::make_shared<const Loop>(l, std::move(l.body), std::move(l.other))));
}

// One field of one operation: what a forger who knows the format would try.
void change_graph(Random& r, Graph& g) {
  if (g.nodes.empty()) return;
  const auto i = static_cast<uint32_t>(r.below(static_cast<int64_t>(g.nodes.size())));
  Node& n = g.nodes[i];
  if (n.op == program::kLoop && r.chance(70)) {
    change_loop(r, n);
    return;
  }
  switch (r.below(9)) {
    case 0:
      if (n.op >= 0) n.op = static_cast<int>(r.below(ops::kOps));
      break;
    case 1:
      n.dtype = static_cast<DType>(r.below(core::kDTypes));
      break;
    case 2:
      change_dims(r, n.shape);
      break;
    case 3:
      if (n.count && i) g.args[n.first + static_cast<uint32_t>(r.below(n.count))] = static_cast<uint32_t>(r.below(i));
      break;
    case 4:
      if (n.count) n.count -= 1;
      break;
    case 5:
    case 6:
      if (!n.params || n.op == program::kLoop) break;
      n.params = n.params->copy();
      ops::for_each_field(*n.params, [&](const ops::Field&, auto& v) {
        using T = std::remove_reference_t<decltype(v)>;
        if (r.chance(50)) return;
        if constexpr (std::is_same_v<T, Dims>)
          change_dims(r, v);
        else if constexpr (std::is_same_v<T, int64_t>)
          v = r.chance(60) ? r.below(6) : odd_number(r);
        else if constexpr (std::is_same_v<T, bool>)
          v = !v;
        else if constexpr (std::is_same_v<T, DType>)
          v = static_cast<DType>(r.below(core::kDTypes));
        else if (v)
          v = random_array(r, DType::i64, v->shape);
      });
      break;
    case 7:
      if (!g.outputs.empty()) g.outputs[static_cast<size_t>(r.below(static_cast<int64_t>(g.outputs.size())))] = i;
      break;
    default:
      if (!g.guards.empty()) g.guards[0].node = i;
  }
}

void change_bytes(Random& r, std::string& file) {
  const auto n = static_cast<int64_t>(file.size());
  const int64_t at = 28 + r.below(n - 28);
  const auto k = static_cast<size_t>(at);
  switch (r.below(7)) {
    case 0:
      file[k] = static_cast<char>(file[k] ^ (1 << r.below(8)));
      break;
    case 1:
      file[k] = static_cast<char>(r.below(256));
      break;
    case 2:
    case 3: {
      const int64_t v = odd_number(r);
      const int64_t width = r.chance(50) ? 4 : 8;
      if (at + width <= n) std::memcpy(file.data() + at, &v, static_cast<size_t>(width));
      break;
    }
    case 4:
      file.erase(k, static_cast<size_t>(r.below(16) + 1));
      break;
    case 5:
      file.insert(k, std::string(static_cast<size_t>(r.below(16) + 1), static_cast<char>(r.below(4))));
      break;
    default:  // a part of it once more, elsewhere
      file.insert(k, file.substr(static_cast<size_t>(r.below(n)), static_cast<size_t>(r.below(64))));
  }
}

// A file may ask for as many steps as it likes, or for a condition that never fails: it is stopped after some.
struct Limited {
  Limited() {
    wengert::core::interrupt_hook = [] { return true; };
  }
  ~Limited() { wengert::core::interrupt_hook = nullptr; }
};

// Loads a file and, if it is accepted, runs everything in it.
void load(Random& r, const std::string& file) {
  const Limited limited;
  ++counts.files;
  SavedFunction f;
  try {
    f = program::decoded(file, kMostBytes);
  } catch (const Error&) {
    ++counts.refused;
    return;
  }
  if (program::encoded(f).empty()) std::abort();
  for (program::SavedEntry& e : f.entries)
    for (program::SavedProgram& s : e.programs) {
      try {
        if (seed_only) std::fprintf(stderr, "%s\n", program::listing(s.graph).c_str());
        const Program p(std::move(s.graph));
        if (seed_only) std::fprintf(stderr, "%s\n", p.listing().c_str());
        if (p.arena() > 16 * kMostBytes) continue;  // as loading refuses it
        std::vector<ArrayRef> inputs;
        for (size_t k = 0; k < p.inputs(); ++k) inputs.push_back(random_array(r, p.input(k).dtype, p.input(k).shape));
        run(p, inputs, nullptr);
        ++counts.ran;
      } catch (const Error&) {
        ++counts.refused;
      }
    }
}

std::vector<std::string> corpus;

void forgery(Random& r) {
  std::string file;
  if (!corpus.empty() && r.chance(50)) {
    file = corpus[static_cast<size_t>(r.below(static_cast<int64_t>(corpus.size())))];
  } else {
    std::vector<ArrayRef> inputs;
    Graph g = Maker(r).graph(static_cast<int>(r.below(12)) + 1, inputs);
    const bool fields = r.chance(60);
    for (int64_t k = fields ? r.below(3) + 1 : 0; k-- > 0;) change_graph(r, g);
    try {
      file = program::encoded(function_of(std::move(g)));
    } catch (const Error&) {  // nothing that has a name
      return;
    }
    if (fields) {
      load(r, file);
      return;
    }
  }
  for (int64_t k = r.below(4) + 1; k-- > 0 && file.size() > 40;) change_bytes(r, file);
  program::seal(file);
  load(r, file);
}

// ---- rounds ---------------------------------------------------------------------------------------------------------

void one_round(uint64_t seed) {
  round_now = seed;
  alarm(kSlow);
  Random r(seed);
  r.chance(40) ? pipeline(r) : forgery(r);
  ++counts.rounds;
}

int fuzz(double seconds, uint64_t seed) {
  const auto start = std::chrono::steady_clock::now();
  auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  double told = 0;
  seed_only = seconds == 0;
  do {
    one_round(seed++);
    if (elapsed() - told > 60) {
      told = elapsed();
      std::printf("%.0f s, %llu rounds\n", told, static_cast<unsigned long long>(counts.rounds));
      std::fflush(stdout);
    }
  } while (elapsed() < seconds);
  alarm(0);
  std::printf("%llu rounds: %llu pipelines and %llu programs equal; %llu files, %llu refused, %llu run\n",
              static_cast<unsigned long long>(counts.rounds), static_cast<unsigned long long>(counts.pipelines),
              static_cast<unsigned long long>(counts.programs), static_cast<unsigned long long>(counts.files),
              static_cast<unsigned long long>(counts.refused), static_cast<unsigned long long>(counts.ran));
  return counts.rounds > 1 && (counts.ran == 0 || counts.refused == 0 || counts.pipelines == 0);
}

}  // namespace
}  // namespace wengert::fuzz

#if defined(__SANITIZE_ADDRESS__)
extern "C" void __sanitizer_set_death_callback(void (*)());
#endif

int main(int argc, char** argv) {
  using namespace wengert::fuzz;
  for (int s : {SIGALRM, SIGABRT, SIGSEGV, SIGFPE})
    if (s == SIGALRM || s == SIGABRT || std::getenv("ASAN_OPTIONS") == nullptr) std::signal(s, on_signal);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_set_death_callback(note_seed);
#endif
  const double seconds = argc > 1 ? std::atof(argv[1]) : 5;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  for (int k = 3; k < argc; ++k) {
    std::ifstream in(argv[k], std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return fuzz(seconds, seed);
}
