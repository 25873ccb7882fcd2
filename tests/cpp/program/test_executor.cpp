// Plans that run: the numbers of the single operations, in memory full of rubbish, on several threads, in the memory of
// their arguments; and what stops them.
#include <array>
#include <thread>

#include "check.h"
#include "core/patience.h"
#include "graphs.h"
#include "random_graphs.h"
#include "running.h"

using namespace wengert;
using namespace wengert::program;

namespace {

constexpr size_t kStepKinds = Step::packed + 1;

// ---- any graph ------------------------------------------------------------------------------------------------------

struct Outcome {
  uint32_t failed;
  std::vector<ArrayRef> results;
};

// A run in an arena and in results of NaN. Where `shared` names an input for a result, it gets that memory.
Outcome run_plan(const Plan& p, Context& context, const std::vector<ArrayRef>& inputs,
                 const std::vector<size_t>& shared = {}) {
  std::vector<ArrayRef> copies;
  std::vector<char*> in, out;
  for (const ArrayRef& a : inputs) copies.push_back(core::copy(a)), in.push_back(copies.back()->data);
  if (p.arena) std::memset(context.arena, 0xff, static_cast<size_t>(p.arena));
  Outcome o;
  for (size_t k = 0; k < p.graph.outputs.size(); ++k) {
    const program::Node& n = p.graph.nodes[p.graph.outputs[k]];
    if (k < shared.size() && shared[k] < copies.size()) {
      o.results.push_back(copies[shared[k]]);
    } else {
      o.results.push_back(core::make(n.dtype, n.shape));
      if (n.size()) std::memset(o.results[k]->data, 0xff, static_cast<size_t>(o.results[k]->bytes()));
    }
    out.push_back(o.results[k]->data);
  }
  o.failed = run(p, context, in.data(), out.data());
  return o;
}

bool same(const std::vector<ArrayRef>& a, const std::vector<ArrayRef>& b, double tolerance) {
  if (a.size() != b.size()) return false;
  for (size_t k = 0; k < a.size(); ++k)
    if (!fuzz::equal(a[k], b[k], tolerance)) return false;
  return true;
}

struct Seen {
  std::array<int, kStepKinds> steps = {};
  int shared = 0, compared = 0;
} seen;

// The same with every result for which a run may be given the memory of an argument, each alone.
void run_in_arguments(const Plan& p, const std::vector<ArrayRef>& inputs, const Outcome& want, uint64_t seed) {
  for (size_t k = 0; k < p.graph.outputs.size(); ++k)
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!may_share(p, i, k)) continue;
      std::vector<size_t> shared(p.graph.outputs.size(), inputs.size());
      shared[k] = i;
      Context context(p);
      const Outcome got = run_plan(p, context, inputs, shared);
      CHECK(got.failed == want.failed && same(got.results, want.results, 0),
            "graph %llu, output %zu in the memory of input %zu", static_cast<unsigned long long>(seed), k, i);
      ++seen.shared;
    }
}

void any_graph() {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    fuzz::Random r(seed);
    std::vector<ArrayRef> inputs;
    const Graph g = fuzz::Maker(r).graph(static_cast<int>(r.below(seed % 5 ? 25 : 120)) + 1, inputs);
    bool smooth = true;
    const std::vector<ArrayRef> values = fuzz::values_of(
        g, inputs,
        [&](const Graph& part, const std::vector<ArrayRef>& v) { smooth = smooth && fuzz::smooth(part, v); });
    std::vector<ArrayRef> want;
    for (uint32_t i : g.outputs) want.push_back(values[i]);
    const Plan p = planned(g);
    for (const Step& s : p.steps) ++seen.steps[s.kind];
    Context context(p);
    const Outcome got = run_plan(p, context, inputs);
    const bool sums = fuzz::has_sums(g);
    if (!sums || smooth) {
      CHECK(got.failed == kNone || (sums && !g.guards.empty()), "graph %llu: %u failed",
            static_cast<unsigned long long>(seed), got.failed);
      CHECK(got.failed != kNone || same(got.results, want, sums ? fuzz::rounding(g) : 0), "graph %llu\n%s",
            static_cast<unsigned long long>(seed), listing(g).c_str());
      ++seen.compared;
    }
    const Outcome again = run_plan(p, context, inputs);  // in the memory of the run before
    CHECK(again.failed == got.failed, "graph %llu", static_cast<unsigned long long>(seed));
    if (got.failed != kNone) continue;
    CHECK(same(again.results, got.results, 0), "graph %llu, again", static_cast<unsigned long long>(seed));
    run_in_arguments(p, inputs, got, seed);
  }
  CHECK(seen.compared > 250 && seen.shared > 500, "%d compared, %d shared", seen.compared, seen.shared);
  for (size_t kind = 0; kind < kStepKinds; ++kind)
    if (kind != Step::packed && kind != Step::fill)  // see of_all_kinds
      CHECK(seen.steps[kind] > 0, "no step of kind %zu has run", kind);
}

