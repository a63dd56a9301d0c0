//===- GpuArithmeticTest.cpp - Every scalar op of both code generators ----===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One kernel of many ops on two numbers each, on edges and random values. What
// the op means is written beside it.
//
//===----------------------------------------------------------------------===//

#include "GpuKernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <regex>

using namespace attn;
using namespace attn::test;

namespace {

template <typename To, typename From>
To as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

/// Ops that compute %r from %a and %b (the operands as i32), %x and %y (the
/// same bits as f32), %i and %j (as index), %n and %m (the operands modulo
/// 1000, which are known not to be negative, as index). %r is an i32 or, if
/// `isFloat`, an f32.
struct Case {
  std::string text;
  uint32_t (*reference)(uint32_t a, uint32_t b);
  bool isFloat = false;
  /// Relative and absolute error of a float.
  double relative = 0, absolute = 0;
};

constexpr float infinity = std::numeric_limits<float>::infinity();

uint32_t bits(float x) { return as<uint32_t>(x); }
float f(uint32_t bits) { return as<float>(bits); }
int32_t s(uint32_t bits) { return int32_t(bits); }
int64_t ceilDiv(int64_t a, int64_t b) {
  return a / b + (a % b != 0 && (a < 0) == (b < 0));
}
int64_t floorDiv(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
std::vector<Case> makeCases() {
  std::vector<Case> cases = {
      {"%r = arith.addi %a, %b : i32",
       [](uint32_t a, uint32_t b) { return a + b; }},
      {"%r = arith.subi %a, %b : i32",
       [](uint32_t a, uint32_t b) { return a - b; }},
      {"%r = arith.muli %a, %b : i32",
       [](uint32_t a, uint32_t b) { return a * b; }},
      {"%r = arith.andi %a, %b : i32",
       [](uint32_t a, uint32_t b) { return a & b; }},
      {"%r = arith.ori %a, %b : i32",
       [](uint32_t a, uint32_t b) { return a | b; }},
      {"%r = arith.xori %a, %b : i32",
       [](uint32_t a, uint32_t b) { return a ^ b; }},
      {"%c = arith.constant 31 : i32\n%d = arith.andi %b, %c : i32\n"
       "%r = arith.shli %a, %d : i32",
       [](uint32_t a, uint32_t b) { return a << (b & 31); }},
      {"%c = arith.constant 31 : i32\n%d = arith.andi %b, %c : i32\n"
       "%r = arith.shrsi %a, %d : i32",
       [](uint32_t a, uint32_t b) { return uint32_t(s(a) >> (b & 31)); }},
      {"%c = arith.constant 31 : i32\n%d = arith.andi %b, %c : i32\n"
       "%r = arith.shrui %a, %d : i32",
       [](uint32_t a, uint32_t b) { return a >> (b & 31); }},
      {"%c = arith.constant 2 : i32\n%d = arith.ori %b, %c : i32\n"
       "%r = arith.divui %a, %d : i32",
       [](uint32_t a, uint32_t b) { return a / (b | 2); }},
      {"%c = arith.constant 2 : i32\n%d = arith.ori %b, %c : i32\n"
       "%r = arith.remui %a, %d : i32",
       [](uint32_t a, uint32_t b) { return a % (b | 2); }},
      {"%c = arith.constant 2 : i32\n%d = arith.ori %b, %c : i32\n"
       "%r = arith.ceildivui %a, %d : i32",
       [](uint32_t a, uint32_t b) {
         return uint32_t(ceilDiv(int64_t(a), int64_t(b | 2)));
       }},
      // Neither 0 nor -1.
      {"%c = arith.constant 13 : i32\n%k = arith.constant -7 : i32\n"
       "%d = arith.remsi %b, %c : i32\n%e = arith.muli %d, %k : i32\n"
       "%o = arith.constant 3 : i32\n%g = arith.addi %e, %o : i32\n"
       "%q = arith.divsi %a, %g : i32\n%m_ = arith.remsi %a, %g : i32\n"
       "%r = arith.xori %q, %m_ : i32",
       [](uint32_t a, uint32_t b) {
         int64_t d = int64_t(s(b)) % 13 * -7 + 3;
         return uint32_t(s(a) / d) ^ uint32_t(s(a) % d);
       }},
      {"%c = arith.constant 13 : i32\n%k = arith.constant -7 : i32\n"
       "%d = arith.remsi %b, %c : i32\n%e = arith.muli %d, %k : i32\n"
       "%o = arith.constant 3 : i32\n%g = arith.addi %e, %o : i32\n"
       "%r = arith.ceildivsi %a, %g : i32",
       [](uint32_t a, uint32_t b) {
         return uint32_t(ceilDiv(s(a), int64_t(s(b)) % 13 * -7 + 3));
       }},
      {"%c = arith.constant 13 : i32\n%k = arith.constant -7 : i32\n"
       "%d = arith.remsi %b, %c : i32\n%e = arith.muli %d, %k : i32\n"
       "%o = arith.constant 3 : i32\n%g = arith.addi %e, %o : i32\n"
       "%r = arith.floordivsi %a, %g : i32",
       [](uint32_t a, uint32_t b) {
         return uint32_t(floorDiv(s(a), int64_t(s(b)) % 13 * -7 + 3));
       }},
      {"%r = arith.maxsi %a, %b : i32",
       [](uint32_t a, uint32_t b) { return s(a) > s(b) ? a : b; }},
      {"%r = arith.minsi %a, %b : i32",
       [](uint32_t a, uint32_t b) { return s(a) < s(b) ? a : b; }},
      {"%r = arith.maxui %a, %b : i32",
       [](uint32_t a, uint32_t b) { return a > b ? a : b; }},
      {"%r = arith.minui %a, %b : i32",
       [](uint32_t a, uint32_t b) { return a < b ? a : b; }},
      {"%t = arith.trunci %a : i32 to i8\n%r = arith.extsi %t : i8 to i32",
       [](uint32_t a, uint32_t) { return uint32_t(int8_t(a)); }},
      {"%t = arith.trunci %a : i32 to i16\n%r = arith.extui %t : i16 to i32",
       [](uint32_t a, uint32_t) { return uint32_t(uint16_t(a)); }},
      {"%p = arith.trunci %a : i32 to i1\n%r = arith.extui %p : i1 to i32",
       [](uint32_t a, uint32_t) { return a & 1; }},
      {"%p = arith.trunci %a : i32 to i1\n%q = arith.cmpi slt, %a, %b : i32\n"
       "%u = arith.andi %p, %q : i1\n%v = arith.ori %p, %q : i1\n"
       "%w = arith.xori %u, %v : i1\n%z = arith.constant true\n"
       "%n_ = arith.xori %w, %z : i1\n%r = arith.select %n_, %a, %b : i32",
       [](uint32_t a, uint32_t b) { return (a & 1) == (s(a) < s(b)) ? a : b; }},
      {"%t = arith.extui %a : i32 to i64\n%u = arith.extsi %b : i32 to i64\n"
       "%v = arith.muli %t, %u : i64\n%c = arith.constant 32 : i64\n"
       "%w = arith.shrsi %v, %c : i64\n%r = arith.trunci %w : i64 to i32",
       [](uint32_t a, uint32_t b) {
         return uint32_t((int64_t(a) * s(b)) >> 32);
       }},

      // Indices, of 64 bits and of 32.
      {"%t = arith.muli %i, %j : index\n%c = arith.constant 32 : index\n"
       "%u = arith.shrsi %t, %c : index\n%r = arith.index_cast %u : index to "
       "i32",
       [](uint32_t a, uint32_t b) {
         return uint32_t((int64_t(s(a)) * s(b)) >> 32);
       }},
      {"%t = arith.subi %i, %j : index\n%c = arith.constant 1 : index\n"
       "%u = arith.shrsi %t, %c : index\n%r = arith.index_cast %u : index to "
       "i32",
       [](uint32_t a, uint32_t b) {
         return uint32_t((int64_t(s(a)) - s(b)) >> 1);
       }},
      {"%c = arith.constant 64 : index\n%t = arith.ceildivui %n, %c : index\n"
       "%r = arith.index_cast %t : index to i32",
       [](uint32_t a, uint32_t) { return (a % 1000 + 63) / 64; }},
      {"%c = arith.constant 48 : index\n%t = arith.ceildivsi %n, %c : index\n"
       "%r = arith.index_cast %t : index to i32",
       [](uint32_t a, uint32_t) { return (a % 1000 + 47) / 48; }},
      {"%c = arith.constant 8 : index\n%t = arith.remui %n, %c : index\n"
       "%u = arith.divui %m, %c : index\n%v = arith.xori %t, %u : index\n"
       "%w = arith.muli %v, %c : index\n%x_ = arith.subi %w, %m : index\n"
       "%r = arith.index_cast %x_ : index to i32",
       [](uint32_t a, uint32_t b) {
         return ((a % 1000 % 8) ^ (b % 1000 / 8)) * 8 - b % 1000;
       }},
      {"%c = arith.constant 8 : index\n%t = arith.remsi %i, %c : index\n"
       "%u = arith.divsi %i, %c : index\n%v = arith.muli %t, %u : index\n"
       "%r = arith.index_cast %v : index to i32",
       [](uint32_t a, uint32_t) { return uint32_t(s(a) % 8 * (s(a) / 8)); }},
      {"%t = arith.maxsi %i, %n : index\n%u = arith.minsi %t, %j : index\n"
       "%r = arith.index_cast %u : index to i32",
       [](uint32_t a, uint32_t b) {
         return uint32_t(std::min(std::max(s(a), s(a % 1000)), s(b)));
       }},
      {"%c = arith.constant 3 : index\n%t = arith.shli %n, %c : index\n"
       "%u = arith.ori %t, %m : index\n%r = arith.index_cast %u : index to i32",
       [](uint32_t a, uint32_t b) { return ((a % 1000) << 3) | (b % 1000); }},
      {"%k = arith.index_castui %a : i32 to index\n"
       "%t = arith.cmpi ult, %k, %j : index\n%r = arith.extui %t : i1 to i32",
       [](uint32_t a, uint32_t b) {
         return uint32_t(uint64_t(a) < uint64_t(int64_t(s(b))));
       }},
      {"%t = arith.cmpi slt, %n, %j : index\n"
       "%u = arith.select %t, %n, %j : index\n"
       "%r = arith.index_cast %u : index to i32",
       [](uint32_t a, uint32_t b) {
         return uint32_t(std::min(s(a % 1000), s(b)));
       }},

      // Casts of floats.
      {"%r = arith.sitofp %a : i32 to f32",
       [](uint32_t a, uint32_t) { return bits(float(s(a))); }, true},
      {"%r = arith.uitofp %a : i32 to f32",
       [](uint32_t a, uint32_t) { return bits(float(a)); }, true},
      {"%c = arith.constant 1000.0 : f32\n%t = arith.sitofp %n_i : i32 to f32\n"
       "%u = arith.divf %t, %c : f32\n%v = arith.mulf %u, %c : f32\n"
       "%r = arith.fptosi %v : f32 to i32",
       [](uint32_t a, uint32_t) {
         return uint32_t(int32_t(float(a % 1000) / 1000.0f * 1000.0f));
       }},
      {"%t = arith.truncf %x : f32 to bf16\n%r = arith.extf %t : bf16 to f32",
       [](uint32_t a, uint32_t) { return bits(fromBf16(toBf16(f(a)))); }, true},
      {"%t = arith.truncf %x : f32 to f16\n%r = arith.extf %t : f16 to f32",
       [](uint32_t a, uint32_t) { return bits(fromF16(toF16(f(a)))); }, true},
      {"%t = vector.from_elements %x, %y : vector<2xf32>\n"
       "%u = arith.truncf %t : vector<2xf32> to vector<2xbf16>\n"
       "%v = arith.extf %u : vector<2xbf16> to vector<2xf32>\n"
       "%w = vector.extract %v[0] : f32 from vector<2xf32>\n"
       "%z = vector.extract %v[1] : f32 from vector<2xf32>\n"
       "%r = arith.subf %w, %z : f32",
       [](uint32_t a, uint32_t b) {
         return bits(fromBf16(toBf16(f(a))) - fromBf16(toBf16(f(b))));
       },
       true},
      {"%t = vector.from_elements %x, %y, %y, %x : vector<4xf32>\n"
       "%u = arith.truncf %t : vector<4xf32> to vector<4xf16>\n"
       "%v = vector.bitcast %u : vector<4xf16> to vector<2xi32>\n"
       "%r = vector.extract %v[1] : i32 from vector<2xi32>",
       [](uint32_t a, uint32_t b) {
         // There is one NaN.
         auto half = [](uint32_t x) -> uint32_t {
           return std::isnan(f(x)) ? 0x7fff : toF16(f(x));
         };
         return half(b) | half(a) << 16;
       }},
      {"%t = vector.from_elements %x, %y, %x, %y, %y, %y, %x, %x : "
       "vector<8xf32>\n%u = arith.mulf %t, %t : vector<8xf32>\n"
       "%v = vector.insert %x, %u [6] : f32 into vector<8xf32>\n"
       "%w = vector.extract %v[6] : f32 from vector<8xf32>\n"
       "%z = vector.extract %v[3] : f32 from vector<8xf32>\n"
       "%r = arith.addf %w, %z : f32",
       [](uint32_t a, uint32_t b) { return bits(f(a) + f(b) * f(b)); }, true},

      // Arithmetic on floats.
      {"%r = arith.addf %x, %y : f32",
       [](uint32_t a, uint32_t b) { return bits(f(a) + f(b)); }, true},
      {"%t = arith.mulf %x, %y : f32\n%r = arith.addf %t, %x : f32",
       [](uint32_t a, uint32_t b) {
         volatile float product = f(a) * f(b);
         return bits(product + f(a));
       },
       true},
      {"%t = arith.mulf %x, %y fastmath<contract> : f32\n"
       "%r = arith.addf %t, %x fastmath<contract> : f32",
       [](uint32_t a, uint32_t b) { return bits(std::fma(f(a), f(b), f(a))); },
       true},
      {"%r = arith.divf %x, %y : f32",
       [](uint32_t a, uint32_t b) { return bits(f(a) / f(b)); }, true},
      {"%r = arith.divf %x, %y fastmath<arcp> : f32",
       [](uint32_t a, uint32_t b) {
         // Full range up to 2^126 only.
         return std::fabs(f(b)) > 0x1p100f || std::fabs(f(b)) < 0x1p-100f
                    ? 0x7fffffffu
                    : bits(f(a) / f(b));
       },
       true, 1e-6, 1e-37},
      {"%t = arith.negf %x : f32\n%r = arith.subf %t, %y : f32",
       [](uint32_t a, uint32_t b) { return bits(-f(a) - f(b)); }, true},
      {"%r = arith.maximumf %x, %y : f32",
       [](uint32_t a, uint32_t b) {
         return std::isnan(f(a)) || std::isnan(f(b))
                    ? bits(NAN)
                    : bits(std::fmax(f(a), f(b)));
       },
       true},
      {"%r = arith.minimumf %x, %y : f32",
       [](uint32_t a, uint32_t b) {
         return std::isnan(f(a)) || std::isnan(f(b))
                    ? bits(NAN)
                    : bits(std::fmin(f(a), f(b)));
       },
       true},
      // Of a signalling NaN, too, the number is the result.
      {"%r = arith.maxnumf %x, %y : f32",
       [](uint32_t a, uint32_t b) {
         return std::isnan(f(a))   ? b
                : std::isnan(f(b)) ? a
                                   : bits(std::fmax(f(a), f(b)));
       },
       true},
      {"%r = arith.minnumf %x, %y : f32",
       [](uint32_t a, uint32_t b) {
         return std::isnan(f(a))   ? b
                : std::isnan(f(b)) ? a
                                   : bits(std::fmin(f(a), f(b)));
       },
       true},
      {"%r = math.fma %x, %y, %x : f32",
       [](uint32_t a, uint32_t b) { return bits(std::fma(f(a), f(b), f(a))); },
       true},
      {"%r = math.absf %x : f32",
       [](uint32_t a, uint32_t) { return bits(std::fabs(f(a))); }, true},
      {"%r = math.floor %x : f32",
       [](uint32_t a, uint32_t) { return bits(std::floor(f(a))); }, true},
      {"%r = math.ceil %x : f32",
       [](uint32_t a, uint32_t) { return bits(std::ceil(f(a))); }, true},
      {"%r = math.trunc %x : f32",
       [](uint32_t a, uint32_t) { return bits(std::trunc(f(a))); }, true},
      {"%r = math.roundeven %x : f32",
       [](uint32_t a, uint32_t) { return bits(std::nearbyint(f(a))); }, true},
      {"%r = math.copysign %x, %y : f32",
       [](uint32_t a, uint32_t b) { return bits(std::copysign(f(a), f(b))); },
       true},
      {"%r = math.sqrt %x : f32",
       [](uint32_t a, uint32_t) { return bits(std::sqrt(f(a))); }, true},
      {"%r = math.rsqrt %x : f32",
       [](uint32_t a, uint32_t) {
         return std::fpclassify(f(a)) == FP_SUBNORMAL
                    ? bits(std::copysign(infinity, f(a)))
                    : bits(1.0f / std::sqrt(f(a)));
       },
       true, 1e-6},
      {"%r = math.exp2 %x : f32",
       [](uint32_t a, uint32_t) { return bits(std::exp2(f(a))); }, true, 1e-6,
       1.2e-38},
      {"%r = math.exp %x : f32",
       [](uint32_t a, uint32_t) { return bits(std::exp(f(a))); }, true, 2e-5,
       1.2e-38},
      {"%t = math.absf %x : f32\n%r = math.log2 %t : f32",
       [](uint32_t a, uint32_t) {
         return std::fpclassify(f(a)) == FP_SUBNORMAL
                    ? bits(-infinity)
                    : bits(std::log2(std::fabs(f(a))));
       },
       true, 1e-6, 1e-6},
      {"%t = math.absf %x : f32\n%r = math.log %t : f32",
       [](uint32_t a, uint32_t) {
         return std::fpclassify(f(a)) == FP_SUBNORMAL
                    ? bits(-infinity)
                    : bits(std::log(std::fabs(f(a))));
       },
       true, 1e-6, 1e-6},
      {"%r = math.tanh %x : f32",
       [](uint32_t a, uint32_t) { return bits(std::tanh(f(a))); }, true, 6e-4,
       1e-30},
      {"%t = arith.sitofp %n_i : i32 to f32\n%r = math.sin %t : f32",
       [](uint32_t a, uint32_t) { return bits(std::sin(double(a % 1000))); },
       true, 0, 2e-6},
      {"%t = arith.sitofp %n_i : i32 to f32\n%r = math.cos %t : f32",
       [](uint32_t a, uint32_t) { return bits(std::cos(double(a % 1000))); },
       true, 0, 2e-6},
  };
  // Comparisons.
  struct IntegerPredicate {
    const char *name;
    uint32_t (*reference)(uint32_t a, uint32_t b);
  };
  static const IntegerPredicate integers[] = {
      {"eq", [](uint32_t a, uint32_t b) { return uint32_t(a == b); }},
      {"ne", [](uint32_t a, uint32_t b) { return uint32_t(a != b); }},
      {"slt", [](uint32_t a, uint32_t b) { return uint32_t(s(a) < s(b)); }},
      {"sle", [](uint32_t a, uint32_t b) { return uint32_t(s(a) <= s(b)); }},
      {"sgt", [](uint32_t a, uint32_t b) { return uint32_t(s(a) > s(b)); }},
      {"sge", [](uint32_t a, uint32_t b) { return uint32_t(s(a) >= s(b)); }},
      {"ult", [](uint32_t a, uint32_t b) { return uint32_t(a < b); }},
      {"ule", [](uint32_t a, uint32_t b) { return uint32_t(a <= b); }},
      {"ugt", [](uint32_t a, uint32_t b) { return uint32_t(a > b); }},
      {"uge", [](uint32_t a, uint32_t b) { return uint32_t(a >= b); }},
  };
  for (const IntegerPredicate &predicate : integers)
    cases.push_back({std::string("%p = arith.cmpi ") + predicate.name +
                         ", %a, %b : i32\n%r = arith.extui %p : i1 to i32",
                     predicate.reference});
  static const IntegerPredicate floats[] = {
      {"oeq", [](uint32_t a, uint32_t b) { return uint32_t(f(a) == f(b)); }},
      {"ogt", [](uint32_t a, uint32_t b) { return uint32_t(f(a) > f(b)); }},
      {"oge", [](uint32_t a, uint32_t b) { return uint32_t(f(a) >= f(b)); }},
      {"olt", [](uint32_t a, uint32_t b) { return uint32_t(f(a) < f(b)); }},
      {"ole", [](uint32_t a, uint32_t b) { return uint32_t(f(a) <= f(b)); }},
      {"one", [](uint32_t a,
                 uint32_t b) { return uint32_t(f(a) < f(b) || f(a) > f(b)); }},
      {"ord",
       [](uint32_t a, uint32_t b) {
         return uint32_t(!std::isnan(f(a)) && !std::isnan(f(b)));
       }},
      {"ueq",
       [](uint32_t a, uint32_t b) {
         return uint32_t(!(f(a) < f(b) || f(a) > f(b)));
       }},
      {"ugt", [](uint32_t a, uint32_t b) { return uint32_t(!(f(a) <= f(b))); }},
      {"uge", [](uint32_t a, uint32_t b) { return uint32_t(!(f(a) < f(b))); }},
      {"ult", [](uint32_t a, uint32_t b) { return uint32_t(!(f(a) >= f(b))); }},
      {"ule", [](uint32_t a, uint32_t b) { return uint32_t(!(f(a) > f(b))); }},
      {"une", [](uint32_t a, uint32_t b) { return uint32_t(f(a) != f(b)); }},
      {"uno",
       [](uint32_t a, uint32_t b) {
         return uint32_t(std::isnan(f(a)) || std::isnan(f(b)));
       }},
  };
  for (const IntegerPredicate &predicate : floats)
    cases.push_back({std::string("%p = arith.cmpf ") + predicate.name +
                         ", %x, %y : f32\n%r = arith.extui %p : i1 to i32",
                     predicate.reference});
  return cases;
}

/// A kernel that writes the result of case n for thread t to out[n, t].
std::string makeKernel(const std::vector<Case> &cases) {
  std::string text = R"(
gpu.module @kernels {
  gpu.func @cases(%as: memref<?xi32>, %bs: memref<?xi32>, %out: memref<?x?xi32>)
      kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %thread = gpu.thread_id x
    %block = gpu.block_id x
    %c128 = arith.constant 128 : index
    %c1000 = arith.constant 1000 : i32
    %0 = arith.muli %block, %c128 : index
    %thread_in_grid = arith.addi %0, %thread : index
    %a = memref.load %as[%thread_in_grid] : memref<?xi32>
    %b = memref.load %bs[%thread_in_grid] : memref<?xi32>
    %x = arith.bitcast %a : i32 to f32
    %y = arith.bitcast %b : i32 to f32
    %i = arith.index_cast %a : i32 to index
    %j = arith.index_cast %b : i32 to index
    %n_i = arith.remui %a, %c1000 : i32
    %m_i = arith.remui %b, %c1000 : i32
    %n = arith.index_cast %n_i : i32 to index
    %m = arith.index_cast %m_i : i32 to index
)";
  for (size_t i = 0; i < cases.size(); ++i) {
    // Values that a case defines are its own.
    std::string number = std::to_string(i), body = cases[i].text;
    for (const char *name : {"c", "d", "e", "g", "k", "m_", "n_", "o", "p", "q",
                             "r", "t", "u", "v", "w", "x_", "z"})
      body =
          std::regex_replace(body, std::regex("%" + std::string(name) + "\\b"),
                             "%" + std::string(name) + "_" + number);
    std::string result = "%r_" + number;
    text += body + "\n";
    if (cases[i].isFloat) {
      text +=
          "%bits" + number + " = arith.bitcast " + result + " : f32 to i32\n";
      result = "%bits" + number;
    }
    text += "%row" + number + " = arith.constant " + number +
            " : index\nmemref.store " + result + ", %out[%row" + number +
            ", %thread_in_grid] : memref<?x?xi32>\n";
  }
  return text + "gpu.return\n}\n}\n";
}

class GpuArithmetic : public testing::TestWithParam<CodeGenerator> {};

TEST_P(GpuArithmetic, Cases) {
  std::vector<Case> cases = makeCases();
  std::vector<uint32_t> as, bs;
  const uint32_t edges[] = {0,
                            1,
                            2,
                            7,
                            31,
                            64,
                            0x7fffffff,
                            0x80000000,
                            0x80000001,
                            0xffffffff,
                            0xfffffffe,
                            0xffffff80,
                            bits(1.0f),
                            bits(-1.5f),
                            bits(0.3f),
                            bits(3.0e38f),
                            bits(1e-40f),
                            bits(1e-3f),
                            bits(-20.25f),
                            bits(100.5f),
                            bits(infinity),
                            bits(-infinity),
                            bits(NAN)};
  for (uint32_t a : edges)
    for (uint32_t b : edges) {
      as.push_back(a);
      bs.push_back(b);
    }
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-30, 30);
  while (as.size() % 128 != 0 || as.size() < 1024) {
    bool areFloats = random() % 2;
    for (auto *numbers : {&as, &bs})
      numbers->push_back(areFloats ? bits(uniform(random)) : random());
  }

  Result<std::string> ptx = compileModule(makeKernel(cases), GetParam());
  ASSERT_TRUE(ptx) << ptx.error();
  emulator::Memory memory;
  size_t count = as.size();
  auto *a = static_cast<uint32_t *>(memory.allocate(4 * count, "a"));
  auto *b = static_cast<uint32_t *>(memory.allocate(4 * count, "b"));
  auto *out =
      static_cast<uint32_t *>(memory.allocate(4 * count * cases.size(), "out"));
  std::copy(as.begin(), as.end(), a);
  std::copy(bs.begin(), bs.end(), b);
  memory.markInitialized(a, 4 * count);
  memory.markInitialized(b, 4 * count);
  Parameters parameters;
  parameters.addTensor(a, {int64_t(count)}, {1});
  parameters.addTensor(b, {int64_t(count)}, {1});
  parameters.addTensor(out, {int64_t(cases.size()), int64_t(count)},
                       {int64_t(count), 1});
  ASSERT_NO_FATAL_FAILURE(
      runKernel(*ptx, uint32_t(count / 128), 0, parameters, memory));

  for (size_t i = 0; i < cases.size(); ++i) {
    int wrong = 0;
    for (size_t t = 0; t < count && wrong < 3; ++t) {
      uint32_t got = out[i * count + t];
      uint32_t wanted = cases[i].reference(as[t], bs[t]);
      bool isRight = got == wanted;
      if (cases[i].isFloat && !isRight) {
        double error = std::abs(double(f(got)) - f(wanted));
        isRight = wanted == 0x7fffffffu ||
                  (std::isnan(f(got)) && std::isnan(f(wanted))) ||
                  f(got) == f(wanted) ||
                  error <= cases[i].relative * std::abs(f(wanted)) +
                               cases[i].absolute;
      }
      if (isRight)
        continue;
      ++wrong;
      ADD_FAILURE() << cases[i].text << "\n  of " << as[t] << " (" << f(as[t])
                    << ") and " << bs[t] << " (" << f(bs[t]) << ") is " << got
                    << " (" << f(got) << ") instead of " << wanted << " ("
                    << f(wanted) << ")";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    , GpuArithmetic, testing::Values(CodeGenerator::cuda, CodeGenerator::llvm),
    [](const testing::TestParamInfo<CodeGenerator> &info) {
      return std::string(info.param == CodeGenerator::cuda ? "Cuda" : "Llvm");
    });

} // namespace
