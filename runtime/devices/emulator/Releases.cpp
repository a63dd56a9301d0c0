//===- Releases.cpp - What strong writes make visible ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Releases.h"

using namespace attn::emulator;

/// Joins what another CTA has released.
static void joinReleased(View &view, uint32_t cta, const View &released) {
  auto join = [&](ForeignViewPointer &into, const std::vector<Clock> &clocks,
                  const ForeignViewPointer &foreign) {
    auto seen = std::make_shared<ForeignView>();
    seen->byCta[cta] = clocks;
    joinForeign(into, seen);
    if (foreign)
      joinForeign(into, foreign);
  };
  join(view.foreign, released.generic, released.foreign);
  join(view.foreignAsync, released.asyncGlobal, released.foreignAsync);
}

void Releases::acquire(const Accessor &who, const Entry &entry,
                       const AccessOrder &how) {
  Warp &warp = who.warp;
  const uint32_t own = warp.cta.linearId;
  const bool isOwn = entry.cta == own;
  if (!isOwn && (entry.isOfCta || how.isOfCta))
    return;
  const View &released = *entry.view;
  Clock ownClock = 0;
  if (isOwn)
    ownClock = released.generic[warp.index];
  else if (released.foreign)
    ownClock = released.foreign->clockOf(own, warp.index);
  const bool acquires = how.strength == Strength::acquire ||
                        how.strength == Strength::acquireRelease;
  View *into = &warp.view;
  if (acquires) {
    warp.orderLanes(LaneMask(1) << who.lane, ownClock);
  } else {
    // A fence may follow a relaxed read.
    Warp::Fences &fences = warp.getFences();
    fences.observedOwn = std::max(fences.observedOwn, ownClock);
    into = isOwn ? &fences.observedOfCta : &fences.observed;
  }
  if (isOwn)
    into->join(released);
  else
    joinReleased(*into, entry.cta, released);
}

void Releases::add(std::vector<Entry> &entries, Entry added) {
  for (Entry &entry : entries)
    if (entry.cta == added.cta && entry.isOfCta == added.isOfCta) {
      auto joined = std::make_shared<View>(*entry.view);
      joined->join(*added.view);
      entry.view = std::move(joined);
      return;
    }
  entries.push_back(std::move(added));
}

void Releases::access(const Accessor &who, uint64_t address, Intent intent,
                      const AccessOrder &how, bool publishesFences) {
  Warp &warp = who.warp;
  auto place = all.find(address);
  if (intent != Intent::write && place != all.end())
    for (const Entry &entry : place->second)
      acquire(who, entry, how);
  if (intent == Intent::read)
    return;
  if (intent == Intent::write && place != all.end())
    place->second.clear();
  const uint32_t cta = warp.cta.linearId;
  auto publish = [&](const View &view, bool isOfCta) {
    add(all[address], {cta, isOfCta, std::make_shared<View>(view)});
  };
  if (how.strength == Strength::release ||
      how.strength == Strength::acquireRelease) {
    publish(warp.view, how.isOfCta);
    warp.tick();
    return;
  }
  // Without a fence there is nothing.
  if (!publishesFences || !warp.fences)
    return;
  const View &toAll = warp.fences->fenced, &toCta = warp.fences->fencedOfCta;
  Clock passedOn = 0;
  if (!how.isOfCta && toAll.generic[warp.index]) {
    publish(toAll, false);
    passedOn = toAll.generic[warp.index];
  }
  if (toCta.generic[warp.index] > passedOn)
    publish(toCta, true);
}
