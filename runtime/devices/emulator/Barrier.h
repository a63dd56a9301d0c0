//===- Barrier.h - Named barriers of a CTA ----------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// barrier.sync, .arrive and .red (PTX ISA, "Parallel Synchronization and
// Communication Instructions"). A warp has arrived once all its lanes that have
// not exited did; it counts as 32 threads. A generation is complete when as
// many threads have arrived as its instructions say.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_BARRIER_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_BARRIER_H

#include "Machine.h"

#include <array>

namespace attn::emulator {

enum class BarrierAction : uint8_t { sync, arrive, red };

/// One of the 16 barriers.
struct Barrier {
  /// What a warp has to do with the generation that is open.
  struct Party {
    LaneMask arrived = 0;
    LaneMask waiting = 0;
    /// Lanes that waited for an earlier generation, which is complete: they
    /// go on when they run next.
    LaneMask released = 0;
    LaneMask agreed = 0; ///< lanes whose predicate is true
    // What barrier.red gives to the released lanes.
    uint32_t agreedThreads = 0;
    bool agreedByAll = false;
  };
  std::vector<Party> parties; ///< by warp

  bool isOpen = false;     ///< somebody has arrived
  uint32_t threads = 0;    ///< expected
  bool isWholeCta = false; ///< no number was given: exited warps count
  uint32_t again = 0;      ///< threads that arrived although they had arrived
  BarrierAction action = BarrierAction::sync; ///< of the first
  const Op *firstOp = nullptr;
  unsigned firstWarp = 0;
  View view;
};

class Barriers : public Component {
public:
  explicit Barriers(Cta &cta);

  static constexpr uint32_t count = 16;
  std::array<Barrier, count> all;

  /// Threads that have arrived in the open generation.
  uint32_t arrived(const Barrier &barrier) const;
  /// Completes the generation if it can be.
  bool complete(Barrier &barrier);

  void warpExited(Warp &warp) override;
  bool finish() override;
  std::string describe() override;

  /// What the warps have asked for by setmaxnreg, in order.
  std::vector<std::vector<uint32_t>> registerRequests;

private:
  Cta &cta;
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_BARRIER_H