// ---- guards ---------------------------------------------------------------------------------------------------------

const double kNan = std::nan("");

ArrayRef number(double v) { return core::scalar(v, DType::f64); }

// Whatever runs the graph: the plan, or the program (scalar code, for these few elements).
std::vector<uint32_t> failures(const Graph& g, const std::vector<ArrayRef>& inputs) {
  const Plan p = planned(g);
  Context context(p);
  const Program program{Graph(g)};
  std::vector<ArrayRef> results;
  return {run_plan(p, context, inputs).failed, fuzz::run(program, inputs, &results)};
}

void guards() {
  struct Case {
    ad::GuardOn on;
    double answer, other;
    bool holds;
  };
  const Case cases[] = {
      {ad::GuardOn::truth, 2, 2, true},       {ad::GuardOn::truth, 2, -3, true},
      {ad::GuardOn::truth, 2, 0, false},      {ad::GuardOn::truth, 0, -0.0, true},
      {ad::GuardOn::truth, 0, 1e-300, false}, {ad::GuardOn::truth, 1, kNan, true},
      {ad::GuardOn::number, 2, 2, true},      {ad::GuardOn::number, 2, 3, false},
      {ad::GuardOn::number, 0, -0.0, false},  {ad::GuardOn::number, kNan, kNan, true},
      {ad::GuardOn::elements, 2, 2, true},    {ad::GuardOn::elements, 2, 3, false},
  };
  for (const Case& c : cases) {
    Builder b;  // asked of an input, and of what is computed from it
    const uint32_t x = b.input({}), y = b.add<ops::Multiply>({x, b.input({})});
    b.g.outputs = {y};
    for (uint32_t asked : {x, y}) {
      Graph g = b.g;
      g.guards.push_back({asked, c.on, number(c.answer), "f.py:1"});
      for (uint32_t failed : failures(g, {number(c.other), number(1)}))
        CHECK(failed == (c.holds ? kNone : 0), "guard %d, %g then %g: %u", static_cast<int>(c.on), c.answer, c.other,
              failed);
    }
  }
}

// Of several guards the one that fails is named, and its place in the user's code with it.
void which_guard() {
  Builder b;
  const uint32_t x = b.input({3}), y = b.add<ops::Square>({x}), total = b.sum(y, {-1});
  const uint32_t sign = b.add<ops::Less>({total, b.input({})});
  const ArrayRef at = core::copy(core::full(DType::f64, {3}, 2)), limit = number(20),
                 squares = core::copy(core::full(DType::f64, {3}, 4));
  b.guard(y, ad::GuardOn::elements, squares, "f.py:1");
  b.guard(total, ad::GuardOn::truth, number(12), "f.py:2");
  b.guard(sign, ad::GuardOn::truth, core::scalar(1, DType::b1), "f.py:3");
  b.guard(total, ad::GuardOn::number, number(12), "f.py:4");
  b.g.outputs = {total};
  for (uint32_t failed : failures(b.g, {at, limit})) CHECK(failed == kNone, "%u", failed);
  for (uint32_t failed : failures(b.g, {at, number(5)})) CHECK(failed == 2, "%u", failed);
  const ArrayRef other = core::copy(at);
  other->as<double>()[1] = -2;  // nothing that anybody asks about
  for (uint32_t failed : failures(b.g, {other, limit})) CHECK(failed == kNone, "%u", failed);
  other->as<double>()[1] = 1;
  for (uint32_t failed : failures(b.g, {other, limit})) CHECK(failed == 0, "%u", failed);
  b.g.guards.erase(b.g.guards.begin());
  for (uint32_t failed : failures(b.g, {other, limit})) CHECK(failed == 2, "%u", failed);  // now the third of three
  const Program program{Graph(b.g)};
  CHECK(program.graph().guards.size() == 3 && program.graph().guards[2].location == "f.py:4");
}

