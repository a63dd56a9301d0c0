//===- Swizzle.h - Swizzles of shared memory --------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_SWIZZLE_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_SWIZZLE_H

#include <cstdint>

namespace attn::emulator {

/// Chunks of 16 bytes change places: bits 4 and up of an address are XORed with
/// bits 7 and up, in as many bits as `mask` has (0x70, 0x30, 0x10 or 0).
inline uint32_t swizzled(uint32_t address, uint32_t mask) {
  return address ^ ((address >> 3) & mask);
}

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_SWIZZLE_H
