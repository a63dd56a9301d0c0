//===- Machine.h - Warps and CTAs that execute a program --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The context of execution is a warp: its registers are rows of 32 lanes, and
// an instruction is executed for all lanes of a fragment at once. A warp whose
// lanes have taken different branches consists of several fragments; the one
// with the lowest program counter goes first (unless that leads to nothing),
// and fragments at the same place are merged.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_MACHINE_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_MACHINE_H

#include "Async.h"
#include "Clocks.h"
#include "Emulator.h"
#include "Memory.h"
#include "Program.h"
#include "SharedMemory.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

namespace attn::emulator {

class Cta;
class Launch;
class Copies;       // Copies.h
class Barriers;     // Barrier.h
class Mbarriers;    // Mbarrier.h
class BulkGroups;   // Bulk.h
class Warpgroups;   // Warpgroup.h
class GlobalShadow; // GlobalShadow.h
class Releases;     // Releases.h

/// State that a family of instructions keeps in a CTA. It is made at the first
/// such instruction, see Cta::get.
class Component {
public:
  virtual ~Component() = default;
  /// All lanes of a warp have exited.
  virtual void warpExited(Warp &) {}
  /// All warps have exited: reports what is left over. False: given up.
  virtual bool finish() { return true; }
  /// No warp can go on, and no asynchronous work is left. True if that makes
  /// something happen, such as a wait that gives up.
  virtual bool stalled() { return false; }
  /// What warps may wait for, in a report of a deadlock; maybe empty.
  virtual std::string describe() { return {}; }
};

/// Lanes of a warp at one place of the program.
struct Fragment {
  uint32_t pc = 0;
  LaneMask lanes = 0;
  bool isWaiting = false;
  /// Events of the CTA when it began to wait: it tries again at the next.
  uint64_t waitsSince = 0;
  /// What it waits for: said when there is a deadlock.
  std::string waitsFor;
};

/// Windows of generic addresses. Global addresses are host pointers, below
/// 2^48.
constexpr uint64_t sharedWindow = uint64_t(1) << 56,
                   localWindow = uint64_t(2) << 56,
                   paramWindow = uint64_t(3) << 56,
                   windowMask = uint64_t(0xff) << 56;

class Warp {
public:
  Warp(Cta &cta, unsigned index, LaneMask lanes);

  Cta &cta;
  const unsigned index; ///< in its CTA
  LaneMask alive;       ///< lanes that have not exited
  std::vector<Fragment> fragments;
  size_t currentFragment = 0;

  /// The row of an operand. T has 4 or 8 bytes, as the operand's type says.
  template <typename T>
  T *row(Ref ref) {
    uint8_t *base = ref >= 0 ? registers + ref : constants + ~ref;
    return reinterpret_cast<T *>(base);
  }
  /// A predicate: bit l is lane l's.
  LaneMask &predicate(Ref ref) { return *row<LaneMask>(ref); }
  /// Operand `n` of the list of an Op.
  Ref listed(const Op &op, unsigned n) const;

  Fragment &fragment() { return fragments[currentFragment]; }

  // For handlers of control flow.

  /// Moves lanes of the current fragment to another place; the rest goes on at
  /// the next instruction. To be followed by `return Flow::jump`.
  void branch(LaneMask lanes, uint32_t target);
  /// Ends lanes. To be followed by `return Flow::jump`.
  void exit(LaneMask lanes);
  /// `return wait("...")`: the current fragment tries the instruction again
  /// after the next event. The text is called for a deadlock report only.
  Flow wait(std::string what);
  /// For instructions with a membermask: true once all living lanes of the mask
  /// are in the current fragment. If not, return wait(...) or give up.
  bool haveArrived(LaneMask members);

  // Clocks.

  View view;
  Clock clock = 1;         ///< of its own dimension
  Clock lastSyncClock = 1; ///< since when its lanes are not ordered
  /// What each lane has seen of each other since then, through a bar.warp.sync
  /// of some lanes only; null if there was none.
  struct LaneOrder {
    Clock seen[lanesPerWarp][lanesPerWarp];
  };
  std::unique_ptr<LaneOrder> laneOrder;
  /// A fence.proxy.async of some lanes only: what it covers of the own warp.
  struct LaneFence {
    LaneMask lanes = 0;
    Clock clock = 0;

