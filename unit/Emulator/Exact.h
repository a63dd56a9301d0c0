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

/// significand * 2^exponent, and a bit below all others if `hasMore`.
struct Scaled {
  bool isNegative = false;
  unsigned __int128 significand = 0;
  int exponent = 0;
  bool hasMore = false;

  Scaled() = default;
  Scaled(bool isNegative, unsigned __int128 significand, int exponent,
         bool hasMore = false)
      : isNegative(isNegative), significand(significand), exponent(exponent),
        hasMore(hasMore) {}
  explicit Scaled(double finite);

  /// In the format, rounded by "rn", "rz", "rm", "rp" or "rna". An exact zero
  /// has the sign of the number.
  uint64_t round(const FloatLayout &layout, const std::string &mode) const;
  /// To an integer by the same rules; numbers beyond 2^120 to that.
  __int128 toInteger(const std::string &mode) const;

private:
  /// The multiple of 2^last, in units of it.
  unsigned __int128 cut(int last, const std::string &mode) const;
};

/// Exact results, or with a bit below all others: as good for rounding. b is
/// not 0, the operand of the root not negative.
Scaled product(double a, double b);
Scaled quotient(double a, double b);
Scaled root(double a);

/// The exact sum of two numbers.
class Exact {
public:
  explicit Exact(const Scaled &number);
  Exact operator+(const Exact &other) const;
  bool isZero() const;
  bool isNegative() const { return negative; }
  /// Its upper bits.
  Scaled scaled() const;

private:
  /// Bit n is worth 2^(n - offset).
  static constexpr int offset = 2304, wordCount = 72;

  int compareMagnitude(const Exact &other) const;

  bool negative = false;
  std::array<uint64_t, wordCount> words{};
};

/// a + b rounded once. Zeros that cancel are positive, but for "rm".
uint64_t roundSum(const Scaled &a, const Scaled &b, const FloatLayout &layout,
                  const std::string &mode);

// On bits, as min, max and additions to memory do it. A NaN that results is the
// canonical one of f16, bf16 and f32: all bits but the sign.

/// a + b, rounded to nearest.
uint64_t sumOf(const FloatLayout &layout, uint64_t a, uint64_t b);
/// The smaller or the greater one. NaN loses, and -0 is below 0.
uint64_t extremeOf(const FloatLayout &layout, uint64_t a, uint64_t b,
                   bool isMax);

} // namespace attn::test

#endif // ATTN_UNIT_EMULATOR_EXACT_H
