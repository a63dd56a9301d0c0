//===- LayoutTest.cpp - Layouts of tiles on a GPU -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialect/Warp/Layout.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>

using namespace mlir::warp;

namespace {

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

/// PTX ISA, "Matrix fragments for mma.m16n8k16 with floating point type",
/// accumulators: element i of a lane.
std::pair<int64_t, int64_t> accumulator(int64_t lane, int64_t i) {
  int64_t groupId = lane >> 2, threadInGroup = lane % 4;
  return {i < 2 ? groupId : groupId + 8, threadInGroup * 2 + (i & 1)};
}

TEST(MmaLayout, IsThatOfAccumulators) {
  MmaLayout layout{128, 48, 2};
  EXPECT_EQ(layout.rowBlocks(), 4);
  EXPECT_EQ(layout.colBlocks(), 6);
  for (int64_t warp = 0; warp < 2; ++warp)
    for (int64_t lane = 0; lane < lanesPerWarp; ++lane)
      for (int64_t rowBlock = 0; rowBlock < 4; ++rowBlock)
        for (int64_t colBlock = 0; colBlock < 6; ++colBlock)
          for (int64_t i = 0; i < 4; ++i) {
            auto [row, col] = accumulator(lane, i);
            EXPECT_EQ(layout.row(warp, lane, rowBlock, i / 2),
                      warp * 64 + rowBlock * 16 + row);
            EXPECT_EQ(layout.col(lane, colBlock, i % 2), colBlock * 8 + col);
          }
}

TEST(MmaLayout, CoversEveryElementOnce) {
  for (int64_t warps : {1, 2, 4, 8}) {
    MmaLayout layout{32 * warps, 24, warps};
    std::set<std::pair<int64_t, int64_t>> seen;
    for (int64_t warp = 0; warp < warps; ++warp)
      for (int64_t lane = 0; lane < lanesPerWarp; ++lane)
        for (int64_t rowBlock = 0; rowBlock < layout.rowBlocks(); ++rowBlock)
          for (int64_t colBlock = 0; colBlock < layout.colBlocks(); ++colBlock)
            for (int64_t half : {0, 1})
              for (int64_t pair : {0, 1})
                EXPECT_TRUE(seen.insert({layout.row(warp, lane, rowBlock, half),
                                         layout.col(lane, colBlock, pair)})
                                .second);
    EXPECT_EQ(int64_t(seen.size()), layout.rows * layout.cols);
    EXPECT_EQ(seen.rbegin()->first, layout.rows - 1);
  }
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

const SwizzleLayout swizzles[] = {
    {64, 128, 128}, {128, 64, 128}, {16, 96, 64}, {32, 32, 64}, {64, 80, 32}};

int64_t offsetOf(const SwizzleLayout &layout, int64_t row, int64_t col) {
  return layout.offset(row, col / 8, col % 8);
}

/// CUDA driver API, CUtensorMapSwizzle: bits of the address of a row of
/// `bytes` are exchanged by exclusive or.
TEST(SwizzleLayout, IsThatOfTensorMaps) {
  for (const SwizzleLayout &layout : swizzles)
    for (int64_t row = 0; row < layout.rows; ++row)
      for (int64_t col = 0; col < layout.cols; ++col) {
        int64_t slab = col * 2 / layout.bytes;
        int64_t address = slab * layout.rows * layout.bytes +
                          row * layout.bytes + col * 2 % layout.bytes;
        int64_t mask = layout.bytes / 16 - 1;
        int64_t swizzled = address ^ (address >> 7 & mask) << 4;
        ASSERT_EQ(offsetOf(layout, row, col) * 2, swizzled)
            << layout.bytes << " bytes, row " << row << ", column " << col;
      }
}

TEST(SwizzleLayout, HoldsEveryElement) {
  for (const SwizzleLayout &layout : swizzles) {
    std::set<int64_t> seen;
    for (int64_t row = 0; row < layout.rows; ++row)
      for (int64_t col = 0; col < layout.cols; ++col)
        seen.insert(offsetOf(layout, row, col));
    EXPECT_EQ(int64_t(seen.size()), layout.elements());
    EXPECT_EQ(*seen.begin(), 0);
    EXPECT_EQ(*seen.rbegin(), layout.elements() - 1);
  }
}

/// A matrix of 8 rows of 16 bytes is read at once.
TEST(SwizzleLayout, LdmatrixHasNoBankConflicts) {
  for (const SwizzleLayout &layout : swizzles)
    for (bool isColumns : {false, true})
      for (int64_t row = 0; row < layout.rows; row += 16)
        for (int64_t chunk = 0; chunk + 1 < layout.cols / 8; ++chunk)
          for (int64_t matrix = 0; matrix < 4; ++matrix) {
            std::set<int64_t> banks;
            for (int64_t lane = 8 * matrix; lane < 8 * matrix + 8; ++lane) {
              auto at = isColumns ? ldmatrixColumns(lane) : ldmatrixRows(lane);
              int64_t address =
                  2 * layout.offset<int64_t>(row + at.row, chunk + at.col, 0);
              banks.insert(address / 16 % 8);
            }
            ASSERT_EQ(banks.size(), 8u) << layout.bytes << " bytes";
          }
}

//===----------------------------------------------------------------------===//
// ldmatrix
//===----------------------------------------------------------------------===//

/// Which row and column of the block a lane gets in register `matrix`, by the
/// lanes' addresses. PTX ISA, ldmatrix: lane l has row l / 4 and columns
/// 2 (l mod 4) and the next of each matrix, or of its transpose.
std::pair<int64_t, int64_t> loaded(Position<int64_t> (*addresses)(int64_t),
                                   bool isTransposed, int64_t lane,
                                   int64_t matrix, int64_t pair) {
  int64_t row = lane / 4, col = lane % 4 * 2 + pair;
  if (isTransposed)
    std::swap(row, col);
  auto at = addresses(8 * matrix + row);
  return {at.row, at.col * 8 + col};
}

/// PTX ISA, "Matrix fragments for mma.m16n8k16", A: registers a0 to a3.
TEST(Ldmatrix, RowsAreFirstOperands) {
  for (int64_t lane = 0; lane < lanesPerWarp; ++lane)
    for (int64_t matrix = 0; matrix < 4; ++matrix)
      for (int64_t pair : {0, 1}) {
        int64_t row = lane / 4 + matrix % 2 * 8;
        int64_t k = lane % 4 * 2 + pair + matrix / 2 * 8;
        EXPECT_EQ(loaded(ldmatrixRows<int64_t>, false, lane, matrix, pair),
                  std::pair(row, k));
      }
}

/// B: registers b0 and b1 of columns 0 to 7, then of columns 8 to 15.
TEST(Ldmatrix, SecondOperands) {
  for (int64_t lane = 0; lane < lanesPerWarp; ++lane)
    for (int64_t matrix = 0; matrix < 4; ++matrix)
      for (int64_t pair : {0, 1}) {
        int64_t k = lane % 4 * 2 + pair + matrix % 2 * 8;
        int64_t n = lane / 4 + matrix / 2 * 8;
        // Stored with a row for each column of the product.
        EXPECT_EQ(loaded(ldmatrixColumns<int64_t>, false, lane, matrix, pair),
                  std::pair(n, k));
        // Stored with a row for each k.
        EXPECT_EQ(loaded(ldmatrixRows<int64_t>, true, lane, matrix, pair),
                  std::pair(k, n));
      }
}

/// Where a lane is in a block follows from where it is in the first one.
TEST(Layout, OffsetsOfBlocks) {
  for (int64_t bytes : {32, 64, 128})
    for (int64_t rows : {16, 64})
      for (int64_t slabs : {1, 3}) {
        SwizzleLayout layout{rows, slabs * bytes / 2, bytes};
        for (int64_t block = 0; block < rows / 16; ++block)
          for (int64_t col = 0; col < layout.cols / 16; ++col)
            for (int64_t row = 0; row < 16; ++row)
              for (int64_t chunk = 0; chunk < 2; ++chunk)
                ASSERT_EQ(
                    layout.offset<int64_t>(16 * block + row, 2 * col + chunk,
                                           0),
                    layout.blockOffset(block, col) +
                        (layout.offset<int64_t>(row, chunk, 0) ^
                         layout.blockSwizzle(col)))
                    << bytes << " bytes, block " << block << ", " << col
                    << ", row " << row << ", chunk " << chunk;
      }
}

} // namespace
