//===- SharedMemory.h - Shared memory with its shadow -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The shared memory of a CTA, and for each 16 bytes of it who wrote and read
// them last. All accesses are announced here before they touch the bytes.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_SHAREDMEMORY_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_SHAREDMEMORY_H

#include "Clocks.h"
#include "Program.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace attn::emulator {

class Cta;
class SharedShadow; // SharedShadow.h

/// What an access does with memory.
enum class Intent : uint8_t { read, write, modify };
inline const char *verbOf(Intent intent) {
  return intent == Intent::read    ? "reads"
         : intent == Intent::write ? "writes"
                                   : "modifies";
}

/// How an access takes part in the memory model (PTX ISA, "Memory consistency
/// model"). Two accesses that both are not weak never race.
enum class Strength : uint8_t {
  weak,
  relaxed,
  acquire,
  release,
  acquireRelease
};

/// How an access of global memory is ordered with others.
struct AccessOrder {
  Strength strength = Strength::weak;
  /// Its scope: for threads of other CTAs it is weak.
  bool isOfCta = false;
  bool isAsync = false; ///< of the async proxy
  /// A write of the async proxy is seen by those who hold this clock of the
  /// bulk writes of its warp.
  Clock ticket = 0;
};

/// Who touches memory.
struct Accessor {
  /// For instructions of a whole warp, such as ldmatrix and wgmma.
  static constexpr int collective = 32;
  /// In what is remembered of reads: several lanes, one by one.
  static constexpr int several = 33;

  Warp &warp;
  const Op &op;
  int lane = collective;
  /// What it knows, if that is not the view of the warp.
  const View *view = nullptr;
};

/// Where shared memory begins in its window: the first KB belongs to the system
/// on sm_90, and swizzles are of absolute addresses.
constexpr uint32_t sharedBase = 1024;

class SharedMemory {
public:
  SharedMemory(Cta &cta, uint32_t bytes);
  ~SharedMemory();

  /// Bytes, from address sharedBase on.
  uint32_t size() const { return bytes; }
  /// The byte at an address of the shared window, which must be inside.
  uint8_t *at(uint32_t address) {
    return storage.get() + (address - sharedBase);
  }
  bool contains(uint32_t address, uint32_t count) const {
    return address >= sharedBase && count <= bytes &&
           address - sharedBase <= bytes - count;
  }

  // Each returns false if the launch must be given up: the range is outside.
  // Everything else that is wrong is reported and the access goes on.

  /// The generic proxy reads or writes.
  bool access(const Accessor &who, Intent intent, Strength strength,
              uint32_t address, uint32_t count);
  bool read(const Accessor &who, uint32_t address, uint32_t count) {
    return access(who, Intent::read, Strength::weak, address, count);
  }
  bool write(const Accessor &who, uint32_t address, uint32_t count) {
    return access(who, Intent::write, Strength::weak, address, count);
  }
  /// The same for several lanes; `isCollective`: they act as one, as in
  /// ldmatrix.
  bool access(Warp &warp, const Op &op, LaneMask lanes, bool isCollective,
              Intent intent, Strength strength, const uint32_t *addresses,
              uint32_t count);

  /// cp.async of these lanes are going to write: until endCopies any other
  /// access is a race. The copies belong to the generic proxy.
  bool beginCopies(Warp &warp, const Op &op, LaneMask lanes,
                   const uint32_t *addresses, uint32_t count);
  /// They are seen by those who hold (dimension, clock).
  void endCopies(Warp &warp, const Op &op, LaneMask lanes,
                 const uint32_t *addresses, uint32_t count, uint32_t dimension,
                 Clock clock);

  /// False, with a report, unless all of it is in shared memory.
  bool checkBounds(const Accessor &who, const char *verb, uint32_t address,
                   uint32_t count);

  /// The async proxy reads, on behalf of the issuer; the reading is over when a
  /// view holds `clock` of `dimension`.
  bool asyncRead(const Accessor &who, uint32_t address, uint32_t count,
                 uint32_t dimension, Clock clock);
  /// The async proxy is going to write; seen by those who hold (dimension,
  /// clock), which endAsyncWrite gives.
  bool beginAsyncWrite(const Accessor &who, uint32_t address, uint32_t count);
  void endAsyncWrite(const Accessor &who, uint32_t address, uint32_t count,
                     uint32_t dimension, Clock clock);

  /// These 8 bytes are an mbarrier (or no longer): other accesses are reported.
  void setBarrierStorage(uint32_t address, bool isBarrier);

  /// Extra cycles of an access by the addresses of its lanes (`bankConflicts`):
  /// the hardware serves 128 bytes in a cycle, from 32 banks of 4 bytes.
  void countBankConflicts(const Op &op, const uint32_t *addresses,
                          LaneMask lanes, uint32_t bytesPerLane);

private:
  /// The addresses of other lanes than these may be anything.
  bool checkBounds(Warp &warp, const Op &op, LaneMask lanes, const char *verb,
                   const uint32_t *addresses, uint32_t count);

  Cta &cta;
  uint32_t bytes;
  std::unique_ptr<uint8_t[]> storage;
  std::shared_ptr<SharedShadow> shadow; ///< null if no check needs it
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_SHAREDMEMORY_H
