//===- instructions/SharedOperand.cpp - Addresses of shared memory --------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedOperand.h"
#include "../Access.h"
#include "BulkOperands.h"

using namespace attn::emulator;

uint8_t SharedOperand::decode(Decoder &decoder, size_t n,
                              std::string_view space, int slot) {
  // Variables of the cluster's memory have their addresses in the CTA.
  if (!space.empty())
    space = ".shared";
  uint8_t bits = 0;
  if (decoder.address(n, space, slot) == 64)
    bits |= isWide;
  if (space.empty())
    bits |= isGeneric;
  return bits;
}

bool SharedOperand::address(const Accessor &who, Ref row, uint8_t bits,
                            uint64_t displacement, uint32_t &address) {
  Warp &warp = who.warp;
  uint64_t given = bits & isWide
                       ? warp.row<uint64_t>(row)[who.lane] + displacement
                       : warp.row<uint32_t>(row)[who.lane] +
                             static_cast<uint32_t>(displacement);
  address = static_cast<uint32_t>(given);
  uint64_t window = given & windowMask;
  if ((given & ~windowMask) == address &&
      window == (bits & isGeneric ? sharedWindow : 0))
    return true;
  warp.cta.report(ReportKind::bounds, &warp, &who.op, who.lane,
                  "the instruction needs an address of shared memory; given "
                  "is " +
                      notSharedText(given, bits & isGeneric));
  return false;
}

bool BulkOperands::expect(Decoder &decoder, size_t count) {
  // The hint changes nothing that can be seen.
  bool hasHint =
      decoder.instruction().opcode.find(".L2::cache_hint") != std::string::npos;
  if (!decoder.expectOperands(count + hasHint))
    return false;
  if (hasHint)
    decoder.source(count, typeOf("b64"));
  return true;
}

void BulkOperands::set(Decoder &decoder, const ptx::Operand &operand,
                       std::string_view space, int slot) {
  Op &op = decoder.op;
  const int64_t before = op.immediate;
  op.immediate = 0;
  const uint64_t isWide = decoder.address(operand, space, slot) == 64;
  const uint64_t displacement = static_cast<uint32_t>(op.immediate);
  if (op.immediate != static_cast<int32_t>(op.immediate))
    decoder.fail("the displacement of an address has 32 bits; given is " +
                 std::to_string(op.immediate));
  op.immediate = before;
  op.detail |= isWide << (32 + slot);
  if (slot == 1)
    op.detail |= displacement;
  else
    op.immediate |= static_cast<int64_t>(displacement << (slot == 2 ? 32 : 0));
}
