//===- Warp.cpp - Warps that execute a program ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include "Warpgroup.h"

#include <algorithm>

using namespace attn::emulator;

Warp::Warp(Cta &cta, unsigned index, LaneMask lanes)
    : cta(cta), index(index), alive(lanes),
      registersPerThread(cta.launch.registersPerThread) {
  const Program &program = cta.program;
  // Rows of undefined registers hold a pattern that is no number.
  size_t bytes = program.registerBytes;
  registerStorage = std::make_unique<uint8_t[]>(bytes + 64);
  registers = reinterpret_cast<uint8_t *>(
      (reinterpret_cast<uintptr_t>(registerStorage.get()) + 63) / 64 * 64);
  std::fill_n(registers, bytes, uint8_t(0xfe));
  constants = reinterpret_cast<uint8_t *>(cta.launch.constants.data());
  watchedInitialized.assign(program.watched.size(), 0);
  asyncRows.assign(bytes / 128 + 1, 0);
  view = View(cta.dimensions());
  view.generic[index] = clock;
  Fragment start;
  start.lanes = lanes;
  fragments.push_back(start);
  fillSpecials();
}

void Warp::fillSpecials() {
  const Dim3 &block = cta.launch.dimensions.block,
             &grid = cta.launch.dimensions.grid;
  // Shared memory is given out in units.
  const uint32_t sharedSize = static_cast<uint32_t>(
      alignUp(cta.launch.sharedBytes, cta.program.module->sm < 80 ? 256 : 128));
  auto value = [&](Special special, uint32_t lane) -> uint32_t {
    uint32_t thread = index * lanesPerWarp + lane;
    switch (special) {
    case Special::tidX:
      return thread % block.x;
    case Special::tidY:
      return thread / block.x % block.y;
    case Special::tidZ:
      return thread / block.x / block.y;
    case Special::ntidX:
      return block.x;
    case Special::ntidY:
      return block.y;
    case Special::ntidZ:
      return block.z;
    case Special::ctaidX:
    case Special::clusteridX:
      return cta.id.x;
    case Special::ctaidY:
    case Special::clusteridY:
      return cta.id.y;
    case Special::ctaidZ:
    case Special::clusteridZ:
      return cta.id.z;
    case Special::nctaidX:
    case Special::nclusteridX:
      return grid.x;
    case Special::nctaidY:
    case Special::nclusteridY:
      return grid.y;
    case Special::nctaidZ:
    case Special::nclusteridZ:
      return grid.z;
    case Special::laneid:
      return lane;
    case Special::warpid:
      return index;
    case Special::nwarpid:
      return static_cast<uint32_t>((block.count() + 31) / lanesPerWarp);
    case Special::lanemaskEq:
      return 1u << lane;
    case Special::lanemaskLe:
      return (2u << lane) - 1;
    case Special::lanemaskLt:
      return (1u << lane) - 1;
    case Special::lanemaskGe:
      return ~((1u << lane) - 1);
    case Special::lanemaskGt:
      return ~((2u << lane) - 1);
    case Special::dynamicSharedSize:
      return cta.launch.dimensions.dynamicSharedBytes;
    case Special::totalSharedSize:
      return sharedSize;
    case Special::aggregateSharedSize:
      return sharedSize + sharedBase;
    case Special::nsmid:
    case Special::clusterNctaidX:
    case Special::clusterNctaidY:
    case Special::clusterNctaidZ:
    case Special::clusterNctarank:
      return 1;
    // One multiprocessor, one grid, and clusters of one CTA.
    case Special::smid:
    case Special::gridid:
    case Special::clusterCtaidX:
    case Special::clusterCtaidY:
    case Special::clusterCtaidZ:
    case Special::clusterCtarank:
      return 0;
    }
    return 0;
  };
  for (auto [special, ref] : cta.program.specials)
    for (uint32_t lane = 0; lane < lanesPerWarp; ++lane)
      row<uint32_t>(ref)[lane] = value(special, lane);
}

