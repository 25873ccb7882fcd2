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
#include <fstream>
#include <iterator>
#include <string>

#include "core/patience.h"
#include "forged_files.h"
#include "random_graphs.h"
#include "running.h"

namespace wengert::fuzz {
namespace {

using program::kNone;
using program::Program;

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

// ---- equal programs compute equal numbers ---------------------------------------------------------------------------

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
