//===- TilePlanTest.cpp - What kernels visit and move ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plans against numbers done by hand, against the reference, and their errors.
//
//===----------------------------------------------------------------------===//

#include "PlanSupport.h"

#include "attn/Reference/Reference.h"

#include <random>

using namespace attn;
using namespace mlir::tile;

namespace {
class TilePlanTest : public PlanTest {
protected:
  /// A kernel of 4 rows x 2 keys tiles on one head of dimension 8, with
  /// `before` before its loop; the loop runs from `lower` to `upper` and the
  /// first key of a tile is `origin`.
  static std::string kernel(const std::string &before, const std::string &lower,
                            const std::string &upper, const std::string &origin,
                            const std::string &attributes = "") {
    return R"(
!m = memref<?x1x?x8xf32, strided<[?, ?, ?, 1], offset: ?>>
func.func @f(%q: !m {attn.name = "query", attn.role = "input"},
             %k: !m {attn.name = "key", attn.role = "input"},
             %n: index {attn.name = "limit", attn.role = "input"},
             %o: !m {attn.name = "output", attn.role = "output",
                     attn.shape = ["query[0]", 1, "query[2]", 8]}) {
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %rows = memref.dim %q, %c2 : !m
  %tiles = arith.ceildivui %rows, %c4 : index
  tile.launch @k[%tiles](%q, %k, %n, %o) : !m, !m, index, !m
  return
}
tile.kernel @k(%work: index, %q: !m, %k: !m, %n: index, %o: !m) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %zero = tile.map() : () -> !tile.tile<4x2xf32> {
    %z = arith.constant 0.0 : f32
    tile.yield %z : f32
  }
  %row = arith.muli %work, %c4 : index
  %Q = tile.view %q[%c0, %c0, rows, cols] : !m
  %K = tile.view %k[%c0, %c0, rows, cols] : !m
  %O = tile.view %o[%c0, %c0, rows, cols] : !m
  %tq = tile.load %Q[%row, %c0] : !tile.view<f32> -> !tile.tile<4x8xf32>
)" + before +
           "  %r = scf.for %t = " + lower + " to " + upper + R"( step %c1
      iter_args(%a = %zero) -> (!tile.tile<4x2xf32>) {
    )" + origin +
           R"(
    %tk = tile.load %K[%j, %c0] : !tile.view<f32> -> !tile.tile<2x8xf32>
    %s = tile.dot %tq, %tk, %a transpose_b : (!tile.tile<4x8xf32>,
        !tile.tile<2x8xf32>, !tile.tile<4x2xf32>) -> !tile.tile<4x2xf32>
    scf.yield %s : !tile.tile<4x2xf32>
  })" + attributes +
           R"(
  tile.store %r, %O[%row, %c0] : !tile.tile<4x2xf32>, !tile.view<f32>
  tile.return
})";
  }
  static constexpr const char *timesTwo = "%j = arith.muli %t, %c2 : index";

  static std::vector<PlanArgument> sizes(int64_t queries, int64_t keys) {
    return {{{1, 1, queries, 8}, {}}, {{1, 1, keys, 8}, {}}, {{}, {}}};
  }

  std::string visits(const Sweep &sweep) {
    std::string text;
    for (int64_t q = 0; q < sweep.queryTiles; ++q) {
      for (int64_t k = 0; k < sweep.keyTiles; ++k)
        text += ".pF"[int(sweep.at(0, 0, q, k))];
      text += "|";
    }
    return text;
  }

  /// The diagnostic of a plan that fails.
  std::string error(mlir::func::FuncOp entry,
                    const std::vector<PlanArgument> &arguments) {
    messages.clear();
    EXPECT_TRUE(mlir::failed(planTiles(entry, arguments)));
    return messages;
  }
};
} // namespace

TEST_F(TilePlanTest, LoopsAreRun) {
  // Query tile w visits key tiles w .. 2.
  mlir::FailureOr<TilePlan> plan =
      planTiles(parse(kernel("%c3 = arith.constant 3 : index\n", "%work", "%c3",
                             timesTwo)),
                sizes(10, 5));
  ASSERT_TRUE(mlir::succeeded(plan)) << messages;
  ASSERT_EQ(plan->sweeps.size(), 1u);
  const Sweep &sweep = plan->sweeps[0];
  EXPECT_EQ(sweep.kernel, "k");
  EXPECT_EQ(sweep.tileQ, 4);
  EXPECT_EQ(sweep.tileKv, 2);
  EXPECT_EQ(visits(sweep), "ppp|.pp|..p|");
  EXPECT_EQ(sweep.count(Visit::partial), 6);
  EXPECT_EQ(sweep.repeats, 0);
}

