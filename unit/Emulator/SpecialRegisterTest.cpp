//===- SpecialRegisterTest.cpp - Special registers ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Emulator.h"
#include "runtime/devices/emulator/Memory.h"

#include <gtest/gtest.h>

using namespace attn;
using namespace attn::emulator;

namespace {

/// The block and the grid have three dimensions, and the last warp is not full.
constexpr Dim3 grid{3, 2, 2}, block{5, 3, 3};
constexpr uint32_t threads = 45, ctas = 12;
constexpr uint32_t staticBytes = 100, dynamicBytes = 1000;

std::string kernelOf(const std::string &lines, const std::string &target) {
  return ".version 8.6\n.target " + target + R"(
.address_size 64
.extern .shared .align 16 .b8 dynamic[];
.visible .entry kernel(.param .u64 out)
{
  .shared .align 4 .b8 array[100];
  .reg .pred %p<3>;
  .reg .b32 %r<20>;
  .reg .b64 %d<10>;
  mov.u32 %r10, array;
  mov.u32 %r10, dynamic;
  // The number of the thread in the grid.
  mov.u32 %r0, %ctaid.z;
  mov.u32 %r1, %nctaid.y;
  mov.u32 %r2, %ctaid.y;
  mad.lo.u32 %r0, %r0, %r1, %r2;
  mov.u32 %r1, %nctaid.x;
  mov.u32 %r2, %ctaid.x;
  mad.lo.u32 %r0, %r0, %r1, %r2;
  mov.u32 %r1, %ntid.z;
  mov.u32 %r2, %tid.z;
  mad.lo.u32 %r0, %r0, %r1, %r2;
  mov.u32 %r1, %ntid.y;
  mov.u32 %r2, %tid.y;
  mad.lo.u32 %r0, %r0, %r1, %r2;
  mov.u32 %r1, %ntid.x;
  mov.u32 %r2, %tid.x;
  mad.lo.u32 %r0, %r0, %r1, %r2;
  mul.wide.u32 %d0, %r0, 8;
  ld.param.u64 %d1, [out];
  add.u64 %d1, %d1, %d0;
  mov.b64 %d2, 0;
)" + lines +
         "\n  st.global.b64 [%d1], %d2;\n  ret;\n}\n";
}

/// What the lines leave in %d2, by number of the thread in the grid.
std::vector<uint64_t> valuesOf(const std::string &lines,
                               const std::string &target = "sm_90",
                               uint32_t dynamic = dynamicBytes) {
  auto module = Module::parse(kernelOf(lines, target));
  EXPECT_TRUE(module) << module.error();
  if (!module)
    return {};
  Memory memory;
  auto *out =
      static_cast<uint64_t *>(memory.allocate(8 * threads * ctas, "out"));
  LaunchDimensions dimensions;
  dimensions.grid = grid;
  dimensions.block = block;
  dimensions.dynamicSharedBytes = dynamic;
  auto result =
      launch(*module, "kernel", dimensions, {Argument::of(out)}, memory);
  EXPECT_TRUE(result) << result.error();
  if (!result)
    return {};
  EXPECT_TRUE(result->ok()) << result->reports[0].str();
  return {out, out + threads * ctas};
}

std::vector<uint64_t> registerOf(const std::string &name) {
  return valuesOf("mov.u32 %r3, %" + name + ";\ncvt.u64.u32 %d2, %r3;");
}

/// A value for each thread of each CTA.
void expectValues(
    const std::string &name,
    const std::function<uint64_t(uint32_t cta, uint32_t thread)> &wanted) {
  std::vector<uint64_t> values = registerOf(name);
  for (uint32_t n = 0; n < values.size(); ++n)
    EXPECT_EQ(values[n], wanted(n / threads, n % threads))
        << "%" << name << " of thread " << n % threads << " of CTA "
        << n / threads;
}
void expectValue(const std::string &name, uint64_t wanted) {
  expectValues(name, [=](uint32_t, uint32_t) { return wanted; });
}

TEST(SpecialRegisters, OfThreadsAndCtas) {
  expectValues("tid.x", [](uint32_t, uint32_t t) { return t % 5; });
  expectValues("tid.y", [](uint32_t, uint32_t t) { return t / 5 % 3; });
  expectValues("tid.z", [](uint32_t, uint32_t t) { return t / 15; });
  expectValues("laneid", [](uint32_t, uint32_t t) { return t % 32; });
  expectValues("warpid", [](uint32_t, uint32_t t) { return t / 32; });
  expectValues("ctaid.x", [](uint32_t c, uint32_t) { return c % 3; });
  expectValues("ctaid.y", [](uint32_t c, uint32_t) { return c / 3 % 2; });
  expectValues("ctaid.z", [](uint32_t c, uint32_t) { return c / 6; });
  expectValue("ntid.x", 5);
  expectValue("ntid.y", 3);
  expectValue("ntid.z", 3);
  expectValue("nctaid.x", 3);
  expectValue("nctaid.y", 2);
  expectValue("nctaid.z", 2);
  expectValue("nwarpid", 2);         // 45 threads
  auto mask = [](int from, int to) { // bits, both included
    return [=](uint32_t, uint32_t t) {
      uint64_t bits = 0;
      for (int lane = 0; lane < 32; ++lane)
        if (int at = lane - int(t % 32); at >= from && at <= to)
          bits |= uint64_t(1) << lane;
      return bits;
    };
  };
  expectValues("lanemask_eq", mask(0, 0));
  expectValues("lanemask_le", mask(-32, 0));
  expectValues("lanemask_lt", mask(-32, -1));
  expectValues("lanemask_ge", mask(0, 32));
  expectValues("lanemask_gt", mask(1, 32));
}

TEST(SpecialRegisters, OfTheMachine) {
  // There is one multiprocessor, and the number of the grid is 0.
  expectValue("smid", 0);
  expectValue("nsmid", 1);
  expectValue("gridid", 0);
}

/// Every CTA is a cluster.
TEST(SpecialRegisters, OfClusters) {
  expectValues("clusterid.x", [](uint32_t c, uint32_t) { return c % 3; });
  expectValues("clusterid.y", [](uint32_t c, uint32_t) { return c / 3 % 2; });
  expectValues("clusterid.z", [](uint32_t c, uint32_t) { return c / 6; });
  expectValue("nclusterid.x", 3);
  expectValue("nclusterid.y", 2);
  expectValue("nclusterid.z", 2);
  for (const char *axis : {".x", ".y", ".z"}) {
    expectValue(std::string("cluster_ctaid") + axis, 0);
    expectValue(std::string("cluster_nctaid") + axis, 1);
  }
  expectValue("cluster_ctarank", 0);
  expectValue("cluster_nctarank", 1);
  // A predicate.
  for (uint64_t value : valuesOf("setp.eq.u32 %p1, %r0, %r0;\n"
                                 "mov.pred %p1, %is_explicit_cluster;\n"
                                 "selp.b64 %d2, 1, 2, %p1;"))
    EXPECT_EQ(value, 2u);
  auto module =
      Module::parse(kernelOf("mov.u32 %r3, %is_explicit_cluster;", "sm_90"));
  ASSERT_FALSE(module);
  EXPECT_NE(module.error().find("'%is_explicit_cluster' is a predicate"),
            std::string::npos)
      << module.error();
  module = Module::parse(kernelOf("mov.pred %p0, %smid;", "sm_90"));
  EXPECT_FALSE(module);
}

/// In units of 128 bytes, or 256 before sm_80; the system has 1024 bytes for
/// itself since then.
TEST(SpecialRegisters, SizesOfSharedMemory) {
  auto size = [](const std::string &name, const char *target,
                 uint32_t dynamic) {
    std::vector<uint64_t> values = valuesOf(
        "mov.u32 %r3, %" + name + ";\ncvt.u64.u32 %d2, %r3;", target, dynamic);
    for (uint64_t value : values)
      EXPECT_EQ(value, values[0]);
    return values.empty() ? 0 : values[0];
  };
  EXPECT_EQ(size("dynamic_smem_size", "sm_90", dynamicBytes), 1000u);
  EXPECT_EQ(size("dynamic_smem_size", "sm_90", 0), 0u);
  // 100 bytes, at 112 the dynamic ones.
  EXPECT_EQ(size("total_smem_size", "sm_90", dynamicBytes), 1152u);
  EXPECT_EQ(size("total_smem_size", "sm_90", 0), 128u);
  EXPECT_EQ(size("total_smem_size", "sm_80", 16), 128u);
  EXPECT_EQ(size("total_smem_size", "sm_80", 17), 256u);
  EXPECT_EQ(size("total_smem_size", "sm_75", dynamicBytes), 1280u);
  EXPECT_EQ(size("aggr_smem_size", "sm_90", dynamicBytes), 1152u + 1024);
  EXPECT_EQ(size("aggr_smem_size", "sm_90", 0), 128u + 1024);
}

/// Clocks count the instructions of the launch: they grow, and their halves
/// are of one number.
TEST(SpecialRegisters, Clocks) {
  const std::string difference = "sub.u64 %d2, %d4, %d3;";
  for (const char *name : {"clock64", "globaltimer"})
    for (uint64_t value : valuesOf("mov.u64 %d3, %" + std::string(name) +
                                   ";\nmov.u32 %r3, 1;\n"
                                   "mov.u32 %r3, 2;\nmov.u64 %d4, %" +
                                   name + ";\n" + difference))
      EXPECT_EQ(value, 3u) << name;
  for (const auto &[low, high] :
       {std::pair("clock", "clock_hi"),
        std::pair("globaltimer_lo", "globaltimer_hi")})
    for (uint64_t value : valuesOf("mov.u32 %r3, %" + std::string(low) +
                                   ";\nmov.u32 %r4, %" + high +
                                   ";\nmov.b64 %d3, {%r3, %r4};\n"
                                   "mov.u64 %d4, %clock64;\n" +
                                   difference))
      EXPECT_EQ(value, 3u) << low;
  // Later CTAs come later.
  std::vector<uint64_t> values = valuesOf("mov.u64 %d2, %globaltimer;");
  for (uint32_t cta = 1; cta < ctas && !values.empty(); ++cta)
    EXPECT_GT(values[cta * threads], values[cta * threads - 1]);
}

} // namespace
