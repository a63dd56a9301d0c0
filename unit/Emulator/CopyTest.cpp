//===- CopyTest.cpp - cp.async --------------------------------------------===//
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

const std::string copy = "cp.async.cg.shared.global [%lshared], [%lin], 16;\n",
                  commit = "cp.async.commit_group;\n",
                  waitAll = "cp.async.wait_all;\n",
                  load = "ld.shared.v4.b32 {%r0, %r1, %r2, %r3}, [%lshared];\n"
                         "st.global.v4.b32 [%lout], {%r0, %r1, %r2, %r3};\n";

std::string waitGroup(int left) {
  return "cp.async.wait_group " + std::to_string(left) + ";\n";
}

/// Byte n of the input.
uint8_t input(size_t n) { return static_cast<uint8_t>(n % 251); }

TEST(Copy, Copies) {
  struct Case {
    std::string text;
    uint32_t copied, zeroed; ///< bytes
  };
  const std::string to = " [%lshared], [%lin], ";
  const Case cases[] = {
      {"cp.async.ca.shared.global" + to + "4;", 4, 0},
      {"cp.async.ca.shared.global" + to + "8;", 8, 0},
      {"cp.async.ca.shared.global" + to + "16;", 16, 0},
      {"cp.async.cg.shared::cta.global.L2::128B" + to + "16;", 16, 0},
      {"mov.u32 %r9, 0;\ncp.async.cg.shared.global" + to + "16, %r9;", 0, 16},
      {"mov.u32 %r9, 5;\ncp.async.cg.shared.global" + to + "16, %r9;", 5, 11},
      {"cp.async.ca.shared.global" + to + "8, 6;", 6, 2},
      {"cp.async.ca.shared.global" + to + "4, 4;", 4, 0},
      {"setp.eq.u32 %p0, 0, 0;\ncp.async.cg.shared.global" + to + "16, %p0;", 0,
       16},
      {"setp.eq.u32 %p0, 0, 1;\ncp.async.cg.shared.global" + to + "16, %p0;",
       16, 0},
      {"setp.eq.u32 %p0, 0, 1;\ncp.async.ca.shared.global" + to + "4, !%p0;", 0,
       4},
      {"createpolicy.fractional.L2::evict_last.b64 %d9, 0f3F800000;\n"
       "cp.async.cg.shared.global.L2::cache_hint" +
           to + "16, %d9;",
       16, 0},
      {"createpolicy.fractional.L2::evict_last.b64 %d9, 0f3F800000;\n"
       "mov.u32 %r9, 3;\ncp.async.cg.shared.global.L2::cache_hint" +
           to + "16, %r9, %d9;",
       3, 13}};
  for (const Case &one : cases)
    for (AsyncMode mode :
         {AsyncMode::lazy, AsyncMode::eager, AsyncMode::random}) {
      PtxKernel kernel{"st.shared.v4.b32 [%lshared], {-1, -1, -1, -1};\n" +
                       one.text + "\n" + commit + waitGroup(0) + load};
      kernel.options.async = mode;
      Outcome outcome = runKernel(kernel);
      EXPECT_TRUE(outcome.reports.empty()) << one.text << outcome.str();
      for (size_t n = 0; n < 32 * 16; ++n)
        EXPECT_EQ(outcome.out[n], n % 16 < one.copied                ? input(n)
                                  : n % 16 < one.copied + one.zeroed ? 0
                                                                     : 0xff)
            << one.text << " byte " << n;
    }
}

TEST(Copy, WideAddresses) {
  Outcome outcome =
      runKernel({"mul.wide.u32 %d0, %lshared, 1;\n"
                 "cp.async.cg.shared.global [%d0+512], [%lin+16], 16;\n" +
                 waitAll +
                 "ld.shared.v4.b32 {%r0, %r1, %r2, %r3}, [%lshared+512];\n"
                 "st.global.v4.b32 [%lout], {%r0, %r1, %r2, %r3};\n"});
  EXPECT_TRUE(outcome.reports.empty()) << outcome.str();
  for (size_t n = 0; n < 512; ++n)
    EXPECT_EQ(outcome.out[n], input(n + 16));
}

