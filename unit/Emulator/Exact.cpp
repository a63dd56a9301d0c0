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

//===----------------------------------------------------------------------===//
// Rounding
//===----------------------------------------------------------------------===//

/// finite = significand * 2^exponent, with 53 bits.
static uint64_t takeApart(double finite, int &exponent) {
  double fraction = std::frexp(std::fabs(finite), &exponent);
  exponent -= 53;
  return static_cast<uint64_t>(std::ldexp(fraction, 53));
}

Scaled::Scaled(double finite) : isNegative(std::signbit(finite)) {
  significand = takeApart(finite, exponent);
}

static int leadingBit(U128 value) {
  auto high = static_cast<uint64_t>(value >> 64),
       low = static_cast<uint64_t>(value);
  return high  ? 127 - __builtin_clzll(high)
         : low ? 63 - __builtin_clzll(low)
               : -1;
}

U128 Scaled::cut(int last, const std::string &mode) const {
  int drop = last - exponent;
  if (drop <= 0)
    return significand << -drop;
  U128 kept = drop < 128 ? significand >> drop : 0;
  bool half = drop <= 128 && significand >> (drop - 1) & 1;
  U128 below =
      drop > 128 ? significand : significand & ((U128(1) << (drop - 1)) - 1);
  bool isMore = below != 0 || hasMore;
  bool isUp = false; // "rz"
  if (mode == "rn")
    isUp = half && (isMore || (kept & 1));
  else if (mode == "rna")
    isUp = half;
  else if (mode == "rm" || mode == "rp")
    isUp = (half || isMore) && isNegative == (mode == "rm");
  return kept + isUp;
}

uint64_t Scaled::round(const FloatLayout &layout,
                       const std::string &mode) const {
  uint64_t sign = isNegative ? layout.sign() : 0;
  if (!significand)
    return sign;
  int scale = std::max(leadingBit(significand) + exponent, 1 - layout.bias());
  U128 kept = cut(scale - layout.mantissaBits, mode);
  if (kept >> (layout.mantissaBits + 1)) {
    kept >>= 1;
    ++scale;
  }
  if (scale > layout.bias()) {
    bool stays = mode == "rz" || (mode == "rm" && !isNegative) ||
                 (mode == "rp" && isNegative);
    return sign | (layout.infinity() - stays);
  }
  bool isNormal = kept >> layout.mantissaBits;
  uint64_t field = isNormal ? static_cast<uint64_t>(scale + layout.bias()) : 0;
  auto fraction =
      static_cast<uint64_t>(kept) & ((uint64_t(1) << layout.mantissaBits) - 1);
  return sign | field << layout.mantissaBits | fraction;
}

__int128 Scaled::toInteger(const std::string &mode) const {
  constexpr __int128 greatest = __int128(1) << 120;
  bool isHuge = significand && leadingBit(significand) + exponent > 120;
  __int128 result = isHuge ? greatest : static_cast<__int128>(cut(0, mode));
  return isNegative ? -result : result;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

Scaled attn::test::product(double a, double b) {
  int exponentA, exponentB;
  U128 significand = U128(takeApart(a, exponentA)) * takeApart(b, exponentB);
  return {std::signbit(a) != std::signbit(b), significand,
          exponentA + exponentB};
}

Scaled attn::test::quotient(double a, double b) {
  int exponentA, exponentB;
  U128 numerator = U128(takeApart(a, exponentA)) << 70;
  uint64_t denominator = takeApart(b, exponentB);
  return {std::signbit(a) != std::signbit(b), numerator / denominator,
          exponentA - exponentB - 70, numerator % denominator != 0};
}

Scaled attn::test::root(double a) {
  int exponent;
  uint64_t significand = takeApart(a, exponent);
  if (!significand)
    return Scaled(a);
  int shift = 70 + (exponent & 1);
  U128 square = U128(significand) << shift, low = 0, high = U128(1) << 63;
  while (high - low > 1) { // low^2 <= square < high^2
    U128 middle = (low + high) / 2;
    (middle * middle <= square ? low : high) = middle;
  }
  return {false, low, (exponent - shift) / 2, low * low != square};
}

Exact::Exact(const Scaled &number) : negative(number.isNegative) {
  if (!number.significand)
    return;
  int at = number.exponent + offset;
  // In three pieces, so that each shift stays in a word.
  for (int part = 0; part < 3; ++part) {
    int word = at / 64 + part, shift = part * 64 - at % 64;
    U128 piece = shift <= 0    ? number.significand << -shift
                 : shift < 128 ? number.significand >> shift
                               : 0;
    if (word < wordCount)
      words[word] = static_cast<uint64_t>(piece);
  }
}

int Exact::compareMagnitude(const Exact &other) const {
  for (int n = wordCount; n-- > 0;)
    if (words[n] != other.words[n])
      return words[n] < other.words[n] ? -1 : 1;
  return 0;
}

Exact Exact::operator+(const Exact &other) const {
  Exact result{Scaled()};
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

bool Exact::isZero() const {
  return std::all_of(words.begin(), words.end(),
                     [](uint64_t word) { return word == 0; });
}

Scaled Exact::scaled() const {
  int top = wordCount;
  while (top > 2 && !words[top - 1])
    --top;
  bool hasMore = std::any_of(words.begin(), words.begin() + (top - 2),
                             [](uint64_t word) { return word != 0; });
  return {negative, U128(words[top - 1]) << 64 | words[top - 2],
          64 * (top - 2) - offset, hasMore};
}

uint64_t attn::test::roundSum(const Scaled &a, const Scaled &b,
                              const FloatLayout &layout,
                              const std::string &mode) {
  Exact sum = Exact(a) + Exact(b);
  if (sum.isZero() && a.isNegative != b.isNegative)
    return mode == "rm" ? layout.sign() : 0;
  return sum.scaled().round(layout, mode);
}

uint64_t attn::test::sumOf(const FloatLayout &layout, uint64_t a, uint64_t b) {
  double x = layout.value(a), y = layout.value(b), sum = x + y;
  if (std::isnan(sum))
    return layout.sign() - 1;
  if (std::isinf(x) || std::isinf(y))
    return layout.infinity() | (sum < 0 ? layout.sign() : 0);
  return roundSum(Scaled(x), Scaled(y), layout, "rn");
}

uint64_t attn::test::extremeOf(const FloatLayout &layout, uint64_t a,
                               uint64_t b, bool isMax) {
  double x = layout.value(a), y = layout.value(b);
  if (std::isnan(x) && std::isnan(y))
    return layout.sign() - 1;
  if (std::isnan(x) || std::isnan(y))
    return std::isnan(x) ? b : a;
  bool isBelow = x < y || (x == y && std::signbit(x) && !std::signbit(y));
  return isBelow != isMax ? a : b;
}
