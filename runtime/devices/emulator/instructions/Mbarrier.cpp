//===- instructions/Mbarrier.cpp - mbarrier.* -----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Mbarrier.h"

#include "../Copies.h"
#include "Lanes.h"
#include "SharedOperand.h"

using namespace attn::emulator;

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

// The opaque state that arrivals return: the arrivals outstanding in bits 0 to
// 19, the phase from bit 20 on, and from bit 56 on which mbarrier it belongs
// to, plus one.

static uint64_t stateOf(const Cta &cta, const Mbarrier &barrier) {
  uint64_t number = barrier.dimension - cta.dimensionOfMbarrier(0) + 1;
  return barrier.pending | (barrier.phase & 0xfffffffff) << 20 | number << 56;
}

//===----------------------------------------------------------------------===//
// init, inval, expect_tx, complete_tx
//===----------------------------------------------------------------------===//

namespace {

/// Op::bits of these instructions. Op: dst the state or the result, src[0] the
/// address, src[1] a count, bytes, a parity or a state.
enum : uint8_t {
  isWide = SharedOperand::isWide,
  isGeneric = SharedOperand::isGeneric,
  isRelaxed = 4,
  hasCount = 8,
  hasState = 16,
};

} // namespace

/// Calls function(accessor, address, lane) for each lane until one returns
/// false.
template <typename Function>
static bool forEachLane(Warp &warp, const Op &op, LaneMask lanes,
                        Function function) {
  for (LaneMask left = lanes; left; left &= left - 1) {
    Accessor who{warp, op, __builtin_ctz(left)};
    uint32_t address;
    if (!SharedOperand::address(who, op.src[0], op.bits,
                                static_cast<uint64_t>(op.immediate), address) ||
        !function(who, address))
      return false;
  }
  return true;
}

static Flow runInit(Warp &warp, const Op &op, LaneMask lanes) {
  Mbarriers &all = warp.cta.get(warp.cta.mbarriers);
  const uint32_t *counts = warp.row<uint32_t>(op.src[1]);
  return forEachLane(warp, op, lanes,
                     [&](const Accessor &who, uint32_t address) {
                       return all.init(who, address, counts[who.lane]);
                     })
             ? Flow::next
             : Flow::stop;
}

static Flow runInval(Warp &warp, const Op &op, LaneMask lanes) {
  Mbarriers &all = warp.cta.get(warp.cta.mbarriers);
  return forEachLane(warp, op, lanes,
                     [&](const Accessor &who, uint32_t address) {
                       Mbarrier *barrier = all.use(who, address);
                       return barrier && all.invalidate(who, *barrier);
                     })
             ? Flow::next
             : Flow::stop;
}

template <bool (Mbarriers::*change)(const Accessor &, Mbarrier &, uint32_t)>
static Flow runBytes(Warp &warp, const Op &op, LaneMask lanes) {
  Mbarriers &all = warp.cta.get(warp.cta.mbarriers);
  const uint32_t *bytes = warp.row<uint32_t>(op.src[1]);
  return forEachLane(warp, op, lanes,
                     [&](const Accessor &who, uint32_t address) {
                       Mbarrier *barrier = all.use(who, address);
                       return barrier &&
                              (all.*change)(who, *barrier, bytes[who.lane]);
                     })
             ? Flow::next
             : Flow::stop;
}

template <Handler handler, int spaceGroup>
static void decodeAddressAndCount(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(2))
    return;
  decoder.op.bits = SharedOperand::decode(decoder, 0, match[spaceGroup], 0);
  decoder.op.src[1] = decoder.source(1, typeOf("u32"));
  decoder.op.handler = handler;
}

static void decodeInval(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(1))
    return;
  decoder.op.bits = SharedOperand::decode(decoder, 0, match[0], 0);
  decoder.op.handler = runInval;
}

//===----------------------------------------------------------------------===//
// arrive, arrive_drop
//===----------------------------------------------------------------------===//

