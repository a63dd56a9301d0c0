//===- AtomicTest.cpp - atom and red --------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxKernel.h"
#include "PtxRunner.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace attn;
using namespace attn::emulator;
using namespace attn::test;

namespace {

/// What is in memory afterwards, from what was there and the operands.
using Operation = std::function<uint64_t(uint64_t, uint64_t, uint64_t)>;

uint64_t cut(uint64_t value, int bits) {
  return bits == 64 ? value : value & ((uint64_t(1) << bits) - 1);
}

std::string registerOf(int bits, int number) {
  return std::string("%") +
         (bits == 16   ? "h"
          : bits == 32 ? "r"
                       : "d") +
         std::to_string(number);
}

bool isSubnormal(uint64_t bits) { return !(bits & 0x7f800000); }

/// Each thread on a word of its own, in global and in shared memory, with and
/// without result. `operation` is ".add.u32".
void testOperation(const std::string &operation, int bits, bool hasSecond,
                   const Column &edges, const Operation &result,
                   const Tolerance &tolerance = {}) {
  std::string old = registerOf(bits, 9), after = registerOf(bits, 8),
              b = registerOf(bits, 1), c = registerOf(bits, 2);
  std::vector<Column> inputs =
      combine(hasSecond ? std::vector<Column>{edges, edges, {1, 5}}
                        : std::vector<Column>{edges, edges},
              500);
  for (std::string space : {".global", ".shared", ""})
    for (bool hasResult : {true, false}) {
      if (!hasResult && (hasSecond || operation.substr(0, 5) == ".exch"))
        continue;
      std::string address = space == ".shared" ? "[%r91]" : "[%in]",
                  type = ".b" + std::to_string(bits),
                  data = space == ".shared" ? ".shared" : ".global";
      // Sums of f32 in global memory take subnormal numbers as zeros.
      const bool flushes = operation == ".add.f32" && data == ".global";
      PtxLines lines;
      lines.text = "mov.u32 %r90, %tid.x;\nmov.u32 %r91, shared;\n"
                   "mad.lo.u32 %r91, %r90, 8, %r91;\nst" +
                   data + type + " " + address + ", " + registerOf(bits, 0) +
                   ";\n";
      lines.text += hasResult ? "atom" + space + operation + " " + old + ", "
                              : "red" + space + operation + " ";
      lines.text += address + ", " + b + (hasSecond ? ", " + c : "") + ";\nld" +
                    data + type + " " + after + ", " + address + ";\n";
      lines.inputs = {registerOf(bits, 0), b};
      if (hasSecond)
        lines.inputs.push_back(c);
      lines.outputs = {after};
      if (hasResult)
        lines.outputs.push_back(old);
      expectLines(
          lines, inputs,
          [&](const uint64_t *in, uint64_t *out) {
            auto operand = [&](uint64_t value) {
              value = cut(value, bits);
              return flushes && isSubnormal(value) ? value & 0x80000000 : value;
            };
            out[0] = cut(result(operand(in[0]), operand(in[1]),
                                hasSecond ? cut(in[2], bits) : 0),
                         bits);
            if (hasResult)
              out[1] = cut(in[0], bits);
          },
          tolerance);
    }
}

int64_t asSigned(uint64_t value, int bits) {
  return static_cast<int64_t>(value << (64 - bits)) >> (64 - bits);
}

TEST(Atomic, Integers) {
  for (int bits : {32, 64}) {
    std::string size = std::to_string(bits);
    const Column edges = integerEdges(bits);
    auto add = [](uint64_t a, uint64_t b, uint64_t) { return a + b; };
    testOperation(".add.u" + size, bits, false, edges, add);
    if (bits == 32)
      testOperation(".add.s32", bits, false, edges, add);
    testOperation(
        ".min.u" + size, bits, false, edges,
        [](uint64_t a, uint64_t b, uint64_t) { return std::min(a, b); });
    testOperation(
        ".max.u" + size, bits, false, edges,
        [](uint64_t a, uint64_t b, uint64_t) { return std::max(a, b); });
    testOperation(".min.s" + size, bits, false, edges,
                  [&](uint64_t a, uint64_t b, uint64_t) {
                    return asSigned(a, bits) < asSigned(b, bits) ? a : b;
                  });
    testOperation(".max.s" + size, bits, false, edges,
                  [&](uint64_t a, uint64_t b, uint64_t) {
                    return asSigned(a, bits) > asSigned(b, bits) ? a : b;
                  });
    testOperation(".and.b" + size, bits, false, edges,
                  [](uint64_t a, uint64_t b, uint64_t) { return a & b; });
    testOperation(".or.b" + size, bits, false, edges,
                  [](uint64_t a, uint64_t b, uint64_t) { return a | b; });
    testOperation(".xor.b" + size, bits, false, edges,
                  [](uint64_t a, uint64_t b, uint64_t) { return a ^ b; });
    testOperation(".exch.b" + size, bits, false, edges,
                  [](uint64_t, uint64_t b, uint64_t) { return b; });
  }
  for (int bits : {16, 32, 64})
    testOperation(
        ".cas.b" + std::to_string(bits), bits, true, integerEdges(bits),
        [](uint64_t a, uint64_t b, uint64_t c) { return a == b ? c : a; });
  testOperation(
      ".inc.u32", 32, false, integerEdges(32),
      [](uint64_t a, uint64_t b, uint64_t) { return a >= b ? 0 : a + 1; });
  testOperation(".dec.u32", 32, false, integerEdges(32),
                [](uint64_t a, uint64_t b, uint64_t) {
                  return a == 0 || a > b ? b : a - 1;
                });
}

TEST(Atomic, Floats) {
  // Global memory flushes subnormal numbers: either zero is accepted where
  // they are in play, and the exact sum in shared memory.
  auto sum = [](uint64_t a, uint64_t b, uint64_t) -> uint64_t {
    float result = f32(a) + f32(b);
    return std::isnan(result) ? 0x7fffffff : bits(result);
  };
  const Column edges = f32Edges();
  Column normal;
  for (uint64_t value : edges)
    if (!isSubnormal(value) || !(value & 0x7fffffff))
      normal.push_back(value);
  testOperation(".add.f32", 32, false, normal, sum,
                [](uint64_t wanted, uint64_t got) {
                  return isSubnormal(wanted) && got == (wanted & 0x80000000);
                });
  testOperation(
      ".add.f64", 64, false, f64Edges(),
      [](uint64_t a, uint64_t b, uint64_t) { return bits(f64(a) + f64(b)); },
      sameF64);
}

TEST(Atomic, GlobalMemoryFlushesSubnormalSums) {
  PtxLines lines;
  lines.inputs = {"%r0", "%r1"};
  lines.outputs = {"%r2", "%r3"};
  lines.text = "mov.u32 %r90, %tid.x;\nmov.u32 %r91, shared;\n"
               "mad.lo.u32 %r91, %r90, 4, %r91;\nst.shared.b32 [%r91], %r0;\n"
               "red.global.add.f32 [%in], %r1;\n"
               "red.shared.add.f32 [%r91], %r1;\n"
               "ld.global.b32 %r2, [%in];\nld.shared.b32 %r3, [%r91];\n";
  expectLines(lines,
              {{0x00000001, 0x00800001, 0x80000001, 0x3f800000},
               {0x00000001, 0x80800000, 0x80000001, 0x00400000}},
              [](const uint64_t *in, uint64_t *out) {
                auto flush = [](uint64_t value) {
                  return isSubnormal(value) ? value & 0x80000000 : value;
                };
                out[1] = bits(f32(in[0]) + f32(in[1]));
                out[0] = flush(bits(f32(flush(in[0])) + f32(flush(in[1]))));
              });
}

//===----------------------------------------------------------------------===//
// 16 bits
//===----------------------------------------------------------------------===//

double f16Value(uint64_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double value = exponent == 31 ? (fraction ? NAN : INFINITY)
                 : exponent     ? std::ldexp(1024. + fraction, exponent - 25)
                                : std::ldexp(double(fraction), -24);
  return bits & 0x8000 ? -value : value;
}
double bf16Value(uint64_t bits) { return f32(bits << 16); }

/// The nearest number of the format by search; of two, the even one.
uint64_t nearest(double value, double (*valueOf)(uint64_t), uint64_t greatest) {
  if (std::isnan(value))
    return 0x7fff;
  uint64_t sign = std::signbit(value) ? 0x8000 : 0, low = 0, high = greatest;
  double magnitude = std::fabs(value);
  while (low < high) {
    uint64_t middle = (low + high + 1) / 2;
    if (valueOf(middle) <= magnitude)
      low = middle;
    else
      high = middle - 1;
  }
  double step = low == greatest ? valueOf(low) - valueOf(low - 1)
                                : valueOf(low + 1) - valueOf(low),
         rest = magnitude - valueOf(low);
  if (rest > step / 2 || (rest == step / 2 && low % 2))
    ++low;
  return sign | low;
}

struct SmallFormat {
  const char *name;
  double (*valueOf)(uint64_t);
  uint64_t greatest;
  Column edges;

