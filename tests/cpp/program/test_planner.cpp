// Plans of graphs made by hand, step by step; and what must hold of the plan of any graph.
#include <algorithm>
#include <limits>

#include "accesses.h"
#include "check.h"
#include "graphs.h"
#include "random_graphs.h"

using namespace wengert;
using namespace wengert::program;

namespace {

using Kind = simd::Activation;

// ---- views ----------------------------------------------------------------------------------------------------------

// Each is read by a product where it lies.
void views_cost_nothing() {
  struct Case {
    const char* name;
    Dims shape;
    OpCode op;
    ParamsRef params;
    Dims strides;
    int64_t offset;  // bytes
    bool contiguous;
  };
  const Case cases[] = {
      {"reshape", {4, 6}, code_of<ops::Reshape>, ops::new_params<ops::Reshape>(Dims{8, 3}), {3, 1}, 0, true},
      {"transpose", {3, 8}, code_of<ops::Transpose>, ops::new_params<ops::Transpose>(Dims{1, 0}), {1, 8}, 0, false},
      {"slice",
       {9, 7},
       code_of<ops::Slice>,
       ParamsRef(new ops::SliceParams({1, 6}, {1, -2}, {8, 3}, {8, 3})),
       {7, -2},
       8 * (7 + 6),
       false},
      {"row of a stack",
       {2, 8, 3},
       code_of<ops::Slice>,
       ParamsRef(new ops::SliceParams({1, 0, 0}, {1, 1, 1}, {1, 8, 3}, {8, 3})),
       {3, 1},
       8 * 24,
       true},
      {"broadcast", {3}, code_of<ops::BroadcastTo>, ops::new_params<ops::BroadcastTo>(Dims{8, 3}), {0, 1}, 0, false},
  };
  for (const Case& c : cases) {
    Builder b;
    const uint32_t x = b.input(c.shape), w = b.input({3, 5}), in[] = {x};
    const uint32_t view = b.add(c.op, in, c.params), y = b.add<ops::Matmul>({view, w});
    const Plan p = b.plan({y});
    CHECK(p.steps.size() == 1 && p.products.size() == 1 && p.arena == 0, "%s: %zu steps", c.name, p.steps.size());
    const Place& at = p.places[view];
    CHECK(at.storage == p.places[x].storage && at.offset == c.offset, "%s", c.name);
    CHECK(at.strides == c.strides && at.contiguous == c.contiguous, "%s: %s", c.name, at.strides.str().c_str());
    if (p.products.empty()) continue;
    const Product& product = p.products[0];
    CHECK(product.a == at.storage && product.offset_a == c.offset && product.row_a == c.strides[0] &&
              product.col_a == c.strides[1] && product.c == p.output_storage[0],
          "%s", c.name);
    // As a result it has to be copied; so has an input.
    const Plan copied = b.plan_of_needed({view, x});
    CHECK(copied.steps.size() == 2 && count(copied, Step::copied) == 2, "%s", c.name);
  }
}

// ---- products -------------------------------------------------------------------------------------------------------

void epilogues() {
  for (int round = 0; round < 16; ++round) {
    const bool addend = round & 1, bias = round & 2;
    const auto activation = static_cast<Kind>(round / 4);
    Builder b;
    const uint32_t x = b.input({8, 16}), w = b.input({16, 5}), c = b.input({8, 5}), r = b.input({5});
    uint32_t y = b.add<ops::Matmul>({x, w});
    const uint32_t product = y;
    if (addend) y = b.add<ops::Add>({y, c});
    if (bias) y = b.add<ops::Add>({r, y});
    const uint32_t sum = y;
    if (activation == Kind::tanh) y = b.add<ops::Tanh>({y});
    if (activation == Kind::relu) y = b.add<ops::Relu>({y});
    if (activation == Kind::sigmoid) y = b.add<ops::Sigmoid>({y});
    const Plan p = b.plan({y});
    CHECK(p.steps.size() == 1 && p.products.size() == 1, "%d: %zu steps", round, p.steps.size());
    if (p.products.empty()) continue;
    CHECK(p.products[0].activation == activation, "%d", round);
    CHECK(p.products[0].addend.storage == (addend ? p.places[c].storage : kNone), "%d", round);
    CHECK(p.products[0].bias.storage == (bias ? p.places[r].storage : kNone), "%d", round);
    CHECK(p.products[0].c == p.output_storage[0] && p.arena == 0, "%d", round);
    if (y == product) continue;
    // Somebody else wants the product itself: as a result, in another operation, in a guard.
    const auto bare = [&](const Plan& q) {
      return q.products.size() == 1 && q.products[0].activation == Kind::none &&
             q.products[0].addend.storage == kNone && q.products[0].bias.storage == kNone && q.steps.size() > 1;
    };
    CHECK(bare(b.plan({y, product})), "%d: an output", round);
    const Builder alone = b;
    const uint32_t other = b.add<ops::Exp>({product});
    CHECK(bare(b.plan({y, other})), "%d: a second reader", round);
    b = alone;
    b.guard(product, ad::GuardOn::elements, core::zeros(DType::f64, {8, 5}));
    CHECK(bare(b.plan({y})), "%d: a guard", round);
    if (sum == product || sum == y) continue;
    b = alone;
    const Plan half = b.plan({y, sum});  // the sum is wanted, the function is not part of the product
    CHECK(half.products[0].activation == Kind::none, "%d", round);
  }
}

// Addends that are no rows, or of another shape.
void no_epilogues() {
  for (const Dims& shape : {Dims{8, 1}, Dims{}, Dims{1}}) {
    Builder b;
    const uint32_t x = b.input({8, 16}), w = b.input({16, 5}), c = b.input(shape);
    const Plan p = b.plan({b.add<ops::Tanh>({b.add<ops::Add>({b.add<ops::Matmul>({x, w}), c})})});
    CHECK(p.products[0].bias.storage == kNone && p.products[0].activation == Kind::none, "%s", shape.str().c_str());
    CHECK(p.steps.size() == 2 && p.fused.size() == 1 && p.fused[0].ops.size() == 2, "%s", shape.str().c_str());
  }
  Builder b;  // every product of its own
  const uint32_t x = b.input({8, 16}), w = b.input({16, 5}), v = b.input({16, 5});
  const Plan p = b.plan({b.add<ops::Add>({b.add<ops::Matmul>({x, w}), b.add<ops::Matmul>({x, v})})});
  CHECK(p.steps.size() == 2 && p.products.size() == 2, "%zu", p.steps.size());
  CHECK((p.products[0].addend.storage == kNone) != (p.products[1].addend.storage == kNone));
}

// What many products of few rows share is packed once.
void shared_operands() {
  for (int64_t readers : {2, 12}) {
    Builder b;
    const uint32_t w = b.input({256, 256});
    uint32_t h = b.input({32, 256});
    for (int64_t k = 0; k < readers; ++k) h = b.add<ops::Tanh>({b.add<ops::Matmul>({h, w})});
    const Plan p = b.plan({h});
    CHECK(count(p, Step::packed) == (readers > 2) && count(p, Step::product) == static_cast<size_t>(readers));
    for (const Product& x : p.products) CHECK((x.panels.storage != kNone) == (readers > 2));
  }
}

// ---- groups ---------------------------------------------------------------------------------------------------------

void groups() {
  Builder b;
  const uint32_t x = b.input({6, 7}), row = b.input({7}), single = b.input({});
  uint32_t y = b.add<ops::Multiply>({b.add<ops::Exp>({x}), row});
  y = b.add<ops::Subtract>({b.add<ops::Tanh>({y}), single});
  Plan p = b.plan({y});
  CHECK(p.steps.size() == 1 && p.fused.size() == 1 && p.fused[0].ops.size() == 4 && p.arena == 0);
  CHECK(p.fused[0].operands.size() == 3 && p.fused[0].results.size() == 1 && p.fused[0].cols == 7);
  CHECK(p.fused[0].operands[1].pattern == Fused::row && p.fused[0].operands[2].pattern == Fused::single);

  // What is wanted leaves; a reshape does not keep operations apart.
  const uint32_t flat = b.add<ops::Reshape>({y}, ops::new_params<ops::Reshape>(Dims{42}));
  const uint32_t z = b.add<ops::Square>({flat});
  p = b.plan({z, y});
  CHECK(p.steps.size() == 1 && p.fused[0].ops.size() == 5 && p.fused[0].results.size() == 2, "%zu", p.steps.size());

  // A product between them does, and so does another size.
  const uint32_t back = b.add<ops::Matmul>({b.add<ops::Matmul>({y, b.constant(core::full(DType::f64, {7, 6}, 1))}), x});
  const uint32_t later = b.add<ops::Exp>({back}), small = b.add<ops::Exp>({row});
  p = b.plan({later, small});
  CHECK(count(p, Step::fused) == 3 && count(p, Step::product) == 2, "%zu steps", p.steps.size());

  // A large sum of a group is made while its elements are there.
  for (int64_t n : {100, 1 << 16}) {
    Builder large;
    const uint32_t v = large.input({n});
    const Plan q = large.plan({large.sum(large.add<ops::Exp>({v}), {-1})});
    CHECK((q.steps.size() == 1) == (n > 100) && (q.fused[0].sums.size() == 1) == (n > 100), "%zu", q.steps.size());
    CHECK(q.fused[0].results.size() == (n > 100 ? 0u : 1u) && (q.arena < n * 8) == (n > 100));
  }
}

// ---- results --------------------------------------------------------------------------------------------------------

void outputs() {
  Builder b;
  const uint32_t x = b.input({5}), c = b.constant(core::full(DType::f64, {5}, 3)), y = b.add<ops::Exp>({x});
  const Plan p = b.plan({y, x, y, c});
  CHECK(p.output_storage.size() == 4 && count(p, Step::fused) == 1 && count(p, Step::copied) == 3 && p.arena == 0);
  CHECK(p.fused[0].results[0].storage == p.output_storage[0]);  // computed where it is wanted
  for (const Copied& copy : p.copies) {
    const auto k =
        std::find(p.output_storage.begin(), p.output_storage.end(), copy.to.storage) - p.output_storage.begin();
    const uint32_t from[] = {kNone, p.places[x].storage, p.output_storage[0], p.places[c].storage};
    CHECK(k > 0 && k < 4 && copy.from.storage == from[k], "output %td", k);
  }
}

void parts_of_joins() {
  Builder b;
  const uint32_t x = b.input({4}), y = b.input({4});
  const uint32_t joined =
      b.add<ops::Concatenate>({b.add<ops::Exp>({x}), b.add<ops::Square>({y})}, ops::new_params<ops::Concatenate>());
  const Plan p = b.plan({b.sum(joined, {-1})});
  CHECK(count(p, Step::copied) == 0 && p.fused.size() == 1 && p.fused[0].results.size() == 2, "%zu", p.steps.size());
  if (p.fused.size() != 1) return;
  CHECK(p.fused[0].results[0].storage == p.fused[0].results[1].storage);
  CHECK(std::abs(p.fused[0].results[0].offset - p.fused[0].results[1].offset) == 32);
}

// x with a part replaced is computed where x lies if nobody else reads x.
void changed_in_place() {
  for (bool read_again : {false, true}) {
    Builder b;
    const uint32_t x = b.add<ops::Exp>({b.input({6})}), v = b.input({2});
    const ParamsRef part(new ops::SliceParams({1}, {1}, {2}, {2}));
    const uint32_t y = b.add<ops::Square>({b.add<ops::SliceUpdate>({x, v}, part)});
    const uint32_t z = read_again ? b.add<ops::Add>({y, x}) : y;
    const Plan p = b.plan({z});
    CHECK(count(p, Step::copied) == (read_again ? 2u : 1u), "%d: %zu", read_again, count(p, Step::copied));
  }
}

// ---- results in the memory of arguments -----------------------------------------------------------------------------

void sharing() {
  Builder b;
  const uint32_t x = b.input({5, 5}), s = b.input({});
  b.input({5, 5}, DType::f32);
  auto shares = [&](std::initializer_list<uint32_t> outputs, size_t input = 0, size_t output = 0) {
    return may_share(b.plan_of_needed(outputs), input, output);
  };
  auto softmax = [&](uint32_t of) { return b.add<ops::Softmax>({of}, ops::new_params<ops::Softmax>()); };
  const uint32_t doubled = b.add<ops::Multiply>({x, s}), exp = b.add<ops::Exp>({x});
  const uint32_t turned = b.add<ops::Transpose>({x}, ops::new_params<ops::Transpose>(Dims{1, 0}));
  const uint32_t product = b.add<ops::Matmul>({exp, exp});
  CHECK(shares({doubled}));           // element by element
  CHECK(shares({x}));                 // there already
  CHECK(shares({softmax(doubled)}));  // x is over by then
  CHECK(shares({product}));
  CHECK(!shares({turned}));  // in another order
  CHECK(!shares({softmax(x)}) && !shares({b.add<ops::Matmul>({x, x})}));
  CHECK(!shares({b.add<ops::Add>({product, x})}));                      // read while it is written
  CHECK(!shares({b.add<ops::Add>({softmax(exp), x}), product}, 0, 1));  // or afterwards
  CHECK(shares({b.add<ops::Add>({exp, turned})}));                      // the copy in that order is made before
  const ParamsRef first(new ops::SliceParams({0, 0}, {1, 1}, {1, 5}, {5}));
  CHECK(!shares({b.add<ops::Add>({x, b.add<ops::Slice>({x}, first)})}));  // its first row is read by all
  CHECK(!shares({b.sum(x, {-1})}));                                       // of another shape
  CHECK(!shares({doubled}, 1) && !shares({doubled}, 2));                  // or type
  CHECK(shares({exp, doubled}, 0, 0) != shares({exp, doubled}, 0, 1));    // the one that is written last

  // Nothing may fail once the argument is gone.
  const Builder without = b;
  b.guard(s, ad::GuardOn::number, core::scalar(1, DType::f64));
  CHECK(shares({doubled}));  // asked before
  b = without;
  b.guard(b.sum(doubled, {-2, -1}), ad::GuardOn::truth, core::scalar(1, DType::f64));
  CHECK(!shares({doubled}));
}

// ---- any graph ------------------------------------------------------------------------------------------------------

struct Life {
  size_t first = std::numeric_limits<size_t>::max(), last = 0;
};

// Lives, told from the steps; and that every step keeps to memory it may use.
std::vector<Life> lives_of(const Plan& p, const std::string& seed) {
  std::vector<Life> lives(p.storages.size());
  for (size_t at = 0; at < p.steps.size(); ++at)
    Accesses(p, p.steps[at], [&](const Access& a) {
      const Storage& s = p.storages[a.storage];
      CHECK(!a.write || s.kind == Storage::arena || s.kind == Storage::output, "%s: step %zu writes to an argument",
            seed.c_str(), at);
      if (s.kind != Storage::arena) return;
      CHECK(a.from >= 0 && a.to <= s.bytes, "%s: step %zu leaves its storage", seed.c_str(), at);
      Life& life = lives[a.storage];
      // A step may write what it has just read, but not read what nobody has written.
      CHECK(a.write || life.first < at, "%s: step %zu reads storage %u before it is written", seed.c_str(), at,
            a.storage);
      life.first = std::min(life.first, at);
      life.last = std::max(life.last, at);
    });
  return lives;
}

struct Seen {
  int64_t together = 0, reused = 0;
} seen;

void check_memory(const Plan& p, const std::string& seed) {
  const std::vector<Life> lives = lives_of(p, seed);
  std::vector<uint32_t> used;
  for (uint32_t s = 0; s < p.storages.size(); ++s) {
    const Storage& st = p.storages[s];
    if (st.kind != Storage::arena || lives[s].first > p.steps.size()) continue;
    used.push_back(s);
    CHECK(st.offset >= 0 && st.offset % 64 == 0 && st.offset + st.bytes <= p.arena, "%s: storage %u", seed.c_str(), s);
    CHECK(p.lives[s].born <= lives[s].first && p.lives[s].dies >= lives[s].last, "%s: storage %u lives %u to %u",
          seed.c_str(), s, p.lives[s].born, p.lives[s].dies);
  }
  for (size_t i = 0; i < used.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      const Storage &a = p.storages[used[i]], &b = p.storages[used[j]];
      const bool together = lives[used[i]].first <= lives[used[j]].last && lives[used[j]].first <= lives[used[i]].last;
      const bool overlap = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      CHECK(!together || !overlap, "%s: storages %u and %u live at the same time in the same memory", seed.c_str(),
            used[j], used[i]);
      seen.together += together;
      seen.reused += overlap;
    }
}

// Every operation that is no view and part of no other one has a place; every output and guard is served.
void check_complete(const Plan& p, const std::string& seed) {
  std::vector<char> written(p.storages.size(), 0), guards(p.graph.guards.size(), 0);
  for (const Step& s : p.steps) {
    if (s.kind == Step::guard) ++guards[s.index];
    Accesses(p, s, [&](const Access& a) { written[a.storage] |= a.write; });
  }
  for (size_t k = 0; k < guards.size(); ++k) CHECK(guards[k] == 1, "%s: guard %zu", seed.c_str(), k);
  for (size_t k = 0; k < p.graph.outputs.size(); ++k)
    CHECK(written[p.output_storage[k]] || p.graph.nodes[p.graph.outputs[k]].size() == 0, "%s: output %zu", seed.c_str(),
          k);
}

void any_graph() {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    fuzz::Random r(seed);
    std::vector<ArrayRef> inputs;
    const Graph g = fuzz::Maker(r).graph(static_cast<int>(r.below(seed % 5 ? 25 : 150)) + 1, inputs);
    for (bool passes : {false, true}) {
      const Plan p = planned(passes ? optimised(g, nullptr) : g);
      const std::string name = "graph " + std::to_string(seed) + (passes ? ", optimised" : "");
      check_memory(p, name);
      check_complete(p, name);
    }
  }
  CHECK(seen.together > 1000 && seen.reused > 1000, "%lld pairs together, %lld that share memory",
        static_cast<long long>(seen.together), static_cast<long long>(seen.reused));
}

}  // namespace

int main() {
  views_cost_nothing();
  epilogues();
  no_epilogues();
  shared_operands();
  groups();
  outputs();
  parts_of_joins();
  changed_in_place();
  sharing();
  any_graph();
  return report();
}
