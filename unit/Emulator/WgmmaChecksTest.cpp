//===- WgmmaChecksTest.cpp - The rules of wgmma ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace attn::emulator;
using namespace attn::test;

namespace {

// A is 64x16 and B 8x16 of bf16 ones, K-major with a swizzle of 128 bytes: A at
// 1024, B at 1024 + 8192. Every element of A * B is 16.

/// Writes the operands.
const std::string operands = R"(
    mov.u32 %r300, shared;
    shl.b32 %r301, %thread, 2;
    add.u32 %r302, %r300, %r301;
    mov.u32 %r301, 0;
    mov.u32 %r303, 0x3f803f80;
    setp.ge.u32 %p0, %warp, 4;
    @%p0 bra filled;
fill:
    st.shared.b32 [%r302], %r303;
    add.u32 %r302, %r302, 512;
    add.u32 %r301, %r301, 1;
    setp.lt.u32 %p0, %r301, 18;
    @%p0 bra fill;
filled:
    mov.b64 %d1, 0x4000004000000040;
    mov.b64 %d2, 0x4000004000000240;
    mov.u32 %r200, 0x3f803f80;
    mov.u32 %r201, 0x3f803f80;
    mov.u32 %r202, 0x3f803f80;
    mov.u32 %r203, 0x3f803f80;
    setp.eq.u32 %p1, %r300, 1024;
)";
const std::string publish = "fence.proxy.async.shared::cta;\nbar.sync 0;\n";
const std::string clear = "mov.f32 %f0, 0f00000000;\n"
                          "mov.f32 %f1, 0f00000000;\n"
                          "mov.f32 %f2, 0f00000000;\n"
                          "mov.f32 %f3, 0f00000000;\n";
const std::string fence = "wgmma.fence.sync.aligned;\n";
const std::string product =
    "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 "
    "{%f0, %f1, %f2, %f3}, %d1, %d2, %p1, 1, 1, 0, 0;\n";
const std::string registerProduct =
    "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 "
    "{%f0, %f1, %f2, %f3}, {%r200, %r201, %r202, %r203}, %d2, %p1, 1, 1, 0;\n";
const std::string commit = "wgmma.commit_group.sync.aligned;\n";
const std::string wait = "wgmma.wait_group.sync.aligned 0;\n";
/// Adds what thread 0 has to buffer 0.
const std::string result = "cvt.rni.u32.f32 %r310, %f0;\n"
                           "@%is0 red.global.add.u32 [%b0], %r310;\n";
const std::string begin = operands + publish + clear + fence;

TestKernel kernelOf(const std::string &body, uint32_t threads = 128) {
  TestKernel kernel;
  kernel.body = body;
  kernel.threads = threads;
  kernel.sharedBytes = 32768;
  kernel.buffers = {bytesOf({0})};
  return kernel;
}

uint32_t resultOf(const std::string &body, uint32_t threads = 128) {
  TestKernel kernel = kernelOf(body, threads);
  expectSilent(kernel);
  return wordsOf(kernel.buffers[0])[0];
}

TEST(WgmmaChecks, CorrectKernelsAreSilent) {
  EXPECT_EQ(resultOf(begin + product + commit + wait + result), 16u);
  EXPECT_EQ(resultOf(begin + registerProduct + commit + wait + result), 16u);
  // A chain of products of one shape needs one fence.
  EXPECT_EQ(resultOf(begin + product + registerProduct + product + commit +
                     wait + result),
            48u);
  // Two warpgroups with accumulators of their own.
  EXPECT_EQ(resultOf(begin + product + commit + wait + result, 256), 16u);
  // A second round, with a fence after the accumulators were touched.
  EXPECT_EQ(resultOf(begin + product + commit + wait +
                     "add.f32 %f0, %f0, 0f3f800000;\n" + fence + product +
                     commit + wait + result),
            33u);
}

