//===- FloatCases.cpp - Arithmetic of f32 and f64 -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Floating-point instructions", those that round correctly. Results
// that are NaN have fixed bits for f32 but not for f64.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "Elementwise.h"

using namespace attn;
using namespace attn::conformance;

namespace {
/// Of f32: NaNs are 0x7fffffff. Of f64: any.
Tolerance toleranceOf(Element element) {
  Tolerance tolerance;
  tolerance.anyNan = element == Element::f64;
  return tolerance;
}

using Operation = Wide (*)(const Wide *, Rounding);

/// A sum of exactly 0 from numbers of different signs is -0 if it is rounded
/// down, else +0.
Wide sum(Wide a, Wide b, Rounding rounding) {
  Wide result = addOdd(a, b);
  if (result == 0 && isNegative(a) != isNegative(b))
    return rounding == Rounding::down ? -Wide(0) : Wide(0);
  return result;
}

struct Kind {
  const char *name;
  unsigned operands;
  Operation operation;
  bool canSaturate;
};

const Kind kinds[] = {
    {"add", 2, [](const Wide *v, Rounding r) { return sum(v[0], v[1], r); },
     true},
    {"sub", 2, [](const Wide *v, Rounding r) { return sum(v[0], -v[1], r); },
     true},
    {"mul", 2, [](const Wide *v, Rounding) { return v[0] * v[1]; }, true},
    {"fma", 3,
     [](const Wide *v, Rounding r) { return sum(v[0] * v[1], v[2], r); }, true},
    {"div", 2, [](const Wide *v, Rounding) { return divide(v[0], v[1]); },
     false},
    {"rcp", 1, [](const Wide *v, Rounding) { return divide(1, v[0]); }, false},
    {"sqrt", 1, [](const Wide *v, Rounding) { return squareRoot(v[0]); },
     false},
};

/// One way to spell an instruction.
struct Variant {
  std::string modifiers;
  Rounding rounding;
  bool ftz, sat;
};

std::vector<Variant> variantsOf(const Kind &kind, Element element) {
  std::vector<Variant> variants;
  const std::pair<const char *, Rounding> roundings[] = {
      {".rn", Rounding::nearest},
      {".rz", Rounding::zero},
      {".rm", Rounding::down},
      {".rp", Rounding::up}};
  for (auto [name, rounding] : roundings) {
    variants.push_back({name, rounding, false, false});
    if (element == Element::f32)
      variants.push_back({std::string(name) + ".ftz", rounding, true, false});
  }
  if (element == Element::f32 && kind.canSaturate) {
    variants.push_back({".rn.sat", Rounding::nearest, false, true});
    variants.push_back({".rp.ftz.sat", Rounding::up, true, true});
  }
  return variants;
}

uint64_t compute(const Kind &kind, const Variant &variant, Element element,
                 const uint64_t *in) {
  Wide values[3];
  for (unsigned k = 0; k < kind.operands; ++k) {
    values[k] = decode(element, in[k]);
    if (variant.ftz)
      values[k] = flush(element, values[k]);
  }
  Wide result = kind.operation(values, variant.rounding);
  if (variant.sat && isNan(result))
    return 0;
  uint64_t bits = encode(element, result, variant.rounding);
  if (variant.ftz)
    bits = flushBits(element, bits);
  if (!variant.sat)
    return bits;
  Wide rounded = decode(element, bits);
  if (isNegative(rounded) || rounded == 0)
    return 0;
  return rounded > 1 ? encode(element, 1) : bits;
}

std::string inputsOf(unsigned operands, Element element) {
  std::string inputs;
  for (unsigned k = 0; k < operands; ++k)
    inputs += (k ? ", " : "") + std::string(nameOf(element)) + " " +
              static_cast<char>('a' + k);
  return inputs;
}
} // namespace

