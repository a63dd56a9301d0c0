//===- Mbarrier.cpp - mbarrier objects of a CTA ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mbarrier.h"

#include "Access.h"

#include <algorithm>
#include <cstdio>

using namespace attn::emulator;

static constexpr uint32_t maxCount = (1u << 20) - 1;
static constexpr int64_t maxBytes = (1 << 20) - 1;

std::string attn::emulator::stateOf(const Mbarrier &barrier) {
  std::string text = "the mbarrier at " + hex(barrier.address) +
                     " is in phase " + std::to_string(barrier.phase) +
                     ", with " + std::to_string(barrier.pending) + " of " +
                     std::to_string(barrier.count) + " arrivals outstanding";
  if (barrier.bytes > 0)
    text += " and " + std::to_string(barrier.bytes) + " bytes outstanding";
  if (barrier.bytes < 0)
    text += " and " + std::to_string(-barrier.bytes) +
            " bytes more than it expects";
  return text;
}

bool Mbarriers::complain(const Accessor &who, ReportKind kind, std::string what,
                         std::string other) {
  int lane = who.lane == Accessor::collective ? -1 : who.lane;
  return cta.complain(kind, &who.warp, &who.op, lane, std::move(what),
                      std::move(other));
}

//===----------------------------------------------------------------------===//
// Objects
//===----------------------------------------------------------------------===//

/// True if the warp has a fence.proxy.async between the access and now, or has
/// it from another warp.
static bool isFencedFor(const Warp &warp, const Mbarrier &barrier) {
  return barrier.isFenced ||
         warp.view.async[barrier.initWarp] >= barrier.initClock;
}

Mbarrier *Mbarriers::use(const Accessor &who, uint32_t address, bool isAsync) {
  Warp &warp = who.warp;
  if (!last || last->address != address) {
    auto found = all.find(address);
    if (found == all.end() || !found->second->isValid) {
      // Nothing can be made of this; it is reported in any case.
      int lane = who.lane == Accessor::collective ? -1 : who.lane;
      if (address % 8)
        cta.report(ReportKind::alignment, &warp, &who.op, lane,
                   "an mbarrier needs an address that is a multiple of 8; "
                   "given is " +
                       hex(address));
      else if (!cta.shared.contains(address, 8))
        cta.report(ReportKind::bounds, &warp, &who.op, lane,
                   "an mbarrier at " + hex(address) +
                       " is outside of shared memory, which has " +
                       std::to_string(cta.shared.size()) + " bytes from " +
                       hex(sharedBase) + " on");
      else
        cta.report(ReportKind::mbarrier, &warp, &who.op, lane,
                   "there is no mbarrier at " + hex(address) +
                       ": mbarrier.init has not been executed, or "
                       "mbarrier.inval has");
      return nullptr;
    }
    last = found->second.get();
  }
  Mbarrier &barrier = *last;
  barrier.used[warp.index] = warp.clock;
  const bool isOwn = warp.index == barrier.initWarp;
  const bool isOrdered =
      isOwn
          ? who.lane == barrier.initLane || who.lane == Accessor::collective ||
                warp.lastSyncClock > barrier.initClock
          : warp.view.generic[barrier.initWarp] >= barrier.initClock;
  if ((isOrdered && (!isAsync || isFencedFor(warp, barrier))) ||
      !cta.options.race)
    return last;
  const std::string other =
      "line " +
      std::to_string(cta.program.instructionOf(*barrier.initOp).line) +
      ": mbarrier.init of " +
      attn::emulator::describe(Accessor{*cta.warps[barrier.initWarp],
                                        *barrier.initOp, barrier.initLane});
  bool goesOn =
      isOrdered
          ? complain(who, ReportKind::proxyRace,
                     "a copy is to signal the mbarrier at " + hex(address) +
                         ", and there is neither fence.mbarrier_init nor "
                         "fence.proxy.async after its initialisation",
                     other)
          : complain(who, ReportKind::race,
                     "nothing orders this use of the mbarrier at " +
                         hex(address) + " after its initialisation",
                     other);
  return goesOn ? last : nullptr;
}

