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

// The second-level cache of one core; 1 MB where the system does not tell.
long l2_bytes();

// For tests: switches every kernel table to another instruction set. False (and no change) where not supported.
bool set_isa(const char* name);

// Null, or why WENGERT_ISA could not be followed. The best supported instruction set is used in that case.
const char* dispatch_error();

}  // namespace wengert::simd
