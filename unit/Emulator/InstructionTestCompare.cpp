//===- InstructionTestCompare.cpp - setp and set --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Exact.h"
#include "PtxRunner.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace attn::test;

namespace {

/// -1, 0, 1, or 2 for what has no order.
using Order = std::function<int(uint64_t a, uint64_t b)>;

/// A comparison by the order of its operands.
bool holds(const std::string &comparison, int order) {
  if (comparison == "num" || comparison == "nan")
    return (order == 2) == (comparison == "nan");
  std::string base = comparison == "lo"   ? "lt"
                     : comparison == "ls" ? "le"
                     : comparison == "hi" ? "gt"
                     : comparison == "hs" ? "ge"
                                          : comparison;
  bool ofUnordered = base.size() == 3; // "ltu"
  if (order == 2)
    return ofUnordered;
  base = base.substr(0, 2);
  return base == "eq"   ? order == 0
         : base == "ne" ? order != 0
         : base == "lt" ? order < 0
         : base == "le" ? order <= 0
         : base == "gt" ? order > 0
                        : order >= 0;
}

struct Operands {
  std::string type; ///< "s32"
  char letter;      ///< of its registers
  Column edges;
  Order order;
  std::vector<std::string> comparisons;
};

const std::vector<std::string> equality = {"eq", "ne"},
                               ordered = {"eq", "ne", "lt", "le", "gt", "ge"},
                               unsignedOrdered = {"eq", "ne", "lt", "le", "gt",
                                                  "ge", "lo", "ls", "hi", "hs"},
                               floats = {"eq",  "ne",  "lt",  "le",  "gt",
                                         "ge",  "equ", "neu", "ltu", "leu",
                                         "gtu", "geu", "num", "nan"};

Operands integers(char kind, int bits) {
  Order order = [=](uint64_t a, uint64_t b) {
    if (kind == 's') { // sign-extended
      int shift = 64 - bits;
      auto x = static_cast<int64_t>(a << shift),
           y = static_cast<int64_t>(b << shift);
      return x < y ? -1 : x > y;
    }
    return a < b ? -1 : a > b;
  };
  return {kind + std::to_string(bits),
          bits == 16   ? 'h'
          : bits == 32 ? 'r'
                       : 'd',
          integerEdges(bits), order,
          kind == 'b'   ? equality
          : kind == 'u' ? unsignedOrdered
                        : ordered};
}

Order orderOf(const FloatLayout &layout, bool ftz) {
  return [=](uint64_t a, uint64_t b) {
    auto value = [&](uint64_t bits) {
      return ftz && layout.isSubnormal(bits) ? 0.0 : layout.value(bits);
    };
    double x = value(a), y = value(b);
    return std::isnan(x) || std::isnan(y) ? 2 : x < y ? -1 : x > y;
  };
}

Operands floating(const std::string &type, const FloatLayout &layout,
                  bool ftz = false) {
  int bits = 1 + layout.exponentBits + layout.mantissaBits;
  return {(ftz ? "ftz." : "") + type,
          bits == 16   ? 'h'
          : bits == 32 ? 'r'
                       : 'd',
          floatEdges(layout.exponentBits, layout.mantissaBits),
          orderOf(layout, ftz), floats};
}

std::vector<Operands> scalars() {
  std::vector<Operands> all;
  for (char kind : {'b', 'u', 's'})
    for (int bits : {16, 32, 64})
      all.push_back(integers(kind, bits));
  for (bool ftz : {false, true}) {
    all.push_back(floating("f32", layoutF32, ftz));
    all.push_back(floating("f16", layoutF16, ftz));
  }
  all.push_back(floating("f64", layoutF64));
  all.push_back(floating("bf16", layoutBF16));
  return all;
}

std::string registers(const Operands &operands) {
  return std::string(" %") + operands.letter + "1, %" + operands.letter + "2";
}

/// A third of the operands, for many instructions.
Column some(const Column &edges, size_t from) {
  Column fewer;
  for (size_t n = from; n < edges.size(); n += 3)
    fewer.push_back(edges[n]);
  return fewer;
}

bool combined(const std::string &logic, bool a, bool c) {
  return logic == "and" ? a && c : logic == "or" ? a || c : a != c;
}

TEST(InstructionCompare, Setp) {
  for (const Operands &operands : scalars())
    for (const std::string &comparison : operands.comparisons)
      expectInstruction("setp." + comparison + "." + operands.type + " %p0," +
                            registers(operands) + ";",
                        combine({operands.edges, operands.edges}, 500),
                        [&](const uint64_t *in) {
                          return uint64_t(
                              holds(comparison, operands.order(in[0], in[1])));
                        });
}

TEST(InstructionCompare, SetpCombined) {
  for (const Operands &operands : scalars()) {
    bool isHalf = operands.letter == 'h' && operands.comparisons == floats;
    for (const std::string &comparison : operands.comparisons)
      for (const char *logic : {"and", "or", "xor"}) {
        PtxLines lines;
        std::string opcode =
            "setp." + comparison + "." + logic + "." + operands.type;
        lines.text = opcode + " %p0," + registers(operands) + ", %p3;\n" +
                     opcode + " %p2," + registers(operands) + ", !%p3;\n";
        lines.inputs = {std::string("%") + operands.letter + "1",
                        std::string("%") + operands.letter + "2", "%p3"};
        lines.outputs = {"%p0", "%p2"};
        if (!isHalf) { // those have one destination
          lines.text += opcode + " %p4|%p5," + registers(operands) +
                        ", !%p3;\n" + opcode + " _|%p6," + registers(operands) +
                        ", %p3;\n" + "mov.pred %p7, %p3;\n" + opcode +
                        " %p8|%p7," + registers(operands) + ", %p7;\n";
          lines.outputs.insert(lines.outputs.end(),
                               {"%p4", "%p5", "%p6", "%p8", "%p7"});
        }
        expectLines(
            lines,
            combine({some(operands.edges, 0), some(operands.edges, 1), {0, 1}},
                    50),
            [&](const uint64_t *in, uint64_t *out) {
              bool t = holds(comparison, operands.order(in[0], in[1]));
              bool c = in[2];
              out[0] = combined(logic, t, c);
              out[1] = combined(logic, t, !c);
              if (isHalf)
                return;
              out[2] = combined(logic, t, !c);
              out[3] = combined(logic, !t, !c);
              out[4] = combined(logic, !t, c);
              out[5] = combined(logic, t, c);
              out[6] = combined(logic, !t, c);
            });
      }
  }
}

TEST(InstructionCompare, SetpWithOpposite) {
  PtxLines lines;
  lines.text = "setp.lt.s32 %p0|%p1, %r1, %r2;\n"
               "setp.lt.f32 %p2|%p3, %r1, %r2;\n"
               "@%p4 setp.ne.u32 %p5|%p6, %r1, %r2;\n";
  lines.inputs = {"%r1", "%r2", "%p4", "%p5", "%p6"};
  lines.outputs = {"%p0", "%p1", "%p2", "%p3", "%p5", "%p6"};
  expectLines(lines,
              combine({f32Edges(), f32Edges(), {0, 1}, {0, 1}, {0, 1}}, 100),
              [](const uint64_t *in, uint64_t *out) {
                out[0] = int32_t(in[0]) < int32_t(in[1]);
                out[1] = !out[0];
                out[2] = f32(in[0]) < f32(in[1]);
                out[3] = !out[2];
                out[4] = in[2] ? in[0] != in[1] : in[3];
                out[5] = in[2] ? in[0] == in[1] : in[4];
              });
}

/// Pairs of two halves from the edges.
std::vector<Column> pairsOf(const Column &edges) {
  std::vector<Column> rows = combine({edges, edges}), pairs(2);
  for (size_t n = 0; n < rows[0].size(); ++n)
    for (int i : {0, 1})
      pairs[i].push_back(rows[i][n] | rows[i][(n * 31 + 7) % rows[0].size()]
                                          << 16);
  return pairs;
}

struct Packed {
  std::string type;
  const FloatLayout &layout;
  bool ftz;
  uint64_t one;
};
const Packed packedTypes[] = {{"f16x2", layoutF16, false, 0x3c00},
                              {"ftz.f16x2", layoutF16, true, 0x3c00},
                              {"bf16x2", layoutBF16, false, 0x3f80}};

TEST(InstructionCompare, SetpOfPairs) {
  for (const Packed &packed : packedTypes) {
    Order order = orderOf(packed.layout, packed.ftz);
    std::vector<Column> inputs = pairsOf(
        floatEdges(packed.layout.exponentBits, packed.layout.mantissaBits));
    Column bits;
    for (size_t n = 0; n < inputs[0].size(); ++n)
      bits.push_back(n & 1);
    inputs.push_back(bits);
    for (const std::string &comparison : floats) {
      PtxLines lines;
      lines.text = "setp." + comparison + "." + packed.type +
                   " %p0|%p1, %r1, %r2;\n" + "setp." + comparison + ".and." +
                   packed.type + " %p2|%p3, %r1, %r2, %p4;\n";
      lines.inputs = {"%r1", "%r2", "%p4"};
      lines.outputs = {"%p0", "%p1", "%p2", "%p3"};
      expectLines(lines, inputs, [&](const uint64_t *in, uint64_t *out) {
        for (int i : {0, 1}) {
          int shift = 16 * i;
          out[i] = holds(comparison, order(in[0] >> shift & 0xffff,
                                           in[1] >> shift & 0xffff));
          out[2 + i] = out[i] && in[2];
        }
      });
    }
  }
}

/// d, with what is written for true; into registers of so many bits.
struct Result {
  const char *type;
  uint64_t truth;
  char letter;
};

TEST(InstructionCompare, Set) {
  const Result words[] = {{"u32", 0xffffffff, 'r'},
                          {"s32", 0xffffffff, 'r'},
                          {"f32", 0x3f800000, 'r'}};
  const Result halves[] = {{"u16", 0xffff, 'h'},
                           {"s16", 0xffff, 'h'},
                           {"u32", 0xffffffff, 'r'},
                           {"s32", 0xffffffff, 'r'}};
  auto check = [](const Operands &operands, const Result &result) {
    std::string ftz = operands.type.substr(0, 4) == "ftz." ? "ftz." : "",
                type = operands.type.substr(ftz.size());
    std::string d = std::string(" %") + result.letter + "0,";
    for (const std::string &comparison : operands.comparisons) {
      expectInstruction("set." + comparison + "." + ftz + result.type + "." +
                            type + d + registers(operands) + ";",
                        combine({operands.edges, operands.edges}, 100),
                        [&](const uint64_t *in) {
                          bool t =
                              holds(comparison, operands.order(in[0], in[1]));
                          return t ? result.truth : 0;
                        });
      for (const char *logic : {"and", "or", "xor"})
        // Not with every type of the operands.
        if (std::string(result.type) != "f16" ||
            (operands.comparisons == floats && type != "f64"))
          expectInstruction(
              "set." + comparison + "." + logic + "." + ftz + result.type +
                  "." + type + d + registers(operands) + ", !%p3;",
              combine(
                  {some(operands.edges, 0), some(operands.edges, 1), {0, 1}},
                  50),
              [&](const uint64_t *in) {
                bool t = holds(comparison, operands.order(in[0], in[1]));
                return combined(logic, t, !in[2]) ? result.truth : 0;
              });
    }
  };
  for (const Operands &operands : scalars()) {
    bool isHalf = operands.letter == 'h' && operands.comparisons == floats;
    if (!isHalf)
      for (const Result &result : words)
        check(operands, result);
    else
      for (const Result &result : halves)
        check(operands, result);
  }
  check(floating("f16", layoutF16), {"f16", 0x3c00, 'h'});
  check(floating("f16", layoutF16, true), {"f16", 0x3c00, 'h'});
  check(floating("bf16", layoutBF16), {"bf16", 0x3f80, 'h'});
  check(floating("f32", layoutF32), {"f16", 0x3c00, 'h'});
  check(floating("f32", layoutF32, true), {"f16", 0x3c00, 'h'});
  check(floating("f64", layoutF64), {"f16", 0x3c00, 'h'});
  for (char kind : {'b', 'u', 's'})
    for (int bits : {16, 32, 64})
      check(integers(kind, bits), {"f16", 0x3c00, 'h'});
}

TEST(InstructionCompare, SetOfPairs) {
  for (const Packed &packed : packedTypes) {
    Order order = orderOf(packed.layout, packed.ftz);
    std::string type = packed.ftz ? packed.type.substr(4) : packed.type;
    std::vector<Column> inputs = pairsOf(
        floatEdges(packed.layout.exponentBits, packed.layout.mantissaBits));
    Column bits;
    for (size_t n = 0; n < inputs[0].size(); ++n)
      bits.push_back(n / 3 & 1);
    std::vector<Column> withBits = {inputs[0], inputs[1], bits};
    for (const std::string &comparison : floats)
      for (const std::string &result :
           {type, std::string("u32"), std::string("s32")}) {
        const std::string types =
            (packed.ftz ? ".ftz." : ".") + result + "." + type;
        for (const char *logic : {"and", "or", "xor"})
          expectInstruction(
              "set." + comparison + "." + logic + types +
                  " %r0, %r1, %r2, !%p3;",
              withBits, [&](const uint64_t *in) {
                uint64_t out = 0;
                for (int shift : {0, 16})
                  if (combined(
                          logic,
                          holds(comparison, order(in[0] >> shift & 0xffff,
                                                  in[1] >> shift & 0xffff)),
                          !in[2]))
                    out |= (result == type ? packed.one : 0xffff) << shift;
                return out;
              });
        expectInstruction(
            "set." + comparison + types + " %r0, %r1, %r2;", inputs,
            [&](const uint64_t *in) {
              uint64_t out = 0;
              for (int shift : {0, 16})
                if (holds(comparison, order(in[0] >> shift & 0xffff,
                                            in[1] >> shift & 0xffff)))
                  out |= (result == type ? packed.one : 0xffff) << shift;
              return out;
            });
      }
  }
}

} // namespace