namespace {
enum class Arrival : uint8_t { plain, expectTx, noComplete };
} // namespace

template <Arrival kind, bool isDrop>
static Flow runArrive(Warp &warp, const Op &op, LaneMask lanes) {
  Mbarriers &all = warp.cta.get(warp.cta.mbarriers);
  const uint32_t *counts =
      op.bits & hasCount ? warp.row<uint32_t>(op.src[1]) : nullptr;
  const bool releases = !(op.bits & isRelaxed);
  // What the lanes release is the same: once for each phase is enough.
  const Mbarrier *released = nullptr;
  uint64_t phase = 0;
  unsigned completed = 0;
  uint64_t states[lanesPerWarp] = {};
  bool goesOn =
      forEachLane(warp, op, lanes, [&](const Accessor &who, uint32_t address) {
        Mbarrier *barrier = all.use(who, address);
        if (!barrier)
          return false;
        states[who.lane] = stateOf(warp.cta, *barrier);
        uint32_t arrivals =
            counts && kind != Arrival::expectTx ? counts[who.lane] : 1;
        if (kind == Arrival::expectTx &&
            !all.expect(who, *barrier, counts[who.lane]))
          return false;
        if (isDrop && !all.drop(who, *barrier, arrivals))
          return false;
        bool isNew = released != barrier || phase != barrier->phase;
        completed = released == barrier ? completed + isNew : 0;
        if (completed == 2 && !all.reportLapped(who, *barrier))
          return false;
        released = barrier;
        phase = barrier->phase;
        if (releases)
          barrier->noteArrival(who);
        return all.arrive(who, *barrier, arrivals,
                          releases && isNew ? &warp.view : nullptr,
                          kind != Arrival::noComplete);
      });
  if (!goesOn)
    return Flow::stop;
  if (releases)
    warp.tick();
  if (op.bits & hasState)
    copyLanes(warp.row<uint64_t>(op.dst), states, lanes);
  return Flow::next;
}

/// Groups of the forms: the semantics, if `hasSemantics`, then the space.
template <Arrival kind, bool isDrop>
static void decodeArrive(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(kind == Arrival::plain ? 2 : 3, 3))
    return;
  const std::string_view semantics = match[0], space = match[1];
  decoder.op.bits = SharedOperand::decode(decoder, 1, space, 0);
  if (semantics.substr(0, 8) == ".relaxed")
    decoder.op.bits |= isRelaxed;
  if (decoder.operandCount() == 3) {
    decoder.op.bits |= hasCount;
    decoder.op.src[1] = decoder.source(2, typeOf("u32"));
    if (kind == Arrival::plain && decoder.program.module->sm < 90)
      decoder.fail("a count needs .target sm_90 or later");
  }
  if (!Decoder::isDiscard(decoder.operand(0))) {
    decoder.op.bits |= hasState;
    decoder.op.dst = decoder.destination(0, typeOf("b64"));
    if (space == ".shared::cluster")
      decoder.fail("with .shared::cluster there is no state: '_' is expected");
  }
  decoder.op.handler = runArrive<kind, isDrop>;
}

//===----------------------------------------------------------------------===//
// test_wait, try_wait
//===----------------------------------------------------------------------===//

namespace {

/// A wait of one lane.
struct Wait {
  Mbarriers &all;
  const Accessor &who;
  Mbarrier &barrier;
  uint64_t wanted; ///< a parity or a state
  bool isParity;

  /// Sets `isComplete`. False if the launch is given up.
  bool test(bool &isComplete) const;
  bool complain(std::string what) const {
    return who.warp.cta.complain(ReportKind::mbarrier, &who.warp, &who.op,
                                 who.lane, std::move(what));
  }
};

} // namespace

