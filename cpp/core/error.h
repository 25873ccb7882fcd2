// The one exception type of the C++ side; bindings translate it to the Python exception of the same kind.
#pragma once
#include <exception>
#include <string>
#include <utility>

namespace wengert {

class Error : public std::exception {
 public:
  enum class Kind { value, type, index, runtime };
  Error(Kind kind, std::string message) : kind_(kind), message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
  std::string message_;
};

[[noreturn]] inline void value_error(std::string m) { throw Error(Error::Kind::value, std::move(m)); }
[[noreturn]] inline void type_error(std::string m) { throw Error(Error::Kind::type, std::move(m)); }
[[noreturn]] inline void index_error(std::string m) { throw Error(Error::Kind::index, std::move(m)); }
[[noreturn]] inline void runtime_error(std::string m) { throw Error(Error::Kind::runtime, std::move(m)); }

}  // namespace wengert
