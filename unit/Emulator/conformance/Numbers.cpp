//===- Numbers.cpp - Number formats for expected values -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// __float128 is used with the arithmetic of the compiler alone, without
// libquadmath.
//
//===----------------------------------------------------------------------===//

#include "Numbers.h"

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace attn;
using namespace attn::conformance;

namespace {
struct Format {
  Element element;
  const char *name;
  unsigned bytes;
  int exponentBits, mantissaBits; ///< 0: an integer
  int shift;                      ///< unused bits below
  bool isSigned;
};

using WideBits = unsigned __int128;
} // namespace

static constexpr Format formats[] = {
    {Element::b8, "b8", 1, 0, 0, 0, false},
    {Element::b16, "b16", 2, 0, 0, 0, false},
    {Element::b32, "b32", 4, 0, 0, 0, false},
    {Element::b64, "b64", 8, 0, 0, 0, false},
    {Element::s8, "s8", 1, 0, 0, 0, true},
    {Element::s16, "s16", 2, 0, 0, 0, true},
    {Element::s32, "s32", 4, 0, 0, 0, true},
    {Element::s64, "s64", 8, 0, 0, 0, true},
    {Element::f16, "f16", 2, 5, 10, 0, true},
    {Element::bf16, "bf16", 2, 8, 7, 0, true},
    {Element::f32, "f32", 4, 8, 23, 0, true},
    {Element::f64, "f64", 8, 11, 52, 0, true},
    {Element::e4m3, "e4m3", 1, 4, 3, 0, true},
    {Element::e5m2, "e5m2", 1, 5, 2, 0, true},
    {Element::tf32, "tf32", 4, 8, 10, 13, true},
};

static const Format &formatOf(Element element) {
  return formats[static_cast<size_t>(element)];
}

unsigned conformance::bytesOf(Element element) {
  return formatOf(element).bytes;
}

bool conformance::isFloat(Element element) {
  return formatOf(element).exponentBits != 0;
}

const char *conformance::nameOf(Element element) {
  return formatOf(element).name;
}

Element conformance::elementCalled(const std::string &name) {
  std::string wanted = name;
  if (wanted[0] == 'u')
    wanted[0] = 'b';
  for (const Format &format : formats)
    if (wanted == format.name)
      return format.element;
  std::fprintf(stderr, "conformance: no element '%s'\n", name.c_str());
  std::abort();
}

//===----------------------------------------------------------------------===//
// Wide numbers
//===----------------------------------------------------------------------===//

