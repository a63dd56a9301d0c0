//===- CubinDamageTest.cpp - Tests of files that are no good cubins -------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CubinSupport.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <elf.h>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <vector>

using namespace attn;
using namespace attn::test;

namespace {

TEST(CubinDamage, RefusesOtherFiles) {
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

TEST(CubinDamage, RefusesAnnotationsOfNothing) {
  EXPECT_EQ(errorOf(withChange(".nv.info.spilling", "\x04\x55",
                               [](char *annotations) {
                                 annotations[2 + 6] = 1; // offset + 65536
                               })),
            "'test.cubin' is a damaged cubin: an annotation of kernel "
            "'spilling' is about no instruction");
}

// Else a small file could ask for much work.
TEST(CubinDamage, RefusesKernelsThatShareCode) {
  std::string bytes = assemble(resourceKernels("sm_80"), "sm_80").cubin;
  constexpr char isKernel = 0x10; // in st_other
  std::vector<size_t> kernels;
  for (size_t at = offsetOf(bytes, ".symtab"); kernels.size() < 2;
       at += sizeof(Elf64_Sym))
    if (bytes[at + offsetof(Elf64_Sym, st_other)] == isKernel)
      kernels.push_back(at);
  bytes.replace(kernels[1], sizeof(Elf64_Sym), bytes, kernels[0],
                sizeof(Elf64_Sym));
  std::string error = errorOf(bytes);
  EXPECT_EQ(error.rfind("'test.cubin' is a damaged cubin: kernel '", 0), 0u);
  EXPECT_NE(error.find("' is there twice"), std::string::npos) << error;
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

TEST(CubinDamage, RefusesEveryTruncation) {
  for (const char *arch : {"sm_80", "sm_100a"}) {
    std::string bytes = assemble(resourceKernels(arch), arch).cubin;
    for (size_t size = 0; size < bytes.size(); ++size)
      ASSERT_FALSE(isReadable(bytes, size)) << size;
    EXPECT_TRUE(isReadable(bytes, bytes.size()));
  }
}

TEST(CubinDamage, SurvivesRandomDamage) {
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
