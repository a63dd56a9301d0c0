//===- ProgressTest.cpp - Lanes that wait for each other ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Since sm_70 every lane makes progress, whatever the others of its warp do.
//
//===----------------------------------------------------------------------===//

#include "PtxKernel.h"

#include <gtest/gtest.h>

using namespace attn::emulator;
using namespace attn::test;

namespace {

PtxKernel impatient(const std::string &text, uint32_t threads = 32) {
  PtxKernel kernel{text, threads};
  kernel.options.maxIdleInstructions = 1 << 20;
  kernel.options.uninitialized = false;
  return kernel;
}

/// Every lane takes a lock, adds one to a word and gives the lock back. The one
/// that has the lock is at a higher place than those that spin.
std::string spinLock(const std::string &space, const std::string &lock,
                     const std::string &take, const std::string &afterTake,
                     const std::string &give) {
  return "setp.eq.u32 %p0, %thread, 0;\n@%p0 st" + space + ".b32 [" + lock +
         "], 0;\n@%p0 st" + space + ".b32 [" + lock +
         "+4], 0;\nbar.sync 0;\n"
         "spin:\natom." +
         take + ".cas.b32 %r0, [" + lock +
         "], 0, 1;\nsetp.ne.u32 %p1, %r0, 0;\n@%p1 bra spin;\n" + afterTake +
         "ld" + space + ".b32 %r1, [" + lock +
         "+4];\nadd.u32 %r1, %r1, 1;\nst" + space + ".b32 [" + lock +
         "+4], %r1;\n" + give + "bar.sync 0;\nld" + space + ".b32 %r2, [" +
         lock + "+4];\nst.global.b32 [%lout], %r2;\n";
}

TEST(Progress, ASpinLockBetweenLanes) {
  for (uint32_t threads : {32u, 64u})
    for (const std::string &text :
         {spinLock(".global", "%in", "acquire.gpu.global", "",
                   "st.release.gpu.global.b32 [%in], 0;\n"),
          spinLock(".global", "%in", "global", "membar.gl;\n",
                   "membar.gl;\natom.global.exch.b32 %r3, [%in], 0;\n"),
          spinLock(".shared", "%shared", "acquire.cta.shared", "",
                   "st.release.cta.shared.b32 [%shared], 0;\n")}) {
      PtxKernel kernel = impatient(text, threads);
      expectSilent(kernel);
      for (uint64_t seed : {0, 1, 2}) {
        kernel.options.seed = seed;
        EXPECT_EQ(runKernel(kernel).word(0), threads) << kernel.text;
      }
    }
}

// Lane 0 is away for so long that the others overtake it, to a barrier below.
TEST(Progress, LanesThatWereOvertakenMeetAgain) {
  for (int rounds : {100, 1000, 20000})
    expectSilent(impatient("mov.b32 %r1, 0;\nagain:\nbar.sync 0;\n"
                           "mov.b32 %r0, 0;\n@!%lane0 bra over;\n"
                           "away:\nadd.u32 %r0, %r0, 1;\n"
                           "setp.lt.u32 %p1, %r0, " +
                               std::to_string(rounds) +
                               ";\n@%p1 bra away;\nover:\n"
                               "add.u32 %r1, %r1, 1;\n"
                               "setp.lt.u32 %p2, %r1, 3;\n@%p2 bra again;\n"
                               "bar.sync 0;\n",
                           64));
}

// As LLVM places blocks: what follows the loop is above it, and the end of a
// turn above the way that only some lanes take.
TEST(Progress, LanesMeetAgainWhereverBlocksAre) {
  expectSilent(impatient("mov.b32 %r0, 0;\nbra body;\n"
                         "done:\nldmatrix.sync.aligned.m8n8.x1.shared.b16 "
                         "{%r2}, [%shared];\nbra after;\n"
                         "latch:\nadd.u32 %r0, %r0, 1;\n"
                         "setp.lt.u32 %p1, %r0, 4;\n@!%p1 bra done;\n"
                         "body:\n@%lane0 bra latch;\n"
                         "add.u32 %r1, %r0, 1;\nbra latch;\nafter:\n"));
}

// Also if nobody checks that they do.
TEST(Progress, LanesMeetBeforeABarrierWithoutChecks) {
  PtxKernel kernel =
      impatient("mov.b32 %r0, 0;\n@!%lane0 bra over;\n"
                "away:\nadd.u32 %r0, %r0, 1;\n"
                "setp.lt.u32 %p1, %r0, 20000;\n@%p1 bra away;\n"
                "st.shared.b32 [%shared], %r0;\nover:\nbar.sync 0;\n"
                "ld.shared.b32 %r1, [%shared];\n"
                "st.global.b32 [%lout], %r1;\n",
                64);
  kernel.options.divergence = false;
  kernel.options.race = false;
  for (uint32_t lane : {0u, 40u})
    EXPECT_EQ(runKernel(kernel).word(lane), 20000u);
}

TEST(Progress, LanesWaitForOneAtAHigherPlace) {
  const std::string text = "@%lane0 st.volatile.shared.b32 [%shared], 0;\n"
                           "bar.warp.sync -1;\n@%lane1 bra set;\n"
                           "spin:\nld.acquire.cta.shared.b32 %r0, [%shared];\n"
                           "setp.eq.u32 %p1, %r0, 0;\n@%p1 bra spin;\nret;\n"
                           "set:\n";
  expectSilent(impatient(text + "st.release.cta.shared.b32 [%shared], 1;\n"));
  // Nobody sets it: the limit is no mistake then.
  expectReport(impatient(text), ReportKind::limit, "");
}

} // namespace
