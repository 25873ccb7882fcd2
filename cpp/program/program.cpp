#include <cstring>

#include "program/loop/loop.h"
#include "simd/rounding.h"

namespace wengert::program {

Program::Program(Graph recorded) : recorded_(operations(recorded)) {
  const simd::RoundToNearest rounding;  // of the constants
  scalar_ = scalar_code(recorded);      // has passes of its own
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
    core::dispatch(s.dtype, [&]<class T>(core::TypeTag<T>) {
      r[s.target] = static_cast<double>(reinterpret_cast<const T*>(from)[s.element]);
    });
  }
  const uint32_t failed = program::run(*scalar_, r);
  if (failed != kNone) return failed;
  for (size_t k = 0; k < scalar_->results.size(); ++k) {
    const ScalarCode::Result& s = scalar_->results[k];
    const size_t n = s.registers.size();
    core::dispatch(s.dtype, [&]<class T>(core::TypeTag<T>) {
      auto* to = reinterpret_cast<T*>(outputs[k]);
      for (size_t i = 0; i < n; ++i) to[i] = element_of<T>(r[s.registers[i]]);
    });
  }
  return kNone;
}

}  // namespace wengert::program
