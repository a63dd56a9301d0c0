//===- AttentionKernelTest.cpp - Hand-written attention on the emulator ---===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The two kernels, compiled by nvrtc, against float64 attention; and what
// nvrtc's assembler says about them.
//
//===----------------------------------------------------------------------===//

#include "AttentionKernels.h"
#include "Nvrtc.h"

#include <gtest/gtest.h>
#include <memory>
#include <tuple>

using namespace attn;
using namespace attn::test;
using namespace attn::emulator;

namespace {

class AttentionKernelTest
    : public testing::TestWithParam<std::tuple<size_t, int, bool>> {};

TEST_P(AttentionKernelTest, MatchesFloat64WithAllChecks) {
  auto [index, length, causal] = GetParam();
  const AttentionKernel &kernel = attentionKernels()[index];
  const Result<Module> &module = originalOf(kernel);
  ASSERT_TRUE(module) << module.error();

  AttentionProblem problem(/*heads=*/2, length, causal);
  LaunchOptions options;
  options.bankConflicts = true;
  Result<KernelRun> run = runKernel(kernel, *module, problem, options);
  ASSERT_TRUE(run) << run.error();
  EXPECT_TRUE(run->launch.ok()) << reportsOf(run->launch);
  EXPECT_TRUE(run->isAccurate(problem))
      << "error of O " << run->outputError << " where plain attention has "
      << problem.plainError << ", of LSE " << run->lseError;
  EXPECT_EQ(run->launch.statistics.bankConflicts, 0u);
}

std::string
nameOfCase(const testing::TestParamInfo<AttentionKernelTest::ParamType> &info) {
  auto [index, length, causal] = info.param;
  return std::string(attentionKernels()[index].name) + "_" +
         std::to_string(length) + (causal ? "_causal" : "_full");
}

INSTANTIATE_TEST_SUITE_P(All, AttentionKernelTest,
                         testing::Combine(testing::Values(0, 1),
                                          testing::Values(1, 63, 64, 65, 130,
                                                          512, 600),
                                          testing::Bool()),
                         nameOfCase);

// What a GPU executes is made by ptxas: no spills, no wgmma that it had to
// serialise, no setmaxnreg that it ignored (messages C75xx).
TEST(AttentionKernelCompileTest, AssemblesWithoutSpillsOrWarnings) {
  for (const AttentionKernel &kernel : attentionKernels()) {
    SCOPED_TRACE(kernel.name);
    Result<std::string> source = readSource(kernel);
    ASSERT_TRUE(source) << source.error();
    std::string architecture = kernel.architecture;
    architecture.replace(0, architecture.find('_'), "sm");
    auto compiled = compileCuda(*source, std::string(kernel.name) + ".cu",
                                architecture, {"--ptxas-options=-v"});
    ASSERT_TRUE(compiled) << compiled.error();
    const std::string &log = compiled->log;
    EXPECT_NE(log.find("0 bytes stack frame, 0 bytes spill stores, 0 bytes "
                       "spill loads"),
              std::string::npos)
        << log;
    if (kernel.registers != 0) {
      EXPECT_NE(
          log.find("Used " + std::to_string(kernel.registers) + " registers"),
          std::string::npos)
          << log;
    }
    EXPECT_EQ(log.find("C75"), std::string::npos) << log;
  }
}

} // namespace
