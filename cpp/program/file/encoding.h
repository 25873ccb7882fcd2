// Numbers and texts as bytes, little-endian, and back. Reading trusts nothing: every length is held against what is
// left before anything is allocated.
#pragma once
#include <bit>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/dims.h"

namespace wengert::program {

static_assert(std::endian::native == std::endian::little, "numbers of files would have to be turned around");

[[noreturn]] inline void bad_file(const std::string& what) { value_error("wengert.load_program: " + what); }

class Writer {
 public:
  std::string bytes;

  template <class T>
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void number(T v) {
    bytes.append(reinterpret_cast<const char*>(&v), sizeof v);
  }
  void count(size_t n) { number(static_cast<uint32_t>(n)); }
  void raw(const void* p, size_t n) { bytes.append(static_cast<const char*>(p), n); }
  void text(std::string_view s) {
    count(s.size());
    raw(s.data(), s.size());
  }
  void dims(const core::Dims& d) {
    number(static_cast<uint8_t>(d.size()));
    raw(d.data(), sizeof(int64_t) * static_cast<size_t>(d.size()));
  }
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  size_t left() const { return static_cast<size_t>(end_ - at_); }
  const char* raw(size_t n, const char* what) {
    if (n > left())
      bad_file(std::string(what) + " needs " + std::to_string(n) + " bytes, " + std::to_string(left()) + " are left");
    const char* p = at_;
    at_ += n;
    return p;
  }
  template <class T>
    requires std::is_arithmetic_v<T>
  T number(const char* what) {
    T v;
    std::memcpy(&v, raw(sizeof v, what), sizeof v);
    return v;
  }
  // One of the values 0 … `end` - 1.
  template <class E = uint8_t> E choice(int end, const char* what) {
    const auto v = number<uint8_t>(what);
    if (v >= end) bad_file(std::string(what) + " is " + std::to_string(v) + ", there are only " + std::to_string(end));
    return static_cast<E>(v);
  }
  // How many follow, each of at least `smallest` bytes.
  uint32_t count(size_t smallest, const char* what) {
    const auto n = number<uint32_t>(what);
    if (n > left() / smallest)
      bad_file(std::string(what) + ": " + std::to_string(n) + " of them do not fit in the " + std::to_string(left()) +
               " bytes left");
    return n;
  }
  std::string text(const char* what) {
    const uint32_t n = count(1, what);
    return std::string(raw(n, what), n);
  }
  core::Dims dims(const char* what) {
    const auto n = choice<uint8_t>(core::kMaxDims + 1, what);
    const char* p = raw(sizeof(int64_t) * n, what);
    core::Dims d(n);
    std::memcpy(d.data(), p, sizeof(int64_t) * n);
    return d;
  }

 private:
  const char *at_, *end_;
};

}  // namespace wengert::program
