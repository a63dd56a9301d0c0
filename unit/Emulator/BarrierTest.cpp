//===- BarrierTest.cpp - Named barriers, setmaxnreg, fences ---------------===//
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

TestKernel kernelOf(std::string body, uint32_t threads = 128) {
  TestKernel kernel;
  kernel.body = std::move(body);
  kernel.threads = threads;
  return kernel;
}

/// Each thread writes its number to a word of shared memory, `synchronize`s,
/// and reads that of the thread 33 further on; the sum of all goes to
/// buffer 0.
std::string exchange(const std::string &synchronize) {
  return R"(
    mov.u32 %r0, shared;
    shl.b32 %r1, %thread, 2;
    add.u32 %r1, %r0, %r1;
    st.shared.u32 [%r1], %thread;
)" + synchronize +
         R"(
    add.u32 %r2, %thread, 33;
    rem.u32 %r2, %r2, 128;
    shl.b32 %r2, %r2, 2;
    add.u32 %r2, %r0, %r2;
    ld.shared.u32 %r3, [%r2];
    red.global.add.u32 [%b0], %r3;
)";
}

void expectExchange(const std::string &synchronize) {
  TestKernel kernel = kernelOf(exchange(synchronize));
  kernel.buffers = {bytesOf({0})};
  expectSilent(kernel);
  EXPECT_EQ(wordsOf(kernel.buffers[0])[0], 127u * 128 / 2) << synchronize;
}

TEST(Barrier, SynchronizesTheCta) {
  expectExchange("bar.sync 0;");
  expectExchange("barrier.sync 3;");
  expectExchange("barrier.cta.sync.aligned 15, 128;");
  expectExchange("mov.u32 %r9, 7; mov.u32 %r8, 128; bar.sync %r9, %r8;");
  expectExchange("bar.sync 0, 0;");
  expectExchange("setp.ne.u32 %p1, %thread, 5; "
                 "bar.red.popc.u32 %r9, 0, %p1;");
}

TEST(Barrier, NothingElseSynchronizes) {
  TestKernel kernel = kernelOf(exchange("membar.cta;"));
  kernel.buffers = {bytesOf({0})};
  expectAmongReports(kernel, ReportKind::race, "and no barrier");
}

TEST(Barrier, OrdersOnlyThoseWhoTakePart) {
  // Warps 0 and 1, and warps 2 and 3: the exchange crosses the pairs.
  TestKernel kernel = kernelOf(exchange(R"(
    shr.u32 %r9, %warp, 1;
    add.u32 %r9, %r9, 1;
    bar.sync %r9, 64;
)"));
  kernel.buffers = {bytesOf({0})};
  expectAmongReports(kernel, ReportKind::race, "and no barrier");
}

TEST(Barrier, ProducersArriveAndConsumersWait) {
  // Warps 0 to 2 produce for warp 3.
  TestKernel kernel = kernelOf(R"(
    mov.u32 %r0, shared;
    shl.b32 %r1, %thread, 2;
    add.u32 %r1, %r0, %r1;
    setp.eq.u32 %p0, %warp, 3;
    @%p0 bra consumer;
    st.shared.u32 [%r1], %thread;
    bar.arrive 2, 128;
    bra done;
consumer:
    bar.sync 2, 128;
    shl.b32 %r1, %lane, 2;
    add.u32 %r1, %r0, %r1;
    ld.shared.u32 %r2, [%r1];
    ld.shared.u32 %r3, [%r1+128];
    ld.shared.u32 %r4, [%r1+256];
    add.u32 %r2, %r2, %r3;
    add.u32 %r2, %r2, %r4;
    red.global.add.u32 [%b0], %r2;
)");
  kernel.buffers = {bytesOf({0})};
  expectSilent(kernel);
  EXPECT_EQ(wordsOf(kernel.buffers[0])[0], 95u * 96 / 2);
}

TEST(Barrier, IsReusedForManyGenerations) {
  TestKernel kernel = kernelOf(R"(
    mov.u32 %r0, shared;
    shl.b32 %r1, %thread, 2;
    add.u32 %r1, %r0, %r1;
    xor.b32 %r2, %thread, 64;
    shl.b32 %r2, %r2, 2;
    add.u32 %r2, %r0, %r2;
    mov.u32 %r3, 0;
    mov.u32 %r4, %thread;
loop:
    st.shared.u32 [%r1], %r4;
    bar.sync 1, 128;
    ld.shared.u32 %r5, [%r2];
    add.u32 %r4, %r5, 1;
    bar.sync 1, 128;
    add.u32 %r3, %r3, 1;
    setp.lt.u32 %p0, %r3, 20;
    @%p0 bra loop;
    red.global.add.u32 [%b0], %r4;
)");
  kernel.buffers = {bytesOf({0})};
  expectSilent(kernel);
  EXPECT_EQ(wordsOf(kernel.buffers[0])[0], 127u * 128 / 2 + 20 * 128);
}

TEST(Barrier, ExitedWarpsCountWhereNoNumberIsGiven) {
  TestKernel kernel = kernelOf(R"(
    setp.ge.u32 %p0, %warp, 2;
    @%p0 bra done;
    bar.sync 0;
    bar.sync 5;
)");
  expectSilent(kernel);
  kernel.body = R"(
    setp.ge.u32 %p0, %warp, 2;
    @%p0 bra done;
    bar.sync 0, 128;
)";
  expectReport(kernel, ReportKind::deadlock, "nothing can go on");
}