TEST(WgmmaChecks, GroupsAreWaitedForInOrder) {
  // The second product goes on while the first one's sums are read.
  const std::string second =
      "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 "
      "{%f4, %f5, %f6, %f7}, %d1, %d2, 0, 1, 1, 0, 0;\n";
  const std::string body = begin + product + commit + second + commit;
  EXPECT_EQ(
      resultOf(body + "wgmma.wait_group.sync.aligned 1;\n" + result + wait),
      16u);
  expectReport(
      kernelOf(body + "wgmma.wait_group.sync.aligned 2;\n" + result + wait),
      ReportKind::asyncRegisters, "reads a register that a wgmma");
  // Products that are not committed are not waited for.
  expectReport(kernelOf(begin + product + wait + result + commit + wait),
               ReportKind::asyncRegisters, "reads a register that a wgmma");
}

TEST(WgmmaChecks, RegistersInFlight) {
  expectReport(
      kernelOf(begin + product + commit + "mov.f32 %f2, 0f00000000;\n" + wait),
      ReportKind::asyncRegisters, "writes a register that a wgmma");
  expectReport(
      kernelOf(begin + registerProduct + commit + "mov.u32 %r202, 0;\n" + wait),
      ReportKind::asyncRegisters,
      "writes a register that a wgmma in flight reads");
  // A may be read.
  EXPECT_EQ(resultOf(begin + registerProduct + commit + wait + result), 16u);
  expectSilent(kernelOf(begin + registerProduct + commit +
                        "mov.u32 %r100, %r202;\n" + wait));
}

TEST(WgmmaChecks, FencesAreRequired) {
  expectReport(kernelOf(operands + publish + clear + product + commit + wait),
               ReportKind::asyncRegisters,
               "must come before the first wgmma.mma_async");
  expectReport(
      kernelOf(operands + publish + fence + clear + product + commit + wait),
      ReportKind::asyncRegisters, "since the last wgmma.fence");
  expectReport(
      kernelOf(begin + "mov.u32 %r201, 0;\n" + registerProduct + commit + wait),
      ReportKind::asyncRegisters, "since the last wgmma.fence");
  // Reading counts as well.
  expectReport(kernelOf(begin + product + commit + wait + result + product +
                        commit + wait),
               ReportKind::asyncRegisters, "since the last wgmma.fence");
  // Products of another shape.
  const std::string wide =
      "wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 "
      "{%f0, %f1, %f2, %f3, %f4, %f5, %f6, %f7}, %d1, %d2, 0, 1, 1, 0, 0;\n";
  const std::string fillMore = "mov.u32 %r302, shared;\n"
                               "shl.b32 %r301, %thread, 2;\n"
                               "add.u32 %r302, %r302, %r301;\n"
                               "st.shared.b32 [%r302+9216], %r303;\n"
                               "st.shared.b32 [%r302+9728], %r303;\n";
  expectReport(kernelOf(operands + fillMore + publish + clear + fence +
                        product + wide + commit + wait),
               ReportKind::asyncRegisters, "of another shape");
  expectSilent(kernelOf(operands + fillMore + publish + clear + fence +
                        product + commit + wait + fence + wide + commit +
                        wait));
}

TEST(WgmmaChecks, AccumulatorsMustHaveAValue) {
  expectReport(kernelOf(operands + publish + fence + product + commit + wait),
               ReportKind::uninitialized, "adds to accumulators");
  std::string fresh = product;
  fresh.replace(fresh.find("%p1"), 3, "0");
  EXPECT_EQ(
      resultOf(operands + publish + fence + fresh + commit + wait + result),
      16u);
}

TEST(WgmmaChecks, ProductsInFlightAtTheEnd) {
  expectReport(kernelOf(begin + product + commit), ReportKind::pending,
               "wgmma.wait_group is missing");
  expectReport(kernelOf(begin + product + wait), ReportKind::pending,
               "wgmma.commit_group is missing");
}

