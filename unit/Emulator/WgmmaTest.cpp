//===- WgmmaTest.cpp - wgmma against layouts enumerated on the host -------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operands are laid out in shared memory by the canonical layouts of the PTX
// ISA ("Asynchronous warpgroup matrix shared memory layout", "Canonical
// Layouts"), written down as CuTe layouts and evaluated here. Sums are fused
// multiply-adds in f32 in the order of k, which is what the emulator promises.
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

using namespace attn::emulator;
using namespace attn::test;

namespace {

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

struct Format {
  const char *name;
  unsigned bits, exponentBits, mantissaBits;
  bool isSigned = true;
  bool isInteger() const { return exponentBits == 0; }
  unsigned bytes() const { return bits / 8; }
};
const Format f16{"f16", 16, 5, 10}, bf16{"bf16", 16, 8, 7},
    tf32{"tf32", 32, 8, 23}, e4m3{"e4m3", 8, 4, 3}, e5m2{"e5m2", 8, 5, 2},
    s8{"s8", 8, 0, 0}, u8{"u8", 8, 0, 0, false};

double valueOf(const Format &format, uint32_t bits) {
  if (format.isInteger())
    return format.isSigned ? int8_t(bits) : double(bits);
  // The last 13 bits of tf32 do not count.
  if (format.bits == 32)
    bits &= 0xffffe000u;
  int bias = (1 << (format.exponentBits - 1)) - 1;
  int exponent =
      int(bits >> format.mantissaBits) & ((1 << format.exponentBits) - 1);
  double mantissa = bits & ((1u << format.mantissaBits) - 1);
  if (exponent == (1 << format.exponentBits) - 1 && &format != &e4m3)
    return mantissa != 0               ? NAN
           : bits >> (format.bits - 1) ? -INFINITY
                                       : INFINITY;
  if (&format == &e4m3 && (bits & 0x7f) == 0x7f)
    return NAN;
  mantissa = std::ldexp(mantissa, -int(format.mantissaBits));
  double magnitude = exponent ? std::ldexp(1 + mantissa, exponent - bias)
                              : std::ldexp(mantissa, 1 - bias);
  return bits >> (format.bits - 1) ? -magnitude : magnitude;
}

/// Bits of a number that is neither large nor NaN.
uint32_t randomBits(const Format &format, std::mt19937 &random) {
  uint32_t bits =
      random() & (format.bits == 32 ? ~0u : (1u << format.bits) - 1);
  if (format.isInteger())
    return bits;
  int bias = (1 << (format.exponentBits - 1)) - 1;
  uint32_t sign = bits & (1u << (format.bits - 1));
  uint32_t mantissa = bits & ((1u << format.mantissaBits) - 1);
  int exponent = std::max(0, bias + int(random() % 8) - 5);
  return sign | uint32_t(exponent) << format.mantissaBits | mantissa;
}

uint16_t toF16(float value) {
  if (value != value)
    return 0x7fff;
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  double magnitude = std::fabs(value);
  if (magnitude >= 65520)
    return sign | 0x7c00;
  int exponent = magnitude < 0x1p-14 ? -14 : std::ilogb(magnitude);
  double scaled = std::nearbyint(std::ldexp(magnitude, 10 - exponent));
  return sign | uint16_t(uint32_t(exponent + 14) * 1024 + uint32_t(scaled));
}

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

/// ((a, b, c) : (x, y, z)) of one dimension: digits and their strides, in
/// elements. The last digit has no end.
struct Mode {
  std::vector<unsigned> shape, stride;
  unsigned operator()(unsigned coordinate) const {
    unsigned offset = 0;
    for (size_t n = 0; n < stride.size(); ++n) {
      bool isLast = n + 1 == stride.size();
      offset += (isLast ? coordinate : coordinate % shape[n]) * stride[n];
      coordinate /= isLast ? 1 : shape[n];
    }
    return offset;
  }
};

/// How an operand of `extent` (M or N) by 32 bytes of K lies in shared memory.
struct OperandLayout {
  const Format &format;
  unsigned extent;
  bool isTransposed;
  unsigned swizzleBits;     ///< 0 none, 1 32 bytes, 2 64, 3 128
  unsigned leading, stride; ///< bytes
  Mode mn, k;
  unsigned bytes; ///< of all atoms

