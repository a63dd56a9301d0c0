//===- WgmmaCases.cpp - wgmma.mma_async -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Asynchronous warpgroup level matrix instructions". The input holds
// shared memory as it has to be: the elements of A and B where the layouts of
// Layouts.h put them, other bytes between. The output is every register of D.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "Wgmma.h"

using namespace attn;
using namespace attn::conformance;

static const Target sm90a = {90, true, 80};

static void add(Cases &cases, const std::string &name, const Wgmma &wgmma) {
  Target target = sm90a;
  // Integers of different types came later.
  if (wgmma.d == Element::s32 && wgmma.typeA != wgmma.typeB)
    target.ptxVersion = 84;
  cases.push_back({"wgmma." + name, target,
                   [=] { return wgmma.problem(target); }});
}

/// All types, with the layouts that everybody uses.
static void addTypes(Cases &cases) {
  struct Types {
    const char *a, *b, *d;
  };
  std::vector<Types> types = {{"f16", "f16", "f32"},
                              {"f16", "f16", "f16"},
                              {"bf16", "bf16", "f32"},
                              {"tf32", "tf32", "f32"}};
  for (const char *d : {"f32", "f16"})
    for (const char *a : {"e4m3", "e5m2"})
      for (const char *b : {"e4m3", "e5m2"})
        types.push_back({a, b, d});
  for (const char *a : {"s8", "u8"})
    for (const char *b : {"s8", "u8"})
      types.push_back({a, b, "s32"});
  for (const Types &each : types)
    for (unsigned n : {8, 16, 24, 64, 128, 136, 256})
      for (bool registers : {false, true}) {
        Wgmma wgmma;
        wgmma.a = elementCalled(each.a);
        wgmma.b = elementCalled(each.b);
        wgmma.typeA = each.a;
        wgmma.typeB = each.b;
        wgmma.d = elementCalled(each.d);
        // Integers: multiples of 16 from 32 on.
        wgmma.n = n == 136 && wgmma.d == Element::s32 ? 144 : n;
        wgmma.takesRegisters = registers;
        // With A in registers only some N.
        if (registers && n != 8 && n != 64 && n != 256)
          continue;
        wgmma.depth = 2 * wgmma.k();
        wgmma.layoutA.swizzle = wgmma.layoutB.swizzle = 128;
        add(cases,
            std::string(registers ? "rs." : "ss.") + each.d + "." + each.a +
                "." + each.b + ".n" + std::to_string(wgmma.n),
            wgmma);
      }
}

static std::string swizzleName(unsigned swizzle) {
  return swizzle ? "sw" + std::to_string(swizzle) : "plain";
}

/// Every swizzle and major of both operands. The strides go one way, the other
/// way, and leave room between.
static void addLayouts(Cases &cases) {
  for (unsigned swizzle : {0, 32, 64, 128})
    for (bool mnA : {false, true})
      for (bool mnB : {false, true})
        for (unsigned n : {64, 136})
          for (Strides strides : {Strides::mnFirst, Strides::kFirst,
                                  Strides::padded}) {
            if (n != 64 && strides != Strides::mnFirst)
              continue;
            Wgmma wgmma;
            wgmma.n = n;
            wgmma.depth = 64;
            wgmma.layoutA = {mnA, swizzle, 0, 0};
            wgmma.layoutB = {mnB, swizzle, 0, 0};
            wgmma.strides = strides;
            const char *names[] = {".mn-first", ".k-first", ".padded"};
            add(cases,
                "layout." + swizzleName(swizzle) + (mnA ? ".a-mn" : ".a-k") +
                    (mnB ? ".b-mn" : ".b-k") + ".n" + std::to_string(n) +
                    names[static_cast<int>(strides)],
                wgmma);
          }
  // One swizzle for A and another for B.
  for (unsigned swizzleA : {0, 32, 64, 128})
    for (unsigned swizzleB : {0, 32, 64, 128}) {
      if (swizzleA == swizzleB)
        continue;
      Wgmma wgmma;
      wgmma.n = 64;
      wgmma.depth = 64;
      wgmma.layoutA.swizzle = swizzleA;
      wgmma.layoutB = {true, swizzleB, 0, 0};
      add(cases,
          "layout.mixed." + swizzleName(swizzleA) + "." +
              swizzleName(swizzleB),
          wgmma);
    }
  // B along N with A in registers, as in P * V.
  for (unsigned swizzle : {0, 32, 64, 128})
    for (unsigned n : {8, 16, 64, 256}) {
      Wgmma wgmma;
      wgmma.n = n;
      wgmma.depth = 32;
      wgmma.takesRegisters = true;
      wgmma.layoutB = {true, swizzle, 0, 0};
      add(cases,
          "rs-mn." + swizzleName(swizzle) + ".n" + std::to_string(n), wgmma);
    }
  // Types of 8 and 32 bits in the other K-major layouts.
  for (const char *type : {"e4m3", "s8", "tf32"})
    for (unsigned swizzle : {0, 32, 64}) {
      Wgmma wgmma;
      wgmma.a = wgmma.b = elementCalled(type);
      wgmma.typeA = wgmma.typeB = type;
      wgmma.d = type == std::string("s8") ? Element::s32 : Element::f32;
      wgmma.n = 64;
      wgmma.depth = 4 * wgmma.k();
      wgmma.layoutA.swizzle = wgmma.layoutB.swizzle = swizzle;
      wgmma.strides = Strides::kFirst;
      add(cases, "layout." + swizzleName(swizzle) + "." + type, wgmma);
    }
}

/// scale-d, scale-a, scale-b, saturation, random numbers.
static void addOthers(Cases &cases) {
  for (int scaleA : {1, -1})
    for (int scaleB : {1, -1})
      for (bool scaleD : {false, true}) {
        Wgmma wgmma;
        wgmma.n = 32;
        wgmma.depth = 32;
        wgmma.layoutA.swizzle = wgmma.layoutB.swizzle = 64;
        wgmma.scaleA = scaleA;
        wgmma.scaleB = scaleB;
        wgmma.scaleD = scaleD;
        add(cases,
            std::string("scale") + (scaleA < 0 ? ".minus-a" : ".plus-a") +
                (scaleB < 0 ? ".minus-b" : ".plus-b") +
                (scaleD ? ".add" : ".replace"),
            wgmma);
      }
  for (bool satfinite : {false, true}) {
    Wgmma wgmma;
    wgmma.a = wgmma.b = Element::s8;
    wgmma.typeA = wgmma.typeB = "s8";
    wgmma.d = Element::s32;
    wgmma.n = 32;
    wgmma.depth = 32;
    wgmma.layoutA.swizzle = wgmma.layoutB.swizzle = 32;
    wgmma.overflows = true;
    wgmma.satfinite = satfinite;
    add(cases, satfinite ? "overflow.satfinite" : "overflow.wrap", wgmma);
  }
  for (const char *type : {"f16", "bf16", "tf32", "e4m3", "e5m2"})
    for (bool registers : {false, true}) {
      Wgmma wgmma;
      wgmma.a = wgmma.b = elementCalled(type);
      wgmma.typeA = wgmma.typeB = type;
      wgmma.n = 64;
      wgmma.depth = 4 * wgmma.k();
      wgmma.takesRegisters = registers;
      wgmma.layoutA.swizzle = wgmma.layoutB.swizzle = 128;
      wgmma.isExact = false;
      add(cases,
          std::string("numerics.") + (registers ? "rs." : "ss.") + type, wgmma);
    }
}

void conformance::addWgmmaCases(Cases &cases) {
  addTypes(cases);
  addLayouts(cases);
  addOthers(cases);
}
