//===- InstructionTestFloat.cpp - f32 and f64 -----------------------------===//
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

const std::vector<std::string> modes = {"rn", "rz", "rm", "rp"};

/// f32 or f64, and how PTX treats their NaNs.
struct FloatType {
  std::string name;
  char letter;
  FloatLayout layout;
  uint64_t nan;

  Column edges() const {
    return floatEdges(layout.exponentBits, layout.mantissaBits);
  }
  uint64_t one() const {
    return uint64_t(layout.bias()) << layout.mantissaBits;
  }
};
const FloatType f32Type{"f32", 'r', layoutF32, 0x7fffffff},
    f64Type{"f64", 'd', layoutF64, 0x7ff8000000000000};

/// What an operation gives for operands that are finite, or NaN and infinities
/// by the host's rules.
using Operation = std::function<uint64_t(
    const std::vector<double> &, const FloatLayout &, const std::string &mode)>;

/// Infinities and NaNs: any wider arithmetic does.
uint64_t special(double result, const FloatLayout &layout) {
  if (std::isnan(result))
    return layout.infinity() + 1; // replaced by the canonical one
  uint64_t sign = std::signbit(result) ? layout.sign() : 0;
  return sign | (std::isinf(result) ? layout.infinity() : 0);
}

bool allFinite(const std::vector<double> &v) {
  for (double x : v)
    if (!std::isfinite(x))
      return false;
  return true;
}

uint64_t add(const std::vector<double> &v, const FloatLayout &layout,
             const std::string &mode) {
  if (!allFinite(v))
    return special(v[0] + v[1], layout);
  return roundSum(Scaled(v[0]), Scaled(v[1]), layout, mode);
}
uint64_t sub(const std::vector<double> &v, const FloatLayout &layout,
             const std::string &mode) {
  return add({v[0], -v[1]}, layout, mode);
}
uint64_t mul(const std::vector<double> &v, const FloatLayout &layout,
             const std::string &mode) {
  if (!allFinite(v))
    return special(v[0] * v[1], layout);
  return product(v[0], v[1]).round(layout, mode);
}
uint64_t fma(const std::vector<double> &v, const FloatLayout &layout,
             const std::string &mode) {
  if (!std::isfinite(v[0]) || !std::isfinite(v[1]))
    return special(v[0] * v[1] + v[2], layout);
  if (!std::isfinite(v[2]))
    return special(v[2], layout);
  return roundSum(product(v[0], v[1]), Scaled(v[2]), layout, mode);
}
uint64_t div(const std::vector<double> &v, const FloatLayout &layout,
             const std::string &mode) {
  if (!allFinite(v) || v[1] == 0)
    return special(v[0] / v[1], layout);
  return quotient(v[0], v[1]).round(layout, mode);
}
uint64_t rcp(const std::vector<double> &v, const FloatLayout &layout,
             const std::string &mode) {
  return div({1.0, v[0]}, layout, mode);
}
uint64_t root(const std::vector<double> &v, const FloatLayout &layout,
              const std::string &mode) {
  if (!allFinite(v) || v[0] < 0)
    return special(std::sqrt(v[0]), layout);
  return attn::test::root(v[0]).round(layout, mode);
}

/// The operation with .ftz and .sat.
uint64_t adjusted(const Operation &operation, const uint64_t *in, size_t count,
                  const FloatType &type, const std::string &mode, bool ftz,
                  bool sat) {
  const FloatLayout &layout = type.layout;
  auto flush = [&](uint64_t bits) {
    return ftz && layout.isSubnormal(bits) ? bits & layout.sign() : bits;
  };
  std::vector<double> values;
  for (size_t n = 0; n < count; ++n)
    values.push_back(layout.value(flush(in[n])));
  uint64_t bits = flush(operation(values, layout, mode));
  if (sat && (layout.isNan(bits) || bits & layout.sign()))
    return 0;
  if (sat)
    return std::min(bits, type.one());
  return layout.isNan(bits) ? type.nan : bits;
}

