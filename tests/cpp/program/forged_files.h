// Files of programs with something changed in them.
#pragma once
#include <cstring>
#include <iterator>
#include <string>

#include "program/file/saved.h"
#include "random_graphs.h"

namespace wengert::fuzz {

using program::SavedFunction;
using program::Tree;

inline Tree leaf(Tree::Kind kind, int64_t number = 0) {
  Tree t;
  t.kind = kind;
  t.number = number;
  return t;
}

inline SavedFunction function_of(Graph g) {
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
inline int64_t odd_number(Random& r) {
  static constexpr int64_t numbers[] = {
      0,  1,  2,  3,   4,   5,       7,       8,       -1,          -2,        -3,
      31, 32, 33, 255, 256, 1 << 15, 1 << 16, 1 << 20, 0x7fffffff,  INT64_MAX, INT64_MIN,
      63, 64, 65, 127, 128, 1000,    -128,    -1000,   0x100000000, 1ll << 40, 1ll << 46};
  return numbers[r.below(std::size(numbers))];
}

inline void change_dims(Random& r, Dims& d) {
  if (d.empty() || r.chance(15))
    d.push_back(odd_number(r) & 0xff);
  else if (r.chance(15))
    d.erase(static_cast<int>(r.below(d.size())));
  else
    d[static_cast<int>(r.below(d.size()))] = r.chance(60) ? r.below(6) : odd_number(r);
}

inline void change_graph(Random& r, Graph& g);

// A number of a loop, or a field of one of its programs.
inline void change_loop(Random& r, Node& n) {
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
inline void change_graph(Random& r, Graph& g) {
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

inline void change_bytes(Random& r, std::string& file) {
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

}  // namespace wengert::fuzz
