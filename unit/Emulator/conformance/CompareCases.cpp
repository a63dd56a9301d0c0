//===- CompareCases.cpp - setp and set ------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Comparison and selection instructions".
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "Elementwise.h"

using namespace attn;
using namespace attn::conformance;

using Strings = std::vector<std::string>;

/// What a comparison operator says; those for unsigned numbers are the same as
/// the usual ones here, where numbers have their values.
static bool holds(const std::string &name, Wide a, Wide b) {
  bool unordered = isNan(a) || isNan(b);
  if (name == "num")
    return !unordered;
  if (name == "nan")
    return unordered;
  bool orUnordered = name.size() == 3;
  std::string base = name.substr(0, 2);
  if (unordered)
    return orUnordered;
  if (base == "eq")
    return a == b;
  if (base == "ne")
    return a != b;
  if (base == "lt" || base == "lo")
    return a < b;
  if (base == "le" || base == "ls")
    return a <= b;
  if (base == "gt" || base == "hi")
    return a > b;
  return a >= b;
}

static bool combine(const std::string &logic, bool a, bool b) {
  return logic == "and" ? a && b : logic == "or" ? a || b : a != b;
}

static Strings operatorsFor(const std::string &type) {
  Element element = elementCalled(type);
  if (isFloat(element))
    return {"eq",  "ne",  "lt",  "le",  "gt",  "ge",  "equ",
            "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};
  if (type[0] == 'b')
    return {"eq", "ne"};
  if (type[0] == 's')
    return {"eq", "ne", "lt", "le", "gt", "ge"};
  return {"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs"};
}

/// p = a op b for all operators of a type, with .ftz where `ftz` says so.
static void addOperators(Cases &cases, const std::string &type, bool ftz,
                         Target target) {
  std::string name = type + (ftz ? ".ftz" : "");
  cases.push_back(
      {"compare.setp." + name, target, [=] {
         Element element = elementCalled(type);
         Strings operators = operatorsFor(type);
         Elementwise given;
         given.inputs = type + " a, " + type + " b";
         for (const std::string &op : operators) {
           given.outputs += (given.outputs.empty() ? "pred " : ", pred ") + op +
                            "_";
           given.code += "setp." + op + (ftz ? ".ftz." : ".") + type + " " +
                         op + "_, a, b;\n  ";
         }
         given.rows = rowsFor(given.inputs, 256, 10);
         given.reference = [=](const uint64_t *in, uint64_t *out) {
           Wide a = decode(element, in[0]), b = decode(element, in[1]);
           if (ftz) {
             a = flush(element, a);
             b = flush(element, b);
           }
           for (const std::string &op : operators)
             *out++ = holds(op, a, b);
         };
         return elementwise(target, given);
       }});
}

/// p|q = (a op b) logic c, and set with its results for each type.
static void addCombinations(Cases &cases) {
  const Strings operators = {"lt", "geu", "neu", "eq"};
  for (std::string logic : {"and", "or", "xor"})
    cases.push_back(
        {"compare.combined." + logic, {}, [=] {
           Elementwise given;
           given.inputs = "f32 a, f32 b, b32 c";
           given.code = "setp.gt.s32 %p, c, 0;\n  ";
           for (const std::string &op : operators) {
             std::string suffix = op + "_";
             given.outputs += (given.outputs.empty() ? "pred p" : ", pred p") +
                              suffix + ", pred q" + suffix + ", b32 m" +
                              suffix + ", f32 f" + suffix;
             given.code +=
                 fill("setp.$O.$L.f32 p$O_|q$O_, a, b, %p;\n"
                      "  set.$O.$L.u32.f32 m$O_, a, b, !%p;\n"
                      "  set.$O.$L.ftz.f32.f32 f$O_, a, b, %p;\n  ",
                      {{"O", op}, {"L", logic}});
           }
           given.rows = rowsFor(given.inputs, 512, 11);
           given.reference = [=](const uint64_t *in, uint64_t *out) {
             Wide a = decode(Element::f32, in[0]),
                  b = decode(Element::f32, in[1]);
             Wide fa = flush(Element::f32, a), fb = flush(Element::f32, b);
             bool c = static_cast<int32_t>(in[2]) > 0;
             for (const std::string &op : operators) {
               bool result = holds(op, a, b);
               *out++ = combine(logic, result, c);
               *out++ = combine(logic, !result, c);
               *out++ = combine(logic, result, !c) ? 0xffffffff : 0;
               *out++ = combine(logic, holds(op, fa, fb), c)
                            ? encode(Element::f32, 1)
                            : 0;
             }
           };
           return elementwise({}, given);
         }});
}

/// Pairs of halves: a predicate each, and masks of 16 bits.
static void addPairs(Cases &cases, const std::string &type, Target target) {
  cases.push_back(
      {"compare.pairs." + type, target, [=] {
         Element element = elementCalled(type);
         const Strings operators = {"eq", "lt", "leu", "neu", "num"};
         Elementwise given;
         given.inputs = type + "x2 a, " + type + "x2 b";
         for (const std::string &op : operators) {
           given.outputs += fill(
               "$FIRSTpred p$O_, pred q$O_, b16x2 m$O_, $Tx2 f$O_",
               {{"FIRST", given.outputs.empty() ? "" : ", "},
                {"O", op},
                {"T", type}});
           given.code += fill("setp.$O.$Tx2 p$O_|q$O_, a, b;\n"
                              "  set.$O.u32.$Tx2 m$O_, a, b;\n"
                              "  set.$O.$Tx2.$Tx2 f$O_, a, b;\n  ",
                              {{"O", op}, {"T", type}});
         }
         given.rows = rowsFor(given.inputs, 512, 12);
         given.reference = [=](const uint64_t *in, uint64_t *out) {
           for (const std::string &op : operators) {
             for (int part = 0; part < 2; ++part) {
               Wide a = decode(element, in[0] >> (16 * part)),
                    b = decode(element, in[1] >> (16 * part));
               bool result = holds(op, a, b);
               out[part] = result;
               out[2] |= result ? uint64_t(0xffff) << (16 * part) : 0;
               out[3] |= result ? encode(element, 1) << (16 * part) : 0;
             }
             out += 4;
           }
         };
         return elementwise(target, given);
       }});
}

void conformance::addCompareCases(Cases &cases) {
  Target sm80, sm90 = {90, false, 80};
  for (const char *type : {"b16", "b32", "b64", "u16", "u32", "u64", "s16",
                           "s32", "s64", "f32", "f64", "f16"})
    addOperators(cases, type, false, sm80);
  addOperators(cases, "f32", true, sm80);
  addOperators(cases, "f16", true, sm80);
  addOperators(cases, "bf16", false, sm90);
  addCombinations(cases);
  addPairs(cases, "f16", sm80);
  addPairs(cases, "bf16", sm90);
}