// ---- other ends -----------------------------------------------------------------------------------------------------

void out_of_bounds() {
  Builder b;
  const uint32_t x = b.input({5}), at = b.input({2}, DType::i64);
  const ArrayRef now = core::zeros(DType::i64, {2});
  b.g.outputs = {b.gather(x, b.positions(at, 5), now)};
  const Plan p = planned(b.g);
  Context context(p);
  const ArrayRef numbers = core::make(DType::f64, {5});
  for (int k = 0; k < 5; ++k) numbers->as<double>()[k] = 10 * k;
  for (int64_t first = -7; first < 8; ++first) {
    const ArrayRef places = core::make(DType::i64, {2});
    places->as<int64_t>()[0] = first;
    places->as<int64_t>()[1] = 4;
    const Outcome o = run_plan(p, context, {numbers, places});
    const bool inside = first >= -5 && first < 5;
    CHECK(o.failed == (inside ? kNone : kOutOfBounds), "%lld: %u", static_cast<long long>(first), o.failed);
    if (!inside) continue;
    const double want = 10 * static_cast<double>(first < 0 ? first + 5 : first);
    CHECK(o.results[0]->as<double>()[0] == want && o.results[0]->as<double>()[1] == 40, "%g", want);
  }
}

// A loop of x -> x + 1 while x < limit.
Plan counting(int64_t length, bool must_end) {
  Builder body, more, b;
  const uint32_t x = body.input({}), y = more.input({});
  body.input({}), body.g.outputs = {body.add<ops::Add>({x, body.constant(number(1))})};
  more.g.outputs = {more.add<ops::Less>({y, more.input({})})};
  LoopForm form;
  form.kind = LoopForm::repeat;
  form.carries = 1;
  form.length = length;
  form.must_end = must_end;
  const auto loop = std::make_shared<const Loop>(form, std::move(body.g), std::move(more.g));
  const uint32_t in[] = {b.input({}), b.input({})};
  const uint32_t node = b.g.add(kLoop, in, ParamsRef(new LoopParams(loop)), DType::b1, {}), from[] = {node};
  for (size_t k = 0; k < 2; ++k)
    b.g.outputs.push_back(b.g.add(kLoopResult, from, result_params(k), loop->result_type(k), loop->result_shape(k)));
  return planned(std::move(b.g));
}

void loops_that_do_not_end() {
  const Plan open = counting(0, false), limited = counting(10, true);
  CHECK(open.open_ended && count(open, Step::loop) == 1);
  Context context(open), few(limited);
  Outcome o = run_plan(open, context, {number(0), number(1e5)});
  CHECK(o.failed == kNone && o.results[0]->as<double>()[0] == 1e5 && core::item(*o.results[1]) == 1e5);
  for (double steps : {9, 10, 11}) {
    o = run_plan(limited, few, {number(0), number(steps)});
    CHECK(o.failed == (steps > 10 ? kTooLong : kNone), "%g steps: %u", steps, o.failed);
  }
  core::interrupt_hook = [] { return true; };
  o = run_plan(open, context, {number(0), number(std::numeric_limits<double>::infinity())});
  CHECK(o.failed == kInterrupted, "%u", o.failed);
  core::interrupt_hook = nullptr;
  o = run_plan(open, context, {number(0), number(7)});  // as if nothing had happened
  CHECK(o.failed == kNone && o.results[0]->as<double>()[0] == 7);
}

// ---- several threads ------------------------------------------------------------------------------------------------

