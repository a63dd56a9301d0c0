//===- Exact.cpp - Floating-point results without rounding ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Exact.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace attn::test;
using U128 = unsigned __int128;

double FloatLayout::value(uint64_t bits) const {
  bool isNegative = bits & sign();
  uint64_t magnitude = bits & (sign() - 1);
  double result;
  if (isNan(bits))
    result = std::numeric_limits<double>::quiet_NaN();
  else if (isInfinite(bits))
    result = std::numeric_limits<double>::infinity();
  else {
    auto field = static_cast<int>(magnitude >> mantissaBits);
    uint64_t fraction = magnitude & ((uint64_t(1) << mantissaBits) - 1);
    if (field)
      fraction += uint64_t(1) << mantissaBits;
    result = std::ldexp(static_cast<double>(fraction),
                        std::max(field, 1) - bias() - mantissaBits);
  }
  return isNegative ? -result : result;
}

Exact::Exact(bool isNegative, U128 significand, int exponent)
    : negative(isNegative) {
  int at = exponent + offset;
  // In three pieces, so that each shift stays in a word.
  for (int part = 0; part < 3; ++part) {
    int word = at / 64 + part, shift = part * 64 - at % 64;
    U128 piece = shift <= 0    ? significand << -shift
                 : shift < 128 ? significand >> shift
                               : 0;
    if (word < wordCount)
      words[word] = static_cast<uint64_t>(piece);
  }
}

/// finite = significand * 2^exponent, with 53 bits.
static uint64_t takeApart(double finite, int &exponent) {
  double fraction = std::frexp(std::fabs(finite), &exponent);
  exponent -= 53;
  return static_cast<uint64_t>(std::ldexp(fraction, 53));
}

Exact::Exact(double finite) {
  int exponent;
  uint64_t significand = takeApart(finite, exponent);
  *this = Exact(std::signbit(finite), significand, significand ? exponent : 0);
}

Exact Exact::product(double a, double b) {
  int exponentA, exponentB;
  U128 significand = U128(takeApart(a, exponentA)) * takeApart(b, exponentB);
  return Exact(std::signbit(a) != std::signbit(b), significand,
               significand ? exponentA + exponentB : 0);
}

Exact Exact::quotient(double a, double b) {
  int exponentA, exponentB;
  U128 numerator = U128(takeApart(a, exponentA)) << 70;
  uint64_t denominator = takeApart(b, exponentB);
  U128 quotient = numerator / denominator;
  bool isExact = numerator % denominator == 0;
  Exact result(std::signbit(a) != std::signbit(b), quotient,
               quotient ? exponentA - exponentB - 70 : 0);
  result.words[0] |= !isExact;
  return result;
}

Exact Exact::root(double a) {
  int exponent;
  uint64_t significand = takeApart(a, exponent);
  if (!significand)
    return Exact(a);
  int shift = 70 + (exponent & 1);
  U128 square = U128(significand) << shift, low = 0, high = U128(1) << 63;
  while (high - low > 1) { // low^2 <= square < high^2
    U128 middle = (low + high) / 2;
    (middle * middle <= square ? low : high) = middle;
  }
  Exact result(false, low, (exponent - shift) / 2);
  result.words[0] |= low * low != square;
  return result;
}

int Exact::compareMagnitude(const Exact &other) const {
  for (int n = wordCount; n-- > 0;)
    if (words[n] != other.words[n])
      return words[n] < other.words[n] ? -1 : 1;
  return 0;
}

Exact Exact::operator-() const {
  Exact result = *this;
  result.negative = !negative;
  return result;
}

Exact Exact::operator+(const Exact &other) const {
  Exact result;
  bool adds = negative == other.negative;
  bool isSwapped = !adds && compareMagnitude(other) < 0;
  const Exact &a = isSwapped ? other : *this, &b = isSwapped ? *this : other;
  uint64_t carry = 0;
  for (int n = 0; n < wordCount; ++n) {
    U128 sum = adds ? U128(a.words[n]) + b.words[n] + carry
                    : U128(a.words[n]) - b.words[n] - carry;
    result.words[n] = static_cast<uint64_t>(sum);
    carry = static_cast<uint64_t>(sum >> 64) & 1;
  }
  result.negative = a.negative;
  return result;
}

bool Exact::isZero() const { return leadingBit() < 0; }

int Exact::leadingBit() const {
  for (int n = wordCount; n-- > 0;)
    if (words[n])
      return 64 * n + 63 - __builtin_clzll(words[n]);
  return -1;
}

bool Exact::anyBelow(int n) const {
  for (int k = 0; k < n / 64; ++k)
    if (words[k])
      return true;
  return words[n / 64] & ((uint64_t(1) << (n % 64)) - 1);
}

bool Exact::roundsUp(int last, bool isOdd, const std::string &mode) const {
  bool half = bit(last - 1), below = anyBelow(last - 1);
  if (mode == "rn")
    return half && (below || isOdd);
  if (mode == "rna")
    return half;
  if (mode == "rz")
    return false;
  return (half || below) && negative == (mode == "rm");
}

uint64_t Exact::round(const FloatLayout &layout,
                      const std::string &mode) const {
  uint64_t sign = negative ? layout.sign() : 0;
  int leading = leadingBit();
  if (leading < 0)
    return sign;
  int exponent = std::max(leading - offset, 1 - layout.bias());
  int last = exponent - layout.mantissaBits + offset;
  uint64_t significand = 0;
  for (int n = leading; n >= last; --n)
    significand = significand << 1 | bit(n);
  significand += roundsUp(last, significand & 1, mode);
  if (significand >> (layout.mantissaBits + 1)) {
    significand >>= 1;
    ++exponent;
  }
  bool isNormal = significand >> layout.mantissaBits;
  if (exponent > layout.bias()) {
    bool stays = mode == "rz" || (mode == "rm" && !negative) ||
                 (mode == "rp" && negative);
    return sign | (layout.infinity() - stays);
  }
  uint64_t field =
      isNormal ? static_cast<uint64_t>(exponent + layout.bias()) : 0;
  uint64_t fraction = significand & ((uint64_t(1) << layout.mantissaBits) - 1);
  return sign | field << layout.mantissaBits | fraction;
}

__int128 Exact::toInteger(const std::string &mode) const {
  int leading = leadingBit();
  constexpr __int128 greatest = ~(U128(1) << 127);
  if (leading - offset > 120)
    return negative ? -greatest : greatest;
  __int128 result = 0;
  for (int n = leading; n >= offset; --n)
    result = result << 1 | bit(n);
  result += roundsUp(offset, result & 1, mode);
  return negative ? -result : result;
}