bool Wait::test(bool &isComplete) const {
  if (isParity) {
    isComplete = (barrier.phase & 1) != (wanted & 1);
    return wanted <= 1 ||
           complain("the parity of a phase is 0 or 1; given is " +
                    std::to_string(wanted));
  }
  const uint64_t number =
      barrier.dimension - who.warp.cta.dimensionOfMbarrier(0) + 1;
  const uint64_t phase = (wanted >> 20) & 0xfffffffff;
  isComplete = phase < barrier.phase;
  if (wanted >> 56 != number)
    return complain("the state does not come from an arrival at this mbarrier");
  if (phase + 1 < barrier.phase)
    return complain("the state is of phase " + std::to_string(phase) +
                    ", and " + attn::emulator::stateOf(barrier) +
                    "; only the open phase and the one before can be tested");
  return true;
}

/// True if all lanes give the same address and the same phase.
template <typename Address, typename Wanted>
static bool areUniform(Warp &warp, const Op &op, LaneMask lanes) {
  const Address *addresses = warp.row<Address>(op.src[0]);
  const Wanted *wanted = warp.row<Wanted>(op.src[1]);
  const int first = __builtin_ctz(lanes);
  for (LaneMask left = lanes; left; left &= left - 1) {
    int lane = __builtin_ctz(left);
    if (addresses[lane] != addresses[first] || wanted[lane] != wanted[first])
      return false;
  }
  return true;
}

template <bool isParity, bool isTry>
static Flow runWait(Warp &warp, const Op &op, LaneMask lanes) {
  Cta &cta = warp.cta;
  Mbarriers &all = cta.get(cta.mbarriers);
  using Wanted = std::conditional_t<isParity, uint32_t, uint64_t>;
  const Wanted *wanted = warp.row<Wanted>(op.src[1]);
  const bool isUniform = op.bits & isWide
                             ? areUniform<uint64_t, Wanted>(warp, op, lanes)
                             : areUniform<uint32_t, Wanted>(warp, op, lanes);
  const LaneMask tested = isUniform ? lanes & -lanes : lanes;
  Mbarriers::Patience &patience = all.patience[warp.index];
  LaneMask passed = 0;
  const Mbarrier *last = nullptr;
  bool goesOn =
      forEachLane(warp, op, tested, [&](const Accessor &who, uint32_t address) {
        Mbarrier *barrier = all.use(who, address);
        if (!barrier)
          return false;
        last = barrier;
        bool isComplete = false;
        Wait wait{all, who, *barrier, wanted[who.lane], isParity};
        if (!wait.test(isComplete))
          return false;
        passed |= LaneMask(isComplete) << who.lane;
        return true;
      });
  if (!goesOn)
    return Flow::stop;
  if (isTry && passed && patience.spurious < cta.options.spuriousTryWaits &&
      cta.random() % 2) {
    ++patience.spurious;
    passed = 0;
  } else if (isTry && !passed) {
    Fragment &fragment = warp.fragment();
    if (all.mayGiveUp() && (lanes & ~patience.gaveUp)) {
      patience.gaveUp |= lanes;
    } else if (fragment.isWaiting) {
      fragment.waitsSince = cta.events;
      return Flow::wait;
    } else {
      ++cta.launch.result.statistics.barrierWaits;
      const int lane = __builtin_ctz(tested);
      return warp.wait(
          (isParity ? "the phase of parity " + std::to_string(wanted[lane])
                    : "phase " + std::to_string((uint64_t(wanted[lane]) >> 20) &
                                                0xfffffffff)) +
          " of the mbarrier at " + hex(last->address));
    }
  } else if (passed) {
    patience.spurious = 0;
  }
  const bool acquires = !(op.bits & isRelaxed);
  const Mbarrier *observed = nullptr;
  goesOn =
      forEachLane(warp, op, passed, [&](const Accessor &who, uint32_t address) {
        Mbarrier *barrier = all.use(who, address);
        if (observed == barrier)
          return true;
        observed = barrier;
        return all.observe(who, *barrier, acquires, !isParity);
      });
  if (!goesOn)
    return Flow::stop;
  writePredicate(warp, op.dst, lanes, isUniform && passed ? lanes : passed);
  return Flow::next;
}

