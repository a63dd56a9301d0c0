//===- instructions/Bulk.cpp - cp.async.bulk, cp.reduce.async.bulk --------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Bulk.h"

#include "../Mbarrier.h"
#include "BulkOperands.h"

using namespace attn::emulator;

//===----------------------------------------------------------------------===//
// Copies of consecutive bytes
//===----------------------------------------------------------------------===//

/// Bytes of a run: copies come in parts of that size.
static constexpr uint32_t partBytes = 128;

static std::vector<BulkRun> linearRuns(uint32_t shared, uint64_t global,
                                       uint32_t bytes) {
  std::vector<BulkRun> runs;
  for (uint32_t begin = 0; begin < bytes; begin += partBytes) {
    BulkRun run;
    run.shared = shared + begin;
    run.total = run.end = std::min(partBytes, bytes - begin);
    run.global = reinterpret_cast<uint8_t *>(global + begin);
    runs.push_back(run);
  }
  return runs;
}

/// What a linear copy of a lane needs: addresses and a size that are multiples
/// of 16. False if the launch must be given up.
static bool readLinear(const Accessor &who, const BulkOperands &operands,
                       uint32_t &shared, uint64_t &global, uint32_t &bytes) {
  if (!operands.shared(who, shared))
    return false;
  global = operands.global(who);
  bytes = who.warp.row<uint32_t>(who.op.src[3])[who.lane];
  // Before anything is made of the size.
  if (!who.warp.cta.shared.checkBounds(who, "copies", shared, bytes))
    return false;
  // What the hardware makes of others is not known; where alignment is not
  // checked, they are copied.
  const bool isPlain =
      isAligned(who, shared, 16, "the address in shared memory") &&
      isAligned(who, global, 16, "the address in global memory") &&
      isAligned(who, bytes, 16, "the number of bytes");
  return isPlain || !who.warp.cta.options.alignment;
}

static Flow runLoad(Warp &warp, const Op &op, LaneMask lanes) {
  Mbarriers &mbarriers = warp.cta.get(warp.cta.mbarriers);
  const BulkOperands operands(op);
  for (; lanes; lanes &= lanes - 1) {
    Accessor who{warp, op, __builtin_ctz(lanes)};
    uint32_t shared, bytes, address;
    uint64_t global;
    if (!readLinear(who, operands, shared, global, bytes) ||
        !operands.mbarrier(who, address))
      return Flow::stop;
    Mbarrier *barrier = mbarriers.use(who, address, true);
    if (!barrier)
      return Flow::stop;
    auto load = std::make_shared<BulkLoad>(who, *barrier);
    load->runs = linearRuns(shared, global, bytes);
    if (!load->announce())
      return Flow::stop;
    warp.cta.async.issue(std::move(load));
  }
  warp.tick();
  return Flow::next;
}

static Flow runStore(Warp &warp, const Op &op, LaneMask lanes) {
  BulkGroups &groups = warp.cta.get(warp.cta.bulkGroups);
  const BulkOperands operands(op);
  for (; lanes; lanes &= lanes - 1) {
    Accessor who{warp, op, __builtin_ctz(lanes)};
    uint32_t shared, bytes;
    uint64_t global;
    if (!readLinear(who, operands, shared, global, bytes))
      return Flow::stop;
    auto store = std::make_shared<BulkStore>(who, groups.nextTicket(warp));
    store->runs = linearRuns(shared, global, bytes);
    store->reduction = bulkReduction(op.bits);
    if (!store->announce())
      return Flow::stop;
    groups.add(store);
    warp.cta.async.issue(std::move(store));
  }
  return Flow::next;
}

static void decodeLoad(Decoder &decoder, const Match &) {
  if (!BulkOperands::expect(decoder, 4))
    return;
  BulkOperands::decodeShared(decoder, decoder.operand(0));
  BulkOperands::decodeGlobal(decoder, decoder.operand(1), ".global");
  decoder.op.src[3] = decoder.source(2, typeOf("u32"));
  BulkOperands::decodeMbarrier(decoder, decoder.operand(3));
  decoder.op.handler = runLoad;
}

static void decodeStore(Decoder &decoder, const Match &) {
  if (!BulkOperands::expect(decoder, 3))
    return;
  BulkOperands::decodeGlobal(decoder, decoder.operand(0), ".global");
  BulkOperands::decodeShared(decoder, decoder.operand(1));
  decoder.op.src[3] = decoder.source(2, typeOf("u32"));
  decoder.op.handler = runStore;
}

/// The last two groups are the operation and the type.
static void decodeReduction(Decoder &decoder, const Match &match) {
  decodeStore(decoder, match);
  const size_t count = match.choices.size();
  // ".add.noftz" is ".add" here: f16 and bf16 keep subnormal numbers.
  decoder.op.bits =
      bulkReductionNumber(match[count - 2].substr(0, 4), match[count - 1]);
}

