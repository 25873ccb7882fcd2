#include <cstring>

#include "program/loop.h"

namespace wengert::program {

Program::Program(Graph recorded) : recorded_(operations(recorded)) {
  scalar_ = scalar_code(recorded);  // has passes of its own
  if (scalar_) {
    graph_ = std::move(recorded);
  } else {
    graph_ = optimised(std::move(recorded), &passes_);
    scalar_ = scalar_code(graph_);
  }
  if (scalar_) {
    work_ = static_cast<double>(scalar_->code.size());
  } else {
    plan_ = std::make_unique<Plan>(planned(std::move(graph_)));
    work_ = plan_->work;
  }
}

std::unique_ptr<Program::Memory> Program::memory() const {
  auto m = std::make_unique<Memory>();
  if (scalar_) {
    m->registers.resize(scalar_->registers + 1);
    std::copy(scalar_->constants.begin(), scalar_->constants.end(), m->registers.begin());
  } else {
    m->context = std::make_unique<Context>(*plan_);
  }
  return m;
}

uint32_t Program::run(Memory& memory, char* const* inputs, char* const* outputs) const {
  if (!scalar_) return program::run(*plan_, *memory.context, inputs, outputs);
  double* r = memory.registers.data();
  for (const ScalarCode::Source& s : scalar_->sources) {
    const char* from = inputs[s.input];
    switch (s.dtype) {
      case DType::f64:
        r[s.target] = reinterpret_cast<const double*>(from)[s.element];
        break;
      case DType::i64:
        r[s.target] = static_cast<double>(reinterpret_cast<const int64_t*>(from)[s.element]);
        break;
      case DType::i32:
        r[s.target] = reinterpret_cast<const int32_t*>(from)[s.element];
        break;
      case DType::f32:
        r[s.target] = reinterpret_cast<const float*>(from)[s.element];
        break;
      default:
        r[s.target] = reinterpret_cast<const uint8_t*>(from)[s.element] != 0;
    }
  }
  const uint32_t failed = program::run(*scalar_, r);
  if (failed != kNone) return failed;
  for (size_t k = 0; k < scalar_->results.size(); ++k) {
    const ScalarCode::Result& s = scalar_->results[k];
    const size_t n = s.registers.size();
    if (s.dtype == DType::f64) {
      auto* to = reinterpret_cast<double*>(outputs[k]);
      for (size_t i = 0; i < n; ++i) to[i] = r[s.registers[i]];
    } else {
      auto* to = reinterpret_cast<uint8_t*>(outputs[k]);
      for (size_t i = 0; i < n; ++i) to[i] = r[s.registers[i]] != 0;
    }
  }
  return kNone;
}

int64_t Program::arena() const {
  if (scalar_) return static_cast<int64_t>(scalar_->registers) * 8;
  int64_t bytes = plan_->arena;
  for (const LoopStep& l : plan_->loops) bytes += l.loop->bytes();
  return bytes;
}

std::string Program::explanation() const {
  std::string s = "recorded: " + std::to_string(recorded_) + " operations\n";
  for (const PassReport& p : passes_)
    s += std::string(p.pass) + ": " + std::to_string(p.before) + " -> " + std::to_string(p.after) + "\n";
  if (scalar_) {
    s += "scalar code: " + std::to_string(scalar_->operations) + " operations in " + std::to_string(steps()) +
         " instructions, " + std::to_string(scalar_->registers) + " registers\n";
    return s;
  }
  size_t inside = 0;
  for (const Fused& f : plan_->fused) inside += f.ops.size();
  s += "fusion: " + std::to_string(inside) + " elementwise operations in " + std::to_string(plan_->fused.size()) +
       " groups\n";
  s += "steps: " + std::to_string(plan_->steps.size()) + " (" + std::to_string(plan_->products.size()) +
       " matrix products, " + std::to_string(plan_->reductions.size()) + " reductions, " +
       std::to_string(plan_->copies.size()) + " copies, " + std::to_string(plan_->calls.size()) + " others)\n";
  size_t finished = 0;
  for (const Product& p : plan_->products)
    finished += p.addend.storage != kNone || p.bias.storage != kNone || p.activation != simd::Activation::none;
  s += "epilogues: " + std::to_string(finished) + " products end with a sum, a bias or a function\n";
  s += "memory: an arena of " + std::to_string(plan_->arena) + " bytes\n";
  return s;
}

}  // namespace wengert::program
