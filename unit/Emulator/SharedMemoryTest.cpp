//===- SharedMemoryTest.cpp - Checks of shared memory ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For each rule a kernel that breaks it and one that does not.
//
//===----------------------------------------------------------------------===//

#include "PtxKernel.h"

#include <gtest/gtest.h>

using namespace attn::emulator;
using namespace attn::test;

namespace {

const std::string barrier = "bar.sync 0;\n",
                  warpBarrier = "bar.warp.sync -1;\n",
                  writeOwn = "st.shared.v4.b32 [%lshared], "
                             "{%thread, %thread, %thread, %thread};\n";

/// Every thread writes its 16 bytes; then it reads those of the thread so much
/// further on, among `threads`, a power of two.
std::string exchange(int threads, int further, const std::string &between) {
  return writeOwn + between + "add.u32 %r0, %thread, " +
         std::to_string(further) + ";\nand.b32 %r0, %r0, " +
         std::to_string(threads - 1) +
         ";\nmad.lo.u32 %r1, %r0, 16, %shared;\n"
         "ld.shared.v4.b32 {%r2, %r3, %r4, %r5}, [%r1];\n"
         "st.global.v4.b32 [%lout], {%r2, %r3, %r4, %r5};\n";
}

/// Of two warps.
PtxKernel two(const std::string &text) { return {text, 64}; }

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

TEST(SharedMemory, WriteThenReadNeedsABarrier) {
  const char *what = "which has been written, and no barrier or wait orders";
  expectReport(two(exchange(64, 32, "")), ReportKind::race, what);
  expectReport(two(exchange(64, 32, warpBarrier)), ReportKind::race, what);
  expectSilent(two(exchange(64, 32, barrier)));
}

TEST(SharedMemory, ReportsNameBothParties) {
  Outcome outcome = runKernel(two("@%warp0 " + writeOwn +
                                  "@%warp1 ld.shared.b32 %r0, [%shared+20];\n"
                                  "@%warp1 ld.shared.b32 %r0, [%shared+24];"));
  ASSERT_EQ(outcome.reports.size(), 2u) << outcome.str();
  const Report &report = outcome.reports[0];
  EXPECT_EQ(report.kind, ReportKind::race);
  EXPECT_EQ(report.what.substr(0, 51),
            "reads 4 bytes at 1044 of shared memory, which has b");
  EXPECT_EQ(report.instruction, "@%warp1 ld.shared.b32 %r0, [%shared+20];");
  EXPECT_EQ(report.warp, 1);
  EXPECT_EQ(report.lane, 0);
  EXPECT_EQ(report.count, 32u);
  EXPECT_EQ(report.other, "line " + std::to_string(report.ptxLine - 1) +
                              ": st.shared.v4.b32 of warp 0, lane 1");
}

TEST(SharedMemory, ReadThenWriteNeedsABarrier) {
  std::string text = exchange(64, 32, barrier);
  expectReport(two(text + writeOwn), ReportKind::race,
               "which has been read, and no barrier");
  expectSilent(two(text + barrier + writeOwn));
}

// All warps that have read count, not only the last.
TEST(SharedMemory, EveryReaderCounts) {
  std::string common = writeOwn + barrier +
                       "ld.shared.v4.b32 {%r2, %r3, %r4, %r5}, [%shared];\n"
                       "setp.eq.u32 %p0, %warp, 3;\n"
                       "setp.eq.u32 %p1, %warp, 2;\n"
                       "@%p0 bra last;\n";
  std::string write = "last:\nbar.sync 1, ";
  std::string after =
      ";\n@%lane0 st.shared.v4.b32 [%shared], {%thread, %thread, "
      "%thread, %thread};\n";
  expectSilent(
      {common + "bar.arrive 1, 128;\nret;\n" + write + "128" + after, 128});
  // One of them does not say that it is ready.
  expectReport(
      {common + "@%p1 ret;\nbar.arrive 1, 96;\nret;\n" + write + "96" + after,
       128},
      ReportKind::race, "of warp 2");
}

TEST(SharedMemory, WriteThenWriteNeedsABarrier) {
  std::string write = "st.shared.b64 [%shared], %in;\n";
  std::string first = "@!%lane0 ret;\n@%warp0 " + write,
              second = "@%warp1 " + write;
  expectReport(two(first + second), ReportKind::race,
               "writes 8 bytes at 1024 of shared memory, which has been "
               "written");
  expectSilent(two("@!%lane0 bra after;\n@%warp0 " + write + "after:\n" +
                   barrier + "@!%lane0 ret;\n" + second));
}

TEST(SharedMemory, BarriersOfSomeWarpsOrderThoseOnly) {
  // Warps 0 and 1 meet; warp 2 reads what warp 0 has written.
  std::string text = "setp.eq.u32 %p0, %warp, 2;\n@!%p0 " + writeOwn +
                     "@!%p0 bar.sync 1, 64;\n"
                     "@%warp1 ld.shared.b32 %r0, [%shared];\n";
  expectSilent({text, 96});
  expectReport({text + "@%p0 ld.shared.b32 %r0, [%shared];", 96},
               ReportKind::race, "");
}

TEST(SharedMemory, OrderIsTransitive) {
  // Warp 0 meets warp 1, which then meets warp 2.
  std::string text = "setp.eq.u32 %p0, %warp, 2;\n"
                     "@%warp0 " +
                     writeOwn +
                     "@!%p0 bar.sync 1, 64;\n"
                     "@!%warp0 bar.sync 2, 64;\n"
                     "@%p0 ld.shared.b32 %r0, [%shared];\n";
  expectSilent({text, 96});
}

//===----------------------------------------------------------------------===//
// Lanes
//===----------------------------------------------------------------------===//

TEST(SharedMemory, LanesNeedAWarpBarrier) {
  const char *missing = "bar.warp.sync (__syncwarp) is missing";
  expectReport({exchange(32, 1, "")}, ReportKind::race, missing);
  expectSilent({exchange(32, 1, warpBarrier)});
  expectSilent({exchange(32, 1, barrier)});
  // What a lane has written itself is in order.
  expectSilent({exchange(32, 0, "")});
  std::string text = exchange(32, 1, warpBarrier);
  expectReport({text + writeOwn}, ReportKind::race,
               "which another lane of the warp has read: bar.warp.sync");
  expectSilent({text + warpBarrier + writeOwn});
  // A shuffle is no barrier for memory.
  expectReport(
      {exchange(32, 1, "shfl.sync.idx.b32 %r9, %thread, 0, 31, -1;\n")},
      ReportKind::race, missing);
}

TEST(SharedMemory, WarpBarriersOfSomeLanes) {
  // Lanes 0 and 1, then 1 and 2, meet.
  std::string text = writeOwn + "setp.lt.u32 %p0, %lane, 2;\n"
                                "setp.lt.u32 %p1, %lane, 3;\n"
                                "setp.gt.and.u32 %p1, %lane, 0, %p1;\n"
                                "setp.eq.u32 %p2, %lane, 2;\n";
  std::string first = "@!%p0 bra a;\nbar.warp.sync 3;\na:\n",
              second = "@!%p1 bra b;\nbar.warp.sync 6;\nb:\n";
  auto reads = [](const std::string &who, int of) {
    return "@" + who + " ld.shared.b32 %r0, [%shared+" +
           std::to_string(16 * of) + "];\n";
  };
  expectSilent({text + first + reads("%lane0", 1) + reads("%lane1", 0)});
  expectReport({text + first + reads("%lane0", 2)}, ReportKind::race,
               "bar.warp.sync");
  expectReport({text + second + reads("%lane0", 1)}, ReportKind::race,
               "bar.warp.sync");
  // What lane 0 did comes to lane 2 by lane 1, and not the other way round.
  expectSilent({text + first + second + reads("%p2", 0)});
  expectReport({text + first + second + reads("%lane0", 2)}, ReportKind::race,
               "bar.warp.sync");
  // Lane 1 has not seen what lane 0 did later.
  expectReport({text + first + "@%lane0 " + writeOwn + reads("%lane1", 0)},
               ReportKind::race, "bar.warp.sync");
  // Reads before a write likewise.
  expectSilent({text + first + reads("%lane0", 0) +
                "@!%p0 bra c;\nbar.warp.sync 3;\nc:\n"
                "@%lane1 st.shared.b32 [%shared], %lane;\n"});
  expectReport({text + first + reads("%lane0", 0) +
                "@%lane1 st.shared.b32 [%shared], %lane;\n"},
               ReportKind::race, "has read: bar.warp.sync");
}

TEST(SharedMemory, SeveralReadersThatHaveMetTheWriter) {
  expectSilent({"@%lane0 st.shared.b32 [%shared], %lane;\n" + warpBarrier +
                "setp.lt.u32 %p0, %lane, 2;\n"
                "@%p0 ld.shared.b32 %r0, [%shared];\n"
                "@!%p0 bra a;\nbar.warp.sync 3;\na:\n"
                "@%lane0 st.shared.b32 [%shared], %lane;\n"});
}

TEST(SharedMemory, MatricesAreOfAllLanes) {
  const std::string load = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 "
                           "{%r2, %r3, %r4, %r5}, [%lshared];\n",
                    store =
                        "stmatrix.sync.aligned.m8n8.x4.shared.b16 "
                        "[%lshared], {%thread, %thread, %thread, %thread};\n",
                    read = "ld.shared.b32 %r6, [%lshared];\n";
  expectReport({writeOwn + load}, ReportKind::race, "__syncwarp");
  expectSilent({writeOwn + warpBarrier + load});
  // All lanes have read before one of them goes on.
  expectSilent({writeOwn + warpBarrier + load + writeOwn});
  expectReport({store + read}, ReportKind::race, "__syncwarp");
  expectReport({store + load}, ReportKind::race, "__syncwarp");
  expectSilent({store + warpBarrier + read + load});
  expectReport({writeOwn + store}, ReportKind::race, "__syncwarp");
  // Lanes that have read by themselves are not forgotten.
  std::string other = "xor.b32 %r0, %lshared, 16;\n"
                      "ld.shared.b32 %r6, [%r0];\n";
  expectReport({writeOwn + warpBarrier + other + load + writeOwn},
               ReportKind::race, "has read: bar.warp.sync");
}

//===----------------------------------------------------------------------===//
// Parts of 16 bytes
//===----------------------------------------------------------------------===//

TEST(SharedMemory, NeighboursAreNoRace) {
  // Two warps, in turns: elements of 1 to 8 bytes beside each other.
  for (int bytes : {1, 2, 4, 8}) {
    std::string type = ".b" + std::to_string(8 * bytes),
                value = bytes == 8 ? "%in" : "%thread";
    std::string place = "shl.b32 %r0, %lane, 1;\n"
                        "add.u32 %r0, %r0, %warp;\n"
                        "mad.lo.u32 %r0, %r0, " +
                        std::to_string(bytes) + ", %shared;\n";
    std::string write = "st.shared" + type + " [%r0], " + value + ";\n",
                read = "ld.shared" + type + (bytes == 8 ? " %d0" : " %r1") +
                       ", [%r0];\n";
    expectSilent(two(place + write + read + write));
    std::string all = "and.b32 %r2, %lane, 3;\n"
                      "mad.lo.u32 %r2, %r2, 16, %shared;\n"
                      "ld.shared.v4.b32 {%r3, %r4, %r5, %r6}, [%r2];\n";
    if (bytes == 1)
      continue; // 64 bytes are not enough for that
    expectSilent(two(place + write + barrier + all));
    expectReport(two(place + write + all), ReportKind::race, "16 bytes at");
    expectReport(two(place + write + barrier + all + write), ReportKind::race,
                 "has read: bar.warp.sync");
  }
}

TEST(SharedMemory, SmallPartsThenSmaller) {
  // Words by warp 0, bytes of them by both after a barrier.
  std::string text =
      "mad.lo.u32 %r0, %thread, 4, %shared;\nst.shared.b32 [%r0], %thread;\n" +
      barrier;
  std::string bytes = "add.u32 %r1, %shared, %thread;\n"
                      "ld.shared.u8 %r2, [%r1];\nst.shared.u8 [%r1], %r2;\n";
  expectSilent(two(text + bytes));
  expectReport(two(text + bytes + "ld.shared.b32 %r3, [%r0];"),
               ReportKind::race, "");
}

TEST(SharedMemory, WholeWritesMergeParts) {
  std::string parts = "mad.lo.u32 %r0, %thread, 2, %shared;\n"
                      "st.shared.b16 [%r0], %thread;\n" +
                      barrier;
  std::string whole = "setp.lt.u32 %p0, %thread, 8;\n@%p0 " + writeOwn;
  expectSilent(two(parts + whole + barrier +
                   "ld.shared.v4.b32 {%r3, %r4, %r5, %r6}, [%shared];"));
  expectReport(two(parts + whole +
                   "@%warp1 ld.shared.v4.b32 {%r3, %r4, %r5, %r6}, "
                   "[%shared];"),
               ReportKind::race, "st.shared.v4.b32");
}

//===----------------------------------------------------------------------===//
// Atomics
//===----------------------------------------------------------------------===//

TEST(SharedMemory, AtomicsNeverRace) {
  std::string start =
      "setp.eq.u32 %p0, %thread, 0;\n@%p0 st.shared.b32 [%shared], 0;\n" +
      barrier;
  std::string add = "atom.shared.add.u32 %r0, [%shared], 1;\n",
              strong = "ld.volatile.shared.b32 %r1, [%shared];\n"
                       "ld.relaxed.cta.shared.b32 %r1, [%shared];\n"
                       "st.relaxed.cta.shared.b32 [%shared], 1;\n",
              weak = "ld.shared.b32 %r1, [%shared];\n";
  expectSilent(two(start + add + strong + add));
  expectSilent(two(start + add + barrier + weak));
  expectReport(two(start + add + weak), ReportKind::race, "");
  expectReport(two(start + weak + add), ReportKind::race, "");
  expectReport(two(add), ReportKind::uninitialized, "and nothing has written");
}

TEST(SharedMemory, AtomicsCount) {
  Outcome outcome = runKernel(
      two("setp.eq.u32 %p0, %thread, 0;\n"
          "@%p0 st.shared.b32 [%shared], 0;\n" +
          barrier + "atom.shared.add.u32 %r0, [%shared], 3;\n" + barrier +
          "ld.shared.b32 %r1, [%shared];\n"
          "st.global.b32 [%lout], %r1;"));
  EXPECT_TRUE(outcome.reports.empty()) << outcome.str();
  EXPECT_EQ(outcome.word(0), 192u);
}

//===----------------------------------------------------------------------===//
// Bytes that nothing has written, bounds, alignment
//===----------------------------------------------------------------------===//

TEST(SharedMemory, UninitializedBytes) {
  expectReport({"ld.shared.b32 %r0, [%lshared+8];"}, ReportKind::uninitialized,
               "reads 4 bytes at 1032 of shared memory, and nothing has "
               "written the byte at 1032");
  expectReport({"st.shared.b16 [%lshared], %thread;\n"
                "ld.shared.b32 %r0, [%lshared];"},
               ReportKind::uninitialized, "the byte at 1026");
  expectReport({"ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%lshared];"},
               ReportKind::uninitialized, "reads 16 bytes at 1024");
  expectSilent({"st.shared.v2.b16 [%lshared], {%thread, %thread};\n"
                "ld.shared.b32 %r0, [%lshared];"});
  PtxKernel off{"ld.shared.b32 %r0, [%lshared];"};
  off.options.uninitialized = false;
  expectSilent(off);
  // What is read is NaN.
  EXPECT_EQ(runKernel({"ld.shared.b32 %r0, [%lshared];\n"
                       "st.global.b32 [%lout], %r0;"})
                .word(0),
            0xfefefefeu);
}

TEST(SharedMemory, Bounds) {
  expectReport({"st.shared.b32 [%lshared+4096], %thread;"}, ReportKind::bounds,
               "writes 4 bytes at 5120 of shared memory, of which the CTA has "
               "4096 bytes from 1024 to 5119");
  expectReport(
      {"st.shared.v4.b32 [%shared+-16], {%thread, %thread, %thread, %thread};"},
      ReportKind::bounds, "at 1008");
  expectReport({"st.shared.b32 [%in], %thread;"}, ReportKind::bounds,
               "which is no address of shared memory");
  expectReport({"ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, "
                "[%lshared+8192];"},
               ReportKind::bounds, "reads 16 bytes at 9216");
  // Generic addresses.
  std::string generic = "mul.wide.u32 %d0, %lshared, 1;\n"
                        "cvta.shared.u64 %d0, %d0;\n"
                        "st.b32 [%d0], %thread;\nld.b32 %r0, [%d0];\n"
                        "ld.shared.b32 %r0, [%lshared];\n";
  expectSilent({generic});
  expectReport({generic + "st.b32 [%d0+4096], %thread;"}, ReportKind::bounds,
               "writes 4 bytes at 5120 of shared memory");
}

TEST(SharedMemory, Alignment) {
  expectReport({"mad.lo.u32 %r0, %thread, 32, %shared;\n"
                "st.shared.b32 [%r0+2], %thread;"},
               ReportKind::alignment,
               "writes 4 bytes at address 0x402, which is not a multiple of 4");
  expectReport(
      {"mad.lo.u32 %r0, %thread, 32, %shared;\n"
       "st.shared.v4.b32 [%r0+8], {%thread, %thread, %thread, %thread};"},
      ReportKind::alignment, "not a multiple of 16");
  PtxKernel off{"mad.lo.u32 %r0, %thread, 32, %shared;\n"
                "st.shared.b32 [%r0+2], %thread;\n"
                "ld.shared.b32 %r1, [%r0+2];"};
  off.options.alignment = false;
  expectSilent(off);
}

//===----------------------------------------------------------------------===//
// Bank conflicts
//===----------------------------------------------------------------------===//

/// Conflicts of one instruction, whose lanes are `stride` bytes apart.
uint64_t conflicts(const std::string &instruction, int stride) {
  PtxKernel kernel{"mad.lo.u32 %r0, %lane, " + std::to_string(stride) +
                   ", %shared;\n" + instruction};
  kernel.options.bankConflicts = true;
  Outcome outcome = runKernel(kernel);
  EXPECT_TRUE(outcome.reports.empty()) << outcome.str();
  return outcome.statistics.bankConflicts;
}

TEST(SharedMemory, BankConflicts) {
  const char
      *one = "st.shared.b32 [%r0], %thread;",
      *two = "st.shared.v2.b32 [%r0], {%thread, %thread};",
      *four = "st.shared.v4.b32 [%r0], {%thread, %thread, %thread, %thread};";
  EXPECT_EQ(conflicts(one, 4), 0u);
  EXPECT_EQ(conflicts(one, 8), 1u);
  EXPECT_EQ(conflicts(one, 16), 3u);
  EXPECT_EQ(conflicts(one, 128), 31u);
  EXPECT_EQ(conflicts(one, 124), 0u);
  // Half a warp at a time.
  EXPECT_EQ(conflicts(two, 8), 0u);
  EXPECT_EQ(conflicts(two, 16), 2u);
  EXPECT_EQ(conflicts(two, 128), 30u);
  // A quarter at a time.
  EXPECT_EQ(conflicts(four, 16), 0u);
  EXPECT_EQ(conflicts(four, 32), 4u);
  EXPECT_EQ(conflicts(four, 112), 0u);
  EXPECT_EQ(conflicts(four, 128), 28u);
  EXPECT_EQ(conflicts("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%r0], "
                      "{%thread, %thread, %thread, %thread};",
                      128),
            28u);
  // One word for all is one access; so are bytes of one word.
  EXPECT_EQ(conflicts("st.volatile.shared.b32 [%shared], %thread;", 0), 0u);
  EXPECT_EQ(conflicts("st.shared.b8 [%r0], %thread;", 1), 0u);
}

} // namespace
