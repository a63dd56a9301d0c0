//===- Wgmma.h - A product of a warpgroup as a case -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_CONFORMANCE_WGMMA_H
#define ATTN_UNIT_EMULATOR_CONFORMANCE_WGMMA_H

#include "Case.h"
#include "Layouts.h"

namespace attn::conformance {

/// In what order the parts of an operand follow each other in shared memory:
/// along M or N first, along K first, or the former with room between.
enum class Strides { mnFirst, kFirst, padded };

/// D = scaleA * scaleB * A * B + scaleD * D, with as many instructions as it
/// takes for the depth.
struct Wgmma {
  Element a = Element::bf16, b = Element::bf16, d = Element::f32;
  std::string typeA = "bf16", typeB = "bf16"; ///< as spelled: "u8"
  unsigned n = 64;
  unsigned depth = 64; ///< K in all
  bool takesRegisters = false; ///< A
  SharedLayout layoutA, layoutB; ///< strides are filled in
  Strides strides = Strides::mnFirst;
  int scaleA = 1, scaleB = 1;
  bool scaleD = true;
  bool satfinite = false, overflows = false;
  bool isExact = true; ///< small integers, not random numbers

  /// K of one instruction: 32 bytes.
  unsigned k() const { return 32 / bytesOf(a); }
  unsigned steps() const { return depth / k(); }
  unsigned perRegisterD() const { return d == Element::f16 ? 2 : 1; }
  unsigned registersD() const { return n / 2 / perRegisterD(); }

  Problem problem(const Target &target) const;
};

} // namespace attn::conformance

#endif // ATTN_UNIT_EMULATOR_CONFORMANCE_WGMMA_H
