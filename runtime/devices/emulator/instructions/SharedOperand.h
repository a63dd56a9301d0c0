//===- SharedOperand.h - Addresses of shared memory -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_SHAREDOPERAND_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_SHAREDOPERAND_H

#include "../Decoder.h"
#include "../Machine.h"

namespace attn::emulator::SharedOperand {

/// What must be known of an operand that addresses shared memory.
enum : uint8_t { isWide = 1, isGeneric = 2 };

/// Reads operand `n` into src[slot]; `space` is ".shared", ".shared::cta",
/// ".shared::cluster" (a CTA is its whole cluster) or empty. Returns the bits
/// above. The displacement is added to op.immediate.
uint8_t decode(Decoder &decoder, size_t n, std::string_view space, int slot);

/// The address in the shared window that a lane gives. False, with a report, if
/// it cannot be one.
bool address(const Accessor &who, Ref row, uint8_t bits, uint64_t displacement,
             uint32_t &address);

} // namespace attn::emulator::SharedOperand

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_SHAREDOPERAND_H
