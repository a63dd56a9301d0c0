//===- MbarrierTest.cpp - mbarrier objects --------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"

#include <gtest/gtest.h>

using namespace attn::emulator;
using namespace attn::test;

namespace {

/// A kernel with mbarriers at %r0 and %r0 + 8, which expect `count` and 1
/// arrivals; data may lie from %r0 + 64 on. Results are added to buffer 0.
TestKernel kernelOf(const std::string &count, const std::string &body,
                    uint32_t threads = 128) {
  TestKernel kernel;
  kernel.threads = threads;
  kernel.body = R"(
    mov.u32 %r0, shared;
    @%is0 mbarrier.init.shared.b64 [%r0], )" +
                count + R"(;
    @%is0 mbarrier.init.shared::cta.b64 [%r0+8], 1;
    bar.sync 0;
)" + body;
  kernel.buffers = {bytesOf({0})};
  return kernel;
}

uint32_t resultOf(TestKernel kernel) {
  expectSilent(kernel);
  return wordsOf(kernel.buffers[0])[0];
}

/// Waits for a parity, as compilers write it.
std::string waitFor(const std::string &barrier, const std::string &parity,
                    const std::string &label) {
  return label + ":\nmbarrier.try_wait.parity.shared.b64 %p9, [" + barrier +
         "], " + parity + ";\n@!%p9 bra " + label + ";\n";
}

/// Every thread stores its number, arrives, waits and reads another's.
std::string meet(const std::string &arrive, const std::string &wait) {
  return R"(
    shl.b32 %r1, %thread, 2;
    add.u32 %r1, %r0, %r1;
    st.shared.u32 [%r1+64], %thread;
)" + arrive +
         "\n" + wait + R"(
    add.u32 %r2, %thread, 33;
    rem.u32 %r2, %r2, 128;
    shl.b32 %r2, %r2, 2;
    add.u32 %r2, %r0, %r2;
    ld.shared.u32 %r3, [%r2+64];
    red.global.add.u32 [%b0], %r3;
)";
}

const std::string waitForState =
    "wait:\nmbarrier.test_wait.shared.b64 %p0, [%r0], %d0;\n@!%p0 bra wait;\n";

TEST(Mbarrier, SynchronizesThoseWhoArriveAndWait) {
  constexpr uint32_t sum = 127 * 128 / 2;
  for (const char *arrive :
       {"mbarrier.arrive.shared.b64 %d0, [%r0];",
        "mbarrier.arrive.release.cta.shared::cta.b64 %d0, [%r0];",
        "cvt.u64.u32 %d1, %r0; cvta.shared.u64 %d1, %d1; "
        "mbarrier.arrive.b64 %d0, [%d1];",
        "mbarrier.arrive_drop.shared.b64 %d0, [%r0];"})
    EXPECT_EQ(resultOf(kernelOf("128", meet(arrive, waitForState))), sum)
        << arrive;
  const std::string arrive = "mbarrier.arrive.shared.b64 _, [%r0];";
  for (const std::string &wait :
       {waitFor("%r0", "0", "wait"),
        std::string("wait: mbarrier.test_wait.parity.acquire.cta.shared.b64 "
                    "%p0, [%r0], 0; @!%p0 bra wait;"),
        std::string("mov.u32 %r9, 0; wait: "
                    "mbarrier.try_wait.parity.shared::cta.b64 %p0, [%r0], %r9, "
                    "1000; @!%p0 bra wait;")})
    EXPECT_EQ(resultOf(kernelOf("128", meet(arrive, wait))), sum) << wait;
  // With counts: thread 0 of each warp arrives for all after the warp has met.
  EXPECT_EQ(resultOf(kernelOf("128", meet(R"(
    bar.warp.sync -1;
    setp.eq.u32 %p1, %lane, 0;
    @%p1 mbarrier.arrive.shared.b64 %d0, [%r0], 32;
)",
                                          waitFor("%r0", "0", "wait")))),
            sum);
  EXPECT_EQ(resultOf(kernelOf("128", meet(R"(
    bar.warp.sync -1;
    setp.eq.u32 %p1, %lane, 0;
    @!%p1 bra rest;
    mbarrier.arrive.noComplete.shared.b64 %d0, [%r0], 31;
    mbarrier.arrive.shared.b64 %d0, [%r0];
rest:
)",
                                          waitFor("%r0", "0", "wait")))),
            sum);
}

