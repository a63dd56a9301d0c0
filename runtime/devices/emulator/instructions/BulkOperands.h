//===- instructions/BulkOperands.h - Operands of bulk copies ----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bulk copies have up to three addresses: of shared memory in src[0], of global
// memory or of a tensor map in src[1], of an mbarrier in src[2]. op.immediate
// holds the displacements of the first and, from bit 32 on, of the third;
// op.detail that of the second, and from bit 32 on what is said of each.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_BULKOPERANDS_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_BULKOPERANDS_H

#include "SharedOperand.h"

namespace attn::emulator {

class BulkOperands {
public:
  explicit BulkOperands(const Op &op) : op(op) {}

  /// So many operands, and a cache policy if there is a cache hint.
  static bool expect(Decoder &decoder, size_t count);
  static void decodeShared(Decoder &decoder, const ptx::Operand &operand) {
    set(decoder, operand, ".shared", 0);
  }
  static void decodeGlobal(Decoder &decoder, const ptx::Operand &operand,
                           std::string_view space) {
    set(decoder, operand, space, 1);
  }
  static void decodeMbarrier(Decoder &decoder, const ptx::Operand &operand) {
    set(decoder, operand, ".shared", 2);
  }

  /// Addresses of a lane. False, with a report, if it cannot be one.
  bool shared(const Accessor &who, uint32_t &address) const {
    return SharedOperand::address(who, op.src[0], wide(0),
                                  static_cast<uint32_t>(op.immediate), address);
  }
  bool mbarrier(const Accessor &who, uint32_t &address) const {
    return SharedOperand::address(
        who, op.src[2], wide(2),
        static_cast<uint32_t>(static_cast<uint64_t>(op.immediate) >> 32),
        address);
  }
  uint64_t global(const Accessor &who) const {
    int64_t displacement = static_cast<int32_t>(op.detail);
    uint64_t base = wide(1) ? who.warp.row<uint64_t>(op.src[1])[who.lane]
                            : who.warp.row<uint32_t>(op.src[1])[who.lane];
    return base + static_cast<uint64_t>(displacement);
  }

private:
  uint8_t wide(int slot) const {
    return (op.detail >> (32 + slot)) & 1 ? SharedOperand::isWide : 0;
  }
  static void set(Decoder &decoder, const ptx::Operand &operand,
                  std::string_view space, int slot);

  const Op &op;
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_BULKOPERANDS_H