TEST(WgmmaChecks, ProxyFences) {
  expectReport(kernelOf(operands + "bar.sync 0;\n" + clear + fence + product +
                        commit + wait),
               ReportKind::proxyRace, "fence.proxy.async is missing");
  expectAmongReports(kernelOf(operands + "fence.proxy.async;\n" + clear +
                              fence + product + commit + wait),
                     ReportKind::race, "no barrier or wait");
  // The fence may also stand behind the barrier.
  EXPECT_EQ(resultOf(operands + "bar.sync 0;\nfence.proxy.async;\n" + clear +
                     fence + product + commit + wait + result),
            16u);
  // One warp without its fence is enough.
  expectReport(kernelOf(operands +
                        "setp.eq.u32 %p2, %warp, 2;\n"
                        "@!%p2 fence.proxy.async;\nbar.sync 0;\n" +
                        clear + fence + product + commit + wait),
               ReportKind::proxyRace, "fence.proxy.async is missing");
}

TEST(WgmmaChecks, OperandsMustNotChangeBeforeTheWait) {
  const std::string overwrite = "st.shared.b32 [%r300], %r303;\n";
  expectReport(kernelOf(begin + product + commit + "@%is0 " + overwrite + wait),
               ReportKind::race, "");
  expectSilent(
      kernelOf(begin + product + commit + wait + "@%is0 " + overwrite));
  // The wait of one warp is good for all that it tells of it: the product is
  // one of the warpgroup.
  expectSilent(kernelOf(begin + product + commit + wait + "bar.sync 0;\n" +
                        "setp.eq.u32 %p2, %thread, 100;\n@%p2 " + overwrite));
  TestKernel late = kernelOf(begin + product + commit + R"(
    setp.ne.u32 %p2, %warp, 3;
    @%p2 bra others;
    wgmma.wait_group.sync.aligned 0;
    bar.arrive 3, 64;
    bra done;
others:
    setp.eq.u32 %p2, %warp, 0;
    @!%p2 bra rest;
    bar.sync 3, 64;
    @%is0 st.shared.b32 [%r300], %r303;
rest:
    wgmma.wait_group.sync.aligned 0;
)");
  expectSilent(late);
}

TEST(WgmmaChecks, LazyProductsSeeWhatIsOverwritten) {
  // The report comes with wrong numbers, as on a GPU.
  TestKernel kernel = kernelOf(
      begin + product + commit + "mov.u32 %r304, 0;\n" +
      "@%is0 st.shared.b32 [%r300], %r304;\nbar.sync 0;\n" + wait + result);
  kernel.options.async = AsyncMode::lazy;
  auto launched = run(kernel);
  ASSERT_TRUE(launched) << launched.error();
  EXPECT_FALSE(launched->ok());
  EXPECT_EQ(wordsOf(kernel.buffers[0])[0], 14u);
}

TEST(WgmmaChecks, UninitializedOperands) {
  const std::string other = "mov.b64 %d1, 0x4000004000000280;\n";
  expectReport(kernelOf(begin + other + product + commit + wait),
               ReportKind::uninitialized, "nothing has written");
}

