//===- MemoryTest.cpp - Global memory and its checks ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxKernel.h"

#include "runtime/devices/emulator/Memory.h"

#include <gtest/gtest.h>

#include <random>

using namespace attn::emulator;
using namespace attn::test;

namespace {

uint64_t addressOf(const void *pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}

//===----------------------------------------------------------------------===//
// Allocations
//===----------------------------------------------------------------------===//

TEST(Memory, AllocationsAreAlignedAndApart) {
  Memory memory;
  std::vector<void *> all;
  for (size_t bytes : {0, 1, 255, 256, 100000})
    for (size_t alignment : {1, 256, 4096})
      all.push_back(memory.allocate(bytes, "some", alignment));
  for (size_t n = 0; n < all.size(); ++n) {
    ASSERT_NE(all[n], nullptr);
    EXPECT_EQ(addressOf(all[n]) % (n % 3 == 2 ? 4096 : 256), 0u);
    Allocation &one = *memory.all().at(addressOf(all[n]));
    for (size_t m = 0; m < n; ++m) {
      Allocation &other = *memory.all().at(addressOf(all[m]));
      EXPECT_FALSE(one.contains(addressOf(other.data), 0) &&
                   one.data != other.data && one.bytes > 1)
          << n << " " << m;
    }
  }
}

TEST(Memory, FreshMemoryAndRedZonesAreNaN) {
  Memory memory;
  auto *data = static_cast<uint8_t *>(memory.allocate(100, "some"));
  EXPECT_EQ(data[0], 0xfe);
  EXPECT_EQ(data[99], 0xfe);
  Allocation *found = memory.find(addressOf(data));
  ASSERT_NE(found, nullptr);
  ASSERT_GE(found->redZone, 4096u);
  for (size_t n = 0; n < found->redZone; ++n) {
    ASSERT_EQ(*(data - 1 - n), 0xff);
    ASSERT_EQ(data[100 + n], 0xff);
  }
  // A bigger allocation has bigger zones.
  void *big = memory.allocate(1 << 20, "big");
  EXPECT_EQ(memory.find(addressOf(big))->redZone, 65536u);
}

TEST(Memory, FindsByAddress) {
  Memory memory;
  uint64_t a = addressOf(memory.allocate(64, "a")),
           b = addressOf(memory.allocate(64, "b"));
  EXPECT_EQ(memory.find(a)->name, "a");
  EXPECT_EQ(memory.find(b + 63)->name, "b");
  EXPECT_EQ(memory.find(a + 63)->name, "a");
  EXPECT_EQ(memory.find(a + 64), nullptr);
  EXPECT_EQ(memory.find(a - 1), nullptr);
  EXPECT_EQ(memory.find(0), nullptr);
  EXPECT_EQ(memory.find(~uint64_t(0)), nullptr);
  EXPECT_EQ(memory.nearest(a + 70)->name, "a");
  EXPECT_EQ(memory.nearest(a - 70)->name, "a");
  EXPECT_EQ(memory.nearest(0)->name, a < b ? "a" : "b");
  memory.free(reinterpret_cast<void *>(a));
  EXPECT_EQ(memory.find(a), nullptr);
  EXPECT_EQ(memory.nearest(a)->name, "b");
}

TEST(Memory, RemembersWhatIsWritten) {
  Memory memory;
  constexpr size_t bytes = 1000;
  auto *data = static_cast<uint8_t *>(memory.allocate(bytes, "some"));
  Allocation &some = *memory.find(addressOf(data));
  std::vector<bool> written(bytes, false);
  std::mt19937 random(1);
  for (int n = 0; n < 3000; ++n) {
    size_t offset = random() % bytes,
           size = std::min<size_t>(bytes - offset, random() % 140);
    bool wanted = true;
    for (size_t k = 0; k < size; ++k)
      wanted = wanted && written[offset + k];
    ASSERT_EQ(some.isWritten(offset, size), wanted) << offset << " " << size;
    if (n % 4)
      continue;
    size = std::min<size_t>(size, 20);
    some.markWritten(offset, size);
    std::fill_n(written.begin() + static_cast<long>(offset), size, true);
  }
  memory.markInitialized(data, bytes);
  EXPECT_TRUE(some.isWritten(0, bytes));
}

//===----------------------------------------------------------------------===//
// Bounds, alignment
//===----------------------------------------------------------------------===//

TEST(Memory, Bounds) {
  expectReport({"st.global.b32 [%lout+4096], %thread;"}, ReportKind::bounds,
               "in no allocation: that is 0 bytes behind the end of 'out' "
               "(4096 bytes)");
  expectReport({"ld.global.b32 %r0, [%in+-8];"}, ReportKind::bounds,
               "reads 4 bytes of global memory at 0x");
  expectReport({"ld.global.b32 %r0, [%in+-8];"}, ReportKind::bounds,
               "that is 8 bytes before the beginning of 'in'");
  PtxKernel over{"ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%in+4088];"};
  over.options.alignment = false;
  expectReport(over, ReportKind::bounds, "8 bytes over the end of 'in'");
  expectReport({"mov.b64 %d0, 0;\nld.global.b32 %r0, [%d0];"},
               ReportKind::bounds, "at 0x0");
  expectReport({"mov.b64 %d0, -16;\nld.b32 %r0, [%d0];"}, ReportKind::bounds,
               "at 0xfffffffffffffff0");
  expectSilent({"ld.global.b32 %r0, [%in+4092];\n"
                "st.global.b32 [%lout], %r0;"});
  // The report is about the lane that is wrong.
  EXPECT_EQ(
      runKernel({"mul.wide.u32 %d0, %thread, 256;\nadd.u64 %d0, %d0, %in;\n"
                 "ld.global.b32 %r0, [%d0];"})
          .reports[0]
          .lane,
      16);
}

TEST(Memory, WithoutTheCheckOfBoundsNearMissesGoOn) {
  PtxKernel near{"ld.global.b32 %r0, [%in+4096];\n"
                 "st.global.b32 [%lout], %r0;\nst.global.b32 [%out+-4], 1;"};
  near.options.bounds = false;
  near.options.race = false;
  Outcome outcome = runKernel(near);
  EXPECT_TRUE(outcome.reports.empty()) << outcome.str();
  EXPECT_EQ(outcome.word(0), 0xffffffffu);
  // Others cannot be executed.
  PtxKernel far{"mov.b64 %d0, 0;\nld.global.b32 %r0, [%d0];"};
  far.options.bounds = false;
  EXPECT_TRUE(runKernel(far).has(ReportKind::bounds));
}

TEST(Memory, Alignment) {
  expectReport({"ld.global.b32 %r0, [%lin+2];"}, ReportKind::alignment,
               "which is not a multiple of 4");
  expectReport({"st.global.v4.b32 [%lout+8], {%thread, %thread, %thread, "
                "%thread};"},
               ReportKind::alignment, "which is not a multiple of 16");
  expectReport({"atom.global.add.u64 %d0, [%lin+4], 1;"}, ReportKind::alignment,
               "modifies 8 bytes");
}

//===----------------------------------------------------------------------===//
// Bytes that nothing has written, constants
//===----------------------------------------------------------------------===//

TEST(Memory, UninitializedBytes) {
  expectReport({"ld.global.b32 %r0, [%lout];"}, ReportKind::uninitialized,
               "reads 4 bytes at offset 0 of 'out', which nothing has written");
  expectReport({"st.global.b16 [%lout], %thread;\nld.global.b32 %r0, [%lout];"},
               ReportKind::uninitialized, "offset 0 of 'out'");
  expectSilent({"st.global.b32 [%lout], %thread;\nld.global.b32 %r0, [%lout];"
                "\nld.global.b32 %r0, [%lin];"});
  expectReport({"red.global.add.u32 [%lout], 1;"}, ReportKind::uninitialized,
               "");
  PtxKernel off{"ld.global.b32 %r0, [%lout];"};
  off.options.uninitialized = false;
  expectSilent(off);
}

TEST(Memory, ConstantsAreNotWritten) {
  PtxKernel write{"mov.b64 %d0, constant_;\nst.global.b32 [%d0], 1;"};
  write.threads = 1;
  expectReport(write, ReportKind::bounds,
               "writes 'constant_', which is constant");
  Outcome outcome = runKernel({"ld.const.v4.b32 {%r0, %r1, %r2, %r3}, "
                               "[constant_];\n"
                               "st.global.v4.b32 [%lout], {%r0, %r1, %r2, "
                               "%r3};"});
  EXPECT_TRUE(outcome.reports.empty()) << outcome.str();
  EXPECT_EQ(outcome.word(4), 11u);
  EXPECT_EQ(outcome.word(7), 44u);
}

TEST(Memory, ParametersAndLocalMemoryHaveBounds) {
  expectReport({"ld.param.b32 %r0, [block+32];"}, ReportKind::bounds,
               "reads 4 bytes at 48 of the kernel parameters, which have 48 "
               "bytes");
  expectReport({"st.local.b32 [local_+64], %thread;"}, ReportKind::bounds,
               "writes 4 bytes at 64 of local memory, of which the kernel has "
               "64 bytes");
  Outcome outcome =
      runKernel({"ld.param.b16 %h0, [block+30];\n"
                 "st.local.b32 [local_+60], %thread;\n"
                 "mov.b64 %d0, local_;\ncvta.local.u64 %d1, %d0;\n"
                 "ld.b32 %r0, [%d1+60];\nld.local.b32 %r1, [%d0+60];\n"
                 "mov.b32 %r2, {%h0, %h0};\n"
                 "st.global.v4.b32 [%lout], {%r0, %r1, %r2, %r2};"});
  EXPECT_TRUE(outcome.reports.empty()) << outcome.str();
  EXPECT_EQ(outcome.word(4 * 7), 7u);
  EXPECT_EQ(outcome.word(4 * 7 + 1), 7u);
  EXPECT_EQ(outcome.word(4 * 7 + 2), 0x07070707u);
}

//===----------------------------------------------------------------------===//
// Races
//===----------------------------------------------------------------------===//

PtxKernel ctas(const std::string &text, uint32_t count = 2,
               uint32_t threads = 32) {
  PtxKernel kernel{text};
  kernel.ctas = count;
  kernel.threads = threads;
  kernel.options.uninitialized = false;
  return kernel;
}

const std::string
    // %p0: CTA 0, %p1: CTA 1, the first thread of each.
    firsts = "setp.eq.u32 %p0, %cta, 0;\nsetp.eq.u32 %p1, %cta, 1;\n"
             "setp.eq.and.u32 %p2, %thread, 0, %p0;\n"
             "setp.eq.and.u32 %p3, %thread, 0, %p1;\n",
    write = "st.global.b32 [%out], %thread;\n",
    read = "ld.global.b32 %r0, [%out];\n";

TEST(Memory, CtasAreNotOrdered) {
  expectReport(ctas(firsts + "@%p2 " + write + "@%p3 " + write),
               ReportKind::race,
               "writes 4 bytes at offset 0 of 'out', which CTA (0, 0, 0) has "
               "written in this launch, and no release and acquire");
  expectReport(ctas(firsts + "@%p2 " + write + "@%p3 " + read),
               ReportKind::race, "of warp 0, lane 0 of CTA (0, 0, 0)");
  expectReport(ctas(firsts + "@%p2 " + read + "@%p3 " + write),
               ReportKind::race, "has read");
  expectSilent(ctas(firsts + read + read));
  expectSilent(ctas("st.global.b32 [%lout], %thread;\n"
                    "ld.global.b32 %r0, [%lout];\n"));
  PtxKernel off = ctas(firsts + write + read);
  off.options.race = false;
  expectSilent(off);
}

TEST(Memory, EveryCtaCounts) {
  // CTA 0 and 1 read, in this order, and CTA 2 writes what one of them has
  // read; the other is not forgotten.
  std::string text = "setp.eq.u32 %p0, %cta, 2;\n"
                     "@!%p0 ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%out];\n"
                     "@%p0 " +
                     write;
  expectReport(ctas(text, 3), ReportKind::race, "which other CTAs have read");
}

TEST(Memory, NeighboursAreNoRace) {
  for (int bytes : {1, 2, 4, 8}) {
    std::string type = ".b" + std::to_string(8 * bytes),
                value = bytes == 8 ? "%in" : "%thread";
    // Two CTAs, in turns, read and write elements beside each other.
    const std::string meet = "bar.warp.sync -1;\n";
    std::string text = "shl.b32 %r0, %thread, 1;\nadd.u32 %r0, %r0, %cta;\n"
                       "mul.wide.u32 %d0, %r0, " +
                       std::to_string(bytes) +
                       ";\nadd.u64 %d0, %d0, %out;\n"
                       "ld.global" +
                       type + (bytes == 8 ? " %d1" : " %r1") +
                       ", [%d0];\nst.global" + type + " [%d0], " + value +
                       ";\n";
    expectSilent(ctas(text + text));
    expectReport(ctas(text + "ld.global.v4.b32 {%r4, %r5, %r6, %r7}, [%out];"),
                 ReportKind::race, "reads 16 bytes at offset 0 of 'out'");
    expectReport(ctas(text + "@%lane0 st.global.v4.b32 [%out], "
                             "{%r4, %r4, %r4, %r4};"),
                 ReportKind::race, "writes 16 bytes at offset 0 of 'out'");
    // The same with warps of a CTA.
    std::string warps = text;
    for (size_t at; (at = warps.find("%cta")) != std::string::npos;)
      warps.replace(at, 4, "%warp");
    for (size_t at; (at = warps.find("%r0, %thread")) != std::string::npos;)
      warps.replace(at, 12, "%r0, %lane");
    expectSilent(ctas(warps + warps, 1, 64));
    expectReport(
        ctas(warps + meet + "ld.global.v4.b32 {%r4, %r5, %r6, %r7}, [%out];", 1,
             64),
        ReportKind::race, "which another warp has written, and no barrier");
    // And with lanes.
    expectReport(
        ctas(warps + "ld.global.v4.b32 {%r4, %r5, %r6, %r7}, [%out];", 1, 32),
        ReportKind::race, "which another lane of the warp has written");
    expectSilent(
        ctas(warps + meet + "ld.global.v4.b32 {%r4, %r5, %r6, %r7}, [%out];", 1,
             32));
  }
}

TEST(Memory, ReadersOfParts) {
  // CTA 0 reads one word, CTA 1 all four: then CTA 0 may write none of them,
  // and CTA 1 all but the one.
  std::string text = firsts +
                     "@%p0 ld.global.b32 %r0, [%out];\n"
                     "@%p1 ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%out];\n"
                     "bar.warp.sync -1;\n";
  expectSilent(ctas(text + "@%p3 st.global.v2.b32 [%out+8], {%r0, %r0};\n"
                           "@%p3 st.global.b32 [%out+4], %r0;\n"));
  expectReport(ctas(text + "@%p3 st.global.b32 [%out], %r0;\n"),
               ReportKind::race, "CTA");
}

TEST(Memory, WarpsNeedABarrier) {
  const std::string write = "@%p0 st.global.b32 [%out], %thread;\n",
                    first = "setp.eq.u32 %p0, %thread, 0;\n";
  expectReport(ctas(first + write + "@%warp1 " + read, 1, 64), ReportKind::race,
               "another warp");
  expectSilent(ctas(first + write + "bar.sync 0;\n@%warp1 " + read, 1, 64));
  expectReport(ctas(first + "@%warp1 " + read + write, 1, 64), ReportKind::race,
               "another warp has");
  expectSilent(
      ctas(first + "@%warp1 " + read + "bar.sync 0;\n" + write, 1, 64));
}

TEST(Memory, NonCoherentLoadsAreOfWhatNobodyWrites) {
  const std::string load = "ld.global.nc.b32 %r0, [%lout];\n";
  expectReport({"st.global.b32 [%lout], %thread;\n" + load}, ReportKind::race,
               ".nc is for memory that nothing writes");
  expectReport({"st.global.b8 [%lout+3], %thread;\n"
                "ld.global.b32 %r0, [%lout+4];\n" +
                load},
               ReportKind::race, ".nc is for memory");
  expectSilent({"st.global.b32 [%lout+4], %thread;\n"
                "ld.global.nc.b32 %r0, [%lin];\n"});
}

TEST(Memory, AtomicsAreNoRace) {
  std::string add = "red.global.add.u32 [%out], 1;\n",
              strong = "ld.relaxed.gpu.global.b32 %r0, [%out];\n"
                       "ld.volatile.global.b32 %r0, [%out];\n"
                       "st.relaxed.gpu.global.b32 [%out], 1;\n"
                       "atom.global.cas.b32 %r1, [%out], 1, 2;\n";
  expectSilent(ctas(add + strong + add, 3, 64));
  expectReport(ctas(firsts + "@%p2 " + add + "@%p3 " + read), ReportKind::race,
               "");
  expectReport(ctas(firsts + "@%p2 " + read + "@%p3 " + add), ReportKind::race,
               "");
}

//===----------------------------------------------------------------------===//
// Releases and acquires
//===----------------------------------------------------------------------===//

/// CTA 0 writes data and then, one thread of it, the flag; one thread of CTA 1
/// reads the flag, and all threads of it read the data.
std::string handOver(const std::string &set, const std::string &get) {
  return firsts +
         "@%p0 st.global.b32 [%lout], %thread;\n"
         "bar.sync 0;\n" +
         set + get +
         "bar.sync 0;\n"
         "mul.wide.u32 %d0, %thread, 16;\nadd.u64 %d0, %d0, %out;\n"
         "@%p1 ld.global.b32 %r9, [%d0];\n";
}

TEST(Memory, ReleaseAndAcquireOrderCtas) {
  const std::string flag = "[%out+4000]";
  const std::vector<std::string>
      releases = {"@%p2 st.release.gpu.global.b32 " + flag + ", 1;\n",
                  "@%p2 red.release.gpu.global.add.u32 " + flag + ", 1;\n",
                  "@%p2 atom.acq_rel.gpu.global.add.u32 %r1, " + flag +
                      ", 1;\n",
                  "@%p2 fence.acq_rel.gpu;\n@%p2 st.relaxed.gpu.global.b32 " +
                      flag + ", 1;\n",
                  "@%p2 membar.gl;\n@%p2 atom.global.exch.b32 %r1, " + flag +
                      ", 1;\n",
                  "@%p2 fence.sc.gpu;\n@%p2 st.volatile.global.b32 " + flag +
                      ", 1;\n"},
      acquires = {
          "@%p3 ld.acquire.gpu.global.b32 %r2, " + flag + ";\n",
          "@%p3 atom.acquire.gpu.global.add.u32 %r2, " + flag + ", 0;\n",
          "@%p3 atom.acq_rel.gpu.global.cas.b32 %r2, " + flag + ", 1, 2;\n",
          "@%p3 ld.relaxed.gpu.global.b32 %r2, " + flag +
              ";\n@%p3 fence.acq_rel.gpu;\n",
          "@%p3 ld.volatile.global.b32 %r2, " + flag + ";\n@%p3 membar.gl;\n"};
  for (const std::string &release : releases)
    for (const std::string &acquire : acquires)
      expectSilent(ctas(handOver(release, acquire), 2, 64));
  // One half is not enough.
  const std::string relaxedWrite =
                        "@%p2 st.relaxed.gpu.global.b32 " + flag + ", 1;\n",
                    relaxedRead =
                        "@%p3 ld.relaxed.gpu.global.b32 %r2, " + flag + ";\n";
  for (const std::string &release : releases)
    expectReport(ctas(handOver(release, relaxedRead), 2, 64), ReportKind::race,
                 "no release and acquire order the two");
  for (const std::string &acquire : acquires)
    expectReport(ctas(handOver(relaxedWrite, acquire), 2, 64), ReportKind::race,
                 "no release and acquire order the two");
  // Nor is a fence on the wrong side.
  expectReport(
      ctas(handOver(relaxedWrite + "@%p2 membar.gl;\n", acquires[0]), 2, 64),
      ReportKind::race, "");
  expectReport(
      ctas(handOver(releases[0], "@%p3 membar.gl;\n" + relaxedRead), 2, 64),
      ReportKind::race, "");
  // Another flag says nothing.
  expectReport(ctas(handOver(releases[0], "@%p3 ld.acquire.gpu.global.b32 "
                                          "%r2, [%out+3996];\n"),
                    2, 64),
               ReportKind::race, "");
}

TEST(Memory, TheLastCtaReadsWhatAllHaveWritten) {
  // Each CTA writes its part and counts; the last one reads all parts.
  std::string text =
      "st.global.b32 [%lout], %thread;\nbar.sync 0;\n"
      "setp.eq.u32 %p0, %thread, 0;\n"
      "@%p0 FENCE\n"
      "@%p0 atom.ADD.u32 %r0, [%out+4000], 1;\n"
      "@%p0 AFTER\n"
      "@%p0 st.shared.b32 [%shared], %r0;\n"
      "bar.sync 0;\n"
      "ld.shared.b32 %r0, [%shared];\n"
      "setp.ne.u32 %p1, %r0, COUNT;\n@%p1 ret;\n"
      "mov.u32 %r1, 0;\n"
      "loop:\n"
      "mad.lo.u32 %r2, %r1, 32, %thread;\nmul.wide.u32 %d0, %r2, 16;\n"
      "add.u64 %d0, %d0, %out;\nld.global.b32 %r3, [%d0];\n"
      "add.u32 %r1, %r1, 1;\nsetp.lt.u32 %p2, %r1, 4;\n@%p2 bra loop;\n";
  // The counter begins with what fresh memory holds, 0xfefefefe.
  auto kernel = [&](const std::string &fence, const std::string &add,
                    const std::string &after) {
    std::string result = text;
    auto replace = [&](const std::string &from, const std::string &to) {
      result.replace(result.find(from), from.size(), to);
    };
    replace("FENCE", fence);
    replace("ADD", add);
    replace("AFTER", after);
    replace("COUNT", "0xfefeff01");
    return ctas(result, 4, 32);
  };
  expectSilent(kernel("membar.gl;", "global.add", "membar.gl;"));
  expectSilent(
      kernel("nanosleep.u32 1;", "acq_rel.gpu.global.add", "nanosleep.u32 1;"));
  expectReport(kernel("nanosleep.u32 1;", "global.add", "membar.gl;"),
               ReportKind::race, "CTA");
  expectReport(kernel("membar.gl;", "global.add", "nanosleep.u32 1;"),
               ReportKind::race, "CTA");
}

TEST(Memory, FlagsInSharedMemoryOrderWarps) {
  std::string text = "@%warp0 st.shared.b32 [%lshared+16], %thread;\n"
                     "bar.warp.sync -1;\n"
                     "setp.eq.u32 %p0, %thread, 0;\n"
                     "setp.eq.u32 %p1, %thread, 32;\n";
  std::string data = "bar.warp.sync -1;\n@%warp1 ld.shared.b32 %r1, "
                     "[%shared+64];\n";
  auto two = [](const std::string &text) { return ctas(text, 1, 64); };
  std::string start = "@%lane0 st.volatile.shared.b32 [%shared], 0;\n"
                      "bar.sync 0;\n";
  // Warp 1 waits for the flag.
  auto wait = [](const std::string &load) {
    return "@!%p1 bra done;\nloop:\n" + load +
           "setp.ne.u32 %p2, %r0, 1;\n@%p2 bra loop;\ndone:\n";
  };
  expectSilent(two(start + text +
                   "@%p0 st.release.cta.shared.b32 [%shared], 1;\n" +
                   wait("ld.acquire.cta.shared.b32 %r0, [%shared];\n") + data));
  expectSilent(two(start + text +
                   "@%p0 membar.cta;\n"
                   "@%p0 st.volatile.shared.b32 [%shared], 1;\n" +
                   wait("ld.volatile.shared.b32 %r0, [%shared];\n") +
                   "membar.cta;\n" + data));
  expectReport(two(start + text +
                   "@%p0 st.volatile.shared.b32 [%shared], 1;\n" +
                   wait("ld.volatile.shared.b32 %r0, [%shared];\n") + data),
               ReportKind::race, "no barrier or wait orders");
}

} // namespace