TEST(Mbarrier, RelaxedOnesOrderNothing) {
  expectAmongReports(
      kernelOf("128", meet("mbarrier.arrive.relaxed.cta.shared.b64 _, [%r0];",
                           waitFor("%r0", "0", "wait"))),
      ReportKind::race, "");
  expectAmongReports(
      kernelOf("128",
               meet("mbarrier.arrive.shared.b64 %d0, [%r0];",
                    "wait: mbarrier.test_wait.relaxed.cta.shared.b64 %p0, "
                    "[%r0], %d0; @!%p0 bra wait;")),
      ReportKind::race, "");
}

TEST(Mbarrier, TestWaitReturnsAtOnce) {
  TestKernel kernel = kernelOf("128", R"(
    mbarrier.test_wait.parity.shared.b64 %p0, [%r0], 0;
    mbarrier.test_wait.parity.shared.b64 %p1, [%r0], 1;
    selp.u32 %r1, 1, 0, %p0;
    selp.u32 %r2, 256, 0, %p1;
    add.u32 %r1, %r1, %r2;
    red.global.add.u32 [%b0], %r1;
)");
  EXPECT_EQ(resultOf(kernel), 128u * 256);
}

TEST(Mbarrier, TryWaitGivesUpWhereNothingElseGoesOn) {
  // One thread looks ahead before it arrives itself.
  TestKernel kernel = kernelOf("1", R"(
    @!%is0 bra done;
    mbarrier.try_wait.parity.shared.b64 %p0, [%r0], 0;
    selp.u32 %r1, 1, 2, %p0;
    mbarrier.arrive.shared.b64 _, [%r0];
    mbarrier.try_wait.parity.shared.b64 %p0, [%r0], 0;
    selp.u32 %r2, 16, 32, %p0;
    add.u32 %r1, %r1, %r2;
    red.global.add.u32 [%b0], %r1;
)");
  EXPECT_EQ(resultOf(kernel), 2u + 16);
}

TEST(Mbarrier, TryWaitFailsForNoReasonIfItMay) {
  TestKernel kernel = kernelOf("1", R"(
    @!%is0 bra done;
    mbarrier.arrive.shared.b64 _, [%r0];
    mov.u32 %r1, 0;
again:
    add.u32 %r1, %r1, 1;
    mbarrier.try_wait.parity.shared.b64 %p0, [%r0], 0;
    @!%p0 bra again;
    red.global.add.u32 [%b0], %r1;
)");
  EXPECT_EQ(resultOf(kernel), 1u);
  kernel.options.spuriousTryWaits = 3;
  bool hasFailed = false;
  for (unsigned seed = 0; seed < 8; ++seed) {
    TestKernel copy = kernel;
    copy.options.seed = seed;
    auto result = run(copy);
    ASSERT_TRUE(result && result->ok());
    uint32_t times = wordsOf(copy.buffers[0])[0];
    EXPECT_LE(times, 4u);
    hasFailed |= times > 1;
  }
  EXPECT_TRUE(hasFailed);
}

/// A ring of one word: thread 0 produces for the threads of warp 1.
TEST(Mbarrier, PhasesAlternateInAPipeline) {
  const std::string body = R"(
    mov.u32 %r10, 0;
    setp.eq.u32 %p1, %warp, 1;
    @%p1 bra consumer;
    @!%is0 bra done;
produce:
    and.b32 %r11, %r10, 1;
    xor.b32 %r12, %r11, 1;
)" + waitFor("%r0", "%r12", "empty") +
                           R"(
    st.shared.u32 [%r0+64], %r10;
    mbarrier.arrive.shared.b64 _, [%r0+8];
    add.u32 %r10, %r10, 1;
    setp.lt.u32 %p2, %r10, 20;
    @%p2 bra produce;
    bra done;
consumer:
    and.b32 %r11, %r10, 1;
)" + waitFor("%r0+8", "%r11", "full") +
                           R"(
    ld.shared.u32 %r13, [%r0+64];
    red.global.add.u32 [%b0], %r13;
    mbarrier.arrive.shared.b64 _, [%r0];
    add.u32 %r10, %r10, 1;
    setp.lt.u32 %p2, %r10, 20;
    @%p2 bra consumer;
)";
  EXPECT_EQ(resultOf(kernelOf("32", body, 64)), 32u * 190);
  TestKernel spurious = kernelOf("32", body, 64);
  spurious.options.spuriousTryWaits = 2;
  EXPECT_EQ(resultOf(spurious), 32u * 190);
  // The consumers do not wait until it is full.
  std::string wrong = body;
  size_t at = wrong.find("full:");
  wrong.erase(at, wrong.find("ld.shared", at) - at);
  expectAnyReport(kernelOf("32", wrong, 64));
  // The producer does not wait until it is empty.
  wrong = body;
  at = wrong.find("empty:");
  wrong.erase(at, wrong.find("st.shared", at) - at);
  expectAnyReport(kernelOf("32", wrong, 64));
  // Too many arrivals are expected.
  expectAmongReports(kernelOf("33", body, 64), ReportKind::deadlock,
                     "nothing can go on");
}

