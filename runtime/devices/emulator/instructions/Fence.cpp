//===- instructions/Fence.cpp - membar and fence --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fence.h"

#include "../Decoder.h"
#include "../Machine.h"
#include "../Mbarrier.h"

using namespace attn::emulator;

/// What the warp did comes before its relaxed writes after the fence, and what
/// its relaxed reads before the fence saw comes before what it does next.
template <bool isOfCta, bool acquires = true, bool releases = true>
static Flow runFence(Warp &warp, const Op &, LaneMask lanes) {
  warp.fence(lanes, {isOfCta, acquires, releases});
  return Flow::next;
}

/// fence.proxy.alias: a place has one address here.
static Flow runNothing(Warp &, const Op &, LaneMask) { return Flow::next; }

template <bool isOfShared, bool isOfGlobal>
static Flow runProxyFence(Warp &warp, const Op &, LaneMask lanes) {
  warp.fenceProxy(lanes, isOfShared, isOfGlobal);
  if (isOfShared && warp.cta.mbarriers)
    warp.cta.mbarriers->fenceInit(warp, lanes);
  return Flow::next;
}

static Flow runMbarrierFence(Warp &warp, const Op &, LaneMask lanes) {
  warp.cta.get(warp.cta.mbarriers).fenceInit(warp, lanes);
  return Flow::next;
}

template <Handler handler>
static void decodeFence(Decoder &decoder, const Match &) {
  if (decoder.expectOperands(0))
    decoder.op.handler = handler;
}

/// Groups: the order, then the scope, without which it is .cluster.
static void decodeThreadFence(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(0))
    return;
  // A CTA is its whole cluster.
  const bool isOfCta = match.choices.size() == 1 || match[1] == ".cta";
  decoder.op.handler =
      match[0] == ".acquire"   ? (isOfCta ? runFence<true, true, false>
                                          : runFence<false, true, false>)
      : match[0] == ".release" ? (isOfCta ? runFence<true, false, true>
                                          : runFence<false, false, true>)
                               : (isOfCta ? runFence<true> : runFence<false>);
}

std::vector<Form> attn::emulator::fenceForms() {
  return {
      {"membar<.cta>", "", decodeFence<runFence<true>>},
      {"membar<.gl|.sys>", "", decodeFence<runFence<false>>},
      {"fence[.sc|.acq_rel|.acquire|.release]<.cta|.gpu|.sys>", "",
       decodeThreadFence, 70, false, 60},
      {"fence[.sc|.acq_rel|.acquire|.release].cluster", "", decodeThreadFence,
       90, false, 78},
      {"fence.proxy.alias", "", decodeFence<runNothing>, 70, false, 75},
      {"membar.proxy.alias", "", decodeFence<runNothing>, 70, false, 75},
      {"fence.proxy.async", "", decodeFence<runProxyFence<true, true>>, 90,
       false, 80},
      {"fence.proxy.async.global", "", decodeFence<runProxyFence<false, true>>,
       90, false, 80},
      {"fence.proxy.async<.shared::cta|.shared::cluster>", "",
       decodeFence<runProxyFence<true, false>>, 90, false, 80},
      {"fence.mbarrier_init.release.cluster", "", decodeFence<runMbarrierFence>,
       90, false, 80},
  };
}
