//===- Exact.h - Floating-point results without rounding --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reference for roundings: sums and products of doubles as fixed-point
// numbers of more than 4000 bits, and one function that rounds them to any
// format. Independent of the emulator and of the host's rounding modes.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_EXACT_H
#define ATTN_UNIT_EMULATOR_EXACT_H

#include <array>
#include <cstdint>
#include <string>

namespace attn::test {

/// A format in the manner of IEEE 754.
struct FloatLayout {
  int exponentBits, mantissaBits;
  int bias() const { return (1 << (exponentBits - 1)) - 1; }
  uint64_t sign() const { return uint64_t(1) << (exponentBits + mantissaBits); }
  uint64_t infinity() const { return sign() - (uint64_t(1) << mantissaBits); }
  bool isNan(uint64_t bits) const { return (bits & (sign() - 1)) > infinity(); }
  bool isInfinite(uint64_t bits) const {
    return (bits & (sign() - 1)) == infinity();
  }
  bool isSubnormal(uint64_t bits) const {
    uint64_t magnitude = bits & (sign() - 1);
    return magnitude && magnitude < uint64_t(1) << mantissaBits;
  }
  /// The value; also infinities and NaNs.
  double value(uint64_t bits) const;
};
constexpr FloatLayout layoutF16{5, 10}, layoutBF16{8, 7}, layoutTF32{8, 10},
    layoutF32{8, 23}, layoutF64{11, 52}, layoutE5M2{5, 2};

/// A finite number. Bit n of `words` is worth 2^(n - offset).
class Exact {
public:
  static constexpr int offset = 2304, wordCount = 72;

  Exact() = default;
  explicit Exact(double finite);
  /// significand * 2^exponent.
  Exact(bool isNegative, unsigned __int128 significand, int exponent);

  /// a / b and the root of a, with a bit below all others set if they are not
  /// exact: as good as exact for rounding. b is not 0, a is not negative.
  static Exact quotient(double a, double b);
  static Exact root(double a);

  Exact operator+(const Exact &other) const;
  Exact operator-() const;
  Exact operator*(const Exact &other) const = delete; // see product
  static Exact product(double a, double b);

  bool isZero() const;
  bool isNegative() const { return negative; }

  /// In the format, rounded by "rn", "rz", "rm", "rp" or "rna". An exact zero
  /// has the sign of the number.
  uint64_t round(const FloatLayout &layout, const std::string &mode) const;
  /// To an integer of the same mode, clamped to 128 bits.
  __int128 toInteger(const std::string &mode) const;

private:
  int leadingBit() const; ///< -1 of zero
  bool bit(int n) const { return words[n / 64] >> (n % 64) & 1; }
  bool anyBelow(int n) const;
  int compareMagnitude(const Exact &other) const;
  /// The bits from `last` on, and whether the rest rounds them up.
  bool roundsUp(int last, bool isOdd, const std::string &mode) const;

  bool negative = false;
  std::array<uint64_t, wordCount> words{};
};

} // namespace attn::test

#endif // ATTN_UNIT_EMULATOR_EXACT_H
