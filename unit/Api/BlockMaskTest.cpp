//===- BlockMaskTest.cpp - Lists of blocks --------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/attn.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace attn;

namespace {

using Lists = std::vector<int32_t>;

/// Two block rows and three block columns, the last ones not whole.
BlockMask::Shape makeShape() {
  BlockMask::Shape shape;
  shape.queries = 20;
  shape.keys = 45;
  shape.queryBlock = shape.keyBlock = 16;
  return shape;
}

BlockMask make(const Result<BlockMask> &result) {
  EXPECT_TRUE(bool(result)) << result.error().text();
  return result ? *result : BlockMask();
}

TEST(BlockMask, ListsBlocksOfAPredicate) {
  BlockMask mask = make(BlockMask::fromPredicate(
      makeShape(), [](int64_t, int64_t, int64_t i, int64_t j) {
        return j <= i || j >= 32;
      }));
  EXPECT_EQ(mask.offsets, (Lists{0, 2, 5}));
  EXPECT_EQ(mask.columns, (Lists{0, 2, 0, 1, 2}));
  EXPECT_EQ(mask.full, (std::vector<int8_t>{0, 1, 1, 0, 1}));
  EXPECT_TRUE(bool(mask.check()));
}

TEST(BlockMask, ADenseMaskIsAPredicate) {
  BlockMask::Shape shape = makeShape();
  shape.batch = 2;
  shape.heads = 3;
  auto keeps = [](int64_t b, int64_t h, int64_t i, int64_t j) {
    return (i + 2 * j + b) % 37 > 30 - 9 * h;
  };
  std::vector<float> dense;
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t h = 0; h < 3; ++h)
      for (int64_t i = 0; i < shape.queries; ++i)
        for (int64_t j = 0; j < shape.keys; ++j)
          dense.push_back(keeps(b, h, i, j) ? 0.5f : 0);
  BlockMask a = make(BlockMask::fromDense(shape, dense)),
            b = make(BlockMask::fromPredicate(shape, keeps));
  EXPECT_EQ(a.offsets, b.offsets);
  EXPECT_EQ(a.columns, b.columns);
  EXPECT_EQ(a.full, b.full);
  EXPECT_EQ(a.offsets.size(), size_t(2 * 3 * 3));
  EXPECT_TRUE(bool(a.check()));
  dense.pop_back();
  EXPECT_EQ(BlockMask::fromDense(shape, dense).error().message(),
            "a dense mask has 5399 elements, expected batch * heads * queries "
            "* keys = 5400");
}

TEST(BlockMask, TopKTakesTheHighestScores) {
  const double scores[2][3] = {{1, 3, 3}, {NAN, -1, -2}};
  auto score = [&](int64_t, int64_t, int64_t r, int64_t c) {
    return scores[r][c];
  };
  auto columnsFor = [&](int64_t count) {
    return make(BlockMask::topK(makeShape(), count, score)).columns;
  };
  EXPECT_EQ(columnsFor(0), Lists());
  EXPECT_EQ(columnsFor(1), (Lists{1, 1}));
  EXPECT_EQ(columnsFor(2), (Lists{1, 2, 1, 2}));
  EXPECT_EQ(columnsFor(9), (Lists{0, 1, 2, 0, 1, 2}));
  EXPECT_FALSE(bool(BlockMask::topK(makeShape(), -1, score)));
}

TEST(BlockMask, CheckSaysWhatIsWrong) {
  BlockMask good = make(BlockMask::fromPredicate(
      makeShape(), [](int64_t, int64_t, int64_t, int64_t) { return true; }));
  auto messageOf = [&](auto change) {
    BlockMask bad = good;
    change(bad);
    Result<void> checked = bad.check();
    EXPECT_FALSE(bool(checked));
    return checked.error().message();
  };
  EXPECT_EQ(messageOf([](BlockMask &m) { m.offsets.pop_back(); }),
            "a block mask has 2 offsets, expected batch * heads * (block rows "
            "+ 1) = 3");
  EXPECT_EQ(messageOf([](BlockMask &m) { m.offsets[2] = 2; }),
            "offset 2 of a block mask is 2, less than the one before (3); "
            "offsets of a head must not decrease");
  EXPECT_EQ(messageOf([](BlockMask &m) { m.offsets[2] = 7; }),
            "offset 2 of a block mask is 7, expected 0 to 6, the number of "
            "columns");
  EXPECT_EQ(messageOf([](BlockMask &m) { m.columns[1] = 3; }),
            "column 1 of a block mask is 3, expected 0 to less than 3, the "
            "number of block columns");
  EXPECT_EQ(messageOf([](BlockMask &m) { m.full.pop_back(); }),
            "a block mask has 6 columns and 5 flags of full blocks; they must "
            "be as many");
  EXPECT_EQ(messageOf([](BlockMask &m) { m.shape.keyBlock = 40; }),
            "a block has 40 queries or keys, expected a multiple of 16 between "
            "16 and 4096");
}

TEST(BlockMask, IsAClauseOfTheVariant) {
  Attention spec;
  spec.heads = 4;
  spec.kvHeads = 2;
  spec.headDim = 64;
  spec.mask = causal();
  spec.blockMask = BlockLists{
      value("offsets"), value("columns"), value("full"), 64, 32, false, true,
      /*status=*/true};
  Result<std::string> text = spec.text();
  ASSERT_TRUE(bool(text)) << text.error().text();
  for (const char *part :
       {"block_mask(%offsets, %columns, %full) block_size [64, 32]",
        "%offsets: tensor<1x4x?xi32> {attn.name = \"offsets\"}",
        ", tensor<1x4x?xi32>, tensor<?xi32>, tensor<?xi8>) -> "
        "(tensor<?x4x?x64xf32>, tensor<1xi32>)"})
    EXPECT_NE(text->find(part), std::string::npos) << part << "\n" << *text;
}

} // namespace
