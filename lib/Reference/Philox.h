//===- Philox.h - The random numbers of dropout -----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As
// Easy as 1, 2, 3" (SC 2011), apart from what the compiler emits.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_PHILOX_H
#define ATTN_LIB_REFERENCE_PHILOX_H

#include <array>
#include <cstdint>

namespace attn::reference {

/// Four random words for a counter, lowest word first, under a key.
inline std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter,
                                          uint64_t key) {
  uint32_t k0 = static_cast<uint32_t>(key),
           k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t a = uint64_t(0xD2511F53) * counter[0],
             b = uint64_t(0xCD9E8D57) * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ k0,
               static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ k1,
               static_cast<uint32_t>(a)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return counter;
}

} // namespace attn::reference

#endif // ATTN_LIB_REFERENCE_PHILOX_H
