//===- CubinTest.cpp - Tests of reading cubins ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Cubins are made by ptxas, and what is read must be what `ptxas -v` prints.
//
//===----------------------------------------------------------------------===//

#include "CubinSupport.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <elf.h>
#include <fstream>
#include <iterator>
#include <regex>

using namespace attn;
using namespace attn::test;

namespace {

const char *const architectures[] = {"sm_80",   "sm_86",   "sm_89",
                                     "sm_90",   "sm_90a",  "sm_100a",
                                     "sm_103a", "sm_120a", "sm_121a"};

/// The number in front of `unit` in what ptxas -v prints; 0 if there is none.
int64_t numberBefore(const std::string &text, const std::string &unit) {
  std::smatch match;
  return std::regex_search(text, match, std::regex("(\\d+) " + unit))
             ? std::stoll(match[1])
             : 0;
}

int64_t count(const CubinKernel &kernel, const std::string &opcode) {
  auto found = kernel.opcodes.find(opcode);
  return found == kernel.opcodes.end() ? 0 : found->second;
}

TEST(Cubin, AgreesWithPtxas) {
  for (const std::string arch : architectures) {
    SCOPED_TRACE(arch);
    PtxasOutput output = assemble(resourceKernels(arch), arch);
    Cubin cubin = read(output.cubin);
    EXPECT_EQ(cubin.architecture, arch);
    ASSERT_EQ(cubin.kernels.size(), 4u);
    for (const CubinKernel &kernel : cubin.kernels) {
      SCOPED_TRACE(kernel.name);
      // ptxas info    : Function properties for spilling
      //     160 bytes stack frame, 164 bytes spill stores, ...
      // ptxas info    : Used 24 registers, used 0 barriers, ...
      size_t begin =
          output.log.find("Function properties for " + kernel.name + "\n");
      ASSERT_NE(begin, std::string::npos) << output.log;
      size_t end = output.log.find('\n', output.log.find("Used ", begin));
      std::string said = output.log.substr(begin, end - begin);
      EXPECT_EQ(kernel.registers, numberBefore(said, "registers")) << said;
      EXPECT_EQ(kernel.stackFrame, numberBefore(said, "bytes stack frame"));
      EXPECT_EQ(kernel.stack,
                numberBefore(said, "bytes cumulative stack size"));
      EXPECT_EQ(kernel.spillStores.bytes,
                numberBefore(said, "bytes spill stores"));
      EXPECT_EQ(kernel.spillLoads.bytes,
                numberBefore(said, "bytes spill loads"));
      EXPECT_EQ(kernel.barriers, numberBefore(said, "barriers"));
      EXPECT_EQ(kernel.sharedMemory, numberBefore(said, "bytes smem"));
      bool isHopper = std::stoi(arch.substr(3)) >= 90;
      EXPECT_EQ(kernel.reservedSharedMemory,
                isHopper && kernel.name == "shared" ? 1024 : 0);
    }
  }
}

TEST(Cubin, TellsSpillsFromArrays) {
  Cubin cubin = read(assemble(resourceKernels("sm_90a"), "sm_90a").cubin);
  for (const CubinKernel &kernel : cubin.kernels) {
    bool isSpilling = kernel.name == "spilling";
    EXPECT_EQ(kernel.spillStores.instructions > 16, isSpilling) << kernel.name;
    EXPECT_EQ(kernel.spillLoads.instructions > 16, isSpilling) << kernel.name;
    if (kernel.name == "calling") {
      // Of the function.
      EXPECT_EQ(count(kernel, "STL"), 2);
      EXPECT_EQ(count(kernel, "LDL"), 1);
    } else {
      EXPECT_EQ(count(kernel, "STL"), kernel.spillStores.instructions);
      EXPECT_EQ(count(kernel, "LDL"), kernel.spillLoads.instructions);
    }
  }
}

TEST(Cubin, Parameters) {
  Cubin cubin = read(assemble(resourceKernels("sm_80"), "sm_80").cubin);
  for (const CubinKernel &kernel : cubin.kernels)
    EXPECT_EQ(kernel.parameters, kernel.name == "nothing"  ? 0
                                 : kernel.name == "shared" ? 24
                                                           : 8)
        << kernel.name;
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

CubinKernel onlyKernelOf(const std::string &lines, const std::string &arch) {
  Cubin cubin = read(assemble(kernelOf(lines, arch), arch).cubin);
  EXPECT_EQ(cubin.kernels.size(), 1u);
  return cubin.kernels.empty() ? CubinKernel() : cubin.kernels[0];
}

constexpr char ampereLines[] = R"(
  cp.async.cg.shared.global [%r31], [%d3], 16;
  cp.async.cg.shared.global [%r31 + 2048], [%d3 + 16], 16;
  cp.async.commit_group;
  cp.async.wait_group 0;
  bar.sync 0;
  ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r0, %r1, %r2, %r3}, [%r31];
  ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%r4, %r5}, [%r31 + 512];
  ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%d3];
  mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f0, %f1, %f2, %f3}, {%r0, %r1, %r2, %r3}, {%r4, %r5}, {%f0, %f1, %f2, %f3};
  mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f0, %f1, %f2, %f3}, {%r3, %r2, %r1, %r0}, {%r5, %r4}, {%f0, %f1, %f2, %f3};
  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f0, %f1, %f2, %f3}, {%r3, %r2, %r1, %r0}, {%r5, %r4}, {%f0, %f1, %f2, %f3};
  ex2.approx.ftz.f32 %f4, %f0;
  shfl.sync.bfly.b32 %r6, %r0, 1, 31, -1;
  st.global.v4.f32 [%d3], {%f0, %f1, %f2, %f4};
  st.shared.u32 [%r31 + 4], %r6;
  atom.global.add.u32 %r7, [%d3 + 4096], %r6;
  st.global.u32 [%d3 + 8], %r7;
)";