// Every kind of step that runs without the lock, one after the other.
Graph of_all_kinds() {
  Builder b;
  const uint32_t x = b.input({32, 256}), w = b.input({256, 256}), key = b.input({2}, DType::i32);
  const uint32_t at = b.input({4}, DType::i64);
  uint32_t h = x;
  for (int k = 0; k < 10; ++k) h = b.add<ops::Tanh>({b.add<ops::Matmul>({h, w})});
  h = b.add<ops::Softmax>({b.add<ops::Multiply>({h, h})}, ops::new_params<ops::Softmax>());
  const uint32_t some = b.gather(h, b.positions(at, 32), core::zeros(DType::i64, {4}));
  const ParamsRef part(new ops::SliceParams({2, 0}, {1, 1}, {4, 256}, {4, 256}));
  const uint32_t changed = b.add<ops::SliceUpdate>({h, some}, part);
  const auto drawn = ops::new_params<ops::RandomBits>();
  drawn->dtype = DType::f64;
  drawn->shape = {32};
  const uint32_t noise = b.add<ops::RandomBits>({key, b.constant(core::zeros(DType::i32, {2}))}, drawn);
  const uint32_t sums = b.add<ops::Add>({b.sum(changed, {-1}), noise}), all = b.sum(h, {-2, -1});
  const uint32_t added = b.add<ops::SliceAdd>({b.constant(core::zeros(DType::f64, {32, 256})), some}, part);
  b.guard(all, ad::GuardOn::truth, number(1));
  b.g.outputs = {sums, b.sum(b.add<ops::Exp>({changed}), {-2, -1}), changed, added};
  return std::move(b.g);
}

void several_threads() {
  const Plan p = planned(of_all_kinds());
  CHECK(!p.needs_lock && count(p, Step::called) == 0);
  for (Step::Kind kind : {Step::packed, Step::product, Step::fused, Step::rows, Step::positions, Step::lookup,
                          Step::copied, Step::fill, Step::draw, Step::reduced, Step::guard})
    CHECK(count(p, kind) > 0, "kind %d", kind);
  constexpr size_t kThreads = 3, kInputs = 5;
  std::vector<std::vector<ArrayRef>> inputs, want;
  for (uint64_t k = 0; k < kInputs; ++k) {
    fuzz::Random r(k + 1);
    const ArrayRef at = core::make(DType::i64, {4});
    for (int64_t i = 0; i < 4; ++i) at->as<int64_t>()[i] = r.below(32);
    inputs.push_back({fuzz::random_array(r, DType::f64, {32, 256}), fuzz::random_array(r, DType::f64, {256, 256}),
                      fuzz::random_array(r, DType::i32, {2}), at});
    const std::vector<ArrayRef> values = fuzz::values_of(p.graph, inputs.back());
    want.emplace_back();
    for (uint32_t i : p.graph.outputs) want.back().push_back(values[i]);
  }
  // Counts of references are plain numbers: what threads share is made before, and is only read.
  struct Run {
    std::unique_ptr<Context> context;
    std::vector<ArrayRef> results;
    std::vector<char*> out;
    std::vector<std::vector<char*>> in;
    std::vector<std::vector<double>> got;  // of each input
    int failed = 0;
  };
  std::vector<Run> runs(kThreads);
  for (Run& r : runs) {
    r.context = std::make_unique<Context>(p);
    for (uint32_t i : p.graph.outputs) {
      r.results.push_back(core::make(p.graph.nodes[i].dtype, p.graph.nodes[i].shape));
      r.out.push_back(r.results.back()->data);
    }
    for (const auto& arrays : inputs) {
      r.in.emplace_back();
      for (const ArrayRef& a : arrays) r.in.back().push_back(a->data);
    }
    r.got.resize(kInputs);
  }
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t)
    threads.emplace_back([&p, &r = runs[t], t] {
      for (size_t round = 0; round < 40; ++round) {
        const size_t k = (round + t) % kInputs;
        r.failed += run(p, *r.context, r.in[k].data(), r.out.data()) != kNone;
        std::vector<double> now;
        for (const ArrayRef& a : r.results) now.insert(now.end(), a->as<double>(), a->as<double>() + a->size);
        if (r.got[k].empty()) r.got[k] = now;
        r.failed += now != r.got[k];
      }
    });
  for (std::thread& t : threads) t.join();
  for (const Run& r : runs) {
    CHECK(r.failed == 0, "%d", r.failed);
    for (size_t k = 0; k < kInputs; ++k) {
      const double* from = r.got[k].data();
      for (const ArrayRef& w : want[k]) {
        const ArrayRef a = core::make(w->dtype, w->shape);
        std::copy(from, from + a->size, a->as<double>());
        from += a->size;
        CHECK(fuzz::equal(a, w, 1e-12), "input %zu", k);
      }
    }
  }
}

}  // namespace

int main() {
  any_graph();
  guards();
  which_guard();
  out_of_bounds();
  loops_that_do_not_end();
  several_threads();
  return report();
}
