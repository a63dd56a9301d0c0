//===- InstructionTestMove.cpp - mov, prmt, selp, slct, cvta --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxRunner.h"

#include "runtime/devices/emulator/Memory.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace attn::emulator;
using namespace attn::test;

namespace {

/// Registers that the lines leave in thread n, without inputs.
std::vector<Column> outputsOf(const std::string &text,
                              const std::vector<std::string> &outputs) {
  PtxLines lines;
  lines.text = text;
  lines.outputs = outputs;
  auto result = runLines(lines, {});
  EXPECT_TRUE(result) << result.error();
  return result ? *result : std::vector<Column>(outputs.size(), Column(32));
}

/// The value of one register that is the same in all threads.
uint64_t valueOf(const std::string &text, const std::string &output) {
  Column values = outputsOf(text, {output})[0];
  for (uint64_t value : values)
    EXPECT_EQ(value, values[0]) << text;
  return values[0];
}

std::string errorOf(const std::string &text) {
  PtxLines lines;
  lines.text = text;
  auto result = runLines(lines, {});
  EXPECT_FALSE(result) << text;
  return result ? "" : result.error();
}

TEST(InstructionMove, AllTypes) {
  for (const char *type : {"b16", "u16", "s16", "b32", "u32", "s32", "f32",
                           "b64", "u64", "s64", "f64"}) {
    std::string width(type + 1);
    std::string letter = width == "16" ? "h" : width == "32" ? "r" : "d";
    expectInstruction("mov." + std::string(type) + " %" + letter + "0, %" +
                          letter + "1;",
                      combine({integerEdges(std::stoi(width))}),
                      [](const uint64_t *in) { return in[0]; });
  }
}

TEST(InstructionMove, Immediates) {
  EXPECT_EQ(valueOf("mov.u32 %r0, 0x80000001;", "%r0"), 0x80000001u);
  EXPECT_EQ(valueOf("mov.s32 %r0, -1;", "%r0"), 0xffffffffu);
  EXPECT_EQ(valueOf("mov.u64 %d0, -2;", "%d0"), ~uint64_t(1));
  EXPECT_EQ(valueOf("mov.b16 %h0, 0x3C00;", "%h0"), 0x3c00u);
  EXPECT_EQ(valueOf("mov.f32 %r0, 0f3F800000;", "%r0"), 0x3f800000u);
  EXPECT_EQ(valueOf("mov.f32 %r0, 1.5;", "%r0"), 0x3fc00000u);
  EXPECT_EQ(valueOf("mov.f64 %d0, 0d3FF0000000000000;", "%d0"),
            0x3ff0000000000000u);
  EXPECT_EQ(valueOf("mov.f64 %d0, 0f3F800000;", "%d0"), 0x3ff0000000000000u);
}

TEST(InstructionMove, Vectors) {
  PtxLines lines;
  lines.text = "mov.b32 %r0, {%h1, %h2};\n"
               "mov.b32 {%h3, %h4}, %r1;\n"
               "mov.b64 %d0, {%r1, %r2};\n"
               "mov.b64 {%r3, %r4}, %d1;\n"
               "mov.b64 {_, %r5}, %d1;\n"
               "mov.b64 {%r6, _}, %d1;\n"
               "mov.b64 %d2, {%h1, %h2, %h3, %h4};\n"
               "mov.b64 {%h5, %h6, %h7, %h8}, %d1;\n"
               "mov.b32 %r7, {%h1, 7};\n";
  lines.inputs = {"%h1", "%h2", "%r1", "%r2", "%d1"};
  lines.outputs = {"%r0", "%h3", "%h4", "%d0", "%r3", "%r4", "%r5",
                   "%r6", "%d2", "%h5", "%h6", "%h7", "%h8", "%r7"};
  Column h = {0, 1, 0x8000, 0xffff}, r = {0, 0x12345678, 0xffffffff};
  expectLines(
      lines, combine({h, h, r, r, {0, 0x123456789abcdef0, ~0ull}}),
      [](const uint64_t *in, uint64_t *out) {
        uint64_t h1 = in[0], h2 = in[1], r1 = in[2], r2 = in[3], d1 = in[4];
        auto half = [](uint64_t v, int n) { return v >> 16 * n & 0xffff; };
        uint64_t wanted[] = {h1 | h2 << 16,
                             half(r1, 0),
                             half(r1, 1),
                             r1 | r2 << 32,
                             d1 & 0xffffffff,
                             d1 >> 32,
                             d1 >> 32,
                             d1 & 0xffffffff,
                             h1 | h2 << 16 | half(r1, 0) << 32 |
                                 half(r1, 1) << 48,
                             half(d1, 0),
                             half(d1, 1),
                             half(d1, 2),
                             half(d1, 3),
                             h1 | 7 << 16};
        std::copy(std::begin(wanted), std::end(wanted), out);
      });
}

TEST(InstructionMove, VectorsThatDoNotFit) {
  EXPECT_NE(errorOf("mov.b32 %r0, {%h0, %h1, %h2};")
                .find("a vector of 3 elements does not make 32 bits"),
            std::string::npos);
  EXPECT_NE(errorOf("mov.u32 %r0, {%h0, %h1};").find("one vector is packed"),
            std::string::npos);
}

TEST(InstructionMove, SpecialRegisters) {
  auto out = outputsOf("mov.u32 %r0, %tid.x;\nmov.u32 %r1, %laneid;\n"
                       "mov.u32 %r2, %warpid;\nmov.u32 %r3, %ntid.x;\n"
                       "mov.u32 %r4, %lanemask_lt;\nmov.u64 %d0, %gridid;\n",
                       {"%r0", "%r1", "%r2", "%r3", "%r4", "%d0"});
  for (uint64_t n = 0; n < 32; ++n) {
    EXPECT_EQ(out[0][n], n);
    EXPECT_EQ(out[1][n], n % 32);
    EXPECT_EQ(out[2][n], n / 32);
    EXPECT_EQ(out[3][n], 128u);
    EXPECT_EQ(out[4][n], (uint64_t(1) << n % 32) - 1);
    EXPECT_EQ(out[5][n], 0u);
  }
  EXPECT_NE(errorOf("mov.u32 %r0, %clock64;").find("has 64 bits"),
            std::string::npos);
  EXPECT_NE(errorOf("mov.u64 %d0, %tid.x;").find("has 32 bits"),
            std::string::npos);
  EXPECT_NE(errorOf("mov.u32 %r0, %nonsense;").find("%nonsense"),
            std::string::npos);
}

TEST(InstructionMove, ClocksCountInstructions) {
  auto out = outputsOf("mov.u32 %r0, %clock;\n"
                       "mov.u32 %r2, 1;\nmov.u32 %r2, 2;\nmov.u32 %r2, 3;\n"
                       "mov.u32 %r1, %clock;\nmov.u64 %d0, %clock64;\n"
                       "mov.u64 %d1, %globaltimer;\nmov.u32 %r3, %clock_hi;\n",
                       {"%r0", "%r1", "%d0", "%d1", "%r3"});
  EXPECT_EQ(out[1][0] - out[0][0], 4u);
  EXPECT_EQ(out[2][0] - out[1][0], 1u);
  EXPECT_EQ(out[3][0] - out[2][0], 1u);
  EXPECT_EQ(out[4][0], 0u);
}

TEST(InstructionMove, Addresses) {
  // Shared variables begin behind the first KB.
  EXPECT_EQ(valueOf("mov.u32 %r0, shared;", "%r0"), 1024u);
  EXPECT_EQ(valueOf("mov.u64 %d0, shared+16;", "%d0"), 1040u);
  EXPECT_EQ(valueOf("mov.u64 %d0, shared+16+4;", "%d0"), 1044u);
  EXPECT_EQ(valueOf("mov.u64 %d0, shared[5];", "%d0"), 1029u);
  // To generic addresses and back.
  auto out = outputsOf("mov.u64 %d0, shared;\n"
                       "cvta.shared.u64 %d1, %d0;\n"
                       "cvta.to.shared.u64 %d2, %d1;\n"
                       "cvta.shared.u64 %d3, shared;\n"
                       "cvta.to.shared::cta.u64 %d4, %d3;\n"
                       "cvta.global.u64 %d5, %in;\n"
                       "cvta.to.global.u64 %d6, %d5;\n"
                       "mov.u64 %d7, %in;\n"
                       "cvta.local.u64 %d8, 8;\n"
                       "cvta.to.local.u64 %d9, %d8;\n"
                       "cvta.param.u64 %d10, in;\n"
                       "ld.u64 %d11, [%d10];\n",
                       {"%d0", "%d1", "%d2", "%d3", "%d4", "%d5", "%d6", "%d7",
                        "%d8", "%d9", "%d11"});
  EXPECT_NE(out[0][0], out[1][0]);
  EXPECT_EQ(out[0][0], out[2][0]);
  EXPECT_EQ(out[1][0], out[3][0]);
  EXPECT_EQ(out[0][0], out[4][0]);
  EXPECT_EQ(out[5][0], out[7][0]);
  EXPECT_EQ(out[6][0], out[7][0]);
  EXPECT_NE(out[8][0], 8u);
  EXPECT_EQ(out[9][0], 8u);
  EXPECT_EQ(out[10][0], out[7][0]); // thread 0 has no offset
}

TEST(InstructionMove, Isspacep) {
  // Global, shared and parameter addresses, by lane.
  const std::string addresses = "mov.u32 %r0, %laneid;\n"
                                "and.b32 %r0, %r0, 3;\n"
                                "setp.eq.u32 %p0, %r0, 1;\n"
                                "setp.eq.u32 %p1, %r0, 2;\n"
                                "setp.eq.u32 %p2, %r0, 3;\n"
                                "mov.u64 %d0, %in;\n"
                                "@%p0 cvta.shared.u64 %d0, shared;\n"
                                "@%p1 cvta.param.u64 %d0, in;\n"
                                "@%p2 cvta.local.u64 %d0, 0;\n";
  struct {
    const char *space;
    uint64_t lane;
  } const cases[] = {{"global", 0},          {"shared", 1}, {"shared::cta", 1},
                     {"shared::cluster", 1}, {"param", 2},  {"param::entry", 2},
                     {"local", 3},           {"const", 9}};
  for (auto &[space, lane] : cases) {
    auto out =
        outputsOf(addresses + "isspacep." + space + " %p3, %d0;\n", {"%p3"});
    for (uint64_t n = 0; n < 32; ++n)
      EXPECT_EQ(out[0][n], n % 4 == lane) << space << " of lane " << n;
  }
}

uint64_t permute(const std::string &mode, uint64_t a, uint64_t b, uint64_t c) {
  uint64_t both = a | b << 32, result = 0;
  auto byte = [&](uint64_t n) { return both >> 8 * (n & 7) & 0xff; };
  int low = static_cast<int>(c & 3);
  for (int n = 0; n < 4; ++n) {
    uint64_t value;
    if (mode == ".f4e")
      value = byte(uint64_t(low + n));
    else if (mode == ".b4e")
      value = byte(uint64_t(8 + low - n));
    else if (mode == ".rc8")
      value = byte(uint64_t(low));
    else if (mode == ".ecl")
      value = byte(uint64_t(std::max(n, low)));
    else if (mode == ".ecr")
      value = byte(uint64_t(std::min(n, low)));
    else if (mode == ".rc16")
      value = byte(uint64_t((low & 1) * 2 + n % 2));
    else {
      uint64_t selector = c >> 4 * n;
      value = byte(selector);
      if (selector & 8)
        value = value & 0x80 ? 0xff : 0;
    }
    result |= value << 8 * n;
  }
  return result;
}

TEST(InstructionMove, Prmt) {
  std::vector<Column> inputs = combine({{0x83828180, 0x04030201, 0xff00ff00},
                                        {0x87868584, 0x7f6f5f4f},
                                        allOf(16)},
                                       100);
  expectInstruction(
      "prmt.b32 %r0, %r1, %r2, %r3;", inputs,
      [](const uint64_t *in) { return permute("", in[0], in[1], in[2]); });
  for (const char *mode : {".f4e", ".b4e", ".rc8", ".ecl", ".ecr", ".rc16"})
    expectInstruction(
        std::string("prmt.b32") + mode + " %r0, %r1, %r2, %r3;",
        combine(
            {integerEdges(32), integerEdges(32), {0, 1, 2, 3, 4, 0xffffffff}}),
        [&](const uint64_t *in) { return permute(mode, in[0], in[1], in[2]); });
  for (uint64_t selectors : {0x5410, 0x7632, 0x0123, 0x89ab, 0x3340, 0x17654})
    expectInstruction(
        "prmt.b32 %r0, %r1, %r2, " + std::to_string(selectors) + ";",
        combine({integerEdges(32), integerEdges(32)}), [&](const uint64_t *in) {
          return permute("", in[0], in[1], selectors);
        });
}

TEST(InstructionMove, Selp) {
  for (const char *type : {"b16", "u16", "s16", "b32", "u32", "s32", "f32",
                           "b64", "u64", "s64", "f64"}) {
    std::string width(type + 1), letter = width == "16"   ? "h"
                                          : width == "32" ? "r"
                                                          : "d";
    std::string operands = std::string(type) + " %" + letter + "0, %" + letter +
                           "1, %" + letter + "2, ";
    Column edges = integerEdges(std::stoi(width));
    auto inputs = combine({edges, edges, {0, 1}});
    expectInstruction("selp." + operands + "%p3;", inputs,
                      [](const uint64_t *in) { return in[2] ? in[0] : in[1]; });
  }
  expectInstruction(
      "selp.f32 %r0, 0f3F800000, %r1, %p3;", combine({{5, 6}, {0, 1}}),
      [](const uint64_t *in) { return in[1] ? 0x3f800000 : in[0]; });
}

TEST(InstructionMove, Slct) {
  for (const char *type : {"b16", "u16", "s16", "b32", "u32", "s32", "f32",
                           "b64", "u64", "s64", "f64"}) {
    std::string width(type + 1), letter = width == "16"   ? "h"
                                          : width == "32" ? "r"
                                                          : "d";
    std::string operands =
        " %" + letter + "0, %" + letter + "1, %" + letter + "2, %r3;";
    // All bits count, and no NaN becomes another.
    Column edges = integerEdges(std::stoi(width));
    edges = {edges.front(), edges[edges.size() / 2], edges.back(),
             width == "32"   ? uint64_t(0x7f800001)
             : width == "64" ? uint64_t(0x7ff0000000000001)
                             : uint64_t(0x7fff)};
    expectInstruction("slct." + std::string(type) + ".s32" + operands,
                      combine({edges, edges, integerEdges(32)}),
                      [](const uint64_t *in) {
                        return static_cast<int32_t>(in[2]) >= 0 ? in[0] : in[1];
                      });
    for (bool ftz : {false, true})
      expectInstruction(
          std::string("slct.") + (ftz ? "ftz." : "") + type + ".f32" + operands,
          combine({edges, edges, f32Edges()}), [&](const uint64_t *in) {
            float c = f32(in[2]);
            if (ftz && std::fpclassify(c) == FP_SUBNORMAL)
              c = 0;
            return c >= 0 ? in[0] : in[1];
          });
  }
}

} // namespace
