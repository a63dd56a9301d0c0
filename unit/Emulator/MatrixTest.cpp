//===- MatrixTest.cpp - ldmatrix, stmatrix, movmatrix, mma.sync -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fragments are taken apart and put together here by the formulas of the PTX
// ISA, "Matrix fragments for mma", element by element.
//
//===----------------------------------------------------------------------===//

#include "PtxRunner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace attn;
using namespace attn::test;

namespace {

// What runLines runs.
constexpr int threads = 128;

//===----------------------------------------------------------------------===//
// ldmatrix, stmatrix, movmatrix
//===----------------------------------------------------------------------===//

/// The element at a place of shared memory, counted in elements.
uint16_t elementAt(uint32_t index) { return static_cast<uint16_t>(3 * index); }

/// How the modifiers are spelled, and the address given.
struct Spelling {
  bool isCountFirst; ///< ".x4.trans.m8n8", not ".m8n8.x4.trans"
  const char *space;
  bool isWide; ///< the address has 64 bits

  std::string modifiers(int count, bool transposed) const {
    std::string choice =
        ".x" + std::to_string(count) + (transposed ? ".trans" : "");
    return ".sync.aligned" +
           (isCountFirst ? choice + ".m8n8" : ".m8n8" + choice) + space +
           ".b16 ";
  }
  /// Instructions that make %d9 of the address in %r7.
  std::string widen() const {
    return std::string("cvt.u64.u32 %d9, %r7;\n") +
           (*space ? "" : "cvta.shared.u64 %d9, %d9;\n");
  }
  std::string address() const { return isWide ? "[%d9]" : "[%r7]"; }
};
const Spelling spellings[] = {{false, ".shared", false},
                              {true, ".shared", false},
                              {false, ".shared::cta", true},
                              {true, ".shared::cta", false},
                              {false, "", true},
                              {true, "", true}};

/// Every thread writes 16 bytes; then each warp of 32 threads loads `count`
/// matrices, the rows of which are all over its 512 bytes.
void testLoad(int count, bool transposed, const Spelling &spelling) {
  std::string list = "%r10", name = "x" + std::to_string(count);
  PtxLines lines;
  lines.inputs = {"%r0", "%r1", "%r2", "%r3", "%r4"};
  lines.outputs = {"%r10"};
  for (int n = 1; n < count; ++n) {
    list += ", %r1" + std::to_string(n);
    lines.outputs.push_back("%r1" + std::to_string(n));
  }
  lines.text = "mov.u32 %r5, %tid.x;\nmov.u32 %r6, shared;\n"
               "mad.lo.u32 %r7, %r5, 16, %r6;\n"
               "st.shared.v4.b32 [%r7], {%r1, %r2, %r3, %r4};\n"
               "bar.sync 0;\n"
               "mad.lo.u32 %r7, %r0, 16, %r6;\n" +
               spelling.widen() + "ldmatrix" +
               spelling.modifiers(count, transposed) + "{" + list + "}, " +
               spelling.address() + ";\n";
  std::vector<Column> inputs(5, Column(threads));
  auto rowOf = [](int thread) { // within the warp, any order
    return thread / 32 * 32 + (thread * 11 + 5) % 32;
  };
  for (int t = 0; t < threads; ++t) {
    inputs[0][t] = rowOf(t);
    for (int n = 0; n < 4; ++n)
      inputs[1 + n][t] = elementAt(8 * t + 2 * n) |
                         uint32_t(elementAt(8 * t + 2 * n + 1)) << 16;
  }
  auto outputs = runLines(lines, inputs);
  ASSERT_TRUE(outputs) << outputs.error();
  for (int n = 0; n < count; ++n)
    for (int t = 0; t < threads; ++t)
      for (int e = 0; e < 2; ++e) {
        int row = t % 32 / 4, column = 2 * (t % 4) + e;
        if (transposed)
          std::swap(row, column);
        // Lane 8n + r gives the address of row r of matrix n.
        int from = rowOf(t / 32 * 32 + 8 * n + row);
        uint16_t got = static_cast<uint16_t>((*outputs)[n][t] >> (16 * e));
        EXPECT_EQ(got, elementAt(8 * from + column))
            << name << " thread " << t << " matrix " << n << " element " << e;
      }
}

TEST(Matrix, Load) {
  for (int count : {1, 2, 4})
    for (bool transposed : {false, true})
      for (const Spelling &spelling : spellings)
        testLoad(count, transposed, spelling);
}

/// stmatrix, then each thread reads 16 bytes.
void testStore(int count, bool transposed, const Spelling &spelling) {
  std::string list = "%r1", name = "x" + std::to_string(count);
  PtxLines lines;
  lines.inputs = {"%r0"};
  for (int n = 0; n < count; ++n) {
    lines.inputs.push_back("%r" + std::to_string(1 + n));
    list += n ? ", %r" + std::to_string(1 + n) : "";
  }
  lines.outputs = {"%r10", "%r11", "%r12", "%r13"};
  lines.text = "mov.u32 %r5, %tid.x;\nmov.u32 %r6, shared;\n"
               "mad.lo.u32 %r7, %r5, 16, %r6;\n"
               "st.shared.v4.b32 [%r7], {-1, -1, -1, -1};\n"
               "bar.sync 0;\n"
               "mov.b32 %r8, %r7;\nmad.lo.u32 %r7, %r0, 16, %r6;\n" +
               spelling.widen() + "stmatrix" +
               spelling.modifiers(count, transposed) + spelling.address() +
               ", {" + list +
               "};\nbar.sync 0;\n"
               "ld.shared.v4.b32 {%r10, %r11, %r12, %r13}, [%r8];\n";
  std::vector<Column> inputs(1 + count, Column(threads));
  auto rowOf = [](int thread) {
    return thread / 32 * 32 + (thread * 7 + 3) % 32;
  };
  auto value = [](int thread, int matrix, int element) {
    return static_cast<uint16_t>(thread * 8 + matrix * 2 + element);
  };
  std::vector<uint16_t> wanted(threads * 8, 0xffff);
  for (int t = 0; t < threads; ++t) {
    inputs[0][t] = rowOf(t);
    for (int n = 0; n < count; ++n) {
      inputs[1 + n][t] = value(t, n, 0) | uint32_t(value(t, n, 1)) << 16;
      for (int e = 0; e < 2; ++e) {
        int row = t % 32 / 4, column = 2 * (t % 4) + e;
        if (transposed)
          std::swap(row, column);
        wanted[8 * rowOf(t / 32 * 32 + 8 * n + row) + column] = value(t, n, e);
      }
    }
  }
  auto outputs = runLines(lines, inputs);
  ASSERT_TRUE(outputs) << outputs.error();
  for (int t = 0; t < threads; ++t)
    for (int n = 0; n < 8; ++n)
      EXPECT_EQ(static_cast<uint16_t>((*outputs)[n / 2][t] >> (16 * (n % 2))),
                wanted[8 * t + n])
          << name << " row " << t << " element " << n;
}

TEST(Matrix, Store) {
  for (int count : {1, 2, 4})
    for (bool transposed : {false, true})
      for (const Spelling &spelling : spellings)
        testStore(count, transposed, spelling);
}

TEST(Matrix, Move) {
  Column values(threads);
  for (int t = 0; t < threads; ++t)
    values[t] = (2 * t) | (2 * t + 1) << 16;
  auto outputs = runLines(
      {"movmatrix.sync.aligned.m8n8.trans.b16 %r1, %r0;", {"%r0"}, {"%r1"}},
      {values});
  ASSERT_TRUE(outputs) << outputs.error();
  for (int t = 0; t < threads; ++t)
    for (int e = 0; e < 2; ++e) {
      int row = t % 32 / 4, column = 2 * (t % 4) + e;
      EXPECT_EQ((*outputs)[0][t] >> (16 * e) & 0xffff,
                uint64_t(64 * (t / 32) + 8 * column + row));
    }
}

//===----------------------------------------------------------------------===//
// mma.sync
//===----------------------------------------------------------------------===//

/// Where an element of a fragment is in its matrix.
struct Place {
  int row, column;
};

/// A shape with its types.
struct Shape {
  int k;
  std::string a, b; ///< types
  std::string c;    ///< "f32", "f16" or "s32"
  int bits;         ///< of an element of A and B

