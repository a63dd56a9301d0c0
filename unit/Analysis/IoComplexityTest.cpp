//===- IoComplexityTest.cpp - Counts against the papers' formulas ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tile kernels move, counted in elements, lies between constant
// multiples of the formulas for all lengths N, head dimensions d and fast
// memories M.
//
//===----------------------------------------------------------------------===//

#include "PlanSupport.h"

#include "attn/Analysis/IoComplexity.h"

#include <algorithm>

using namespace attn;

namespace {
class IoComplexityTest : public PlanTest {
protected:
  /// Elements that one head of attention moves, with the tiles of
  /// FlashAttention: a quarter of M for the query tile and for the output, an
  /// eighth each for keys and values, at most a quarter for scores.
  double moved(const std::string &algorithm, int64_t queries, int64_t keys,
               int64_t d, int64_t m) {
    int64_t tileQ = m / (4 * d), tileKv = std::min(m / (8 * d), d);
    EXPECT_LE(2 * tileQ * d + 2 * tileKv * d + tileQ * tileKv, m);
    mlir::FailureOr<mlir::tile::TilePlan> plan = mlir::tile::planTiles(
        lower(attention(1, 1, d), algorithm, tileQ, tileKv),
        arguments(1, 1, 1, queries, keys, d));
    EXPECT_TRUE(mlir::succeeded(plan)) << messages;
    return mlir::succeeded(plan) ? plan->movedBytes() / 4.0 : 0;
  }

  /// Calls `body` with N, d, M, where M is from 4 d^2 to N d.
  template <typename Fn>
  void sweep(Fn body) {
    int64_t points = 0;
    for (int64_t n : {512, 1024, 2048, 4096})
      for (int64_t d : {16, 32, 64, 128})
        for (int64_t m = 4 * d * d; m <= n * d; m *= 2) {
          SCOPED_TRACE("N=" + std::to_string(n) + " d=" + std::to_string(d) +
                       " M=" + std::to_string(m));
          body(n, d, m);
          ++points;
        }
    EXPECT_GE(points, 40);
  }

  static IoProblem problem(int64_t queries, int64_t keys, int64_t d,
                           int64_t m) {
    return {double(queries), double(keys), double(d), double(m)};
  }
};
} // namespace

// Theorem 2 of FlashAttention. Keys and values: 2 N d elements for each of
// N / (M / 4d) query tiles, so 8 N^2 d^2 / M; query and output: 2 N d, which is
// at most 2 N^2 d^2 / M as M <= N d.
TEST_F(IoComplexityTest, flashIsN2D2OverM) {
  sweep([&](int64_t n, int64_t d, int64_t m) {
    double ratio = moved("flash", n, n, d, m) / flashIo(problem(n, n, d, m));
    EXPECT_GE(ratio, 8);
    EXPECT_LE(ratio, 10);
  });
}

// Scores are written and read once; the softmax reads them three times and
// writes them once: 6 N^2. Inputs and output are 4 N d, and what products read
// again is at most 2 N^2, as M >= 4 d^2.
TEST_F(IoComplexityTest, standardIsNDPlusN2) {
  sweep([&](int64_t n, int64_t d, int64_t m) {
    double ratio =
        moved("standard", n, n, d, m) / standardIo(problem(n, n, d, m));
    EXPECT_GE(ratio, 4);
    EXPECT_LE(ratio, 8);
  });
}

// Keys twice, values once.
TEST_F(IoComplexityTest, memoryEfficientIsHalfAsMuchAgain) {
  sweep([&](int64_t n, int64_t d, int64_t m) {
    double flash = moved("flash", n, n, d, m),
           other = moved("memory-efficient", n, n, d, m);
    double inputs = 2.0 * n * d;
    EXPECT_DOUBLE_EQ((other - inputs) / (flash - inputs), 1.5);
  });
}

// More fast memory means less traffic for flash, and hardly less for standard
// attention.
TEST_F(IoComplexityTest, onlyFlashGainsFromFastMemory) {
  double flash = moved("flash", 4096, 4096, 64, 16384) /
                 moved("flash", 4096, 4096, 64, 131072);
  double standard = moved("standard", 4096, 4096, 64, 16384) /
                    moved("standard", 4096, 4096, 64, 131072);
  EXPECT_GT(flash, 5);
  EXPECT_LT(standard, 1.4);
}

// A single query reads each key and value once, whatever M is. Splitting the
// keys over tasks does not change that; each part leaves a result of its own.
TEST_F(IoComplexityTest, decodingIsND) {
  for (int64_t n : {1024, 4096, 16384})
    for (int64_t d : {32, 64, 128})
      for (int64_t m : {4 * d * d, 16 * d * d})
        for (int64_t splits : {1, 2, 8}) {
          double counted = splits * moved("flash", 1, n / splits, d, m);
          double ratio = counted / decodingIo(problem(1, n, d, m), splits);
          EXPECT_GE(ratio, 1.9);
          EXPECT_LE(ratio, 2);
        }
}