TEST(Mbarrier, StatesSayWhatIsPending) {
  TestKernel kernel = kernelOf("5", R"(
    @!%is0 bra done;
    mbarrier.arrive.shared.b64 %d0, [%r0], 2;
    mbarrier.pending_count.b64 %r1, %d0;
    mbarrier.arrive.shared.b64 %d0, [%r0];
    mbarrier.pending_count.b64 %r2, %d0;
    shl.b32 %r2, %r2, 8;
    mbarrier.arrive_drop.shared.b64 %d0, [%r0], 2;
    mbarrier.arrive.shared.b64 %d0, [%r0];
    mbarrier.pending_count.b64 %r3, %d0;
    shl.b32 %r3, %r3, 16;
    add.u32 %r1, %r1, %r2;
    add.u32 %r1, %r1, %r3;
    red.global.add.u32 [%b0], %r1;
)");
  // 5, then 5 - 2, and 5 - 2 in the next phase.
  EXPECT_EQ(resultOf(kernel), 5u + (3u << 8) + (3u << 16));
}

TEST(Mbarrier, BytesHoldAPhaseOpen) {
  TestKernel kernel = kernelOf("1", R"(
    @!%is0 bra done;
    mbarrier.arrive.expect_tx.shared.b64 _, [%r0], 96;
    mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%r0], 32;
    mbarrier.test_wait.parity.shared.b64 %p0, [%r0], 0;
    mbarrier.complete_tx.shared::cta.b64 [%r0], 100;
    mbarrier.test_wait.parity.shared.b64 %p1, [%r0], 0;
    mbarrier.complete_tx.relaxed.cta.shared.b64 [%r0], 28;
    mbarrier.test_wait.parity.shared.b64 %p2, [%r0], 0;
    selp.u32 %r1, 1, 0, %p0;
    selp.u32 %r2, 2, 0, %p1;
    selp.u32 %r3, 4, 0, %p2;
    add.u32 %r1, %r1, %r2;
    add.u32 %r1, %r1, %r3;
    red.global.add.u32 [%b0], %r1;
)");
  EXPECT_EQ(resultOf(kernel), 4u);
}

TEST(Mbarrier, LanesMayHaveMbarriersOfTheirOwn) {
  TestKernel kernel;
  kernel.threads = 32;
  kernel.buffers = {bytesOf({0})};
  kernel.body = R"(
    mov.u32 %r0, shared;
    shl.b32 %r1, %lane, 3;
    add.u32 %r0, %r0, %r1;
    mbarrier.init.shared.b64 [%r0], 1;
    setp.lt.u32 %p1, %lane, 20;
    @%p1 mbarrier.arrive.shared.b64 _, [%r0];
    mbarrier.try_wait.parity.shared.b64 %p2, [%r0], 0;
    selp.u32 %r2, 1, 0, %p2;
    red.global.add.u32 [%b0], %r2;
)";
  EXPECT_EQ(resultOf(kernel), 20u);
}

