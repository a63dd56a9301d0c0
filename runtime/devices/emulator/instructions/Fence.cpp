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

/// Orders what the warp did before relaxed writes after it, and relaxed reads
/// before it before what the warp does next.
template <bool isOfCta>
static Flow runFence(Warp &warp, const Op &, LaneMask lanes) {
  warp.fence(lanes, isOfCta);
  return Flow::next;
}

/// All addresses of one place are the same here.
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

std::vector<Form> attn::emulator::fenceForms() {
  // A CTA is its whole cluster.
  return {
      {"membar<.cta>", "", decodeFence<runFence<true>>},
      {"membar<.gl|.sys>", "", decodeFence<runFence<false>>},
      {"fence[.sc|.acq_rel|.acquire|.release]<.cta>", "",
       decodeFence<runFence<true>>, 70, false, 60},
      {"fence[.sc|.acq_rel|.acquire|.release]<.gpu|.sys>", "",
       decodeFence<runFence<false>>, 70, false, 60},
      {"fence[.sc|.acq_rel|.acquire|.release].cluster", "",
       decodeFence<runFence<true>>, 90, false, 78},
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
