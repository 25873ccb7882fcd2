// evaluate <isa> <function> <f64|f32>: reads arguments (x, then y for functions of two) as raw numbers from standard
// input and writes the results to standard output. Without arguments: the names and arities. For measure_ulp.py.
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "math_functions.h"
#include "simd/dispatch.h"

using namespace wengert::simd;

namespace {

const MathFunction* table_of(const std::string& isa, int* count) {
#if defined(__x86_64__)
  if (isa == "x86-64-v2" && supported(Isa::x86_64_v2)) return x86_64_v2::math_functions(count);
  if (isa == "x86-64-v3" && supported(Isa::x86_64_v3)) return x86_64_v3::math_functions(count);
  if (isa == "x86-64-v4" && supported(Isa::x86_64_v4)) return x86_64_v4::math_functions(count);
#elif defined(__aarch64__)
  if (isa == "arm64") return arm64::math_functions(count);
#endif
  return isa == "scalar" ? scalar::math_functions(count) : nullptr;
}

template <class T, class F> int run(F f, int arity) {
  std::vector<T> in;
  T chunk[4096];
  for (size_t n; (n = std::fread(chunk, sizeof(T), 4096, stdin)) > 0;) in.insert(in.end(), chunk, chunk + n);
  const int64_t n = int64_t(in.size()) / arity;
  std::vector<T> out(n);
  f(in.data(), in.data() + (arity == 2 ? n : 0), out.data(), n);
  return std::fwrite(out.data(), sizeof(T), size_t(n), stdout) == size_t(n) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  int count = 0;
  if (argc < 4) {
    const MathFunction* table = table_of("scalar", &count);
    std::printf("%s\n", supported_isas());
    for (int i = 0; i < count; ++i) std::printf("%s %d\n", table[i].name, table[i].arity);
    return 0;
  }
  const MathFunction* table = table_of(argv[1], &count);
  for (int i = 0; table && i < count; ++i) {
    if (std::strcmp(table[i].name, argv[2]) != 0) continue;
    return std::strcmp(argv[3], "f64") == 0 ? run<double>(table[i].f64, table[i].arity)
                                            : run<float>(table[i].f32, table[i].arity);
  }
  std::fprintf(stderr, "evaluate: no %s for %s\n", argv[2], argv[1]);
  return 2;
}
