//===- ProxyTest.cpp - The generic and the async proxy --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shared memory that bulk copies and ordinary instructions touch: where
// fence.proxy.async and the waits must be.
//
//===----------------------------------------------------------------------===//

#include "PtxKernel.h"

#include <gtest/gtest.h>

using namespace attn::emulator;
using namespace attn::test;

namespace {

const std::string
    write = "st.shared.v4.b32 [%lshared], {%thread, %thread, %thread, "
            "%thread};\n",
    read = "ld.shared.v4.b32 {%r0, %r1, %r2, %r3}, [%lshared];\n",
    fence = "fence.proxy.async.shared::cta;\n", barrier = "bar.sync 0;\n",
    warpBarrier = "bar.warp.sync -1;\n",
    // Thread 0: 512 bytes to %out.
    store = "setp.eq.u32 %p9, %thread, 0;\n"
            "@%p9 cp.async.bulk.global.shared::cta.bulk_group [%out], "
            "[%shared], 512;\n"
            "@%p9 cp.async.bulk.commit_group;\n",
    waitRead = "@%p9 cp.async.bulk.wait_group.read 0;\n",
    wait = "@%p9 cp.async.bulk.wait_group 0;\n",
    // Thread 0: 512 bytes of %in, with the mbarrier at %r90.
    start = "add.u32 %r90, %shared, 2048;\nsetp.eq.u32 %p9, %thread, 0;\n"
            "@%p9 mbarrier.init.shared::cta.b64 [%r90], 1;\n"
            "@%p9 fence.mbarrier_init.release.cluster;\n"
            "bar.sync 0;\n",
    load = "@%p9 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r90], 512;\n"
           "@%p9 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::"
           "bytes [%shared], [%in], 512, [%r90];\n",
    waitLoad = "again:\n"
               "mbarrier.try_wait.parity.shared::cta.b64 %p8, [%r90], 0;\n"
               "@!%p8 bra again;\n";

// Warp 1 touches what thread 0 stores or loads.
const std::string aside = "sub.u32 %r91, %lshared, 512;\n",
                  writeAside = "@%warp1 st.shared.v4.b32 [%r91], {%thread, "
                               "%thread, %thread, %thread};\n",
                  readAside = "@%warp1 ld.shared.v4.b32 {%r0, %r1, %r2, %r3}, "
                              "[%r91];\n";

PtxKernel two(const std::string &text) { return {text, 64}; }

TEST(Proxy, StoresReadWhatAFenceHasPassedOn) {
  const char *missing = "fence.proxy.async is missing after the write";
  expectReport({write + warpBarrier + store + wait}, ReportKind::proxyRace,
               missing);
  // By those who wrote, or after the barrier by the one who issues.
  expectSilent({write + fence + warpBarrier + store + wait});
  expectSilent({write + warpBarrier + "@%lane0 " + fence + store + wait});
  expectSilent({write + warpBarrier + fence + store + wait});
  // A fence before the barrier by the issuer alone covers its own writes.
  expectReport({write + "@%lane0 " + fence + warpBarrier + store + wait},
               ReportKind::proxyRace, missing);
  expectSilent({"@%lane0 " + write + "@%lane0 " + fence +
                "setp.eq.u32 %p9, %thread, 0;\n"
                "@%p9 cp.async.bulk.global.shared::cta.bulk_group [%out], "
                "[%shared], 16;\n"
                "@%p9 cp.async.bulk.commit_group;\n" +
                wait});
  // A fence before the write is too early.
  expectReport({fence + write + warpBarrier + store + wait},
               ReportKind::proxyRace, missing);
}

TEST(Proxy, StoresNeedTheBarrierToo) {
  expectReport({write + fence + store + wait}, ReportKind::race,
               "bar.warp.sync (__syncwarp) is missing");
  expectReport(two(aside + writeAside + fence + store + wait),
               ReportKind::race, "");
}

TEST(Proxy, FencesOfOtherWarps) {
  std::string late = aside + writeAside;
  expectSilent(two(late + "@%warp1 " + fence + barrier + store + wait));
  expectSilent(two(late + barrier + "@%warp0 " + fence + store + wait));
  expectReport(two(late + barrier + store + wait), ReportKind::proxyRace, "");
  // Warp 0 fences before it can have seen the writes.
  expectReport(two(late + "@%warp0 " + fence + barrier + store + wait),
               ReportKind::proxyRace, "");
  // Warp 1 fences after the barrier, which says nothing to warp 0.
  expectReport(two(late + barrier + "@%warp1 " + fence + store + wait),
               ReportKind::proxyRace, "");
}

TEST(Proxy, WhatAStoreReadsMustStay) {
  std::string first = write + fence + warpBarrier + store;
  expectReport({first + write + wait}, ReportKind::race,
               "which an asynchronous operation may still read");
  expectSilent({first + waitRead + warpBarrier + write + wait});
  expectSilent({first + wait + warpBarrier + write});
  // Reading is fine.
  expectSilent({first + read + wait});
  // Other warps know of the wait by a barrier.
  first = aside + "@%warp0 " + write + fence + barrier + store + waitRead;
  expectSilent(two(first + barrier + writeAside + wait));
  expectReport(two(first + writeAside + wait), ReportKind::race, "");
}

TEST(Proxy, LoadsAreSeenAfterTheWait) {
  expectSilent({start + load + waitLoad + read +
                "st.global.v4.b32 [%lout], {%r0, %r1, %r2, %r3};\n"});
  expectReport({start + load + read + waitLoad}, ReportKind::race,
               "to which a bulk copy is under way");
  // Warp 1 does not wait itself.
  std::string first =
      aside + start + load + "@!%warp0 bra other;\n" + waitLoad + "other:\n";
  expectReport(two(first + readAside), ReportKind::race, "");
  expectSilent(two(first + barrier + readAside));
}

TEST(Proxy, LoadsOverWhatIsThere) {
  // Over what the generic proxy has written: a fence is needed.
  std::string first = start + write;
  expectReport({first + warpBarrier + load + waitLoad}, ReportKind::proxyRace,
               "fence.proxy.async is missing after the write");
  expectSilent({first + fence + warpBarrier + load + waitLoad});
  // Over what it has read: a barrier is enough, unless asked otherwise.
  std::string second = start + write + fence + warpBarrier + read;
  expectReport({second + load + waitLoad}, ReportKind::race,
               "which another lane of the warp has read");
  expectSilent({second + warpBarrier + load + waitLoad});
  PtxKernel strict{second + warpBarrier + load + waitLoad};
  strict.options.warNeedsProxyFence = true;
  expectReport(strict, ReportKind::proxyRace,
               "fence.proxy.async is missing after the read");
  strict.text = second + fence + warpBarrier + load + waitLoad;
  expectSilent(strict);
}

TEST(Proxy, StoresOfWhatHasBeenLoaded) {
  // The wait orders it for both proxies.
  expectSilent({start + load + waitLoad + store + wait});
}

TEST(Proxy, MbarriersAreNoData) {
  expectReport({start + "@%lane0 ld.shared.b64 %d0, [%r90];\n"},
               ReportKind::mbarrier,
               "reads 8 bytes at 3072 of shared memory, where there is an "
               "mbarrier at 3072");
  expectReport({start + "@%lane0 st.shared.v4.b32 [%r90], {0, 0, 0, 0};\n"},
               ReportKind::mbarrier, "writes 16 bytes at 3072");
  // What lies beside it is data.
  expectSilent({start + "@%lane0 st.shared.b64 [%r90+8], %in;\n"});
  expectSilent({start + "@%lane0 mbarrier.inval.shared::cta.b64 [%r90];\n"
                        "@%lane0 st.shared.b64 [%r90], %in;\n"});
  PtxKernel off{start + "@%lane0 st.shared.b64 [%r90], %in;\n"};
  off.options.mbarriers = false;
  expectSilent(off);
}

} // namespace
