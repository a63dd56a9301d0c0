//===- BulkTest.cpp - cp.async.bulk and cp.reduce.async.bulk --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Exact.h"
#include "PtxRunner.h"
#include "TestKernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

using namespace attn::emulator;
using namespace attn::test;

namespace {

std::vector<uint8_t> randomBytes(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes(count);
  for (uint8_t &byte : bytes)
    byte = static_cast<uint8_t>(random());
  return bytes;
}

/// Thread 0 copies 1024 bytes of buffer 0 to shared memory, all threads wait
/// and copy them on to buffer 1.
TestKernel loadKernel(const std::string &copy) {
  TestKernel kernel;
  kernel.buffers = {randomBytes(1024, 1), std::vector<uint8_t>(1024)};
  kernel.body = R"(
    mov.u32 %r0, shared;
    add.u32 %r1, %r0, 2048;
    @%is0 mbarrier.init.shared.b64 [%r1], 1;
    @%is0 fence.mbarrier_init.release.cluster;
    bar.sync 0;
    @!%is0 bra wait;
    mbarrier.arrive.expect_tx.shared.b64 _, [%r1], 1024;
)" + copy + R"(
wait:
    mbarrier.try_wait.parity.shared.b64 %p9, [%r1], 0;
    @!%p9 bra wait;
    shl.b32 %r2, %thread, 3;
    add.u32 %r3, %r0, %r2;
    mul.wide.u32 %d1, %thread, 8;
    add.u64 %d1, %b1, %d1;
    ld.shared.b64 %d2, [%r3];
    st.global.b64 [%d1], %d2;
)";
  return kernel;
}

/// All threads write buffer 1 to shared memory, and thread 0 copies.
TestKernel storeKernel(const std::string &copy) {
  TestKernel kernel;
  kernel.buffers = {randomBytes(1024, 1), randomBytes(1024, 2)};
  kernel.body = R"(
    mov.u32 %r0, shared;
    shl.b32 %r2, %thread, 3;
    add.u32 %r3, %r0, %r2;
    mul.wide.u32 %d1, %thread, 8;
    add.u64 %d1, %b1, %d1;
    ld.global.b64 %d2, [%d1];
    st.shared.b64 [%r3], %d2;
    fence.proxy.async;
    bar.sync 0;
    mov.u32 %r4, 1024;
    mov.b64 %d9, 0;
    @!%is0 bra done;
)" + copy;
  return kernel;
}

const std::string finish =
    "cp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\n";

TEST(Bulk, Loads) {
  for (const char *copy :
       {"cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
        "[%r0], [%b0], 1024, [%r1];",
        "mov.u32 %r9, 1024; mov.b64 %d9, 0; "
        "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes"
        ".L2::cache_hint [%r0], [%b0], %r9, [%r1], %d9;",
        "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes "
        "[%r0+512], [%b0+512], 512, [shared+2048]; "
        "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes "
        "[shared], [%b0], 512, [%r1];"}) {
    TestKernel kernel = loadKernel(copy);
    const std::vector<uint8_t> source = kernel.buffers[0];
    expectSilent(kernel);
    EXPECT_TRUE(kernel.buffers[1] == source) << copy;
  }
}

