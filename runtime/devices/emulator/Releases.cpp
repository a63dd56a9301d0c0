//===- Releases.cpp - What strong writes make visible ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Releases.h"

using namespace attn::emulator;

/// Joins what a warp of the CTA saw into a view of the own CTA.
static void join(View &view, uint32_t own, uint32_t cta, const View &released,
                 uint32_t warps) {
  if (cta == own) {
    view.join(released);
    return;
  }
  auto foreign = std::make_shared<ForeignView>();
  foreign->byCta[cta].assign(released.generic.begin(),
                             released.generic.begin() + warps);
  view.joinForeign(std::move(foreign));
  if (released.foreign)
    view.joinForeign(released.foreign);
}

void Releases::acquire(Warp &warp, const Entry &entry, Strength strength) {
  const bool acquires =
      strength == Strength::acquire || strength == Strength::acquireRelease;
  // A fence may follow a relaxed read.
  join(acquires ? warp.view : warp.observed, warp.cta.linearId, entry.cta,
       *entry.view, warp.cta.warpCount);
}

std::shared_ptr<const View> Releases::published(Warp &warp, Strength strength,
                                                bool publishesFences) {
  if (strength == Strength::release || strength == Strength::acquireRelease) {
    auto view = std::make_shared<View>(warp.view);
    warp.tick();
    return view;
  }
  // Without a fence there is nothing.
  if (!publishesFences || !warp.fenced.generic[warp.index])
    return nullptr;
  return std::make_shared<View>(warp.fenced);
}

void Releases::access(Warp &warp, uint64_t address, Intent intent,
                      Strength strength, bool publishesFences) {
  auto place = all.find(address);
  if (intent != Intent::write && place != all.end())
    for (const Entry &entry : place->second)
      acquire(warp, entry, strength);
  if (intent == Intent::read)
    return;
  auto view = published(warp, strength, publishesFences);
  const uint32_t cta = warp.cta.linearId;
  if (intent == Intent::write && place != all.end())
    place->second.clear();
  if (!view)
    return;
  std::vector<Entry> &entries = all[address];
  for (Entry &entry : entries)
    if (entry.cta == cta) {
      auto joined = std::make_shared<View>(*entry.view);
      joined->join(*view);
      entry.view = std::move(joined);
      return;
    }
  entries.push_back({cta, std::move(view)});
}
