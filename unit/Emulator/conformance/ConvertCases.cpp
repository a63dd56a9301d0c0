//===- ConvertCases.cpp - cvt ---------------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "cvt". A case is a pair of types; its outputs are the ways to round
// and to limit. Sources of 8 and 16 bits are converted from all their values.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "Elementwise.h"

#include <algorithm>

using namespace attn;
using namespace attn::conformance;

namespace {
/// ".rn.relu" and so on, taken apart.
struct Modifiers {
  Rounding rounding = Rounding::nearest;
  bool toInteger = false; ///< .rni, .rzi, ...
  bool ftz = false, sat = false, relu = false, satfinite = false;

  explicit Modifiers(const std::string &text) {
    for (size_t at = 0; at < text.size();) {
      size_t end = std::min(text.find('.', at + 1), text.size());
      std::string name = text.substr(at + 1, end - at - 1);
      at = end;
      ftz |= name == "ftz";
      sat |= name == "sat";
      relu |= name == "relu";
      satfinite |= name == "satfinite";
      if (name[0] != 'r' || name == "relu")
        continue;
      toInteger = name.back() == 'i';
      rounding = name == "rna"    ? Rounding::nearestAway
                 : name[1] == 'z' ? Rounding::zero
                 : name[1] == 'm' ? Rounding::down
                 : name[1] == 'p' ? Rounding::up
                                  : Rounding::nearest;
    }
  }
};

/// A number of an instruction: "s8" is -128 to 127, also where a register of
/// 16 bits holds it.
struct Type {
  Element element;
  bool isSigned = false;

