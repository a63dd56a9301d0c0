//===- instructions/Barrier.cpp - barrier, setmaxnreg, griddepcontrol -----===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Barrier.h"

#include "Fence.h"
#include "Lanes.h"

using namespace attn::emulator;

//===----------------------------------------------------------------------===//
// barrier.sync, .arrive, .red
//===----------------------------------------------------------------------===//

namespace {

/// Op::detail of these instructions. Op: dst, src[0] the number of the barrier,
/// src[1] of the threads, src[2] the predicate.
enum : uint64_t { hasThreads = 1, negatesPredicate = 2 };

enum class Reduction : uint8_t { none, popc, all, any };

/// One execution of such an instruction.
struct Arrival {
  Warp &warp;
  const Op &op;
  LaneMask lanes;
  BarrierAction action;
  Cta &cta = warp.cta;
  Barriers &barriers = cta.get(cta.barriers);

  /// The value that all lanes give; false if the launch is given up.
  bool uniform(int slot, const char *what, uint32_t &value);
  bool complain(ReportKind kind, std::string what, std::string other = {});
  bool open(Barrier &barrier, uint32_t id, uint32_t threads);
  bool arrive(Barrier &barrier, uint32_t id, uint32_t threads);
};

} // namespace

bool Arrival::complain(ReportKind kind, std::string what, std::string other) {
  return cta.complain(kind, &warp, &op, -1, std::move(what), std::move(other));
}

bool Arrival::uniform(int slot, const char *what, uint32_t &value) {
  const uint32_t *row = warp.row<uint32_t>(op.src[slot]);
  value = row[__builtin_ctz(lanes)];
  for (LaneMask left = lanes; left; left &= left - 1)
    if (uint32_t other = row[__builtin_ctz(left)]; other != value)
      return complain(ReportKind::barrier,
                      std::string("the lanes give different ") + what + ", " +
                          std::to_string(value) + " and " +
                          std::to_string(other) +
                          "; all of a warp must give the same");
  return true;
}

/// The first arrival says how many threads take part.
bool Arrival::open(Barrier &barrier, uint32_t id, uint32_t threads) {
  const uint32_t all = cta.warpCount * lanesPerWarp;
  barrier.isOpen = true;
  barrier.isWholeCta = threads == 0;
  barrier.threads = threads ? threads : all;
  barrier.action = action;
  barrier.firstOp = &op;
  barrier.firstWarp = warp.index;
  if (threads % lanesPerWarp)
    return complain(ReportKind::barrier,
                    "barrier " + std::to_string(id) + " is for " +
                        std::to_string(threads) +
                        " threads, which is not a multiple of 32");
  if (threads > all)
    return complain(ReportKind::barrier,
                    "barrier " + std::to_string(id) + " is for " +
                        std::to_string(threads) + " threads, and the CTA has " +
                        std::to_string(all));
  return true;
}

/// The lanes, none of which is waiting, arrive.
bool Arrival::arrive(Barrier &barrier, uint32_t id, uint32_t threads) {
  Barrier::Party &party = barrier.parties[warp.index];
  auto first = [&] {
    return "warp " + std::to_string(barrier.firstWarp) + ", line " +
           std::to_string(cta.program.instructionOf(*barrier.firstOp).line);
  };
  if (!barrier.isOpen) {
    if (!open(barrier, id, threads))
      return false;
  } else {
    uint32_t given = threads ? threads : cta.warpCount * lanesPerWarp;
    if (given != barrier.threads &&
        !complain(ReportKind::barrier,
                  "the warp arrives at barrier " + std::to_string(id) +
                      " for " + std::to_string(given) +
                      " threads, and others have arrived for " +
                      std::to_string(barrier.threads),
                  first()))
      return false;
    if ((action == BarrierAction::red) !=
            (barrier.action == BarrierAction::red) &&
        !complain(ReportKind::barrier,
                  "barrier.red must not meet barrier.sync or barrier.arrive "
                  "in one generation of barrier " +
                      std::to_string(id),
                  first()))
      return false;
  }
  if (party.arrived & lanes) {
    if (!complain(ReportKind::barrier,
                  "the warp arrives at barrier " + std::to_string(id) +
                      " again before the generation in which it has arrived "
                      "is complete (" +
                      std::to_string(barriers.arrived(barrier)) + " of " +
                      std::to_string(barrier.threads) + " threads)"))
      return false;
    // As the hardware counts.
    barrier.again += lanesPerWarp;
  }
  // An aligned instruction stands for the warp, whoever is missing.
  party.arrived |= op.isAligned ? warp.alive : lanes;
  if (action != BarrierAction::arrive)
    party.waiting |= lanes;
  warp.release(barrier.view);
  return true;
}