TEST(Bulk, Stores) {
  for (const char *copy :
       {"cp.async.bulk.global.shared::cta.bulk_group [%b0], [%r0], 1024;",
        "cp.async.bulk.global.shared::cta.bulk_group.L2::cache_hint [%b0], "
        "[%r0], %r4, %d9;",
        "cp.async.bulk.global.shared::cta.bulk_group [%b0+512], [%r0+512], "
        "512; cp.async.bulk.global.shared::cta.bulk_group [%b0], [shared], "
        "512;"}) {
    TestKernel kernel = storeKernel(copy + ("\n" + finish));
    const std::vector<uint8_t> source = kernel.buffers[1];
    expectSilent(kernel);
    EXPECT_TRUE(kernel.buffers[0] == source) << copy;
  }
  // Prefetching changes nothing.
  expectSilent(storeKernel("cp.async.bulk.prefetch.L2.global [%b0], 1024;\n"
                           "cp.async.bulk.prefetch.L2.global.L2::cache_hint "
                           "[%b0], %r4, %d9;\n"));
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

template <typename T>
T loaded(const std::vector<uint8_t> &bytes, size_t n) {
  T value;
  std::memcpy(&value, &bytes[n * sizeof(T)], sizeof(T));
  return value;
}

/// global = combine(global, shared), for elements of type T, with and without a
/// hint.
template <typename T, typename Combine>
void checkReduction(
    const std::string &operation, Combine combine,
    const std::function<void(std::vector<uint8_t> &)> &prepare = {}) {
  for (const std::string hint : {"", ".L2::cache_hint"}) {
    SCOPED_TRACE(operation + hint);
    TestKernel kernel =
        storeKernel("cp.reduce.async.bulk.global.shared::cta.bulk_group" +
                    hint + operation + " [%b0], [%r0], %r4" +
                    (hint.empty() ? "" : ", %d9") + ";\n" + finish);
    if (prepare)
      for (auto &buffer : kernel.buffers)
        prepare(buffer);
    const std::vector<uint8_t> global = kernel.buffers[0],
                               shared = kernel.buffers[1];
    auto result = run(kernel);
    ASSERT_TRUE(result) << result.error();
    ASSERT_TRUE(result->ok()) << result->reports[0].str();
    unsigned wrong = 0;
    for (size_t n = 0; n < 1024 / sizeof(T); ++n) {
      T wanted = combine(loaded<T>(global, n), loaded<T>(shared, n));
      T got = loaded<T>(kernel.buffers[0], n);
      wrong += std::memcmp(&wanted, &got, sizeof(T)) != 0;
    }
    EXPECT_EQ(wrong, 0u);
  }
}

TEST(BulkReductions, Integers) {
  auto add = [](auto a, auto b) { return decltype(a)(a + b); };
  auto min = [](auto a, auto b) { return std::min(a, b); };
  auto max = [](auto a, auto b) { return std::max(a, b); };
  checkReduction<uint32_t>(".add.u32", add);
  checkReduction<uint32_t>(".add.s32", add);
  checkReduction<uint64_t>(".add.u64", add);
  checkReduction<uint32_t>(".min.u32", min);
  checkReduction<int32_t>(".min.s32", min);
  checkReduction<uint64_t>(".min.u64", min);
  checkReduction<int64_t>(".min.s64", min);
  checkReduction<uint32_t>(".max.u32", max);
  checkReduction<int32_t>(".max.s32", max);
  checkReduction<uint64_t>(".max.u64", max);
  checkReduction<int64_t>(".max.s64", max);
  auto bitAnd = [](auto a, auto b) { return decltype(a)(a & b); };
  auto bitOr = [](auto a, auto b) { return decltype(a)(a | b); };
  auto bitXor = [](auto a, auto b) { return decltype(a)(a ^ b); };
  checkReduction<uint32_t>(".and.b32", bitAnd);
  checkReduction<uint64_t>(".and.b64", bitAnd);
  checkReduction<uint32_t>(".or.b32", bitOr);
  checkReduction<uint64_t>(".or.b64", bitOr);
  checkReduction<uint32_t>(".xor.b32", bitXor);
  checkReduction<uint64_t>(".xor.b64", bitXor);
  // Counters that wrap: with small numbers all cases occur.
  auto makeSmall = [](std::vector<uint8_t> &bytes) {
    for (size_t n = 0; n < bytes.size(); ++n)
      bytes[n] = n % 4 ? 0 : bytes[n] % 3;
  };
  checkReduction<uint32_t>(
      ".inc.u32", [](uint32_t a, uint32_t b) { return a >= b ? 0 : a + 1; },
      makeSmall);
  checkReduction<uint32_t>(
      ".dec.u32",
      [](uint32_t a, uint32_t b) { return a == 0 || a > b ? b : a - 1; },
      makeSmall);
}

/// Every element becomes an edge of the format; which, is up to its bits and to
/// `round`.
template <typename T>
void makeEdges(std::vector<uint8_t> &bytes, const Column &edges,
               unsigned round) {
  for (size_t n = 0; n < bytes.size(); n += sizeof(T)) {
    T value = loaded<T>(bytes, n / sizeof(T));
    value = static_cast<T>(edges[(value % 8191 + round * 17) % edges.size()]);
    std::memcpy(&bytes[n], &value, sizeof(T));
  }
}

/// Any bits, and many pairs of edges.
template <typename T, typename Combine>
void checkFloats(const std::string &operation, const Column &edges,
                 Combine combine) {
  checkReduction<T>(operation, combine);
  for (unsigned round = 0; round < 10; ++round)
    checkReduction<T>(operation, combine, [&](std::vector<uint8_t> &bytes) {
      makeEdges<T>(bytes, edges, round * (1 + bytes[0] % 7));
    });
}

/// Subnormal numbers of f32 are zeros, before and after.
TEST(BulkReductions, FloatingPoint) {
  auto flushed = [](uint64_t bits) {
    return layoutF32.isSubnormal(bits) ? bits & layoutF32.sign() : bits;
  };
  checkFloats<uint32_t>(".add.f32", f32Edges(), [=](uint64_t a, uint64_t b) {
    return uint32_t(flushed(sumOf(layoutF32, flushed(a), flushed(b))));
  });
  // Without NaN, whose bits are any.
  Column numbers;
  for (uint64_t bits : f64Edges())
    if (std::isfinite(f64(bits)))
      numbers.push_back(bits);
  checkFloats<uint64_t>(".add.f64", numbers, [](uint64_t a, uint64_t b) {
    double sum = f64(a) + f64(b);
    return std::isnan(sum) ? uint64_t(0) : bits(sum);
  });
}

TEST(BulkReductions, HalfPrecision) {
  for (bool isBrain : {false, true}) {
    const std::string type = isBrain ? ".bf16" : ".f16";
    const FloatLayout layout = isBrain ? layoutBF16 : layoutF16;
    const Column edges = isBrain ? bf16Edges() : f16Edges();
    for (bool isMax : {false, true})
      checkFloats<uint16_t>((isMax ? ".max" : ".min") + type, edges,
                            [=](uint64_t a, uint64_t b) {
                              return uint16_t(extremeOf(layout, a, b, isMax));
                            });
    checkFloats<uint16_t>(
        ".add.noftz" + type, edges,
        [=](uint64_t a, uint64_t b) { return uint16_t(sumOf(layout, a, b)); });
  }
}

TEST(BulkReductions, OfSeveralThreadsDoNotRace) {
  TestKernel kernel = storeKernel("");
  kernel.body.erase(kernel.body.find("@!%is0 bra done;"));
  kernel.body += "setp.lt.u32 %p1, %thread, 40;\n@!%p1 bra done;\n"
                 "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 "
                 "[%b0], [%r0], 64;\n" +
                 finish;
  const std::vector<uint32_t> before = wordsOf(kernel.buffers[0]),
                              added = wordsOf(kernel.buffers[1]);
  expectSilent(kernel);
  const std::vector<uint32_t> after = wordsOf(kernel.buffers[0]);
  for (size_t n = 0; n < after.size(); ++n)
    EXPECT_EQ(after[n], before[n] + (n < 16 ? 40 * added[n] : 0));
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

TEST(Bulk, GroupsAreWaitedForInOrder) {
  const std::string copies =
      "cp.async.bulk.global.shared::cta.bulk_group [%b0], [%r0], 512;\n"
      "cp.async.bulk.commit_group;\n"
      "cp.async.bulk.global.shared::cta.bulk_group [%b0+512], [%r0+512], 512;\n"
      "cp.async.bulk.commit_group;\n";
  const std::string first = "st.shared.u32 [%r0], %r0;\n",
                    second = "st.shared.u32 [%r0+512], %r0;\n",
                    end = "cp.async.bulk.wait_group 0;\n";
  expectSilent(storeKernel(copies + "cp.async.bulk.wait_group.read 1;\n" +
                           first + end + second));
  expectReport(
      storeKernel(copies + "cp.async.bulk.wait_group.read 1;\n" + second + end),
      ReportKind::race, "may still read");
  expectReport(
      storeKernel(copies + "cp.async.bulk.wait_group.read 2;\n" + first + end),
      ReportKind::race, "may still read");
  // An empty group counts.
  expectReport(storeKernel(copies + "cp.async.bulk.commit_group;\n" +
                           "cp.async.bulk.wait_group.read 2;\n" + second + end),
               ReportKind::race, "may still read");
}

TEST(Bulk, GroupsBelongToThreads) {
  // Thread 1 does not wait for what thread 0 has issued.
  const std::string body = R"(
    @%is0 cp.async.bulk.global.shared::cta.bulk_group [%b0], [%r0], 512;
    @%is0 cp.async.bulk.commit_group;
    setp.eq.u32 %p1, %thread, )";
  auto kernelOf = [&](const std::string &waiter) {
    TestKernel kernel = storeKernel("");
    kernel.body.erase(kernel.body.find("@!%is0 bra done;"));
    kernel.body += body + waiter +
                   ";\n@%p1 cp.async.bulk.wait_group.read 0;\n"
                   "bar.sync 0;\n"
                   "setp.eq.u32 %p1, %thread, 64;\n"
                   "@%p1 st.shared.u32 [%r0], %r0;\n"
                   "@%is0 cp.async.bulk.wait_group 0;\n";
    return kernel;
  };
  expectSilent(kernelOf("0"));
  expectReport(kernelOf("1"), ReportKind::race, "may still read");
}

//===----------------------------------------------------------------------===//
// Mistakes
//===----------------------------------------------------------------------===//

std::string load(const std::string &operands) {
  return "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes " +
         operands + ";\n";
}
std::string store(const std::string &operands) {
  return "cp.async.bulk.global.shared::cta.bulk_group " + operands + ";\n" +
         finish;
}

TEST(BulkChecks, Alignment) {
  expectReport(loadKernel(load("[%r0+8], [%b0], 1024, [%r1]")),
               ReportKind::alignment, "the address in shared memory");
  expectReport(loadKernel(load("[%r0], [%b0+8], 1008, [%r1]")),
               ReportKind::alignment, "the address in global memory");
  expectReport(loadKernel(load("[%r0], [%b0], 1000, [%r1]")),
               ReportKind::alignment, "the number of bytes is 0x3e8");
  expectReport(loadKernel(load("[%r0], [%b0], 1024, [%r1+4]")),
               ReportKind::alignment, "multiple of 8");
  expectReport(storeKernel(store("[%b0+8], [%r0], 16")), ReportKind::alignment,
               "the address in global memory");
}

TEST(BulkChecks, Bounds) {
  expectReport(loadKernel(load("[%r0], [%b0+16], 1024, [%r1]")),
               ReportKind::bounds, "the end of 'buffer0'");
  expectReport(loadKernel(load("[%r0+3584], [%b0], 1024, [%r1]")),
               ReportKind::bounds, "of shared memory");
  expectReport(storeKernel(store("[%b0+512], [%r0], 528")), ReportKind::bounds,
               "the end of 'buffer0'");
}

TEST(BulkChecks, UninitializedData) {
  expectReport(storeKernel(store("[%b0], [%r0+2048], 64")),
               ReportKind::uninitialized, "nothing has written");
}

TEST(BulkChecks, Mbarriers) {
  expectReport(loadKernel(load("[%r0], [%b0], 1024, [%r1+8]")),
               ReportKind::mbarrier, "there is no mbarrier at 0xc08");
  // Onto the mbarrier itself.
  expectAmongReports(loadKernel(load("[%r0+1040], [%b0], 1024, [%r1]")),
                     ReportKind::mbarrier, "where there is an mbarrier");
}

TEST(BulkChecks, TwoCopiesToOnePlace) {
  expectAmongReports(loadKernel(load("[%r0], [%b0], 512, [%r1]") +
                                load("[%r0], [%b0+512], 512, [%r1]")),
                     ReportKind::race, "");
}

TEST(BulkChecks, DataIsThereAfterTheWaitOnly) {
  TestKernel kernel = loadKernel(load("[%r0], [%b0], 1024, [%r1]") +
                                 "ld.shared.u32 %r8, [%r0+1020];\n");
  expectAmongReports(kernel, ReportKind::race, "");
  kernel.options.async = AsyncMode::lazy;
  kernel = loadKernel(load("[%r0], [%b0], 1024, [%r1]"));
  kernel.body.replace(kernel.body.find("[%r1], 1024"), 11, "[%r1], 1008");
  expectAnyReport(kernel);
}

} // namespace
