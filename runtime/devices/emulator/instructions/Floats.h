//===- Floats.h - Small floating-point formats ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// f16, bf16, tf32, e4m3 and e5m2 as the hardware has them, and roundings to all
// formats. A NaN result is the canonical one of its format, as PTX says.
//
// What is wider than the result by enough bits is rounded twice without harm;
// where it is not, the first rounding is "to odd": the last bit of a truncated
// value is set if anything was cut off, so the second sees on which side it
// lies (Boldo and Melquiond, IEEE TC 2008).
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_FLOATS_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_FLOATS_H

#include "Lanes.h"

#include <algorithm>
#include <cmath>

namespace attn::emulator {

enum class Rounding : uint8_t { nearest, zero, down, up, nearestAway };

/// ".rn", ".rni" ...: nearest for an empty text.
inline Rounding roundingOf(std::string_view text) {
  if (text == ".rz" || text == ".rzi")
    return Rounding::zero;
  if (text == ".rm" || text == ".rmi")
    return Rounding::down;
  if (text == ".rp" || text == ".rpi")
    return Rounding::up;
  return text == ".rna" ? Rounding::nearestAway : Rounding::nearest;
}

// Values in rows.

struct F16 {
  uint16_t bits;
  static constexpr Type type{Type::floating, 16, false};
};
struct BF16 {
  uint16_t bits;
  static constexpr Type type{Type::bfloat, 16, false};
};
struct F16x2 {
  using Element = F16;
  uint32_t bits;
  static constexpr Type type{Type::floating, 32, true};
};
struct BF16x2 {
  using Element = BF16;
  uint32_t bits;
  static constexpr Type type{Type::bfloat, 32, true};
};

template <typename T>
inline typename T::Element lowOf(T pair) {
  return {static_cast<uint16_t>(pair.bits)};
}
template <typename T>
inline typename T::Element highOf(T pair) {
  return {static_cast<uint16_t>(pair.bits >> 16)};
}
template <typename T>
inline T pairOf(typename T::Element low, typename T::Element high) {
  return {low.bits | uint32_t(high.bits) << 16};
}

/// A format by its fields. `infinity` is 0 where there is none.
template <typename Bits, int mantissa, int bias, uint64_t greatest,
          uint64_t infinity, uint64_t nan, uint64_t sign>
struct FloatFormat {
  using Storage = Bits;
  static constexpr int mantissaBits = mantissa;
  static constexpr int leastExponent = 1 - bias;
  static constexpr uint64_t greatestFinite = greatest, infinityBits = infinity,
                            nanBits = nan, signBit = sign;
};
using FormatE4M3 = FloatFormat<uint8_t, 3, 7, 0x7e, 0, 0x7f, 0x80>;
using FormatE5M2 = FloatFormat<uint8_t, 2, 15, 0x7b, 0x7c, 0x7f, 0x80>;
using FormatF16 = FloatFormat<uint16_t, 10, 15, 0x7bff, 0x7c00, 0x7fff, 0x8000>;
using FormatBF16 =
    FloatFormat<uint16_t, 7, 127, 0x7f7f, 0x7f80, 0x7fff, 0x8000>;
/// The 19 bits that count, at the lower end.
using FormatTF32 =
    FloatFormat<uint32_t, 10, 127, 0x3fbff, 0x3fc00, 0x3ffff, 0x40000>;
using FormatF32 = FloatFormat<uint32_t, 23, 127, 0x7f7fffff, 0x7f800000,
                              0x7fffffff, 0x80000000>;
using FormatF64 =
    FloatFormat<uint64_t, 52, 1023, 0x7fefffffffffffff, 0x7ff0000000000000,
                0x7ff8000000000000, 0x8000000000000000>;

/// significand / 2^cut, rounded to an integer; cut is positive.
inline uint64_t cutRounded(uint64_t significand, int cut, bool isNegative,
                           Rounding rounding) {
  // What is cut off, in units of 2^-63 of what is kept.
  constexpr uint64_t half = uint64_t(1) << 62;
  uint64_t kept = 0, rest;
  if (cut < 64) {
    kept = significand >> cut;
    rest = significand << (64 - cut) >> 1;
  } else if (cut == 64) {
    rest = significand >> 1 | (significand & 1);
  } else {
    rest = significand != 0; // less than half
  }
  switch (rounding) {
  case Rounding::nearest:
    return kept + (rest > half || (rest == half && (kept & 1)));
  case Rounding::nearestAway:
    return kept + (rest >= half);
  case Rounding::down:
    return kept + (isNegative && rest != 0);
  case Rounding::up:
    return kept + (!isNegative && rest != 0);
  case Rounding::zero:
    break;
  }
  return kept;
}

/// significand * 2^exponent, rounded once. Beyond the greatest number: infinity
/// as IEEE 754 says, or the greatest if `isFinite` or there is no infinity.
template <typename Format>
inline typename Format::Storage pack(bool isNegative, uint64_t significand,
                                     int exponent, Rounding rounding,
                                     bool isFinite = false) {
  using Bits = typename Format::Storage;
  const Bits sign = isNegative ? Bits(Format::signBit) : Bits(0);
  if (significand == 0)
    return sign;
  int leading = 63 - __builtin_clzll(significand) + exponent;
  int scale = std::max(leading, Format::leastExponent);
  // The last place of the result is worth 2^(exponent + cut).
  int cut = scale - Format::mantissaBits - exponent;
  uint64_t kept = cut <= 0 ? significand << -cut
                           : cutRounded(significand, cut, isNegative, rounding);
  // The leading bit of a normal number adds one to its exponent field.
  uint64_t bits =
      (uint64_t(scale - Format::leastExponent) << Format::mantissaBits) + kept;
  if (bits > Format::greatestFinite) {
    bool towardsZero = rounding == Rounding::zero ||
                       (rounding == Rounding::down && !isNegative) ||
                       (rounding == Rounding::up && isNegative);
    bits = isFinite || towardsZero || !Format::infinityBits
               ? Format::greatestFinite
               : Format::infinityBits;
  }
  return Bits(bits) | sign;
}

/// A number in another format. With `isFinite`, infinities become the greatest
/// number too.
template <typename Format>
inline typename Format::Storage round(double value, Rounding rounding,
                                      bool isFinite = false) {
  using Bits = typename Format::Storage;
  uint64_t bits = bitCast<uint64_t>(value);
  bool isNegative = bits >> 63;
  int field = static_cast<int>(bits >> 52 & 0x7ff);
  uint64_t fraction = bits & ((uint64_t(1) << 52) - 1);
  if (field == 0x7ff) {
    if (fraction)
      return Bits(Format::nanBits);
    uint64_t magnitude = isFinite || !Format::infinityBits
                             ? Format::greatestFinite
                             : Format::infinityBits;
    return Bits(magnitude | (isNegative ? Format::signBit : 0));
  }
  if (field)
    fraction |= uint64_t(1) << 52;
  return pack<Format>(isNegative, fraction, std::max(field, 1) - 1075, rounding,
                      isFinite);
}

/// The value of a number with fewer bits than a double; NaN for a NaN.
template <typename Format>
inline double valueOf(typename Format::Storage bits) {
  static_assert(Format::mantissaBits < 52);
  uint64_t magnitude = bits & (Format::signBit - 1);
  bool isNegative = bits & Format::signBit;
  if (magnitude > Format::greatestFinite)
    return magnitude != Format::infinityBits || !Format::infinityBits
               ? std::nan("")
               : (isNegative ? -HUGE_VAL : HUGE_VAL);
  uint64_t field = magnitude >> Format::mantissaBits;
  uint64_t fraction = magnitude & ((uint64_t(1) << Format::mantissaBits) - 1);
  if (field)
    fraction |= uint64_t(1) << Format::mantissaBits;
  int exponent = std::max(static_cast<int>(field), 1) - 1 +
                 Format::leastExponent - Format::mantissaBits;
  // A power of two that is a normal double.
  double scale = bitCast<double>(uint64_t(exponent + 1023) << 52);
  double value = static_cast<double>(fraction) * scale;
  return isNegative ? -value : value;
}

// Functions below are branchless, so that loops over lanes are vectorised.

inline float canonical(float value) {
  return value == value ? value : bitCast<float>(0x7fffffffu);
}
inline double canonical(double value) { return value; }

/// A subnormal number becomes a zero of its sign.
inline float flush(float value) {
  uint32_t bits = bitCast<uint32_t>(value);
  return bitCast<float>(bits & 0x7f800000 ? bits : bits & 0x80000000);
}

template <typename T>
constexpr BitsOf<T> signOf = BitsOf<T>(1) << (8 * sizeof(T) - 1);

/// The lesser or greater number. A NaN counts only if both are, or with
/// `keepsNan`; -0 is less than +0.
template <typename T, bool isMax, bool keepsNan, bool xorSign>
inline T extreme(T a, T b) {
  using Bits = BitsOf<T>;
  Bits sign = (bitCast<Bits>(a) ^ bitCast<Bits>(b)) & signOf<T>;
  if constexpr (xorSign)
    a = std::fabs(a), b = std::fabs(b);
  bool first = isMax ? a > b : a < b;
  T chosen = first ? a : b;
  // Equal numbers differ at most in the signs of zeros.
  Bits equal = isMax ? bitCast<Bits>(a) & bitCast<Bits>(b)
                     : bitCast<Bits>(a) | bitCast<Bits>(b);
  chosen = a == b ? bitCast<T>(equal) : chosen;
  if constexpr (keepsNan) {
    chosen = b != b ? b : chosen;
    chosen = a != a ? a : chosen;
  } else {
    chosen = b != b ? a : chosen;
    chosen = a != a ? b : chosen;
  }
  if constexpr (xorSign) {
    T withSign = bitCast<T>(bitCast<Bits>(chosen) | sign);
    chosen = chosen != chosen ? chosen : withSign;
  }
  return chosen;
}

/// -0 and what is below becomes 0; NaN stays.
inline float relu(float value) { return value <= 0 ? 0 : value; }
/// To [0, 1]; NaN becomes 0.
template <typename T>
inline T saturate(T value) {
  value = value > 0 ? value : 0;
  return value < 1 ? value : 1;
}

inline float toFloat(BF16 value) {
  return bitCast<float>(uint32_t(value.bits) << 16);
}
inline float toFloat(F16 value) {
  uint32_t magnitude = value.bits & 0x7fffu;
  // Subnormal numbers come right too: the product is exact.
  uint32_t scaled =
      bitCast<uint32_t>(bitCast<float>(magnitude << 13) * 0x1p112f);
  uint32_t bits = magnitude >= 0x7c00 ? (magnitude << 13) | 0x7f800000 : scaled;
  return bitCast<float>(bits | uint32_t(value.bits & 0x8000u) << 16);
}

/// Rounds to nearest even.
template <typename T>
T fromFloat(float value);

template <>
inline BF16 fromFloat<BF16>(float value) {
  uint32_t bits = bitCast<uint32_t>(value);
  uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return {static_cast<uint16_t>(value == value ? rounded : 0x7fff)};
}
template <>
inline F16 fromFloat<F16>(float value) {
  uint32_t bits = bitCast<uint32_t>(value), magnitude = bits & 0x7fffffff;
  // 112: the difference of the biases. Large numbers become infinity.
  uint32_t normal =
      ((magnitude + 0xfff + (magnitude >> 13 & 1)) >> 13) - (112 << 10);
  normal = normal < 0x7c00 ? normal : 0x7c00;
  // The last place of 0.5 is that of subnormal numbers: the sum rounds.
  uint32_t subnormal =
      bitCast<uint32_t>(bitCast<float>(magnitude) + 0.5f) - 0x3f000000;
  uint32_t rounded = magnitude < 0x38800000 ? subnormal : normal;
  rounded |= bits >> 16 & 0x8000;
  return {static_cast<uint16_t>(magnitude > 0x7f800000 ? 0x7fff : rounded)};
}

/// Rounded to odd.
inline float toFloatOdd(double value) {
  float nearest = static_cast<float>(value);
  double back = nearest;
  uint32_t bits = bitCast<uint32_t>(nearest);
  bits -= std::fabs(back) > std::fabs(value) ? 1 : 0;
  bits |= back != value ? 1 : 0;
  return value == value ? bitCast<float>(bits) : nearest;
}

/// a * b + c of numbers whose product is exact in a double, rounded to odd.
inline double fmaOdd(float a, float b, float c) {
  double product = double(a) * double(b), addend = c;
  double sum = product + addend;
  // What the sum lacks, exactly (Knuth's two-sum).
  double back = sum - product;
  double lost = (product - (sum - back)) + (addend - back);
  uint64_t bits = bitCast<uint64_t>(sum);
  // Truncate: one less if the sum is beyond the truth.
  bool isBeyond = (lost < 0 && sum > 0) || (lost > 0 && sum < 0);
  bits -= isBeyond ? 1 : 0;
  bool isInexact = lost < 0 || lost > 0;
  bits |= isInexact ? 1 : 0;
  return bitCast<double>(bits);
}

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_FLOATS_H
