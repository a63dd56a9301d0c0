//===- instructions/SharedOperand.cpp - Addresses of shared memory --------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedOperand.h"

#include <cstdio>

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

std::string SharedOperand::hex(uint64_t address) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx",
                static_cast<unsigned long long>(address));
  return text;
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
                      hex(given));
  return false;
}
