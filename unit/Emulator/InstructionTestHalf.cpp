//===- InstructionTestHalf.cpp - f16, bf16 and pairs of them --------------===//
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
#include <random>

using namespace attn::test;

namespace {

struct HalfType {
  std::string name, pair;
  FloatLayout layout;
  uint64_t one;

  Column edges() const {
    return floatEdges(layout.exponentBits, layout.mantissaBits);
  }
};
const HalfType f16{"f16", "f16x2", layoutF16, 0x3c00},
    bf16{"bf16", "bf16x2", layoutBF16, 0x3f80};

/// What an operation gives, rounded; canonical NaN.
using Operation =
    std::function<uint64_t(const std::vector<double> &, const FloatLayout &)>;

uint64_t special(double value, const FloatLayout &layout) {
  if (std::isnan(value))
    return 0x7fff;
  return layout.infinity() | (value < 0 ? layout.sign() : 0);
}
uint64_t add(const std::vector<double> &v, const FloatLayout &layout) {
  if (!std::isfinite(v[0]) || !std::isfinite(v[1]))
    return special(v[0] + v[1], layout);
  return roundSum(Scaled(v[0]), Scaled(v[1]), layout, "rn");
}
uint64_t sub(const std::vector<double> &v, const FloatLayout &layout) {
  return add({v[0], -v[1]}, layout);
}
uint64_t mul(const std::vector<double> &v, const FloatLayout &layout) {
  if (!std::isfinite(v[0]) || !std::isfinite(v[1]))
    return special(v[0] * v[1], layout);
  return product(v[0], v[1]).round(layout, "rn");
}
uint64_t fma(const std::vector<double> &v, const FloatLayout &layout) {
  if (!std::isfinite(v[0]) || !std::isfinite(v[1]) || !std::isfinite(v[2]))
    return special(v[0] * v[1] + v[2], layout);
  return roundSum(product(v[0], v[1]), Scaled(v[2]), layout, "rn");
}

struct Modifiers {
  bool ftz, sat, relu;
};

uint64_t flush(const HalfType &type, uint64_t bits, bool ftz) {
  return ftz && type.layout.isSubnormal(bits) ? bits & 0x8000 : bits;
}

uint64_t evaluate(const HalfType &type, const Operation &operation,
                  const std::vector<uint64_t> &operands, Modifiers modifiers) {
  std::vector<double> values;
  for (uint64_t bits : operands)
    values.push_back(type.layout.value(flush(type, bits, modifiers.ftz)));
  uint64_t bits = operation(values, type.layout);
  bits = flush(type, bits, modifiers.ftz);
  bool isNegative = bits & 0x8000, isNan = bits == 0x7fff;
  if (modifiers.sat)
    return isNan || isNegative ? 0 : std::min(bits, type.one);
  return modifiers.relu && isNegative ? 0 : bits;
}

/// Columns of halves as columns of pairs, halves in different combinations.
std::vector<Column> pairUp(const std::vector<Column> &halves) {
  std::vector<Column> pairs;
  for (const Column &column : halves) {
    Column pair;
    for (size_t n = 0; n < column.size(); ++n)
      pair.push_back(column[n] | column[(n + column.size() / 2) % column.size()]
                                     << 16);
    pairs.push_back(pair);
  }
  return pairs;
}

std::string operandsOf(char letter, size_t count) {
  std::string text;
  for (size_t n = 0; n <= count; ++n)
    text += (n ? ", %" : " %") + std::string(1, letter) + std::to_string(n);
  return text + ";";
}

void check(
    const std::string &opcode, const HalfType &type,
    const std::vector<Column> &inputs,
    const std::function<uint64_t(const std::vector<uint64_t> &)> &function) {
  size_t count = inputs.size();
  expectInstruction(
      opcode + "." + type.name + operandsOf('h', count), inputs,
      [&](const uint64_t *in) { return function({in, in + count}); });
  expectInstruction(opcode + "." + type.pair + operandsOf('r', count),
                    pairUp(inputs), [&](const uint64_t *in) {
                      uint64_t result = 0;
                      for (int shift : {0, 16}) {
                        std::vector<uint64_t> halves;
                        for (size_t i = 0; i < count; ++i)
                          halves.push_back(in[i] >> shift & 0xffff);
                        result |= function(halves) << shift;
                      }
                      return result;
                    });
}

/// Edges, random bits, and random numbers of like size: sums of those are hard
/// to round.
std::vector<Column> operandsFor(const HalfType &type, size_t count) {
  Column edges = type.edges();
  std::vector<Column> columns(count, edges);
  for (size_t i = 0; count == 3 && i < count; ++i) {
    columns[i].clear();
    for (size_t k = i; k < edges.size(); k += 3)
      columns[i].push_back(edges[k]);
  }
  std::vector<Column> inputs = combine(columns, 3000);
  std::mt19937_64 random(count);
  for (int n = 0; n < 6000; ++n) {
    uint64_t exponent = type.one + ((random() % 9) << type.layout.mantissaBits);
    for (Column &column : inputs) {
      uint64_t fraction = random() % (uint64_t(1) << type.layout.mantissaBits);
      uint64_t size = (random() % 3) << type.layout.mantissaBits;
      column.push_back((exponent + fraction - size) ^ (random() & 0x8000));
    }
    // Products in the range of the addend's last place.
    if (count == 3)
      inputs[2].back() -=
          inputs[2].back() & 0x7fff
              ? std::min<uint64_t>(inputs[2].back() & 0x7000, random() & 0x3c00)
              : 0;
  }
  return inputs;
}

void checkArithmetic(const std::string &opcode, const HalfType &type,
                     size_t count, const Operation &operation) {
  auto has = [&](const char *modifier) {
    return opcode.find(modifier) != std::string::npos;
  };
  Modifiers modifiers{has(".ftz"), has(".sat"), has(".relu")};
  check(opcode, type, operandsFor(type, count),
        [&](const std::vector<uint64_t> &operands) {
          return evaluate(type, operation, operands, modifiers);
        });
}

TEST(InstructionHalf, AddSubMul) {
  struct {
    std::string name;
    Operation operation;
  } const operations[] = {{"add", add}, {"sub", sub}, {"mul", mul}};
  for (auto &[name, operation] : operations) {
    for (const char *modifiers : {"", ".rn", ".ftz", ".sat", ".rn.ftz.sat"})
      checkArithmetic(name + modifiers, f16, 2, operation);
    for (const char *modifiers : {"", ".rn"})
      checkArithmetic(name + modifiers, bf16, 2, operation);
  }
}

TEST(InstructionHalf, Fma) {
  for (const char *modifiers :
       {"", ".ftz", ".sat", ".ftz.sat", ".relu", ".ftz.relu"})
    checkArithmetic(std::string("fma.rn") + modifiers, f16, 3, fma);
  for (const char *modifiers : {"", ".relu"})
    checkArithmetic(std::string("fma.rn") + modifiers, bf16, 3, fma);
}

/// Products that lie on the middle between two numbers, and an addend far below
/// that decides: two roundings would not see it.
TEST(InstructionHalf, FmaRoundsOnce) {
  for (const HalfType &type : {f16, bf16}) {
    int bits = type.layout.mantissaBits;
    std::vector<Column> inputs(3);
    for (uint64_t a = 0; a < uint64_t(1) << bits; ++a) {
      // (1 + a) * 1.5 has one bit more than the format for odd a.
      for (uint64_t c : {uint64_t(1), type.one - (uint64_t(9) << bits)})
        for (uint64_t sign : {0, 0x8000}) {
          inputs[0].push_back(type.one + a);
          inputs[1].push_back(type.one | uint64_t(1) << (bits - 1));
          inputs[2].push_back(c | sign);
        }
    }
    check("fma.rn", type, inputs, [&](const std::vector<uint64_t> &operands) {
      return evaluate(type, fma, operands, {});
    });
  }
}

/// All products with some numbers: subnormal results of bf16 among them.
TEST(InstructionHalf, MulExhaustive) {
  for (const HalfType &type : {f16, bf16})
    for (uint64_t factor : {uint64_t(0x0001), uint64_t(0x00ff), type.one - 1,
                            type.one + 1, uint64_t(0x1234)}) {
      Column second(65536, factor);
      check("mul", type, {allOf(16), second},
            [&](const std::vector<uint64_t> &operands) {
              return evaluate(type, mul, operands, {});
            });
    }
}

TEST(InstructionHalf, NegAbs) {
  for (const HalfType &type : {f16, bf16})
    for (bool ftz : {false, true}) {
      if (ftz && type.name == "bf16")
        continue;
      std::string suffix = ftz ? ".ftz" : "";
      check("neg" + suffix, type, {allOf(16)}, [&](auto &operands) {
        return flush(type, operands[0], ftz) ^ 0x8000;
      });
      check("abs" + suffix, type, {allOf(16)}, [&](auto &operands) {
        return flush(type, operands[0], ftz) & 0x7fff;
      });
    }
}

TEST(InstructionHalf, MinMax) {
  for (const HalfType &type : {f16, bf16})
    for (bool isMax : {false, true})
      for (bool ftz : {false, true})
        for (bool keepsNan : {false, true})
          for (bool xorSign : {false, true}) {
            if (ftz && type.name == "bf16")
              continue;
            check(
                std::string(isMax ? "max" : "min") + (ftz ? ".ftz" : "") +
                    (keepsNan ? ".NaN" : "") + (xorSign ? ".xorsign.abs" : ""),
                type, combine({type.edges(), type.edges()}),
                [&](const std::vector<uint64_t> &operands) -> uint64_t {
                  uint64_t a = flush(type, operands[0], ftz),
                           b = flush(type, operands[1], ftz);
                  uint64_t sign = (a ^ b) & 0x8000;
                  if (xorSign)
                    a &= 0x7fff, b &= 0x7fff;
                  bool nanA = type.layout.isNan(a), nanB = type.layout.isNan(b);
                  if ((nanA && nanB) || (keepsNan && (nanA || nanB)))
                    return 0x7fff;
                  auto order = [](uint64_t bits) {
                    auto magnitude = static_cast<int>(bits & 0x7fff);
                    return bits & 0x8000 ? -magnitude - 1 : magnitude;
                  };
                  uint64_t result = nanA                             ? b
                                    : nanB                           ? a
                                    : (order(a) < order(b)) != isMax ? a
                                                                     : b;
                  return xorSign ? result | sign : result;
                });
          }
}

/// Of all operands: the error bounds of the PTX ISA, 2^-9.9 and 2^-10.987 for
/// f16, 2^-7 and 2^-8 for bf16, and half a unit of subnormal results.
TEST(InstructionHalf, Ex2AndTanh) {
  auto checkBound = [](const std::string &opcode, const HalfType &type,
                       long double (*function)(long double), double bound,
                       bool ftz) {
    auto isFine = [&](uint64_t in, uint64_t got) {
      double operand = type.layout.value(flush(type, in, ftz));
      if (std::isnan(operand))
        return got == 0x7fff;
      auto wanted = static_cast<double>(function(operand));
      if (type.layout.isInfinite(got))
        return wanted > type.layout.value(type.layout.infinity() - 1);
      double least = std::ldexp(1, 1 - type.layout.bias()),
             place = least * std::ldexp(1, -type.layout.mantissaBits);
      if (ftz && wanted < least && got == 0)
        return true;
      return std::fabs(type.layout.value(got) - wanted) <=
             bound * std::fabs(wanted) + place / 2;
    };
    PtxLines lines;
    lines.text = opcode + "." + type.name + " %h0, %h1;\n" + opcode + "." +
                 type.pair + " %r0, %r1;\n";
    lines.inputs = {"%h1", "%r1"};
    lines.outputs = {"%h0", "%r0"};
    auto inputs = pairUp({allOf(16)});
    inputs.insert(inputs.begin(), allOf(16));
    auto outputs = runLines(lines, inputs);
    ASSERT_TRUE(outputs) << outputs.error();
    for (size_t n = 0; n < 65536; ++n) {
      uint64_t pair = (*outputs)[1][n], in = inputs[1][n];
      ASSERT_TRUE(isFine(n, (*outputs)[0][n]))
          << opcode << " of " << n << " gives " << (*outputs)[0][n];
      ASSERT_TRUE(isFine(in & 0xffff, pair & 0xffff) &&
                  isFine(in >> 16, pair >> 16))
          << opcode << " of the pair " << in << " gives " << pair;
    }
  };
  checkBound("ex2.approx", f16, exp2l, std::exp2(-9.9), false);
  checkBound("ex2.approx.ftz", bf16, exp2l, std::exp2(-7), true);
  checkBound("tanh.approx", f16, tanhl, std::exp2(-10.987), false);
  checkBound("tanh.approx", bf16, tanhl, std::exp2(-8), false);
}

} // namespace
