//===- TensorCopyChecksTest.cpp - Mistakes in copies of tensors -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorCopySupport.h"

#include <gtest/gtest.h>

using namespace attn::emulator;
using namespace attn::test;
using namespace attn::test::tensor;
using attn::emulator::bytesOf;

namespace {

Copy usualCopy() {
  return copyOf(TensorMapType::bf16, {64, 40}, {64, 8}, {0, 4},
                TensorMapSwizzle::of128Bytes);
}

/// Replaces text that must be there.
void replace(std::string &text, const std::string &from,
             const std::string &to) {
  size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

TEST(TensorCopyChecks, WhatIsUsualIsSilent) {
  expectSilent(loadKernel(usualCopy()));
  expectSilent(storeKernel(usualCopy(), ""));
  expectSilent(storeKernel(
      copyOf(TensorMapType::bf16, {64, 40}, {64, 8}, {0, 4}), ".add"));
}

TEST(TensorCopyChecks, Maps) {
  TestKernel kernel = loadKernel(usualCopy());
  kernel.prepare = nullptr; // all zero
  expectReport(kernel, ReportKind::descriptor, "tensor map");
  kernel = loadKernel(usualCopy());
  replace(kernel.body, "cp.async.bulk.tensor.2d", "cp.async.bulk.tensor.3d");
  replace(kernel.body, "{0, 4}", "{0, 4, 0}");
  expectReport(kernel, ReportKind::descriptor,
               "the copy is of 3 dimensions, and the tensor map has 2");
  kernel = loadKernel(usualCopy());
  replace(kernel.body, "[%m0,", "[%d7,");
  kernel.body = "add.u64 %d7, %m0, 16;\n" + kernel.body;
  expectReport(kernel, ReportKind::descriptor, "multiple of 64");
  // A copy of the map in local memory.
  kernel = loadKernel(usualCopy());
  replace(kernel.body, "[%m0,", "[%d7,");
  kernel.body = ".local .align 64 .b8 map[128];\nmov.b64 %d7, map;\n"
                "cvta.local.u64 %d7, %d7;\n" +
                kernel.body;
  expectReport(kernel, ReportKind::descriptor, "address of local memory");
  // Interleaved tensors are refused.
  Copy interleaved =
      copyOf(TensorMapType::u8, {16, 9, 5}, {16, 8, 2}, {0, 0, 0});
  interleaved.map.interleave = TensorMapInterleave::of16Bytes;
  expectReport(loadKernel(interleaved), ReportKind::descriptor,
               "interleaved tensors are not emulated");
}

TEST(TensorCopyChecks, Alignment) {
  Copy copy = usualCopy();
  copy.sharedOffset = 128;
  expectReport(loadKernel(copy), ReportKind::alignment,
               "not a multiple of 1024");
  copy.map.swizzle = TensorMapSwizzle::none;
  expectSilent(loadKernel(copy));
  copy.sharedOffset = 64;
  expectReport(loadKernel(copy), ReportKind::alignment,
               "not a multiple of 128");
}

TEST(TensorCopyChecks, Bounds) {
  Copy copy = usualCopy();
  TestKernel kernel = loadKernel(copy);
  kernel.buffers[0].resize(11 * 128); // rows 4 to 11 are read
  expectReport(kernel, ReportKind::bounds, "in no allocation");
  kernel = storeKernel(copy, "");
  kernel.buffers[0].resize(11 * 128);
  expectReport(kernel, ReportKind::bounds, "in no allocation");
  kernel = loadKernel(copy);
  kernel.sharedBytes = 1024;
  replace(kernel.body, "add.u32 %r1, %r0, 1024;", "mov.u32 %r1, %r0;");
  expectAmongReports(kernel, ReportKind::mbarrier,
                     "where there is an mbarrier");
  kernel = loadKernel(copy);
  replace(kernel.body, "[%r0+0]", "[%r0+1024]");
  expectReport(kernel, ReportKind::bounds, "of shared memory");
}

TEST(TensorCopyChecks, BytesThatAreExpected) {
  // Too many: nobody ever goes on.
  TestKernel kernel = loadKernel(usualCopy());
  replace(kernel.body, "[%r1], 1024;", "[%r1], 1152;");
  expectReport(kernel, ReportKind::deadlock, "nothing can go on");
  // Too few: the phase ends before all bytes are there.
  for (const char *bytes : {"896", "512", "128"}) {
    kernel = loadKernel(usualCopy());
    replace(kernel.body, "[%r1], 1024;", std::string("[%r1], ") + bytes + ";");
    kernel.body += copyShared(1024, false);
    expectAnyReport(kernel);
  }
  // Bytes of elements outside of the tensor count, too.
  Copy outside = usualCopy();
  outside.origin = {32, 38};
  expectSilent(loadKernel(outside));
}

TEST(TensorCopyChecks, CopiesThatNobodyWaitsFor) {
  TestKernel kernel = loadKernel(usualCopy());
  replace(kernel.body, waitForCopy, "wait:\n");
  expectReport(kernel, ReportKind::pending, "nobody has waited for");
  replace(kernel.body, "wait:\n", "wait:\nld.shared.u32 %r9, [%r0];\n");
  expectAmongReports(kernel, ReportKind::race, "");
  kernel = storeKernel(usualCopy(), "");
  replace(kernel.body, "cp.async.bulk.wait_group 0;\n", "");
  expectReport(kernel, ReportKind::pending, "wait_group.read is missing");
  replace(kernel.body, "cp.async.bulk.commit_group;\n", "");
  expectReport(kernel, ReportKind::pending, "commit_group is missing");
}

TEST(TensorCopyChecks, Fences) {
  TestKernel kernel = loadKernel(usualCopy());
  replace(kernel.body, "@%is0 fence.mbarrier_init.release.cluster;\n", "");
  expectReport(kernel, ReportKind::proxyRace, "fence.mbarrier_init");
  for (const char *fence :
       {"fence.proxy.async;\n", "@%is0 fence.proxy.async;\n"}) {
    TestKernel fenced = kernel;
    replace(fenced.body, "bar.sync 0;\n", fence + std::string("bar.sync 0;\n"));
    expectSilent(fenced);
  }
  kernel = storeKernel(usualCopy(), "");
  replace(kernel.body, "fence.proxy.async.shared::cta;\n", "");
  expectReport(kernel, ReportKind::proxyRace, "fence.proxy.async is missing");
  kernel = storeKernel(usualCopy(), "");
  replace(kernel.body, "bar.sync 0;\n", "");
  expectAmongReports(kernel, ReportKind::race, "");
}

TEST(TensorCopyChecks, WritesBeforeTheCopyHasRead) {
  const std::string write = "st.shared.u32 [%r0], %r0;\n";
  TestKernel kernel = storeKernel(usualCopy(), "");
  replace(kernel.body, "cp.async.bulk.wait_group 0;\n",
          write + "cp.async.bulk.wait_group 0;\n");
  expectReport(kernel, ReportKind::race, "may still read");
  kernel = storeKernel(usualCopy(), "");
  replace(kernel.body, "cp.async.bulk.wait_group 0;\n",
          "cp.async.bulk.wait_group.read 0;\n" + write);
  expectSilent(kernel);
}

TEST(TensorCopyChecks, LoadsOverDataThatIsStillRead) {
  // All threads read; thread 0 loads again, with and without a barrier.
  for (bool hasBarrier : {true, false}) {
    TestKernel kernel = loadKernel(usualCopy());
    kernel.body +=
        "shl.b32 %r30, %thread, 2;\nadd.u32 %r30, %r0, %r30;\n"
        "ld.shared.u32 %r31, [%r30];\n" +
        std::string(hasBarrier ? "bar.sync 0;\n" : "") +
        "@!%is0 bra again;\n"
        "mbarrier.arrive.expect_tx.shared.b64 _, [%r1], 1024;\n"
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::"
        "bytes [%r0], [%m0, {0, 4}], [%r1];\n"
        "again:\nmbarrier.try_wait.parity.shared.b64 %p9, [%r1], 1;\n"
        "@!%p9 bra again;\n";
    if (hasBarrier)
      expectSilent(kernel);
    else
      expectAmongReports(kernel, ReportKind::race, "");
  }
}

} // namespace
