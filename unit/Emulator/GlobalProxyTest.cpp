//===- GlobalProxyTest.cpp - The async proxy in global memory -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxKernel.h"

#include <gtest/gtest.h>

using namespace attn::emulator;
using namespace attn::test;

namespace {

const std::string
    write = "st.global.v4.b32 [%lout], {%thread, %thread, %thread, %thread};\n",
    read = "ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%lout];\n",
    fence = "fence.proxy.async.global;\n", barrier = "bar.sync 0;\n",
    warpBarrier = "bar.warp.sync -1;\n",
    // Thread 0: 512 bytes of %out to shared memory, with the mbarrier at %r90.
    start = "add.u32 %r90, %shared, 2048;\nsetp.eq.u32 %p9, %thread, 0;\n"
            "@%p9 mbarrier.init.shared::cta.b64 [%r90], 1;\n"
            "@%p9 fence.mbarrier_init.release.cluster;\n"
            "bar.sync 0;\n",
    load = "@%p9 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r90], 512;\n"
           "@%p9 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::"
           "bytes [%shared], [%out], 512, [%r90];\n"
           "again:\n"
           "mbarrier.try_wait.parity.shared::cta.b64 %p8, [%r90], 0;\n"
           "@!%p8 bra again;\n",
    // Thread 0: 512 bytes of shared memory to %out.
    fill = "setp.eq.u32 %p9, %thread, 0;\n"
           "st.shared.v4.b32 [%lshared], {%thread, %thread, %thread, "
           "%thread};\n"
           "fence.proxy.async.shared::cta;\nbar.sync 0;\n",
    store = "@%p9 cp.async.bulk.global.shared::cta.bulk_group [%out], "
            "[%shared], 512;\n@%p9 cp.async.bulk.commit_group;\n",
    reduce = "@%p9 cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 "
             "[%out], [%shared], 512;\n@%p9 cp.async.bulk.commit_group;\n",
    waitRead = "@%p9 cp.async.bulk.wait_group.read 0;\n",
    wait = "@%p9 cp.async.bulk.wait_group 0;\n";

const char *missing = "fence.proxy.async is missing after the write",
           *underWay = "cp.async.bulk.wait_group, without .read, is missing";

PtxKernel one(const std::string &text, uint32_t threads = 32) {
  PtxKernel kernel{text, threads};
  kernel.options.uninitialized = false;
  return kernel;
}

TEST(GlobalProxy, LoadsReadWhatAFenceHasPassedOn) {
  expectReport(one(start + write + barrier + load), ReportKind::proxyRace,
               missing);
  expectReport(one(start + write + warpBarrier + load), ReportKind::proxyRace,
               missing);
  // By those who wrote, or after the barrier by the one who issues.
  expectSilent(one(start + write + fence + barrier + load));
  expectSilent(one(start + write + barrier + "@%p9 " + fence + load));
  expectSilent(one(start + write + "fence.proxy.async;\n" + barrier + load));
  // A fence before the barrier by the issuer alone covers its own writes.
  expectReport(one(start + write + "@%p9 " + fence + barrier + load),
               ReportKind::proxyRace, missing);
  expectSilent(one(start +
                   "@%p9 st.global.b32 [%out], %thread;\n"
                   "@%p9 " +
                   fence + load));
  // A fence is no barrier, and one for shared memory says nothing of global.
  expectReport(one(start + write + fence + load), ReportKind::race,
               "bar.warp.sync (__syncwarp) is missing");
  expectReport(
      one(start + write + "fence.proxy.async.shared::cta;\n" + barrier + load),
      ReportKind::proxyRace, missing);
  // What nobody has written in this launch needs none.
  expectSilent(one(start + load));
}

TEST(GlobalProxy, FencesOfGlobalMemorySayNothingOfShared) {
  const std::string text = "setp.eq.u32 %p9, %thread, 0;\n"
                           "st.shared.v4.b32 [%lshared], {%thread, %thread, "
                           "%thread, %thread};\n";
  expectReport(one(text + fence + barrier + store + wait),
               ReportKind::proxyRace, missing);
  expectSilent(one(text + "fence.proxy.async.shared::cluster;\n" + barrier +
                   store + wait));
}

TEST(GlobalProxy, FencesOfOtherWarps) {
  const std::string late =
      start + "@%warp1 " + "st.global.b32 [%lout+-512], %thread;\n";
  expectReport(one(late + barrier + load, 64), ReportKind::proxyRace, missing);
  expectSilent(one(late + "@%warp1 " + fence + barrier + load, 64));
  expectSilent(one(late + barrier + "@%p9 " + fence + load, 64));
  expectReport(one(late + "@%p9 " + fence + barrier + load, 64),
               ReportKind::proxyRace, missing);
}

TEST(GlobalProxy, FencesOfOtherCtas) {
  // CTA 0 writes, CTA 1 loads.
  auto ctas = [](const std::string &given, const std::string &taken) {
    PtxKernel kernel = one("setp.eq.u32 %p7, %cta, 1;\n@%p7 bra second;\n" +
                           write + given + barrier +
                           "setp.eq.u32 %p9, %thread, 0;\n"
                           "@%p9 st.release.gpu.global.b32 [%out+2048], 1;\n"
                           "ret;\nsecond:\n" +
                           start +
                           "@%p9 ld.acquire.gpu.global.b32 %r1, [%out+2048];\n"
                           "@%p9 " +
                           taken + load);
    kernel.ctas = 2;
    return kernel;
  };
  const std::string nothing = "nanosleep.u32 1;\n";
  expectReport(ctas(nothing, nothing), ReportKind::proxyRace, missing);
  expectSilent(ctas(fence, nothing));
  expectSilent(ctas(nothing, fence));
}

TEST(GlobalProxy, StoresOverWhatIsThere) {
  expectReport(one(fill + write + barrier + store + wait),
               ReportKind::proxyRace, missing);
  expectSilent(one(fill + write + fence + barrier + store + wait));
  expectReport(one(fill + write + barrier + reduce + wait),
               ReportKind::proxyRace, missing);
  // Over what has been read a barrier is enough, unless asked otherwise.
  expectSilent(one(fill + read + barrier + store + wait));
  expectReport(one(fill + read + store + wait), ReportKind::race,
               "has read: bar.warp.sync");
  PtxKernel strict = one(fill + read + barrier + store + wait);
  strict.options.warNeedsProxyFence = true;
  expectReport(strict, ReportKind::proxyRace,
               "fence.proxy.async is missing after the read");
}

TEST(GlobalProxy, StoresAreSeenAfterTheWholeWait) {
  for (AsyncMode mode : {AsyncMode::lazy, AsyncMode::eager, AsyncMode::random})
    for (const std::string &copy : {store, reduce}) {
      auto of = [&](const std::string &text, uint32_t threads = 32) {
        PtxKernel kernel = one(fill + copy + text, threads);
        kernel.options.async = mode;
        return kernel;
      };
      expectReport(of("@%p9 " + read + wait), ReportKind::race, underWay);
      expectReport(of(waitRead + "@%p9 " + read + wait), ReportKind::race,
                   underWay);
      expectReport(of("@%p9 " + write + wait), ReportKind::race, underWay);
      expectSilent(of(wait + "@%p9 " + read));
      expectSilent(of(waitRead + wait + "@%p9 " + read));
      expectSilent(of(waitRead));
      // Other warps know of the wait by a barrier.
      const std::string aside = "@%warp1 ld.global.b32 %r0, [%lout+-512];\n";
      expectSilent(of(wait + barrier + aside, 64));
      expectReport(of(waitRead + barrier + aside + wait, 64), ReportKind::race,
                   underWay);
      expectReport(of(wait + aside, 64), ReportKind::race, "");
    }
  // Another store to the same bytes must wait, another sum need not.
  expectReport(one(fill + store + store + wait), ReportKind::race, underWay);
  expectSilent(one(fill + store + wait + store + wait));
  expectSilent(one(fill + reduce + reduce + wait));
}

TEST(GlobalProxy, GroupsAreWaitedForInOrder) {
  auto group = [](int n) {
    const std::string at = std::to_string(256 * n);
    return "@%p9 cp.async.bulk.global.shared::cta.bulk_group [%out+" + at +
           "], [%shared], 256;\n@%p9 cp.async.bulk.commit_group;\n";
  };
  const std::string two = fill + group(0) + group(1),
                    first = "@%p9 ld.global.b32 %r0, [%out];\n",
                    second = "@%p9 ld.global.b32 %r0, [%out+256];\n";
  for (const char *before : {"", "@%p9 cp.async.bulk.wait_group.read 0;\n"}) {
    const std::string some =
        two + before + "@%p9 cp.async.bulk.wait_group 1;\n";
    expectSilent(one(some + first + wait + second));
    expectReport(one(some + second + wait), ReportKind::race, underWay);
  }
}

TEST(GlobalProxy, StoresOfAnotherCta) {
  auto ctas = [](const std::string &waits) {
    PtxKernel kernel = one("setp.eq.u32 %p7, %cta, 1;\n@%p7 bra second;\n" +
                           fill + store + waits +
                           "@%p9 st.release.gpu.global.b32 [%out+2048], 1;\n"
                           "ret;\nsecond:\n"
                           "ld.acquire.gpu.global.b32 %r1, [%out+2048];\n"
                           "ld.global.b32 %r0, [%out];\n");
    kernel.ctas = 2;
    return kernel;
  };
  expectSilent(ctas(wait));
  expectReport(ctas(waitRead), ReportKind::race,
               "no release and acquire order the two");
}

} // namespace
