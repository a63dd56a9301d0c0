//===- RegisterTest.cpp - Registers that nothing has written --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxKernel.h"

#include "runtime/devices/emulator/Memory.h"

#include <gtest/gtest.h>

using namespace attn::emulator;
using namespace attn::test;

namespace {

const char *unwritten = "reads a register that no instruction has written";

void expectUnwritten(const std::string &text, int lane, uint64_t count = 1) {
  expectReport({text}, ReportKind::uninitialized, unwritten);
  Outcome outcome = runKernel({text});
  ASSERT_EQ(outcome.reports.size(), 1u) << text << outcome.str();
  EXPECT_EQ(outcome.reports[0].lane, lane) << text;
  EXPECT_EQ(outcome.reports[0].count, count) << text;
  PtxKernel off{text};
  off.options.uninitialized = false;
  expectSilent(off);
}

TEST(Registers, ReadBeforeTheyAreWritten) {
  expectUnwritten("st.global.b32 [%lout], %r1;", 0);
  expectUnwritten("add.u32 %r2, %r1, 1;", 0);
  expectUnwritten("@%p1 mov.b32 %r1, 0;", 0);
  expectUnwritten("mov.b64 %d0, {%r1, %lane};", 0);
  expectUnwritten("st.global.b64 [%lout], %d1;", 0);
  expectSilent({"mov.b32 %r1, 1;\nst.global.b32 [%lout], %r1;"});
}

TEST(Registers, OnlyLanesThatExecuteWrite) {
  // The others still have nothing.
  expectUnwritten("setp.lt.u32 %p1, %lane, 3;\n@%p1 mov.b32 %r1, 1;\n"
                  "st.global.b32 [%lout], %r1;",
                  3);
  expectUnwritten("setp.lt.u32 %p1, %lane, 3;\n@!%p1 mov.b32 %r1, 1;\n"
                  "@%p1 st.global.b32 [%lout], %r1;",
                  0);
  expectUnwritten("setp.lt.u32 %p1, %lane, 3;\n@%p1 bra over;\n"
                  "mov.b32 %r1, 1;\nover:\nst.global.b32 [%lout], %r1;",
                  0);
  expectSilent({"setp.lt.u32 %p1, %lane, 3;\n@%p1 mov.b32 %r1, 1;\n"
                "@!%p1 mov.b32 %r1, 2;\nst.global.b32 [%lout], %r1;"});
}

TEST(Registers, OnlyLanesThatExecuteRead) {
  expectSilent({"setp.lt.u32 %p1, %lane, 3;\n@%p1 mov.b32 %r1, 1;\n"
                "@%p1 add.u32 %r2, %r1, 1;\n@%p1 st.global.b32 [%lout], %r2;"});
  expectSilent({"@%warp1 st.global.b32 [%lout], %r1;"});
  // All lanes read the guard.
  expectUnwritten("@%lane1 setp.eq.u32 %p1, %lane, 1;\n"
                  "@%p1 mov.b32 %r1, 1;",
                  0);
  expectSilent({"@%lane1 setp.eq.u32 %p1, %lane, 1;\n@!%lane1 bra over;\n"
                "@%p1 mov.b32 %r1, 1;\nover:"});
}

TEST(Registers, Loops) {
  // Written in the first round, read in the second.
  const std::string loop = "mov.b32 %r0, 0;\nagain:\n"
                           "setp.eq.u32 %p1, %r0, FIRST;\n"
                           "@%p1 mov.b32 %r1, %lane;\n"
                           "setp.eq.u32 %p2, %r0, 1;\n"
                           "@%p2 st.global.b32 [%lout], %r1;\n"
                           "add.u32 %r0, %r0, 1;\n"
                           "setp.lt.u32 %p3, %r0, 3;\n@%p3 bra again;";
  auto of = [&](const std::string &first) {
    std::string text = loop;
    return text.replace(text.find("FIRST"), 5, first);
  };
  expectSilent({of("0")});
  expectUnwritten(of("2"), 0);
}

/// Reports of a kernel that calls `function`, of one parameter, with 0 and
/// then with 1.
std::vector<Report> reportsOfCalls(const std::string &function) {
  const std::string call = "st.param.b32 [argument], %r0;\n"
                           "call body, (argument);\n";
  auto module = Module::parse(
      ".version 8.7\n.target sm_90a\n.address_size 64\n"
      ".func body(.param .b32 given)\n{\n.reg .pred %p<4>;\n.reg .b32 %r<9>;\n"
      "ld.param.b32 %r0, [given];\nsetp.eq.u32 %p0, %r0, 0;\n" +
      function +
      "\nret;\n}\n"
      ".visible .entry kernel()\n{\n.reg .b32 %r<9>;\n"
      ".param .b32 argument;\nmov.b32 %r0, 0;\n" +
      call + "mov.b32 %r0, 1;\n" + call + "ret;\n}\n");
  EXPECT_TRUE(module) << module.error();
  Memory memory;
  LaunchDimensions dimensions;
  dimensions.block.x = 32;
  auto result = launch(*module, "kernel", dimensions, {}, memory);
  EXPECT_TRUE(result) << result.error();
  return result->reports;
}

TEST(Registers, Functions) {
  std::vector<Report> reports = reportsOfCalls("add.u32 %r2, %r1, 1;");
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].what, std::string("the instruction ") + unwritten);
  EXPECT_EQ(reports[0].count, 2u);
  EXPECT_TRUE(reportsOfCalls("mov.b32 %r1, 0;\nadd.u32 %r2, %r1, 1;").empty());
  EXPECT_TRUE(reportsOfCalls("@%p0 mov.b32 %r1, 0;\n@%p0 add.u32 %r2, %r1, 1;")
                  .empty());
  // What the first call has written is gone in the second.
  reports = reportsOfCalls("@%p0 mov.b32 %r1, 0;\nadd.u32 %r2, %r1, 1;");
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].count, 1u);
}

} // namespace