TEST(Mbarrier, TracksCopies) {
  // Each thread of warp 0 copies 16 bytes; warp 1 waits for all.
  auto body = [](const std::string &arrive) {
    return R"(
    setp.eq.u32 %p1, %warp, 1;
    @%p1 bra consumer;
    shl.b32 %r1, %lane, 4;
    add.u32 %r2, %r0, %r1;
    cvt.u64.u32 %d1, %r1;
    add.u64 %d1, %b1, %d1;
    cp.async.ca.shared.global [%r2+64], [%d1], 16;
)" + arrive +
           R"(
    bra done;
consumer:
)" + waitFor("%r0", "0", "wait") +
           R"(
    shl.b32 %r1, %lane, 4;
    add.u32 %r2, %r0, %r1;
    ld.shared.u32 %r3, [%r2+68];
    red.global.add.u32 [%b0], %r3;
)";
  };
  auto kernel = [&](const std::string &count, const std::string &arrive) {
    TestKernel result = kernelOf(count, body(arrive), 64);
    std::vector<uint32_t> source(128);
    for (uint32_t n = 0; n < 128; ++n)
      source[n] = n;
    result.buffers.push_back(bytesOf(source));
    return result;
  };
  // The words 1, 5, 9 ... 125.
  EXPECT_EQ(resultOf(kernel("32", "cp.async.mbarrier.arrive.noinc.shared.b64 "
                                  "[%r0];")),
            32u * 63);
  EXPECT_EQ(resultOf(kernel("32", "cp.async.mbarrier.arrive.shared.b64 [%r0]; "
                                  "mbarrier.arrive.shared.b64 _, [%r0];")),
            32u * 63);
  // An arrival that does not wait for the copies, or a phase that does not wait
  // for the arrivals.
  expectAmongReports(kernel("32", "mbarrier.arrive.shared.b64 _, [%r0];"),
                     ReportKind::race, "cp.async is under way");
  expectAmongReports(kernel("32", "cp.async.mbarrier.arrive.shared.b64 [%r0];"),
                     ReportKind::deadlock, "");
}

//===----------------------------------------------------------------------===//
// Mistakes
//===----------------------------------------------------------------------===//

TEST(MbarrierChecks, UseWithoutInitialization) {
  TestKernel kernel;
  kernel.body = "mov.u32 %r0, shared; mbarrier.arrive.shared.b64 _, [%r0];";
  expectReport(kernel, ReportKind::mbarrier, "mbarrier.init has not been");
  kernel.body = R"(
    @!%is0 bra done;
    mov.u32 %r0, shared;
    mbarrier.init.shared.b64 [%r0], 1;
    mbarrier.inval.shared.b64 [%r0];
    mbarrier.arrive.shared.b64 _, [%r0];
)";
  expectReport(kernel, ReportKind::mbarrier, "mbarrier.inval has");
}

TEST(MbarrierChecks, NothingOrdersTheInitialization) {
  // Found in the schedules where it is initialised early enough, too.
  TestKernel kernel;
  kernel.body = R"(
    mov.u32 %r0, shared;
    @%is0 mbarrier.init.shared.b64 [%r0], 128;
    mbarrier.arrive.shared.b64 _, [%r0];
)";
  for (unsigned seed = 0; seed < 16; ++seed) {
    TestKernel copy = kernel;
    copy.options.seed = seed;
    auto result = run(copy);
    ASSERT_TRUE(result) << result.error();
    ASSERT_FALSE(result->ok());
    EXPECT_TRUE(result->reports[0].kind == ReportKind::race ||
                result->reports[0].kind == ReportKind::mbarrier)
        << result->reports[0].str();
  }
  // Within a warp, too.
  kernel.threads = 32;
  expectReport(kernel, ReportKind::race, "after its initialisation");
  kernel.body = R"(
    mov.u32 %r0, shared;
    @%is0 mbarrier.init.shared.b64 [%r0], 32;
    bar.warp.sync -1;
    mbarrier.arrive.shared.b64 _, [%r0];
)";
  expectSilent(kernel);
}

TEST(MbarrierChecks, InitializationWhereDataWasRead) {
  TestKernel kernel;
  kernel.body = R"(
    mov.u32 %r0, shared;
    shl.b32 %r1, %thread, 2;
    add.u32 %r1, %r0, %r1;
    st.shared.u32 [%r1], %thread;
    @%is0 mbarrier.init.shared.b64 [%r0+256], 1;
)";
  expectAmongReports(kernel, ReportKind::race, "");
}

TEST(MbarrierChecks, DataWhereAnMbarrierIs) {
  expectReport(kernelOf("1", "@%is0 st.shared.u32 [%r0+12], %r0;"),
               ReportKind::mbarrier, "where there is an mbarrier");
  expectAmongReports(kernelOf("1", "@%is0 ld.shared.u32 %r1, [%r0+4];"),
                     ReportKind::mbarrier, "where there is an mbarrier");
  expectSilent(kernelOf("1",
                        R"(
    @!%is0 bra done;
    mbarrier.inval.shared.b64 [%r0];
    st.shared.u64 [%r0], %b0;
)"
                        "",
                        128));
}