  OperandLayout(const Format &format, unsigned extent, bool isTransposed,
                unsigned swizzleBits, unsigned padding)
      : format(format), extent(extent), isTransposed(isTransposed),
        swizzleBits(swizzleBits) {
    const unsigned T = 16 / format.bytes(), size = format.bytes();
    const unsigned W = 1u << swizzleBits; // chunks of 16 bytes in a row
    // The atoms lie one after the other, `padding` patterns apart.
    const unsigned pattern = 8 * 16 * W;
    const unsigned step = pattern * (1 + padding);
    if (!isTransposed) {
      // ((8,m),(T,2k)):((W T,SBO),(1,T)), or ((1T,SBO),(1,LBO)) without swizzle
      stride = step;
      leading = swizzleBits ? 16 : step * (extent / 8);
      mn = {{8}, {W * T, stride / size}};
      k = {{T}, {1, swizzleBits ? T : leading / size}};
      bytes = (swizzleBits ? 1 : 2) * step * (extent / 8);
    } else {
      // ((T,W,m),(8,k)):((1,T,LBO),(W T,SBO)); without swizzle
      // ((T,1,m),(8,k)):((1,T,SBO),(1T,LBO))
      const unsigned groups = (extent + W * T - 1) / (W * T);
      const unsigned along = step, across = step * groups;
      leading = swizzleBits ? along : across;
      stride = swizzleBits ? across : along;
      mn = {{T, W}, {1, T, along / size}};
      k = {{8}, {W * T, across / size}};
      bytes = 2 * across;
    }
  }

  /// The address of an element in an operand at `base`.
  unsigned at(unsigned base, unsigned mnIndex, unsigned kIndex) const {
    unsigned address = base + (mn(mnIndex) + k(kIndex)) * format.bytes();
    // Swizzle<B, 4, 3>
    unsigned mask = (1u << swizzleBits) - 1;
    return address ^ ((address >> 7 & mask) << 4);
  }

  uint64_t descriptor(unsigned base) const {
    const uint64_t kinds[] = {0, 3, 2, 1};
    return base / 16 | uint64_t(leading / 16) << 16 |
           uint64_t(stride / 16) << 32 | kinds[swizzleBits] << 62;
  }
};

//===----------------------------------------------------------------------===//
// A product
//===----------------------------------------------------------------------===//

struct Product {
  unsigned columns = 64;
  const Format *a = &bf16, *b = &bf16;
  const char *sum = "f32";
  bool transposesA = false, transposesB = false;
  unsigned swizzleA = 3, swizzleB = 3;
  bool takesRegistersA = false;
  bool accumulates = true;
  int scaleA = 1, scaleB = 1;
  bool saturates = false;
  bool saturatesLast = false; ///< spelled at the end
  unsigned padding = 0;       ///< see OperandLayout
  unsigned seed = 0;
  /// Bytes from the beginning of the pattern to the operands: K-major tiles may
  /// begin at any chunk pair of the first row.
  unsigned offsetA = 0, offsetB = 0;
  /// Some elements are infinite or NaN.
  bool hasSpecials = false;
  /// Integer sums are near their limits before.
  bool isNearLimits = false;
};

constexpr unsigned sharedBegin = 1024, rows = 64;

std::string name(const Product &p) {
  return "m64n" + std::to_string(p.columns) + "k" +
         std::to_string(32 / p.b->bytes()) +
         (p.saturates && !p.saturatesLast ? ".satfinite" : "") + "." + p.sum +
         "." + p.a->name + "." + p.b->name +
         (p.saturates && p.saturatesLast ? ".satfinite" : "");
}

std::string list(const char *letter, unsigned first, unsigned count) {
  std::string text = "{";
  for (unsigned n = 0; n < count; ++n)
    text += (n ? ", %" : "%") + std::string(letter) + std::to_string(first + n);
  return text + "}";
}

/// "wgmma.mma_async ...;" with the descriptors %d1 and %d2, A in %r200 and up.
std::string instruction(const Product &p, unsigned registers) {
  std::string text =
      "wgmma.mma_async.sync.aligned." + name(p) + " " +
      list(std::string(p.sum) == "f32" ? "f" : "r", 0, registers) + ", " +
      (p.takesRegistersA ? list("r", 200, 4) : "%d1") + ", %d2, %p1";
  if (!p.a->isInteger())
    text += ", " + std::to_string(p.scaleA) + ", " + std::to_string(p.scaleB);
  if (p.b->bits == 16) {
    if (!p.takesRegistersA)
      text += p.transposesA ? ", 1" : ", 0";
    text += p.transposesB ? ", 1" : ", 0";
  }
  return text + ";\n";
}

/// Copies buffer 0 to shared memory and makes it known to the async proxy.
std::string copyToShared(unsigned bytes) {
  return R"(
    mov.u32 %r300, shared;
    mov.u32 %r301, %thread;
copy:
    setp.ge.u32 %p0, %r301, )" +
         std::to_string(bytes / 4) + R"(;
    @%p0 bra copied;
    mul.wide.u32 %d0, %r301, 4;
    add.u64 %d0, %b0, %d0;
    ld.global.b32 %r302, [%d0];
    shl.b32 %r303, %r301, 2;
    add.u32 %r303, %r300, %r303;
    st.shared.b32 [%r303], %r302;
    add.u32 %r301, %r301, 128;
    bra copy;
copied:
    fence.proxy.async.shared::cta;
    bar.sync 0;
)";
}