TEST(Barrier, PartsOfAWarpArriveOneByOne) {
  // Both sides of a branch have a barrier of their own; it is the same one.
  TestKernel kernel = kernelOf(R"(
    mov.u32 %r0, shared;
    shl.b32 %r1, %thread, 2;
    add.u32 %r1, %r0, %r1;
    st.shared.u32 [%r1], %thread;
    and.b32 %r2, %thread, 1;
    setp.eq.u32 %p0, %r2, 0;
    @%p0 bra even;
    barrier.sync 0;
    bra join;
even:
    barrier.sync 0;
join:
    xor.b32 %r3, %thread, 65;
    shl.b32 %r3, %r3, 2;
    add.u32 %r3, %r0, %r3;
    ld.shared.u32 %r4, [%r3];
    red.global.add.u32 [%b0], %r4;
)");
  kernel.buffers = {bytesOf({0})};
  expectSilent(kernel);
  EXPECT_EQ(wordsOf(kernel.buffers[0])[0], 127u * 128 / 2);
  // The same under a guard.
  kernel.body = R"(
    and.b32 %r2, %thread, 1;
    setp.eq.u32 %p0, %r2, 0;
    @%p0 barrier.sync 0;
    @!%p0 barrier.sync 0;
)";
  expectSilent(kernel);
}

TEST(Barrier, LanesMissingInAnAlignedBarrierAreReported) {
  expectReport(kernelOf(R"(
    and.b32 %r2, %thread, 1;
    setp.eq.u32 %p0, %r2, 0;
    @%p0 bar.sync 0;
)"),
               ReportKind::divergence, ".aligned");
}

TEST(Barrier, Reduces) {
  // True in threads 0 to 49.
  auto result = [](const std::string &lines) {
    TestKernel kernel = kernelOf("setp.lt.u32 %p1, %thread, 50;\n"
                                 "setp.lt.u32 %p2, %thread, 500;\n"
                                 "setp.gt.u32 %p3, %thread, 500;\n" +
                                 lines + "red.global.add.u32 [%b0], %r9;\n");
    kernel.buffers = {bytesOf({0})};
    expectSilent(kernel);
    return wordsOf(kernel.buffers[0])[0] / 128;
  };
  auto flag = std::string("selp.u32 %r9, 1, 0, %p0;\n");
  EXPECT_EQ(result("bar.red.popc.u32 %r9, 0, %p1;\n"), 50u);
  EXPECT_EQ(result("bar.red.popc.u32 %r9, 0, 128, !%p1;\n"), 78u);
  EXPECT_EQ(result("barrier.red.popc.aligned.u32 %r9, 1, %p2;\n"), 128u);
  EXPECT_EQ(result("bar.red.and.pred %p0, 0, %p1;\n" + flag), 0u);
  EXPECT_EQ(result("bar.red.and.pred %p0, 0, %p2;\n" + flag), 1u);
  EXPECT_EQ(result("bar.red.or.pred %p0, 0, %p1;\n" + flag), 1u);
  EXPECT_EQ(result("barrier.red.or.pred %p0, 0, 128, %p3;\n" + flag), 0u);
  EXPECT_EQ(result("barrier.red.and.pred %p0, 0, !%p3;\n" + flag), 1u);
}

TEST(Barrier, CountMismatchIsReported) {
  expectAmongReports(kernelOf(R"(
    setp.eq.u32 %p0, %warp, 0;
    @%p0 bra first;
    bar.sync 1, 128;
    bra done;
first:
    bar.sync 1, 96;
)"),
                     ReportKind::barrier, "others have arrived for");
}

TEST(Barrier, NumbersOutOfRangeAreReported) {
  expectReport(kernelOf("add.u32 %r0, %warp, 16; bar.sync %r0, 32;"),
               ReportKind::barrier, "there is no barrier");
  expectAmongReports(kernelOf("mov.u32 %r0, 50; bar.sync 1, %r0;"),
                     ReportKind::barrier, "not a multiple of 32");
  expectAmongReports(kernelOf("bar.sync 1, 256;"), ReportKind::barrier,
                     "the CTA has 128");
  expectAmongReports(kernelOf("mov.u32 %r0, %lane; bar.sync %r0, 32;"),
                     ReportKind::barrier, "different barriers");
}

