//===- HalfCases.cpp - Arithmetic of f16 and bf16 -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Half precision floating-point instructions": one number, and two
// in a register.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "Elementwise.h"

using namespace attn;
using namespace attn::conformance;

namespace {
enum class Kind { add, sub, mul, fma, min, max, neg, abs };

/// One instruction without its type.
struct Spelling {
  const char *text;
  Kind kind;
  bool ftz = false, sat = false, relu = false, nan = false, xorsign = false;
};

const Spelling f16Arithmetic[] = {
    {"add.rn", Kind::add},
    {"add.rn.ftz", Kind::add, true},
    {"add.rn.sat", Kind::add, false, true},
    {"sub.rn", Kind::sub},
    {"sub.rn.ftz.sat", Kind::sub, true, true},
    {"mul.rn", Kind::mul},
    {"mul.rn.ftz", Kind::mul, true},
    {"mul.rn.sat", Kind::mul, false, true},
};
const Spelling f16Fma[] = {
    {"fma.rn", Kind::fma},
    {"fma.rn.ftz", Kind::fma, true},
    {"fma.rn.sat", Kind::fma, false, true},
    {"fma.rn.relu", Kind::fma, false, false, true},
    {"fma.rn.ftz.relu", Kind::fma, true, false, true},
};
const Spelling f16Others[] = {
    {"min", Kind::min},
    {"max", Kind::max},
    {"min.ftz", Kind::min, true},
    {"min.NaN", Kind::min, false, false, false, true},
    {"max.NaN", Kind::max, false, false, false, true},
    {"max.ftz.NaN", Kind::max, true, false, false, true},
};
const Spelling bf16Arithmetic[] = {
    {"add.rn", Kind::add}, {"sub.rn", Kind::sub}, {"mul.rn", Kind::mul}};
const Spelling bf16Fma[] = {
    {"fma.rn", Kind::fma}, {"fma.rn.relu", Kind::fma, false, false, true}};
const Spelling bf16Others[] = {
    {"min", Kind::min},
    {"max", Kind::max},
    {"min.NaN", Kind::min, false, false, false, true},
    {"max.NaN", Kind::max, false, false, false, true},
};
const Spelling xorsign[] = {
    {"min.xorsign.abs", Kind::min, false, false, false, false, true},
    {"max.xorsign.abs", Kind::max, false, false, false, false, true},
};
const Spelling signs[] = {{"neg", Kind::neg}, {"abs", Kind::abs}};
const Spelling f16Signs[] = {
    {"neg", Kind::neg}, {"abs", Kind::abs}, {"neg.ftz", Kind::neg, true}};

unsigned operandsFor(Kind kind) {
  return kind == Kind::fma ? 3 : kind == Kind::neg || kind == Kind::abs ? 1 : 2;
}

uint64_t extreme(Element element, const Spelling &spelling, Wide a, Wide b) {
  // The sign of a NaN counts as well.
  bool negative = isNegative(a) != isNegative(b);
  if (spelling.xorsign) {
    a = absolute(a);
    b = absolute(b);
  }
  bool less = a < b || (a == b && isNegative(a) && !isNegative(b));
  Wide result = less == (spelling.kind == Kind::min) ? a : b;
  if (isNan(a) || isNan(b)) {
    if (spelling.nan || (isNan(a) && isNan(b)))
      return nanOf(element);
    result = isNan(a) ? b : a;
  }
  return encode(element, spelling.xorsign && negative ? -result : result);
}

uint64_t compute(Element element, const Spelling &spelling,
                 const uint64_t *bits) {
  Wide v[3] = {};
  for (unsigned k = 0; k < operandsFor(spelling.kind); ++k) {
    v[k] = decode(element, bits[k]);
    if (spelling.ftz)
      v[k] = flush(element, v[k]);
  }
  Wide result = 0;
  switch (spelling.kind) {
  case Kind::add:
    result = addOdd(v[0], v[1]);
    break;
  case Kind::sub:
    result = addOdd(v[0], -v[1]);
    break;
  case Kind::mul:
    result = v[0] * v[1];
    break;
  case Kind::fma:
    result = multiplyAddOdd(v[0], v[1], v[2]);
    break;
  case Kind::min:
  case Kind::max:
    return extreme(element, spelling, v[0], v[1]);
  case Kind::neg:
  case Kind::abs: {
    uint64_t sign = uint64_t(1) << 15;
    uint64_t flushed = spelling.ftz ? flushBits(element, bits[0]) : bits[0];
    return spelling.kind == Kind::neg ? flushed ^ sign : flushed & ~sign;
  }
  }
  uint64_t rounded = encode(element, result);
  if (spelling.ftz)
    rounded = flushBits(element, rounded);
  Wide value = decode(element, rounded);
  if (spelling.sat) {
    if (isNan(value) || isNegative(value) || value == 0)
      return 0;
    return value > 1 ? encode(element, 1) : rounded;
  }
  // .relu: negative numbers become +0, NaN stays.
  if (spelling.relu && !isNan(value) && isNegative(value))
    return 0;
  return rounded;
}

template <size_t count>
void add(Cases &cases, const std::string &name, Target target, Element element,
         const Spelling (&spellings)[count]) {
  for (unsigned packed : {1u, 2u}) {
    std::string type =
        nameOf(element) + std::string(packed == 2 ? "x2" : "");
    cases.push_back(
        {"half." + name + "." + type, target, [=, &spellings] {
           unsigned operands = operandsFor(spellings[0].kind);
           Elementwise given;
           for (unsigned k = 0; k < operands; ++k)
             given.inputs += (k ? ", " : "") + type + " " +
                             static_cast<char>('a' + k);
           for (const Spelling &spelling : spellings) {
             std::string out = spelling.text;
             for (char &c : out)
               c = c == '.' ? '_' : c;
             given.outputs +=
                 (given.outputs.empty() ? "" : ", ") + type + " " + out + "_";
             given.code += std::string(spelling.text) + "." + type + " " +
                           out + "_" +
                           std::string(", a, b, c").substr(0, operands * 3) +
                           ";\n  ";
           }
           given.rows = rowsFor(given.inputs, operands == 3 ? 1024 : 512, 9);
           // The bits of a NaN whose sign is changed are not specified.
           given.tolerance.anyNan = spellings[0].kind == Kind::neg;
           given.reference = [=, &spellings](const uint64_t *in,
                                             uint64_t *out) {
             for (size_t s = 0; s < count; ++s)
               for (unsigned part = 0; part < packed; ++part) {
                 uint64_t bits[3] = {};
                 for (unsigned k = 0; k < operands; ++k)
                   bits[k] = in[k] >> (16 * part) & 0xffff;
                 out[s] |= compute(element, spellings[s], bits)
                           << (16 * part);
               }
           };
           return elementwise(target, given);
         }});
  }
}
} // namespace

void conformance::addHalfCases(Cases &cases) {
  Target sm80, sm86 = {86, false, 80}, sm90 = {90, false, 80};
  add(cases, "arithmetic", sm80, Element::f16, f16Arithmetic);
  add(cases, "fma", sm80, Element::f16, f16Fma);
  add(cases, "extremes", sm80, Element::f16, f16Others);
  add(cases, "extremes-xorsign", sm86, Element::f16, xorsign);
  add(cases, "signs", sm80, Element::f16, f16Signs);
  add(cases, "arithmetic", sm90, Element::bf16, bf16Arithmetic);
  add(cases, "fma", sm80, Element::bf16, bf16Fma);
  add(cases, "extremes", sm80, Element::bf16, bf16Others);
  add(cases, "extremes-xorsign", sm86, Element::bf16, xorsign);
  add(cases, "signs", sm80, Element::bf16, signs);
}
