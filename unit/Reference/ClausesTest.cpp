//===- ClausesTest.cpp - Operand clauses by hand --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceTestSupport.h"

using namespace attn::reference;

namespace {

//===----------------------------------------------------------------------===//
// Sinks
//===----------------------------------------------------------------------===//

TEST_F(ReferenceTest, ASinkIsOneMoreScoreWithoutAValue) {
  // Scores of 0 for two keys, and sinks that weigh as much as 1, 2 and none.
  double logit = std::log(2.f);
  Result result = valueOf(evaluate(
      entry(3, 1, 1, 1, "scale(5.0) sinks(%s)", ", %s: tensor<3xf32>"),
      {zeros({1, 3, 1, 1}), zeros({1, 1, 2, 1}), array({1, 1, 2, 1}, {3, 6}),
       array({3}, {0, logit, -infinity})}));
  double two = std::exp(logit);
  expectNear(result.output.data, {9. / 3, 9 / (2 + two), 9. / 2});
  expectNear(result.lse.data, {std::log(3.), std::log(2 + two), std::log(2.)});
  EXPECT_EQ(result.kept, (std::vector<int64_t>{2, 2, 2}));
}

TEST_F(ReferenceTest, ARowWithoutKeysHasItsSink) {
  Result result =
      valueOf(evaluate(entry(2, 1, 1, 1, "mask(#attn.prefix<0>) sinks(%s)",
                             ", %s: tensor<2xf32>"),
                       {zeros({1, 2, 1, 1}), zeros({1, 1, 3, 1}),
                        zeros({1, 1, 3, 1}), array({2}, {0.75, -infinity})}));
  EXPECT_EQ(result.output.data, (std::vector<double>{0, 0}));
  EXPECT_EQ(result.lse.data, (std::vector<double>{0.75, -infinity}));
  EXPECT_EQ(result.kept, (std::vector<int64_t>{0, 0}));
}

TEST_F(ReferenceTest, SinksThatAreNotFinite) {
  Result result = valueOf(
      evaluate(entry(2, 1, 1, 1, "sinks(%s)", ", %s: tensor<2xf32>"),
               {array({1, 2, 2, 1}, {0, 1, 0, 1}), array({1, 1, 1, 1}, {1}),
                array({1, 1, 1, 1}, {7}), array({2}, {infinity, notANumber})}));
  EXPECT_EQ(result.output.data[0], 0);
  EXPECT_EQ(result.output.data[1], 0);
  EXPECT_EQ(result.lse.data[0], infinity);
  for (size_t row : {2, 3}) {
    EXPECT_TRUE(std::isnan(result.output.data[row])) << row;
    EXPECT_TRUE(std::isnan(result.lse.data[row])) << row;
  }
}

TEST_F(ReferenceTest, PlainAttentionHasSinks) {
  std::vector<float> output = valueOf(
      plainAttention(entry(1, 1, 1, 1, "sinks(%s)", ", %s: tensor<1xf32>"),
                     {zeros({1, 1, 1, 1}), zeros({1, 1, 3, 1}),
                      array({1, 1, 3, 1}, {4, 8, 4}), zeros({1})}));
  EXPECT_EQ(output, (std::vector<float>{4}));
}

} // namespace
