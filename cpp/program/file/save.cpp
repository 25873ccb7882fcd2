// A compiled function as the bytes of a file. load.cpp reads them in the same order.
#include <algorithm>

#include "program/file/encoding.h"
#include "program/file/saved.h"
#include "program/loop/loop.h"

namespace wengert::program {
namespace {

bool one_number(const core::Array& a) {
  const int64_t item = core::item_size(a.dtype);
  return a.size > 1 && a.contiguous && std::memcmp(a.data, a.data + item, static_cast<size_t>(a.bytes() - item)) == 0;
}

// Elements once: axes along which they repeat are stored with length 1.
void write_array(Writer& w, const core::Array& a, bool may_repeat = true) {
  Dims stored = a.shape;
  const bool uniform = may_repeat && one_number(a);
  for (int k = 0; k < a.ndim(); ++k)
    if (a.shape[k] > 1 && (uniform || a.strides[k] == 0)) stored[k] = 1;
  w.number(a.dtype);
  w.dims(a.shape);
  w.dims(stored);
  const int64_t bytes = stored.product() * core::item_size(a.dtype);
  core::Array frame;  // around the elements that are stored
  frame.dtype = a.dtype;
  frame.shape = stored;
  frame.strides = a.strides;
  frame.size = stored.product();
  frame.contiguous = core::is_row_major(stored, a.strides);
  frame.data = a.data;
  const size_t from = w.bytes.size();
  w.bytes.resize(from + static_cast<size_t>(bytes));
  if (bytes) core::copy_into(frame, w.bytes.data() + from);
}

struct WriteParameter {
  Writer& w;
  void operator()(const Dims& d) { w.dims(d); }
  void operator()(int64_t v) { w.number(v); }
  void operator()(bool v) { w.number(static_cast<uint8_t>(v)); }
  void operator()(DType v) { w.number(v); }
  void operator()(const ArrayRef& a) {
    w.number(static_cast<uint8_t>(a ? 1 : 0));
    if (a) write_array(w, *a);
  }
};

std::string name_of(int op) {
  if (op == kInput) return "<input>";
  if (op == kConstant) return "<constant>";
  if (op == kPositions) return "<positions>";
  if (op == kLoop) return "<loop>";
  if (op == kLoopResult) return "<result>";
  if (op == kCut) return "<cut>";
  if (op < 0 || op >= ops::kOps) runtime_error("wengert.save: there is no name for instruction " + std::to_string(op));
  return std::string(ops::info(static_cast<OpCode>(op)).name);
}

void write_graph(Writer& w, const Graph& g);

void write_loop(Writer& w, const Loop& l) {
  w.number(l.kind);
  w.number(l.carries);
  w.number(l.rows);
  w.number(l.length);
  w.number(static_cast<uint8_t>(l.reverse));
  w.number(static_cast<uint8_t>(l.recompute));
  w.number(static_cast<uint8_t>(l.counted));
  w.number(static_cast<uint8_t>(l.must_end));
  write_graph(w, l.body);
  write_graph(w, l.other);
}

void write_node(Writer& w, const Graph& g, uint32_t i, const std::vector<int>& table) {
  const Node& n = g.nodes[i];
  w.number(static_cast<uint16_t>(std::lower_bound(table.begin(), table.end(), n.op) - table.begin()));
  if (n.op == kConstant) {
    write_array(w, *n.value);
    return;
  }
  w.number(n.dtype);
  w.dims(n.shape);
  w.count(n.count);
  for (uint32_t a : g.operands(i)) w.number(a);
  if (n.op == kLoop) return write_loop(w, *loop_of(n));
  w.number(static_cast<uint8_t>(n.params ? 1 : 0));
  if (!n.params) return;
  ops::for_each_field(*n.params, [&](const ops::Field&, const auto& v) {
    if constexpr (std::is_same_v<decltype(v), const ArrayRef&>)
      if (n.looks_up()) {  // positions that are computed on every replay: only their shape counts
        WriteParameter{w}(core::view(core::zeros(DType::i64, Dims{8}), v->shape, Dims(v->ndim(), 0)));
        return;
      }
    WriteParameter{w}(v);
  });
}

void write_graph(Writer& w, const Graph& g) {
  std::vector<int> table;
  for (const Node& n : g.nodes) table.push_back(n.op);
  std::sort(table.begin(), table.end());
  table.erase(std::unique(table.begin(), table.end()), table.end());
  w.count(table.size());
  for (int op : table) w.text(name_of(op));
  w.count(g.nodes.size());
  for (uint32_t i = 0; i < g.nodes.size(); ++i) write_node(w, g, i, table);
  for (const auto* list : {&g.inputs, &g.outputs}) {
    w.count(list->size());
    for (uint32_t i : *list) w.number(i);
  }
  w.count(g.guards.size());
  for (const Guard& c : g.guards) {
    w.number(c.node);
    w.number(c.on);
    write_array(w, *c.answer, false);
    w.text(c.location);
  }
}

struct WriteTree {
  Writer& w;
  int depth = 0;
  void tree(const Tree& t) {
    if (depth > kDeepest) value_error("wengert.save: containers are nested more than 100 deep");
    w.number(t.kind);
    visit_fields(t, *this);
  }
  void operator()(double v) { w.number(v); }
  void operator()(int64_t v) { w.number(v); }
  void operator()(DType v) { w.number(v); }
  void operator()(const std::string& v) { w.text(v); }
  void operator()(const Dims& v) { w.dims(v); }
  void operator()(const std::vector<Tree>& parts) {
    w.count(parts.size());
    for (const Tree& p : parts) WriteTree{w, depth + 1}.tree(p);
  }
};
void write_tree(Writer& w, const Tree& t) { WriteTree{w}.tree(t); }

void write_entry(Writer& w, const SavedEntry& e) {
  w.count(e.positional.size());
  for (const Tree& t : e.positional) write_tree(w, t);
  w.count(e.keywords.size());
  for (const auto& [name, t] : e.keywords) {
    w.text(name);
    write_tree(w, t);
  }
  w.count(e.programs.size());
  for (const SavedProgram& p : e.programs) {
    write_graph(w, p.graph);
    write_tree(w, p.result);
    w.count(p.changed.size());
    for (const auto& [leaf, output] : p.changed) {
      w.number(leaf);
      w.number(output);
    }
  }
}

}  // namespace

std::string encoded(const SavedFunction& f) {
  Writer w;
  w.raw("\x93WENGERT", 8);
  w.number(kFileVersion);
  w.number(uint64_t{0});  // length and checksum, see seal()
  w.number(uint64_t{0});
  w.text(f.name);
  w.count(f.static_arguments.size());
  for (int64_t i : f.static_arguments) w.number(i);
  w.number(f.capacity);
  w.count(f.entries.size());
  for (const SavedEntry& e : f.entries) write_entry(w, e);
  seal(w.bytes);
  return std::move(w.bytes);
}

}  // namespace wengert::program