    bool covers(int lane, Clock at) const {
      return lane < lanesPerWarp && (lanes >> lane & 1) && at <= clock;
    }
  };
  LaneFence fencedShared, fencedGlobal;
  /// Joins its view into another and begins a new clock.
  void release(View &into);
  void acquire(const View &from);
  void tick();
  /// bar.warp.sync and what contains it: the lanes are ordered.
  void synchronizeLanes(LaneMask lanes = allLanes);
  /// Whether what lane `other` did at a clock of the warp is ordered before
  /// what `lane` does now.
  bool areOrdered(int lane, int other, Clock since) const;
  /// These lanes have seen what all others did until then. (Who released it is
  /// known by warp, not by lane.)
  void orderLanes(LaneMask lanes, Clock until);
  /// fence.proxy.async, for shared memory, global memory or both.
  void fenceProxy(LaneMask lanes, bool isOfShared, bool isOfGlobal);
  /// fence and membar: what the relaxed reads before it observed is seen, and
  /// relaxed writes after it release what the warp has done before it.
  /// Fences of one direction do only one of both.
  struct Fence {
    bool isOfCta; ///< between threads of the CTA only
    bool acquires = true, releases = true;
  };
  void fence(LaneMask lanes, Fence kind);
  struct Fences {
    /// What relaxed reads have observed: what other CTAs have released, and
    /// what the own one has.
    View observed, observedOfCta;
    Clock observedOwn = 0; ///< of the warp itself
    /// What fences have passed on, to all and within the CTA.
    View fenced, fencedOfCta;
  };
  /// Null before the first fence or strong access.
  std::unique_ptr<Fences> fences;
  Fences &getFences();

  // wgmma.
  /// Rows (by offset / 128) that a wgmma in flight reads (1) or writes (2).
  std::vector<uint8_t> asyncRows;
  unsigned asyncRowCount = 0;
  uint32_t registersPerThread = 0; ///< setmaxnreg
  /// Lanes for which a watched register has been written.
  std::vector<LaneMask> watchedInitialized;
  /// Calls from which these lanes have not returned.
  struct Call {
    LaneMask lanes;
    uint32_t pc;
    const Op *op;
  };
  std::vector<Call> callStack;

  /// The carry flags of add.cc and its like: bit l is lane l's.
  LaneMask carry = 0;

  uint64_t instructions = 0;

  uint8_t *localMemory(unsigned lane);

  // For the scheduler.

  /// True if a fragment can execute.
  bool isRunnable();
  /// Executes up to `quantum` instructions. False if the launch is given up.
  bool run(uint64_t quantum);
  void mergeFragments();

private:
  friend class Cta;
  /// Turns that other fragments than the lowest have had because nothing
  /// happened that lanes may wait for; since when, in events and instructions.
  uint64_t vainTurns = 0, vainEvents = 0, vainSince = 0;
  /// In such a turn, lanes went on that would have met others before.
  bool hasOvertaken = false;
  bool selectFragment();
  bool checkRegisters(const Op &op, LaneMask lanes);
  bool checkWritten(const Op &op, LaneMask lanes);
  bool checkAligned(const Op &op, LaneMask lanes, bool &waits);
  void fillSpecials();

  uint8_t *registers = nullptr;
  uint8_t *constants = nullptr;
  std::unique_ptr<uint8_t[]> registerStorage;
  std::unique_ptr<uint8_t[]> localStorage;
};

/// One CTA at work.
class Cta {
public:
  Cta(Launch &launch, Dim3 id);