static void addRounded(Cases &cases, const Kind &kind, Element element) {
  std::string type = nameOf(element);
  cases.push_back(
      {"float." + std::string(kind.name) + "." + type, {}, [=] {
         std::vector<Variant> variants = variantsOf(kind, element);
         Elementwise given;
         given.inputs = inputsOf(kind.operands, element);
         given.tolerance = toleranceOf(element);
         for (const Variant &variant : variants) {
           std::string name = "x" + variant.modifiers;
           for (char &c : name)
             c = c == '.' ? '_' : c;
           given.outputs +=
               (given.outputs.empty() ? "" : ", ") + type + " " + name;
           given.code += kind.name + variant.modifiers + "." + type + " " +
                         name + ", " +
                         (kind.operands == 1   ? "a"
                          : kind.operands == 2 ? "a, b"
                                               : "a, b, c") +
                         ";\n  ";
         }
         given.rows = rowsFor(given.inputs, kind.operands == 1 ? 256 : 640, 3);
         given.reference = [=](const uint64_t *in, uint64_t *out) {
           for (const Variant &variant : variants)
             *out++ = compute(kind, variant, element, in);
         };
         return elementwise({}, given);
       }});
}

//===----------------------------------------------------------------------===//
// Minimum, maximum, signs
//===----------------------------------------------------------------------===//

/// -0 is less than +0. A NaN gives way unless it is to be kept.
static uint64_t extreme(Element element, uint64_t a, uint64_t b, bool isMax,
                        bool keepsNan) {
  Wide x = decode(element, a), y = decode(element, b);
  if (isNan(x) || isNan(y)) {
    if (keepsNan || (isNan(x) && isNan(y)))
      return nanOf(element);
    return isNan(x) ? b : a;
  }
  bool less = x < y || (x == y && isNegative(x) && !isNegative(y));
  return less != isMax ? a : b;
}

static void addExtremes(Cases &cases) {
  cases.push_back(
      {"float.extremes.f32", {}, [] {
         Elementwise given;
         given.inputs = "f32 a, f32 b";
         given.outputs = "f32 low, f32 high, f32 low_ftz, f32 high_ftz, "
                         "f32 low_nan, f32 high_nan, f32 high_ftz_nan";
         given.code = R"(min.f32 low, a, b;
  max.f32 high, a, b;
  min.ftz.f32 low_ftz, a, b;
  max.ftz.f32 high_ftz, a, b;
  min.NaN.f32 low_nan, a, b;
  max.NaN.f32 high_nan, a, b;
  max.ftz.NaN.f32 high_ftz_nan, a, b;)";
         given.rows = rowsFor(given.inputs, 512, 4);
         given.reference = [](const uint64_t *in, uint64_t *out) {
           uint64_t a = in[0], b = in[1];
           uint64_t fa = flushBits(Element::f32, a),
                    fb = flushBits(Element::f32, b);
           for (bool keeps : {false, true}) {
             uint64_t *to = out + (keeps ? 4 : 0);
             to[0] = extreme(Element::f32, a, b, false, keeps);
             to[1] = extreme(Element::f32, a, b, true, keeps);
           }
           out[2] = extreme(Element::f32, fa, fb, false, false);
           out[3] = extreme(Element::f32, fa, fb, true, false);
           out[6] = extreme(Element::f32, fa, fb, true, true);
         };
         return elementwise({}, given);
       }});
  Target sm86 = {86, false, 80};
  cases.push_back(
      {"float.extremes-xorsign.f32", sm86, [=] {
         Elementwise given;
         given.inputs = "f32 a, f32 b";
         given.outputs = "f32 low, f32 high, f32 low_nan, f32 high_nan";
         given.code = R"(min.xorsign.abs.f32 low, a, b;
  max.xorsign.abs.f32 high, a, b;
  min.NaN.xorsign.abs.f32 low_nan, a, b;
  max.NaN.xorsign.abs.f32 high_nan, a, b;)";
         given.rows = rowsFor(given.inputs, 512, 5);
         given.reference = [](const uint64_t *in, uint64_t *out) {
           // The sign of a NaN counts as well.
           constexpr uint64_t sign = 0x80000000;
           for (int i = 0; i < 4; ++i) {
             out[i] = extreme(Element::f32, in[0] & ~sign, in[1] & ~sign, i & 1,
                              i & 2);
             if (!isNan(decode(Element::f32, out[i])))
               out[i] |= (in[0] ^ in[1]) & sign;
           }
         };
         return elementwise(sm86, given);
       }});
  cases.push_back({"float.extremes.f64", {}, [] {
                     Elementwise given;
                     given.inputs = "f64 a, f64 b";
                     given.outputs = "f64 low, f64 high";
                     given.code = "min.f64 low, a, b;\n  max.f64 high, a, b;";
                     given.rows = rowsFor(given.inputs, 512, 6);
                     given.tolerance = toleranceOf(Element::f64);
                     given.reference = [](const uint64_t *in, uint64_t *out) {
                       for (int i = 0; i < 2; ++i)
                         out[i] = extreme(Element::f64, in[0], in[1], i, false);
                     };
                     return elementwise({}, given);
                   }});
}