/// Loads or stores `count` registers at buffer `n`, thread by thread.
std::string registersAt(const char *operation, unsigned buffer,
                        const char *letter, unsigned first, unsigned count) {
  std::string text = "mul.wide.u32 %d0, %thread, " + std::to_string(count * 4) +
                     ";\nadd.u64 %d0, %b" + std::to_string(buffer) + ", %d0;\n";
  for (unsigned n = 0; n < count; ++n) {
    std::string reg = "%" + std::string(letter) + std::to_string(first + n),
                place = "[%d0+" + std::to_string(4 * n) + "]";
    bool isLoad = std::string(operation) == "ld.global.b32";
    text += std::string(operation) + " " + (isLoad ? reg : place) + ", " +
            (isLoad ? place : reg) + ";\n";
  }
  return text;
}

/// Runs a product and compares every bit of D.
void check(const Product &p) {
  SCOPED_TRACE(name(p) + (p.takesRegistersA ? " RS" : " SS") + ", swizzles " +
               std::to_string(p.swizzleA) + " " + std::to_string(p.swizzleB) +
               ", transposes " + std::to_string(p.transposesA) + " " +
               std::to_string(p.transposesB) + ", padding " +
               std::to_string(p.padding));
  const unsigned depth = 32 / p.b->bytes();
  const bool isHalf = std::string(p.sum) == "f16";
  const bool isInteger = p.a->isInteger();
  const unsigned registers = isHalf ? p.columns / 4 : p.columns / 2;
  std::mt19937 random(p.seed * 977 + p.columns);

  // Matrices.
  std::vector<std::vector<uint32_t>> a(rows, std::vector<uint32_t>(depth)),
      b(p.columns, std::vector<uint32_t>(depth));
  for (auto &row : a)
    for (uint32_t &element : row)
      element = randomBits(*p.a, random);
  for (auto &row : b)
    for (uint32_t &element : row)
      element = randomBits(*p.b, random);

  if (p.hasSpecials)
    for (unsigned n = 0; n < 12; ++n) {
      unsigned digits = p.b->mantissaBits, sign = random() % 2;
      uint32_t infinity = ((2u << p.b->exponentBits) - 1) << digits;
      auto &matrix = n % 2 ? a : b;
      matrix[random() % matrix.size()][random() % depth] =
          (infinity >> 1 & (~0u << digits)) | sign << (p.b->bits - 1) |
          (n >= 10 || p.b == &e4m3 ? (1u << digits) - 1 : 0);
    }

  // Their places: what is no element is NaN, or the largest integer.
  OperandLayout layoutA(*p.a, rows, p.transposesA, p.swizzleA, p.padding),
      layoutB(*p.b, p.columns, p.transposesB, p.swizzleB, p.padding);
  const unsigned baseA = sharedBegin;
  const unsigned baseB = baseA + (layoutA.bytes + 1023) / 1024 * 1024 + 1024;
  const unsigned end = baseB + (layoutB.bytes + 1023) / 1024 * 1024 + 1024;
  std::vector<uint8_t> image(end - sharedBegin, 0x7f);
  auto place = [&](const OperandLayout &layout, unsigned base,
                   const std::vector<std::vector<uint32_t>> &matrix) {
    for (unsigned mn = 0; mn < matrix.size(); ++mn)
      for (unsigned k = 0; k < depth; ++k)
        std::memcpy(&image[layout.at(base, mn, k) - sharedBegin],
                    &matrix[mn][k], layout.format.bytes());
  };
  place(layoutA, baseA + p.offsetA, a);
  place(layoutB, baseB + p.offsetB, b);

  // Registers, by thread: D before, and A.
  std::vector<uint32_t> sums(128 * registers), fragments(128 * 4);
  for (uint32_t &sum : sums)
    sum = p.isNearLimits ? 0x7fff0000 + random() % 0x20000
          : isInteger    ? uint32_t(random())
          : isHalf ? toF16(float(random() % 64) / 8 - 4) |
                         uint32_t(toF16(float(random() % 64) / 8 - 4)) << 16
                   : [&] {
                       float value = float(random() % 1024) / 64 - 8;
                       uint32_t bits;
                       std::memcpy(&bits, &value, 4);
                       return bits;
                     }();
  // PTX ISA, "Register fragments for wgmma.mma_async": row and column of
  // element i of a thread.
  const unsigned perRegister = 4 / p.a->bytes();
  for (unsigned t = 0; t < 128; ++t)
    for (unsigned i = 0; i < 4 * perRegister; ++i) {
      unsigned reg = i / perRegister, lane = t % 32;
      unsigned row = t / 32 * 16 + lane / 4 + (reg % 2 ? 8 : 0);
      unsigned column =
          lane % 4 * perRegister + i % perRegister + (reg >= 2 ? depth / 2 : 0);
      fragments[t * 4 + reg] |= a[row][column] << (i % perRegister * p.a->bits);
    }

  TestKernel kernel;
  kernel.sharedBytes = end - sharedBegin;
  kernel.buffers = {image, bytesOf(sums), bytesOf(fragments)};
  const char *letter = std::string(p.sum) == "f32" ? "f" : "r";
  kernel.body =
      copyToShared(end - sharedBegin) +
      registersAt("ld.global.b32", 1, letter, 0, registers) +
      registersAt("ld.global.b32", 2, "r", 200, 4) + "mov.b64 %d1, " +
      std::to_string(layoutA.descriptor(baseA + p.offsetA)) +
      ";\nmov.b64 %d2, " +
      std::to_string(layoutB.descriptor(baseB + p.offsetB)) +
      ";\nsetp.eq.u32 %p1, %r300, " + (p.accumulates ? "1024" : "0") +
      ";\nwgmma.fence.sync.aligned;\n" + instruction(p, registers) +
      "wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;\n" +
      registersAt("st.global.b32", 1, letter, 0, registers);
  auto result = run(kernel);
  ASSERT_TRUE(result) << result.error();
  ASSERT_TRUE(result->ok()) << result->reports[0].str();
  const std::vector<uint32_t> got = wordsOf(kernel.buffers[1]);

  unsigned wrong = 0;
  for (unsigned t = 0; t < 128; ++t)
    for (unsigned i = 0; i < p.columns / 2; ++i) {
      unsigned row = t / 32 * 16 + t % 32 / 4 + (i % 4 >= 2 ? 8 : 0);
      unsigned column = i / 4 * 8 + t % 4 * 2 + i % 2;
      unsigned reg = isHalf ? i / 2 : i, shift = isHalf ? i % 2 * 16 : 0;
      uint32_t before = sums[t * registers + reg] >> shift;
      uint32_t wanted, given = got[t * registers + reg] >> shift;
      if (isInteger) {
        int64_t sum = p.accumulates ? int64_t(int32_t(before)) : 0;
        for (unsigned k = 0; k < depth; ++k)
          sum +=
              int64_t(valueOf(*p.a, a[row][k]) * valueOf(*p.b, b[column][k]));
        if (p.saturates)
          sum = std::min<int64_t>(std::max<int64_t>(sum, INT32_MIN), INT32_MAX);
        wanted = uint32_t(sum);
      } else {
        float sum = 0;
        if (p.accumulates && isHalf)
          sum = float(valueOf(f16, before & 0xffff));
        else if (p.accumulates)
          std::memcpy(&sum, &before, 4);
        for (unsigned k = 0; k < depth; ++k)
          sum = std::fma(float(p.scaleA * valueOf(*p.a, a[row][k])),
                         float(p.scaleB * valueOf(*p.b, b[column][k])), sum);
        if (isHalf)
          wanted = toF16(sum);
        else
          std::memcpy(&wanted, &sum, 4);
        if (sum != sum && !isHalf)
          wanted = 0x7fffffff;
      }
      if (isHalf)
        given &= 0xffff;
      if (given != wanted && ++wrong < 4)
        ADD_FAILURE() << "row " << row << ", column " << column << ": "
                      << std::hex << given << " instead of " << wanted;
    }
  EXPECT_EQ(wrong, 0u);
}