TEST(MbarrierChecks, InitializationOfOneInUse) {
  expectReport(kernelOf("1", "@%is0 mbarrier.init.shared.b64 [%r0], 2;"),
               ReportKind::mbarrier, "mbarrier.inval must come first");
  expectSilent(kernelOf("1", R"(
    @!%is0 bra done;
    mbarrier.inval.shared.b64 [%r0];
    mbarrier.init.shared.b64 [%r0], 2;
    mbarrier.arrive.shared.b64 _, [%r0], 2;
    mbarrier.try_wait.parity.shared.b64 %p0, [%r0], 0;
)"));
}

TEST(MbarrierChecks, EndWhileOthersUseIt) {
  const std::string arrive = "mbarrier.arrive.shared.b64 _, [%r0];\n";
  expectAmongReports(kernelOf("128", arrive + R"(
    @!%is0 bra done;
)" + waitFor("%r0", "0", "wait") +
                                         "mbarrier.inval.shared.b64 [%r0+8];\n"
                                         "mbarrier.inval.shared.b64 [%r0];\n"
                                         "mbarrier.arrive.shared.b64 _, "
                                         "[%r0];\n"),
                     ReportKind::mbarrier, "mbarrier.inval has");
  // The arrivals are before the wait; a wait of another warp is not.
  expectSilent(kernelOf("128", arrive + "@!%is0 bra done;\n" +
                                   waitFor("%r0", "0", "wait") +
                                   "mbarrier.inval.shared.b64 [%r0];\n"));
  expectAmongReports(kernelOf("128", arrive + waitFor("%r0", "0", "wait") +
                                         "bar.warp.sync -1;\n"
                                         "setp.eq.u32 %p1, %thread, 64;\n"
                                         "@%p1 mbarrier.inval.shared.b64 "
                                         "[%r0];\n"),
                     ReportKind::race, "after its use by others", 1);
}

TEST(MbarrierChecks, Ranges) {
  for (const char *count : {"0", "1048576"})
    expectAmongReports(kernelOf(count, ""), ReportKind::mbarrier,
                       "allowed are 1 to 1048575");
  expectReport(kernelOf("4", "@%is0 mbarrier.arrive.shared.b64 _, [%r0], 5;"),
               ReportKind::mbarrier, "more than the phase expects");
  expectAmongReports(
      kernelOf("4", "@%is0 mbarrier.arrive.shared.b64 _, [%r0], 0;"),
      ReportKind::mbarrier, "allowed are 1 to 1048575");
  expectAmongReports(
      kernelOf("4", "@%is0 mbarrier.expect_tx.shared.b64 [%r0], 1048576;"),
      ReportKind::mbarrier, "at most 1048575");
  expectReport(kernelOf("4", "@%is0 mbarrier.arrive_drop.shared.b64 _, [%r0], "
                             "5;"),
               ReportKind::mbarrier, "arrive_drop takes 5");
  expectReport(
      kernelOf("4", "@%is0 mbarrier.arrive.noComplete.shared.b64 %d0, [%r0], "
                    "4;"),
      ReportKind::mbarrier, ".noComplete");
  expectReport(kernelOf("4", "@%is0 mbarrier.test_wait.parity.shared.b64 %p0, "
                             "[%r0], 2;"),
               ReportKind::mbarrier, "parity of a phase is 0 or 1");
}

TEST(MbarrierChecks, MoreArrivalsThanExpectedWhileBytesAreOutstanding) {
  expectAmongReports(kernelOf("1", R"(
    @!%is0 bra done;
    mbarrier.arrive.expect_tx.shared.b64 _, [%r0], 16;
    mbarrier.arrive.shared.b64 _, [%r0];
)"),
                     ReportKind::mbarrier, "more than the phase expects");
}

TEST(MbarrierChecks, ArrivalsOfAllLanesWhereOneIsMeant) {
  expectReport(kernelOf("1", "mbarrier.arrive.shared.b64 _, [%r0];", 32),
               ReportKind::mbarrier, "expects only 1 arrival");
  // 16 and 16.
  expectSilent(kernelOf("16", "mbarrier.arrive.shared.b64 _, [%r0];", 32));
}

TEST(MbarrierChecks, BytesThatDoNotAddUp) {
  expectReport(kernelOf("1", R"(
    @!%is0 bra done;
    mbarrier.arrive.expect_tx.shared.b64 _, [%r0], 16;
)"),
               ReportKind::pending, "16 bytes outstanding");
  expectAmongReports(kernelOf("1", R"(
    @!%is0 bra done;
    mbarrier.complete_tx.shared.b64 [%r0], 32;
    mbarrier.arrive.expect_tx.shared.b64 _, [%r0], 16;
)"),
                     ReportKind::mbarrier, "16 bytes more than it expects");
}

