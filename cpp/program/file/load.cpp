// Bytes of a file back into a compiled function. Nothing in them is trusted; see validate.cpp for what they mean.
#include "ops/result_type.h"
#include "program/file/encoding.h"
#include "program/file/saved.h"
#include "program/loop/loop.h"

namespace wengert::program {
namespace {

constexpr size_t kHeader = 28;  // magic, version, length, checksum

uint64_t checksum(std::string_view bytes) {  // FNV-1a
  uint64_t h = 0xcbf29ce484222325ull;
  for (char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return h;
}

DType read_dtype(Reader& r) { return r.choice<DType>(core::kDTypes, "a type"); }

ArrayRef read_array(Reader& r) {
  const DType t = read_dtype(r);
  const Dims shape = r.dims("a shape"), stored = r.dims("a stored shape");
  ops::check_array({t, shape});
  ops::check_array({t, stored});
  bool fits = shape.size() == stored.size();
  for (int k = 0; fits && k < shape.size(); ++k) fits = stored[k] == shape[k] || stored[k] == 1;
  if (!fits) bad_file("elements of shape " + stored.str() + " cannot fill an array of shape " + shape.str());
  const auto bytes = static_cast<size_t>(stored.product() * core::item_size(t));
  const char* from = r.raw(bytes, "the elements of an array");
  if (t == DType::b1)
    for (size_t i = 0; i < bytes; ++i)
      if (from[i] != 0 && from[i] != 1) bad_file("a bool is neither 0 nor 1");
  ArrayRef a = core::make(t, stored);
  if (bytes) std::memcpy(a->data, from, bytes);
  return stored == shape ? a : core::broadcast_to(in_buffer(a), shape);
}

struct ReadParameter {
  Reader& r;
  void operator()(Dims& d) { d = r.dims("a parameter"); }
  void operator()(int64_t& v) { v = r.number<int64_t>("a parameter"); }
  void operator()(bool& v) { v = r.choice<uint8_t>(2, "a flag") != 0; }
  void operator()(DType& v) { v = read_dtype(r); }
  void operator()(ArrayRef& a) {
    if (r.choice<uint8_t>(2, "a parameter's presence")) a = read_array(r);
  }
};

int op_of(const std::string& name) {
  if (name == "<input>") return kInput;
  if (name == "<constant>") return kConstant;
  if (name == "<positions>") return kPositions;
  if (name == "<loop>") return kLoop;
  if (name == "<result>") return kLoopResult;
  if (name == "<cut>") return kCut;
  const int op = ops::find(name);
  if (op < 0) bad_file("there is no operation '" + name + "' in this version");
  return op;
}

// Steps of ranges with at most one element say nothing: they are 1.
void normalise_range(Node& n) {
  if (!n.is(code_of<ops::Slice>) && !n.is(code_of<ops::SliceUpdate>) && !n.is(code_of<ops::SliceAdd>)) return;
  auto& p = static_cast<ops::SliceParams&>(*n.params);
  for (int k = 0; k < p.count.size() && k < p.start.size() && k < p.step.size(); ++k) {
    if (p.count[k] <= 1) p.step[k] = 1;
    if (p.count[k] == 0) p.start[k] = 0;
  }
}

Graph read_graph(Reader& r, int depth = 0);

ParamsRef read_loop(Reader& r, int depth) {
  if (depth > kDeepest) bad_file("loops are nested more than 100 deep");
  LoopForm f;
  f.kind = r.choice<Loop::Kind>(Loop::branch + 1, "the kind of a loop");
  f.carries = r.number<uint32_t>("the carries of a loop");
  f.rows = r.number<uint32_t>("the rows of a loop");
  f.length = r.number<int64_t>("the length of a loop");
  for (bool* flag : {&f.reverse, &f.recompute, &f.counted, &f.must_end}) *flag = r.choice<uint8_t>(2, "a flag") != 0;
  Graph body = read_graph(r, depth + 1), other = read_graph(r, depth + 1);
  return ParamsRef(new LoopParams(std::make_shared<Loop>(f, std::move(body), std::move(other))));
}

void read_node(Reader& r, Graph& g, const std::vector<int>& table, int depth) {
  const auto which = r.number<uint16_t>("an operation");
  if (which >= table.size()) bad_file("operation " + std::to_string(which) + " is not in the table of operations");
  const int op = table[which];
  if (op == kConstant) {
    g.add_constant(read_array(r));
    return;
  }
  const DType t = read_dtype(r);
  const Dims shape = r.dims("a shape");
  std::vector<uint32_t> operands(r.count(sizeof(uint32_t), "operands"));
  for (uint32_t& a : operands) {
    a = r.number<uint32_t>("an operand");
    if (a >= g.nodes.size()) bad_file("operand " + std::to_string(a) + " does not come before its operation");
  }
  ParamsRef params;
  if (op == kLoop) {
    params = read_loop(r, depth);
  } else if (r.choice<uint8_t>(2, "the presence of parameters")) {
    params = empty_params(op);
    if (!params) bad_file("an operation without parameters has some");
    ops::for_each_field(*params, [&](const ops::Field&, auto& v) { ReadParameter{r}(v); });
  }
  g.add(op, operands, params, t, shape);
  if (params) normalise_range(g.nodes.back());
}

Graph read_graph(Reader& r, int depth) {
  std::vector<int> table;
  for (uint32_t n = r.count(4, "names of operations"); n-- > 0;)
    table.push_back(op_of(r.text("the name of an operation")));
  Graph g;
  for (uint32_t n = r.count(9, "operations"); n-- > 0;) read_node(r, g, table, depth);
  for (auto* list : {&g.inputs, &g.outputs})
    for (uint32_t n = r.count(4, "inputs or outputs"); n-- > 0;)
      list->push_back(r.number<uint32_t>("an input or output"));
  for (uint32_t n = r.count(13, "guards"); n-- > 0;) {
    Guard c;
    c.node = r.number<uint32_t>("a guard");
    c.on = r.choice<ad::GuardOn>(3, "the kind of a guard");
    c.answer = read_array(r);
    if (!c.answer->contiguous) bad_file("the answer of a guard repeats its elements");
    c.location = r.text("the place of a guard");
    g.guards.push_back(std::move(c));
  }
  return g;
}

struct ReadTree {
  Reader& r;
  int depth = 0;
  Tree tree() {
    if (depth > kDeepest) bad_file("containers are nested more than 100 deep");
    Tree t;
    t.kind = r.choice<Tree::Kind>(Tree::kinds, "the kind of an object");
    visit_fields(t, *this);
    if (t.kind == Tree::any_ndarray || t.kind == Tree::any_array) ops::check_array({t.type, t.shape});
    if (t.kind == Tree::dict && t.parts.size() % 2) bad_file("a dict has a key without a value");
    return t;
  }
  void operator()(double& v) { v = r.number<double>("a number"); }
  void operator()(int64_t& v) { v = r.number<int64_t>("a number"); }
  void operator()(DType& v) { v = read_dtype(r); }
  void operator()(std::string& v) { v = r.text("a text"); }
  void operator()(Dims& v) { v = r.dims("a shape"); }
  void operator()(std::vector<Tree>& parts) {
    for (uint32_t n = r.count(1, "parts of a container"); n-- > 0;) parts.push_back(ReadTree{r, depth + 1}.tree());
  }
};
Tree read_tree(Reader& r) { return ReadTree{r}.tree(); }

SavedEntry read_entry(Reader& r, int64_t most) {
  SavedEntry e;
  for (uint32_t n = r.count(1, "arguments"); n-- > 0;) e.positional.push_back(read_tree(r));
  for (uint32_t n = r.count(5, "keywords"); n-- > 0;) {
    std::string name = r.text("a keyword");
    e.keywords.emplace_back(std::move(name), read_tree(r));
  }
  for (uint32_t n = r.count(21, "programs"); n-- > 0;) {
    SavedProgram p;
    p.graph = read_graph(r);
    check_graph(p.graph, most);
    p.result = read_tree(r);
    for (uint32_t k = r.count(8, "arguments changed in place"); k-- > 0;) {
      const auto leaf = r.number<uint32_t>("an argument changed in place");
      p.changed.emplace_back(leaf, r.number<uint32_t>("an argument changed in place"));
    }
    check_results(p);
    e.programs.push_back(std::move(p));
  }
  return e;
}

}  // namespace

void seal(std::string& file) {
  if (file.size() < kHeader) return;
  const uint64_t length = file.size() - kHeader, sum = checksum(std::string_view(file).substr(kHeader));
  std::memcpy(file.data() + 12, &length, sizeof length);
  std::memcpy(file.data() + 20, &sum, sizeof sum);
}

SavedFunction decoded(std::string_view file, int64_t most) {
  Reader r(file);
  if (r.left() < kHeader || std::memcmp(r.raw(8, "the header"), "\x93WENGERT", 8) != 0)
    bad_file("this is no file of a compiled function");
  const auto version = r.number<uint32_t>("the version");
  if (version != kFileVersion)
    bad_file("the file has format version " + std::to_string(version) + ", this wengert reads version " +
             std::to_string(kFileVersion));
  const auto length = r.number<uint64_t>("the length");
  const auto sum = r.number<uint64_t>("the checksum");
  if (length != r.left())
    bad_file("the file should have " + std::to_string(length) + " bytes after its header, it has " +
             std::to_string(r.left()));
  if (sum != checksum(file.substr(kHeader))) bad_file("the file is damaged: its checksum is another one");
  SavedFunction f;
  f.name = r.text("the name");
  for (uint32_t n = r.count(8, "static arguments"); n-- > 0;)
    f.static_arguments.push_back(r.number<int64_t>("a static argument"));
  f.capacity = r.number<uint64_t>("the number of programs kept");
  if (f.capacity == 0 || f.capacity > 0xffffffff)
    bad_file("no cache holds " + std::to_string(f.capacity) + " programs");
  for (uint32_t n = r.count(12, "signatures"); n-- > 0;) f.entries.push_back(read_entry(r, most));
  if (r.left()) bad_file(std::to_string(r.left()) + " bytes follow the end");
  return f;
}

}  // namespace wengert::program
