//===- CubinSupport.cpp - Cubins for tests --------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CubinSupport.h"

#include <gtest/gtest.h>

#include <cstring>
#include <elf.h>
#include <vector>

using namespace attn;
using namespace attn::test;

static std::string headOf(const std::string &arch) {
  return ".version 9.0\n.target " + arch + "\n.address_size 64\n";
}

std::string test::resourceKernels(const std::string &arch) {
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

std::string test::kernelOf(const std::string &lines, const std::string &arch) {
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

PtxasOutput test::assemble(const std::string &ptx, const std::string &arch,
                           const std::string &options) {
  auto output = runPtxas(ptx, arch, options);
  EXPECT_TRUE(output) << output.error();
  if (!output)
    return {};
  EXPECT_FALSE(output->cubin.empty()) << output->log;
  return *output;
}

Cubin test::read(const std::string &bytes) {
  auto cubin = readCubin(bytes, "'test.cubin'");
  EXPECT_TRUE(cubin) << cubin.error();
  return cubin ? *cubin : Cubin();
}

std::string test::errorOf(const std::string &bytes) {
  auto cubin = readCubin(bytes, "'test.cubin'");
  return cubin ? "" : cubin.error();
}

size_t test::offsetOf(const std::string &cubin, const std::string &name) {
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

std::string test::withChange(const std::string &section,
                             const std::string &mark,
                             const std::function<void(char *)> &change) {
  std::string bytes = assemble(resourceKernels("sm_90a"), "sm_90a").cubin;
  size_t at = bytes.find(mark, offsetOf(bytes, section));
  EXPECT_NE(at, std::string::npos);
  if (at != std::string::npos)
    change(bytes.data() + at + mark.size());
  return bytes;
}
