// Which instruction set the kernels run on.
#pragma once

namespace wengert::simd {

enum class Isa { scalar, x86_64_v2, x86_64_v3, x86_64_v4, arm64 };
inline constexpr int isa_count = 5;

// The instruction set in use. Chosen once: the best the processor has, or what WENGERT_ISA names.
Isa active();

// True where this build has kernels for it and this processor can run them.
bool supported(Isa isa);

// Names as WENGERT_ISA spells them: "scalar", "x86-64-v2", "x86-64-v3", "x86-64-v4", "arm64".
const char* name_of(Isa isa);
const char* active_isa();
// All supported names, worst first, separated by commas.
const char* supported_isas();

// One table of kernels for every instruction set. Every table starts from the scalar kernels: one that is missing is
// slow, never wrong. Code of an instruction set the processor lacks does not even run to fill its table.
template <class Table> class Tables {
 public:
  using Fill = void (*)(Table&);
  struct Filler {
    Isa isa;
    Fill fill;
  };
  template <int N> explicit Tables(const Filler (&fillers)[N]) {  // scalar first
    for (Table& t : of_) fillers[0].fill(t);
    for (const Filler& f : fillers)
      if (f.isa != Isa::scalar && supported(f.isa)) f.fill(of_[static_cast<int>(f.isa)]);
  }
  const Table& active() const { return of_[static_cast<int>(simd::active())]; }

 private:
  Table of_[isa_count];
};

// X(namespace) for every instruction set of this build.
#if defined(__aarch64__)
#define WG_EACH_ISA(X) X(scalar) X(arm64)
#elif defined(__x86_64__)
#define WG_EACH_ISA(X) X(scalar) X(x86_64_v2) X(x86_64_v3) X(x86_64_v4)
#else
#define WG_EACH_ISA(X) X(scalar)
#endif

// The second-level cache of one core; 1 MB where the system does not tell.
long l2_bytes();

// For tests: switches every kernel table to another instruction set. False (and no change) where not supported.
bool set_isa(const char* name);

// Null, or why WENGERT_ISA could not be followed. The best supported instruction set is used in that case.
const char* dispatch_error();

}  // namespace wengert::simd