  Launch &launch;
  const Program &program;
  const LaunchOptions &options;
  Dim3 id;
  uint32_t linearId;
  const uint32_t warpCount, warpgroupCount;
  SharedMemory shared;
  AsyncQueue async;
  std::vector<std::unique_ptr<Warp>> warps;
  // Null before the first use; get(cta.barriers) makes it. The constructors
  // take the CTA.
  std::shared_ptr<Copies> copies;
  std::shared_ptr<Barriers> barriers;
  std::shared_ptr<Mbarriers> mbarriers;
  std::shared_ptr<BulkGroups> bulkGroups;
  std::shared_ptr<Warpgroups> warpgroups;
  /// Of strong writes to shared memory; null before the first.
  std::shared_ptr<Releases> releases;
  std::mt19937_64 random;
  /// Rises when something happened that a waiting fragment may wait for.
  uint64_t events = 1;
  uint32_t freeRegisters = 0; ///< in the pool of setmaxnreg

  // Dimensions of the clocks.
  uint32_t dimensionOfWarp(unsigned warp) const { return warp; }
  uint32_t dimensionOfWarpgroup(unsigned group) const {
    return warpCount + group;
  }
  uint32_t dimensionOfBulkReads(unsigned warp) const {
    return warpCount + warpgroupCount + warp;
  }
  uint32_t dimensionOfMbarrier(unsigned number) const {
    return 2 * warpCount + warpgroupCount + number;
  }
  uint32_t dimensionOfBulkWrites(unsigned warp) const {
    return dimensionOfMbarrier(maxMbarriers) + warp;
  }
  /// Dimensions in which shared memory is read, and all.
  uint32_t readDimensions() const { return dimensionOfMbarrier(0); }
  uint32_t dimensions() const { return dimensionOfBulkWrites(warpCount); }
  static constexpr uint32_t maxMbarriers = 64;

  template <typename T>
  T &get(std::shared_ptr<T> &component) {
    if (!component) {
      component = std::make_shared<T>(*this);
      components.push_back(component);
    }
    return *component;
  }

  /// Runs all warps to their ends. False if the launch is given up.
  bool run();

  /// Adds a report; false if the launch must be given up because there are too
  /// many. `op` may be null.
  bool report(ReportKind kind, const Warp *warp, const Op *op, int lane,
              std::string what, std::string other = {});
  /// The same for a mistake after which the kernel can go on; nothing if such
  /// mistakes are not looked for.
  bool complain(ReportKind kind, const Warp *warp, const Op *op, int lane,
                std::string what, std::string other = {}) {
    return !options.checks(kind) ||
           report(kind, warp, op, lane, std::move(what), std::move(other));
  }

  /// For Warp::exit.
  void warpExited(Warp &warp);

private:
  bool reportDeadlock();
  bool wakeStalled();
  bool finish();

  std::vector<std::shared_ptr<Component>> components;
};

inline Ref Warp::listed(const Op &op, unsigned n) const {
  return cta.program.lists[op.listBegin + n];
}

/// A launch at work: what all its CTAs share.
class Launch {
public:
  Launch(const Program &program, const LaunchDimensions &dimensions,
         Memory &memory, const LaunchOptions &options);

  const Program &program;
  const LaunchDimensions &dimensions;
  Memory &memory;
  const LaunchOptions &options;
  std::vector<uint8_t> parameters;
  /// The constant rows of the program.
  std::vector<uint64_t> constants;
  uint32_t registersPerThread = 0;
  uint32_t sharedBytes = 0;
  uint64_t executed = 0; ///< warp instructions
  std::vector<uint64_t> executedByOp;
  std::vector<uint64_t> bankConflictsByOp;
  LaunchResult result;
  /// Of the last CTA, for the next.
  std::shared_ptr<SharedShadow> spareShadow;
  /// Null before the first access that is checked for races.
  std::shared_ptr<GlobalShadow> globalShadow;
  /// Of strong writes to global memory; null before the first.
  std::shared_ptr<Releases> releases;

  void run();
  bool report(Report report);
  /// The allocation, or the variable of the module, at an address; or null.
  Allocation *findGlobal(uint64_t address) {
    if (Allocation *found = memory.find(address))
      return found;
    return program.variables->find(address);
  }

private:
  void collectStatistics();
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_MACHINE_H