TEST(Cubin, CountsInstructionsOfAmpere) {
  for (const char *arch : {"sm_80", "sm_86", "sm_89"}) {
    SCOPED_TRACE(arch);
    CubinKernel kernel = onlyKernelOf(ampereLines, arch);
    EXPECT_EQ(count(kernel, "LDGSTS"), 2);
    EXPECT_EQ(count(kernel, "LDGDEPBAR"), 1);
    EXPECT_EQ(count(kernel, "DEPBAR"), 1);
    EXPECT_EQ(count(kernel, "BAR"), 1);
    EXPECT_EQ(count(kernel, "LDSM"), 2);
    EXPECT_EQ(count(kernel, "HMMA"), 3);
    EXPECT_EQ(count(kernel, "MUFU"), 1);
    EXPECT_EQ(count(kernel, "SHFL"), 1);
    EXPECT_EQ(count(kernel, "LDG"), 1);
    EXPECT_EQ(count(kernel, "STG"), 2);
    EXPECT_EQ(count(kernel, "STS"), 1);
    EXPECT_EQ(count(kernel, "ATOMG"), 1);
    EXPECT_EQ(count(kernel, "EXIT"), 1);
    int64_t sum = 0;
    for (const auto &[name, times] : kernel.opcodes)
      sum += times;
    EXPECT_EQ(sum, kernel.instructions);
  }
}

constexpr char hopperLines[] = R"(
  mbarrier.init.shared.b64 [%r31], 1;
  fence.mbarrier_init.release.cluster;
  fence.proxy.async.shared::cta;
  bar.sync 0;
  elect.sync %r0|%p0, -1;
  @%p0 mbarrier.arrive.expect_tx.shared.b64 _, [%r31], 4096;
  @%p0 cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r31 + 1024], [%d0, {%r30, %r30}], [%r31];
again:
  mbarrier.try_wait.parity.shared.b64 %p1, [%r31], 0;
  @!%p1 bra again;
  @%p0 cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%d0, {%r30, %r30}], [%r31 + 1024];
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group.read 0;
  stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r31 + 2048], {%r0};
)";

constexpr char wgmmaLines[] = R"(
  mov.b64 %d4, {%r31, %r30};
  ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%d3];
  wgmma.fence.sync.aligned;
  wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%f0, %f1, %f2, %f3}, %d4, %d4, 1, 1, 1, 0, 0;
  wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%f0, %f1, %f2, %f3}, %d4, %d4, 1, 1, 1, 0, 0;
  wgmma.mma_async.sync.aligned.m64n8k32.f32.e4m3.e4m3 {%f0, %f1, %f2, %f3}, %d4, %d4, 1, 1, 1;
  wgmma.commit_group.sync.aligned;
  wgmma.wait_group.sync.aligned 0;
  st.global.v4.f32 [%d3], {%f0, %f1, %f2, %f3};
)";

