//===- Numbers.h - Conversions of any number to any format ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A conversion is a function that reads a lane of a row and one that writes it,
// with the modifiers of cvt. Slow and complete: 12 types times 12 types.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_NUMBERS_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_NUMBERS_H

#include "Floats.h"

#include <limits>

namespace attn::emulator {

/// significand * 2^exponent.
struct Number {
  enum Kind : uint8_t { finite, infinite, nan } kind = finite;
  bool isNegative = false;
  uint64_t significand = 0;
  int exponent = 0;
};

/// What the modifiers of a cvt ask for.
struct Modes {
  enum Flag : uint8_t {
    flushes = 1,    ///< .ftz
    saturates = 2,  ///< .sat
    rectifies = 4,  ///< .relu
    isFinite = 8,   ///< .satfinite
    isIntegral = 16 ///< .rni and its like
  };

  Rounding rounding;
  uint8_t flags;
  uint64_t integerOfNan;

  bool has(uint8_t flag) const { return flags & flag; }
};

template <typename T>
inline Number readInteger(uint64_t row, const Modes &) {
  T value = static_cast<T>(row);
  Number number;
  number.isNegative = value < 0;
  number.significand = static_cast<uint64_t>(static_cast<int64_t>(value));
  if constexpr (!std::is_signed_v<T>)
    number.significand = value;
  if (number.isNegative)
    number.significand = 0 - number.significand;
  return number;
}

inline Number readDouble(double value) {
  uint64_t bits = bitCast<uint64_t>(value);
  int field = static_cast<int>(bits >> 52 & 0x7ff);
  Number number;
  number.isNegative = bits >> 63;
  number.significand = bits & ((uint64_t(1) << 52) - 1);
  if (field == 0x7ff) {
    number.kind = number.significand ? Number::nan : Number::infinite;
  } else if (field) {
    number.significand |= uint64_t(1) << 52;
  }
  number.exponent = std::max(field, 1) - 1075;
  return number;
}
inline Number readF64(uint64_t row, const Modes &) {
  return readDouble(bitCast<double>(row));
}
inline Number readF32(uint64_t row, const Modes &modes) {
  float value = bitCast<float>(static_cast<uint32_t>(row));
  return readDouble(modes.has(Modes::flushes) ? flush(value) : value);
}
template <typename Format>
inline Number readSmall(uint64_t row, const Modes &) {
  return readDouble(
      valueOf<Format>(static_cast<typename Format::Storage>(row)));
}

/// To an integer; `isHuge` if it has more than 64 bits.
inline uint64_t magnitudeOf(const Number &number, Rounding rounding,
                            bool &isHuge) {
  if (number.exponent < 0)
    return cutRounded(number.significand, -number.exponent, number.isNegative,
                      rounding);
  int leading = number.significand ? __builtin_clzll(number.significand) : 64;
  isHuge = number.exponent > leading;
  return isHuge ? 0 : number.significand << number.exponent;
}

/// Clamped to the type, and extended to 64 bits as the type says.
template <typename T>
inline uint64_t writeInteger(const Number &number, const Modes &modes) {
  using Limits = std::numeric_limits<T>;
  if (number.kind == Number::nan)
    return static_cast<uint64_t>(
        static_cast<int64_t>(static_cast<T>(modes.integerOfNan)));
  bool isHuge = number.kind == Number::infinite;
  uint64_t magnitude = isHuge ? 0 : magnitudeOf(number, modes.rounding, isHuge);
  uint64_t greatest = static_cast<uint64_t>(Limits::max()),
           least = std::is_signed_v<T> ? greatest + 1 : 0;
  if (number.isNegative)
    return 0 - (isHuge ? least : std::min(magnitude, least));
  return isHuge ? greatest : std::min(magnitude, greatest);
}
/// Integers without .sat are cut, not clamped.
template <typename T>
inline uint64_t writeCut(const Number &number, const Modes &) {
  T cut = static_cast<T>(number.isNegative ? 0 - number.significand
                                           : number.significand);
  return static_cast<uint64_t>(std::is_signed_v<T> ? static_cast<int64_t>(cut)
                                                   : int64_t(uint64_t(cut)));
}

template <typename Format>
inline uint64_t writeFloat(const Number &given, const Modes &modes) {
  Number number = given;
  if (number.kind == Number::nan)
    return modes.has(Modes::saturates) ? 0 : Format::nanBits;
  if (number.isNegative && modes.has(Modes::saturates | Modes::rectifies))
    return 0;
  uint64_t one = pack<Format>(false, 1, 0, Rounding::nearest);
  if (number.kind == Number::infinite) {
    if (modes.has(Modes::saturates))
      return one;
    uint64_t bits = modes.has(Modes::isFinite) || !Format::infinityBits
                        ? Format::greatestFinite
                        : Format::infinityBits;
    return bits | (number.isNegative ? Format::signBit : 0);
  }
  if (modes.has(Modes::isIntegral) && number.exponent < 0) {
    bool isHuge = false;
    number.significand = magnitudeOf(number, modes.rounding, isHuge);
    number.exponent = 0;
  }
  uint64_t bits =
      pack<Format>(number.isNegative, number.significand, number.exponent,
                   modes.rounding, modes.has(Modes::isFinite));
  if (modes.has(Modes::saturates))
    bits = std::min(bits, one);
  if (Format::mantissaBits == 23 && modes.has(Modes::flushes))
    bits =
        bitCast<uint32_t>(flush(bitCast<float>(static_cast<uint32_t>(bits))));
  return bits;
}
/// tf32 lies in the upper bits of 32, the rest is 0.
inline uint64_t writeTF32(const Number &number, const Modes &modes) {
  if (number.kind == Number::nan)
    return 0x7fffffff;
  return writeFloat<FormatTF32>(number, modes) << 13;
}

using Reader = Number (*)(uint64_t, const Modes &);
using Writer = uint64_t (*)(const Number &, const Modes &);

template <template <typename> class Function>
auto forInteger(Type type) {
  bool isSigned = type.isSigned();
  switch (type.width) {
  case 8:
    return isSigned ? Function<int8_t>::value : Function<uint8_t>::value;
  case 16:
    return isSigned ? Function<int16_t>::value : Function<uint16_t>::value;
  case 32:
    return isSigned ? Function<int32_t>::value : Function<uint32_t>::value;
  default:
    return isSigned ? Function<int64_t>::value : Function<uint64_t>::value;
  }
}
template <typename T>
struct ReadInteger {
  static constexpr Reader value = readInteger<T>;
};
template <typename T>
struct WriteInteger {
  static constexpr Writer value = writeInteger<T>;
};
template <typename T>
struct WriteCut {
  static constexpr Writer value = writeCut<T>;
};

inline Reader readerOf(Type type) {
  switch (type.kind) {
  case Type::floating:
    return type.width == 64   ? readF64
           : type.width == 32 ? readF32
                              : readSmall<FormatF16>;
  case Type::bfloat:
    return readSmall<FormatBF16>;
  case Type::e4m3:
    return readSmall<FormatE4M3>;
  case Type::e5m2:
    return readSmall<FormatE5M2>;
  default:
    return forInteger<ReadInteger>(type);
  }
}
inline Writer writerOf(Type type, bool isCut) {
  switch (type.kind) {
  case Type::floating:
    return type.width == 64   ? writeFloat<FormatF64>
           : type.width == 32 ? writeFloat<FormatF32>
                              : writeFloat<FormatF16>;
  case Type::bfloat:
    return writeFloat<FormatBF16>;
  case Type::tfloat:
    return writeTF32;
  case Type::e4m3:
    return writeFloat<FormatE4M3>;
  case Type::e5m2:
    return writeFloat<FormatE5M2>;
  default:
    return isCut ? forInteger<WriteCut>(type) : forInteger<WriteInteger>(type);
  }
}

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_NUMBERS_H
