//===- MmaCases.cpp - mma.sync --------------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "mma". Four warps multiply matrices of their own. The numbers of the
// exact cases are small integers, so that every order of summation gives the
// same; the others are random and compared with a tolerance.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "Elementwise.h"
#include "Layouts.h"

#include <cmath>

using namespace attn;
using namespace attn::conformance;

namespace {
constexpr unsigned warps = 4, lanes = 32, columns = 8;

struct Shape {
  unsigned m, k;
  const char *a, *b, *c; ///< types; that of D is C's
  Target target = {};
  bool satfinite = false;

  Element elementA() const { return elementCalled(a); }
  Element elementC() const { return elementCalled(c); }
  unsigned perRegister() const { return 4 / bytesOf(elementA()); }
  unsigned registersA() const { return m * k / lanes / perRegister(); }
  unsigned registersB() const { return columns * k / lanes / perRegister(); }
  unsigned elementsC() const { return m * columns / lanes; }
  unsigned perRegisterC() const {
    return elementC() == Element::f16 ? 2 : 1;
  }

  /// "m16n8k16.f32.bf16.bf16"
  std::string name() const {
    return "m" + std::to_string(m) + "n8k" + std::to_string(k) + "." + c + "." +
           a + "." + b + (satfinite ? ".satfinite" : "");
  }
  std::string instruction() const {
    return "mma.sync.aligned.m" + std::to_string(m) + "n8k" +
           std::to_string(k) + ".row.col" + (satfinite ? ".satfinite" : "") +
           "." + c + "." + a + "." + b + "." + c;
  }
};

std::vector<Shape> makeShapes() {
  const Target sm80, sm89 = {89, false, 84}, sm89New = {89, false, 87};
  std::vector<Shape> shapes = {
      {16, 8, "f16", "f16", "f32"},   {16, 16, "f16", "f16", "f32"},
      {16, 8, "f16", "f16", "f16"},   {16, 16, "f16", "f16", "f16"},
      {16, 8, "bf16", "bf16", "f32"}, {16, 16, "bf16", "bf16", "f32"},
      {16, 4, "tf32", "tf32", "f32"}, {16, 8, "tf32", "tf32", "f32"},
  };
  for (unsigned k : {16, 32}) {
    for (const char *a : {"s8", "u8"})
      for (const char *b : {"s8", "u8"})
        for (bool satfinite : {false, true})
          shapes.push_back({16, k, a, b, "s32", sm80, satfinite});
    for (const char *a : {"e4m3", "e5m2"})
      for (const char *b : {"e4m3", "e5m2"})
        for (const char *c : {"f32", "f16"}) {
          bool isOld = k == 32 && c == std::string("f32");
          shapes.push_back({16, k, a, b, c, isOld ? sm89 : sm89New});
        }
  }
  return shapes;
}

struct Operands {
  Matrix a, b, c;
};

uint64_t number(Element element, bool isExact, Random &random) {
  if (!isFloat(element))
    return random.next() & (~uint64_t(0) >> (64 - bytesOf(element) * 8));
  if (isExact)
    return ofInteger(element, random.between(-4, 4));
  return encode(element, random.unit() * 2 - 1);
}

Operands operandsOf(const Shape &shape, unsigned warp, bool isExact) {
  Random random(25 + warp);
  Operands of{{shape.m, shape.k, shape.elementA()},
              {shape.k, columns, elementCalled(shape.b)},
              {shape.m, columns, shape.elementC()}};
  for (uint64_t &bits : of.a.bits)
    bits = number(of.a.element, isExact, random);
  for (uint64_t &bits : of.b.bits)
    bits = number(of.b.element, isExact, random);
  for (uint64_t &bits : of.c.bits) {
    if (isFloat(of.c.element))
      bits = number(of.c.element, isExact, random);
    // Sums that leave the range of s32 and sums that do not.
    else
      bits = uint32_t(random.below(2) ? random.between(-100, 100)
                      : random.below(2) ? INT32_MAX - int(random.below(1000))
                                        : INT32_MIN + int(random.below(1000)));
  }
  return of;
}

/// D = A * B + C.
uint64_t product(const Shape &shape, const Operands &of, unsigned row,
                 unsigned column) {
  Wide sum = of.c.value(row, column);
  for (unsigned k = 0; k < shape.k; ++k) {
    Wide a = of.a.value(row, k), b = of.b.value(k, column);
    sum += a * b;
  }
  if (isFloat(of.c.element))
    return encode(of.c.element, sum);
  auto exact = static_cast<int64_t>(sum);
  if (shape.satfinite)
    exact = std::min(std::max(exact, int64_t(INT32_MIN)), int64_t(INT32_MAX));
  return static_cast<uint32_t>(exact);
}

/// "{a0, a1}", and their declarations as operands.
std::string list(const char *name, unsigned count, const std::string &type,
                 std::string &operands) {
  std::string list;
  for (unsigned i = 0; i < count; ++i) {
    std::string one = name + std::to_string(i);
    list += (i ? ", " : "") + one;
    operands += (operands.empty() ? "" : ", ") + type + " " + one;
  }
  return "{" + list + "}";
}

/// The registers of all threads.
Rows registersOf(const Shape &shape, bool isExact) {
  Rows rows;
  for (unsigned warp = 0; warp < warps; ++warp) {
    Operands of = operandsOf(shape, warp, isExact);
    unsigned per = shape.perRegister(), width = bytesOf(of.a.element) * 8;
    for (unsigned lane = 0; lane < lanes; ++lane) {
      std::vector<uint64_t> row;
      for (unsigned r = 0; r < shape.registersA(); ++r) {
        row.push_back(0);
        for (unsigned e = 0; e < per; ++e) {
          Place at = placeOfA(lane, r, e, per, shape.m);
          row.back() |= of.a.at(at.row, at.column) << (e * width);
        }
      }
      for (unsigned r = 0; r < shape.registersB(); ++r) {
        row.push_back(0);
        for (unsigned e = 0; e < per; ++e) {
          Place at = placeOfB(lane, r, e, per);
          row.back() |= of.b.at(at.row, at.column) << (e * width);
        }
      }
      for (unsigned i = 0; i < shape.elementsC(); ++i) {
        Place at = placeOfC(lane, i);
        unsigned part = i % shape.perRegisterC();
        if (part == 0)
          row.push_back(0);
        row.back() |= of.c.at(at.row, at.column) << (part * 16);
      }
      rows.push_back(row);
    }
  }
  return rows;
}

std::string expectedOf(const Shape &shape, bool isExact) {
  std::vector<Operands> operands;
  for (unsigned warp = 0; warp < warps; ++warp)
    operands.push_back(operandsOf(shape, warp, isExact));
  std::string all;
  unsigned per = shape.perRegisterC();
  for (unsigned r = 0; r < shape.elementsC() / per; ++r)
    for (unsigned thread = 0; thread < warps * lanes; ++thread)
      for (unsigned e = 0; e < per; ++e) {
        Place at = placeOfC(thread % lanes, r * per + e);
        append(all,
               product(shape, operands[thread / lanes], at.row, at.column),
               bytesOf(shape.elementC()));
      }
  return all;
}

Problem problemOf(const Shape &shape, bool isExact) {
  unsigned per = shape.perRegisterC();
  std::string typeC = shape.c + std::string(per == 2 ? "x2" : "");
  Elementwise given;
  unsigned registersC = shape.elementsC() / per;
  std::string a = list("a", shape.registersA(), "b32", given.inputs),
              b = list("b", shape.registersB(), "b32", given.inputs),
              c = list("c", registersC, typeC, given.inputs),
              d = list("d", registersC, typeC, given.outputs);
  given.code = shape.instruction() + " " + d + ", " + a + ", " + b + ", " + c +
               ";";
  given.rows = registersOf(shape, isExact);
  if (!isExact) {
    // The products are exact. Their sum loses a few bits below its largest
    // part, which is at most 1: of f32 about 2^-22 for each product, of fp8 on
    // Hopper up to 2^-13; f16 is rounded as such.
    double part = shape.elementC() == Element::f16 ? 0x1p-9
                  : bytesOf(shape.elementA()) == 1 ? 0x1p-12
                                                   : 0x1p-21;
    given.tolerance = {1, part * shape.k, true};
  }
  Problem problem = elementwise(shape.target, given);
  problem.where = [=](const Output &output, uint32_t thread, uint32_t e) {
    unsigned r = output.name[1] - '0';
    Place at = placeOfC(thread % lanes, r * per + e);
    return "row " + std::to_string(at.row) + ", column " +
           std::to_string(at.column) + " (lane " +
           std::to_string(thread % lanes) + ") of warp " +
           std::to_string(thread / lanes);
  };
  problem.expected = [=] { return expectedOf(shape, isExact); };
  return problem;
}
} // namespace

void conformance::addMmaCases(Cases &cases) {
  static const std::vector<Shape> shapes = makeShapes();
  for (const Shape &shape : shapes) {
    cases.push_back({"mma." + shape.name(), shape.target,
                     [&shape] { return problemOf(shape, true); }});
    if (isFloat(shape.elementC()))
      cases.push_back({"mma.numerics." + shape.name(), shape.target,
                       [&shape] { return problemOf(shape, false); }});
  }
}