TEST(Cubin, CountsInstructionsOfHopper) {
  CubinKernel kernel =
      onlyKernelOf(std::string(hopperLines) + wgmmaLines, "sm_90a");
  EXPECT_EQ(count(kernel, "UTMALDG"), 1);
  EXPECT_EQ(count(kernel, "UTMASTG"), 1);
  EXPECT_EQ(count(kernel, "STSM"), 1);
  EXPECT_EQ(count(kernel, "HGMMA"), 2);
  EXPECT_EQ(count(kernel, "QGMMA"), 1);
  EXPECT_GE(count(kernel, "SYNCS"), 3);
  EXPECT_GE(count(kernel, "ELECT"), 1);
  EXPECT_GE(count(kernel, "WARPGROUP"), 1);
}

/// What else ordinary kernels consist of.
constexpr char otherLines[] = R"(
  ld.global.v2.f64 {%x0, %x1}, [%d3];
  fma.rn.f64 %x2, %x0, %x1, %x0;
  setp.lt.f64 %p2, %x2, %x1;
  cvt.rn.f32.f64 %f5, %x2;
  cvt.rzi.s32.f32 %r8, %f5;
  cvt.rn.f32.s32 %f6, %r8;
  sqrt.rn.f32 %f7, %f6;
  div.rn.f32 %f8, %f7, %f5;
  lg2.approx.f32 %f9, %f8;
  @%p2 mul.f32 %f9, %f9, %f8;
  mad.lo.s32 %r9, %r8, %r30, 5;
  rem.u32 %r10, %r9, %r30;
  popc.b32 %r11, %r10;
  bfind.u32 %r12, %r11;
  prmt.b32 %r13, %r12, %r9, 0x1234;
  shf.l.wrap.b32 %r14, %r13, %r9, %r10;
  lop3.b32 %r15, %r14, %r13, %r12, 0x5a;
  vote.sync.ballot.b32 %r16, %p2, -1;
  redux.sync.add.s32 %r17, %r16, -1;
  match.any.sync.b32 %r18, %r17, -1;
  dp4a.s32.s32 %r19, %r18, %r17, %r16;
  fma.rn.f16x2 %r20, %r19, %r18, %r17;
  fma.rn.bf16x2 %r21, %r20, %r19, %r18;
  mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%r0, %r1, %r2, %r3}, {%r18, %r19, %r20, %r21}, {%r16, %r17}, {%r0, %r1, %r2, %r3};
  membar.gl;
  bar.red.popc.u32 %r22, 1, 64, %p2;
  atom.shared.cas.b32 %r23, [%r31], %r22, %r21;
  red.global.add.f32 [%d1], %f9;
  nanosleep.u32 20;
  mov.u32 %r24, %clock;
  @%p2 trap;
  st.global.v4.u32 [%d3], {%r0, %r1, %r2, %r3};
  st.global.v2.u32 [%d3 + 16], {%r23, %r24};
)";

TEST(Cubin, KnowsAllInstructions) {
  for (const std::string arch : architectures) {
    SCOPED_TRACE(arch);
    bool isHopper = std::stoi(arch.substr(3)) >= 90;
    std::string lines = std::string(ampereLines) + otherLines;
    if (isHopper)
      lines += hopperLines;
    if (arch == "sm_90a")
      lines += wgmmaLines;
    for (const auto &[name, times] : onlyKernelOf(lines, arch).opcodes)
      EXPECT_NE(name.substr(0, 2), "0x") << name << " " << times << " times";
    Cubin cubin = read(assemble(resourceKernels(arch), arch).cubin);
    for (const CubinKernel &kernel : cubin.kernels)
      for (const auto &[name, times] : kernel.opcodes)
        EXPECT_NE(name.substr(0, 2), "0x")
            << name << " " << times << " times in " << kernel.name;
  }
}

TEST(Cubin, ShowsUnknownInstructionsAsNumbers) {
  std::string cubin = assemble(kernelOf("", "sm_80"), "sm_80").cubin;
  size_t code = offsetOf(cubin, ".text.kernel");
  uint16_t first;
  std::memcpy(&first, cubin.data() + code, sizeof(first));
  first = (first & 0xf000) | 0x0ff;
  std::memcpy(cubin.data() + code, &first, sizeof(first));
  EXPECT_EQ(count(read(cubin).kernels.at(0), "0x0ff"), 1);
}

