//===- MutationTest.cpp - Are injected bugs exposed? ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A check is worth something if it is silent on correct kernels, whatever the
// schedule, and speaks for each of the bugs of Mutations.h.
//
//===----------------------------------------------------------------------===//

#include "AttentionKernels.h"

#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>

using namespace attn;
using namespace attn::test;
using namespace attn::emulator;

namespace {

/// A ragged end, and enough tiles to go around the rings.
const AttentionProblem &problem(bool causal) {
  static const AttentionProblem causalProblem(/*heads=*/2, 600, true);
  static const AttentionProblem fullProblem(/*heads=*/1, 600, false);
  return causal ? causalProblem : fullProblem;
}

const char *nameOf(AsyncMode mode) {
  switch (mode) {
  case AsyncMode::lazy:
    return "lazy";
  case AsyncMode::eager:
    return "eager";
  case AsyncMode::random:
    return "random";
  }
  return "";
}

//===----------------------------------------------------------------------===//
// The originals
//===----------------------------------------------------------------------===//

class OriginalTest
    : public testing::TestWithParam<std::tuple<size_t, AsyncMode>> {};

TEST_P(OriginalTest, IsSilentAndRightForAllSeeds) {
  auto [index, mode] = GetParam();
  const AttentionKernel &kernel = attentionKernels()[index];
  const Result<Module> &module = originalOf(kernel);
  ASSERT_TRUE(module) << module.error();

  for (uint64_t seed = 0; seed < 16; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    LaunchOptions options;
    options.async = mode;
    options.seed = seed;
    if (mode == AsyncMode::random) {
      options.spuriousTryWaits = 2;
      options.approximationJitter = 2;
    }
    const AttentionProblem &input = problem(/*causal=*/seed % 2 == 0);
    Result<KernelRun> run = runKernel(kernel, *module, input, options);
    ASSERT_TRUE(run) << run.error();
    EXPECT_TRUE(run->launch.ok()) << reportsOf(run->launch);
    EXPECT_TRUE(run->isAccurate(input))
        << "error of O " << run->outputError << ", of LSE " << run->lseError;
  }
}

std::string
nameOfOriginal(const testing::TestParamInfo<OriginalTest::ParamType> &info) {
  auto [index, mode] = info.param;
  return std::string(attentionKernels()[index].name) + "_" + nameOf(mode);
}

INSTANTIATE_TEST_SUITE_P(All, OriginalTest,
                         testing::Combine(testing::Values(0, 1),
                                          testing::Values(AsyncMode::lazy,
                                                          AsyncMode::eager,
                                                          AsyncMode::random)),
                         nameOfOriginal);

//===----------------------------------------------------------------------===//
// The mutants
//===----------------------------------------------------------------------===//

/// A kernel and one of its mutations, by their indices.
using MutantId = std::pair<size_t, size_t>;

std::vector<MutantId> allMutants() {
  std::vector<MutantId> all;
  for (size_t kernel = 0; kernel < attentionKernels().size(); ++kernel)
    for (size_t i = 0; i < attentionKernels()[kernel].mutations().size(); ++i)
      all.emplace_back(kernel, i);
  return all;
}

/// One in each of two modes; with ATTN_TEST_ALL many.
std::vector<std::pair<AsyncMode, uint64_t>> schedulesOfMutants() {
  std::vector<std::pair<AsyncMode, uint64_t>> schedules = {
      {AsyncMode::lazy, 0}, {AsyncMode::eager, 0}};
  const char *all = std::getenv("ATTN_TEST_ALL");
  if (all && std::string(all) == "1")
    for (uint64_t seed = 1; seed < 8; ++seed)
      for (AsyncMode mode :
           {AsyncMode::lazy, AsyncMode::eager, AsyncMode::random})
        schedules.emplace_back(mode, seed);
  return schedules;
}

class MutantTest : public testing::TestWithParam<MutantId> {};

TEST_P(MutantTest, IsExposed) {
  const AttentionKernel &kernel = attentionKernels()[GetParam().first];
  const Mutation &mutation = kernel.mutations()[GetParam().second];
  Result<std::string> source = readSource(kernel);
  ASSERT_TRUE(source) << source.error();
  Result<std::string> mutated = mutate(*source, mutation);
  ASSERT_TRUE(mutated) << mutated.error();
  Result<Module> module = compileKernel(kernel, *mutated);
  ASSERT_TRUE(module) << module.error();

  for (auto [mode, seed] : schedulesOfMutants()) {
    SCOPED_TRACE(std::string(nameOf(mode)) + ", seed " + std::to_string(seed));
    LaunchOptions options;
    options.async = mode;
    options.seed = seed;
    options.bankConflicts = mutation.exposure == Exposure::bankConflicts;
    // Ten times what the original takes.
    options.maxInstructions = 5'000'000;
    const AttentionProblem &input = problem(/*causal=*/true);
    Result<KernelRun> run = runKernel(kernel, *module, input, options);
    ASSERT_TRUE(run) << run.error();
    const LaunchResult &launch = run->launch;

    switch (mutation.exposure) {
    case Exposure::report:
      EXPECT_TRUE(std::any_of(launch.reports.begin(), launch.reports.end(),
                              [&](const Report &report) {
                                return std::count(mutation.kinds.begin(),
                                                  mutation.kinds.end(),
                                                  report.kind) != 0;
                              }))
          << "no report of an expected kind, but these:\n"
          << reportsOf(launch) << "error of O " << run->outputError;
      break;
    case Exposure::numbers:
      EXPECT_TRUE(launch.ok()) << reportsOf(launch);
      EXPECT_FALSE(run->isAccurate(input));
      break;
    case Exposure::bankConflicts:
      EXPECT_TRUE(launch.ok()) << reportsOf(launch);
      EXPECT_TRUE(run->isAccurate(input));
      EXPECT_GT(launch.statistics.bankConflicts, 0u);
      break;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, MutantTest, testing::ValuesIn(allMutants()),
                         [](const auto &info) {
                           const AttentionKernel &kernel =
                               attentionKernels()[info.param.first];
                           std::string name =
                               std::string(kernel.name) + "_" +
                               kernel.mutations()[info.param.second].name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
