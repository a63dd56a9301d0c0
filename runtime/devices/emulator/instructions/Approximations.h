//===- Approximations.h - ex2, lg2, rcp ... ---------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The `.approx` functions. The hardware's bits are not published, only bounds
// of their errors; what is here stays within those bounds, and
// LaunchOptions::approximationJitter shows who depends on more.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_APPROXIMATIONS_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_APPROXIMATIONS_H

#include "Floats.h"

namespace attn::emulator {

/// 2^x to a relative error of 2^-23.5, exact where the result is a power of
/// two. Without `ftz`, subnormal results are right.
template <bool ftz>
inline float approximateEx2(float x) {
  // Outside, the result is 0 or infinity; NaN passes.
  float clamped = x < -160.0f ? -160.0f : x;
  clamped = clamped > 129.0f ? 129.0f : clamped;
  // A float of this size has units in its last place.
  constexpr float magic = 0x1.8p23f;
  float shifted = clamped + magic;
  float fraction = clamped - (shifted - magic); // in [-0.5, 0.5]
  int32_t whole = bitCast<int32_t>(shifted) - bitCast<int32_t>(magic);
  // A minimax polynomial: relative error 2^-29.
  float power = 0x1.41d334p-13f;
  power = std::fma(power, fraction, 0x1.5f456ap-10f);
  power = std::fma(power, fraction, 0x1.3b2dbcp-7f);
  power = std::fma(power, fraction, 0x1.c6aed4p-5f);
  power = std::fma(power, fraction, 0x1.ebfbdap-3f);
  power = std::fma(power, fraction, 0x1.62e430p-1f);
  power = std::fma(power, fraction, 1.0f);
  // Subnormal results: the last step is a product, which rounds.
  bool isSmall = x < -126.0f;
  whole += isSmall ? 64 : 0;
  uint32_t scaled =
      bitCast<uint32_t>(power) + (static_cast<uint32_t>(whole) << 23);
  float result = bitCast<float>(scaled);
  if constexpr (ftz)
    result = isSmall ? 0.0f : result;
  else
    result *= isSmall ? 0x1p-64f : 1.0f;
  result = x >= 128.0f ? HUGE_VALF : result;
  return x == x ? result : x;
}

/// tanh x to the last place.
inline float approximateTanh(float x) {
  double magnitude = std::fabs(double(x));
  magnitude = magnitude < 20.0 ? magnitude : 20.0;
  // e^2|x| = 2^whole * 2^fraction.
  double exponent = magnitude * 2.8853900817779268;
  constexpr double magic = 0x1.8p52;
  double shifted = exponent + magic;
  double f = exponent - (shifted - magic);
  uint64_t whole = bitCast<uint64_t>(shifted) - bitCast<uint64_t>(magic);
  // A minimax polynomial of 2^f: relative error 2^-46.
  double power = 0x1.b3f42370feb32p-24;
  power = std::fma(power, f, 0x1.63edf108fa336p-20);
  power = std::fma(power, f, 0x1.ffce245eb98ddp-17);
  power = std::fma(power, f, 0x1.43088fca981a8p-13);
  power = std::fma(power, f, 0x1.5d87fd9012c5bp-10);
  power = std::fma(power, f, 0x1.3b2ab72a10992p-7);
  power = std::fma(power, f, 0x1.c6b08d70d1ffdp-5);
  power = std::fma(power, f, 0x1.ebfbdff81570dp-3);
  power = std::fma(power, f, 0x1.62e42fefa3752p-1);
  power = std::fma(power, f, 0x1.0000000000039p+0);
  power = bitCast<double>(bitCast<uint64_t>(power) + (whole << 52));
  double far = 1.0 - 2.0 / (power + 1.0);
  // Near 0 the difference would lose its bits.
  double near = magnitude - magnitude * magnitude * magnitude / 3.0;
  double result = magnitude < 0x1p-12 ? near : far;
  float rounded = std::copysign(static_cast<float>(result), x);
  return x == x ? rounded : x;
}

inline float approximateLg2(float x) {
  return static_cast<float>(std::log2(double(x)));
}
inline float approximateSin(float x) {
  return static_cast<float>(std::sin(double(x)));
}
inline float approximateCos(float x) {
  return static_cast<float>(std::cos(double(x)));
}
inline float approximateRsqrt(float x) {
  return static_cast<float>(1.0 / std::sqrt(double(x)));
}
inline float approximateSqrt(float x) { return std::sqrt(x); }
inline float approximateRcp(float x) { return 1.0f / x; }
/// PTX: for |b| beyond 2^126 the result is 0, or NaN if a is infinite.
inline float approximateDiv(float a, float b) {
  float magnitude = std::fabs(b);
  bool isLarge = magnitude > 0x1p126f;
  float inverse = std::copysign(0.0f, b);
  return isLarge ? a * inverse : a / b;
}

/// Noise of up to `ulp` units in the last place, in a number with so many
/// mantissa bits. It depends on the number and the seed alone, as hardware
/// gives equal results to equal operands. Zeros, subnormal numbers and what is
/// not finite stay, and nothing passes 1.
template <int mantissaBits, int exponentBits>
inline uint32_t jitter(uint32_t bits, unsigned ulp, uint64_t seed) {
  constexpr uint32_t signBit = 1u << (mantissaBits + exponentBits),
                     least = 1u << mantissaBits,
                     infinity = ((1u << exponentBits) - 1) << mantissaBits,
                     one = infinity / 2 & ~(least - 1);
  uint32_t magnitude = bits & (signBit - 1);
  if (magnitude < least || magnitude >= infinity)
    return bits;
  uint64_t hash = (bits ^ seed) * 0x9e3779b97f4a7c15u;
  hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93u;
  int64_t offset = static_cast<int64_t>((hash >> 32) % (2 * uint64_t(ulp) + 1));
  offset -= ulp;
  bool isBelowOne = magnitude <= one;
  int64_t moved = std::max<int64_t>(magnitude + offset, least);
  moved = std::min<int64_t>(moved, isBelowOne ? one : infinity - 1);
  return (bits & signBit) | static_cast<uint32_t>(moved);
}

/// How LaunchOptions::approximationJitter applies to a row.
enum class JitterKind : uint8_t { f32, f16, f16x2, bf16, bf16x2 };

template <JitterKind kind>
inline uint32_t jitterLane(uint32_t bits, unsigned ulp, uint64_t seed) {
  if constexpr (kind == JitterKind::f32)
    return jitter<23, 8>(bits, ulp, seed);
  else if constexpr (kind == JitterKind::f16)
    return jitter<10, 5>(bits & 0xffff, ulp, seed);
  else if constexpr (kind == JitterKind::bf16)
    return jitter<7, 8>(bits & 0xffff, ulp, seed);
  else {
    constexpr JitterKind half =
        kind == JitterKind::f16x2 ? JitterKind::f16 : JitterKind::bf16;
    return jitterLane<half>(bits & 0xffff, ulp, seed) |
           jitterLane<half>(bits >> 16, ulp, seed) << 16;
  }
}

/// A handler with noise added to its result where the launch asks for it.
template <Handler inner, JitterKind kind>
Flow approximate(Warp &warp, const Op &op, LaneMask lanes) {
  Flow flow = inner(warp, op, lanes);
  const LaunchOptions &options = warp.cta.options;
  if (options.approximationJitter) {
    uint32_t *row = warp.row<uint32_t>(op.dst);
    for (int l = 0; l < lanesPerWarp; ++l)
      if (lanes >> l & 1)
        row[l] =
            jitterLane<kind>(row[l], options.approximationJitter, options.seed);
  }
  return flow;
}

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_APPROXIMATIONS_H
