//===- Mbarrier.h - mbarrier objects of a CTA -------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An mbarrier (PTX ISA, "mbarrier") counts arrivals and bytes of asynchronous
// copies. Its phase is complete when no arrival and no byte is outstanding; the
// next begins with the count that mbarrier.init gave. Phases are counted
// without end here, so that a wait that takes one for another is found.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_MBARRIER_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_MBARRIER_H

#include "Machine.h"

#include <unordered_map>

namespace attn::emulator {

struct Mbarrier {
  uint32_t address = 0;
  uint32_t dimension = 0; ///< of its clock, which counts completed phases
  Clock completed = 0;    ///< over all objects that were at this address

  // Of the object that is there now.
  bool isValid = false;
  uint32_t count = 0; ///< arrivals of the phases to come
  uint32_t pending = 0;
  int64_t bytes = 0;  ///< outstanding; below zero if copies came first
  uint64_t phase = 0; ///< the open one
  View arrived;       ///< what those who arrived in the open phase release
  View released;      ///< what the last complete phase releases
  /// Lanes of a warp that have arrived in a phase and release what they did
  /// until then, and the earliest clock of an arrival.
  struct Arrivals {
    LaneMask lanes = 0;
    Clock first = inFlight;
  };
  std::vector<Arrivals> arrivedLanes, releasedLanes; ///< by warp
  const Op *initOp = nullptr;
  unsigned initWarp = 0;
  int initLane = 0;
  Clock initClock = 0;
  bool isFenced = false;   ///< by fence.mbarrier_init
  std::vector<Clock> used; ///< by warp: the last use
  /// Bytes that came in the open phase, and in complete ones that nobody has
  /// waited for.
  uint64_t landed = 0, unseen = 0;
  const Op *copyOp = nullptr; ///< of the last copy that was issued
  unsigned copies = 0;        ///< that are not complete
  unsigned arrivals = 0;      ///< of cp.async.mbarrier.arrive to come

  void noteArrival(const Accessor &who) {
    Arrivals &warp = arrivedLanes[who.warp.index];
    warp.lanes |= LaneMask(1) << who.lane;
    warp.first = std::min(warp.first, who.warp.clock);
  }
  /// The clock of those who have seen that `phase` is complete.
  Clock clockOf(uint64_t phase) const {
    return completed + static_cast<Clock>(phase - this->phase) + 1;
  }
};

/// "the mbarrier at 0x400 is in phase 3, with 1 of 2 arrivals outstanding".
std::string stateOf(const Mbarrier &barrier);

class Mbarriers : public Component {
public:
  explicit Mbarriers(Cta &cta) : patience(cta.warpCount), cta(cta) {}

  /// The mbarrier at an address. Null, with a report, if there is none; the
  /// launch must be given up then. Also reports a use that nothing orders after
  /// the init; `isAsync`: by the async proxy.
  Mbarrier *use(const Accessor &who, uint32_t address, bool isAsync = false);

  // Each returns false if the launch must be given up.

  bool init(const Accessor &who, uint32_t address, uint32_t count);
  bool invalidate(const Accessor &who, Mbarrier &barrier);
  bool expect(const Accessor &who, Mbarrier &barrier, uint32_t bytes);
  /// `arrivals` of the pending count; releases `view` if it is not null.
  bool arrive(const Accessor &who, Mbarrier &barrier, uint32_t arrivals,
              const View *view, bool mayComplete = true);
  /// The lanes of one instruction have completed several phases.
  bool reportLapped(const Accessor &who, const Mbarrier &barrier);
  /// Later phases expect so many arrivals less.
  bool drop(const Accessor &who, Mbarrier &barrier, uint32_t arrivals);
  /// Bytes of a copy have come: `dimension` and clockOf(phase) are what they
  /// are labelled with.
  bool complete(const Accessor &who, Mbarrier &barrier, uint32_t bytes);

  /// fence.mbarrier_init.
  void fenceInit(Warp &warp, LaneMask lanes);

  /// True if a wait for `phase` may go on.
  static bool isComplete(const Mbarrier &barrier, uint64_t phase) {
    return phase + 1 <= barrier.phase;
  }
  /// A wait has seen that the phase before the open one is complete. `isExact`:
  /// the wait has named it by a state, not by its parity.
  bool observe(const Accessor &who, Mbarrier &barrier, bool acquires,
               bool isExact);

  /// try_wait in a warp: failures to come although the phase is complete, and
  /// lanes that have given up in this stall.
  struct Patience {
    unsigned spurious = 0;
    LaneMask gaveUp = 0;
  };
  std::vector<Patience> patience; ///< by warp
  /// True while waits may give up because nothing else can go on.
  bool mayGiveUp() const;

  bool finish() override;
  bool stalled() override;
  std::string describe() override;

private:
  bool complain(const Accessor &who, ReportKind kind, std::string what,
                std::string other = {});
  bool advance(const Accessor &who, Mbarrier &barrier);

  Cta &cta;
  std::unordered_map<uint32_t, std::unique_ptr<Mbarrier>> all;
  Mbarrier *last = nullptr; ///< found last
  /// Events of the CTA at the last stall, without those that woke the waits.
  uint64_t eventsAtStall = 0, wakes = 0;
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_MBARRIER_H