TEST(Barrier, ArrivalsLeftOverAreReported) {
  expectReport(kernelOf(R"(
    setp.eq.u32 %p0, %warp, 0;
    @%p0 bar.arrive 4, 64;
)"),
               ReportKind::barrier,
               "32 of 64 threads have arrived at barrier 4");
}

TEST(Barrier, ArrivingAgainTooEarlyIsReported) {
  expectAmongReports(kernelOf(R"(
    setp.ne.u32 %p0, %warp, 0;
    @%p0 bra done;
    bar.arrive 4, 96;
    bar.arrive 4, 96;
)"),
                     ReportKind::barrier, "again before the generation");
}

TEST(Barrier, ReductionsDoNotMixWithOthers) {
  expectAmongReports(kernelOf(R"(
    setp.eq.u32 %p0, %warp, 0;
    @%p0 bra first;
    bar.sync 1, 128;
    bra done;
first:
    bar.red.popc.u32 %r0, 1, 128, %p0;
)"),
                     ReportKind::barrier, "barrier.red must not meet");
}

TEST(Barrier, DeadlocksNameTheWaiters) {
  TestKernel kernel = kernelOf(R"(
    setp.eq.u32 %p0, %warp, 1;
    @%p0 bra first;
    bar.sync 1, 128;
    bra done;
first:
    bar.sync 2, 128;
)");
  auto result = run(kernel);
  ASSERT_TRUE(result) << result.error();
  ASSERT_EQ(result->reports.size(), 1u);
  const Report &report = result->reports[0];
  EXPECT_EQ(report.kind, ReportKind::deadlock);
  EXPECT_NE(report.other.find("barrier 1: 96 of 128 threads have arrived "
                              "(warps 0, 2, 3"),
            std::string::npos)
      << report.other;
  EXPECT_NE(report.other.find("barrier 2: 32 of 128"), std::string::npos)
      << report.other;
}

//===----------------------------------------------------------------------===//
// setmaxnreg
//===----------------------------------------------------------------------===//

/// Three warpgroups, of which the first gives registers to the others.
TestKernel registersOf(int give, int take) {
  TestKernel kernel = kernelOf(R"(
    setp.ge.u32 %p0, %warp, 4;
    @%p0 bra consumer;
    setmaxnreg.dec.sync.aligned.u32 )" +
                                   std::to_string(give) + R"(;
    bra done;
consumer:
    setmaxnreg.inc.sync.aligned.u32 )" +
                                   std::to_string(take) + ";\n",
                               384);
  kernel.registersPerThread = 168;
  return kernel;
}

TEST(SetMaxRegisters, MovesRegistersWithinThePool) {
  expectSilent(registersOf(24, 240)); // 24 + 2 * 240 = 3 * 168
  expectSilent(registersOf(40, 232));
  expectReport(registersOf(32, 240), ReportKind::deadlock, "nothing can go on");
}

TEST(SetMaxRegisters, RulesAreChecked) {
  expectAmongReports(registersOf(176, 176), ReportKind::registerPool,
                     "setmaxnreg.dec asks for 176");
  expectReport(registersOf(24, 160), ReportKind::registerPool,
               "setmaxnreg.inc asks for 160");
  TestKernel kernel = registersOf(24, 240);
  kernel.hasBounds = false;
  expectReport(kernel, ReportKind::registerPool, "ptxas ignores");
  kernel = kernelOf(R"(
    setp.eq.u32 %p0, %warp, 1;
    @%p0 bra done;
    setmaxnreg.dec.sync.aligned.u32 64;
)");
  kernel.registersPerThread = 128;
  expectReport(kernel, ReportKind::registerPool, "all four must execute it");
  kernel.body = R"(
    setp.eq.u32 %p0, %warp, 1;
    @%p0 bra other;
    setmaxnreg.dec.sync.aligned.u32 64;
    bra done;
other:
    setmaxnreg.dec.sync.aligned.u32 72;
)";
  expectReport(kernel, ReportKind::registerPool, "must ask for the same");
  for (const char *wrong : {"16", "260", "100", "264"}) {
    kernel.body = std::string("setmaxnreg.dec.sync.aligned.u32 ") + wrong + ";";
    auto result = run(kernel);
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().find("multiples of 8 from 24 to 256"),
              std::string::npos)
        << result.error();
  }
}

TEST(GridDependencyControl, IsWithoutEffect) {
  expectSilent(kernelOf("griddepcontrol.wait;\n"
                        "griddepcontrol.launch_dependents;\n"));
}

} // namespace
