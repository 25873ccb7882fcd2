// A derivative is never lost silently: what carries one does not leave as plain numbers.
#pragma once
#include "bindings/object/convert.h"

namespace wengert::bindings {

// The innermost level that follows v to differentiate it (or to list it); null: there is no derivative to lose.
const ad::Level* follower(const Value& v);
// Raises if the numbers of v may not leave. `how`: what asked, for the message: "number", "item", "array", "numpy".
void refuse_lost(const Value& v, const char* how);
// The same for single numbers: inside transforms they may not leave. At depth 0 (requires_grad) item() may, and float()
// may with a warning, as in PyTorch.
void refuse_lost_number(const Value& v, const char* how);
// Raises if v, which belongs to a running transform, would be written into an array made outside of it.
void refuse_outer_write(PyArray* a, const Value& v);

}  // namespace wengert::bindings