//===----------------------------------------------------------------------===//
// Prefetches and groups
//===----------------------------------------------------------------------===//

/// Caches are not emulated; what may not be given is found all the same.
static Flow runPrefetch(Warp &warp, const Op &op, LaneMask lanes) {
  const BulkOperands operands(op);
  const uint32_t *bytes = warp.row<uint32_t>(op.src[3]);
  for (; lanes; lanes &= lanes - 1) {
    Accessor who{warp, op, __builtin_ctz(lanes)};
    isAligned(who, operands.global(who), 16, "the address in global memory");
    isAligned(who, bytes[who.lane], 16, "the number of bytes");
  }
  return Flow::next;
}

static void decodePrefetch(Decoder &decoder, const Match &) {
  if (!BulkOperands::expect(decoder, 2))
    return;
  BulkOperands::decodeGlobal(decoder, decoder.operand(0), ".global");
  decoder.op.src[3] = decoder.source(1, typeOf("u32"));
  decoder.op.handler = runPrefetch;
}

static Flow runCommit(Warp &warp, const Op &, LaneMask lanes) {
  warp.cta.get(warp.cta.bulkGroups).commit(warp, lanes);
  return Flow::next;
}

static void decodeCommit(Decoder &decoder, const Match &) {
  if (decoder.expectOperands(0))
    decoder.op.handler = runCommit;
}

template <bool isRead>
static Flow runWait(Warp &warp, const Op &op, LaneMask lanes) {
  warp.cta.get(warp.cta.bulkGroups)
      .wait(warp, lanes, static_cast<uint32_t>(op.immediate), isRead);
  return Flow::next;
}

static void decodeWait(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(1))
    return;
  int64_t left = decoder.constant(0);
  if (left < 0 || left > UINT32_MAX)
    decoder.fail("the number of groups is " + std::to_string(left) +
                 "; it must not be negative");
  decoder.op.immediate = left;
  decoder.op.handler = match.has(0) ? runWait<true> : runWait<false>;
}

std::vector<Form> attn::emulator::bulkForms() {
#define HINT ".L2::cache_hint"
#define LOAD ".global.mbarrier::complete_tx::bytes"
#define STORE "cp.async.bulk.global.shared::cta.bulk_group"
#define REDUCE "cp.reduce.async.bulk.global.shared::cta.bulk_group"
#define REDUCTIONS(types)                                                      \
  {REDUCE types, "[%d0], [%r1], %r2", decodeReduction, 90, false, 80},         \
      {REDUCE HINT types,                                                      \
       "[%d0], [%r1], %r2, %d3",                                               \
       decodeReduction,                                                        \
       90,                                                                     \
       false,                                                                  \
       80}
  std::vector<Form> forms = {
      {"cp.async.bulk<.shared::cluster>" LOAD, "[%r0], [%d1], %r2, [%r3]",
       decodeLoad, 90, false, 80},
      {"cp.async.bulk<.shared::cta>" LOAD, "[%r0], [%d1], 128, [%r3]",
       decodeLoad, 90, false, 86},
      {"cp.async.bulk<.shared::cluster>" LOAD HINT,
       "[%r0], [%d1], %r2, [%r3], %d4", decodeLoad, 90, false, 80},
      {"cp.async.bulk<.shared::cta>" LOAD HINT, "[%r0], [%d1], %r2, [%r3], %d4",
       decodeLoad, 90, false, 86},
      {STORE, "[%d0], [%r1], %r2", decodeStore, 90, false, 80},
      {STORE HINT, "[%d0], [%r1], %r2, %d3", decodeStore, 90, false, 80},
      REDUCTIONS("<.add><.u32|.s32|.u64|.f32|.f64>"),
      REDUCTIONS("<.add.noftz><.f16|.bf16>"),
      REDUCTIONS("<.min|.max><.u32|.s32|.u64|.s64|.f16|.bf16>"),
      REDUCTIONS("<.inc|.dec><.u32>"),
      REDUCTIONS("<.and|.or|.xor><.b32|.b64>"),
      {"cp.async.bulk.prefetch.L2.global", "[%d0], %r1", decodePrefetch, 90,
       false, 80},
      {"cp.async.bulk.prefetch.L2.global" HINT, "[%d0], %r1, %d2",
       decodePrefetch, 90, false, 80},
      {"cp.async.bulk.commit_group", "", decodeCommit, 90, false, 80},
      {"cp.async.bulk.wait_group[.read]", "1", decodeWait, 90, false, 80},
  };
#undef REDUCTIONS
  std::vector<Form> tensors = tensorCopyForms();
  forms.insert(forms.end(), tensors.begin(), tensors.end());
  return forms;
}
