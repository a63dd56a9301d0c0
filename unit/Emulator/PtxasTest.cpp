//===- PtxasTest.cpp - Tests of the way to ptxas --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Ptxas.h"

#include <gtest/gtest.h>

using namespace attn;
using namespace attn::test;

namespace {

/// A kernel of these lines, the first of which is line 11.
std::string kernelOf(const std::vector<std::string> &lines,
                     const std::string &target) {
  std::string text = ".version 9.0\n"
                     ".target " +
                     target +
                     "\n"
                     ".address_size 64\n"
                     ".extern .func missing();\n"
                     ".visible .entry kernel(.param .u64 out)\n"
                     "{\n"
                     ".reg .b32 %r<8>;\n"
                     ".reg .b64 %d<8>;\n"
                     ".reg .pred %p<8>;\n"
                     "// The lines begin here.\n";
  for (const std::string &line : lines)
    text += line + "\n";
  return text + "ret;\n}\n";
}

constexpr int firstLine = 11;

std::vector<PtxasLine> errorsOf(const std::vector<std::string> &lines,
                                const std::string &arch) {
  auto errors = ptxasErrors(kernelOf(lines, arch), arch);
  EXPECT_TRUE(errors) << errors.error();
  return errors ? *errors : std::vector<PtxasLine>();
}

TEST(Ptxas, AcceptsWhatExists) {
  EXPECT_TRUE(
      errorsOf({"add.s32 %r0, %r1, %r2;", "cp.async.wait_all;"}, "sm_80")
          .empty());
}

TEST(Ptxas, NamesTheLinesOfNewerInstructions) {
  std::vector<std::string> lines = {"elect.sync %r0|%p0, %r1;",
                                    "add.s32 %r0, %r1, %r2;",
                                    "wgmma.fence.sync.aligned;"};
  auto errors = errorsOf(lines, "sm_80");
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_EQ(errors[0].line, firstLine);
  EXPECT_EQ(errors[0].message,
            "Feature 'elect' requires .target sm_90 or higher");
  EXPECT_EQ(errors[1].line, firstLine + 2);
  EXPECT_EQ(errors[1].message,
            "Instruction 'wgmma.fence' not supported on .target 'sm_80'");

  errors = errorsOf(lines, "sm_90");
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].line, firstLine + 2);
  EXPECT_TRUE(errorsOf(lines, "sm_90a").empty());
}

// ptxas ends at the first line that is no PTX at all.
TEST(Ptxas, GoesOnBehindSyntaxErrors) {
  auto errors =
      errorsOf({"add.s32 %r0 %r1;", "add.s32 %r0, %r1, %r2;", "frobnicate %r0;",
                "add..s32 %r0, %r1, %r2;", "add.bogus.s32 %r0, %r1, %r2;",
                "add.s32 %d0, %r1, %r2;"},
               "sm_80");
  ASSERT_EQ(errors.size(), 5u);
  EXPECT_EQ(errors[0].line, firstLine);
  EXPECT_EQ(errors[0].message, "Parsing error near '%r1': syntax error");
  EXPECT_EQ(errors[1].line, firstLine + 2);
  EXPECT_EQ(errors[1].message,
            "Not a name of any known instruction: 'frobnicate'");
  EXPECT_EQ(errors[2].line, firstLine + 3);
  EXPECT_EQ(errors[3].line, firstLine + 4);
  EXPECT_EQ(errors[3].message, "Unknown modifier '.bogus'");
  EXPECT_EQ(errors[4].line, firstLine + 5);
  EXPECT_EQ(errors[4].message, "Arguments mismatch for instruction 'add'");
}

TEST(Ptxas, FindsAllOfThousands) {
  std::vector<std::string> lines;
  for (int i = 0; i < 6000; ++i)
    lines.push_back(i % 2 ? "elect.sync %r0|%p0, %r1;"
                          : "add.s32 %r0, %r1, %r2;");
  auto errors = errorsOf(lines, "sm_80");
  ASSERT_EQ(errors.size(), 3000u);
  for (int i = 0; i < 3000; ++i)
    ASSERT_EQ(errors[i].line, firstLine + 2 * i + 1);
  EXPECT_TRUE(errorsOf(lines, "sm_90").empty());
}

// The code generator gives no lines.
TEST(Ptxas, FindsErrorsWithoutLines) {
  std::vector<std::string> lines(40, "add.s32 %r0, %r1, %r2;");
  lines[17] = lines[34] = "call missing;";
  auto errors = errorsOf(lines, "sm_80");
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_EQ(errors[0].line, firstLine + 17);
  EXPECT_EQ(errors[1].line, firstLine + 34);
  EXPECT_NE(errors[0].message.find("Unresolved extern function 'missing'"),
            std::string::npos);
}

TEST(Ptxas, RefusesABadFrame) {
  std::string text = kernelOf({"add.s32 %r0, %r1, %r2;"}, "sm_80");
  text.replace(text.find(".b64"), 4, ".b65");
  auto errors = ptxasErrors(text, "sm_80");
  ASSERT_FALSE(errors);
  EXPECT_EQ(errors.error(),
            "ptxas rejects the file without its instructions: ptxas in.ptx, "
            "line 8; fatal   : Parsing error near '.b65': syntax error\nptxas "
            "fatal   : Ptx assembly aborted due to errors\n");

  errors = ptxasErrors(kernelOf({}, "sm_80"), "sm_12345");
  ASSERT_FALSE(errors);
  EXPECT_NE(errors.error().find("sm_12345"), std::string::npos)
      << errors.error();
}

TEST(Ptxas, GivesCodeAndLog) {
  auto output = runPtxas(kernelOf({}, "sm_80"), "sm_80", "-v");
  ASSERT_TRUE(output) << output.error();
  EXPECT_EQ(output->cubin.substr(0, 4), "\177ELF");
  EXPECT_NE(output->log.find("registers"), std::string::npos) << output->log;
}

} // namespace