template <bool isParity, bool isTry>
static void decodeWait(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(3, isTry ? 4 : 3))
    return;
  decoder.op.dst = decoder.destinationPredicate(0);
  decoder.op.bits = SharedOperand::decode(decoder, 1, match[1], 0);
  decoder.op.src[1] = decoder.source(2, typeOf(isParity ? "u32" : "b64"));
  // How long to wait at most is up to the scheduler.
  if (decoder.operandCount() == 4)
    decoder.source(3, typeOf("u32"));
  if (match[0].substr(0, 8) == ".relaxed")
    decoder.op.bits |= isRelaxed;
  decoder.op.handler = runWait<isParity, isTry>;
}

//===----------------------------------------------------------------------===//
// cp.async.mbarrier.arrive
//===----------------------------------------------------------------------===//

namespace {

/// Arrives for a lane when the copies that it has issued before are complete.
class CopyArrival : public AsyncTask {
public:
  CopyArrival(const Accessor &who, Mbarrier &barrier,
              std::vector<std::shared_ptr<CopyTask>> copies)
      : who(who), barrier(barrier), view(who.warp.view),
        copies(std::move(copies)) {
    for (const auto &copy : this->copies)
      copy->track(who.lane);
  }

protected:
  void run(Cta &cta) override {
    for (const auto &copy : copies)
      copy->finish(cta, LaneMask(1) << who.lane, barrier.dimension,
                   barrier.clockOf(barrier.phase));
    cta.get(cta.copies).of(who.warp).dropFinished();
    --barrier.arrivals;
    // Nothing can be given up here; the report is there.
    static_cast<void>(cta.get(cta.mbarriers).arrive(who, barrier, 1, &view));
    ++cta.events;
  }

private:
  const Accessor who;
  Mbarrier &barrier;
  const View view; ///< of the warp when it issued this
  std::vector<std::shared_ptr<CopyTask>> copies;
};

} // namespace

/// Without .noinc the arrival is one more than the phase has expected so far.
template <bool increments>
static Flow runCopyArrive(Warp &warp, const Op &op, LaneMask lanes) {
  Cta &cta = warp.cta;
  Mbarriers &all = cta.get(cta.mbarriers);
  bool goesOn =
      forEachLane(warp, op, lanes, [&](const Accessor &who, uint32_t address) {
        Mbarrier *barrier = all.use(who, address);
        if (!barrier)
          return false;
        barrier->pending += increments;
        ++barrier->arrivals;
        cta.async.issue(std::make_shared<CopyArrival>(
            who, *barrier, cta.get(cta.copies).of(warp).pendingOf(who.lane)));
        return true;
      });
  warp.tick();
  return goesOn ? Flow::next : Flow::stop;
}

template <bool increments>
static void decodeCopyArrive(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(1))
    return;
  decoder.op.bits = SharedOperand::decode(decoder, 0, match[0], 0);
  decoder.op.handler = runCopyArrive<increments>;
}

//===----------------------------------------------------------------------===//
// pending_count
//===----------------------------------------------------------------------===//

static uint32_t pendingCount(uint64_t state) { return state & 0xfffff; }