/// One opcode: "add.rz.ftz" of f32.
void check(const std::string &opcode, const FloatType &type, size_t operands,
           const Operation &operation) {
  std::string mode = "rn", text = opcode + "." + type.name;
  for (const std::string &candidate : modes)
    if (opcode.find("." + candidate) != std::string::npos)
      mode = candidate;
  bool ftz = opcode.find(".ftz") != std::string::npos,
       sat = opcode.find(".sat") != std::string::npos;
  std::vector<Column> edges;
  for (size_t n = 0; n <= operands; ++n) {
    text +=
        (n ? ", %" : " %") + std::string(1, type.letter) + std::to_string(n);
    if (n == operands)
      break;
    edges.push_back(type.edges());
    if (operands == 3) { // every third value, of each another
      Column fewer;
      for (size_t k = n; k < edges[n].size(); k += 3)
        fewer.push_back(edges[n][k]);
      edges[n] = fewer;
    }
  }
  // Random operands of like size too: those of any size hardly ever meet.
  std::vector<Column> inputs = combine(edges, 1000);
  for (Column &column : inputs)
    for (size_t n = 0; n < 1000; ++n) {
      uint64_t bits = inputs[0][inputs[0].size() - 1 - n] ^ (n * 2654435761u);
      uint64_t fraction =
          (bits + uint64_t(&column - inputs.data()) * 0x9e3779b97f4a7c15u) &
          ((uint64_t(1) << type.layout.mantissaBits) - 1);
      column.push_back((bits & type.layout.sign()) | type.one() | fraction);
    }
  expectInstruction(
      text + ";", inputs,
      [&](const uint64_t *in) {
        return adjusted(operation, in, operands, type, mode, ftz, sat);
      },
      type.letter == 'd' ? Tolerance(sameF64) : Tolerance());
}

/// With every rounding and the modifiers of f32.
void checkRoundings(const std::string &opcode, size_t operands,
                    const Operation &operation, bool hasSat) {
  for (const std::string &mode : modes) {
    check(opcode + "." + mode, f64Type, operands, operation);
    for (const char *modifiers : {"", ".ftz", ".sat", ".ftz.sat"})
      if (hasSat || !std::strstr(modifiers, "sat"))
        check(opcode + "." + mode + modifiers, f32Type, operands, operation);
  }
}

TEST(InstructionFloat, Add) {
  checkRoundings("add", 2, add, true);
  check("add", f32Type, 2, add);
  check("add.ftz.sat", f32Type, 2, add);
  check("add", f64Type, 2, add);
}
TEST(InstructionFloat, Sub) {
  checkRoundings("sub", 2, sub, true);
  check("sub.ftz", f32Type, 2, sub);
}
TEST(InstructionFloat, Mul) {
  checkRoundings("mul", 2, mul, true);
  check("mul", f32Type, 2, mul);
}
TEST(InstructionFloat, Fma) { checkRoundings("fma", 3, fma, true); }
TEST(InstructionFloat, Mad) { checkRoundings("mad", 3, fma, true); }
TEST(InstructionFloat, Div) { checkRoundings("div", 2, div, false); }
TEST(InstructionFloat, Rcp) { checkRoundings("rcp", 1, rcp, false); }
TEST(InstructionFloat, Sqrt) { checkRoundings("sqrt", 1, root, false); }

