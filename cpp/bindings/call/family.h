// What goes in comes out: the kind of an argument, and so of its derivative or result. The strongest among the
// arguments decides, so their order counts.
#pragma once
#include <cstdint>

namespace wengert::bindings {

enum class Family : uint8_t { python, numpy, array };

}  // namespace wengert::bindings
