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

#include "attn/Runtime/Cubin.h"

#include "Ptxas.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <random>
#include <regex>

using namespace attn;
using namespace attn::test;

namespace {

const char *const architectures[] = {"sm_80",   "sm_86",   "sm_89",
                                     "sm_90",   "sm_90a",  "sm_100a",
                                     "sm_103a", "sm_120a", "sm_121a"};

std::string headOf(const std::string &arch) {
  return ".version 9.0\n.target " + arch + "\n.address_size 64\n";
}

/// Kernels without anything, with shared memory and barriers, with a function,
/// with an array in local memory, and with so few registers that most of 64
/// values are put aside.
std::string resourceKernels(const std::string &arch) {
  std::string text = headOf(arch) + R"(
.visible .entry nothing() { ret; }

.visible .entry shared(.param .u64 in, .param .u32 n, .param .u64 out)
{
  .shared .align 16 .b8 tile[1536];
  .reg .b32 %r<8>;
  .reg .b64 %d<8>;
  ld.param.u64 %d0, [in];
  mov.u32 %r0, %tid.x;
  mul.wide.u32 %d1, %r0, 4;
  add.s64 %d2, %d0, %d1;
  ld.global.u32 %r1, [%d2];
  mov.u32 %r2, tile;
  shl.b32 %r3, %r0, 2;
  add.s32 %r4, %r2, %r3;
  st.shared.u32 [%r4], %r1;
  bar.sync 0;
  bar.sync 5, 64;
  ld.shared.u32 %r5, [tile + 128];
  ld.param.u64 %d3, [out];
  st.global.u32 [%d3], %r5;
  ret;
}

.func (.reg .b32 %result) callee(.reg .b32 %r0)
{
  .local .align 16 .b8 array[96];
  .reg .b32 %r<8>;
  .reg .b64 %d<8>;
  mov.u64 %d1, array;
  mul.wide.u32 %d2, %r0, 4;
  add.s64 %d3, %d1, %d2;
  st.local.u32 [array], %r0;
  st.local.u32 [%d3], 7;
  ld.local.u32 %result, [array + 16];
  ret;
}

.visible .entry calling(.param .u64 out)
{
  .reg .b32 %r<8>;
  .reg .b64 %d<8>;
  ld.param.u64 %d0, [out];
  ld.global.u32 %r0, [%d0];
  call (%r1), callee, (%r0);
  st.global.u32 [%d0], %r1;
  ret;
}

.visible .entry spilling(.param .u64 in) .maxnreg 24
{
  .reg .b32 %v<64>;
  .reg .b64 %d0;
  ld.param.u64 %d0, [in];
)";
  for (int i = 0; i < 64; ++i)
    text += "  ld.volatile.global.u32 %v" + std::to_string(i) + ", [%d0 + " +
            std::to_string(256 * i) + "];\n";
  for (int i = 63; i >= 0; --i)
    text += "  st.volatile.global.u32 [%d0 + " + std::to_string(4 * i) +
            "], %v" + std::to_string(i * 7 % 64) + ";\n";
  return text + "  ret;\n}\n";
}

PtxasOutput assemble(const std::string &ptx, const std::string &arch,
                     const std::string &options = "-v") {
  auto output = runPtxas(ptx, arch, options);
  EXPECT_TRUE(output) << output.error();
  if (!output)
    return {};
  EXPECT_FALSE(output->cubin.empty()) << output->log;
  return *output;
}

Cubin read(const std::string &bytes) {
  auto cubin = readCubin(bytes, "'test.cubin'");
  EXPECT_TRUE(cubin) << cubin.error();
  return cubin ? *cubin : Cubin();
}

std::string errorOf(const std::string &bytes) {
  auto cubin = readCubin(bytes, "'test.cubin'");
  return cubin ? "" : cubin.error();
}

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

/// A kernel of these lines with some registers.  `shared` is 16 KB.
std::string kernelOf(const std::string &lines, const std::string &arch) {
  return headOf(arch) + R"(
.visible .entry kernel(.param .u64 memory) .maxntid 128
{
  .shared .align 1024 .b8 shared[16384];
  .reg .pred %p<8>;
  .reg .b32 %r<32>;
  .reg .f32 %f<32>;
  .reg .b64 %d<16>;
  .reg .f64 %x<8>;
  ld.param.u64 %d0, [memory];
  cvta.to.global.u64 %d1, %d0;
  mov.u32 %r31, shared;
  mov.u32 %r30, %tid.x;
  mul.wide.u32 %d2, %r30, 16;
  add.s64 %d3, %d1, %d2;
)" + lines +
         "\nret;\n}\n";
}

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

/// Where a section begins in the file.
size_t offsetOf(const std::string &cubin, const std::string &name) {
  Elf64_Ehdr header;
  std::memcpy(&header, cubin.data(), sizeof(header));
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  std::memcpy(sections.data(), cubin.data() + header.e_shoff,
              header.e_shnum * sizeof(Elf64_Shdr));
  for (const Elf64_Shdr &section : sections)
    if (name ==
        cubin.data() + sections[header.e_shstrndx].sh_offset + section.sh_name)
      return section.sh_offset;
  ADD_FAILURE() << "no section " << name;
  return 0;
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

/// The cubin of `resourceKernels` after a change behind the first `mark` in a
/// section.
Cubin withChange(const std::string &section, const std::string &mark,
                 const std::function<void(char *)> &change) {
  std::string bytes = assemble(resourceKernels("sm_90a"), "sm_90a").cubin;
  size_t at = bytes.find(mark, offsetOf(bytes, section));
  EXPECT_NE(at, std::string::npos);
  if (at != std::string::npos)
    change(bytes.data() + at + mark.size());
  return read(bytes);
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
  Cubin cubin = withChange(".nv.info.shared", "\x02\x4c\x06",
                           [](char *padding) { *padding = 1; });
  EXPECT_EQ(kernelCalled(cubin, "shared").barriers, 6);
}

TEST(Cubin, IgnoresOtherAnnotations) {
  Cubin cubin =
      withChange(".nv.info.spilling", "\x04\x55", [](char *annotations) {
        uint16_t size;
        std::memcpy(&size, annotations, sizeof(size));
        for (uint16_t at = 0; at < size; at += 8)
          annotations[2 + at] = 2; // was 1, a spill
      });
  const CubinKernel &kernel = kernelCalled(cubin, "spilling");
  EXPECT_EQ(kernel.spillStores.instructions, 0);
  EXPECT_EQ(kernel.spillLoads.instructions, 0);
  EXPECT_GT(count(kernel, "STL"), 0);
}

//===----------------------------------------------------------------------===//
// Other files
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
}

TEST(Cubin, RefusesOtherFiles) {
  const std::string expected =
      "'test.cubin' is not a cubin: it does not begin as an ELF file; ptxas "
      "and nvrtc write cubins";
  EXPECT_EQ(errorOf(""), expected);
  EXPECT_EQ(errorOf(".version 9.0\n.target sm_80\n"), expected);

  std::ifstream self("/proc/self/exe", std::ios::binary);
  std::string program{std::istreambuf_iterator<char>(self), {}};
  Elf64_Ehdr header;
  std::memcpy(&header, program.data(), sizeof(header));
  EXPECT_EQ(errorOf(program),
            "'test.cubin' is not a cubin: it is an ELF file for machine " +
                std::to_string(header.e_machine) +
                ", and cubins are 64-bit little-endian ELF files for machine "
                "190; ptxas and nvrtc write cubins");

  std::string cubin = assemble(kernelOf("", "sm_80"), "sm_80").cubin;
  std::string other = cubin;
  other[EI_ABIVERSION] = 9;
  EXPECT_EQ(errorOf(other),
            "'test.cubin' has version 9 of the cubin ABI; versions 7 and 8 can "
            "be read, which CUDA 12 and 13 write");
  other = cubin;
  other[offsetof(Elf64_Ehdr, e_flags) + 1] = 61;
  EXPECT_EQ(errorOf(other),
            "'test.cubin' is for sm_61; cubins for sm_70 and newer can be "
            "read");
  other = assemble(kernelOf("", "sm_80"), "sm_80", "-c").cubin;
  EXPECT_EQ(errorOf(other),
            "'test.cubin' is a relocatable cubin, whose kernels are not final; "
            "make it without -c or -rdc");
}

/// Reads from memory of exactly that size, so that AddressSanitizer sees reads
/// beyond it.
bool isReadable(const std::string &bytes, size_t size) {
  std::unique_ptr<char[]> copy(new char[size]);
  std::memcpy(copy.get(), bytes.data(), size);
  auto cubin = readCubin({copy.get(), size}, "'test.cubin'");
  if (!cubin) {
    EXPECT_EQ(cubin.error().rfind("'test.cubin' ", 0), 0u);
    EXPECT_EQ(cubin.error().find('\n'), std::string::npos);
    return false;
  }
  int64_t instructions = 0;
  for (const CubinKernel &kernel : cubin->kernels)
    instructions += kernel.instructions;
  EXPECT_LE(instructions * 16, static_cast<int64_t>(size));
  return true;
}

TEST(Cubin, RefusesEveryTruncation) {
  for (const char *arch : {"sm_80", "sm_100a"}) {
    std::string bytes = assemble(resourceKernels(arch), arch).cubin;
    for (size_t size = 0; size < bytes.size(); ++size)
      ASSERT_FALSE(isReadable(bytes, size)) << size;
    EXPECT_TRUE(isReadable(bytes, bytes.size()));
  }
}

TEST(Cubin, SurvivesRandomDamage) {
  std::string bytes = assemble(resourceKernels("sm_90a"), "sm_90a").cubin;
  // Most of the file is code, where damage goes unnoticed.
  size_t code = offsetOf(bytes, ".text.spilling");
  std::mt19937 random(1);
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string damaged = bytes;
    for (unsigned i = random() % 8 + 1; i > 0; --i) {
      size_t at = random() % (round % 2 ? code : bytes.size());
      if (round % 4 == 1)
        at = random() % sizeof(Elf64_Ehdr);
      damaged[at] = static_cast<char>(random());
    }
    refused += !isReadable(damaged, damaged.size());
  }
  EXPECT_GT(refused, 5000);
}

} // namespace