//===----------------------------------------------------------------------===//
// Shapes, types and layouts
//===----------------------------------------------------------------------===//

TEST(Wgmma, AllNumbersOfColumns) {
  for (unsigned n = 8; n <= 256; n += 8)
    for (bool takesRegistersA : {false, true}) {
      Product product;
      product.columns = n;
      product.takesRegistersA = takesRegistersA;
      product.a = product.b = n % 16 ? &f16 : &bf16;
      product.transposesB = n % 24 == 0;
      check(product);
      if (testing::Test::HasFailure())
        return;
    }
}

TEST(Wgmma, AllSwizzlesAndMajors) {
  for (unsigned swizzleA = 0; swizzleA < 4; ++swizzleA)
    for (unsigned swizzleB = 0; swizzleB < 4; ++swizzleB)
      for (unsigned transposes = 0; transposes < 4; ++transposes)
        for (unsigned padding = 0; padding < 3; ++padding) {
          Product product;
          product.columns = padding == 2 ? 136 : 96;
          product.swizzleA = swizzleA;
          product.swizzleB = swizzleB;
          product.transposesA = transposes & 1;
          product.transposesB = transposes & 2;
          product.padding = padding;
          check(product);
          if (testing::Test::HasFailure())
            return;
        }
}

TEST(Wgmma, AllTypes) {
  struct Types {
    const Format *a, *b;
    const char *sum;
  };
  for (Types types : {Types{&f16, &f16, "f32"}, Types{&f16, &f16, "f16"},
                      Types{&bf16, &bf16, "f32"}, Types{&tf32, &tf32, "f32"},
                      Types{&e4m3, &e4m3, "f32"}, Types{&e4m3, &e5m2, "f32"},
                      Types{&e5m2, &e4m3, "f16"}, Types{&e5m2, &e5m2, "f32"},
                      Types{&e4m3, &e4m3, "f16"}, Types{&e5m2, &e5m2, "f16"},
                      Types{&s8, &s8, "s32"}, Types{&s8, &u8, "s32"},
                      Types{&u8, &s8, "s32"}, Types{&u8, &u8, "s32"}})
    for (unsigned variant = 0; variant < 16; ++variant) {
      Product product;
      product.columns = variant & 4 ? 32 : 176;
      product.a = types.a;
      product.b = types.b;
      product.sum = types.sum;
      product.takesRegistersA = variant & 1;
      product.accumulates = variant & 2;
      product.saturates = types.a->isInteger() && variant & 8;
      product.swizzleA = variant % 4;
      product.swizzleB = variant / 4 % 4;
      product.padding = variant % 3;
      product.seed = variant;
      check(product);
      if (testing::Test::HasFailure())
        return;
    }
}