template <BarrierAction action, Reduction reduction>
static Flow runBarrier(Warp &warp, const Op &op, LaneMask lanes) {
  // Lanes that the guard keeps back do not wait for the others.
  if (lanes != warp.fragment().lanes && !op.isAligned) {
    warp.branch(lanes, warp.fragment().pc);
    return Flow::jump;
  }
  Arrival arrival{warp, op, lanes, action};
  uint32_t id = 0, threads = 0;
  if (!arrival.uniform(0, "barriers", id) ||
      ((op.detail & hasThreads) &&
       !arrival.uniform(1, "numbers of threads", threads)))
    return Flow::stop;
  if (id >= Barriers::count) {
    warp.cta.report(ReportKind::barrier, &warp, &op, -1,
                    "there is no barrier " + std::to_string(id) +
                        "; a CTA has barriers 0 to 15");
    return Flow::stop;
  }
  Barrier &barrier = arrival.barriers.all[id];
  Barrier::Party &party = barrier.parties[warp.index];
  LaneMask waiting = party.waiting & lanes;
  LaneMask fresh = lanes & ~waiting & ~party.released;
  if (fresh) {
    arrival.lanes = fresh;
    if (!arrival.arrive(barrier, id, threads))
      return Flow::stop;
    if (reduction != Reduction::none) {
      LaneMask predicate = warp.predicate(op.src[2]);
      party.agreed |=
          fresh & (op.detail & negatesPredicate ? ~predicate : predicate);
    }
  }
  arrival.barriers.complete(barrier);
  if (action == BarrierAction::arrive)
    return Flow::next;
  LaneMask done = party.released & lanes;
  if (!done) {
    Fragment &fragment = warp.fragment();
    if (fresh || !fragment.isWaiting) {
      ++warp.cta.launch.result.statistics.barrierWaits;
      return warp.wait("barrier " + std::to_string(id));
    }
    fragment.waitsSince = warp.cta.events;
    return Flow::wait;
  }
  party.released &= ~done;
  if (reduction == Reduction::popc) {
    uint32_t count = party.agreedThreads;
    writeLanes(warp.row<uint32_t>(op.dst), done, [=](int) { return count; });
  } else if (reduction != Reduction::none) {
    bool value = reduction == Reduction::all ? party.agreedByAll
                                             : party.agreedThreads != 0;
    writePredicate(warp, op.dst, done, value ? allLanes : 0);
  }
  if (done == lanes)
    return Flow::next;
  // The others belong to a later generation.
  warp.fragment().isWaiting = false;
  warp.branch(lanes & ~done, warp.fragment().pc);
  return Flow::jump;
}

static void decodeThreads(Decoder &decoder, size_t first, size_t count) {
  decoder.op.src[0] = decoder.source(first, typeOf("u32"));
  if (count > 1) {
    decoder.op.src[1] = decoder.source(first + 1, typeOf("u32"));
    decoder.op.detail |= hasThreads;
  }
}

template <BarrierAction action, bool isAligned>
static void decodeBarrier(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(action == BarrierAction::arrive ? 2 : 1, 2))
    return;
  decodeThreads(decoder, 0, decoder.operandCount());
  decoder.op.isAligned = isAligned || match.has(1);
  decoder.op.handler = runBarrier<action, Reduction::none>;
}

template <Reduction reduction, bool isAligned>
static void decodeBarrierRed(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(3, 4))
    return;
  size_t count = decoder.operandCount();
  decodeThreads(decoder, 1, count - 2);
  bool negated = false;
  decoder.op.src[2] = decoder.sourcePredicate(count - 1, &negated);
  if (negated)
    decoder.op.detail |= negatesPredicate;
  if (reduction == Reduction::popc)
    decoder.op.dst = decoder.destination(0, typeOf("u32"));
  else
    decoder.op.dst = decoder.destinationPredicate(0);
  decoder.op.isAligned = isAligned || match.has(1);
  decoder.op.handler = runBarrier<BarrierAction::red, reduction>;
}

//===----------------------------------------------------------------------===//
// setmaxnreg
//===----------------------------------------------------------------------===//

