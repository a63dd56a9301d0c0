//===- MutationsSm90a.cpp - Bugs for the kernel with TMA and wgmma --------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mutations.h"

using namespace attn::test;
using Kind = attn::emulator::ReportKind;

namespace {

const std::vector<Mutation> mutations = {
    //===------------------------------------------------------------------===//
    // Rings: waits, releases, phases
    //===------------------------------------------------------------------===//
    {"keys-loaded-over-keys-in-use",
     "    wait(shared.keyEmpty(stage), phase ^ 1);\n",
     "",
     Exposure::report,
     {Kind::race, Kind::mbarrier}},
    {"values-loaded-over-values-in-use",
     "    wait(shared.valueEmpty(stage), phase ^ 1);\n",
     "",
     Exposure::report,
     {Kind::race, Kind::mbarrier}},
    {"keys-not-waited-for",
     "    wait(shared.keyFull(keyStage), keyPhase);\n",
     "",
     Exposure::report,
     {Kind::race}},
    {"values-not-waited-for",
     "    wait(shared.valueFull(valueStage), valuePhase);\n",
     "",
     Exposure::report,
     {Kind::race}},
    {"queries-not-waited-for",
     "  wait(shared.queryFull(), 0);\n",
     "",
     Exposure::report,
     {Kind::race}},
    {"queries-waited-for-with-the-wrong-parity",
     "wait(shared.queryFull(), 0);",
     "wait(shared.queryFull(), 1);",
     Exposure::report,
     {Kind::race, Kind::mbarrier, Kind::deadlock}},
    {"producer-starts-with-the-wrong-parity",
     "wait(shared.keyEmpty(stage), phase ^ 1);",
     "wait(shared.keyEmpty(stage), phase);",
     Exposure::report,
     {Kind::deadlock}},
    {"phase-of-keys-never-flips",
     "u32 keyPhase = step / kStages % 2;",
     "u32 keyPhase = 0;",
     Exposure::report,
     {Kind::race, Kind::mbarrier, Kind::deadlock}},
    {"phase-of-values-one-step-off",
     "u32 valuePhase = (step - 1) / kStages % 2;",
     "u32 valuePhase = step / kStages % 2;",
     Exposure::report,
     {Kind::race, Kind::mbarrier, Kind::deadlock}},
    {"values-released-before-the-product-is-complete",
     R"(    waitForProducts<0>(); // the output, which also reads the probabilities
    pin(output);
    pin(probabilities);
    if (firstThread)
      arrive(shared.valueEmpty(valueStage));
)",
     R"(    if (firstThread)
      arrive(shared.valueEmpty(valueStage));
    waitForProducts<0>();
    pin(output);
    pin(probabilities);
)",
     Exposure::report,
     {Kind::race}},
    {"keys-released-before-the-product-is-complete",
     R"(  waitForProducts<0>(); // the first scores
  pin(scores);
  if (firstThread)
    arrive(shared.keyEmpty(0));
)",
     R"(  if (firstThread)
    arrive(shared.keyEmpty(0));
  waitForProducts<0>();
  pin(scores);
)",
     Exposure::report,
     {Kind::race}},
    {"keys-never-released",
     R"(    if (firstThread)
      arrive(shared.keyEmpty(keyStage));
)",
     "",
     Exposure::report,
     {Kind::deadlock}},
    {"keys-released-by-every-thread",
     R"(    if (firstThread)
      arrive(shared.keyEmpty(keyStage));
)",
     "    arrive(shared.keyEmpty(keyStage));\n",
     Exposure::report,
     {Kind::race, Kind::mbarrier, Kind::deadlock}},
    {"values-loaded-into-a-stage-that-does-not-exist",
     R"(  auto loadValues = [&](int step) {
    int stage = step % kStages;)",
     R"(  auto loadValues = [&](int step) {
    int stage = step % (kStages + 1);)",
     Exposure::report,
     {Kind::bounds, Kind::mbarrier}},

    //===------------------------------------------------------------------===//
    // mbarriers
    //===------------------------------------------------------------------===//
    {"too-many-bytes-expected",
     "arriveAndExpect(shared.keyFull(stage), kTileBytes);",
     "arriveAndExpect(shared.keyFull(stage), kTileBytes + 128);",
     Exposure::report,
     {Kind::mbarrier, Kind::deadlock}},
    {"too-few-bytes-expected",
     "arriveAndExpect(shared.keyFull(stage), kTileBytes);",
     "arriveAndExpect(shared.keyFull(stage), kTileBytes - 128);",
     Exposure::report,
     {Kind::mbarrier, Kind::race}},
    {"no-bytes-expected",
     "arriveAndExpect(shared.valueFull(stage), kTileBytes);",
     "arrive(shared.valueFull(stage));",
     Exposure::report,
     {Kind::mbarrier, Kind::race}},
    {"expected-after-the-load",
     R"(    arriveAndExpect(shared.keyFull(stage), kTileBytes);
    loadBox(shared.key(stage), keyMap, work.firstKey(step), work.head,
            shared.keyFull(stage));
)",
     R"(    arrive(shared.keyFull(stage));
    loadBox(shared.key(stage), keyMap, work.firstKey(step), work.head,
            shared.keyFull(stage));
    asm volatile("mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%0], %1;" ::
                     "r"(shared.keyFull(stage)), "r"(kTileBytes) : "memory");
)",
     Exposure::report,
     {Kind::mbarrier, Kind::race, Kind::deadlock}},
    {"one-arrival-too-many-awaited",
     "initBarrier(shared.keyEmpty(stage), kConsumers);",
     "initBarrier(shared.keyEmpty(stage), kConsumers + 1);",
     Exposure::report,
     {Kind::deadlock}},
    {"one-arrival-too-few-awaited",
     "initBarrier(shared.keyEmpty(stage), kConsumers);",
     "initBarrier(shared.keyEmpty(stage), kConsumers - 1);",
     Exposure::report,
     {Kind::race, Kind::mbarrier, Kind::deadlock}},
    {"a-barrier-not-initialised",
     "      initBarrier(shared.valueEmpty(stage), kConsumers);\n",
     "",
     Exposure::report,
     {Kind::mbarrier}},
    {"barriers-used-before-they-are-seen",
     "  __syncthreads();\n",
     "",
     Exposure::report,
     {Kind::mbarrier, Kind::race}},
    {"barriers-misaligned",
     "return base + kBarrierOffset + index * 8;",
     "return base + kBarrierOffset + index * 8 + 4;",
     Exposure::report,
     {Kind::alignment}},
    {"barriers-inside-a-tile",
     "kBarrierOffset = kValueOffset + kStages * kTileBytes,",
     "kBarrierOffset = kValueOffset + kStages * kTileBytes - 1024,",
     Exposure::report,
     {Kind::mbarrier}},
    {"loads-by-every-lane",
     "if (warp == 0 && electOne())",
     "if (warp == 0)",
     Exposure::report,
     {Kind::mbarrier, Kind::race}},

    //===------------------------------------------------------------------===//
    // Named barriers
    //===------------------------------------------------------------------===//
    {"named-barrier-with-two-counts",
     "syncNamed(ownTurn, 256); // every further step",
     "syncNamed(ownTurn, 384);",
     Exposure::report,
     {Kind::barrier}},
    {"first-turn-never-given",
     R"(  if (consumer == 1)
    arriveNamed(otherTurn, 256);
)",
     "",
     Exposure::report,
     {Kind::deadlock}},
    {"turn-handed-to-nobody",
     "if (consumer == 0 || step + 1 < work.keyTiles)",
     "if (true)",
     Exposure::report,
     {Kind::barrier}},
    {"turn-not-handed-on",
     R"(    if (consumer == 0 || step + 1 < work.keyTiles)
      arriveNamed(otherTurn, 256);
)",
     "",
     Exposure::report,
     {Kind::deadlock}},
    {"output-barrier-for-half-of-the-warps",
     "syncNamed(kOutputBarrier + consumer, 128);",
     "syncNamed(kOutputBarrier + consumer, 64);",
     Exposure::report,
     {Kind::race, Kind::proxyRace, Kind::barrier}},

    //===------------------------------------------------------------------===//
    // wgmma
    //===------------------------------------------------------------------===//
    {"scores-read-in-flight",
     "    waitForProducts<1>(); // the scores; the output is still in flight\n",
     "",
     Exposure::report,
     {Kind::asyncRegisters}},
    {"first-scores-read-in-flight",
     "waitForProducts<0>(); // the first scores",
     "waitForProducts<1>();",
     Exposure::report,
     {Kind::asyncRegisters}},
    {"output-rescaled-in-flight",
     "    waitForProducts<0>(); // the output, which also reads the "
     "probabilities\n",
     "",
     Exposure::report,
     {Kind::asyncRegisters}},
    {"last-output-read-in-flight",
     "  waitForProducts<0>(); // the last output\n",
     "",
     Exposure::report,
     {Kind::asyncRegisters}},
    {"scores-not-committed",
     R"(                     advance(keyTile, 32 * k), k > 0);
  commitProducts();
)",
     R"(                     advance(keyTile, 32 * k), k > 0);
)",
     Exposure::report,
     {Kind::asyncRegisters}},
    {"output-not-committed",
     R"(                             advance(valueTile, 16 * kRowBytes * k));
  commitProducts();
)",
     R"(                             advance(valueTile, 16 * kRowBytes * k));
)",
     Exposure::report,
     {Kind::asyncRegisters}},
    {"no-fence-before-the-first-product",
     R"(  pin(scores);
  fenceProducts();
)",
     "  pin(scores);\n",
     Exposure::report,
     {Kind::asyncRegisters}},
    {"no-fence-after-rescaling",
     R"(  pin(probabilities);
  fenceProducts();
)",
     "  pin(probabilities);\n",
     Exposure::report,
     {Kind::asyncRegisters}},
    {"product-by-three-warps",
     "  startScores(scores, queryTile, shared.key(0));\n",
     R"(  if (warp != 3)
    startScores(scores, queryTile, shared.key(0));
)",
     Exposure::report,
     {Kind::deadlock, Kind::divergence}},
    {"warps-disagree-on-a-descriptor",
     "u32 queryTile = shared.query(consumer);",
     "u32 queryTile = shared.query(consumer) + warp * 1024;",
     Exposure::report,
     {Kind::descriptor}},
    {"wrong-stride-in-the-descriptor",
     "u64 strideOffset = 8 * kRowBytes >> 4;",
     "u64 strideOffset = 4 * kRowBytes >> 4;",
     Exposure::report,
     {Kind::descriptor}},
    {"wrong-swizzle-in-the-descriptor",
     "u64 swizzle128B = 1;",
     "u64 swizzle128B = 2;",
     Exposure::report,
     {Kind::descriptor}},
    {"values-k-major",
     "%36, 1, 1, 1, 1;",
     "%36, 1, 1, 1, 0;",
     Exposure::report,
     {Kind::race, Kind::mbarrier}},
    {"half-a-step-along-k",
     "advance(keyTile, 32 * k)",
     "advance(keyTile, 16 * k)",
     Exposure::numbers,
     {}},
    {"first-product-accumulates",
     "advance(keyTile, 32 * k), k > 0);",
     "advance(keyTile, 32 * k), 1);",
     Exposure::numbers,
     {}},

    //===------------------------------------------------------------------===//
    // TMA and the proxies
    //===------------------------------------------------------------------===//
    {"no-proxy-fence-before-the-store",
     "  fenceForTma();\n",
     "",
     Exposure::report,
     {Kind::proxyRace}},
    {"proxy-fence-by-one-thread-only",
     "  fenceForTma();\n",
     "  if (firstThread)\n    fenceForTma();\n",
     Exposure::report,
     {Kind::proxyRace}},
    {"no-barrier-before-the-store",
     "  syncNamed(kOutputBarrier + consumer, 128);\n",
     "",
     Exposure::report,
     {Kind::race, Kind::proxyRace}},
    {"store-not-committed",
     "    commitStores();\n",
     "",
     Exposure::report,
     {Kind::pending}},
    {"store-not-waited-for",
     "    waitForStores();\n",
     "",
     Exposure::report,
     {Kind::pending}},
    {"output-without-the-swizzle",
     "int chunk = (2 * n + lane / 16) ^ (outputRow % 8);",
     "int chunk = 2 * n + lane / 16;",
     Exposure::numbers,
     {}},
    {"output-over-the-queries-of-the-other-consumer",
     "storeBlocks(queryTile + outputRow",
     "storeBlocks(shared.query(1 - consumer) + outputRow",
     Exposure::report,
     {Kind::race, Kind::proxyRace}},
    {"output-stored-by-half-of-each-warp",
     "    storeBlocks(queryTile + outputRow",
     "    if (lane < 16)\n      storeBlocks(queryTile + outputRow",
     Exposure::report,
     {Kind::divergence}},
    {"tile-not-aligned-to-the-swizzle",
     "return base + kKeyOffset + stage * kTileBytes;",
     "return base + kKeyOffset + stage * kTileBytes + 128;",
     Exposure::report,
     {Kind::alignment, Kind::descriptor}},
    {"coordinates-in-the-wrong-order",
     R"("r"(0), "r"(row), "r"(head), "r"(barrier))",
     R"("r"(0), "r"(head), "r"(row), "r"(barrier))",
     Exposure::numbers,
     {}},
    {"tensor-map-copied-to-local-memory",
     "const __grid_constant__ TensorMap outputMap",
     "const TensorMap outputMap",
     Exposure::report,
     {Kind::descriptor}},
    {"lse-past-the-end-stored",
     "if (quad == 0 && row < length)",
     "if (quad == 0)",
     Exposure::report,
     {Kind::bounds, Kind::race}},

    //===------------------------------------------------------------------===//
    // setmaxnreg
    //===------------------------------------------------------------------===//
    {"producer-keeps-its-registers",
     "    lowerRegisterLimit();\n",
     "",
     Exposure::report,
     {Kind::deadlock, Kind::registerPool}},
    {"registers-lowered-by-one-warp",
     "    lowerRegisterLimit();\n",
     "    if (warp == 0)\n      lowerRegisterLimit();\n",
     Exposure::report,
     {Kind::deadlock, Kind::registerPool}},
    {"more-registers-than-there-are",
     "setmaxnreg.inc.sync.aligned.u32 240;",
     "setmaxnreg.inc.sync.aligned.u32 248;",
     Exposure::report,
     {Kind::deadlock, Kind::registerPool}},
    {"registers-raised-by-a-decrease",
     "setmaxnreg.dec.sync.aligned.u32 24;",
     "setmaxnreg.dec.sync.aligned.u32 184;",
     Exposure::report,
     {Kind::registerPool}},
};

} // namespace

const std::vector<Mutation> &attn::test::mutationsOfSm90a() {
  return mutations;
}
