//===- Copies.h - cp.async of a warp ----------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every thread has its own sequence of groups of copies. As the lanes of a warp
// nearly always go together, a task holds the copies that one instruction made
// for all lanes, and the group to which it belongs for each of them.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_COPIES_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_COPIES_H

#include "Machine.h"

#include <memory>
#include <vector>

namespace attn::emulator {

/// The copies of one cp.async for the lanes of a warp. The source is read when
/// it is performed; until a lane finishes its copy, any access to the
/// destination is a race.
class CopyTask : public AsyncTask {
public:
  CopyTask(Warp &warp, const Op &op, uint32_t bytes)
      : warp(warp), op(op), bytes(bytes) {}

  /// A copy of `bytes`, of which `sourceBytes` come from the source and the
  /// rest is zero.
  void add(int lane, uint32_t destination, const uint8_t *source,
           uint32_t sourceBytes, uint32_t group);

  /// Lanes whose copies have not been finished.
  LaneMask pendingLanes() const { return pending; }
  /// An mbarrier tells others when the copy of the lane is complete: the thread
  /// itself need not wait.
  void track(int lane) { tracked |= LaneMask(1) << lane; }
  LaneMask untrackedLanes() const { return pending & ~tracked; }
  uint32_t groupOf(int lane) const { return groups[lane]; }
  const uint32_t *destinations() const { return targets; }
  const Op &instruction() const { return op; }

  /// Ends the copies of these lanes, performing them before if that has not
  /// happened: whoever holds `clock` of `dimension` may read them.
  void finish(Cta &cta, LaneMask lanes, uint32_t dimension, Clock clock);
  /// The same for waits of the warp itself: each lane sees its own copies.
  void finish(Cta &cta, LaneMask lanes) {
    finish(cta, lanes, warp.index, warp.clock);
  }

private:
  void run(Cta &cta) override;

  Warp &warp;
  const Op &op;
  const uint32_t bytes;
  LaneMask all = 0, pending = 0, tracked = 0;
  // By lane.
  const uint8_t *sources[lanesPerWarp];
  uint32_t targets[lanesPerWarp] = {}, sizes[lanesPerWarp],
           groups[lanesPerWarp];
};

/// The cp.async of a CTA that are not finished.
class Copies : public Component {
public:
  explicit Copies(Cta &cta);

  struct OfWarp {
    std::vector<std::shared_ptr<CopyTask>> tasks; ///< oldest first
    /// cp.async.commit_group executed so far, by lane. A copy belongs to the
    /// group with the number that this had when it was issued.
    uint32_t committed[lanesPerWarp] = {};

    /// Tasks with a copy of the lane that is not finished: what
    /// cp.async.mbarrier.arrive waits for.
    std::vector<std::shared_ptr<CopyTask>> pendingOf(int lane) const;
    /// Forgets tasks that all lanes have finished.
    void dropFinished();
  };
  OfWarp &of(const Warp &warp) { return warps[warp.index]; }

  /// Reports the copies that nobody has waited for.
  void warpExited(Warp &warp) override;

private:
  std::vector<OfWarp> warps;
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_COPIES_H