const CubinKernel &kernelCalled(const Cubin &cubin, const std::string &name) {
  static const CubinKernel none;
  for (const CubinKernel &kernel : cubin.kernels)
    if (kernel.name == name)
      return kernel;
  ADD_FAILURE() << "no kernel " << name;
  return none;
}

// A byte of padding follows the number of barriers.
TEST(Cubin, IgnoresPaddingOfAttributes) {
  Cubin cubin = read(withChange(".nv.info.shared", "\x02\x4c\x06",
                                [](char *padding) { *padding = 1; }));
  EXPECT_EQ(kernelCalled(cubin, "shared").barriers, 6);
}

TEST(Cubin, IgnoresOtherAnnotations) {
  Cubin cubin =
      read(withChange(".nv.info.spilling", "\x04\x55", [](char *annotations) {
        uint16_t size;
        std::memcpy(&size, annotations, sizeof(size));
        for (uint16_t at = 0; at < size; at += 8)
          annotations[2 + at] = 2; // was 1, a spill
      }));
  const CubinKernel &kernel = kernelCalled(cubin, "spilling");
  EXPECT_EQ(kernel.spillStores.instructions, 0);
  EXPECT_EQ(kernel.spillLoads.instructions, 0);
  EXPECT_GT(count(kernel, "STL"), 0);
}

//===----------------------------------------------------------------------===//
// Older files
//===----------------------------------------------------------------------===//

/// Made by ptxas of CUDA 12.9 from `resourceKernels("sm_90a")` in PTX 8.7, with
/// the numbers that it printed. Later ones write another cubin ABI.
TEST(Cubin, ReadsTheOlderAbi) {
  std::ifstream file(ATTN_TEST_INPUTS "/cuda-12.9-sm_90a.cubin",
                     std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(bytes.empty());
  ASSERT_EQ(bytes[EI_ABIVERSION], 7);
  Cubin cubin = read(bytes);
  EXPECT_EQ(cubin.architecture, "sm_90a");
  const struct {
    const char *name;
    int64_t registers, stack, stackFrame, spilled, shared, reserved, barriers,
        parameters;
  } expected[] = {{"nothing", 4, 0, 0, 0, 0, 0, 0, 0},
                  {"shared", 12, 0, 0, 0, 1536, 1024, 6, 24},
                  {"calling", 9, 96, 96, 0, 0, 0, 0, 8},
                  {"spilling", 24, 240, 240, 240, 0, 0, 0, 8}};
  ASSERT_EQ(cubin.kernels.size(), std::size(expected));
  for (const auto &kernel : cubin.kernels) {
    SCOPED_TRACE(kernel.name);
    auto numbers = std::find_if(
        std::begin(expected), std::end(expected),
        [&](const auto &entry) { return entry.name == kernel.name; });
    ASSERT_NE(numbers, std::end(expected));
    EXPECT_EQ(kernel.registers, numbers->registers);
    EXPECT_EQ(kernel.stack, numbers->stack);
    EXPECT_EQ(kernel.stackFrame, numbers->stackFrame);
    EXPECT_EQ(kernel.spillStores.bytes, numbers->spilled);
    EXPECT_EQ(kernel.spillLoads.bytes, numbers->spilled);
    EXPECT_EQ(kernel.sharedMemory, numbers->shared);
    EXPECT_EQ(kernel.reservedSharedMemory, numbers->reserved);
    EXPECT_EQ(kernel.barriers, numbers->barriers);
    EXPECT_EQ(kernel.parameters, numbers->parameters);
  }

  // sm_90 differs from it by a flag.
  bytes[offsetof(Elf64_Ehdr, e_flags) + 1] &= ~0x08;
  EXPECT_EQ(read(bytes).architecture, "sm_90");
}

// CUDA 12 marks code for sm_100a by a flag, CUDA 13 in a section.
TEST(Cubin, ReadsTheOlderMarkOfArchitectures) {
  std::string bytes = assemble(kernelOf("", "sm_100"), "sm_100").cubin;
  EXPECT_EQ(read(bytes).architecture, "sm_100");
  bytes[offsetof(Elf64_Ehdr, e_flags)] |= 0x08;
  EXPECT_EQ(read(bytes).architecture, "sm_100a");
}

} // namespace
