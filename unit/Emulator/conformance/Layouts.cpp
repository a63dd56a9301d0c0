//===- Layouts.cpp - Where the elements of matrices lie -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Layouts.h"

using namespace attn;
using namespace attn::conformance;

Place conformance::placeOfA(unsigned lane, unsigned r, unsigned e,
                            unsigned perRegister, unsigned rows) {
  unsigned halves = rows / 8;
  return {lane / 4 + r % halves * 8,
          r / halves * 4 * perRegister + lane % 4 * perRegister + e};
}

Place conformance::placeOfB(unsigned lane, unsigned r, unsigned e,
                            unsigned perRegister) {
  return {r * 4 * perRegister + lane % 4 * perRegister + e, lane / 4};
}

Place conformance::placeOfC(unsigned lane, unsigned i) {
  return {lane / 4 + i / 2 * 8, lane % 4 * 2 + i % 2};
}

Place conformance::placeOfD(unsigned thread, unsigned i) {
  Place place = placeOfC(thread % 32, i % 4);
  return {thread / 32 * 16 + place.row, i / 4 * 8 + place.column};
}

uint64_t conformance::ofInteger(Element element, int value) {
  if (isFloat(element))
    return encode(element, value);
  return static_cast<uint64_t>(static_cast<int64_t>(value)) &
         (~uint64_t(0) >> (64 - bytesOf(element) * 8));
}

uint32_t conformance::swizzled(uint32_t address, unsigned swizzle) {
  switch (swizzle) {
  case 128:
    return address ^ (address >> 7 & 7) << 4;
  case 64:
    return address ^ (address >> 7 & 3) << 4;
  case 32:
    return address ^ (address >> 7 & 1) << 4;
  default:
    return address;
  }
}

uint32_t SharedLayout::offsetOf(unsigned mn, unsigned k,
                                unsigned elementBytes) const {
  // T: elements in 16 bytes.
  unsigned t = 16 / elementBytes;
  unsigned width = swizzle / elementBytes; // of a swizzled row, in elements
  if (!isMnMajor) {
    // ((8, m), (T, 2)) : ((row, SBO), (1, LBO or T))
    if (swizzle == 0)
      return mn / 8 * strideOffset + mn % 8 * 16 + k / t * leadingOffset +
             k % t * elementBytes;
    return mn / 8 * strideOffset + mn % 8 * swizzle + k * elementBytes;
  }
  // ((T, 1, m), (8, k)) : ((1, T, SBO), (T, LBO))
  if (swizzle == 0)
    return mn / t * strideOffset + mn % t * elementBytes +
           k / 8 * leadingOffset + k % 8 * 16;
  // ((T, row / 16 bytes, m), (8, k)) : ((1, T, LBO), (row, SBO))
  return mn / width * leadingOffset + mn % width * elementBytes +
         k / 8 * strideOffset + k % 8 * swizzle;
}

uint64_t conformance::descriptorOf(const SharedLayout &layout) {
  uint64_t mode = layout.swizzle == 128  ? 1
                  : layout.swizzle == 64 ? 2
                  : layout.swizzle == 32 ? 3
                                         : 0;
  return uint64_t(layout.leadingOffset / 16) << 16 |
         uint64_t(layout.strideOffset / 16) << 32 | mode << 62;
}
