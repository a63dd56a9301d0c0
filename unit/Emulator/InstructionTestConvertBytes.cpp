//===- InstructionTestConvertBytes.cpp - cvt of numbers of 8 bits ---------===//
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
#include <cstring>

using namespace attn::test;

namespace {

/// e4m3 has no infinity, and NaN only where all bits are set.
struct Byte {
  std::string name;
  bool isE4M3;

  double value(uint64_t bits) const {
    if (!isE4M3)
      return layoutE5M2.value(bits);
    if ((bits & 0x7f) == 0x7f)
      return std::nan("");
    auto field = static_cast<int>(bits >> 3 & 15);
    double fraction = double(bits & 7) / 8 + (field ? 1 : 0);
    double magnitude = std::ldexp(fraction, std::max(field, 1) - 7);
    return bits & 0x80 ? -magnitude : magnitude;
  }
  /// The nearest number, by trying all; even in the middle.
  uint64_t nearest(double wanted, bool relu) const {
    if (std::isnan(wanted))
      return 0x7f;
    if (relu && std::signbit(wanted))
      return 0;
    uint64_t best = 0, greatest = isE4M3 ? 0x7e : 0x7b;
    double magnitude = std::min(std::fabs(wanted), value(greatest));
    for (uint64_t bits = 0; bits <= greatest; ++bits) {
      double distance = std::fabs(value(bits) - magnitude),
             bestDistance = std::fabs(value(best) - magnitude);
      if (distance < bestDistance ||
          (distance == bestDistance && bits % 2 == 0))
        best = bits;
    }
    return best | (std::signbit(wanted) ? 0x80 : 0);
  }
};
const Byte bytes[] = {{"e4m3x2", true}, {"e5m2x2", false}};

/// Around all numbers of the byte, all results, and edges.
Column aroundBytes(const Byte &byte) {
  Column values = f32Edges();
  for (uint64_t n = 0; n < 256; ++n) {
    double value = byte.value(n), next = byte.value(n ^ 1),
           above = byte.value(n + 1);
    for (double near :
         {value, (value + next) / 2, (value + above) / 2, value * 1.03}) {
      if (!std::isfinite(near))
        continue;
      uint64_t rounded = bits(static_cast<float>(near));
      for (int64_t by : {-1, 0, 1})
        values.push_back((rounded + uint64_t(by)) & 0xffffffff);
    }
  }
  return values;
}

TEST(InstructionConvert, TwoToBytes) {
  for (const Byte &byte : bytes) {
    Column first = combine({aroundBytes(byte)}, 3000)[0], second;
    for (size_t n = 0; n < first.size(); ++n)
      second.push_back(first[(n * 31 + 1) % first.size()]);
    for (const char *modifiers :
         {".satfinite", ".relu.satfinite", ".satfinite.relu"})
      expectInstruction(std::string("cvt.rn") + modifiers + "." + byte.name +
                            ".f32 %h0, %r1, %r2;",
                        {first, second}, [&](const uint64_t *in) {
                          bool relu = std::strlen(modifiers) > 10;
                          return byte.nearest(f32(in[0]), relu) << 8 |
                                 byte.nearest(f32(in[1]), relu);
                        });
  }
}

TEST(InstructionConvert, HalvesToBytes) {
  for (const Byte &byte : bytes)
    for (const char *modifiers :
         {".satfinite", ".relu.satfinite", ".satfinite.relu"}) {
      Column pairs;
      for (uint64_t n = 0; n < 65536; ++n)
        pairs.push_back(n | ((n * 40503) & 0xffff) << 16);
      expectInstruction(std::string("cvt.rn") + modifiers + "." + byte.name +
                            ".f16x2 %h0, %r1;",
                        {pairs}, [&](const uint64_t *in) {
                          bool relu = std::strlen(modifiers) > 10;
                          auto half = [&](int shift) {
                            return byte.nearest(
                                layoutF16.value(in[0] >> shift & 0xffff), relu);
                          };
                          return half(16) << 8 | half(0);
                        });
    }
}

TEST(InstructionConvert, BytesToHalves) {
  for (const Byte &byte : bytes)
    for (bool relu : {false, true})
      expectInstruction(std::string("cvt.rn") + (relu ? ".relu" : "") +
                            ".f16x2." + byte.name + " %r0, %h1;",
                        {allOf(16)}, [&](const uint64_t *in) {
                          auto half = [&](int shift) -> uint64_t {
                            double value = byte.value(in[0] >> shift & 0xff);
                            if (std::isnan(value))
                              return 0x7fff;
                            if (relu && std::signbit(value))
                              return 0;
                            if (std::isinf(value))
                              return value < 0 ? 0xfc00 : 0x7c00;
                            return Scaled(value).round(layoutF16, "rn");
                          };
                          return half(8) << 16 | half(0);
                        });
}

} // namespace