  uint64_t sum(uint64_t a, uint64_t b) const {
    return nearest(valueOf(a) + valueOf(b), valueOf, greatest);
  }
  /// min and max return the number if one is NaN; -0 is below 0.
  uint64_t extreme(uint64_t a, uint64_t b, bool isMax) const {
    double x = valueOf(a), y = valueOf(b);
    if (std::isnan(x) || std::isnan(y))
      return !std::isnan(y) ? b : !std::isnan(x) ? a : 0x7fff;
    bool isBelow = x < y || (x == y && std::signbit(x) && !std::signbit(y));
    return isBelow != isMax ? a : b;
  }
};
const SmallFormat formats[] = {{"f16", f16Value, 0x7bff, f16Edges()},
                               {"bf16", bf16Value, 0x7f7f, bf16Edges()}};

TEST(Atomic, SmallFloats) {
  for (const SmallFormat &format : formats) {
    auto sum = [&](uint64_t a, uint64_t b, uint64_t) {
      return format.sum(a, b);
    };
    testOperation(std::string(".add.noftz.") + format.name, 16, false,
                  format.edges, sum);
    Column pairs;
    for (size_t n = 0; n < format.edges.size(); ++n)
      pairs.push_back(format.edges[n] |
                      format.edges[(7 * n + 3) % format.edges.size()] << 16);
    testOperation(std::string(".add.noftz.") + format.name + "x2", 32, false,
                  pairs, [&](uint64_t a, uint64_t b, uint64_t) {
                    return format.sum(a & 0xffff, b & 0xffff) |
                           format.sum(a >> 16, b >> 16) << 16;
                  });
  }
}

TEST(Atomic, Vectors) {
  // Eight bytes of each thread at %in.
  for (const SmallFormat &format : formats)
    for (const char *name : {"add", "min", "max"}) {
      auto one = [&](uint64_t a, uint64_t b) {
        return name[0] == 'a' ? format.sum(a, b)
                              : format.extreme(a, b, name[1] == 'a');
      };
      Column quads;
      for (size_t n = 0; n < format.edges.size(); ++n) {
        uint64_t value = 0;
        for (size_t k = 0; k < 4; ++k)
          value |= format.edges[(n * (2 * k + 1) + 5 * k) % format.edges.size()]
                   << (16 * k);
        quads.push_back(value);
      }
      std::vector<Column> inputs = combine({quads, quads}, 200);
      for (bool isPacked : {false, true}) {
        PtxLines lines;
        std::string operation = std::string(".global.") + name + ".noftz." +
                                (isPacked ? "v2." : "v4.") + format.name +
                                (isPacked ? "x2" : "");
        lines.inputs = {"%d0", "%d1"};
        lines.outputs = {"%d2", "%d3"};
        lines.text =
            isPacked
                ? "mov.b64 {%r0, %r1}, %d1;\natom" + operation +
                      " {%r2, %r3}, [%in], {%r0, %r1};\n"
                      "mov.b64 %d3, {%r2, %r3};\n"
                : "mov.b64 {%h0, %h1, %h2, %h3}, %d1;\natom" + operation +
                      " {%h4, %h5, %h6, %h7}, [%in], {%h0, %h1, %h2, %h3};\n"
                      "mov.b64 %d3, {%h4, %h5, %h6, %h7};\n";
        lines.text += "ld.global.b64 %d2, [%in];\n";
        expectLines(lines, inputs, [&](const uint64_t *in, uint64_t *out) {
          for (int shift = 0; shift < 64; shift += 16)
            out[0] |= one(in[0] >> shift & 0xffff, in[1] >> shift & 0xffff)
                      << shift;
          out[1] = in[0];
        });
      }
    }
  PtxLines lines;
  lines.inputs = {"%d0", "%r0", "%r1"};
  lines.outputs = {"%d2", "%r2", "%r3"};
  lines.text = "atom.global.add.v2.f32 {%r2, %r3}, [%in], {%r0, %r1};\n"
               "ld.global.b64 %d2, [%in];\n";
  expectLines(lines,
              {{0x3f80000040000000, 0xbf80000000000000},
               {bits(1.0f), bits(0.25f)},
               {bits(3.0f), bits(1.0f)}},
              [](const uint64_t *in, uint64_t *out) {
                out[0] = bits(f32(in[0]) + f32(in[1])) |
                         bits(f32(in[0] >> 32) + f32(in[2])) << 32;
                out[1] = in[0] & 0xffffffff;
                out[2] = in[0] >> 32;
              });
}

//===----------------------------------------------------------------------===//
// Many lanes
//===----------------------------------------------------------------------===//

TEST(Atomic, LanesGoOneAfterTheOther) {
  Outcome outcome = runKernel({"st.global.b32 [%lout], %thread;\n"
                               "bar.warp.sync -1;\n"
                               "atom.global.add.u32 %r0, [%out], 2;\n"
                               "st.global.b32 [%lout+4], %r0;\n"
                               "bar.warp.sync -1;\n"
                               "ld.relaxed.gpu.global.b32 %r1, [%out];\n"
                               "st.global.b32 [%lout+8], %r1;\n"});
  EXPECT_TRUE(outcome.reports.empty()) << outcome.str();
  std::vector<bool> seen(32, false);
  for (size_t lane = 0; lane < 32; ++lane) {
    uint32_t old = outcome.word(4 * lane + 1);
    ASSERT_LT(old, 64u);
    ASSERT_FALSE(seen[old / 2]);
    seen[old / 2] = true;
    EXPECT_EQ(outcome.word(4 * lane + 2), 64u);
  }
}

TEST(Atomic, VectorsOfFour) {
  Outcome outcome = runKernel(
      {"st.global.v4.f32 [%lout], {0f3F800000, 0f40000000, 0f40400000, "
       "0f40800000};\n"
       "red.global.add.v4.f32 [%lout], {0f3F800000, 0f3F800000, 0f3F800000, "
       "0f3F800000};\n"
       "red.global.v4.f32.add [%lout], {0f3F800000, 0f3F800000, 0f3F800000, "
       "0f3F800000};\n"});
  EXPECT_TRUE(outcome.reports.empty()) << outcome.str();
  for (size_t n = 0; n < 32 * 4; ++n)
    EXPECT_EQ(f32(outcome.word(n)), 3.0f + float(n % 4));
  expectReport({"st.global.v4.f32 [%lout], {0f3F800000, 0f40000000, "
                "0f40400000, 0f40800000};\n"
                "mul.wide.u32 %d0, %thread, 32;\nadd.u64 %d0, %d0, %in;\n"
                "red.global.add.v4.f32 [%d0+8], {0f3F800000, 0f3F800000, "
                "0f3F800000, 0f3F800000};\n"},
               ReportKind::alignment, "modifies 16 bytes");
}

} // namespace
