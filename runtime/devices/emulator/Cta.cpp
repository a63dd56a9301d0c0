//===- Cta.cpp - One CTA at work ------------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include <algorithm>
#include <numeric>

using namespace attn::emulator;

static uint32_t warpsOf(const LaunchDimensions &dimensions) {
  return static_cast<uint32_t>((dimensions.block.count() + lanesPerWarp - 1) /
                               lanesPerWarp);
}

Cta::Cta(Launch &launch, Dim3 id)
    : launch(launch), program(launch.program), options(launch.options), id(id),
      linearId((id.z * launch.dimensions.grid.y + id.y) *
                   launch.dimensions.grid.x +
               id.x),
      warpCount(warpsOf(launch.dimensions)),
      warpgroupCount((warpCount + 3) / 4), shared(*this, launch.sharedBytes),
      async(*this),
      random(launch.options.seed * 0x9e3779b97f4a7c15 + linearId) {
  uint64_t threads = launch.dimensions.block.count();
  for (uint32_t n = 0; n < warpCount; ++n) {
    uint64_t left = threads - uint64_t(n) * lanesPerWarp;
    LaneMask lanes = left >= lanesPerWarp ? allLanes : (1u << left) - 1;
    warps.push_back(std::make_unique<Warp>(*this, n, lanes));
  }
}

bool Cta::run() {
  std::vector<unsigned> order(warps.size());
  std::iota(order.begin(), order.end(), 0u);
  uint64_t lastEvents = 0, idleSince = launch.executed, idleRounds = 0;
  while (true) {
    // The seed decides who goes first and for how long.
    if (options.seed)
      std::shuffle(order.begin(), order.end(), random);
    bool isAlive = false, hasRun = false;
    for (unsigned n : order) {
      Warp &warp = *warps[n];
      if (!warp.alive)
        continue;
      isAlive = true;
      if (options.async == AsyncMode::random)
        async.tick();
      if (!warp.isRunnable())
        continue;
      hasRun = true;
      uint64_t quantum = options.seed ? 1 + random() % 200 : 256;
      bool goesOn = warp.run(quantum);
      if (!goesOn)
        return false;
    }
    if (!isAlive)
      return finish();
    if (!hasRun) {
      // Nobody can go on before something asynchronous happens.
      if (!async.performOne() && !wakeStalled())
        return reportDeadlock();
      ++events;
      continue;
    }
    if (events != lastEvents) {
      lastEvents = events;
      idleSince = launch.executed;
      idleRounds = 0;
    } else if (++idleRounds % 64 == 0 && async.performOne()) {
      ++events; // for those who poll
    }
    if (launch.executed > options.maxInstructions ||
        launch.executed - idleSince > options.maxIdleInstructions) {
      report(ReportKind::limit, nullptr, nullptr, -1,
             launch.executed > options.maxInstructions
                 ? "the launch has executed more than " +
                       std::to_string(options.maxInstructions) +
                       " warp instructions"
                 : "the warps have executed " +
                       std::to_string(options.maxIdleInstructions) +
                       " instructions without a barrier, a copy or an exit: "
                       "they wait for something that does not happen");
      return false;
    }
  }
}

bool Cta::wakeStalled() {
  bool isAwake = false;
  for (size_t n = 0; n < components.size(); ++n)
    isAwake |= components[n]->stalled();
  return isAwake;
}

void Cta::warpExited(Warp &warp) {
  for (size_t n = 0; n < components.size(); ++n)
    components[n]->warpExited(warp);
}

bool Cta::finish() {
  for (size_t n = 0; n < components.size(); ++n)
    if (!components[n]->finish())
      return false;
  // What was issued happens, waited for or not.
  while (async.performOne()) {
  }
  return true;
}

bool Cta::reportDeadlock() {
  std::string other;
  const Warp *first = nullptr;
  const Op *at = nullptr;
  for (const auto &warp : warps)
    for (const Fragment &fragment : warp->fragments) {
      const Op &op = program.ops[fragment.pc];
      if (!first) {
        first = warp.get();
        at = &op;
      }
      other += (other.empty() ? "" : "; ") + std::string("warp ") +
               std::to_string(warp->index) + ", " +
               std::to_string(__builtin_popcount(fragment.lanes)) + " lanes, " +
               program.lineOf(op) + ", waits for " + fragment.waitsFor;
    }
  for (const auto &component : components)
    if (std::string state = component->describe(); !state.empty())
      other += "; " + state;
  report(ReportKind::deadlock, first, at, -1,
         "nothing can go on: every warp waits", other);
  return false;
}

bool Cta::report(ReportKind kind, const Warp *warp, const Op *op, int lane,
                 std::string what, std::string other) {
  Report report;
  report.kind = kind;
  report.what = std::move(what);
  report.other = std::move(other);
  report.kernel = program.function->name;
  report.cta = id;
  report.lane = lane;
  if (warp)
    report.warp = static_cast<int>(warp->index);
  if (op) {
    const ptx::Instruction &instruction = program.instructionOf(*op);
    report.ptxLine = instruction.line;
    report.instruction = instruction.opcode;
    if (program.lines && instruction.line > 0 &&
        static_cast<size_t>(instruction.line) <= program.lines->size())
      report.instruction =
          (*program.lines)[static_cast<size_t>(instruction.line) - 1];
    const ptx::Location &place = instruction.location;
    if (place.line > 0) {
      report.cudaLine = place.line;
      if (static_cast<size_t>(place.file) < program.module->files.size())
        report.cudaFile =
            program.module->files[static_cast<size_t>(place.file)];
    }
  }
  return launch.report(std::move(report));
}