  int perRegister() const { return 32 / bits; }
  int countA() const { return 16 * k / 32 / perRegister(); }
  int countB() const { return countA() / 2; }
  int countC() const { return c == "f16" ? 2 : 4; }

  // Element i of lane l, as the ISA numbers them.
  Place placeA(int l, int i) const {
    int group = l >> 2, t = l % 4;
    if (bits == 16 && k == 16)
      return {i < 2 || (i >= 4 && i < 6) ? group : group + 8,
              t * 2 + (i & 1) + (i < 4 ? 0 : 8)};
    if (bits == 16)
      return {i < 2 ? group : group + 8, t * 2 + (i & 1)};
    if (bits == 32 && k == 4)
      return {i == 0 ? group : group + 8, t};
    if (bits == 32)
      return {i == 0 || i == 2 ? group : group + 8, i < 2 ? t : t + 4};
    if (k == 16)
      return {i < 4 ? group : group + 8, t * 4 + (i & 3)};
    return {i < 4 || (i >= 8 && i < 12) ? group : group + 8,
            t * 4 + (i & 3) + (i < 8 ? 0 : 16)};
  }
  Place placeB(int l, int i) const {
    int group = l >> 2, t = l % 4;
    if (bits == 16 && k == 16)
      return {t * 2 + (i & 1) + (i < 2 ? 0 : 8), group};
    if (bits == 16)
      return {t * 2 + (i & 1), group};
    if (bits == 32)
      return {i == 0 ? t : t + 4, group};
    if (k == 16)
      return {t * 4 + i, group};
    return {t * 4 + (i & 3) + (i < 4 ? 0 : 16), group};
  }
  static Place placeC(int l, int i) {
    return {i < 2 ? l >> 2 : (l >> 2) + 8, l % 4 * 2 + (i & 1)};
  }

