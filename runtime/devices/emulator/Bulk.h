//===- Bulk.h - Bulk copies of a CTA ----------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// cp.async.bulk, cp.async.bulk.tensor and cp.reduce.async.bulk. Copies into
// shared memory signal an mbarrier; copies out of it belong to bulk groups,
// which every thread has for itself.
//
// A copy is a list of runs: bytes that lie one after the other in global
// memory, and from a place in shared memory on, swizzled or not.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_BULK_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_BULK_H

#include "Form.h"
#include "Machine.h"
#include "Swizzle.h"
#include "TensorMap.h"

#include <array>
#include <cstring>
#include <deque>
#include <unordered_map>

namespace attn::emulator {

struct Mbarrier;

inline uint32_t swizzleMask(TensorMapSwizzle swizzle) {
  return bytesOf(swizzle) ? bytesOf(swizzle) - 16 : 0;
}

/// A part of a copy: `total` bytes of shared memory, of which those from
/// `begin` to `end` correspond to bytes of global memory.
struct BulkRun {
  uint32_t shared = 0; ///< before swizzling
  uint32_t total = 0;  ///< a multiple of 16
  uint32_t begin = 0, end = 0;
  uint8_t *global = nullptr; ///< of the byte `begin`
};

/// How cp.reduce.async.bulk combines: global = op(global, shared), on `count`
/// elements.
using BulkReduction = void (*)(uint8_t *global, const uint8_t *shared,
                               uint32_t count);
/// The number of a reduction, ".add" and ".u32"; 0 if there is none.
uint8_t bulkReductionNumber(std::string_view operation, std::string_view type);
/// Null for 0: a plain copy.
BulkReduction bulkReduction(uint8_t number);

/// A copy from global to shared memory.
class BulkLoad : public AsyncTask {
public:
  BulkLoad(const Accessor &who, Mbarrier &barrier)
      : who(who), barrier(barrier) {}

  std::vector<BulkRun> runs;
  uint32_t mask = 0; ///< of the swizzle
  /// What bytes outside of the tensor become, and how elements change.
  TensorMapType type = TensorMapType::u8;
  TensorMapFill fill = TensorMapFill::zero;

  /// Checks and announces the accesses; the bytes are copied when the task is
  /// performed. False if the launch must be given up.
  bool announce();

protected:
  void run(Cta &cta) override;

private:
  void copy(Cta &cta, const BulkRun &run);

  const Accessor who;
  Mbarrier &barrier;
};

/// A copy from shared to global memory.
class BulkStore : public AsyncTask {
public:
  BulkStore(const Accessor &who, Clock ticket) : who(who), ticket(ticket) {}

  std::vector<BulkRun> runs;
  uint32_t mask = 0;
  BulkReduction reduction = nullptr; ///< null for a plain copy

  bool announce();

  const Accessor who;
  const Clock ticket; ///< of the reads of shared memory, and of the writes

protected:
  void run(Cta &cta) override;
};

/// The bulk groups of the threads of a CTA.
class BulkGroups : public Component {
public:
  explicit BulkGroups(Cta &cta) : warps(cta.warpCount), cta(cta) {}

  /// For the next store of the warp.
  Clock nextTicket(const Warp &warp) { return ++warps[warp.index].tickets; }
  /// Adds to the open group of the thread.
  void add(std::shared_ptr<BulkStore> store);
  void commit(Warp &warp, LaneMask lanes);
  /// Waits for all but the last `left` groups of the threads; `isRead`: until
  /// they have read, not until others see what they have written.
  void wait(Warp &warp, LaneMask lanes, uint32_t left, bool isRead);

  /// The tensor map at a generic address. Null, with a report, if there is
  /// none or it has another rank.
  const TensorMapDescription *tensorMap(const Accessor &who, uint64_t address,
                                        uint32_t rank);

  void warpExited(Warp &warp) override;

private:
  struct Group {
    std::vector<std::shared_ptr<BulkStore>> stores; ///< not waited for
    Clock lastTicket = 0;
  };
  struct OfLane {
    std::vector<std::shared_ptr<BulkStore>> open;
    /// Until they are waited for without .read; the first ones have read.
    std::deque<Group> committed;
    size_t performed = 0;
  };
  struct OfWarp {
    std::array<OfLane, lanesPerWarp> lanes;
    Clock tickets = 0;
  };
  std::vector<OfWarp> warps;

  /// Maps that were read before, by address.
  struct KnownMap {
    TensorMapBits bits;
    TensorMapDescription description;
  };
  std::unordered_map<uint64_t, std::unique_ptr<KnownMap>> maps;

  Cta &cta;
};

/// Reports the address and returns false if it is not a multiple of `unit`.
bool isAligned(const Accessor &who, uint64_t address, uint32_t unit,
               const char *what);

/// Forms of the tensor copies, a part of bulkForms.
std::vector<Form> tensorCopyForms();

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_BULK_H
