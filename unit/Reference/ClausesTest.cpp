//===- ClausesTest.cpp - Operand clauses by hand --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceTestSupport.h"
#include "lib/Reference/Philox.h"

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
  Result result = valueOf(
      evaluate(entry(3, 1, 1, 1, "mask(#attn.prefix<0>) sinks(%s)",
                     ", %s: tensor<3xf32>"),
               {zeros({1, 3, 1, 1}), zeros({1, 1, 3, 1}), zeros({1, 1, 3, 1}),
                array({3}, {0.75, -infinity, notANumber})}));
  EXPECT_EQ(result.output.data[0], 0);
  EXPECT_EQ(result.output.data[1], 0);
  EXPECT_TRUE(std::isnan(result.output.data[2]));
  EXPECT_EQ(result.lse.data[0], 0.75);
  EXPECT_EQ(result.lse.data[1], -infinity);
  EXPECT_TRUE(std::isnan(result.lse.data[2]));
  EXPECT_EQ(result.kept, (std::vector<int64_t>{0, 0, 0}));
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

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

/// The known answers of Random123 (kat_vectors), by the authors of Philox.
TEST(Philox, KnownAnswers) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, 0),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                       0xffffffffffffffff),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                       0x299f31d0a4093822),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

/// The formula of docs/semantics.md, written out. Nine keys need three blocks
/// of random words.
TEST_F(ReferenceTest, DropoutIsThatOfTheFormula) {
  const int64_t queries = 2, keys = 9, heads = 3, batch = 2;
  const double p = 0.375; // exact, and so are 1 - p and 2^32 p
  const uint64_t seed = 0x1000000000123, offset = 0x200000005;
  Result result = valueOf(evaluate(
      entry(heads, heads, 1, keys, "dropout(%p, %seed, %offset)",
            ", %p: f32, %seed: i64, %offset: i64"),
      {zeros({batch, heads, queries, 1}), zeros({batch, heads, keys, 1}),
       generated({batch, heads, keys, keys},
                 [&](int64_t n) { return n / keys % keys == n % keys; }),
       array({}, {p}), array({}, {double(seed)}),
       array({}, {double(offset)})}));
  std::vector<double> expected;
  for (uint32_t b = 0; b < batch; ++b)
    for (uint32_t h = 0; h < heads; ++h)
      for (uint32_t i = 0; i < queries; ++i)
        for (uint32_t j = 0; j < keys; ++j) {
          uint32_t word = philox4x32({j / 4, i, h, b},
                                     seed + 0x9E3779B97F4A7C15 * offset)[j % 4];
          bool kept = word >= 0x60000000; // 0.375 * 2^32
          expected.push_back(kept ? 1 / (1 - p) / double(keys) : 0);
        }
  expectNear(result.output.data, expected);
  for (double lse : result.lse.data)
    EXPECT_NEAR(lse, std::log(double(keys)), 1e-14);
  EXPECT_EQ(result.kept,
            std::vector<int64_t>(size_t(batch * heads * queries), keys));
}

TEST_F(ReferenceTest, ProbabilitiesOutOfRange) {
  mlir::func::FuncOp f =
      entry(1, 1, 1, 1, "dropout(%p, %n, %n)", ", %p: f32, %n: i64");
  auto outputFor = [&](double p) {
    return valueOf(
               evaluate(f, {zeros({1, 1, 1, 1}), zeros({1, 1, 8, 1}),
                            generated({1, 1, 8, 1}, [](int64_t) { return 1; }),
                            array({}, {p}), array({}, {1})}))
        .output.data[0];
  };
  EXPECT_EQ(outputFor(0), 1);
  EXPECT_EQ(outputFor(-1), 1);
  EXPECT_EQ(outputFor(1), 0);
  EXPECT_EQ(outputFor(infinity), 0);
  EXPECT_TRUE(std::isnan(outputFor(notANumber)));
}

} // namespace