// What a copy finds at its source is read as late as possible.
TEST(Copy, HappensAtTheWaitInLazyMode) {
  for (AsyncMode mode : {AsyncMode::lazy, AsyncMode::eager}) {
    PtxKernel kernel{copy + "st.global.v4.b32 [%lin], {-1, -1, -1, -1};\n" +
                     waitAll + load};
    kernel.options.async = mode;
    EXPECT_EQ(runKernel(kernel).word(0),
              mode == AsyncMode::lazy ? 0xffffffffu : 0x03020100u);
  }
}

//===----------------------------------------------------------------------===//
// Waits
//===----------------------------------------------------------------------===//

TEST(Copy, MustBeWaitedFor) {
  const char *what = "to which a cp.async is under way";
  expectSilent({copy + commit + waitGroup(0) + load});
  expectSilent({copy + waitAll + load});
  expectReport({copy + commit + load + waitAll}, ReportKind::race, what);
  // Without a commit, wait_group does not see it; wait_all does.
  expectReport({copy + waitGroup(0) + load + waitAll}, ReportKind::race, what);
  expectReport({copy + commit + waitGroup(1) + load + waitAll},
               ReportKind::race, what);
  // Writing is no better, nor is another copy.
  expectReport(
      {copy + commit + "st.shared.b32 [%lshared], %thread;\n" + waitAll},
      ReportKind::race, what);
  expectReport({copy + copy + waitAll}, ReportKind::race, what);
}

TEST(Copy, InFlightIsNaN) {
  PtxKernel kernel{copy + load + waitAll};
  EXPECT_EQ(runKernel(kernel).word(0), 0xffffffffu);
  kernel.options.async = AsyncMode::eager; // right numbers, and reported
  Outcome outcome = runKernel(kernel);
  EXPECT_EQ(outcome.word(0), 0x03020100u);
  EXPECT_TRUE(outcome.has(ReportKind::race));
}

TEST(Copy, GroupsEndInOrder) {
  auto stage = [](int n) {
    std::string offset = std::to_string(512 * n);
    return "cp.async.cg.shared.global [%lshared+" + offset + "], [%lin+" +
           offset + "], 16;\n";
  };
  auto read = [](int n) {
    return "ld.shared.b32 %r0, [%lshared+" + std::to_string(512 * n) + "];\n";
  };
  std::string three =
      stage(0) + commit + stage(1) + stage(2) + commit + stage(3) + commit;
  expectSilent({three + waitGroup(2) + read(0) + waitGroup(1) + read(1) +
                read(2) + waitGroup(0) + read(3)});
  expectReport({three + waitGroup(2) + read(1) + waitAll}, ReportKind::race,
               "under way");
  expectReport({three + waitGroup(1) + read(3) + waitAll}, ReportKind::race,
               "under way");
  // Empty groups count.
  expectSilent({stage(0) + commit + commit + waitGroup(1) + read(0)});
  expectSilent({commit + stage(0) + commit + commit + waitGroup(1) + read(0)});
  expectReport({stage(0) + commit + waitGroup(1) + read(0) + waitAll},
               ReportKind::race, "under way");
}

TEST(Copy, GroupsAreOfEachThread) {
  // Lane 0 commits once more than the others.
  std::string text = copy + commit + "@%lane0 " + commit + waitGroup(1);
  expectSilent({text + "@%lane0 ld.shared.b32 %r0, [%lshared];\n" + waitAll});
  expectReport({text + "@%lane1 ld.shared.b32 %r0, [%lshared];\n" + waitAll},
               ReportKind::race, "under way");
}

