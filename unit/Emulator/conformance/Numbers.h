//===- Numbers.h - Number formats for expected values -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bits of small floating-point formats to and from wide numbers, written
// without the emulator's own conversions, so that the one can be held against
// the other.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_CONFORMANCE_NUMBERS_H
#define ATTN_UNIT_EMULATOR_CONFORMANCE_NUMBERS_H

#include <cstdint>
#include <string>

namespace attn::conformance {

/// 113 bits of significand: sums and products of two f64 fit almost.
using Wide = __float128;

/// An element of an array.
enum class Element : uint8_t {
  b8,
  b16,
  b32,
  b64,
  s8,
  s16,
  s32,
  s64,
  f16,
  bf16,
  f32,
  f64,
  e4m3,
  e5m2,
  tf32, ///< in 4 bytes
};

unsigned bytesOf(Element element);
bool isFloat(Element element);
/// "f16".
const char *nameOf(Element element);
/// The element called so; `u` is taken for `b`. Aborts on other names: they are
/// written by us.
Element elementCalled(const std::string &name);

enum class Rounding : uint8_t { nearest, zero, down, up, nearestAway };

/// The value of the bits; of NaN, a NaN.
Wide decode(Element element, uint64_t bits);
/// The nearest bits. Overflow goes to infinity (or to the largest number where
/// the rounding says so or there is no infinity); NaN is the canonical one.
uint64_t encode(Element element, Wide value,
                Rounding rounding = Rounding::nearest);
/// The canonical NaN of the GPU.
uint64_t nanOf(Element element);
/// The largest finite number, and the smallest that is normal.
Wide largest(Element element);
Wide smallestNormal(Element element);
/// Flushes subnormal numbers of a format to zero, keeping the sign.
Wide flush(Element element, Wide value);
uint64_t flushBits(Element element, uint64_t bits);

// Results that round correctly when they are encoded afterwards: what does not
// fit in 113 bits leaves its trace in the last one (rounding to odd).
Wide addOdd(Wide a, Wide b);
Wide multiplyAddOdd(Wide a, Wide b, Wide c);
Wide divide(Wide a, Wide b);
Wide squareRoot(Wide a);

bool isNan(Wide value);
bool isInfinite(Wide value);
bool isNegative(Wide value); ///< -0 too
Wide absolute(Wide value);
Wide power2(int exponent);
/// Rounds to an integer.
Wide roundToInteger(Wide value, Rounding rounding);

/// The distance between two values in units in the last place of `expected`.
double ulpsBetween(Element element, Wide expected, Wide actual);

/// "0x3c00 (1)": bits and value.
std::string show(Element element, uint64_t bits);

} // namespace attn::conformance

#endif // ATTN_UNIT_EMULATOR_CONFORMANCE_NUMBERS_H