  std::string spelling(bool saturates) const {
    return "mma.sync.aligned.m16n8k" + std::to_string(k) + ".row.col" +
           (saturates ? ".satfinite" : "") + "." + c + "." + a + "." + b + "." +
           c;
  }
};

float f16Value(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  float value = exponent == 31 ? (fraction ? NAN : INFINITY)
                : exponent     ? std::ldexp(1024.f + fraction, exponent - 25)
                               : std::ldexp(float(fraction), -24);
  return bits & 0x8000 ? -value : value;
}

/// By search: among all numbers the nearest, and of two the even one.
uint16_t f16Bits(float value) {
  if (std::isnan(value))
    return 0x7fff;
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  double magnitude = std::fabs(value);
  if (magnitude >= 65520)
    return sign | 0x7c00;
  int low = 0, high = 0x7bff;
  while (low < high) {
    int middle = (low + high + 1) / 2;
    if (f16Value(static_cast<uint16_t>(middle)) <= magnitude)
      low = middle;
    else
      high = middle - 1;
  }
  double below = f16Value(static_cast<uint16_t>(low)),
         above =
             low == 0x7bff ? 65536 : f16Value(static_cast<uint16_t>(low + 1));
  bool isUp = magnitude - below > above - magnitude ||
              (magnitude - below == above - magnitude && low % 2);
  return static_cast<uint16_t>(sign | (low + isUp));
}

float e4m3Value(uint8_t bits) {
  int exponent = bits >> 3 & 15, fraction = bits & 7;
  float value = (bits & 0x7f) == 0x7f ? NAN
                : exponent ? std::ldexp(8.f + fraction, exponent - 10)
                           : std::ldexp(float(fraction), -9);
  return bits & 0x80 ? -value : value;
}

/// The number that an element stands for.
double valueOf(const std::string &type, uint32_t bits) {
  if (type == "f16")
    return f16Value(static_cast<uint16_t>(bits));
  if (type == "bf16")
    return f32(bits << 16);
  if (type == "tf32")
    return f32(bits & 0xffffe000);
  if (type == "e4m3")
    return e4m3Value(static_cast<uint8_t>(bits));
  if (type == "e5m2")
    return f16Value(static_cast<uint16_t>(bits << 8));
  if (type == "s8")
    return static_cast<int8_t>(bits);
  return bits; // u8
}

using Generator = std::function<uint32_t(const std::string &type)>;

/// A product per warp, with elements from the generator.
void testProduct(const Shape &shape, const Generator &generate,
                 bool saturates = false) {
  PtxLines lines;
  auto registers = [&](int first, int count, std::vector<std::string> *names) {
    std::string list;
    for (int n = 0; n < count; ++n) {
      std::string name = "%r" + std::to_string(first + n);
      list += (n ? ", " : "") + name;
      if (names)
        names->push_back(name);
    }
    return "{" + list + "}";
  };
  lines.text = shape.spelling(saturates) + " " +
               registers(20, shape.countC(), &lines.outputs) + ", ";
  lines.text += registers(0, shape.countA(), &lines.inputs) + ", ";
  lines.text += registers(8, shape.countB(), &lines.inputs) + ", ";
  lines.text += registers(12, shape.countC(), &lines.inputs) + ";";

  constexpr int warps = threads / 32;
  std::vector<Column> inputs(lines.inputs.size(), Column(threads, 0));
  std::vector<std::vector<uint32_t>> a(warps), b(warps), c(warps);
  const int per = shape.perRegister(), perC = shape.c == "f16" ? 2 : 1;
  for (int w = 0; w < warps; ++w) {
    a[w].resize(16 * shape.k);
    b[w].resize(8 * shape.k);
    c[w].resize(16 * 8);
    for (uint32_t &element : a[w])
      element = generate(shape.a);
    for (uint32_t &element : b[w])
      element = generate(shape.b);
    for (uint32_t &element : c[w])
      element = generate(shape.c);
    for (int l = 0; l < 32; ++l) {
      Column *column = inputs.data();
      auto put = [&](int i, int per, uint32_t element) {
        column[i / per][32 * w + l] |= uint64_t(element)
                                       << (i % per * 32 / per);
      };
      for (int i = 0; i < shape.countA() * per; ++i) {
        Place place = shape.placeA(l, i);
        put(i, per, a[w][place.row * shape.k + place.column]);
      }
      column += shape.countA();
      for (int i = 0; i < shape.countB() * per; ++i) {
        Place place = shape.placeB(l, i);
        put(i, per, b[w][place.row * 8 + place.column]);
      }
      column += shape.countB();
      for (int i = 0; i < 4; ++i) {
        Place place = Shape::placeC(l, i);
        put(i, perC, c[w][place.row * 8 + place.column]);
      }
    }
  }

  auto outputs = runLines(lines, inputs);
  ASSERT_TRUE(outputs) << lines.text << "\n" << outputs.error();
  int wrong = 0;
  for (int t = 0; t < threads; ++t)
    for (int i = 0; i < 4; ++i) {
      Place place = Shape::placeC(t % 32, i);
      const auto &rowA = a[t / 32], &rowB = b[t / 32];
      uint32_t bitsC = c[t / 32][place.row * 8 + place.column], wanted;
      auto each = [&](auto add) {
        for (int n = 0; n < shape.k; ++n)
          add(valueOf(shape.a, rowA[place.row * shape.k + n]),
              valueOf(shape.b, rowB[n * 8 + place.column]));
      };
      if (shape.c == "s32") {
        int64_t sum = static_cast<int32_t>(bitsC);
        each([&](double x, double y) {
          sum += static_cast<int64_t>(x) * static_cast<int64_t>(y);
        });
        if (saturates)
          sum = std::min<int64_t>(std::max<int64_t>(sum, INT32_MIN), INT32_MAX);
        wanted = static_cast<uint32_t>(sum);
      } else {
        float sum = shape.c == "f16" ? f16Value(static_cast<uint16_t>(bitsC))
                                     : f32(bitsC);
        each([&](double x, double y) {
          sum = std::fma(static_cast<float>(x), static_cast<float>(y), sum);
        });
        wanted = shape.c == "f16"  ? f16Bits(sum)
                 : std::isnan(sum) ? 0x7fffffff
                                   : static_cast<uint32_t>(bits(sum));
      }
      uint32_t got =
          static_cast<uint32_t>((*outputs)[i / perC][t] >> (i % perC * 16));
      if (perC == 2)
        got &= 0xffff;
      if (got != wanted && ++wrong < 5)
        ADD_FAILURE() << lines.text << ": D[" << place.row << "]["
                      << place.column << "] is " << std::hex << got
                      << " instead of " << wanted;
    }
  EXPECT_EQ(wrong, 0) << lines.text;
}

std::vector<Shape> allShapes() {
  std::vector<Shape> shapes = {
      {16, "f16", "f16", "f32", 16},   {16, "f16", "f16", "f16", 16},
      {16, "bf16", "bf16", "f32", 16}, {8, "f16", "f16", "f32", 16},
      {8, "f16", "f16", "f16", 16},    {8, "bf16", "bf16", "f32", 16},
      {4, "tf32", "tf32", "f32", 32},  {8, "tf32", "tf32", "f32", 32}};
  for (int k : {16, 32}) {
    for (const char *a : {"s8", "u8"})
      for (const char *b : {"s8", "u8"})
        shapes.push_back({k, a, b, "s32", 8});
    for (const char *a : {"e4m3", "e5m2"})
      for (const char *b : {"e4m3", "e5m2"})
        for (const char *c : {"f32", "f16"})
          shapes.push_back({k, a, b, c, 8});
  }
  return shapes;
}

/// All bits, which includes infinities and NaN.
uint32_t anyBits(std::mt19937 &random, const std::string &type) {
  uint32_t bits = static_cast<uint32_t>(random());
  return type == "f32" || type == "s32" || type == "tf32" ? bits
         : type == "f16" || type == "bf16"                ? bits & 0xffff
                                                          : bits & 0xff;
}

TEST(Matrix, ProductsOfAnyNumbers) {
  std::mt19937 random(1);
  for (const Shape &shape : allShapes())
    for (int n = 0; n < 3; ++n)
      testProduct(shape, [&](const std::string &type) {
        return anyBits(random, type);
      });
}

TEST(Matrix, ProductsOfUsualNumbers) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (const Shape &shape : allShapes())
    testProduct(shape, [&](const std::string &type) -> uint32_t {
      float value = normal(random);
      uint32_t single = static_cast<uint32_t>(bits(value));
      if (type == "f32" || type == "tf32")
        return single;
      if (type == "bf16")
        return single >> 16;
      if (type == "f16")
        return f16Bits(value);
      if (type == "e5m2")
        return f16Bits(value) >> 8;
      if (type == "e4m3") // no NaN
        return random() % 0x7f | (random() & 0x80);
      return anyBits(random, type);
    });
}

TEST(Matrix, SumsOfIntegersSaturate) {
  for (const char *a : {"s8", "u8"})
    for (int k : {16, 32})
      for (int32_t c : {INT32_MAX - 100, INT32_MIN + 100, 0})
        for (bool saturates : {false, true})
          testProduct(
              {k, a, "s8", "s32", 8},
              [&](const std::string &type) -> uint32_t {
                return type == "s32"  ? c
                       : type == "u8" ? 255
                       : c < 0        ? 128
                                      : 127;
              },
              saturates);
}

} // namespace