TEST(Copy, AreSeenByOthersAfterABarrier) {
  std::string other = "xor.b32 %r9, %lshared, 16;\n"
                      "ld.shared.b32 %r0, [%r9];\n",
              far = "xor.b32 %r9, %lshared, 512;\n"
                    "ld.shared.b32 %r0, [%r9];\n";
  expectReport({copy + waitAll + other}, ReportKind::race, "bar.warp.sync");
  expectSilent({copy + waitAll + "bar.warp.sync -1;\n" + other});
  expectReport({copy + waitAll + "bar.warp.sync -1;\n" + far, 64},
               ReportKind::race, "");
  expectSilent({copy + waitAll + "bar.sync 0;\n" + far, 64});
  // The barrier before the wait is no good.
  expectReport({copy + "bar.sync 0;\n" + waitAll + far, 64}, ReportKind::race,
               "");
}

TEST(Copy, MayNotOverwriteWhatIsRead) {
  std::string far = "xor.b32 %r9, %lshared, 512;\n"
                    "ld.shared.b32 %r0, [%r9];\n",
              first = copy + waitAll + "bar.sync 0;\n" + far;
  expectSilent({first + "bar.sync 0;\n" + copy + waitAll, 64});
  expectReport({first + copy + waitAll, 64}, ReportKind::race,
               "which has been read");
}

TEST(Copy, PendingAtExit) {
  expectReport({copy}, ReportKind::pending,
               "the thread ends without having waited for this copy");
  expectReport({copy + commit}, ReportKind::pending, "cp.async.cg");
  expectReport({copy + commit + waitGroup(1)}, ReportKind::pending, "");
  expectReport({copy + commit + "@%lane0 " + waitAll}, ReportKind::pending, "");
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

TEST(Copy, Bounds) {
  expectReport(
      {"cp.async.cg.shared.global [%lshared], [%lin+4096], 16;\n" + waitAll},
      ReportKind::bounds, "behind the end of 'in'");
  expectReport(
      {"cp.async.cg.shared.global [%lshared+4096], [%lin], 16;\n" + waitAll},
      ReportKind::bounds, "copies 16 bytes at 5120 of shared memory");
  // Nothing is read of a source of no bytes.
  expectSilent({"cp.async.cg.shared.global [%lshared], [%lin+4096], 16, 0;\n" +
                waitAll + load});
  expectSilent({"setp.eq.u32 %p0, 0, 0;\n"
                "cp.async.cg.shared.global [%lshared], [%lin+4096], 16, "
                "%p0;\n" +
                waitAll + load});
  expectReport({"mov.u32 %r9, 17;\n"
                "cp.async.cg.shared.global [%lshared], [%lin], 16, %r9;\n" +
                waitAll},
               ReportKind::bounds,
               "the source has 17 bytes; it may have at most the 16 that are "
               "copied");
}

TEST(Copy, Alignment) {
  expectReport(
      {"cp.async.cg.shared.global [%lshared], [%lin+8], 16;\n" + waitAll},
      ReportKind::alignment, "which is not a multiple of 16");
  expectReport({"mul.lo.u32 %r9, %thread, 32;\nadd.u32 %r9, %r9, %shared;\n"
                "cp.async.cg.shared.global [%r9+8], [%lin], 16;\n" +
                waitAll},
               ReportKind::alignment,
               "copies 16 bytes to address 1032 of shared memory");
  expectReport(
      {"cp.async.ca.shared.global [%lshared], [%lin+2], 4;\n" + waitAll},
      ReportKind::alignment, "which is not a multiple of 4");
}

TEST(Copy, SourcesMustBeInitialized) {
  expectReport(
      {"cp.async.cg.shared.global [%lshared], [%lout], 16;\n" + waitAll},
      ReportKind::uninitialized, "of 'out'");
}

TEST(Copy, SizesAreChecked) {
  for (const char *text :
       {"cp.async.cg.shared.global [%lshared], [%lin], 8;",
        "cp.async.ca.shared.global [%lshared], [%lin], 12;"}) {
    auto module = Module::parse(std::string(".version 8.0\n.target sm_80\n"
                                            ".address_size 64\n"
                                            ".visible .entry kernel()\n{\n"
                                            ".reg .b32 %lshared;\n"
                                            ".reg .b64 %lin;\n") +
                                text + "\nret;\n}\n");
    ASSERT_FALSE(module);
    EXPECT_NE(module.error().find("must be"), std::string::npos)
        << module.error();
  }
}

} // namespace