  explicit Type(const std::string &name)
      : element(elementCalled(name)), isSigned(name[0] == 's') {}
  bool isReal() const { return isFloat(element); }
  int width() const { return bytesOf(element) * 8; }
  Wide least() const { return isSigned ? -power2(width() - 1) : Wide(0); }
  Wide most() const { return power2(width() - isSigned) - 1; }
};

uint64_t toInteger(const Type &to, const Type &from, Wide value,
                   const Modifiers &how) {
  if (isNan(value)) {
    bool isWide = from.element == Element::f64 || to.width() == 64;
    return isWide ? uint64_t(1) << (to.width() - 1) : 0;
  }
  value = roundToInteger(value, how.rounding);
  value = std::min(std::max(value, to.least()), to.most());
  uint64_t magnitude = static_cast<uint64_t>(absolute(value));
  uint64_t bits = isNegative(value) ? ~magnitude + 1 : magnitude;
  return bits & (~uint64_t(0) >> (64 - to.width()));
}

uint64_t toReal(const Type &to, Wide value, const Modifiers &how) {
  if (how.toInteger)
    value = roundToInteger(value, how.rounding);
  if (how.satfinite && !isNan(value)) {
    value = std::min(value, largest(to.element));
    value = std::max(value, -largest(to.element));
  }
  uint64_t bits = encode(to.element, value, how.rounding);
  if (how.ftz && to.element == Element::f32)
    bits = flushBits(to.element, bits);
  Wide rounded = decode(to.element, bits);
  if (how.sat) {
    if (isNan(rounded) || isNegative(rounded) || rounded == 0)
      return 0;
    return rounded > 1 ? encode(to.element, 1) : bits;
  }
  if (how.relu && !isNan(rounded) && isNegative(rounded))
    return 0;
  return bits;
}

uint64_t convert(const Type &to, const Type &from, uint64_t bits,
                 const Modifiers &how) {
  Wide value = decode(from.element, bits);
  if (how.ftz && from.element == Element::f32)
    value = flush(from.element, value);
  if (to.isReal())
    return toReal(to, value, how);
  if (from.isReal())
    return toInteger(to, from, value, how);
  // Between integers: the low bits, unless they are to be limited.
  if (how.sat)
    value = std::min(std::max(value, to.least()), to.most());
  uint64_t magnitude = static_cast<uint64_t>(absolute(value));
  bits = isNegative(value) ? ~magnitude + 1 : magnitude;
  return bits & (~uint64_t(0) >> (64 - to.width()));
}

/// Numbers of `from` at, between and next to neighbours in `to`.
void addTies(std::vector<uint64_t> &values, const Type &to, const Type &from) {
  Random random(14);
  uint64_t unit = to.element == Element::tf32 ? uint64_t(1) << 13 : 1;
  for (int i = 0; i < 60; ++i) {
    uint64_t bits = i == 0   ? encode(to.element, largest(to.element))
                    : i == 1 ? 0
                    : i == 2 ? encode(to.element, smallestNormal(to.element))
                             : randomBits(to.element, random);
    bits &= ~(uint64_t(1) << (to.width() - 1)) & ~(unit - 1);
    Wide low = decode(to.element, bits);
    if (isNan(low) || isInfinite(low))
      continue;
    Wide step = bits == 0
                    ? decode(to.element, unit)
                    : absolute(low - decode(to.element, bits - unit));
    for (Wide part : {Wide(0), Wide(0.25), Wide(0.5), Wide(0.75)}) {
      uint64_t middle = encode(from.element, low + part * step);
      for (uint64_t value : {middle - 1, middle, middle + 1}) {
        uint64_t sign = uint64_t(random.below(2)) << (from.width() - 1);
        values.push_back(value ^ sign);
      }
    }
  }
}

std::vector<uint64_t> valuesFor(const Type &to, const Type &from) {
  std::vector<uint64_t> values;
  if (from.width() <= 16) {
    for (uint64_t i = 0; i < uint64_t(1) << from.width(); ++i)
      values.push_back(i);
    return values;
  }
  values = edgesOf(from.element);
  Random random(13);
  if (!from.isReal()) {
    // Around the powers of 2, where rounding begins and ranges end.
    for (int power = 7; power < from.width(); ++power)
      for (int i : {-1, 0, 1})
        values.push_back((uint64_t(1) << power) + i);
  } else if (to.isReal()) {
    addTies(values, to, from);
  } else {
    for (double value : {0.25, 0.5, 0.75, 1.5, 2.5, 126.5, 127.5, 128.0, 254.5,
                         255.5, 32766.5, 32767.5, 65534.5, 65535.5, 65536.0,
                         2147483520.0, 2147483647.0, 2147483648.0, 4294967040.0,
                         4294967296.0, 0x1p62, 0x1p63, 0x1p64, 1e30})
      for (double sign : {1.0, -1.0})
        values.push_back(encode(from.element, sign * value));
  }
  while (values.size() % 128 != 0 || values.size() < 256)
    values.push_back(randomBits(from.element, random));
  uint64_t all = ~uint64_t(0) >> (64 - from.width());
  for (uint64_t &value : values)
    value &= all;
  return values;
}

/// cvt.<modifiers>.<to>.<from> for each of the modifiers.
void add(Cases &cases, const std::string &to, const std::string &from,
         const std::vector<std::string> &modifiers, Target target = {}) {
  cases.push_back(
      {"convert." + to + ".from." + from, target, [=] {
         Type toType(to), fromType(from);
         Elementwise given;
         given.inputs = from + " a";
         std::vector<Modifiers> ways;
         for (const std::string &text : modifiers) {
           ways.emplace_back(text);
           std::string name = "x" + text + "_";
           std::replace(name.begin(), name.end(), '.', '_');
           given.outputs +=
               (given.outputs.empty() ? "" : ", ") + to + " " + name;
           given.code +=
               "cvt" + text + "." + to + "." + from + " " + name + ", a;\n  ";
         }
         for (uint64_t value : valuesFor(toType, fromType))
           given.rows.push_back({value});
         given.tolerance.anyNan = fromType.isReal();
         given.reference = [=](const uint64_t *in, uint64_t *out) {
           for (const Modifiers &how : ways)
             *out++ = convert(toType, fromType, in[0], how);
         };
         return elementwise(target, given);
       }});
}

/// Conversions of two numbers into one register: a is the upper half. From
/// two registers ("f32") or from one ("f16x2").
void addPair(Cases &cases, const std::string &to, const std::string &from,
             const std::vector<std::string> &modifiers, Target target) {
  bool isPacked = from.find('x') != std::string::npos;
  std::string element = isPacked ? from.substr(0, from.size() - 2) : from;
  cases.push_back(
      {"convert." + to + "x2.from." + from, target, [=] {
         Type toType(to), fromType(element);
         unsigned width = toType.width(), fromWidth = fromType.width();
         Elementwise given;
         given.inputs = isPacked ? from + " a" : from + " a, " + from + " b";
         std::vector<Modifiers> ways;
         for (const std::string &text : modifiers) {
           ways.emplace_back(text);
           std::string name = "x" + text + "_";
           std::replace(name.begin(), name.end(), '.', '_');
           given.outputs +=
               (given.outputs.empty() ? "" : ", ") + to + "x2 " + name;
           given.code += "cvt" + text + "." + to + "x2." + from + " " + name +
                         (isPacked ? ", a;\n  " : ", a, b;\n  ");
         }
         std::vector<uint64_t> values = valuesFor(toType, fromType);
         // All bytes, each also in the other half; of others a sample.
         size_t step = values.size() > 4096 ? 61 : 1;
         for (size_t i = 0; i < values.size(); i += step) {
           uint64_t a = values[i], b = values[(i * 7 + 13) % values.size()];
           if (isPacked)
             given.rows.push_back({a | b << fromWidth});
           else
             given.rows.push_back({a, b});
         }
         given.tolerance.anyNan = true;
         given.reference = [=](const uint64_t *in, uint64_t *out) {
           uint64_t low = isPacked ? in[0] : in[1],
                    high = isPacked ? in[0] >> fromWidth : in[0];
           for (const Modifiers &how : ways)
             *out++ = convert(toType, fromType, low, how) |
                      convert(toType, fromType, high, how) << width;
         };
         return elementwise(target, given);
       }});
}
} // namespace