static WideBits bitsOf(Wide value) {
  WideBits bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static Wide fromBits(WideBits bits) {
  Wide value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

bool conformance::isNan(Wide value) { return value != value; }

bool conformance::isNegative(Wide value) {
  return (bitsOf(value) >> 127) != 0;
}

Wide conformance::absolute(Wide value) {
  return fromBits(bitsOf(value) & ~(WideBits(1) << 127));
}

static const Wide infinity = fromBits(WideBits(0x7fff) << 112);
static const Wide notANumber = fromBits(WideBits(0x7fff8) << 108);

bool conformance::isInfinite(Wide value) {
  return absolute(value) == infinity;
}

Wide conformance::power2(int exponent) {
  return fromBits(WideBits(exponent + 16383) << 112);
}

/// e with 2^e <= |value| < 2^(e+1); not for 0.
static int exponentOf(Wide value) {
  return static_cast<int>((bitsOf(value) >> 112) & 0x7fff) - 16383;
}

/// `sum` is inexact by `error`: makes its last bit odd, as if the rest were
/// kept there.
static Wide makeOdd(Wide sum, Wide error) {
  if (error == 0 || isNan(error) || isInfinite(sum))
    return sum;
  WideBits bits = bitsOf(sum);
  if (bits & 1)
    return sum;
  bool grows = isNegative(error) == isNegative(sum);
  return fromBits(grows ? bits + 1 : bits - 1);
}

Wide conformance::addOdd(Wide a, Wide b) {
  Wide sum = a + b;
  if (isNan(sum) || isInfinite(sum))
    return sum;
  if (absolute(a) < absolute(b))
    std::swap(a, b);
  return makeOdd(sum, b - (sum - a));
}

Wide conformance::multiplyAddOdd(Wide a, Wide b, Wide c) {
  // The product of two numbers of up to 53 bits is exact.
  return addOdd(a * b, c);
}

Wide conformance::divide(Wide a, Wide b) { return a / b; }

Wide conformance::squareRoot(Wide a) {
  if (isNan(a) || a == 0 || a == infinity)
    return a;
  if (isNegative(a))
    return notANumber;
  int exponent = exponentOf(a) & ~1;
  Wide scaled = a * power2(-exponent);
  Wide root = static_cast<Wide>(std::sqrt(static_cast<double>(scaled)));
  for (int i = 0; i < 3; ++i) {
    if (root * root == scaled)
      break;
    root = (root + scaled / root) / 2;
  }
  return root * power2(exponent / 2);
}

//===----------------------------------------------------------------------===//
// Bits
//===----------------------------------------------------------------------===//

static int bias(const Format &format) {
  return (1 << (format.exponentBits - 1)) - 1;
}

Wide conformance::decode(Element element, uint64_t bits) {
  const Format &format = formatOf(element);
  unsigned width = format.bytes * 8;
  if (width < 64)
    bits &= (uint64_t(1) << width) - 1;
  if (!format.exponentBits) {
    if (format.isSigned && bits >> (width - 1) & 1)
      return -static_cast<Wide>((~bits & (~uint64_t(0) >> (64 - width)))) - 1;
    return static_cast<Wide>(bits);
  }
  bits >>= format.shift;
  width -= format.shift;
  int m = format.mantissaBits, top = (1 << format.exponentBits) - 1;
  bool negative = bits >> (width - 1) & 1;
  int exponent = static_cast<int>(bits >> m) & top;
  uint64_t mantissa = bits & ((uint64_t(1) << m) - 1);
  Wide value;
  if (element == Element::e4m3 && exponent == top && mantissa == 7)
    value = notANumber;
  else if (element != Element::e4m3 && exponent == top)
    value = mantissa ? notANumber : infinity;
  else if (exponent == 0)
    value = static_cast<Wide>(mantissa) * power2(1 - bias(format) - m);
  else
    value = static_cast<Wide>(mantissa | uint64_t(1) << m) *
            power2(exponent - bias(format) - m);
  return negative ? -value : value;
}

uint64_t conformance::nanOf(Element element) {
  switch (element) {
  case Element::f64:
    return 0x7ff8000000000000;
  case Element::f32:
    return 0x7fffffff;
  case Element::f16:
  case Element::bf16:
    return 0x7fff;
  case Element::tf32:
    return 0x7fffffff;
  default:
    return 0x7f;
  }
}

static uint64_t largestBits(const Format &format) {
  int m = format.mantissaBits;
  uint64_t top = (uint64_t(1) << format.exponentBits) - 1;
  if (format.element == Element::e4m3)
    return (top << m) | 6;
  return ((top << m) - 1) << format.shift;
}

Wide conformance::largest(Element element) {
  return decode(element, largestBits(formatOf(element)));
}

Wide conformance::smallestNormal(Element element) {
  return power2(1 - bias(formatOf(element)));
}

/// Whether to take the next larger magnitude.
static bool roundsUp(Rounding rounding, bool negative, bool isOdd,
                     Wide fraction) {
  const Wide half = static_cast<Wide>(0.5);
  switch (rounding) {
  case Rounding::nearest:
    return fraction > half || (fraction == half && isOdd);
  case Rounding::nearestAway:
    return fraction >= half;
  case Rounding::zero:
    return false;
  case Rounding::down:
    return negative && fraction > 0;
  case Rounding::up:
    return !negative && fraction > 0;
  }
  return false;
}

uint64_t conformance::encode(Element element, Wide value, Rounding rounding) {
  const Format &format = formatOf(element);
  if (isNan(value))
    return nanOf(element);
  int m = format.mantissaBits;
  unsigned width = format.bytes * 8 - format.shift;
  bool negative = isNegative(value);
  uint64_t sign = uint64_t(negative) << (width - 1);
  uint64_t top = ((uint64_t(1) << format.exponentBits) - 1) << m;
  uint64_t most = largestBits(format) >> format.shift;
  Wide magnitude = absolute(value);
  uint64_t bits = 0;
  if (magnitude == infinity) {
    bits = element == Element::e4m3 ? most : top;
  } else if (magnitude != 0) {
    int quantum =
        std::max(exponentOf(magnitude), 1 - bias(format)) - m;
    Wide scaled = magnitude * power2(-quantum);
    auto whole = static_cast<uint64_t>(scaled);
    Wide fraction = scaled - static_cast<Wide>(whole);
    whole += roundsUp(rounding, negative, whole & 1, fraction);
    if (whole < uint64_t(1) << m)
      bits = whole;
    else
      bits = (static_cast<uint64_t>(quantum + m + bias(format)) << m) +
             (whole - (uint64_t(1) << m));
    if (bits > most) {
      bool stays = element == Element::e4m3 || rounding == Rounding::zero ||
                   (rounding == Rounding::down && !negative) ||
                   (rounding == Rounding::up && negative);
      bits = stays ? most : top;
    }
  }
  return (sign | bits) << format.shift;
}

Wide conformance::flush(Element element, Wide value) {
  if (absolute(value) < smallestNormal(element))
    return isNegative(value) ? -static_cast<Wide>(0) : static_cast<Wide>(0);
  return value;
}

uint64_t conformance::flushBits(Element element, uint64_t bits) {
  return encode(element, flush(element, decode(element, bits)));
}

Wide conformance::roundToInteger(Wide value, Rounding rounding) {
  Wide magnitude = absolute(value);
  if (isNan(value) || magnitude >= power2(112))
    return value;
  auto whole = static_cast<WideBits>(magnitude);
  Wide fraction = magnitude - static_cast<Wide>(whole);
  whole += roundsUp(rounding, isNegative(value), whole & 1, fraction);
  Wide rounded = static_cast<Wide>(whole);
  return isNegative(value) ? -rounded : rounded;
}

double conformance::ulpsBetween(Element element, Wide expected, Wide actual) {
  const Format &format = formatOf(element);
  Wide distance = absolute(expected - actual);
  if (distance == 0 || !format.exponentBits)
    return static_cast<double>(distance);
  Wide magnitude = absolute(expected);
  int exponent = magnitude == 0 ? 1 - bias(format) : exponentOf(magnitude);
  int quantum = std::max(exponent, 1 - bias(format)) - format.mantissaBits;
  return static_cast<double>(distance * power2(-quantum));
}

std::string conformance::show(Element element, uint64_t bits) {
  const Format &format = formatOf(element);
  char text[80];
  int digits = static_cast<int>(format.bytes * 2);
  if (format.exponentBits)
    std::snprintf(text, sizeof(text), "0x%0*" PRIx64 " (%.9g)", digits, bits,
                  static_cast<double>(decode(element, bits)));
  else if (format.isSigned)
    std::snprintf(text, sizeof(text), "0x%0*" PRIx64 " (%lld)", digits, bits,
                  static_cast<long long>(decode(element, bits)));
  else
    std::snprintf(text, sizeof(text), "0x%0*" PRIx64, digits, bits);
  return text;
}
