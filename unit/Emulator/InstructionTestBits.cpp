//===- InstructionTestBits.cpp - Logic, shifts, bit fields ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The references go bit by bit, as the pseudocode of the PTX ISA does.
//
//===----------------------------------------------------------------------===//

#include "PtxRunner.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace attn::test;

namespace {

std::string reg(int width, int n) {
  return std::string("%") +
         (width == 16   ? "h"
          : width == 32 ? "r"
                        : "d") +
         std::to_string(n);
}
std::string b(int width) { return ".b" + std::to_string(width); }
uint64_t ones(int width) {
  return width == 64 ? ~uint64_t(0) : (uint64_t(1) << width) - 1;
}

/// Shift counts, positions and lengths: around every width and beyond a byte.
const Column counts = {
    0,   1,   2,   5,   7,       8,          15,         16,        17,
    30,  31,  32,  33,  47,      63,         64,         65,        100,
    255, 256, 257, 300, 0x10020, 0x80000000, 0xffffffff, 0xffffffe0};

TEST(InstructionBits, Logic) {
  struct {
    const char *name;
    uint64_t (*function)(uint64_t, uint64_t);
  } const operations[] = {
      {"and", [](uint64_t x, uint64_t y) { return x & y; }},
      {"or", [](uint64_t x, uint64_t y) { return x | y; }},
      {"xor", [](uint64_t x, uint64_t y) { return x ^ y; }}};
  for (int width : {16, 32, 64}) {
    Column edges = integerEdges(width);
    for (auto &operation : operations)
      expectInstruction(operation.name + b(width) + " " + reg(width, 0) + ", " +
                            reg(width, 1) + ", " + reg(width, 2) + ";",
                        combine({edges, edges}), [&](const uint64_t *in) {
                          return operation.function(in[0], in[1]);
                        });
    expectInstruction("not" + b(width) + " " + reg(width, 0) + ", " +
                          reg(width, 1) + ";",
                      combine({edges}),
                      [&](const uint64_t *in) { return ~in[0] & ones(width); });
    expectInstruction(
        "cnot" + b(width) + " " + reg(width, 0) + ", " + reg(width, 1) + ";",
        combine({edges}), [&](const uint64_t *in) { return uint64_t(!in[0]); });
  }
}

TEST(InstructionBits, LogicOfPredicates) {
  PtxLines lines;
  lines.text = "and.pred %p3, %p1, %p2;\n"
               "or.pred %p4, %p1, %p2;\n"
               "xor.pred %p5, %p1, %p2;\n"
               "not.pred %p6, %p1;\n"
               "mov.pred %p7, %p1;\n"
               "@%p0 mov.pred %p7, %p2;\n"
               "@!%p0 xor.pred %p6, %p6, %p2;\n";
  lines.inputs = {"%p0", "%p1", "%p2"};
  lines.outputs = {"%p3", "%p4", "%p5", "%p6", "%p7"};
  expectLines(lines, combine({{0, 1}, {0, 1}, {0, 1}}),
              [](const uint64_t *in, uint64_t *out) {
                out[0] = in[1] & in[2];
                out[1] = in[1] | in[2];
                out[2] = in[1] ^ in[2];
                out[3] = !in[1] ^ (in[0] ? 0 : in[2]);
                out[4] = in[0] ? in[2] : in[1];
              });
}

uint64_t lop3(uint64_t a, uint64_t b, uint64_t c, int table) {
  uint64_t result = 0;
  for (int bit = 0; bit < 32; ++bit) {
    uint64_t row = (a >> bit & 1) << 2 | (b >> bit & 1) << 1 | (c >> bit & 1);
    result |= uint64_t(table >> row & 1) << bit;
  }
  return result;
}

TEST(InstructionBits, Lop3) {
  Column some = {0, 0xf0f0f0f0, 0xcccccccc, 0xaaaaaaaa, 0xffffffff, 0x12345678};
  // The first three columns of the truth table are among the operands.
  for (int table = 0; table < 256; ++table)
    expectInstruction(
        "lop3.b32 %r0, %r1, %r2, %r3, " + std::to_string(table) + ";",
        combine({some, some, some}, 100),
        [&](const uint64_t *in) { return lop3(in[0], in[1], in[2], table); });
}

TEST(InstructionBits, Lop3WithPredicate) {
  for (bool isOr : {false, true})
    for (bool negated : {false, true}) {
      PtxLines lines;
      lines.text = std::string("lop3.") + (isOr ? "or" : "and") +
                   ".b32 %r0|%p0, %r1, %r2, %r3, 0x80, " +
                   (negated ? "!" : "") + "%p1;\n" + "lop3." +
                   (isOr ? "or" : "and") +
                   ".b32 _|%p2, %r1, %r2, %r3, 0x1a, %p1;\n";
      lines.inputs = {"%r1", "%r2", "%r3", "%p1"};
      lines.outputs = {"%r0", "%p0", "%p2"};
      Column some = {0, 1, 0x80000000, 0xffffffff, 0xfff0};
      expectLines(lines, combine({some, some, some, {0, 1}}, 100),
                  [&](const uint64_t *in, uint64_t *out) {
                    bool c = in[3] & 1;
                    out[0] = lop3(in[0], in[1], in[2], 0x80);
                    bool first = out[0] != 0,
                         second = lop3(in[0], in[1], in[2], 0x1a) != 0;
                    out[1] =
                        isOr ? first | (c != negated) : first & (c != negated);
                    out[2] = isOr ? second | c : second & c;
                  });
    }
}

TEST(InstructionBits, Shifts) {
  for (int width : {16, 32, 64}) {
    std::vector<Column> inputs = combine({integerEdges(width), counts});
    std::string operands =
        " " + reg(width, 0) + ", " + reg(width, 1) + ", %r2;";
    auto clamped = [&](uint64_t by) {
      return static_cast<int>(std::min<uint64_t>(by, uint64_t(width)));
    };
    expectInstruction("shl" + b(width) + operands, inputs,
                      [&](const uint64_t *in) {
                        uint64_t result = in[0];
                        for (int n = 0; n < clamped(in[1]); ++n)
                          result = result << 1 & ones(width);
                        return result;
                      });
    for (const char *kind : {".b", ".u", ".s"})
      expectInstruction(
          "shr" + (kind + std::to_string(width)) + operands, inputs,
          [&](const uint64_t *in) {
            uint64_t result = in[0], top = uint64_t(1) << (width - 1);
            for (int n = 0; n < clamped(in[1]); ++n)
              result = result >> 1 | (kind[1] == 's' ? result & top : 0);
            return result;
          });
  }
}

TEST(InstructionBits, FunnelShifts) {
  std::vector<Column> inputs =
      combine({{0, 1, 0x80000001, 0xdeadbeef, ~0u}, integerEdges(32), counts});
  for (bool wraps : {false, true})
    for (bool left : {false, true})
      expectInstruction(
          std::string("shf.") + (left ? "l" : "r") +
              (wraps ? ".wrap" : ".clamp") + ".b32 %r0, %r1, %r2, %r3;",
          inputs, [&](const uint64_t *in) {
            uint64_t by = wraps ? in[2] % 32 : std::min<uint64_t>(in[2], 32);
            unsigned __int128 both = (unsigned __int128)(in[1]) << 32 | in[0];
            auto shifted = left ? both << by >> 32 : both >> by;
            return uint64_t(shifted) & 0xffffffff;
          });
}

TEST(InstructionBits, Counts) {
  for (int width : {32, 64}) {
    std::vector<Column> inputs = combine({integerEdges(width)});
    std::string r1 = reg(width, 1) + ";";
    expectInstruction("popc" + b(width) + " %r0, " + r1, inputs,
                      [&](const uint64_t *in) {
                        uint64_t count = 0;
                        for (int n = 0; n < width; ++n)
                          count += in[0] >> n & 1;
                        return count;
                      });
    expectInstruction("clz" + b(width) + " %r0, " + r1, inputs,
                      [&](const uint64_t *in) {
                        uint64_t count = 0;
                        while (count < uint64_t(width) &&
                               !(in[0] >> (width - 1 - int(count)) & 1))
                          ++count;
                        return count;
                      });
    expectInstruction("brev" + b(width) + " " + reg(width, 0) + ", " + r1,
                      inputs, [&](const uint64_t *in) {
                        uint64_t result = 0;
                        for (int n = 0; n < width; ++n)
                          result |= (in[0] >> n & 1) << (width - 1 - n);
                        return result;
                      });
    for (bool isSigned : {false, true})
      for (bool asShift : {false, true})
        expectInstruction(std::string("bfind") + (asShift ? ".shiftamt" : "") +
                              (isSigned ? ".s" : ".u") + std::to_string(width) +
                              " %r0, " + r1,
                          inputs, [&](const uint64_t *in) {
                            uint64_t a = in[0];
                            if (isSigned && a >> (width - 1) & 1)
                              a = ~a & ones(width);
                            for (int n = width; n-- > 0;)
                              if (a >> n & 1)
                                return uint64_t(asShift ? width - 1 - n : n);
                            return uint64_t(0xffffffff);
                          });
  }
}

TEST(InstructionBits, Fields) {
  for (int width : {32, 64}) {
    Column values = {0,
                     1,
                     ones(width),
                     uint64_t(1) << (width - 1),
                     0x123456789abcdef0 & ones(width),
                     0xfedcba9876543210 & ones(width)};
    for (bool isSigned : {false, true})
      expectInstruction(
          std::string("bfe") + (isSigned ? ".s" : ".u") +
              std::to_string(width) + " " + reg(width, 0) + ", " +
              reg(width, 1) + ", %r2, %r3;",
          combine({values, counts, counts}), [&](const uint64_t *in) {
            uint64_t position = in[1] & 0xff, length = in[2] & 0xff,
                     top = uint64_t(width - 1), result = 0;
            uint64_t sign = !isSigned || length == 0
                                ? 0
                                : in[0] >> std::min(position + length - 1, top);
            for (uint64_t n = 0; n <= top; ++n) {
              bool isField = n < length && position + n <= top;
              result |= ((isField ? in[0] >> (position + n) : sign) & 1) << n;
            }
            return result;
          });
    expectInstruction(
        "bfi" + b(width) + " " + reg(width, 0) + ", " + reg(width, 1) + ", " +
            reg(width, 2) + ", %r3, %r4;",
        combine({values, values, counts, counts}), [&](const uint64_t *in) {
          uint64_t position = in[2] & 0xff, length = in[3] & 0xff,
                   result = in[1];
          for (uint64_t n = 0; n < length && position + n < uint64_t(width);
               ++n) {
            uint64_t place = uint64_t(1) << (position + n);
            result = in[0] >> n & 1 ? result | place : result & ~place;
          }
          return result;
        });
  }
}

TEST(InstructionBits, Masks) {
  for (bool wraps : {false, true}) {
    expectInstruction(
        std::string("bmsk") + (wraps ? ".wrap" : ".clamp") +
            ".b32 %r0, %r1, %r2;",
        combine({counts, counts}), [&](const uint64_t *in) {
          uint64_t from = wraps ? in[0] % 32 : in[0],
                   length = wraps ? in[1] % 32 : in[1], result = 0;
          for (uint64_t n = from; n < 32 && n - from < length; ++n)
            result |= uint64_t(1) << n;
          return result;
        });
    for (bool isSigned : {false, true})
      expectInstruction(
          std::string("szext") + (wraps ? ".wrap" : ".clamp") +
              (isSigned ? ".s32" : ".u32") + " %r0, %r1, %r2;",
          combine({integerEdges(32), counts}), [&](const uint64_t *in) {
            uint64_t bits = wraps ? in[1] % 32 : std::min<uint64_t>(in[1], 32);
            uint64_t sign = isSigned && bits ? in[0] >> (bits - 1) & 1 : 0;
            uint64_t result = 0;
            for (uint64_t n = 0; n < 32; ++n)
              result |= (n < bits ? in[0] >> n & 1 : sign) << n;
            return result;
          });
  }
}

TEST(InstructionBits, FindNthSet) {
  Column positions;
  for (uint64_t n = 0; n < 32; ++n)
    positions.push_back(n);
  Column offsets;
  for (int n : {0, 1, 2, 3, 16, 31, 32, 33, 1 << 30})
    for (int sign : {1, -1})
      offsets.push_back(uint32_t(sign * n));
  offsets.push_back(0x80000000);
  expectInstruction(
      "fns.b32 %r0, %r1, %r2, %r3;",
      combine(
          {{0, 1, 0xaaaaaaaa, 0x80000000, ~0u, 0x00ff0100}, positions, offsets},
          0),
      [](const uint64_t *in) {
        int64_t base = static_cast<int64_t>(in[1]),
                offset = static_cast<int32_t>(in[2]);
        std::vector<int64_t> set;
        for (int64_t n = base; n >= 0 && n < 32; n += offset >= 0 ? 1 : -1)
          if (in[0] >> n & 1)
            set.push_back(n);
        if (offset == 0)
          return in[0] >> base & 1 ? uint64_t(base) : uint64_t(0xffffffff);
        auto wanted = static_cast<uint64_t>(std::abs(offset)) - 1;
        return wanted < set.size() ? uint64_t(set[wanted])
                                   : uint64_t(0xffffffff);
      });
}

} // namespace