TEST(WgmmaChecks, Descriptors) {
  auto withA = [](const std::string &bits) {
    return kernelOf(begin + "mov.b64 %d1, " + bits + ";\n" + product + commit +
                    wait);
  };
  expectReport(withA("0x4002004000000040"), ReportKind::descriptor,
               "base offset 1");
  expectReport(withA("0x4000404000000040"), ReportKind::descriptor,
               "bits that must be zero");
  expectReport(withA("0x4000004000000048"), ReportKind::descriptor,
               "the address 1152; it must be a multiple of 1024");
  expectReport(withA("0x4000002000000040"), ReportKind::descriptor,
               "stride byte offset 512");
  expectReport(withA("0x4000004000001040"), ReportKind::bounds,
               "of shared memory");
  // Lanes or warps that disagree.
  expectReport(kernelOf(begin + R"(
    and.b32 %r305, %lane, 1;
    cvt.u64.u32 %d3, %r305;
    add.u64 %d1, %d1, %d3;
)" + product + commit + wait),
               ReportKind::descriptor, "the lanes give different descriptors");
  expectAmongReports(kernelOf(begin + R"(
    setp.eq.u32 %p2, %warp, 1;
    selp.u32 %r305, 2, 0, %p2;
    cvt.u64.u32 %d3, %r305;
    add.u64 %d2, %d2, %d3;
)" + product + commit + wait),
                     ReportKind::descriptor,
                     "the warps give different descriptors of B");
  expectReport(kernelOf(begin + "setp.eq.u32 %p1, %lane, 3;\n" + product +
                        commit + wait),
               ReportKind::descriptor, "different values for scale-d");
  expectReport(kernelOf(begin + "setp.eq.u32 %p1, %warp, 3;\n" + product +
                        commit + wait),
               ReportKind::descriptor, "different values for scale-d");
}

TEST(WgmmaChecks, AllFourWarpsTakePart) {
  expectReport(kernelOf(begin + R"(
    setp.eq.u32 %p2, %warp, 2;
    @%p2 bra done;
)" + product + commit + wait),
               ReportKind::deadlock, "nothing can go on");
  expectReport(kernelOf(begin + product + commit + wait, 96),
               ReportKind::divergence, "wgmma is for four warps");
  expectReport(kernelOf(begin + R"(
    setp.eq.u32 %p2, %warp, 2;
    @%p2 bra other;
)" + product + commit + wait +
                        "bra done;\nother:\n" + product + commit + wait),
               ReportKind::divergence, "must execute the same wgmma");
  expectReport(kernelOf(begin + product + R"(
    setp.eq.u32 %p2, %warp, 2;
    @%p2 bra other;
)" + commit + product + commit +
                        wait + "bra done;\nother:\n" + product + commit + wait),
               ReportKind::divergence, "");
  auto deadlock = run(*std::make_unique<TestKernel>(
      kernelOf(begin + "setp.eq.u32 %p2, %warp, 2;\n@%p2 bra done;\n" +
               product + commit + wait)));
  ASSERT_TRUE(deadlock) << deadlock.error();
  EXPECT_NE(deadlock->reports[0].other.find("lacks warps 2"), std::string::npos)
      << deadlock->reports[0].other;
}

TEST(WgmmaChecks, WrongOperandsAreErrors) {
  auto errorOf = [](const std::string &line) {
    TestKernel kernel = kernelOf(line);
    auto launched = run(kernel);
    return launched ? "" : launched.error();
  };
  const std::string begin =
      "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 ";
  EXPECT_NE(errorOf(begin + "{%f0, %f1, %f2}, %d1, %d2, %p1, 1, 1, 0, 0;")
                .find("3 elements where 4"),
            std::string::npos);
  EXPECT_NE(errorOf(begin + "{%f0, %f1, %f2, %f3}, %d1, %d2, %p1, 2, 1, 0, 0;")
                .find("imm-scale-a is 2"),
            std::string::npos);
  EXPECT_NE(errorOf(begin + "{%f0, %f1, %f2, %f3}, %d1, %d2, %p1, 1, 1, 0, 2;")
                .find("imm-trans-b is 2"),
            std::string::npos);
  EXPECT_NE(errorOf("wgmma.mma_async.sync.aligned.m64n12k16.f32.bf16.bf16 "
                    "{%f0, %f1, %f2, %f3}, %d1, %d2, %p1, 1, 1, 0, 0;")
                .find("m64n12k16"),
            std::string::npos);
  TestKernel kernel = kernelOf("wgmma.fence.sync.aligned;\n");
  kernel.target = "sm_90";
  auto launched = run(kernel);
  ASSERT_FALSE(launched);
  EXPECT_NE(launched.error().find("sm_90a"), std::string::npos)
      << launched.error();
}

} // namespace
