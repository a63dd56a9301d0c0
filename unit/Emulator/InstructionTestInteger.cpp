//===- InstructionTestInteger.cpp - Integer arithmetic --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The references are in integers of 128 bits, cut to the width at the end.
//
//===----------------------------------------------------------------------===//

#include "PtxRunner.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace attn::test;

namespace {

using Big = __int128;

struct IntegerType {
  std::string name; ///< "s32"
  int bits;
  bool isSigned;

  /// The value of the lower bits.
  Big value(uint64_t raw) const {
    Big wide = bits == 64 ? Big(raw) : Big(raw & ((uint64_t(1) << bits) - 1));
    if (isSigned && wide >> (bits - 1) & 1)
      wide -= Big(1) << bits;
    return wide;
  }
  uint64_t cut(Big value) const {
    return bits == 64 ? uint64_t(value)
                      : uint64_t(value) & ((uint64_t(1) << bits) - 1);
  }
  Big greatest() const { return (Big(1) << (bits - isSigned)) - 1; }
  Big least() const { return isSigned ? -(Big(1) << (bits - 1)) : 0; }
  Big clamp(Big value) const {
    return std::min(std::max(value, least()), greatest());
  }
  IntegerType doubled() const {
    return {name.substr(0, 1) + std::to_string(2 * bits), 2 * bits, isSigned};
  }
  std::string reg(int n) const {
    return std::string("%") +
           (bits == 16   ? "h"
            : bits == 32 ? "r"
                         : "d") +
           std::to_string(n);
  }
  Column edges() const { return integerEdges(bits); }
};

const IntegerType u16{"u16", 16, false}, u32{"u32", 32, false},
    u64{"u64", 64, false}, s16{"s16", 16, true}, s32{"s32", 32, true},
    s64{"s64", 64, true};
const std::vector<IntegerType> all = {u16, u32, u64, s16, s32, s64},
                               wide = {u32, u64, s32, s64},
                               signedTypes = {s16, s32, s64};

using Function = std::function<Big(const std::vector<Big> &)>;

/// opcode d, a, b ...: operands of one type, a result of another.
void check(const std::string &opcode, const std::vector<IntegerType> &sources,
           const IntegerType &result, const Function &function) {
  std::string text = opcode + " " + result.reg(0);
  std::vector<Column> edges;
  for (size_t n = 0; n < sources.size(); ++n) {
    text += ", " + sources[n].reg(static_cast<int>(n) + 1);
    edges.push_back(sources[n].edges());
    if (sources.size() > 2) { // not every combination of three
      Column fewer;
      for (size_t k = n; k < edges[n].size(); k += 4)
        fewer.push_back(edges[n][k]);
      edges[n] = fewer;
    }
  }
  expectInstruction(text + ";", combine(edges), [&](const uint64_t *in) {
    std::vector<Big> values;
    for (size_t n = 0; n < sources.size(); ++n)
      values.push_back(sources[n].value(in[n]));
    return result.cut(function(values));
  });
}

void checkTypes(const std::string &opcode,
                const std::vector<IntegerType> &types, size_t operands,
                const std::function<Big(const IntegerType &,
                                        const std::vector<Big> &)> &function) {
  for (const IntegerType &type : types)
    check(opcode + "." + type.name, std::vector<IntegerType>(operands, type),
          type, [&](const auto &v) { return function(type, v); });
}

TEST(InstructionInteger, AddSub) {
  checkTypes("add", all, 2, [](auto &, auto &v) { return v[0] + v[1]; });
  checkTypes("sub", all, 2, [](auto &, auto &v) { return v[0] - v[1]; });
  check("add.sat.s32", {s32, s32}, s32,
        [](auto &v) { return s32.clamp(v[0] + v[1]); });
  check("sub.sat.s32", {s32, s32}, s32,
        [](auto &v) { return s32.clamp(v[0] - v[1]); });
}

TEST(InstructionInteger, MulMad) {
  // Of u64, the product is beyond Big: only its lower half counts.
  auto low = [](Big a, Big b) {
    return Big((unsigned __int128)(a) * (unsigned __int128)(b) & ~uint64_t(0));
  };
  checkTypes("mul.lo", all, 2,
             [&](auto &, auto &v) { return low(v[0], v[1]); });
  auto high = [](const IntegerType &type, Big a, Big b) -> Big {
    if (!type.isSigned && type.bits == 64) // beyond Big
      return Big((unsigned __int128)(a) * (unsigned __int128)(b) >> 64);
    return a * b >> type.bits;
  };
  checkTypes("mul.hi", all, 2,
             [&](auto &type, auto &v) { return high(type, v[0], v[1]); });
  checkTypes("mad.lo", all, 3,
             [&](auto &, auto &v) { return low(v[0], v[1]) + v[2]; });
  checkTypes("mad.hi", all, 3, [&](auto &type, auto &v) {
    return high(type, v[0], v[1]) + v[2];
  });
  for (const IntegerType &type : {u16, u32, s16, s32}) {
    check("mul.wide." + type.name, {type, type}, type.doubled(),
          [](auto &v) { return v[0] * v[1]; });
    check("mad.wide." + type.name, {type, type, type.doubled()}, type.doubled(),
          [](auto &v) { return v[0] * v[1] + v[2]; });
  }
  check("mad.hi.sat.s32", {s32, s32, s32}, s32,
        [](auto &v) { return s32.clamp((v[0] * v[1] >> 32) + v[2]); });
}

TEST(InstructionInteger, Mul24) {
  auto product = [](const IntegerType &type, auto &v) -> Big {
    const IntegerType low{"", 24, type.isSigned};
    return low.value(uint64_t(v[0])) * low.value(uint64_t(v[1]));
  };
  std::vector<IntegerType> types = {u32, s32};
  checkTypes("mul24.lo", types, 2,
             [&](auto &type, auto &v) { return product(type, v); });
  checkTypes("mul24.hi", types, 2,
             [&](auto &type, auto &v) { return product(type, v) >> 16; });
  checkTypes("mad24.lo", types, 3,
             [&](auto &type, auto &v) { return product(type, v) + v[2]; });
  checkTypes("mad24.hi", types, 3, [&](auto &type, auto &v) {
    return (product(type, v) >> 16) + v[2];
  });
  check("mad24.hi.sat.s32", {s32, s32, s32}, s32,
        [&](auto &v) { return s32.clamp((product(s32, v) >> 16) + v[2]); });
}

TEST(InstructionInteger, DivRem) {
  // By zero: all bits set. The least number by -1 wraps.
  checkTypes("div", all, 2,
             [](auto &, auto &v) { return v[1] == 0 ? Big(-1) : v[0] / v[1]; });
  checkTypes("rem", all, 2,
             [](auto &, auto &v) { return v[1] == 0 ? Big(-1) : v[0] % v[1]; });
}

TEST(InstructionInteger, Sad) {
  checkTypes("sad", all, 3, [](auto &, auto &v) {
    return v[2] + (v[0] < v[1] ? v[1] - v[0] : v[0] - v[1]);
  });
}

TEST(InstructionInteger, AbsNeg) {
  checkTypes("abs", signedTypes, 1,
             [](auto &, auto &v) { return v[0] < 0 ? -v[0] : v[0]; });
  checkTypes("neg", signedTypes, 1, [](auto &, auto &v) { return -v[0]; });
}

TEST(InstructionInteger, MinMax) {
  checkTypes("min", all, 2,
             [](auto &, auto &v) { return std::min(v[0], v[1]); });
  checkTypes("max", all, 2,
             [](auto &, auto &v) { return std::max(v[0], v[1]); });
  check("min.relu.s32", {s32, s32}, s32,
        [](auto &v) { return std::max(std::min(v[0], v[1]), Big(0)); });
  check("max.relu.s32", {s32, s32}, s32,
        [](auto &v) { return std::max(std::max(v[0], v[1]), Big(0)); });
}

TEST(InstructionInteger, PackedHalves) {
  auto checkHalves = [](const std::string &opcode, const IntegerType &half,
                        const std::function<Big(Big, Big)> &function) {
    std::vector<Column> pairs = combine({half.edges(), half.edges()});
    std::vector<Column> packed(2);
    for (size_t n = 0; n < pairs[0].size(); ++n)
      for (int i : {0, 1})
        packed[i].push_back(pairs[i][n] |
                            pairs[1 - i][(n * 7) % pairs[0].size()] << 16);
    expectInstruction(
        opcode + " %r0, %r1, %r2;", packed, [&](const uint64_t *in) {
          uint64_t result = 0;
          for (int shift : {0, 16})
            result |= half.cut(function(half.value(in[0] >> shift),
                                        half.value(in[1] >> shift)))
                      << shift;
          return result;
        });
  };
  auto sum = [](Big a, Big b) { return a + b; };
  auto least = [](Big a, Big b) { return std::min(a, b); };
  auto greatest = [](Big a, Big b) { return std::max(a, b); };
  checkHalves("add.u16x2", u16, sum);
  checkHalves("add.s16x2", s16, sum);
  checkHalves("min.u16x2", u16, least);
  checkHalves("max.u16x2", u16, greatest);
  checkHalves("min.s16x2", s16, least);
  checkHalves("max.s16x2", s16, greatest);
  checkHalves("min.relu.s16x2", s16,
              [](Big a, Big b) { return std::max(std::min(a, b), Big(0)); });
  checkHalves("max.relu.s16x2", s16,
              [](Big a, Big b) { return std::max(std::max(a, b), Big(0)); });
}

TEST(InstructionInteger, DotProducts) {
  auto part = [](Big value, int bits, int n, bool isSigned) {
    return IntegerType{"", bits, isSigned}.value(uint64_t(value) >> bits * n);
  };
  for (const IntegerType &a : {u32, s32})
    for (const IntegerType &b : {u32, s32}) {
      const IntegerType &c = a.isSigned || b.isSigned ? s32 : u32;
      std::string types = "." + a.name + "." + b.name;
      check("dp4a" + types, {u32, u32, c}, c, [&](auto &v) {
        Big sum = v[2];
        for (int n = 0; n < 4; ++n)
          sum += part(v[0], 8, n, a.isSigned) * part(v[1], 8, n, b.isSigned);
        return sum;
      });
      for (int high : {0, 1})
        check((high ? "dp2a.hi" : "dp2a.lo") + types, {u32, u32, c}, c,
              [&](auto &v) {
                Big sum = v[2];
                for (int n = 0; n < 2; ++n)
                  sum += part(v[0], 16, n, a.isSigned) *
                         part(v[1], 8, 2 * high + n, b.isSigned);
                return sum;
              });
    }
}

/// Two words each: a chain of two instructions gives a number of double width.
TEST(InstructionInteger, CarryChains) {
  for (const IntegerType &type : wide) {
    using UBig = unsigned __int128;
    auto r = [&](int n) { return type.reg(n); };
    PtxLines lines;
    lines.inputs = {r(2), r(3), r(4), r(5)};
    lines.outputs = {r(0), r(1), r(6)};
    Column some;
    for (size_t k = 0; k < type.edges().size(); k += 3)
      some.push_back(type.edges()[k]);
    std::vector<Column> inputs = combine({some, some, some, some}, 4000);
    auto join = [&](uint64_t low, uint64_t high) {
      return UBig(low) | UBig(high) << type.bits;
    };
    auto split = [&](UBig value, bool overflow, uint64_t *out) {
      out[0] = type.cut(Big(value));
      out[1] = type.cut(Big(value >> type.bits));
      out[2] = overflow;
    };
    auto three = [&](const char *opcode, int d, int a, int b) {
      return std::string(opcode) + "." + type.name + " " + r(d) + ", " + r(a) +
             ", " + r(b) + ";\n";
    };
    std::string zero = "mov.b" + std::to_string(type.bits) + " ";
    // The last carry, as 0 + 0 + carry.
    lines.text = three("add.cc", 0, 2, 4) + three("addc.cc", 1, 3, 5) + zero +
                 r(7) + ", 0;\n" + three("addc", 6, 7, 7);
    expectLines(lines, inputs, [&](const uint64_t *in, uint64_t *out) {
      UBig a = join(in[0], in[1]), b = join(in[2], in[3]);
      UBig sum = a + b;
      bool carry = type.bits == 64 ? sum < a : sum >> 2 * type.bits & 1;
      split(sum, carry, out);
    });
    lines.text = three("sub.cc", 0, 2, 4) + three("subc.cc", 1, 3, 5) + zero +
                 r(7) + ", 0;\n" + three("subc", 6, 7, 7);
    expectLines(lines, inputs, [&](const uint64_t *in, uint64_t *out) {
      UBig a = join(in[0], in[1]), b = join(in[2], in[3]);
      split(a - b, false, out);
      out[2] = a < b ? type.cut(-1) : 0;
    });

    // (r3:r2) + r4 * r5 by mad.lo.cc and madc.hi.
    auto four = [&](const char *opcode, int d, int a, int b, int c) {
      return std::string(opcode) + "." + type.name + " " + r(d) + ", " + r(a) +
             ", " + r(b) + ", " + r(c) + ";\n";
    };
    auto product = [&](const uint64_t *in) {
      if (type.isSigned)
        return UBig(type.value(in[2]) * type.value(in[3]));
      return UBig(in[2]) * UBig(in[3]);
    };
    lines.text = four("mad.lo.cc", 0, 4, 5, 2) + four("madc.hi", 1, 4, 5, 3) +
                 zero + r(6) + ", 0;\n";
    expectLines(lines, inputs, [&](const uint64_t *in, uint64_t *out) {
      split(join(in[0], in[1]) + product(in), false, out);
    });
    // mad.hi.cc and madc.lo.cc: the carry out of the sum.
    for (const char *part : {"lo", "hi"})
      for (bool carryIn : {false, true}) {
        std::string opcode =
            std::string(carryIn ? "madc." : "mad.") + part + ".cc";
        lines.text = three("add.cc", 6, 2, 2) + // the carry that goes in
                     four(opcode.c_str(), 0, 4, 5, 3) + zero + r(7) + ", 0;\n" +
                     three("addc", 1, 7, 7) + zero + r(6) + ", 0;\n";
        expectLines(lines, inputs, [&](const uint64_t *in, uint64_t *out) {
          UBig term = product(in);
          uint64_t half = part[0] == 'h' ? type.cut(Big(term >> type.bits))
                                         : type.cut(Big(term));
          bool in0 = carryIn && (in[0] >> (type.bits - 1) & 1);
          UBig sum = UBig(half) + UBig(in[1]) + in0;
          split(sum, false, out);
        });
      }
    lines.text = three("add.cc", 6, 2, 2) + four("madc.lo", 0, 4, 5, 3) + zero +
                 r(1) + ", 0;\n" + zero + r(6) + ", 0;\n";
    expectLines(lines, inputs, [&](const uint64_t *in, uint64_t *out) {
      bool in0 = in[0] >> (type.bits - 1) & 1;
      out[0] = type.cut(Big(product(in) + in[1] + in0));
    });
  }
}

/// Lanes of a false guard keep their registers, and their carries.
TEST(InstructionInteger, GuardedLanesStay) {
  PtxLines lines;
  lines.text = "@%p1 add.s32 %r0, %r1, %r2;\n"
               "@%p1 mul.wide.s32 %d0, %r1, %r2;\n"
               "@!%p1 add.s16 %h0, %h1, %h1;\n"
               "add.cc.u32 %r3, %r1, %r1;\n"
               "@%p1 add.cc.u32 %r3, %r1, 0;\n"
               "addc.u32 %r4, %r2, 0;\n";
  lines.inputs = {"%p1", "%r1", "%r2", "%r0", "%d0", "%h0", "%h1"};
  lines.outputs = {"%r0", "%d0", "%h0", "%r4"};
  std::vector<Column> inputs = combine({{0, 1},
                                        {5, 0xffffffff, 0x80000000},
                                        {1, 0xfffffff0},
                                        {77, ~0u},
                                        {99, ~0ull},
                                        {3, 0xffff},
                                        {8, 0x8001}});
  expectLines(lines, inputs, [](const uint64_t *in, uint64_t *out) {
    bool guard = in[0] & 1;
    auto a = static_cast<int32_t>(in[1]), b = static_cast<int32_t>(in[2]);
    out[0] = guard ? uint32_t(a) + uint32_t(b) : uint32_t(in[3]);
    out[1] = guard ? uint64_t(int64_t(a) * b) : in[4];
    out[2] = guard ? in[5] & 0xffff : (in[6] * 2) & 0xffff;
    out[3] = uint32_t(uint32_t(b) + (guard ? 0 : uint32_t(a) >> 31));
  });
}

} // namespace