template <bool isIncrease>
static Flow runSetMaxRegisters(Warp &warp, const Op &op, LaneMask) {
  Cta &cta = warp.cta;
  const uint32_t wanted = static_cast<uint32_t>(op.immediate);
  const uint32_t current = warp.registersPerThread;
  auto complain = [&](std::string what, std::string other = {}) {
    return cta.complain(ReportKind::registerPool, &warp, &op, -1,
                        std::move(what), std::move(other));
  };
  if (isIncrease && wanted > current &&
      (wanted - current) * lanesPerWarp > cta.freeRegisters)
    return warp.wait(
        "setmaxnreg: " + std::to_string((wanted - current) * lanesPerWarp) +
        " registers for the warp, of which " +
        std::to_string(cta.freeRegisters) + " are free");
  auto &requests = cta.get(cta.barriers).registerRequests;
  const size_t number = requests[warp.index].size();
  if (number == 0 && !cta.program.function->maxThreads[0] &&
      !cta.program.function->requiredThreads[0] &&
      !complain("without .maxntid or .reqntid in the kernel ptxas ignores "
                "setmaxnreg"))
    return Flow::stop;
  if (isIncrease ? wanted < current : wanted > current) {
    if (!complain(std::string("the warp has ") + std::to_string(current) +
                  " registers per thread, and setmaxnreg." +
                  (isIncrease ? "inc" : "dec") + " asks for " +
                  std::to_string(wanted)))
      return Flow::stop;
  }
  requests[warp.index].push_back(wanted);
  for (size_t other = warp.index / 4 * 4;
       other < std::min<size_t>(warp.index / 4 * 4 + 4, requests.size());
       ++other)
    if (requests[other].size() > number && requests[other][number] != wanted) {
      if (!complain("the warp asks for " + std::to_string(wanted) +
                        " registers per thread; all four warps of a "
                        "warpgroup must ask for the same",
                    "warp " + std::to_string(other) + ", which asks for " +
                        std::to_string(requests[other][number])))
        return Flow::stop;
      break;
    }
  // Unsigned arithmetic: an increase takes, a decrease gives.
  cta.freeRegisters += (current - wanted) * lanesPerWarp;
  warp.registersPerThread = wanted;
  if (!isIncrease)
    ++cta.events;
  return Flow::next;
}

template <bool isIncrease>
static void decodeSetMaxRegisters(Decoder &decoder, const Match &) {
  if (!decoder.expectOperands(1))
    return;
  int64_t wanted = decoder.constant(0);
  if (wanted < 24 || wanted > 256 || wanted % 8)
    decoder.fail("the number of registers is " + std::to_string(wanted) +
                 "; allowed are multiples of 8 from 24 to 256");
  decoder.op.immediate = wanted;
  decoder.op.isAligned = true;
  decoder.op.handler = runSetMaxRegisters<isIncrease>;
}

//===----------------------------------------------------------------------===//
// griddepcontrol
//===----------------------------------------------------------------------===//

/// Launches run one after the other: what this waits for has happened.
static Flow runNothing(Warp &, const Op &, LaneMask) { return Flow::next; }

static void decodeNothing(Decoder &decoder, const Match &) {
  if (decoder.expectOperands(0))
    decoder.op.handler = runNothing;
}

std::vector<Form> attn::emulator::barrierForms() {
  std::vector<Form> forms = {
      {"bar[.cta].sync", "0, 64", decodeBarrier<BarrierAction::sync, true>},
      {"bar[.cta].arrive", "0, 64", decodeBarrier<BarrierAction::arrive, true>},
      {"bar[.cta].red.popc.u32", "%r0, 0, 64, %p1",
       decodeBarrierRed<Reduction::popc, true>},
      {"bar[.cta].red.and.pred", "%p0, 0, 64, %p1",
       decodeBarrierRed<Reduction::all, true>},
      {"bar[.cta].red.or.pred", "%p0, 0, 64, %p1",
       decodeBarrierRed<Reduction::any, true>},
      {"barrier[.cta].sync[.aligned]", "%r0, %r1",
       decodeBarrier<BarrierAction::sync, false>},
      {"barrier[.cta].arrive[.aligned]", "%r0, %r1",
       decodeBarrier<BarrierAction::arrive, false>},
      {"barrier[.cta].red.popc[.aligned].u32", "%r0, %r1, %r2, %p1",
       decodeBarrierRed<Reduction::popc, false>},
      {"barrier[.cta].red.and[.aligned].pred", "%p0, %r1, %r2, !%p1",
       decodeBarrierRed<Reduction::all, false>},
      {"barrier[.cta].red.or[.aligned].pred", "%p0, %r1, %p1",
       decodeBarrierRed<Reduction::any, false>},
      {"setmaxnreg.inc.sync.aligned.u32", "128", decodeSetMaxRegisters<true>,
       90, true, 80},
      {"setmaxnreg.dec.sync.aligned.u32", "24", decodeSetMaxRegisters<false>,
       90, true, 80},
      {"griddepcontrol<.wait|.launch_dependents>", "", decodeNothing, 90, false,
       78},
  };
  std::vector<Form> fences = fenceForms();
  forms.insert(forms.end(), fences.begin(), fences.end());
  return forms;
}