/// Sums near both limits: some of them, and only those, stay there.
TEST(Wgmma, SumsOfIntegersSaturate) {
  for (const Format *a : {&s8, &u8})
    for (const Format *b : {&s8, &u8})
      for (unsigned variant = 0; variant < 8; ++variant) {
        Product product;
        product.columns = 64;
        product.a = a;
        product.b = b;
        product.sum = "s32";
        product.isNearLimits = true;
        product.saturates = variant & 3;
        product.saturatesLast = variant & 1;
        product.takesRegistersA = variant & 4;
        product.seed = variant;
        check(product);
      }
}

TEST(Wgmma, ScalesNegate) {
  for (const Format *format : {&f16, &bf16, &tf32, &e4m3})
    for (int scaleA : {1, -1})
      for (int scaleB : {1, -1}) {
        Product product;
        product.a = product.b = format;
        product.scaleA = scaleA;
        product.scaleB = scaleB;
        product.takesRegistersA = scaleA != scaleB;
        check(product);
      }
}

TEST(Wgmma, InfinitiesAndNaNs) {
  for (const Format *format : {&f16, &bf16, &tf32, &e5m2, &e4m3})
    for (unsigned seed = 0; seed < 4; ++seed) {
      Product product;
      product.a = product.b = format;
      product.hasSpecials = true;
      product.seed = seed;
      product.takesRegistersA = seed % 2;
      if (format->bits == 8 && seed > 1)
        product.sum = "f16";
      check(product);
    }
}

TEST(Wgmma, TilesMayBeginInTheFirstRowOfAPattern) {
  for (unsigned swizzle = 1; swizzle < 4; ++swizzle)
    for (unsigned offset = 0; offset < (16u << swizzle); offset += 32)
      for (const Format *format : {&bf16, &tf32, &e5m2}) {
        Product product;
        product.a = product.b = format;
        product.swizzleA = product.swizzleB = swizzle;
        product.offsetA = offset;
        product.offsetB = (16u << swizzle) - 32 - offset;
        check(product);
      }
}

} // namespace
