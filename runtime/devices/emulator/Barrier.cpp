//===- Barrier.cpp - Named barriers of a CTA ------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Barrier.h"

using namespace attn::emulator;

Barriers::Barriers(Cta &cta) : registerRequests(cta.warpCount), cta(cta) {
  for (Barrier &barrier : all) {
    barrier.parties.resize(cta.warpCount);
    barrier.view = View(cta.dimensions());
  }
}

/// True if all lanes of the warp that are left have arrived.
static bool hasArrived(const Barrier &barrier, const Warp &warp) {
  LaneMask arrived = barrier.parties[warp.index].arrived;
  return arrived && (warp.alive & ~arrived) == 0;
}

uint32_t Barriers::arrived(const Barrier &barrier) const {
  uint32_t threads = barrier.again;
  for (const auto &warp : cta.warps)
    if (hasArrived(barrier, *warp) || (barrier.isWholeCta && !warp->alive))
      threads += lanesPerWarp;
  return threads;
}

bool Barriers::complete(Barrier &barrier) {
  if (!barrier.isOpen || arrived(barrier) < barrier.threads)
    return false;
  // All threads that take part, as .popc, .and and .or see them.
  uint32_t threads = 0, agreed = 0;
  for (const Barrier::Party &party : barrier.parties) {
    threads += static_cast<uint32_t>(__builtin_popcount(party.waiting));
    agreed += static_cast<uint32_t>(__builtin_popcount(party.agreed));
  }
  for (const auto &warp : cta.warps) {
    Barrier::Party &party = barrier.parties[warp->index];
    if (party.waiting) {
      warp->acquire(barrier.view);
      if (party.waiting == warp->alive)
        warp->synchronizeLanes();
      party.released |= party.waiting;
      party.agreedThreads = agreed;
      party.agreedByAll = agreed == threads;
    }
    party.arrived = party.waiting = party.agreed = 0;
  }
  barrier.view.reset();
  barrier.isOpen = false;
  barrier.again = 0;
  ++cta.events;
  return true;
}

void Barriers::warpExited(Warp &) {
  for (Barrier &barrier : all)
    complete(barrier);
}

bool Barriers::finish() {
  for (uint32_t id = 0; id < count; ++id) {
    const Barrier &barrier = all[id];
    if (!barrier.isOpen)
      continue;
    const Warp &first = *cta.warps[barrier.firstWarp];
    if (!cta.complain(ReportKind::barrier, &first, barrier.firstOp, -1,
                      "when the CTA ends, " + std::to_string(arrived(barrier)) +
                          " of " + std::to_string(barrier.threads) +
                          " threads have arrived at barrier " +
                          std::to_string(id) +
                          ", and nobody has waited for them"))
      return false;
  }
  // setmaxnreg is for all four warps of a warpgroup.
  for (size_t n = 0; n < registerRequests.size(); ++n) {
    size_t leader = n / 4 * 4;
    if (registerRequests[n].size() != registerRequests[leader].size() &&
        !cta.complain(ReportKind::registerPool, cta.warps[n].get(), nullptr, -1,
                      "warp " + std::to_string(n) +
                          " has executed setmaxnreg " +
                          std::to_string(registerRequests[n].size()) +
                          " times and warp " + std::to_string(leader) +
                          " of the same warpgroup " +
                          std::to_string(registerRequests[leader].size()) +
                          " times; all four must execute it"))
      return false;
  }
  return true;
}

std::string Barriers::describe() {
  std::string text;
  for (uint32_t id = 0; id < count; ++id) {
    const Barrier &barrier = all[id];
    if (!barrier.isOpen)
      continue;
    std::string who;
    for (const auto &warp : cta.warps)
      if (hasArrived(barrier, *warp))
        who += (who.empty() ? "" : ", ") + std::to_string(warp->index);
    text += (text.empty() ? "" : "; ") + std::string("barrier ") +
            std::to_string(id) + ": " + std::to_string(arrived(barrier)) +
            " of " + std::to_string(barrier.threads) +
            " threads have arrived (warps " + who + ", first in " +
            cta.program.lineOf(*barrier.firstOp) + ")";
  }
  return text;
}
