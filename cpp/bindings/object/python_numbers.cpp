#include "bindings/object/python_numbers.h"

#include <cmath>

#include "ad/recorder.h"

namespace wengert::bindings {
namespace {

using ad::OpCode;
using ops::code_of;

constexpr double kWhole = 0x1p62;  // whole numbers below stay below 2**63 whatever the rounding of the estimate

PyObject* power(PyObject* a, PyObject* b) { return PyNumber_Power(a, b, Py_None); }

PythonOperation operation(OpCode op) {
  if (op == code_of<ops::Add>) return PyNumber_Add;
  if (op == code_of<ops::Subtract>) return PyNumber_Subtract;
  if (op == code_of<ops::Multiply>) return PyNumber_Multiply;
  if (op == code_of<ops::Divide>) return PyNumber_TrueDivide;
  if (op == code_of<ops::FloorDivide>) return PyNumber_FloorDivide;
  if (op == code_of<ops::Remainder>) return PyNumber_Remainder;
  return op == code_of<ops::Power> ? power : nullptr;
}

Value weak(Value v) {
  v.weak = true;
  return v;
}

// True now; a guard from now on, if it is recorded.
bool ask(const Value& condition) {
  if (core::item(*condition.array) == 0) return false;
  ad::guard(condition, ad::GuardOn::truth);
  return true;
}

bool in_body(const Value& v) {
  const auto* r = ad::level_as<ad::Recorder>(v.level);
  return r && r->body;
}

bool below(const Value& x, double limit) {
  return ask(ad::apply_binary(code_of<ops::Less>, ad::apply_unary(code_of<ops::Absolute>, x), weak(Value(limit))));
}

// a op b of whole numbers, unless it may leave 64 bits.
bool fits(OpCode op, const Value& a, const Value& b) {
  return below(ad::apply_binary(op, ad::astype(a, DType::f64), ad::astype(b, DType::f64)), kWhole);
}

// a ** b of floats, unless it is complex or too large; the operation is the one that is recorded afterwards.
bool power_is_real(const Value& a, const Value& b) {
  const double exponent = core::item(*b.array);
  const bool whole = !b.level && std::floor(exponent) == exponent;
  if (!whole && !ask(ad::apply_binary(code_of<ops::GreaterEqual>, a, Value(0.0)))) return false;
  if (!whole || std::fmod(exponent, 2) != 0) return below(ad::apply_binary(code_of<ops::Power>, a, b), HUGE_VAL);
  const Value r = exponent == 2 && core::is_int(b.dtype()) ? ad::apply_unary(code_of<ops::Square>, a)
                                                           : ad::apply_binary(code_of<ops::Power>, a, b);
  return ask(ad::apply_binary(code_of<ops::Less>, r, weak(Value(HUGE_VAL))));  // it is not negative
}

double limit_of(const ad::Recorder& body, const Value& v) {
  if (!v.level) return std::abs(core::item(*v.array));
  const auto found = body.limits.find(v.node);
  return v.level.get() == &body && found != body.limits.end() ? found->second : 0x1p63;
}

double limit_of_result(OpCode op, double a, double b) {
  if (op == code_of<ops::Add> || op == code_of<ops::Subtract>) return a + b;
  if (op == code_of<ops::Multiply>) return a * b;
  if (op == code_of<ops::FloorDivide>) return a;
  return op == code_of<ops::Remainder> ? b : std::pow(std::max(a, 1.0), b);
}

// One operation for all steps: it counts as arrays do. That whole numbers stay below 2**62 is a condition of the loop.
PyObject* in_steps(OpCode op, const Value& a, const Value& b) {
  if (core::is_float(a.dtype()) || core::is_float(b.dtype()) || op == code_of<ops::Divide> || !operation(op))
    return nullptr;
  if (op == code_of<ops::Power> && (b.level || core::item(*b.array) < 0)) return nullptr;
  auto whole = [](const Value& v) { return v.dtype() == DType::b1 ? weak(ad::astype(v, DType::i64)) : v; };
  Value r = weak(ad::apply_binary(op, whole(a), whole(b)));
  auto* body = ad::level_as<ad::Recorder>(r.level);
  if (!body || !body->body) return nullptr;
  double limit = limit_of_result(op, limit_of(*body, a), limit_of(*body, b));
  if (!(limit < kWhole)) {
    limit = kWhole;
    const Value estimate = ad::apply_binary(op, ad::astype(a, DType::f64), ad::astype(b, DType::f64));
    body->whole.push_back(
        ad::apply_binary(code_of<ops::Less>, ad::apply_unary(code_of<ops::Absolute>, estimate), weak(Value(kWhole))));
  }
  body->limits[r.node] = limit;
  return wrap(std::move(r), true);
}

}  // namespace

py::object number_of(const Value& v) {
  ad::guard(v, ad::GuardOn::number);
  return py::reinterpret_steal<py::object>(to_python_scalar(*v.array));
}

PyObject* with_numbers(PythonOperation f, const Value& a, const Value& b) {
  PyObject* r = f(number_of(a).ptr(), number_of(b).ptr());
  if (!r) throw PythonError{};
  return r;
}

PyObject* beyond(OpCode op, PyObject* a, PyObject* b) {
  const PythonOperation f = operation(op);
  PyObject *array = is_array(a) ? a : b, *other = is_array(a) ? b : a;
  if (!f || !is_array(array) || !PyLong_CheckExact(other) || !is_python_number(read(as_array(array)))) return nullptr;
  int overflow = 0;
  PyLong_AsLongLongAndOverflow(other, &overflow);
  if (!overflow) return nullptr;
  const py::object number = number_of(read(as_array(array)));
  PyObject* r = array == a ? f(number.ptr(), b) : f(a, number.ptr());
  if (!r) throw PythonError{};
  return r;
}

void keep_whole(ad::Recorder& body, const Value& carried) {
  if (!carried.weak || core::is_float(carried.dtype()) || limit_of(body, carried) <= kCarried) return;
  body.whole.push_back(ad::apply_binary(code_of<ops::Less>,
                                        ad::apply_unary(code_of<ops::Absolute>, weak(ad::astype(carried, DType::f64))),
                                        weak(Value(kCarried))));
}

PyObject* python_arithmetic(OpCode op, const Value& a, const Value& b) {
  if (in_body(a) || in_body(b)) return in_steps(op, a, b);
  const PythonOperation f = operation(op);
  if (!f) return nullptr;
  const bool whole = !core::is_float(a.dtype()) && !core::is_float(b.dtype());
  const bool divides = f == PyNumber_TrueDivide || f == PyNumber_FloorDivide || f == PyNumber_Remainder;
  if (divides) {
    const bool zero = core::item(*b.array) == 0;
    if (zero ||
        (b.level && !ask(ad::apply_binary(code_of<ops::NotEqual>, b, weak(Value(core::scalar_int(0, DType::i64)))))))
      return with_numbers(f, a, b);
    return nullptr;
  }
  if (f == power) {
    const bool known = !b.level && core::item(*b.array) >= 0;  // a whole number to a whole number of times
    if (whole ? !known || !fits(op, a, b) : !power_is_real(a, b)) return with_numbers(f, a, b);
    return nullptr;
  }
  if (!whole) return nullptr;
  if (!fits(op, a, b)) return with_numbers(f, a, b);
  if (a.dtype() != DType::b1 && b.dtype() != DType::b1) return nullptr;
  Value r = ad::apply_binary(op, weak(ad::astype(a, DType::i64)), weak(ad::astype(b, DType::i64)));
  r.weak = true;
  return wrap(std::move(r), true);
}

}  // namespace wengert::bindings
