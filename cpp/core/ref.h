// Intrusive reference counting. Counts are plain integers: every change happens under Python's interpreter lock
// (kernels that release it touch only raw data), which saves about 5 ns for each atomic operation on the hot path.
#pragma once
#include <concepts>
#include <cstdint>
#include <utility>

namespace wengert::core {

template <class T> class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* p) : p_(p) { retain(p_); }
  static Ref adopt(T* p) {  // takes over a count that is already there
    Ref r;
    r.p_ = p;
    return r;
  }
  Ref(const Ref& o) : p_(o.p_) { retain(p_); }
  Ref(Ref&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  template <class U>
    requires std::derived_from<U, T>
  Ref(Ref<U> o) : p_(o.detach()) {}
  Ref& operator=(const Ref& o) {
    T* old = p_;
    retain(o.p_);
    p_ = o.p_;
    release(old);
    return *this;
  }
  Ref& operator=(Ref&& o) noexcept {
    if (this != &o) {
      T* old = std::exchange(p_, std::exchange(o.p_, nullptr));
      release(old);
    }
    return *this;
  }
  ~Ref() { release(p_); }

  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }
  bool operator==(const Ref& o) const { return p_ == o.p_; }
  T* detach() { return std::exchange(p_, nullptr); }

 private:
  static void retain(T* p) {
    if (p) ++p->refs;
  }
  static void release(T* p) {
    if (p && --p->refs == 0) T::destroy(p);
  }
  T* p_ = nullptr;
};

// Base of counted objects that live on the ordinary heap.
template <class T> struct Counted {
  int64_t refs = 0;
  static void destroy(T* p) { delete p; }
};

}  // namespace wengert::core