uint8_t *Warp::localMemory(unsigned lane) {
  if (!localStorage) {
    size_t bytes = size_t(cta.program.localBytes) * lanesPerWarp;
    localStorage = std::make_unique<uint8_t[]>(bytes);
    std::fill_n(localStorage.get(), bytes, uint8_t(0xfe));
  }
  return localStorage.get() + size_t(lane) * cta.program.localBytes;
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void Warp::branch(LaneMask lanes, uint32_t target) {
  Fragment &from = fragment();
  if (lanes == from.lanes) {
    from.pc = target;
    return;
  }
  from.lanes &= ~lanes;
  ++from.pc;
  Fragment taken;
  taken.pc = target;
  taken.lanes = lanes;
  fragments.push_back(std::move(taken));
}

void Warp::exit(LaneMask lanes) {
  alive &= ~lanes;
  Fragment &from = fragment();
  from.lanes &= ~lanes;
  if (from.lanes)
    ++from.pc;
  else
    fragments.erase(fragments.begin() +
                    static_cast<std::ptrdiff_t>(currentFragment));
  ++cta.events;
  if (!alive)
    cta.warpExited(*this);
}

Flow Warp::wait(std::string what) {
  Fragment &waiting = fragment();
  waiting.isWaiting = true;
  waiting.waitsSince = cta.events;
  waiting.waitsFor = std::move(what);
  return Flow::wait;
}

bool Warp::haveArrived(LaneMask members) {
  return (members & alive & ~fragment().lanes) == 0;
}

void Warp::mergeFragments() {
  for (size_t a = 0; a < fragments.size(); ++a)
    for (size_t b = a + 1; b < fragments.size();)
      if (fragments[a].pc == fragments[b].pc) {
        fragments[a].lanes |= fragments[b].lanes;
        fragments[a].isWaiting = false;
        fragments.erase(fragments.begin() + static_cast<std::ptrdiff_t>(b));
      } else {
        ++b;
      }
}

static bool canRun(const Fragment &fragment, uint64_t events) {
  return !fragment.isWaiting || fragment.waitsSince != events;
}

bool Warp::isRunnable() {
  for (const Fragment &fragment : fragments)
    if (canRun(fragment, cta.events))
      return true;
  return false;
}

/// Instructions without an event after which other lanes have their turn. Where
/// lanes do not wait for each other, they should meet again before.
static constexpr uint64_t patience = 1024;

/// The earliest place goes first, so that lanes meet again after a branch; but
/// where that leads to nothing, those at later places have their turns.
bool Warp::selectFragment() {
  const std::vector<uint32_t> &places = cta.program.places;
  bool found = false;
  size_t runnable = 0;
  for (size_t n = 0; n < fragments.size(); ++n) {
    if (!canRun(fragments[n], cta.events))
      continue;
    ++runnable;
    if (!found ||
        places[fragments[n].pc] < places[fragments[currentFragment].pc])
      currentFragment = n;
    found = true;
  }
  // In the order of their places, the next after the one chosen last.
  for (uint64_t steps = runnable ? vainTurns % runnable : 0; steps; --steps) {
    const uint32_t last = places[fragments[currentFragment].pc];
    found = false;
    for (size_t n = 0; n < fragments.size(); ++n)
      if (uint32_t place = places[fragments[n].pc];
          place > last && canRun(fragments[n], cta.events) &&
          (!found || place < places[fragments[currentFragment].pc])) {
        currentFragment = n;
        found = true;
      }
    found = true;
    hasOvertaken = true;
  }
  hasOvertaken &= fragments.size() > 1;
  return found;
}

//===----------------------------------------------------------------------===//
// Clocks
//===----------------------------------------------------------------------===//

void Warp::tick() { view.generic[index] = ++clock; }

void Warp::release(View &into) {
  into.join(view);
  tick();
}

void Warp::acquire(const View &from) { view.join(from); }

void Warp::synchronizeLanes(LaneMask lanes) {
  Clock before = clock;
  tick();
  if (!(alive & ~lanes)) {
    lastSyncClock = clock;
    laneOrder.reset();
    return;
  }
  if (!laneOrder)
    laneOrder = std::make_unique<LaneOrder>(LaneOrder{});
  // Each of them has seen what any of them has, and what all did until now.
  Clock joined[lanesPerWarp] = {};
  for (unsigned l = 0; l < lanesPerWarp; ++l)
    if (lanes >> l & 1)
      for (unsigned other = 0; other < lanesPerWarp; ++other)
        joined[other] =
            std::max(joined[other],
                     lanes >> other & 1 ? before : laneOrder->seen[l][other]);
  for (unsigned l = 0; l < lanesPerWarp; ++l)
    if (lanes >> l & 1)
      std::copy(joined, joined + lanesPerWarp, laneOrder->seen[l]);
}

bool Warp::areOrdered(int lane, int other, Clock since) const {
  if (since < lastSyncClock)
    return true;
  if (!laneOrder || lane >= lanesPerWarp)
    return false;
  const Clock *seen = laneOrder->seen[lane];
  if (other < lanesPerWarp)
    return seen[other] >= since;
  // Which lanes these were is not known: any that the lane has met will do.
  return other == Accessor::several &&
         std::any_of(seen, seen + lanesPerWarp,
                     [=](Clock clock) { return clock >= since; });
}

void Warp::orderLanes(LaneMask lanes, Clock until) {
  if (until < lastSyncClock)
    return;
  if (!laneOrder)
    laneOrder = std::make_unique<LaneOrder>(LaneOrder{});
  for (; lanes; lanes &= lanes - 1)
    for (Clock &seen : laneOrder->seen[__builtin_ctz(lanes)])
      seen = std::max(seen, until);
}

void Warp::fenceProxy(LaneMask lanes, bool isOfShared, bool isOfGlobal) {
  auto cover = [&](std::vector<Clock> &async, LaneFence &fence) {
    Clock own = async[index];
    for (size_t d = 0; d < async.size(); ++d)
      async[d] = std::max(async[d], view.generic[d]);
    if (lanes == alive)
      return;
    // What other lanes have written since they last met is not covered.
    async[index] = std::max(own, lastSyncClock - 1);
    fence = {lanes, clock};
  };
  if (isOfShared)
    cover(view.async, fencedShared);
  if (isOfGlobal) {
    view.asyncGlobal.resize(cta.warpCount, 0);
    cover(view.asyncGlobal, fencedGlobal);
    if (view.foreign)
      joinForeign(view.foreignAsync, view.foreign);
  }
  tick();
}

Warp::Fences &Warp::getFences() {
  if (!fences) {
    fences = std::make_unique<Fences>();
    fences->observed = fences->observedOfCta = fences->fenced =
        fences->fencedOfCta = View(cta.dimensions());
  }
  return *fences;
}

void Warp::fence(LaneMask lanes, Fence kind) {
  Fences &known = getFences();
  if (kind.acquires) {
    acquire(known.observedOfCta);
    if (!kind.isOfCta)
      acquire(known.observed);
    orderLanes(lanes, known.observedOwn);
  }
  if (kind.releases) {
    known.fencedOfCta = view;
    if (!kind.isOfCta)
      known.fenced = view;
  }
  tick();
}

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

/// Operands that a product in flight reads or writes.
bool Warp::checkRegisters(const Op &op, LaneMask lanes) {
  const RegisterUse *uses = cta.program.uses.data() + op.useBegin;
  if (lanes)
    for (unsigned k = 0; k < op.useCount; ++k)
      if (uses[k].bits != 1 && uses[k].ref > 0)
        asyncRows[static_cast<size_t>(uses[k].ref) / 128] |=
            uses[k].isWrite ? touchedSinceFence | everWritten
                            : touchedSinceFence;
  if (lanes && asyncRowCount && cta.options.asyncRegisters)
    for (unsigned k = 0; k < op.useCount; ++k) {
      if (uses[k].bits == 1 || uses[k].ref < 0)
        continue;
      uint8_t state = asyncRows[static_cast<size_t>(uses[k].ref) / 128];
      if (!(state & asyncWrites) && !(uses[k].isWrite && (state & asyncReads)))
        continue;
      if (!cta.report(ReportKind::asyncRegisters, this, &op, -1,
                      std::string("the instruction ") +
                          (uses[k].isWrite ? "writes" : "reads") +
                          " a register that a wgmma in flight " +
                          (state & asyncWrites ? "writes" : "reads") +
                          "; wgmma.wait_group must come first"))
        return false;
      break;
    }
  return true;
}

/// Registers that were never written, in lanes that read them.
bool Warp::checkWritten(const Op &op, LaneMask lanes) {
  const auto &watched = cta.program.watched;
  const RegisterUse *uses = cta.program.uses.data() + op.useBegin;
  for (bool isWrite : {false, true})
    for (unsigned k = 0; k < op.useCount; ++k)
      for (size_t n = 0; n < watched.size(); ++n) {
        if (watched[n].ref != uses[k].ref || uses[k].isWrite != isWrite)
          continue;
        LaneMask &initialized = watchedInitialized[n];
        if (isWrite) {
          initialized |= lanes;
          continue;
        }
        // All lanes read the guard, whatever it says.
        const bool isGuard = op.hasGuard && uses[k].ref == op.guard;
        const LaneMask missing =
            (isGuard ? fragment().lanes : lanes) & ~initialized;
        if (missing && cta.options.uninitialized &&
            !cta.report(ReportKind::uninitialized, this, &op,
                        __builtin_ctz(missing),
                        "the instruction reads a register that no instruction "
                        "has written"))
          return false;
      }
  // A function begins without the values of its last call.
  for (size_t n = 0; op.isCall && n < watched.size(); ++n)
    if (watched[n].entry == op.target)
      watchedInitialized[n] &= ~lanes;
  return true;
}

/// An `.aligned` instruction whose lanes are not all there: waits for those that
/// may still come, checked or not. False: given up.
bool Warp::checkAligned(const Op &op, LaneMask lanes, bool &waits) {
  waits = false;
  const Fragment &here = fragment();
  // Lanes that are held up at an earlier place may still come, and any that
  // these have overtaken.
  const std::vector<uint32_t> &places = cta.program.places;
  if (lanes == here.lanes)
    for (const Fragment &other : fragments)
      waits |=
          places[other.pc] < places[here.pc] ||
          (hasOvertaken && other.pc != here.pc && canRun(other, cta.events));
  if (waits || !cta.options.divergence)
    return true;
  LaneMask missing = alive & ~lanes;
  return cta.report(ReportKind::divergence, this, &op, __builtin_ctz(missing),
                    "all threads of the warp must execute this .aligned "
                    "instruction together, "
                    "and " +
                        std::to_string(__builtin_popcount(missing)) + " of " +
                        std::to_string(__builtin_popcount(alive)) + " do not");
}

bool Warp::run(uint64_t quantum) {
  if (fragments.size() == 1 || cta.events != vainEvents) {
    vainEvents = cta.events;
    vainSince = instructions;
    vainTurns = 0;
  } else if (instructions - vainSince >= patience) {
    vainSince = instructions;
    ++vainTurns;
  }
  if (!selectFragment())
    return true;
  const Op *ops = cta.program.ops.data();
  uint64_t *executed = cta.launch.executedByOp.data();
  for (; quantum; --quantum) {
    ++cta.launch.executed;
    Fragment &here = fragments[currentFragment];
    const uint32_t pc = here.pc;
    const Op &op = ops[pc];
    LaneMask lanes = here.lanes;
    if (op.hasGuard) {
      LaneMask guard = predicate(op.guard);
      lanes &= op.guardNegated ? ~guard : guard;
    }
    Flow flow = Flow::next;
    if (op.touchesAsync | op.isWatched)
      if ((op.touchesAsync && !checkRegisters(op, lanes)) ||
          (op.isWatched && !checkWritten(op, lanes)))
        return false;
    if (lanes) {
      bool waits = false;
      if (op.isAligned && lanes != alive && !checkAligned(op, lanes, waits))
        return false;
      flow = waits ? wait("the other lanes of the warp")
                   : op.handler(*this, op, lanes);
    }
    switch (flow) {
    case Flow::next:
      ++executed[pc];
      ++instructions;
      // The handler may have changed the list of fragments.
      ++fragments[currentFragment].pc;
      fragments[currentFragment].isWaiting = false;
      break;
    case Flow::jump:
      ++executed[pc];
      ++instructions;
      break;
    case Flow::wait:
      break;
    case Flow::stop:
      return false;
    }
    if (flow == Flow::next && fragments.size() == 1)
      continue;
    if (flow == Flow::jump && fragments.size() == 1) {
      currentFragment = 0;
      fragments[0].isWaiting = false;
      continue;
    }
    mergeFragments();
    if (fragments.empty() || !selectFragment())
      break;
  }
  return true;
}
