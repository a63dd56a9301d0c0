//===- LaneOrderTest.cpp - Lanes of a warp in global memory ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// As in shared memory, lanes that touch the same bytes need bar.warp.sync.
//
//===----------------------------------------------------------------------===//

#include "PtxKernel.h"

#include <gtest/gtest.h>

using namespace attn::emulator;
using namespace attn::test;

namespace {

const std::string meet = "bar.warp.sync -1;\n",
                  written = "which another lane of the warp has written: "
                            "bar.warp.sync (__syncwarp) is missing",
                  wasRead = "which another lane of the warp has read: "
                            "bar.warp.sync (__syncwarp) is missing";

/// %d0: element `lane + further` of so many bytes, in a ring of 32.
std::string element(int bytes, int further) {
  return "add.u32 %r0, %lane, " + std::to_string(further) +
         ";\nand.b32 %r0, %r0, 31;\nmul.wide.u32 %d0, %r0, " +
         std::to_string(bytes) + ";\nadd.u64 %d0, %d0, %out;\n";
}
std::string load(int bytes) {
  return bytes == 16 ? "ld.global.v4.b32 {%r4, %r5, %r6, %r7}, [%d0];\n"
                     : "ld.global.b" + std::to_string(8 * bytes) +
                           (bytes == 8 ? " %d1" : " %r4") + ", [%d0];\n";
}
std::string store(int bytes) {
  return bytes == 16 ? "st.global.v4.b32 [%d0], {%lane, %lane, %lane, %lane};\n"
                     : "st.global.b" + std::to_string(8 * bytes) + " [%d0], " +
                           (bytes == 8 ? "%in" : "%lane") + ";\n";
}

PtxKernel one(const std::string &text) {
  PtxKernel kernel{text};
  kernel.options.uninitialized = false;
  return kernel;
}

TEST(LaneOrder, ElementsOfAnotherLane) {
  for (int bytes : {1, 2, 4, 8, 16}) {
    const std::string own = element(bytes, 0), next = element(bytes, 1);
    expectSilent(one(own + store(bytes) + load(bytes) + store(bytes)));
    expectReport(one(own + store(bytes) + next + load(bytes)), ReportKind::race,
                 written);
    expectSilent(one(own + store(bytes) + meet + next + load(bytes)));
    expectReport(one(own + load(bytes) + next + store(bytes)), ReportKind::race,
                 wasRead);
    expectSilent(one(own + load(bytes) + meet + next + store(bytes)));
    expectReport(one(own + store(bytes) + next + store(bytes)),
                 ReportKind::race, written);
    // Parts of what the lane itself has written, in another width.
    if (bytes > 1)
      expectSilent(one(own + store(bytes) + load(bytes / 2) + store(bytes / 2) +
                       load(bytes)));
  }
}

TEST(LaneOrder, OneElementOfAllLanes) {
  expectReport(one("st.global.b32 [%out], %lane;\n"), ReportKind::race,
               written);
  expectSilent(one("@%lane0 st.global.b32 [%out], %lane;\n" + meet +
                   "ld.global.b32 %r0, [%out];\n" + meet +
                   "@%lane1 st.global.b32 [%out], %lane;\n"));
  // All have read it, not only the last one.
  expectReport(one("ld.global.b32 %r0, [%out];\n"
                   "@%lane0 st.global.b32 [%out], %lane;\n"),
               ReportKind::race, "several lanes");
  expectSilent(one("ld.global.b32 %r0, [%out];\n"
                   "st.global.b32 [%lout+4], %r0;\n"));
  // Atomics need nothing.
  expectSilent(one("red.global.add.u32 [%out], 1;\n"));
  expectReport(one("red.global.add.u32 [%out], 1;\nld.global.b32 %r0, [%out];"),
               ReportKind::race, written);
}

TEST(LaneOrder, BarriersOfSomeLanes) {
  // Lanes 0 and 1 meet.
  const std::string start = "setp.lt.u32 %p0, %lane, 2;\n",
                    some = "@!%p0 bra a;\nbar.warp.sync 3;\na:\n",
                    set = "@%lane0 st.global.b32 [%out], %lane;\n";
  expectSilent(one(start + set + some + "@%lane1 ld.global.b32 %r0, [%out];"));
  expectReport(one(start + set + some + "@!%p0 ld.global.b32 %r0, [%out];"),
               ReportKind::race, written);
  expectSilent(one(start + "@%p0 ld.global.b32 %r0, [%out];\n" + some + set));
}

TEST(LaneOrder, ReleasesAndAcquires) {
  const std::string data = "@%lane0 st.global.b32 [%out], %lane;\n",
                    use = "@%lane1 ld.global.b32 %r0, [%out];\n";
  auto flag = [&](const std::string &give, const std::string &take) {
    return one(data + "@%lane0 " + give + "@%lane1 " + take + use);
  };
  expectSilent(flag("st.release.gpu.global.b32 [%out+64], 1;\n",
                    "ld.acquire.gpu.global.b32 %r1, [%out+64];\n"));
  expectSilent(flag("st.release.cta.global.b32 [%out+64], 1;\n",
                    "ld.acquire.cta.global.b32 %r1, [%out+64];\n"));
  expectSilent(flag("membar.cta;\n@%lane0 st.volatile.global.b32 [%out+64], "
                    "1;\n",
                    "ld.volatile.global.b32 %r1, [%out+64];\n"
                    "@%lane1 membar.cta;\n"));
  expectReport(flag("st.relaxed.gpu.global.b32 [%out+64], 1;\n",
                    "ld.acquire.gpu.global.b32 %r1, [%out+64];\n"),
               ReportKind::race, written);
}

} // namespace