TEST_F(TilePlanTest, OnlyWhatIsInsideOfAViewIsMoved) {
  mlir::FailureOr<TilePlan> plan = planTiles(
      parse(kernel("%c3 = arith.constant 3 : index\n", "%c0", "%c3", timesTwo)),
      sizes(10, 5));
  ASSERT_TRUE(mlir::succeeded(plan)) << messages;
  ASSERT_EQ(plan->tensors.size(), 3u);
  // 10 rows of 8; 5 keys of 8 for each of 3 query tiles; 2 columns of 10 rows.
  EXPECT_EQ(plan->tensors[0].name, "query");
  EXPECT_EQ(plan->tensors[0].bytes, 320);
  EXPECT_EQ(plan->tensors[0].loadedBytes, 10 * 8 * 4);
  EXPECT_EQ(plan->tensors[1].loadedBytes, 3 * 5 * 8 * 4);
  EXPECT_EQ(plan->tensors[2].storedBytes, 10 * 2 * 4);
  EXPECT_EQ(plan->tensors[2].loadedBytes, 0);
  EXPECT_EQ(plan->movedBytes(), 320 + 480 + 80);
  EXPECT_EQ(plan->launches[0].tasks, 3);
  EXPECT_EQ(plan->flops(), 9 * 2 * 4 * 2 * 8);
}

TEST_F(TilePlanTest, MarksAndRepeatsAreSeen) {
  mlir::FailureOr<TilePlan> plan =
      planTiles(parse(kernel("", "%c0", "%c2", "%j = arith.constant 2 : index",
                             " {tile.visit = \"full\"}")),
                sizes(4, 5));
  ASSERT_TRUE(mlir::succeeded(plan)) << messages;
  EXPECT_EQ(visits(plan->sweeps[0]), ".F.|");
  EXPECT_EQ(plan->sweeps[0].repeats, 1);
}

TEST_F(TilePlanTest, ValuesAreUsedOnlyWhereTheyMatter) {
  mlir::func::FuncOp entry = parse(kernel("", "%c0", "%n", timesTwo));
  std::vector<PlanArgument> arguments = sizes(4, 8);
  EXPECT_NE(error(entry, arguments)
                .find("argument 'limit' decides which tiles are visited, but "
                      "its value was not given"),
            std::string::npos)
      << messages;
  arguments[2].elements = {3};
  mlir::FailureOr<TilePlan> plan = planTiles(entry, arguments);
  ASSERT_TRUE(mlir::succeeded(plan)) << messages;
  EXPECT_EQ(visits(plan->sweeps[0]), "ppp.|");
  // Not needed, not missed.
  EXPECT_TRUE(mlir::succeeded(planTiles(
      parse(kernel("%x = arith.addi %n, %n : index\n", "%c0", "%c1", timesTwo)),
      sizes(4, 8))));
}

