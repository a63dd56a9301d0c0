//===- ApproximationCases.cpp - ex2, lg2, rcp, tanh and others ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The PTX ISA gives bounds for the errors of `.approx` instructions. Two results
// within the bound may be twice the bound apart; that is the tolerance here,
// and a half ulp for the rounding of the expected value.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "Elementwise.h"

#include <cmath>

using namespace attn;
using namespace attn::conformance;

namespace {
struct Function {
  const char *name;
  const char *instruction; ///< with .approx
  const char *type;
  long double (*function)(long double);
  double low, high; ///< of the sweep
  bool logarithmic; ///< the sweep goes over the bits of the numbers
  Tolerance tolerance;
  bool ftz = false;
  Target target = {};
};

/// Relative errors in ulp of f32: an error of 2^-22 is 2 ulp just above a power
/// of 2.
Tolerance relative(double exponent) {
  return {2 * std::exp2(exponent + 24) + 1, 0, true};
}

Tolerance within(double ulps, double absolute) {
  return {ulps, absolute, true};
}

const Function functions[] = {
    {"ex2", "ex2.approx.f32", "f32", std::exp2, -150, 129, false, relative(-22)},
    {"ex2.near-zero", "ex2.approx.f32", "f32", std::exp2, -1, 1, false,
     relative(-22)},
    {"ex2.ftz", "ex2.approx.ftz.f32", "f32", std::exp2, -150, 129, false,
     relative(-22), true},
    // Relative beyond 0.5 to 2, absolute within.
    {"lg2", "lg2.approx.f32", "f32", std::log2, 1e-45, 3e38, true,
     within(9, 0x1p-21)},
    {"lg2.near-one", "lg2.approx.f32", "f32", std::log2, 0.5, 2, false,
     within(1, 0x1p-21)},
    {"lg2.ftz", "lg2.approx.ftz.f32", "f32", std::log2, 1e-45, 3e38, true,
     within(9, 0x1p-21), true},
    {"rcp", "rcp.approx.f32", "f32", [](long double x) { return 1 / x; }, 1e-45,
     3e38, true, relative(-23)},
    {"rcp.ftz", "rcp.approx.ftz.f32", "f32",
     [](long double x) { return 1 / x; }, 1e-45, 3e38, true, relative(-23),
     true},
    {"rsqrt", "rsqrt.approx.f32", "f32",
     [](long double x) { return 1 / std::sqrt(x); }, 1e-45, 3e38, true,
     relative(-22.9)},
    {"rsqrt.ftz", "rsqrt.approx.ftz.f32", "f32",
     [](long double x) { return 1 / std::sqrt(x); }, 1e-45, 3e38, true,
     relative(-22.9), true},
    {"sqrt", "sqrt.approx.f32", "f32", std::sqrt, 1e-45, 3e38, true,
     relative(-23)},
    {"sqrt.ftz", "sqrt.approx.ftz.f32", "f32", std::sqrt, 1e-45, 3e38, true,
     relative(-23), true},
    {"sin", "sin.approx.f32", "f32", std::sin, -3.1415926, 3.1415926, false,
     within(0, 0x1p-19)},
    {"cos", "cos.approx.f32", "f32", std::cos, -3.1415926, 3.1415926, false,
     within(0, 0x1p-19)},
    {"sin.ftz", "sin.approx.ftz.f32", "f32", std::sin, -3.1415926, 3.1415926,
     false, within(0, 0x1p-19), true},
    {"tanh", "tanh.approx.f32", "f32", std::tanh, -12, 12, false,
     relative(-11)},
    {"tanh.small", "tanh.approx.f32", "f32", std::tanh, 1e-45, 1, true,
     relative(-11)},
    {"ex2", "ex2.approx.f16", "f16", std::exp2, -26, 17, false, within(3, 0)},
    {"tanh", "tanh.approx.f16", "f16", std::tanh, -6, 6, false,
     within(0, 0x1p-9)},
    {"ex2", "ex2.approx.ftz.bf16", "bf16", std::exp2, -135, 129, false,
     within(3, 0), true, {90, false, 80}},
    {"tanh", "tanh.approx.bf16", "bf16", std::tanh, -5, 5, false,
     within(0, 0x1p-7), false, {90, false, 80}},
};

/// Points of the sweep, then numbers that are special.
Rows pointsOf(const Function &f, Element element) {
  Rows rows;
  Random random(15);
  constexpr int count = 1000;
  unsigned width = bytesOf(element) * 8;
  uint64_t first = encode(element, f.low), last = encode(element, f.high);
  for (int i = 0; i < count; ++i) {
    double part = (i + random.unit()) / count;
    if (f.logarithmic)
      rows.push_back({first + static_cast<uint64_t>(part * (last - first))});
    else
      rows.push_back({encode(element, f.low + part * (f.high - f.low))});
  }
  for (uint64_t edge : edgesOf(element)) {
    Wide value = decode(element, edge);
    // Beyond a few periods nothing is promised of sin and cos.
    bool isPeriodic = f.function == static_cast<long double (*)(long double)>(
                                        std::sin) ||
                      f.function == static_cast<long double (*)(long double)>(
                                        std::cos);
    if (!isPeriodic || absolute(value) < 4 || isInfinite(value))
      rows.push_back({edge & (~uint64_t(0) >> (64 - width))});
  }
  return rows;
}
} // namespace

void conformance::addApproximationCases(Cases &cases) {
  for (const Function &f : functions)
    cases.push_back(
        {"approx." + std::string(f.name) + "." + f.type, f.target, [&f] {
           Element element = elementCalled(f.type);
           Elementwise given;
           given.inputs = f.type + std::string(" a");
           given.outputs = f.type + std::string(" x");
           given.code = f.instruction + std::string(" x, a;");
           given.rows = pointsOf(f, element);
           given.tolerance = f.tolerance;
           given.reference = [&f, element](const uint64_t *in, uint64_t *out) {
             Wide x = decode(element, in[0]);
             if (f.ftz)
               x = flush(element, x);
             long double value = f.function(static_cast<long double>(x));
             uint64_t bits = encode(element, value);
             out[0] = f.ftz ? flushBits(element, bits) : bits;
           };
           return elementwise(f.target, given);
         }});
  // Quotients: 2 ulp, of divisors from 2^-126 to 2^126.
  for (const char *how : {"full", "approx"})
    cases.push_back(
        {"approx.div-" + std::string(how) + ".f32", {}, [=] {
           Elementwise given;
           given.inputs = "f32 a, f32 b";
           given.outputs = "f32 x, f32 y";
           given.code = fill("div.$H.f32 x, a, b;\n  div.$H.ftz.f32 y, a, b;",
                             {{"H", how}});
           Rows rows = rowsFor(given.inputs, 1024, 16);
           for (const auto &row : rows) {
             Wide b = absolute(decode(Element::f32, row[1]));
             if (b >= power2(-126) && b <= power2(126))
               given.rows.push_back(row);
           }
           given.tolerance = within(4.5, 0);
           given.reference = [](const uint64_t *in, uint64_t *out) {
             Wide a = decode(Element::f32, in[0]),
                  b = decode(Element::f32, in[1]);
             out[0] = encode(Element::f32, a / b);
             out[1] = flushBits(Element::f32,
                                encode(Element::f32,
                                       flush(Element::f32, a) / b));
           };
           return elementwise({}, given);
         }});
}