bool Mbarriers::init(const Accessor &who, uint32_t address, uint32_t count) {
  Warp &warp = who.warp;
  int lane = who.lane;
  if (address % 8) {
    cta.report(ReportKind::alignment, &warp, &who.op, lane,
               "an mbarrier needs an address that is a multiple of 8; given "
               "is " +
                   hex(address));
    return false;
  }
  if ((count == 0 || count > maxCount) &&
      !complain(who, ReportKind::mbarrier,
                "the mbarrier is to expect " + std::to_string(count) +
                    " arrivals; allowed are 1 to " + std::to_string(maxCount)))
    return false;
  std::unique_ptr<Mbarrier> &place = all[address];
  if (place && place->isValid) {
    if (!complain(who, ReportKind::mbarrier,
                  "mbarrier.init where an mbarrier is in use: " +
                      stateOf(*place) + "; mbarrier.inval must come first") ||
        !invalidate(who, *place))
      return false;
  }
  if (!cta.shared.write(who, address, 8)) {
    if (!place)
      all.erase(address);
    return false;
  }
  if (!place) {
    if (all.size() > Cta::maxMbarriers) {
      cta.report(ReportKind::limit, &warp, &who.op, lane,
                 "a CTA uses more than " + std::to_string(Cta::maxMbarriers) +
                     " mbarriers; the emulator follows no more");
      return false;
    }
    place = std::make_unique<Mbarrier>();
    place->dimension = cta.dimensionOfMbarrier(uint32_t(all.size()) - 1);
    place->arrived = place->released = View(cta.dimensions());
  }
  cta.shared.setBarrierStorage(address, true);
  Mbarrier &barrier = *place;
  barrier.address = address;
  barrier.isValid = true;
  barrier.count = barrier.pending = count;
  barrier.bytes = 0;
  barrier.phase = 0;
  barrier.arrived.reset();
  barrier.released.reset();
  barrier.arrivedLanes.assign(cta.warpCount, {});
  barrier.releasedLanes.assign(cta.warpCount, {});
  barrier.initOp = &who.op;
  barrier.initWarp = warp.index;
  barrier.initLane = lane;
  barrier.initClock = warp.clock;
  barrier.isFenced = false;
  barrier.used.assign(cta.warpCount, 0);
  barrier.landed = barrier.unseen = 0;
  barrier.copyOp = nullptr;
  barrier.copies = barrier.arrivals = 0;
  last = nullptr;
  return true;
}

bool Mbarriers::invalidate(const Accessor &who, Mbarrier &barrier) {
  Warp &warp = who.warp;
  const std::string where = "the mbarrier at " + hex(barrier.address);
  if ((barrier.copies || barrier.arrivals) &&
      !complain(who, ReportKind::mbarrier,
                where + " ends while " +
                    std::to_string(barrier.copies + barrier.arrivals) +
                    " copies that will signal it are in flight"))
    return false;
  for (unsigned other = 0; other < barrier.used.size(); ++other)
    if (other != warp.index && warp.view.generic[other] < barrier.used[other] &&
        !complain(who, ReportKind::race,
                  "nothing orders the end of " + where +
                      " after its use by others",
                  "warp " + std::to_string(other)))
      return false;
  barrier.isValid = false;
  last = nullptr;
  cta.shared.setBarrierStorage(barrier.address, false);
  return cta.shared.write(who, barrier.address, 8);
}

void Mbarriers::fenceInit(Warp &warp, LaneMask lanes) {
  for (auto &[address, barrier] : all)
    if (barrier->isValid && barrier->initWarp == warp.index &&
        ((lanes >> barrier->initLane) & 1))
      barrier->isFenced = true;
}

//===----------------------------------------------------------------------===//
// Arrivals and bytes
//===----------------------------------------------------------------------===//

/// Ends the open phase if nothing is outstanding.
bool Mbarriers::advance(const Accessor &who, Mbarrier &barrier) {
  if (barrier.pending)
    return true;
  if (barrier.bytes < 0)
    return complain(who, ReportKind::mbarrier,
                    "all have arrived, but " + stateOf(barrier));
  if (barrier.bytes > 0)
    return true;
  ++barrier.phase;
  ++barrier.completed;
  std::swap(barrier.arrived, barrier.released);
  barrier.arrived.reset();
  std::swap(barrier.arrivedLanes, barrier.releasedLanes);
  barrier.arrivedLanes.assign(cta.warpCount, {});
  // Bulk copies belong to the async proxy, and those who wait for them are in
  // both; what cp.async has brought is of the generic proxy.
  barrier.released.generic[barrier.dimension] = barrier.completed;
  if (barrier.landed)
    barrier.released.async[barrier.dimension] = barrier.completed;
  barrier.pending = barrier.count;
  barrier.unseen += barrier.landed;
  barrier.landed = 0;
  ++cta.events;
  return true;
}

bool Mbarriers::expect(const Accessor &who, Mbarrier &barrier, uint32_t bytes) {
  barrier.bytes += bytes;
  if ((bytes > maxBytes || barrier.bytes > maxBytes) &&
      !complain(who, ReportKind::mbarrier,
                "the mbarrier at " + hex(barrier.address) + " is to expect " +
                    std::to_string(barrier.bytes) + " bytes; at most " +
                    std::to_string(maxBytes) + " may be outstanding"))
    return false;
  return advance(who, barrier);
}

bool Mbarriers::complete(const Accessor &who, Mbarrier &barrier,
                         uint32_t bytes) {
  barrier.bytes -= bytes;
  barrier.landed += bytes;
  if ((bytes > maxBytes || barrier.bytes < -maxBytes) &&
      !complain(who, ReportKind::mbarrier,
                "more than " + std::to_string(maxBytes) +
                    " bytes have come to the mbarrier at " +
                    hex(barrier.address) + " without expect_tx"))
    return false;
  return advance(who, barrier);
}

