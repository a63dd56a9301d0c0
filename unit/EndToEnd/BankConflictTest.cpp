//===- BankConflictTest.cpp - Shared memory without waiting ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lanes that want different words of one bank of shared memory wait for each
// other. The emulator counts the cycles that this costs.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include "RegionKinds.h"

#include "gtest/gtest.h"

using namespace attn;
using namespace attn::testing;

namespace {

/// Cycles lost in a whole launch, over all key tiles and what is around them.
Result<uint64_t> lostCycles(const Case &c) {
  RunOptions options;
  options.countsBankConflicts = true;
  Result<Outcome> outcome = run(c, makeInputs(c), options);
  if (!outcome)
    return outcome.takeFailure();
  return outcome->bankConflicts;
}

class BankConflicts
    : public ::testing::TestWithParam<std::tuple<int64_t, const char *>> {};

TEST_P(BankConflicts, AreNone) {
  auto [headDim, type] = GetParam();
  Case c;
  c.target = "sm_80";
  c.headDim = c.valueDim = headDim;
  c.type = type;
  c.queries = 150;
  // Several key tiles without a mask, and a last one that is cut.
  c.keys = 300;
  c.mask = findMask("causal");
  c.score = findScore("plain");
  Result<uint64_t> lost = lostCycles(c);
  ASSERT_TRUE(lost) << lost.error();
  EXPECT_EQ(*lost, 0u) << c;
}

INSTANTIATE_TEST_SUITE_P(
    Kernels, BankConflicts,
    ::testing::Combine(::testing::Values(32, 48, 64, 80, 96, 128, 192, 256),
                       ::testing::Values("bf16", "f16")),
    [](const auto &info) {
      return "d" + std::to_string(std::get<0>(info.param)) + "_" +
             std::get<1>(info.param);
    });

} // namespace