static void addSigns(Cases &cases) {
  cases.push_back(
      {"float.signs", {}, [] {
         Elementwise given;
         given.inputs = "f32 a, f32 b, f64 c, f64 d";
         given.outputs = "f32 negated, f32 negated_ftz, f32 absolute, "
                         "f32 absolute_ftz, f32 copied, f64 negated64, "
                         "f64 absolute64, f64 copied64";
         given.code = R"(neg.f32 negated, a;
  neg.ftz.f32 negated_ftz, a;
  abs.f32 absolute, a;
  abs.ftz.f32 absolute_ftz, a;
  copysign.f32 copied, a, b;
  neg.f64 negated64, c;
  abs.f64 absolute64, c;
  copysign.f64 copied64, c, d;)";
         given.rows = rowsFor(given.inputs, 384, 7);
         given.tolerance.anyNan = true;
         given.reference = [](const uint64_t *in, uint64_t *out) {
           constexpr uint64_t s32 = uint64_t(1) << 31, s64 = uint64_t(1) << 63;
           uint64_t f = flushBits(Element::f32, in[0]);
           out[0] = in[0] ^ s32;
           out[1] = f ^ s32;
           out[2] = in[0] & ~s32;
           out[3] = f & ~s32;
           // The sign comes from the first operand.
           out[4] = (in[1] & ~s32) | (in[0] & s32);
           out[5] = in[2] ^ s64;
           out[6] = in[2] & ~s64;
           out[7] = (in[3] & ~s64) | (in[2] & s64);
         };
         return elementwise({}, given);
       }});
}

/// finite, infinite, number, notanumber, normal, subnormal.
static void classify(Element element, uint64_t bits, uint64_t *out) {
  Wide value = decode(element, bits);
  bool isFinite = !isNan(value) && !isInfinite(value);
  // Zeros count as normal.
  bool isSmall = value != 0 && absolute(value) < smallestNormal(element);
  out[0] = isFinite;
  out[1] = isInfinite(value);
  out[2] = !isNan(value);
  out[3] = isNan(value);
  out[4] = isFinite && !isSmall;
  out[5] = isFinite && isSmall;
}

static void addClasses(Cases &cases) {
  cases.push_back(
      {"float.classes", {}, [] {
         Elementwise given;
         given.inputs = "f32 a, f64 b";
         int number = 0;
         for (const char *type : {"f32 ", "f64 "})
           for (const char *property : {"finite", "infinite", "number",
                                        "notanumber", "normal", "subnormal"}) {
             std::string name = property + std::string(type, 3);
             given.outputs += (number++ ? ", pred " : "pred ") + name;
             given.code += "testp." + std::string(property) + "." +
                           std::string(type, 3) + " " + name + ", " +
                           (type[1] == '3' ? "a" : "b") + ";\n  ";
           }
         given.rows = rowsFor(given.inputs, 512, 8);
         given.reference = [](const uint64_t *in, uint64_t *out) {
           classify(Element::f32, in[0], out);
           classify(Element::f64, in[1], out + 6);
         };
         return elementwise({}, given);
       }});
}

void conformance::addFloatCases(Cases &cases) {
  for (Element element : {Element::f32, Element::f64})
    for (const Kind &kind : kinds)
      addRounded(cases, kind, element);
  addExtremes(cases);
  addSigns(cases);
  addClasses(cases);
}