bool Mbarriers::arrive(const Accessor &who, Mbarrier &barrier,
                       uint32_t arrivals, const View *view, bool mayComplete) {
  if ((arrivals == 0 || arrivals > maxCount) &&
      !complain(who, ReportKind::mbarrier,
                "the arrival counts " + std::to_string(arrivals) +
                    " times; allowed are 1 to " + std::to_string(maxCount)))
    return false;
  if (view)
    barrier.arrived.join(*view);
  if (arrivals > barrier.pending) {
    bool goesOn = complain(
        who, ReportKind::mbarrier,
        std::to_string(arrivals) + (arrivals == 1 ? " arrival" : " arrivals") +
            " more than the phase expects: " + stateOf(barrier));
    barrier.pending = 0;
    return goesOn && advance(who, barrier);
  }
  barrier.pending -= arrivals;
  if (!mayComplete && barrier.pending == 0 &&
      !complain(who, ReportKind::mbarrier,
                "an arrival with .noComplete completes the phase: " +
                    stateOf(barrier)))
    return false;
  return advance(who, barrier);
}

bool Mbarriers::reportLapped(const Accessor &who, const Mbarrier &barrier) {
  return complain(who, ReportKind::mbarrier,
                  "the lanes of this one instruction complete several phases "
                  "of an mbarrier that expects only " +
                      std::to_string(barrier.count) +
                      (barrier.count == 1 ? " arrival" : " arrivals"));
}

bool Mbarriers::drop(const Accessor &who, Mbarrier &barrier,
                     uint32_t arrivals) {
  if (arrivals > barrier.count) {
    if (!complain(who, ReportKind::mbarrier,
                  "arrive_drop takes " + std::to_string(arrivals) +
                      " from an mbarrier that expects " +
                      std::to_string(barrier.count) + " arrivals"))
      return false;
    arrivals = barrier.count;
  }
  barrier.count -= arrivals;
  return true;
}

//===----------------------------------------------------------------------===//
// Waiting
//===----------------------------------------------------------------------===//

bool Mbarriers::observe(const Accessor &who, Mbarrier &barrier, bool acquires,
                        bool isExact) {
  Warp &warp = who.warp;
  barrier.unseen = 0;
  // A parity stands for the right phase only if the warp knows that the one
  // before is over: from a wait of its own or from somebody who waited.
  const bool isCertain = isExact || barrier.phase < 2 ||
                         warp.view.generic[barrier.dimension] >=
                             barrier.clockOf(barrier.phase - 2);
  if (!isCertain &&
      !complain(who, ReportKind::mbarrier,
                "the wait takes phase " + std::to_string(barrier.phase - 1) +
                    " of the mbarrier at " + hex(barrier.address) +
                    " for the one it waits for, because the parity is the "
                    "same: nothing says that this warp comes after phase " +
                    std::to_string(barrier.phase - 2)))
    return false;
  if (!acquires)
    return true;
  warp.acquire(barrier.released);
  // If all lanes of the warp have arrived in the phase, they have met.
  const Mbarrier::Arrivals &met = barrier.releasedLanes[warp.index];
  if (!(warp.alive & ~met.lanes))
    warp.lastSyncClock = std::max(warp.lastSyncClock, met.first + 1);
  return true;
}

bool Mbarriers::mayGiveUp() const {
  return wakes && cta.events - wakes == eventsAtStall;
}

bool Mbarriers::stalled() {
  // Once all that wait have given up and nothing has come of it, this is a
  // deadlock.
  if (mayGiveUp())
    return false;
  eventsAtStall = cta.events - wakes;
  ++wakes; // the caller counts an event
  for (Patience &each : patience)
    each.gaveUp = 0;
  return true;
}

std::string Mbarriers::describe() {
  std::string text;
  std::vector<const Mbarrier *> open;
  for (auto &[address, barrier] : all)
    if (barrier->isValid)
      open.push_back(barrier.get());
  std::sort(open.begin(), open.end(),
            [](auto *a, auto *b) { return a->address < b->address; });
  for (const Mbarrier *barrier : open)
    text += (text.empty() ? "" : "; ") + stateOf(*barrier);
  return text;
}

bool Mbarriers::finish() {
  while (cta.async.performOne()) {
  }
  for (auto &[address, barrier] : all) {
    if (!barrier->isValid)
      continue;
    const Warp *warp = cta.warps[barrier->initWarp].get();
    const Op *op = barrier->copyOp ? barrier->copyOp : barrier->initOp;
    std::string what;
    if (barrier->unseen + barrier->landed)
      what = "when the CTA ends, nobody has waited for " +
             std::to_string(barrier->unseen + barrier->landed) +
             " bytes that copies brought: " + stateOf(*barrier);
    else if (barrier->bytes)
      what = "when the CTA ends, " + stateOf(*barrier);
    if (!what.empty() &&
        !cta.complain(ReportKind::pending, warp, op, -1, std::move(what)))
      return false;
  }
  return true;
}
