//===- Access.h - Loads and stores, checked ---------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the addresses of an instruction to bytes of the host: which memory an
// address belongs to, and every check that applies to the access.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_ACCESS_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_ACCESS_H

#include "Machine.h"

namespace attn::emulator {

/// The memory that an instruction names. Constant memory is global memory that
/// is not written.
enum class StateSpace : uint8_t {
  generic,
  global,
  shared,
  local,
  param,
  constant
};

/// Reads ".global", ".shared::cta", ".const" ...; empty is generic.
StateSpace stateSpaceOf(std::string_view text);

/// ".volatile" and ".relaxed" are relaxed; empty is weak.
Strength strengthOf(std::string_view text);

/// What one lane does in an access.
struct AccessKind {
  StateSpace space = StateSpace::generic;
  Intent intent = Intent::read;
  Strength strength = Strength::weak;
  uint32_t bytes = 4;     ///< of a lane
  uint32_t alignment = 4; ///< required; a power of two
  bool isOfCta = false;   ///< its scope
  /// As a relaxed write it is taken to release what is before the last fence:
  /// true of what may be a flag or a counter.
  bool publishesFences = true;
  /// ld.global.nc: of memory that nothing writes while the kernel runs.
  bool isReadOnly = false;
};

/// How an instruction addresses memory, as its Op keeps it in `bits`.
struct PackedAccess {
  StateSpace space = StateSpace::generic;
  Strength strength = Strength::weak;
  bool isOfCta = false; ///< the scope, which is that of the GPU otherwise
  bool isWide = true;   ///< addresses of 64 bits
  bool isReadOnly = false;

  static PackedAccess of(uint8_t bits) {
    const bool isReadOnly = (bits >> 3 & 7) == readOnly;
    return {static_cast<StateSpace>(bits & 7),
            isReadOnly ? Strength::weak : static_cast<Strength>(bits >> 3 & 7),
            (bits & 128) != 0, (bits & 64) != 0, isReadOnly};
  }
  uint8_t bits() const {
    return static_cast<uint8_t>(
        static_cast<uint8_t>(space) |
        (isReadOnly ? readOnly : static_cast<uint8_t>(strength)) << 3 |
        (isWide ? 64 : 0) | (isOfCta ? 128 : 0));
  }

private:
  /// In place of a strength, all of which are below: what is read only is weak.
  static constexpr uint8_t readOnly = 7;
};

/// Finds the host bytes of the lanes' addresses and does all checks. `places`
/// of other lanes are left alone. A lane whose access is wrong but harmless is
/// reported and goes on. False if the launch must be given up: an address is
/// outside of every object.
bool access(Warp &warp, const Op &op, LaneMask lanes, const AccessKind &kind,
            const uint64_t *addresses, uint8_t **places);

/// Addresses in the row src[slot], of 32 or 64 bits, plus op.immediate.
void laneAddresses(Warp &warp, const Op &op, int slot, bool wide,
                   uint64_t *addresses);

/// What the async proxy, or an instruction that takes one address, does with
/// global memory: the same checks, except for alignment. Null if the launch
/// must be given up.
uint8_t *accessGlobal(const Accessor &who, uint64_t address, uint64_t bytes,
                      Intent intent, const AccessOrder &how = {});

/// "0x400, which ...": why this is no address of shared memory, where an
/// instruction wants a generic address or one of the space.
std::string notSharedText(uint64_t address, bool isGeneric);

/// "warp 3, lane 5" or "warp 3".
std::string describe(const Accessor &who);

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_ACCESS_H
