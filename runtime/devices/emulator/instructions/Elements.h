//===- Elements.h - Elements of matrices ------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What mma and wgmma multiply. Each type says what is stored, what is computed
// with, and how the one becomes the other.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_ELEMENTS_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_ELEMENTS_H

#include "Floats.h"

#include <array>

namespace attn::emulator {

struct ElementF16 {
  using Stored = uint16_t;
  using Value = float;
  static Value convert(Stored bits) { return toFloat(F16{bits}); }
};
struct ElementBF16 {
  using Stored = uint16_t;
  using Value = float;
  static Value convert(Stored bits) { return toFloat(BF16{bits}); }
};
struct ElementTF32 {
  using Stored = uint32_t;
  using Value = float;
  /// The hardware does not look at the low 13 bits.
  static Value convert(Stored bits) {
    return bitCast<float>(bits & 0xffffe000u);
  }
};
template <typename Format>
struct ElementF8 {
  using Stored = uint8_t;
  using Value = float;
  static Value convert(Stored bits) {
    static const std::array<float, 256> table = [] {
      std::array<float, 256> values;
      for (unsigned n = 0; n < 256; ++n)
        values[n] =
            static_cast<float>(valueOf<Format>(static_cast<uint8_t>(n)));
      return values;
    }();
    return table[bits];
  }
};
using ElementE4M3 = ElementF8<FormatE4M3>;
using ElementE5M2 = ElementF8<FormatE5M2>;
struct ElementU8 {
  using Stored = uint8_t;
  using Value = int32_t;
  static Value convert(Stored bits) { return bits; }
};
struct ElementS8 {
  using Stored = int8_t;
  using Value = int32_t;
  static Value convert(Stored bits) { return bits; }
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_ELEMENTS_H
