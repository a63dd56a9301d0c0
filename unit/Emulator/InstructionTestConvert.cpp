//===- InstructionTestConvert.cpp - cvt and cvt.pack ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Exact.h"
#include "PtxRunner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

using namespace attn::test;

namespace {

using Big = __int128;

/// "s16", "f32", "bf16" ...
struct Type {
  std::string name;
  int bits;
  bool isFloat = false, isSigned = false;
  FloatLayout layout{8, 23};

  char letter() const { return bits <= 16 ? 'h' : bits == 32 ? 'r' : 'd'; }
  std::string reg(int n) const {
    return std::string("%") + letter() + std::to_string(n);
  }
  Big least() const { return isSigned ? -(Big(1) << (bits - 1)) : 0; }
  Big greatest() const { return (Big(1) << (bits - isSigned)) - 1; }
};

Type integer(const std::string &name) {
  return {name, std::stoi(name.substr(1)), false, name[0] == 's'};
}
const Type f16{"f16", 16, true, true, layoutF16},
    bf16{"bf16", 16, true, true, layoutBF16},
    f32Type{"f32", 32, true, true, layoutF32},
    f64Type{"f64", 64, true, true, layoutF64},
    tf32{"tf32", 32, true, true, layoutTF32};

std::vector<Type> integers(int least = 8) {
  std::vector<Type> types;
  for (const char *name :
       {"u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64"})
    if (integer(name).bits >= least)
      types.push_back(integer(name));
  return types;
}

//===----------------------------------------------------------------------===//
// The reference
//===----------------------------------------------------------------------===//

struct Modifiers {
  std::string mode = "rn"; ///< "rn" also of .rni
  bool isIntegral = false, ftz = false, sat = false, relu = false,
       satfinite = false;
};

Modifiers modifiersOf(const std::string &text) {
  auto has = [&](const std::string &modifier) {
    return (text + ".").find(modifier + ".") != std::string::npos;
  };
  Modifiers modifiers;
  for (const char *mode : {"rna", "rn", "rz", "rm", "rp"}) {
    std::string dotted = std::string(".") + mode;
    if (has(dotted) || has(dotted + "i"))
      modifiers.mode = mode;
    modifiers.isIntegral |= has(dotted + "i");
  }
  modifiers.ftz = has(".ftz");
  modifiers.sat = has(".sat");
  modifiers.relu = has(".relu");
  modifiers.satfinite = has(".satfinite");
  return modifiers;
}

uint64_t flushed(const Type &type, uint64_t bits, bool ftz) {
  bool flushes = ftz && type.bits == 32 && type.layout.isSubnormal(bits);
  return flushes ? bits & type.layout.sign() : bits;
}

uint64_t maskOf(int bits) {
  return bits >= 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
}

/// A floating-point result.
uint64_t finish(const Type &to, uint64_t bits, const Modifiers &modifiers) {
  const FloatLayout &layout = to.layout;
  bool isNegative = bits & layout.sign();
  uint64_t one = uint64_t(layout.bias()) << layout.mantissaBits;
  bits = flushed(to, bits, modifiers.ftz);
  if (modifiers.satfinite && layout.isInfinite(bits))
    --bits;
  if (isNegative && (modifiers.sat || modifiers.relu))
    bits = 0;
  if (modifiers.sat)
    bits = std::min(bits, one);
  return to.name == "tf32" ? bits << 13 : bits;
}

uint64_t nanOf(const Type &to, const Modifiers &modifiers) {
  if (modifiers.sat)
    return 0;
  return to.bits == 16   ? 0x7fff
         : to.bits == 32 ? 0x7fffffff
                         : 0x7ff8000000000000;
}

uint64_t convert(const Type &to, const Type &from, uint64_t bits,
                 const Modifiers &modifiers) {
  uint64_t registerMask = maskOf(std::max(to.bits, 16));
  auto clamp = [&](Big value) {
    return uint64_t(std::min(std::max(value, to.least()), to.greatest())) &
           registerMask;
  };
  if (!from.isFloat) {
    bits &= maskOf(from.bits);
    Big value = bits;
    if (from.isSigned && bits >> (from.bits - 1))
      value -= Big(1) << from.bits;
    if (to.isFloat) {
      auto magnitude =
          static_cast<unsigned __int128>(value < 0 ? -value : value);
      Scaled exact(value < 0, magnitude, 0);
      return finish(to, exact.round(to.layout, modifiers.mode), modifiers);
    }
    if (modifiers.sat)
      return clamp(value);
    uint64_t cut = uint64_t(value) & maskOf(to.bits);
    if (to.isSigned && cut >> (to.bits - 1))
      cut |= ~maskOf(to.bits);
    return cut & registerMask;
  }
  double value = from.layout.value(flushed(from, bits, modifiers.ftz));
  if (to.isFloat) {
    if (std::isnan(value))
      return nanOf(to, modifiers);
    uint64_t sign = std::signbit(value) ? to.layout.sign() : 0;
    if (std::isinf(value))
      return finish(to, to.layout.infinity() | sign, modifiers);
    Scaled exact(value);
    if (modifiers.isIntegral) {
      Big whole = exact.toInteger(modifiers.mode);
      // Larger numbers are integers already.
      if (std::fabs(value) < 0x1p100)
        exact = Scaled(
            std::signbit(value),
            static_cast<unsigned __int128>(whole < 0 ? -whole : whole), 0);
    }
    return finish(to, exact.round(to.layout, modifiers.mode), modifiers);
  }
  if (std::isnan(value)) {
    bool isHigh = from.bits == 64 || to.bits == 64;
    Big nan = isHigh ? Big(1) << (to.bits - 1) : 0;
    if (to.isSigned)
      nan = -nan;
    return uint64_t(nan) & registerMask;
  }
  if (std::isinf(value))
    return clamp(value < 0 ? to.least() : to.greatest());
  return clamp(Scaled(value).toInteger(modifiers.mode));
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// The numbers of a format that is wider than `narrow`: all numbers of that,
/// the middles between them, and what lies next to those.
Column aroundAll(const Type &wide, const FloatLayout &narrow) {
  Column values;
  int bits = 1 + narrow.exponentBits + narrow.mantissaBits;
  uint64_t step = bits > 16 ? 8 : 1; // tf32: every eighth
  for (uint64_t n = 0; n < uint64_t(1) << bits; n += step) {
    double value = narrow.value(n), next = narrow.value(n + 1);
    if (!std::isfinite(value))
      continue;
    if (!std::isfinite(next))
      next = value + (value - narrow.value(n - 1));
    for (double near : {value, (value + next) / 2, (value * 7 + next) / 8}) {
      uint64_t rounded = Scaled(near).round(wide.layout, "rn");
      for (int64_t by : {-1, 0, 1})
        if (rounded + uint64_t(by) < uint64_t(1) << (wide.bits - 1) ||
            rounded >> (wide.bits - 1))
          values.push_back((rounded + uint64_t(by)) & maskOf(wide.bits));
    }
  }
  return values;
}

/// Integers, halves and their neighbours around the limits of all integers.
Column aroundIntegers(const Type &type) {
  Column values;
  for (int bit : {0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 52, 53, 62, 63, 64, 65})
    for (double by : {-1.5, -1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.5})
      for (double sign : {1.0, -1.0}) {
        uint64_t rounded =
            Scaled(sign * (std::ldexp(1, bit) + by)).round(type.layout, "rn");
        for (int64_t near : {-1, 0, 1})
          values.push_back((rounded + uint64_t(near)) & maskOf(type.bits));
      }
  return values;
}

/// All of 16 bits and less; else what is hard, and random numbers.
Column operandsOf(const Type &from) {
  if (from.bits <= 16)
    return allOf(16);
  Column values = from.isFloat ? floatEdges(from.layout.exponentBits,
                                            from.layout.mantissaBits)
                               : integerEdges(from.bits);
  if (from.isFloat) {
    Column more = aroundIntegers(from);
    values.insert(values.end(), more.begin(), more.end());
  } else {
    // Halves between the numbers of each format.
    for (int bits : {8, 9, 11, 12, 24, 25, 53, 54})
      for (int shift = 0; shift + bits < from.bits; ++shift)
        for (uint64_t last : {1, 2, 3})
          for (int64_t by : {-1, 0, 1}) {
            uint64_t value = (uint64_t(1) << (shift + bits)) + (last << shift) +
                             uint64_t(by);
            values.push_back(value & maskOf(from.bits));
            values.push_back((0 - value) & maskOf(from.bits));
          }
  }
  return combine({values}, 3000)[0];
}

/// One of `step` operands: where modifiers add little.
Column some(const Column &column, size_t step) {
  Column fewer;
  for (size_t n = 0; n < column.size(); n += step)
    fewer.push_back(column[n]);
  return fewer;
}

bool sameNan(uint64_t wanted, uint64_t got) {
  return layoutF64.isNan(wanted) && layoutF64.isNan(got);
}

void check(const std::string &modifiers, const Type &to, const Type &from,
           const Column &operands) {
  // What f64 keeps of a NaN is not defined.
  bool isF64 = to.name == "f64";
  Modifiers how = modifiersOf(modifiers);
  expectInstruction(
      "cvt" + modifiers + "." + to.name + "." + from.name + " " + to.reg(0) +
          ", " + from.reg(1) + ";",
      {operands},
      [&](const uint64_t *in) { return convert(to, from, in[0], how); },
      isF64 ? Tolerance(sameNan) : Tolerance());
}

const std::vector<std::string> roundings = {".rn", ".rz", ".rm", ".rp"},
                               integrals = {".rni", ".rzi", ".rmi", ".rpi"};

//===----------------------------------------------------------------------===//
// Tests
//===----------------------------------------------------------------------===//

TEST(InstructionConvert, Integers) {
  for (const Type &to : integers())
    for (const Type &from : integers()) {
      Column operands = operandsOf(from);
      check("", to, from, operands);
      bool mayNotFit =
          to.least() > from.least() || to.greatest() < from.greatest();
      if (mayNotFit)
        check(".sat", to, from, operands);
    }
}

TEST(InstructionConvert, FloatToInteger) {
  for (const Type &from : {f16, f32Type, f64Type, bf16}) {
    Column operands = operandsOf(from);
    for (const Type &to : integers(from.name == "bf16" ? 16 : 8))
      for (const std::string &mode : integrals) {
        check(mode, to, from, operands);
        if (from.name == "f32") {
          check(mode + ".ftz", to, from, operands);
          check(mode + ".ftz.sat", to, from, operands);
        }
        if (from.name != "bf16")
          check(mode + ".sat", to, from, operands);
      }
  }
}

TEST(InstructionConvert, IntegerToFloat) {
  for (const Type &to : {f16, f32Type, f64Type, bf16})
    for (const Type &from : integers(to.name == "bf16" ? 16 : 8)) {
      Column operands = operandsOf(from);
      for (const std::string &mode : roundings) {
        check(mode, to, from, operands);
        if (to.name == "f32")
          check(mode + ".ftz", to, from, operands);
        if (to.name != "bf16")
          check(mode + ".sat", to, from, operands);
      }
    }
}

/// The same format: nothing, or integral values.
TEST(InstructionConvert, ToIntegralValues) {
  for (const Type &type : {f16, f32Type, f64Type, bf16}) {
    Column operands = operandsOf(type);
    for (std::string mode : {"", ".rni", ".rzi", ".rmi", ".rpi"}) {
      check(mode, type, type, operands);
      if (type.name == "f32")
        for (const char *more : {".ftz", ".ftz.sat"})
          check(mode + more, type, type, operands);
      if (type.name != "bf16")
        check(mode + ".sat", type, type, operands);
    }
  }
}

TEST(InstructionConvert, Widening) {
  for (const char *modifiers : {"", ".ftz", ".sat", ".ftz.sat"}) {
    check(modifiers, f32Type, f16, allOf(16));
    check(modifiers, f64Type, f32Type, operandsOf(f32Type));
  }
  for (const char *modifiers : {"", ".sat"})
    check(modifiers, f64Type, f16, allOf(16));
}

/// bf16 to f32 moves the bits, also those of NaNs.
TEST(InstructionConvert, WideningOfBfloat) {
  for (const char *mode : {"", ".rn", ".rz", ".rm", ".rp"}) {
    expectInstruction(
        std::string("cvt") + mode + ".f32.bf16 %r0, %h1;", {allOf(16)},
        [](const uint64_t *in) { return in[0] << 16; },
        [](uint64_t wanted, uint64_t got) {
          return layoutF32.isNan(wanted) && layoutF32.isNan(got);
        });
    check(mode, f64Type, bf16, allOf(16));
    check(std::string(mode) + ".ftz", f32Type, bf16, allOf(16));
  }
}

TEST(InstructionConvert, Narrowing) {
  Column toF16 = aroundAll(f32Type, layoutF16),
         toBF16 = aroundAll(f32Type, layoutBF16), other = operandsOf(f32Type);
  for (Column *column : {&toF16, &toBF16})
    column->insert(column->end(), other.begin(), other.end());
  Column someF16 = some(toF16, 23), someBF16 = some(toBF16, 23);
  for (const std::string &mode : roundings) {
    check(mode, f16, f32Type, toF16);
    check(mode, bf16, f32Type, toBF16);
    for (const char *more : {".ftz", ".sat", ".ftz.sat"})
      check(mode + more, f16, f32Type, someF16);
    check(mode + ".ftz", bf16, f32Type, someBF16);
    if (mode == ".rn" || mode == ".rz")
      for (const char *more : {".relu", ".satfinite", ".relu.satfinite"}) {
        check(mode + more, f16, f32Type, someF16);
        check(mode + more, bf16, f32Type, someBF16);
      }
    check(mode, bf16, f16, allOf(16));
    check(mode, f16, bf16, allOf(16));
  }
}

TEST(InstructionConvert, NarrowingOfF64) {
  Column toF16 = aroundAll(f64Type, layoutF16),
         toBF16 = aroundAll(f64Type, layoutBF16), toF32;
  // Around numbers of f32, subnormal ones among them.
  Column singles = combine({f32Edges()}, 20000)[0];
  for (uint64_t bits : singles) {
    double value = layoutF32.value(bits), next = layoutF32.value(bits ^ 1);
    if (!std::isfinite(value) || !std::isfinite(next))
      continue;
    uint64_t middle = bitsAs<uint64_t>((value + next) / 2);
    for (int64_t by : {-1, 0, 1})
      toF32.push_back(middle + uint64_t(by));
    toF32.push_back(bitsAs<uint64_t>(value));
  }
  for (uint64_t bits : operandsOf(f64Type))
    toF32.push_back(bits);
  for (const std::string &mode : roundings) {
    for (const char *more : {"", ".ftz", ".sat", ".ftz.sat"})
      check(mode + more, f32Type, f64Type, toF32);
    check(mode, f16, f64Type, toF16);
    check(mode + ".sat", f16, f64Type, some(toF16, 23));
    check(mode, bf16, f64Type, toBF16);
  }
}

TEST(InstructionConvert, TF32) {
  Column operands = aroundAll(f32Type, layoutTF32), more = operandsOf(f32Type);
  operands.insert(operands.end(), more.begin(), more.end());
  for (const char *modifiers :
       {".rna", ".rna.satfinite", ".rn", ".rz", ".rn.relu", ".rz.relu"})
    check(modifiers, tf32, f32Type, operands);
}

TEST(InstructionConvert, TwoToHalves) {
  for (const Type &type : {f16, bf16}) {
    Column values = aroundAll(f32Type, type.layout), more = operandsOf(f32Type),
           shuffled;
    values.insert(values.end(), more.begin(), more.end());
    for (size_t n = 0; n < values.size(); ++n)
      shuffled.push_back(values[(n * 7919 + 5) % values.size()]);
    for (const char *modifiers :
         {".rn", ".rz", ".rn.relu", ".rz.relu", ".rn.satfinite",
          ".rz.satfinite", ".rn.relu.satfinite", ".rn.satfinite.relu",
          ".rz.satfinite.relu"}) {
      Modifiers how = modifiersOf(modifiers);
      expectInstruction(std::string("cvt") + modifiers + "." + type.name +
                            "x2.f32 %r0, %r1, %r2;",
                        {values, shuffled}, [&](const uint64_t *in) {
                          return convert(type, f32Type, in[0], how) << 16 |
                                 convert(type, f32Type, in[1], how);
                        });
    }
  }
}

//===----------------------------------------------------------------------===//
// The rest
//===----------------------------------------------------------------------===//

TEST(InstructionConvert, Pack) {
  std::vector<Column> inputs =
      combine({integerEdges(32), integerEdges(32), {0, 0x12345678, ~0u}});
  for (int bits : {16, 8, 4, 2})
    for (bool isSigned : {false, true}) {
      std::string type = (isSigned ? "s" : "u") + std::to_string(bits);
      auto clamp = [&](uint64_t raw) {
        Big value = static_cast<int32_t>(raw),
            greatest = (Big(1) << (bits - isSigned)) - 1,
            least = isSigned ? -greatest - 1 : 0;
        return uint64_t(std::min(std::max(value, least), greatest)) &
               maskOf(bits);
      };
      if (bits == 16)
        expectInstruction("cvt.pack.sat." + type + ".s32 %r0, %r1, %r2;",
                          {inputs[0], inputs[1]}, [&](const uint64_t *in) {
                            return clamp(in[0]) << 16 | clamp(in[1]);
                          });
      else
        expectInstruction(
            "cvt.pack.sat." + type + ".s32.b32 %r0, %r1, %r2, %r3;", inputs,
            [&](const uint64_t *in) {
              uint64_t packed =
                  in[2] << 2 * bits | clamp(in[0]) << bits | clamp(in[1]);
              return packed & 0xffffffff;
            });
    }
}

/// The value is extended to the register as the type of the result says, and
/// only the lower bits of a wider source count.
TEST(InstructionConvert, WiderRegisters) {
  PtxLines lines;
  lines.text = "cvt.s16.s32 %d0, %r1;\n"
               "cvt.u16.s32 %d1, %r1;\n"
               "cvt.s32.s64 %d2, %d9;\n"
               "cvt.u32.u64 %d3, %d9;\n"
               "cvt.s8.s64 %r0, %d9;\n"
               "cvt.u64.u32 %d4, %d9;\n"
               "cvt.s64.s16 %d5, %r1;\n"
               "cvt.rn.f32.s16 %r2, %d9;\n"
               "cvt.rzi.s8.f32 %d6, %r1;\n"
               "cvt.rn.f16.f32 %r3, %r1;\n"
               "cvt.f32.f16 %r4, %r1;\n"
               "cvt.sat.u8.s16 %r5, %r1;\n";
  lines.inputs = {"%r1", "%d9"};
  lines.outputs = {"%d0", "%d1", "%d2", "%d3", "%r0", "%d4",
                   "%d5", "%r2", "%d6", "%r3", "%r4", "%r5"};
  expectLines(lines, combine({f32Edges(), integerEdges(64)}),
              [](const uint64_t *in, uint64_t *out) {
                uint64_t r = in[0], d = in[1];
                auto low = [](uint64_t bits) { return bits & 0xffffffff; };
                out[0] = uint64_t(int64_t(int16_t(r)));
                out[1] = uint16_t(r);
                out[2] = uint64_t(int64_t(int32_t(d)));
                out[3] = uint32_t(d);
                out[4] = low(uint64_t(int64_t(int8_t(d))));
                out[5] = uint32_t(d);
                out[6] = uint64_t(int64_t(int16_t(r)));
                out[7] = bits(float(int16_t(d)));
                uint64_t byte =
                    convert(integer("s8"), f32Type, r, modifiersOf(".rzi"));
                out[8] = uint64_t(int64_t(int16_t(byte)));
                out[9] = convert(f16, f32Type, r, {});
                out[10] = convert(f32Type, f16, r & 0xffff, {});
                out[11] = uint64_t(std::clamp<int>(int16_t(r), 0, 255));
              });
}

TEST(InstructionConvert, GuardedLanesStay) {
  PtxLines lines;
  lines.text = "@%p0 cvt.rn.f32.f64 %r0, %d0;\n"
               "@%p0 cvt.rz.f16.f32 %h0, %r1;\n"
               "@!%p0 cvt.u64.u32 %d1, %r1;\n";
  lines.inputs = {"%p0", "%r0", "%d0", "%h0", "%r1", "%d1"};
  lines.outputs = {"%r0", "%h0", "%d1"};
  expectLines(lines,
              combine({{0, 1},
                       {7, 0xffffffff},
                       {bits(1.0), bits(0.1)},
                       {3, 0xffff},
                       {bits(2.0f), bits(0.3f)},
                       {9, ~0ull}}),
              [](const uint64_t *in, uint64_t *out) {
                out[0] = in[0] ? bits(float(f64(in[2]))) : in[1];
                out[1] = in[0]
                             ? convert(f16, f32Type, in[4], modifiersOf(".rz"))
                             : in[3];
                out[2] = in[0] ? in[5] : in[4];
              });
}

} // namespace
