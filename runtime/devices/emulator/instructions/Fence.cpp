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
static Flow runFence(Warp &warp, const Op &, LaneMask) {
  warp.fence();
  return Flow::next;
}

/// All addresses of one place are the same here.
static Flow runNothing(Warp &, const Op &, LaneMask) { return Flow::next; }

static Flow runProxyFence(Warp &warp, const Op &, LaneMask lanes) {
  warp.fenceProxy(lanes);
  if (warp.cta.mbarriers)
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
  // A fence of the async proxy for one state space is taken as one for all: a
  // kernel that names the wrong one is not found out.
  return {
      {"membar<.cta|.gl|.sys>", "", decodeFence<runFence>},
      {"fence[.sc|.acq_rel|.acquire|.release]<.cta|.gpu|.sys>", "",
       decodeFence<runFence>, 70, false, 60},
      {"fence[.sc|.acq_rel|.acquire|.release].cluster", "",
       decodeFence<runFence>, 90, false, 78},
      {"fence.proxy.alias", "", decodeFence<runNothing>, 70, false, 75},
      {"membar.proxy.alias", "", decodeFence<runNothing>, 70, false, 75},
      {"fence.proxy.async[.global|.shared::cta|.shared::cluster]", "",
       decodeFence<runProxyFence>, 90, false, 80},
      {"fence.mbarrier_init.release.cluster", "", decodeFence<runMbarrierFence>,
       90, false, 80},
  };
}