TEST(InstructionFloat, NegAbsCopysign) {
  auto unary = [](const std::string &opcode, bool ftz, const FloatType &type,
                  auto function) {
    std::string reg(1, type.letter);
    expectInstruction(opcode + "." + type.name + " %" + reg + "0, %" + reg +
                          "1;",
                      {type.edges()}, [&](const uint64_t *in) {
                        uint64_t bits = in[0], sign = type.layout.sign();
                        if (ftz && type.layout.isSubnormal(bits))
                          bits &= sign;
                        return function(bits, sign);
                      });
  };
  auto neg = [](uint64_t bits, uint64_t sign) { return bits ^ sign; };
  auto abs = [](uint64_t bits, uint64_t sign) { return bits & ~sign; };
  for (const FloatType &type : {f32Type, f64Type}) {
    unary("neg", false, type, neg);
    unary("abs", false, type, abs);
    std::string reg(1, type.letter);
    expectInstruction("copysign." + type.name + " %" + reg + "0, %" + reg +
                          "1, %" + reg + "2;",
                      combine({type.edges(), type.edges()}),
                      [&](const uint64_t *in) {
                        uint64_t sign = type.layout.sign();
                        return (in[0] & sign) | (in[1] & ~sign);
                      });
  }
  unary("neg.ftz", true, f32Type, neg);
  unary("abs.ftz", true, f32Type, abs);
}

TEST(InstructionFloat, Testp) {
  for (const FloatType &type : {f32Type, f64Type}) {
    const FloatLayout &layout = type.layout;
    auto checkTest = [&](const char *test, auto function) {
      expectInstruction(std::string("testp.") + test + "." + type.name +
                            " %p0, %" + type.letter + "1;",
                        combine({type.edges()}), [&](const uint64_t *in) {
                          return uint64_t(function(in[0]));
                        });
    };
    checkTest("finite", [&](uint64_t bits) {
      return !layout.isNan(bits) && !layout.isInfinite(bits);
    });
    checkTest("infinite",
              [&](uint64_t bits) { return layout.isInfinite(bits); });
    checkTest("number", [&](uint64_t bits) { return !layout.isNan(bits); });
    checkTest("notanumber", [&](uint64_t bits) { return layout.isNan(bits); });
    checkTest("normal", [&](uint64_t bits) {
      return !layout.isNan(bits) && !layout.isInfinite(bits) &&
             !layout.isSubnormal(bits);
    });
    checkTest("subnormal",
              [&](uint64_t bits) { return layout.isSubnormal(bits); });
  }
}

/// The definition in the PTX ISA, with -0 below +0.
uint64_t extreme(const FloatType &type, const uint64_t *in, bool isMax,
                 bool ftz, bool keepsNan, bool xorSign) {
  const FloatLayout &layout = type.layout;
  uint64_t a = in[0], b = in[1];
  for (uint64_t *bits : {&a, &b})
    if (ftz && layout.isSubnormal(*bits))
      *bits &= layout.sign();
  uint64_t sign = (a ^ b) & layout.sign();
  if (xorSign)
    a &= ~layout.sign(), b &= ~layout.sign();
  if (layout.isNan(a) && layout.isNan(b))
    return type.nan;
  if (keepsNan && (layout.isNan(a) || layout.isNan(b)))
    return type.nan;
  auto order = [&](uint64_t bits) { // integers in the order of the numbers
    auto magnitude = static_cast<__int128>(bits & ~layout.sign());
    return bits & layout.sign() ? -magnitude - 1 : magnitude;
  };
  uint64_t result = layout.isNan(a)                  ? b
                    : layout.isNan(b)                ? a
                    : (order(a) < order(b)) != isMax ? a
                                                     : b;
  return xorSign ? result | sign : result;
}

TEST(InstructionFloat, MinMax) {
  for (bool isMax : {false, true}) {
    std::string name = isMax ? "max" : "min";
    for (bool ftz : {false, true})
      for (bool keepsNan : {false, true})
        for (bool xorSign : {false, true})
          expectInstruction(
              name + (ftz ? ".ftz" : "") + (keepsNan ? ".NaN" : "") +
                  (xorSign ? ".xorsign.abs" : "") + ".f32 %r0, %r1, %r2;",
              combine({f32Edges(), f32Edges()}), [&](const uint64_t *in) {
                return extreme(f32Type, in, isMax, ftz, keepsNan, xorSign);
              });
    expectInstruction(
        name + ".f64 %d0, %d1, %d2;", combine({f64Edges(), f64Edges()}),
        [&](const uint64_t *in) {
          return extreme(f64Type, in, isMax, false, false, false);
        },
        sameF64);
  }
}

} // namespace