std::vector<Form> attn::emulator::mbarrierForms() {
  constexpr auto bytesGroups = 1;
#define SPACE "[.shared|.shared::cta].b64"
#define CLUSTER "[.shared|.shared::cta|.shared::cluster].b64"
#define CLUSTER_ONLY "<.shared::cluster>.b64"
#define STRONG "<.release.cluster|.relaxed.cta|.relaxed.cluster>"
#define ANY "[.release.cta|.release.cluster|.relaxed.cta|.relaxed.cluster]"
#define WAIT_STRONG "<.acquire.cluster|.relaxed.cta|.relaxed.cluster>"
#define WAIT_ANY "[.acquire.cta|.acquire.cluster|.relaxed.cta|.relaxed.cluster]"
#define ARRIVALS(name, isDrop)                                                 \
  {name "[.release.cta]" SPACE,                                                \
   "%d0, [%d1]",                                                               \
   decodeArrive<Arrival::plain, isDrop>,                                       \
   80,                                                                         \
   false,                                                                      \
   70},                                                                        \
      {name STRONG SPACE,                                                      \
       "%d0, [%d1], %r2",                                                      \
       decodeArrive<Arrival::plain, isDrop>,                                   \
       90,                                                                     \
       false,                                                                  \
       80},                                                                    \
      {name ANY CLUSTER_ONLY,                                                  \
       "_, [%d1], %r2",                                                        \
       decodeArrive<Arrival::plain, isDrop>,                                   \
       90,                                                                     \
       false,                                                                  \
       80},                                                                    \
      {name ".expect_tx" ANY SPACE,                                            \
       "%d0, [%d1], %r2",                                                      \
       decodeArrive<Arrival::expectTx, isDrop>,                                \
       90,                                                                     \
       false,                                                                  \
       80},                                                                    \
      {name ".expect_tx" ANY CLUSTER_ONLY,                                     \
       "_, [%d1], %r2",                                                        \
       decodeArrive<Arrival::expectTx, isDrop>,                                \
       90,                                                                     \
       false,                                                                  \
       80},                                                                    \
      {name ".noComplete[.release.cta]" SPACE,                                 \
       "%d0, [%d1], %r2",                                                      \
       decodeArrive<Arrival::noComplete, isDrop>,                              \
       80,                                                                     \
       false,                                                                  \
       70}
  return {
      {"mbarrier.init" SPACE, "[%d0], %r1", decodeAddressAndCount<runInit, 0>,
       80, false, 70},
      {"mbarrier.inval" SPACE, "[%d0]", decodeInval, 80, false, 70},
      {"mbarrier.expect_tx[.relaxed.cta|.relaxed.cluster]" CLUSTER,
       "[%d0], %r1",
       decodeAddressAndCount<runBytes<&Mbarriers::expect>, bytesGroups>, 90,
       false, 80},
      {"mbarrier.complete_tx[.relaxed.cta|.relaxed.cluster]" CLUSTER,
       "[%d0], %r1",
       decodeAddressAndCount<runBytes<&Mbarriers::complete>, bytesGroups>, 90,
       false, 80},
      ARRIVALS("mbarrier.arrive", false),
      ARRIVALS("mbarrier.arrive_drop", true),
      {"mbarrier.test_wait[.acquire.cta]" SPACE, "%p0, [%d1], %d2",
       decodeWait<false, false>, 80, false, 70},
      {"mbarrier.test_wait" WAIT_STRONG SPACE, "%p0, [%d1], %d2",
       decodeWait<false, false>, 90, false, 80},
      {"mbarrier.test_wait.parity[.acquire.cta]" SPACE, "%p0, [%d1], %r2",
       decodeWait<true, false>, 80, false, 71},
      {"mbarrier.test_wait.parity" WAIT_STRONG SPACE, "%p0, [%d1], %r2",
       decodeWait<true, false>, 90, false, 80},
      {"mbarrier.try_wait" WAIT_ANY SPACE, "%p0, [%d1], %d2",
       decodeWait<false, true>, 90, false, 78},
      {"mbarrier.try_wait.parity" WAIT_ANY SPACE, "%p0, [%d1], %r2, %r3",
       decodeWait<true, true>, 90, false, 78},
      {"cp.async.mbarrier.arrive" SPACE, "[%d0]", decodeCopyArrive<true>, 80,
       false, 70},
      {"cp.async.mbarrier.arrive.noinc" SPACE, "[%d0]", decodeCopyArrive<false>,
       80, false, 70},
      {"mbarrier.pending_count.b64", "%r0, %d1", decodeLanewise<pendingCount>,
       80, false, 70},
  };
#undef ARRIVALS
}