static void addReal(Cases &cases) {
  Target sm80, sm89 = {89, false, 81}, sm90 = {90, false, 80};
  std::vector<std::string> all = {".rn", ".rz", ".rm", ".rp"};
  add(cases, "f32", "f16", {"", ".sat", ".ftz"});
  add(cases, "f64", "f16", {""});
  add(cases, "f64", "f32", {"", ".ftz", ".sat"});
  add(cases, "f32", "bf16", {""}, sm90);
  add(cases, "f16", "f32",
      {".rn", ".rz", ".rm", ".rp", ".rn.ftz", ".rn.sat", ".rn.relu",
       ".rz.relu"});
  add(cases, "bf16", "f32", {".rn", ".rz", ".rn.relu", ".rz.relu"});
  add(cases, "tf32", "f32", {".rna"});
  cases.back().name = "convert.tf32.from.f32.rna";
  add(cases, "tf32", "f32", {".rn", ".rz", ".rn.relu", ".rz.relu"}, sm90);
  add(cases, "f16", "f64", all);
  add(cases, "f32", "f64",
      {".rn", ".rz", ".rm", ".rp", ".rn.ftz", ".rn.sat"});
  add(cases, "bf16", "f16", all, sm90);
  add(cases, "f16", "bf16", all, sm90);
  for (const char *type : {"f16", "f32", "f64"}) {
    add(cases, type, type, {".rni", ".rzi", ".rmi", ".rpi"});
    cases.back().name = "convert.to-integral." + std::string(type);
  }
  add(cases, "f32", "f32", {".ftz", ".sat", ".rni.ftz", ".rzi.sat"});
  cases.back().name = "convert.limits.f32";
  addPair(cases, "f16", "f32", {".rn", ".rz", ".rn.relu", ".rz.relu"}, sm80);
  addPair(cases, "bf16", "f32", {".rn", ".rz", ".rn.relu", ".rz.relu"}, sm80);
  for (const char *type : {"e4m3", "e5m2"}) {
    addPair(cases, type, "f32", {".rn.satfinite", ".rn.satfinite.relu"}, sm89);
    addPair(cases, type, "f16x2", {".rn.satfinite", ".rn.satfinite.relu"},
            sm89);
    addPair(cases, "f16", type + std::string("x2"), {".rn", ".rn.relu"}, sm89);
  }
}

void conformance::addConvertCases(Cases &cases) {
  addReal(cases);
  std::vector<std::string> integers = {"u8",  "s8",  "u16", "s16",
                                       "u32", "s32", "u64", "s64"};
  for (const std::string &type : integers) {
    for (const char *real : {"f16", "f32", "f64"}) {
      add(cases, real, type, {".rn", ".rz", ".rm", ".rp"});
      std::vector<std::string> ways = {".rni", ".rzi", ".rmi", ".rpi"};
      if (real == std::string("f32"))
        ways.push_back(".rni.ftz");
      add(cases, type, real, ways);
    }
    for (const std::string &other : integers) {
      if (other == type)
        continue;
      // .sat only where numbers can be out of range.
      Type to(type), from(other);
      bool fits = from.least() >= to.least() && from.most() <= to.most();
      add(cases, type, other,
          fits ? std::vector<std::string>{""}
               : std::vector<std::string>{"", ".sat"});
    }
  }
}
