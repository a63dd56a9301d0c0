//===- InstructionTestApproximate.cpp - ex2, lg2, rcp ... -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Errors against long double, over all exponents and dense where it matters.
// Bounds: 2^-23 relative (one unit in the last place at most) for everything,
// which is inside those of the PTX ISA.
//
//===----------------------------------------------------------------------===//

#include "Exact.h"
#include "PtxRunner.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace attn::emulator;
using namespace attn::test;

namespace {

/// Numbers of all sizes and signs, and many from a range.
Column operands(double from, double to) {
  Column values = f32Edges();
  for (uint64_t exponent = 0; exponent < 255; ++exponent)
    for (uint64_t fraction = 0; fraction < 64; ++fraction)
      for (uint64_t sign : {0, 1})
        values.push_back(sign << 31 | exponent << 23 |
                         ((fraction * 0x20843u + exponent * 977) & 0x7fffff));
  for (int n = 0; n <= 100000; ++n)
    values.push_back(bits(static_cast<float>(from + (to - from) * n / 100000)));
  return values;
}

using Function = long double (*)(long double);

/// Subnormal numbers become zeros; so the function is of what is left.
double prepared(uint64_t in, bool ftz) {
  double value = f32(in);
  return ftz && layoutF32.isSubnormal(in) ? std::copysign(0.0, value) : value;
}

/// Checks opcode for ftz and not; the relative error, or the absolute one where
/// `absolute` is greater.
void check(const std::string &function, Function reference,
           const Column &values, double relative, double absolute = 0,
           bool hasFtz = true) {
  for (bool ftz : {false, true}) {
    if (ftz && !hasFtz)
      continue;
    std::string text =
        function + ".approx" + (ftz ? ".ftz" : "") + ".f32 %r0, %r1;";
    PtxLines lines;
    lines.text = text;
    lines.inputs = {"%r1"};
    lines.outputs = {"%r0"};
    auto outputs = runLines(lines, {values});
    ASSERT_TRUE(outputs) << outputs.error();
    double worst = 0;
    for (size_t n = 0; n < values.size(); ++n) {
      uint64_t got = (*outputs)[0][n];
      long double wanted = reference(prepared(values[n], ftz));
      if (std::isnan(wanted)) {
        ASSERT_EQ(got, 0x7fffffffu) << text << " of " << f32(values[n]);
        continue;
      }
      double result = f32(got);
      // Zeros, infinities and what is beyond the greatest number.
      if (wanted == 0 || std::isinf(wanted) ||
          std::fabs(wanted) >= 0x1.ffffffp127l) {
        ASSERT_EQ(result, std::isinf(wanted) || wanted != 0
                              ? std::copysign(HUGE_VAL, double(wanted))
                              : 0.0)
            << text << " of " << f32(values[n]);
        ASSERT_EQ(std::signbit(result), std::signbit(wanted))
            << text << " of " << f32(values[n]);
        continue;
      }
      if (ftz && std::fabs(wanted) < 0x1p-126l) {
        ASSERT_TRUE(result == 0 || std::fabs(result) == 0x1p-126)
            << text << " of " << f32(values[n]);
        continue;
      }
      double error = std::fabs(result - double(wanted));
      double bound = std::max(relative * std::fabs(double(wanted)), absolute) +
                     0x1p-150; // half a unit of subnormal numbers
      ASSERT_LE(error, bound) << text << " of " << f32(values[n]) << " gives "
                              << result << " and not " << double(wanted);
      if (std::fabs(wanted) >= 0x1p-126l)
        worst = std::max(worst, error / std::fabs(double(wanted)));
    }
    testing::Test::RecordProperty(function + (ftz ? "_ftz" : ""),
                                  std::to_string(std::log2(worst)));
  }
}

const double ulp = 0x1p-23;

TEST(InstructionApproximate, Ex2) {
  check("ex2", exp2l, operands(-130, 130), ulp);
}
TEST(InstructionApproximate, Ex2OfSoftmaxRange) {
  check("ex2", exp2l, operands(-2, 2), std::exp2(-23.4));
}
TEST(InstructionApproximate, Lg2) { check("lg2", log2l, operands(0, 4), ulp); }
TEST(InstructionApproximate, Sin) { check("sin", sinl, operands(-7, 7), ulp); }
TEST(InstructionApproximate, Cos) { check("cos", cosl, operands(-7, 7), ulp); }
TEST(InstructionApproximate, Tanh) {
  check("tanh", tanhl, operands(-10, 10), ulp, 0, false);
}
TEST(InstructionApproximate, Rcp) {
  check("rcp", [](long double x) { return 1 / x; }, operands(1, 2), ulp);
}
TEST(InstructionApproximate, Sqrt) {
  check("sqrt", sqrtl, operands(1, 4), ulp);
}
TEST(InstructionApproximate, Rsqrt) {
  check(
      "rsqrt", [](long double x) { return 1 / sqrtl(x); }, operands(1, 4), ulp);
}

TEST(InstructionApproximate, ExactPowers) {
  Column values;
  for (int n = -126; n <= 127; ++n)
    values.push_back(bits(static_cast<float>(n)));
  for (const char *ftz : {"", ".ftz"})
    expectInstruction(
        std::string("ex2.approx") + ftz + ".f32 %r0, %r1;", {values},
        [](const uint64_t *in) { return bits(std::exp2(f32(in[0]))); });
}

/// The rules of div.approx: divisors beyond 2^126 give zeros, and NaN of an
/// infinite dividend.
TEST(InstructionApproximate, Div) {
  std::vector<Column> inputs = combine({f32Edges(), f32Edges()}, 20000);
  for (const char *kind : {"approx", "full"})
    for (bool ftz : {false, true}) {
      PtxLines lines;
      lines.text = std::string("div.") + kind + (ftz ? ".ftz" : "") +
                   ".f32 %r0, %r1, %r2;";
      lines.inputs = {"%r1", "%r2"};
      lines.outputs = {"%r0"};
      auto outputs = runLines(lines, inputs);
      ASSERT_TRUE(outputs) << outputs.error();
      for (size_t n = 0; n < inputs[0].size(); ++n) {
        double a = prepared(inputs[0][n], ftz), b = prepared(inputs[1][n], ftz);
        bool isLarge =
            kind[0] == 'a' && std::fabs(b) > 0x1p126 && std::isfinite(b);
        double wanted = isLarge ? a * std::copysign(0.0, b) : a / b;
        uint64_t got = (*outputs)[0][n];
        double result = f32(got);
        if (std::isnan(wanted)) {
          ASSERT_EQ(got, 0x7fffffffu) << lines.text << " " << a << " " << b;
          continue;
        }
        if (ftz && std::fabs(wanted) < 0x1p-126)
          wanted = std::copysign(std::fabs(result) == 0x1p-126 ? 0x1p-126 : 0,
                                 wanted);
        double bound = std::fabs(wanted) * ulp + 0x1p-150;
        bool isFine = std::fabs(wanted) >= 0x1.ffffffp127
                          ? result == std::copysign(HUGE_VAL, wanted)
                          : std::fabs(result - wanted) <= bound;
        ASSERT_TRUE(isFine && std::signbit(result) == std::signbit(wanted))
            << lines.text << " of " << a << " and " << b << " gives " << result
            << " and not " << wanted;
      }
    }
}

/// rcp.approx.ftz.f64 and its like look at 20 bits of the fraction.
TEST(InstructionApproximate, UpperHalvesOfF64) {
  Column values = combine({f64Edges()}, 20000)[0];
  PtxLines lines;
  lines.text = "rcp.approx.ftz.f64 %d0, %d1;\nrsqrt.approx.ftz.f64 %d2, %d1;\n"
               "rsqrt.approx.f64 %d3, %d1;\n";
  lines.inputs = {"%d1"};
  lines.outputs = {"%d0", "%d2", "%d3"};
  auto outputs = runLines(lines, {values});
  ASSERT_TRUE(outputs) << outputs.error();
  for (size_t n = 0; n < values.size(); ++n) {
    bool isSubnormal = layoutF64.isSubnormal(values[n]);
    double x =
        isSubnormal ? std::copysign(0.0, f64(values[n])) : f64(values[n]);
    double wanted[] = {1 / x, 1 / std::sqrt(x), 1 / std::sqrt(f64(values[n]))};
    for (int o = 0; o < 3; ++o) {
      uint64_t got = (*outputs)[o][n];
      double result = f64(got);
      if (o < 2) {
        ASSERT_EQ(got & 0xffffffff, 0u) << lines.text;
      }
      if (std::isnan(wanted[o])) {
        ASSERT_TRUE(std::isnan(result)) << lines.text << " of " << x;
        continue;
      }
      double bound = std::fabs(wanted[o]) * (o < 2 ? 0x1p-19 : 0x1p-51);
      bool isTiny = o < 2 && std::fabs(wanted[o]) < 0x1.00001p-1022;
      ASSERT_TRUE(result == wanted[o] ||
                  std::fabs(result - wanted[o]) <= bound ||
                  (isTiny && std::fabs(result) <= 0x1p-1022))
          << lines.text << " number " << o << " of " << x << " gives " << result
          << " and not " << wanted[o];
    }
  }
}

//===----------------------------------------------------------------------===//
// LaunchOptions::approximationJitter
//===----------------------------------------------------------------------===//

struct Jittered {
  Column plain, noisy, otherSeed;
};
Jittered jittered(const std::string &text, const Column &values,
                  unsigned units) {
  PtxLines lines;
  lines.text = text;
  lines.inputs = {text.find("%h1") != std::string::npos ? "%h1" : "%r1"};
  lines.outputs = {text.find("%h0") != std::string::npos ? "%h0" : "%r0"};
  Jittered result;
  auto run = [&](unsigned jitter, uint64_t seed) {
    lines.options.approximationJitter = jitter;
    lines.options.seed = seed;
    auto outputs = runLines(lines, {values});
    EXPECT_TRUE(outputs) << outputs.error();
    return outputs ? (*outputs)[0] : Column(values.size());
  };
  result.plain = run(0, 1);
  result.noisy = run(units, 1);
  EXPECT_EQ(result.noisy, run(units, 1)) << "the same seed, the same noise";
  result.otherSeed = run(units, 2);
  return result;
}

TEST(InstructionApproximate, Jitter) {
  for (const char *function : {"ex2", "lg2", "rcp", "rsqrt", "sqrt", "sin"}) {
    Column values = operands(0.01, 3);
    Jittered results = jittered(
        std::string(function) + ".approx.ftz.f32 %r0, %r1;", values, 2);
    size_t moved = 0, greatest = 0, differ = 0;
    for (size_t n = 0; n < values.size(); ++n) {
      uint64_t plain = results.plain[n], noisy = results.noisy[n];
      bool isNormal = std::isnormal(f32(plain));
      uint64_t distance = plain > noisy ? plain - noisy : noisy - plain;
      if (!isNormal) {
        ASSERT_EQ(distance, 0u) << function;
      }
      moved += distance != 0;
      differ += noisy != results.otherSeed[n];
      greatest = std::max(greatest, distance);
    }
    EXPECT_EQ(greatest, 2u) << function;
    // Of five possible offsets four are not 0.
    EXPECT_GT(moved, values.size() / 3) << function;
    EXPECT_GT(differ, values.size() / 3) << function;
  }
}

TEST(InstructionApproximate, JitterOfHalves) {
  Column values;
  for (uint64_t n = 0; n < 0x4100; ++n) // 0 to 2.5, or to 8 of bf16
    values.push_back(n);
  for (const char *text :
       {"tanh.approx.f16 %h0, %h1;", "ex2.approx.f16 %h0, %h1;",
        "ex2.approx.ftz.bf16 %h0, %h1;", "tanh.approx.f16x2 %r0, %r1;",
        "ex2.approx.ftz.bf16x2 %r0, %r1;"}) {
    bool isPair = std::strstr(text, "x2 %r0");
    Column inputs = values;
    if (isPair)
      for (uint64_t &value : inputs)
        value |= value << 16;
    Jittered results = jittered(text, inputs, 3);
    int64_t greatest = 0;
    for (size_t n = 0; n < values.size(); ++n)
      for (int shift : {0, 16}) {
        int64_t plain = results.plain[n] >> shift & 0xffff,
                noisy = results.noisy[n] >> shift & 0xffff;
        greatest = std::max(greatest, std::abs(plain - noisy));
      }
    EXPECT_EQ(greatest, 3) << text;
  }
}

/// What cannot be beyond 1 is not.
TEST(InstructionApproximate, JitterStaysWithinOne) {
  Column values = operands(-30, 30);
  Jittered results = jittered("tanh.approx.f32 %r0, %r1;", values, 4);
  for (uint64_t result : results.noisy)
    ASSERT_FALSE(std::fabs(f32(result)) > 1);
}

} // namespace