TEST_F(TilePlanTest, WhatCannotBeEvaluatedIsAnErrorThere) {
  std::string before = "%e = arith.constant 2.0 : f32\n"
                       "%i = arith.fptosi %e : f32 to i64\n"
                       "%u = arith.index_cast %i : i64 to index\n";
  std::string message =
      error(parse(kernel(before, "%c0", "%u", timesTwo)), sizes(4, 8));
  EXPECT_NE(message.find("'arith.fptosi' op cannot be evaluated"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("\"test\":"), std::string::npos) << message;

  message = error(parse(kernel("%u = arith.divui %c1, %c0 : index\n", "%c0",
                               "%u", timesTwo)),
                  sizes(4, 8));
  EXPECT_NE(message.find("'arith.divui' op divides by zero"), std::string::npos)
      << message;
  message = error(parse(kernel("", "%c0", "%c4", timesTwo)), sizes(4, 4));
  EXPECT_NE(message.find("which lie outside of the tensors"), std::string::npos)
      << message;
  message =
      error(parse(kernel("", "%c0", "%c4", "%j = arith.addi %t, %c1 : index")),
            sizes(4, 8));
  EXPECT_NE(message.find("the tile plan expects multiples of the tile sizes"),
            std::string::npos)
      << message;
}

TEST_F(TilePlanTest, ArgumentsAreChecked) {
  mlir::func::FuncOp entry = parse(kernel("", "%c0", "%c1", timesTwo));
  std::vector<PlanArgument> few(2, {{1, 1, 4, 8}, {}});
  EXPECT_NE(error(entry, few).find("takes more than the 2 arguments"),
            std::string::npos);
  std::vector<PlanArgument> rank = sizes(4, 8);
  rank[1].shape = {1, 1, 4};
  EXPECT_NE(error(entry, rank)
                .find("argument 'key' has rank 4, but a shape of "
                      "rank 3 was given"),
            std::string::npos);
  std::vector<PlanArgument> fixed = sizes(4, 8);
  fixed[0].shape = {1, 1, 4, 7};
  EXPECT_NE(error(entry, fixed).find("cannot have size 7 in dimension 3"),
            std::string::npos);
  std::vector<PlanArgument> huge = sizes(int64_t(1) << 40, int64_t(1) << 40);
  EXPECT_NE(error(entry, huge).find("more than 67108864 pairs of tiles"),
            std::string::npos)
      << messages;
}

TEST_F(TilePlanTest, EveryAlgorithmHasItsPassesAndWorkspace) {
  for (auto [algorithm, passes, launches, workspace] :
       {std::tuple{"flash", 1, 1, 0}, std::tuple{"memory-efficient", 2, 1, 0},
        std::tuple{"standard", 2, 3, 2 * 4 * 20 * 30 * 4}}) {
    SCOPED_TRACE(algorithm);
    mlir::FailureOr<TilePlan> plan =
        planTiles(lower(attention(4, 2, 16), algorithm, 16, 8),
                  arguments(2, 4, 2, 20, 30, 16));
    ASSERT_TRUE(mlir::succeeded(plan)) << messages;
    EXPECT_EQ(plan->sweeps.size(), size_t(passes));
    EXPECT_EQ(plan->launches.size(), size_t(launches));
    EXPECT_EQ(plan->workspaceBytes, workspace);
    for (const Sweep &sweep : plan->sweeps) {
      EXPECT_EQ(sweep.batches, 2);
      EXPECT_EQ(sweep.kvHeads, 2);
      EXPECT_EQ(sweep.queryTiles, 3); // 20 queries of 2 heads, 16 at a time
      EXPECT_EQ(sweep.keyTiles, 4);
      EXPECT_EQ(sweep.count(Visit::none), 0);
      EXPECT_EQ(sweep.repeats, 0);
    }
  }
}

// Whatever the mask, a kernel visits each tile that is not empty once in each
// pass, and leaves out the mask only where every score is kept. For a
// conjunction of comparisons it visits nothing else.
TEST_F(TilePlanTest, AgreesWithTheReference) {
  struct Mask {
    const char *clauses;
    bool isTight;
  };
  const Mask masks[] = {
      {"", true},
      {"mask(#attn.causal)", true},
      {R"(mask(#attn.causal) mask_mod (%b, %h, %i, %j) {
            %keys = attn.length key : index
            %queries = attn.length query : index
            %offset = arith.subi %keys, %queries : index
            %at = arith.addi %i, %offset : index
            %d = arith.subi %at, %j : index
            %c = arith.constant 9 : index
            %r = arith.cmpi sle, %d, %c : index
            attn.yield %r : i1 })",
       true},
      {R"(mask_mod (%b, %h, %i, %j) {
            %c = arith.constant 13 : index
            %r = arith.cmpi slt, %j, %c : index
            attn.yield %r : i1 })",
       true},
      {R"(mask_mod (%b, %h, %i, %j) {
            %c = arith.constant 3 : index
            %m = arith.remui %j, %c : index
            %r = arith.cmpi eq, %m, %b : index
            attn.yield %r : i1 })",
       false},
      {R"(mask_mod (%b, %h, %i, %j) {
            %c = arith.constant 5 : index
            %s = arith.muli %h, %c : index
            %near = arith.cmpi sge, %j, %s : index
            %same = arith.cmpi eq, %i, %j : index
            %r = arith.ori %near, %same : i1
            attn.yield %r : i1 })",
       false},
  };
  std::mt19937 random(7);
  auto upTo = [&](int64_t most) { return int64_t(random() % most) + 1; };
  for (const Mask &mask : masks)
    for (int trial = 0; trial < 12; ++trial) {
      int64_t kvHeads = upTo(2), group = upTo(3), batch = upTo(2);
      int64_t queries = upTo(40), keys = upTo(40);
      int64_t tileQ = 4 * upTo(4), tileKv = 2 * upTo(6);
      SCOPED_TRACE(std::string(mask.clauses) + " trial " +
                   std::to_string(trial));
      std::string text = attention(kvHeads * group, kvHeads, 8, mask.clauses);
      std::vector<PlanArgument> plain =
          arguments(batch, kvHeads * group, kvHeads, queries, keys, 8);
      std::vector<reference::Array> inputs;
      for (const PlanArgument &argument : plain)
        inputs.push_back({argument.shape, {}});
      llvm::Expected<reference::TileMap> map =
          reference::classifyTiles(parse(text), inputs, tileQ, tileKv);
      ASSERT_TRUE(bool(map)) << llvm::toString(map.takeError());
      const char *algorithm = trial % 2 ? "flash" : "memory-efficient";
      mlir::FailureOr<TilePlan> plan =
          planTiles(lower(text, algorithm, tileQ, tileKv), plain);
      ASSERT_TRUE(mlir::succeeded(plan)) << messages;
      for (const Sweep &sweep : plan->sweeps) {
        EXPECT_EQ(sweep.repeats, 0);
        for (int64_t b = 0; b < batch; ++b)
          for (int64_t g = 0; g < kvHeads; ++g)
            for (int64_t q = 0; q < map->queryTiles; ++q)
              for (int64_t k = 0; k < map->keyTiles; ++k) {
                Visit visit = sweep.at(b, g, q, k);
                reference::TileKind kind = map->at(b, g, q, k);
                if (mask.isTight) {
                  EXPECT_EQ(int(visit), int(kind));
                }
                if (kind != reference::TileKind::full) {
                  EXPECT_NE(visit, Visit::full);
                }
                if (kind != reference::TileKind::empty) {
                  EXPECT_NE(visit, Visit::none);
                }
              }
      }
    }
}