TEST(MbarrierChecks, Alignment) {
  TestKernel kernel;
  kernel.body = "mov.u32 %r0, shared;\n"
                "@%is0 mbarrier.init.shared.b64 [%r0+4], 1;";
  expectReport(kernel, ReportKind::alignment, "multiple of 8");
  expectReport(kernelOf("1", "@%is0 mbarrier.arrive.shared.b64 _, [%r0+4];"),
               ReportKind::alignment, "multiple of 8");
}

TEST(MbarrierChecks, Addresses) {
  TestKernel kernel;
  kernel.body = "@%is0 mbarrier.init.shared.b64 [shared+4096], 1;";
  expectReport(kernel, ReportKind::bounds, "of shared memory");
  kernel.body = "@%is0 mbarrier.arrive.shared.b64 _, [shared+4096];";
  expectReport(kernel, ReportKind::bounds, "outside of shared memory");
  kernel.buffers = {bytesOf({0, 0})};
  kernel.body = "@%is0 mbarrier.init.b64 [%b0], 1;";
  expectReport(kernel, ReportKind::bounds, "an address of shared memory");
}

TEST(MbarrierChecks, WaitsThatTakeOnePhaseForAnother) {
  // The second wait is for phase 2, of parity 0, and phase 0 has that parity
  // too. Nothing tells warp 1 that phase 1 is over.
  const std::string body = R"(
    setp.eq.u32 %p1, %warp, 1;
    @%p1 bra waiter;
    @!%is0 bra done;
    mbarrier.arrive.shared.b64 _, [%r0];
    mbarrier.arrive.shared.b64 _, [%r0];
    mbarrier.arrive.shared.b64 _, [%r0];
    mbarrier.arrive.shared.b64 _, [%r0+8];
    bra done;
waiter:
)";
  expectReport(kernelOf("1",
                        body + waitFor("%r0+8", "0", "all") +
                            waitFor("%r0", "0", "wait"),
                        64),
               ReportKind::mbarrier, "because the parity is the same");
  // A wait for each phase knows where it is.
  expectSilent(kernelOf("1",
                        R"(
    setp.eq.u32 %p1, %warp, 1;
    @%p1 bra waiter;
    @!%is0 bra done;
    mbarrier.arrive.shared.b64 _, [%r0];
)" + waitFor("%r0+8", "0", "go") +
                            R"(
    mbarrier.arrive.shared.b64 _, [%r0];
    bra done;
waiter:
)" + waitFor("%r0", "0", "wait0") +
                            "setp.eq.u32 %p1, %lane, 0;\n"
                            "@%p1 mbarrier.arrive.shared.b64 _, [%r0+8];\n" +
                            waitFor("%r0", "1", "wait1"),
                        64));
}

TEST(MbarrierChecks, StatesOfOthers) {
  expectReport(kernelOf("1", R"(
    @!%is0 bra done;
    mbarrier.arrive.shared.b64 %d0, [%r0];
    mbarrier.test_wait.shared.b64 %p0, [%r0+8], %d0;
)"),
               ReportKind::mbarrier, "does not come from an arrival at this");
  expectReport(kernelOf("1", R"(
    @!%is0 bra done;
    mbarrier.arrive.shared.b64 %d0, [%r0];
    mbarrier.arrive.shared.b64 %d1, [%r0];
    mbarrier.test_wait.shared.b64 %p0, [%r0], %d0;
)"),
               ReportKind::mbarrier, "only the open phase and the one before");
}

TEST(MbarrierChecks, DeadlocksNameTheState) {
  TestKernel kernel = kernelOf("2", "@!%is0 bra done;\n"
                                    "mbarrier.arrive.expect_tx.shared.b64 _, "
                                    "[%r0], 64;\n" +
                                        waitFor("%r0", "0", "wait"));
  auto result = run(kernel);
  ASSERT_TRUE(result) << result.error();
  ASSERT_EQ(result->reports.size(), 1u);
  const Report &report = result->reports[0];
  EXPECT_EQ(report.kind, ReportKind::deadlock);
  EXPECT_NE(report.other.find("waits for the phase of parity 0 of the mbarrier "
                              "at 0x400"),
            std::string::npos)
      << report.other;
  EXPECT_NE(report.other.find("phase 0, with 1 of 2 arrivals outstanding and "
                              "64 bytes outstanding"),
            std::string::npos)
      << report.other;
}

} // namespace
