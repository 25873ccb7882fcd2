// A short list of integers (shape, strides, axes): up to four in place, more on the heap.
#pragma once
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>

#include "core/error.h"
#include "core/sizes.h"

namespace wengert::core {

inline constexpr int kMaxDims = 32;

class Dims {
 public:
  Dims() = default;
  explicit Dims(int n, int64_t fill = 0) {
    resize(n);
    for (int i = 0; i < n; ++i) data()[i] = fill;
  }
  Dims(std::initializer_list<int64_t> v) {
    resize(static_cast<int>(v.size()));
    int i = 0;
    for (int64_t x : v) data()[i++] = x;
  }
  Dims(const Dims& o) { copy(o); }
  Dims(Dims&& o) noexcept { steal(o); }
  Dims& operator=(const Dims& o) {
    if (this != &o) {
      if (n_ <= kInline && o.n_ <= kInline) {
        n_ = o.n_;
        std::memcpy(inline_, o.inline_, sizeof inline_);
      } else {
        clear();
        copy(o);
      }
    }
    return *this;
  }
  Dims& operator=(Dims&& o) noexcept {
    if (this != &o) {
      clear();
      steal(o);
    }
    return *this;
  }
  ~Dims() { clear(); }

  int size() const { return n_; }
  bool empty() const { return n_ == 0; }
  int64_t* data() { return n_ > kInline ? heap_ : inline_; }
  const int64_t* data() const { return n_ > kInline ? heap_ : inline_; }
  int64_t& operator[](int i) { return data()[i]; }
  int64_t operator[](int i) const { return data()[i]; }
  const int64_t* begin() const { return data(); }
  const int64_t* end() const { return data() + n_; }
  int64_t back() const { return data()[n_ - 1]; }

  void clear() {
    if (n_ > kInline) delete[] heap_;
    n_ = 0;
  }
  void push_back(int64_t v) {
    if (n_ < kInline) [[likely]]
      inline_[n_++] = v;
    else
      grow(v);
  }
  void insert(int at, int64_t v) {
    push_back(v);
    int64_t* d = data();
    for (int i = n_ - 1; i > at; --i) d[i] = d[i - 1];
    d[at] = v;
  }
  void erase(int at) {
    Dims r;
    for (int i = 0; i < n_; ++i)
      if (i != at) r.push_back((*this)[i]);
    *this = static_cast<Dims&&>(r);
  }
  bool contains(int64_t v) const {
    for (int64_t x : *this)
      if (x == v) return true;
    return false;
  }
  int64_t product() const {  // of sizes that may be anybody's: throws where it does not fit
    int64_t p = 1;
    for (int64_t x : *this) p = checked_product(p, x);
    return p;
  }
  Dims slice(int from, int to) const {
    Dims r;
    for (int i = from; i < to; ++i) r.push_back((*this)[i]);
    return r;
  }
  bool operator==(const Dims& o) const {
    if (n_ != o.n_) return false;
    const int64_t *own = data(), *its = o.data();
    for (int i = 0; i < n_; ++i)
      if (own[i] != its[i]) return false;
    return true;
  }
  std::string str() const {  // as Python prints a tuple
    std::string s = "(";
    for (int i = 0; i < n_; ++i) s += (i ? ", " : "") + std::to_string((*this)[i]);
    return s + (n_ == 1 ? ",)" : ")");
  }

 private:
  static constexpr int kInline = 4;
  void resize(int n) {  // only on an empty list
    if (n > kMaxDims) value_error("arrays have at most 32 dimensions, got " + std::to_string(n));
    if (n > kInline) heap_ = new int64_t[static_cast<size_t>(n)];
    n_ = n;
  }
  [[gnu::noinline]] void grow(int64_t v) {
    Dims bigger;
    bigger.resize(n_ + 1);
    std::memcpy(bigger.data(), data(), sizeof(int64_t) * static_cast<size_t>(n_));
    bigger[n_] = v;
    *this = static_cast<Dims&&>(bigger);
  }
  void copy(const Dims& o) {
    resize(o.n_);
    if (n_ > kInline)
      std::memcpy(heap_, o.heap_, sizeof(int64_t) * static_cast<size_t>(n_));
    else
      std::memcpy(inline_, o.inline_, sizeof inline_);
  }
  void steal(Dims& o) {
    n_ = o.n_;
    if (n_ > kInline) {
      heap_ = o.heap_;
      o.n_ = 0;
    } else {
      std::memcpy(inline_, o.inline_, sizeof inline_);
    }
  }

  union {
    int64_t inline_[kInline];  // left unset: clearing 64 bytes an array cost 2 ns of 50
    int64_t* heap_;
  };
  int n_ = 0;
};

inline Dims concat(const Dims& a, const Dims& b) {
  Dims r = a;
  for (int64_t x : b) r.push_back(x);
  return r;
}

}  // namespace wengert::core
