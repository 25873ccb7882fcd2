// Elementary and special functions over lanes, written once for all widths and instruction sets, free of branches (huge
// arguments apart). Every header states types, range and largest error; docs/ulp.md what is measured.
//
//   exp exp2 expm1 log log2 log10 log1p                           exp_log.h
//   sinh cosh tanh asinh acosh atanh                              hyperbolic.h
//   sigmoid log_sigmoid softplus                                  hyperbolic.h
//   logaddexp                                                     logaddexp.h
//   sin cos tan sinpi cospi asin acos atan atan2                  trig.h
//   pow cbrt hypot rsqrt                                          power.h
//   erf erfc erfinv gelu                                          erf.h
//   lgamma digamma trigamma                                       gamma.h
//   sqrt fma abs floor ceil trunc rint copysign max min …         vec.h
#pragma once

#include "simd/math/erf.h"
#include "simd/math/exp_log.h"
#include "simd/math/gamma.h"
#include "simd/math/hyperbolic.h"
#include "simd/math/logaddexp.h"
#include "simd/math/power.h"
#include "simd/math/trig.h"
