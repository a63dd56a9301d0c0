//===- ReferenceTest.cpp - The reference against numbers done by hand -----===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceTestSupport.h"

using namespace attn::reference;

namespace {

TEST_F(ReferenceTest, TwoQueriesThreeKeysByHand) {
  // The scores are log 1, log 2, log 5 in the first row and 0 in the second;
  // the logarithms are those of f32, so that the inputs are exact.
  double l2 = std::log(2.f), l5 = std::log(5.f);
  Result result = valueOf(
      evaluate(entry(1, 1, 1, 2, "scale(2.0)"),
               {array({1, 1, 2, 1}, {0.5, 0}), array({1, 1, 3, 1}, {0, l2, l5}),
                array({1, 1, 3, 2}, {1, 10, 2, 20, 4, 40})}));
  double w1 = std::exp(l2), w2 = std::exp(l5), sum = 1 + w1 + w2;
  double o = (1 + 2 * w1 + 4 * w2) / sum;
  EXPECT_EQ(result.output.shape, (std::vector<int64_t>{1, 1, 2, 2}));
  expectNear(result.output.data, {o, 10 * o, 7. / 3, 70. / 3});
  EXPECT_NEAR(o, 25. / 8, 1e-6);
  EXPECT_EQ(result.lse.shape, (std::vector<int64_t>{1, 1, 2}));
  expectNear(result.lse.data, {std::log(sum), std::log(3.)});
  EXPECT_EQ(result.kept, (std::vector<int64_t>{3, 3}));
}

TEST_F(ReferenceTest, DefaultScaleIsInverseRootOfHeadDim) {
  Result result = valueOf(
      evaluate(entry(1, 1, 4, 1, ""),
               {array({1, 1, 1, 4}, {1, 2, 3, 4}),
                array({1, 1, 1, 4}, {1, 1, 1, 1}), array({1, 1, 1, 1}, {7})}));
  expectNear(result.lse.data, {5});
  expectNear(result.output.data, {7});
}

TEST_F(ReferenceTest, CausalIsAlignedBottomRight) {
  // With zero scores the output is the mean of the kept values.
  auto run = [&](int64_t queries, int64_t keys) {
    return valueOf(evaluate(
        entry(1, 1, 1, 1, "mask(#attn.causal)"),
        {zeros({1, 1, queries, 1}), zeros({1, 1, keys, 1}),
         generated({1, 1, keys, 1}, [](int64_t j) { return 2 * j; })}));
  };
  Result square = run(3, 3);
  EXPECT_EQ(square.kept, (std::vector<int64_t>{1, 2, 3}));
  expectNear(square.output.data, {0, 1, 2});

  Result moreKeys = run(2, 5);
  EXPECT_EQ(moreKeys.kept, (std::vector<int64_t>{4, 5}));
  expectNear(moreKeys.output.data, {3, 4});
  expectNear(moreKeys.lse.data, {std::log(4.), std::log(5.)});

  Result moreQueries = run(4, 2);
  EXPECT_EQ(moreQueries.kept, (std::vector<int64_t>{0, 0, 1, 2}));
  expectNear(moreQueries.output.data, {0, 0, 0, 1});
  expectNear(moreQueries.lse.data, {-infinity, -infinity, 0, std::log(2.)});
}

TEST_F(ReferenceTest, NoKeysAtAll) {
  Result result = valueOf(
      evaluate(entry(1, 1, 1, 2, ""), {zeros({1, 1, 2, 1}), zeros({1, 1, 0, 1}),
                                       zeros({1, 1, 0, 2})}));
  expectNear(result.output.data, {0, 0, 0, 0});
  expectNear(result.lse.data, {-infinity, -infinity});
}

TEST_F(ReferenceTest, QueryHeadsShareKvHeadsInOrder) {
  // Value = 100 b + KV head; query heads 0..2 use KV head 0, 3..5 use 1.
  Result result = valueOf(
      evaluate(entry(6, 2, 1, 1, ""), {zeros({2, 6, 1, 1}), zeros({2, 2, 1, 1}),
                                       array({2, 2, 1, 1}, {0, 1, 100, 101})}));
  expectNear(result.output.data,
             {0, 0, 0, 1, 1, 1, 100, 100, 100, 101, 101, 101});
}

TEST_F(ReferenceTest, WideHeadsAndManyKeys) {
  // Sizes that are no multiple of any block, against the definition.
  const int64_t queries = 19, keys = 37, dim = 5, valueDim = 35;
  auto noise = [](int64_t n) {
    return static_cast<float>(std::sin(12.9898 * double(n + 1)));
  };
  Array q = generated({1, 1, queries, dim}, noise),
        k = generated({1, 1, keys, dim}, noise),
        v = generated({1, 1, keys, valueDim}, noise);
  mlir::func::FuncOp f = entry(1, 1, dim, valueDim, "mask(#attn.causal)");
  Result result = valueOf(evaluate(f, {q, k, v}));
  for (int64_t i = 0; i < queries; ++i) {
    double sum = 0;
    std::vector<double> row(valueDim);
    for (int64_t j = 0; j <= i + keys - queries; ++j) {
      double dot = 0;
      for (int64_t d = 0; d < dim; ++d)
        dot += q.data[i * dim + d] * k.data[j * dim + d];
      double weight = std::exp(dot / std::sqrt(double(dim)));
      sum += weight;
      for (int64_t c = 0; c < valueDim; ++c)
        row[c] += weight * v.data[j * valueDim + c];
    }
    EXPECT_NEAR(result.lse.data[i], std::log(sum), 1e-13);
    for (int64_t c = 0; c < valueDim; ++c)
      EXPECT_NEAR(result.output.data[i * valueDim + c], row[c] / sum, 1e-13);
  }

  std::vector<float> plain = valueOf(plainAttention(f, {q, k, v}));
  std::vector<float> lse(result.lse.data.begin(), result.lse.data.end());
  Comparison comparison = compare(result, plain, lse);
  EXPECT_LT(comparison.maxAbsError, 1e-6);
  EXPECT_GT(comparison.maxAbsError, 0);
  EXPECT_LT(comparison.maxRowRelativeError, 1e-6);
  EXPECT_LT(comparison.lseError, 1e-7);
}

TEST_F(ReferenceTest, ScoreModSeesScaledScoreInNaturalUnits) {
  // q.k = 6, scale 0.5: the region gets 3, and its result is the LSE.
  auto run = [&](const std::string &body) {
    Result result = valueOf(evaluate(
        entry(1, 1, 1, 1,
              "scale(0.5) score_mod (%s, %b, %h, %i, %j) {" + body + "}"),
        {array({1, 1, 1, 1}, {2}), array({1, 1, 1, 1}, {3}),
         array({1, 1, 1, 1}, {1})}));
    return result.lse.data.at(0);
  };
  EXPECT_EQ(run("attn.yield %s : f32"), 3);
  EXPECT_EQ(run("%c = arith.constant 10.0 : f32\n"
                "%r = arith.mulf %s, %c : f32\nattn.yield %r : f32"),
            30);
  // Softcap; no rounding to f32 on the way.
  EXPECT_EQ(run("%c = arith.constant 5.0 : f32\n"
                "%x = arith.divf %s, %c : f32\n%t = math.tanh %x : f32\n"
                "%r = arith.mulf %t, %c : f32\nattn.yield %r : f32"),
            5 * std::tanh(3. / 5));
}

TEST_F(ReferenceTest, FloatOpsInScoreMod) {
  // The score is 2.5, %c is -0.75; the result of the op is the LSE.
  auto run = [&](const std::string &op) {
    Result result =
        valueOf(evaluate(entry(1, 1, 1, 1,
                               "scale(1.0) score_mod (%s, %b, %h, %i, %j) {\n"
                               "%c = arith.constant -0.75 : f32\n%r = " +
                                   op + " : f32\nattn.yield %r : f32\n}"),
                         {array({1, 1, 1, 1}, {2.5}), array({1, 1, 1, 1}, {1}),
                          array({1, 1, 1, 1}, {1})}));
    return result.lse.data.at(0);
  };
  EXPECT_EQ(run("arith.addf %s, %c"), 1.75);
  EXPECT_EQ(run("arith.subf %c, %s"), -3.25);
  EXPECT_EQ(run("arith.divf %s, %c"), 2.5 / -0.75);
  EXPECT_EQ(run("arith.remf %s, %c"), 0.25);
  EXPECT_EQ(run("arith.negf %s"), -2.5);
  EXPECT_EQ(run("arith.maximumf %c, %s"), 2.5);
  EXPECT_EQ(run("arith.maxnumf %s, %c"), 2.5);
  EXPECT_EQ(run("arith.minimumf %s, %c"), -0.75);
  EXPECT_EQ(run("arith.minnumf %c, %s"), -0.75);
  EXPECT_EQ(run("math.exp %s"), std::exp(2.5));
  EXPECT_EQ(run("math.exp2 %s"), std::exp2(2.5));
  EXPECT_EQ(run("math.expm1 %c"), std::expm1(-0.75));
  EXPECT_EQ(run("math.log %s"), std::log(2.5));
  EXPECT_EQ(run("math.log2 %s"), std::log2(2.5));
  EXPECT_EQ(run("math.log1p %c"), std::log1p(-0.75));
  EXPECT_EQ(run("math.sin %s"), std::sin(2.5));
  EXPECT_EQ(run("math.cos %s"), std::cos(2.5));
  EXPECT_EQ(run("math.erf %c"), std::erf(-0.75));
  EXPECT_EQ(run("math.sqrt %s"), std::sqrt(2.5));
  EXPECT_EQ(run("math.rsqrt %s"), 1 / std::sqrt(2.5));
  EXPECT_EQ(run("math.absf %c"), 0.75);
  EXPECT_EQ(run("math.floor %s"), 2);
  EXPECT_EQ(run("math.ceil %s"), 3);
  EXPECT_EQ(run("math.round %s"), 3);
  EXPECT_EQ(run("math.roundeven %s"), 2);
  EXPECT_EQ(run("math.powf %s, %c"), std::pow(2.5, -0.75));
  EXPECT_EQ(run("math.copysign %s, %c"), -2.5);
  EXPECT_EQ(run("math.fma %s, %c, %s"), std::fma(2.5, -0.75, 2.5));
}

TEST_F(ReferenceTest, ScoreOfMinusInfinityIsAMaskedKey) {
  Result result =
      valueOf(evaluate(entry(1, 1, 1, 1, R"(score_mod (%s, %b, %h, %i, %j) {
        %inf = arith.constant 0xFF800000 : f32
        %one = arith.constant 1 : index
        %drop = arith.cmpi eq, %j, %one : index
        %r = arith.select %drop, %inf, %s : f32
        attn.yield %r : f32
      })"),
                       {zeros({1, 1, 1, 1}), zeros({1, 1, 3, 1}),
                        array({1, 1, 3, 1}, {1, notANumber, 3})}));
  EXPECT_EQ(result.kept, (std::vector<int64_t>{2}));
  expectNear(result.output.data, {2});
}

TEST_F(ReferenceTest, MaskModWithCapturedWindow) {
  mlir::func::FuncOp f =
      entry(1, 1, 1, 1, R"(mask(#attn.causal)
      mask_mod (%b, %h, %i, %j) {
        %nq = attn.length query : index
        %nk = attn.length key : index
        %shift = arith.subi %nk, %nq : index
        %at = arith.addi %i, %shift : index
        %d = arith.subi %at, %j : index
        %keep = arith.cmpi slt, %d, %w : index
        attn.yield %keep : i1
      })",
            ", %window: i32", "%w = arith.index_cast %window : i32 to index");
  std::vector<Array> inputs = {
      zeros({1, 1, 3, 1}), zeros({1, 1, 5, 1}),
      generated({1, 1, 5, 1}, [](int64_t j) { return j; }), array({}, {2})};
  Result result = valueOf(evaluate(f, inputs));
  EXPECT_EQ(result.kept, (std::vector<int64_t>{2, 2, 2}));
  expectNear(result.output.data, {1.5, 2.5, 3.5});
  inputs[3].data[0] = 4;
  EXPECT_EQ(valueOf(keptCounts(f, inputs)), (std::vector<int64_t>{3, 4, 4}));
  inputs[3].data[0] = 0;
  result = valueOf(evaluate(f, inputs));
  expectNear(result.output.data, {0, 0, 0});
  expectNear(result.lse.data, {-infinity, -infinity, -infinity});
}

TEST_F(ReferenceTest, SlopeTableAndQueryPosition) {
  // score = slope[h] * (j - i).
  Result result =
      valueOf(evaluate(entry(2, 1, 1, 1, R"(score_mod (%s, %b, %h, %i, %j) {
        %slope = tensor.extract %slopes[%h] : tensor<2xf32>
        %d = arith.subi %j, %i : index
        %n = arith.index_cast %d : index to i32
        %x = arith.sitofp %n : i32 to f32
        %bias = arith.mulf %slope, %x : f32
        %r = arith.addf %s, %bias : f32
        attn.yield %r : f32
      })",
                             ", %slopes: tensor<2xf32>"),
                       {zeros({1, 2, 2, 1}), zeros({1, 1, 2, 1}),
                        array({1, 1, 2, 1}, {0, 1}), array({2}, {0.5, 2})}));
  auto lse = [](double a, double b) {
    return std::log(std::exp(a) + std::exp(b));
  };
  expectNear(result.lse.data,
             {lse(0, 0.5), lse(-0.5, 0), lse(0, 2), lse(-2, 0)});
}

TEST_F(ReferenceTest, CombineByHand) {
  module = mlir::parseSourceString<mlir::ModuleOp>(
      R"(!o = tensor<?x?x1x?x2xf32>
         !l = tensor<?x?x1x?xf32>
         !r = tensor<?x1x?x2xf32>
         func.func @f(%o: !o, %l: !l) -> !r {
           %r = attn.combine %o, %l : (!o, !l) -> !r
           return %r : !r
         }
         func.func @two(%o: !o, %l: !l) -> !r {
           %r = attn.combine %o, %l : (!o, !l) -> !r
           %s = attn.combine %o, %l : (!o, !l) -> !r
           return %s : !r
         })",
      &context);
  ASSERT_TRUE(module);
  auto f = *module->getOps<mlir::func::FuncOp>().begin();
  // Four queries: weights 1 and 3 (nearly: log 3 is that of f32); only the
  // second part; no part; NaN.
  double l3 = std::log(3.f), sum = 1 + std::exp(l3);
  double nan = notANumber;
  std::vector<Array> inputs = {
      array({2, 1, 1, 4, 2}, {4, 8, nan, nan, nan, 1, 1, 1, //
                              8, 4, 5, 6, nan, nan, 1, 1}),
      array({2, 1, 1, 4}, {0, -infinity, -infinity, nan, l3, 7, -infinity, 0})};
  Result result = valueOf(evaluate(f, inputs));
  EXPECT_EQ(result.output.shape, (std::vector<int64_t>{1, 1, 4, 2}));
  EXPECT_EQ(result.lse.shape, (std::vector<int64_t>{1, 1, 4}));
  EXPECT_EQ(result.kept, (std::vector<int64_t>{2, 1, 0, 2}));
  for (double value :
       {result.output.data[6], result.output.data[7], result.lse.data[3]})
    EXPECT_TRUE(std::isnan(value));
  result.output.data.resize(6);
  result.lse.data.resize(3);
  expectNear(result.output.data, {(4 + 8 * std::exp(l3)) / sum,
                                  (8 + 4 * std::exp(l3)) / sum, 5, 6, 0, 0});
  expectNear(result.lse.data, {std::log(sum), 7, -infinity});
  std::vector<float> plain = valueOf(plainAttention(f, inputs));
  EXPECT_FLOAT_EQ(plain[0], 7);
  EXPECT_FLOAT_EQ(plain[1], 5);

  inputs[1].shape = {2, 1, 1, 3};
  inputs[1].data.resize(6);
  EXPECT_NE(errorOf(evaluate(f, inputs))
                .find("outputs [2, 1, 1, 4, 2] and lses [2, 1, 1, 3] do not "
                      "fit each other"),
            std::string::npos);
  inputs[1] = array({2, 1, 1, 4});
  EXPECT_NE(errorOf(evaluate(f, inputs)).find("one has none"),
            std::string::npos);
  auto two = module->lookupSymbol<mlir::func::FuncOp>("two");
  EXPECT_NE(errorOf(evaluate(two, inputs))
                .find("has 2 attn.attention and attn.combine ops"),
            std::string::npos);
}

TEST_F(ReferenceTest, MaskByTableOfDocuments) {
  // The mask depends on the batch; the table is indexed by both positions.
  mlir::func::FuncOp f = entry(2, 1, 1, 1, R"(mask_mod (%b, %h, %i, %j) {
        %x = tensor.extract %documents[%b, %i] : tensor<?x?xi32>
        %y = tensor.extract %documents[%b, %j] : tensor<?x?xi32>
        %keep = arith.cmpi eq, %x, %y : i32
        attn.yield %keep : i1
      })",
                               ", %documents: tensor<?x?xi32>");
  std::vector<Array> inputs = {array({2, 2, 3, 1}), array({2, 1, 3, 1}),
                               array({2, 1, 3, 1}),
                               array({2, 3}, {-1, -1, 4, 1, 2, 3})};
  EXPECT_EQ(valueOf(keptCounts(f, inputs)),
            (std::vector<int64_t>{2, 2, 1, 2, 2, 1, 1, 1, 1, 1, 1, 1}));
  inputs[3].data.clear();
  EXPECT_NE(errorOf(keptCounts(f, inputs)).find("has no values"),
            std::string::npos);
}

TEST_F(ReferenceTest, IntegersWrapAndDivideAsTheirTypesSay) {
  // Each line is a condition that must hold.
  auto holds = [&](const std::string &body) {
    std::vector<int64_t> kept =
        valueOf(keptCounts(entry(1, 1, 1, 1,
                                 "mask_mod (%b, %h, %i, %j) {\n" + body +
                                     "\nattn.yield %r : i1\n}",
                                 ", %x: i8"),
                           {array({1, 1, 1, 1}), array({1, 1, 4, 1}),
                            array({1, 1, 4, 1}), array({}, {-7})}));
    return kept == std::vector<int64_t>{4};
  };
  auto is = [&](const std::string &op, int value) {
    return holds("%two = arith.constant 2 : i8\n%c = arith.constant " +
                 std::to_string(value) + " : i8\n%y = " + op +
                 " %x, %two : i8\n%r = arith.cmpi eq, %y, %c : i8");
  };
  EXPECT_TRUE(is("arith.divsi", -3));
  EXPECT_TRUE(is("arith.floordivsi", -4));
  EXPECT_TRUE(is("arith.ceildivsi", -3));
  EXPECT_TRUE(is("arith.remsi", -1));
  EXPECT_TRUE(is("arith.divui", 124));
  EXPECT_TRUE(is("arith.remui", 1));
  EXPECT_TRUE(is("arith.shrsi", -2));
  EXPECT_TRUE(is("arith.shrui", 62));
  EXPECT_TRUE(is("arith.shli", -28));
  EXPECT_TRUE(is("arith.maxui", -7));
  EXPECT_TRUE(is("arith.maxsi", 2));
  EXPECT_FALSE(is("arith.maxsi", -7));
  // 3 * 100 = 44 modulo 256.
  EXPECT_TRUE(holds("%a = arith.constant 100 : i8\n"
                    "%b3 = arith.constant 3 : i8\n%c = arith.constant 44 : i8\n"
                    "%y = arith.muli %a, %b3 : i8\n"
                    "%r = arith.cmpi eq, %y, %c : i8"));
  EXPECT_TRUE(holds("%y = arith.extui %x : i8 to i32\n"
                    "%c = arith.constant 249 : i32\n"
                    "%r = arith.cmpi eq, %y, %c : i32"));
  // True is all ones: sign-extended -1, zero-extended 1.
  EXPECT_TRUE(holds("%t = arith.cmpi uge, %j, %j : index\n"
                    "%y = arith.extui %t : i1 to i32\n"
                    "%z = arith.extsi %t : i1 to i32\n"
                    "%sum = arith.addi %y, %z : i32\n"
                    "%c = arith.constant 0 : i32\n"
                    "%r = arith.cmpi eq, %sum, %c : i32"));
}

TEST_F(ReferenceTest, NanInAKeptScorePropagates) {
  std::vector<Array> inputs = {array({1, 1, 2, 1}, {1, 1}),
                               array({1, 1, 2, 1}, {1, notANumber}),
                               array({1, 1, 2, 1}, {3, notANumber})};
  Result result =
      valueOf(evaluate(entry(1, 1, 1, 1, "mask(#attn.causal)"), inputs));
  // The first query does not see the key with the NaN.
  EXPECT_EQ(result.output.data[0], 3);
  EXPECT_EQ(result.lse.data[0], 1);
  EXPECT_TRUE(std::isnan(result.output.data[1]));
  EXPECT_TRUE(std::isnan(result.lse.data[1]));
}

TEST_F(ReferenceTest, TilesOfAPackedGroup) {
  // Two heads for each KV head, 4 positions: 8 rows, tiles of 4 rows by 2 keys.
  mlir::func::FuncOp f = entry(4, 2, 1, 1, "mask(#attn.causal)");
  std::vector<Array> inputs = {array({3, 4, 4, 1}), array({3, 2, 5, 1}),
                               array({3, 2, 5, 1})};
  // Kept keys for each position: 2, 3, 4, 5.  First query tile: full, partial,
  // empty; second: full, full, partial (reaches beyond key 4).
  TileMap map = valueOf(classifyTiles(f, inputs, 4, 2));
  EXPECT_EQ(map.kinds.size(), 6u * 6);
  EXPECT_EQ(map.count(TileKind::full), 6 * 3);
  EXPECT_EQ(map.count(TileKind::partial), 6 * 2);
  EXPECT_EQ(map.at(2, 1, 0, 1), TileKind::partial);
  EXPECT_EQ(map.at(2, 1, 1, 1), TileKind::full);
}

TEST_F(ReferenceTest, TilesOfAMaskThatDependsOnTheHead) {
  // Odd heads keep nothing: no tile of two heads is full.
  mlir::func::FuncOp f = entry(2, 1, 1, 1, R"(mask_mod (%b, %h, %i, %j) {
        %even = arith.constant 0 : index
        %keep = arith.cmpi eq, %h, %even : index
        attn.yield %keep : i1
      })");
  std::vector<Array> inputs = {array({1, 2, 4, 1}), array({1, 1, 4, 1}),
                               array({1, 1, 4, 1})};
  TileMap map = valueOf(classifyTiles(f, inputs, 2, 2));
  EXPECT_EQ(map.kinds.size(), 8u);
  EXPECT_EQ(map.count(TileKind::partial), 8);
}

TEST_F(ReferenceTest, ComparisonTreatsEmptyRowsExactly) {
  Result reference;
  reference.output = array({1, 1, 2, 2}, {0, 0, 3, 4});
  reference.lse = array({1, 1, 2}, {-infinity, 20});
  const float minusInfinity = -std::numeric_limits<float>::infinity();

  Comparison good = compare(reference, {0, 0, 3, 4.5}, {minusInfinity, 20.5});
  EXPECT_EQ(good.maxAbsError, 0.5);
  EXPECT_EQ(good.maxRowRelativeError, 0.1);
  EXPECT_EQ(good.lseError, 0.025);

  Comparison bad = compare(reference, {0, 1e-30f, 3, 4}, {-1e30f, 20});
  EXPECT_LT(bad.maxAbsError, 1e-29);
  EXPECT_EQ(bad.maxRowRelativeError, infinity);
  EXPECT_EQ(bad.lseError, infinity);

  Comparison nan = compare(reference, {0, 0, NAN, 4}, {minusInfinity, NAN});
  EXPECT_EQ(nan.maxAbsError, infinity);
  EXPECT_EQ(nan.maxRowRelativeError, infinity);
  EXPECT_EQ(nan.lseError, infinity);
}

TEST_F(ReferenceTest, ErrorsSayWhatIsWrong) {
  std::vector<Array> inputs = {zeros({1, 1, 1, 1}), zeros({1, 1, 2, 1}),
                               zeros({1, 1, 2, 1})};
  auto contains = [](const std::string &text, const std::string &part) {
    return text.find(part) != std::string::npos ? "" : text;
  };
  mlir::func::FuncOp f = entry(1, 1, 1, 1, R"(score_mod (%s, %b, %h, %i, %j) {
        %n = arith.bitcast %s : f32 to i32
        %r = arith.bitcast %n : i32 to f32
        attn.yield %r : f32
      })");
  EXPECT_EQ(contains(errorOf(evaluate(f, inputs)), "'arith.bitcast'"), "");

  f = entry(1, 1, 1, 1, "");
  inputs[1].shape = {1, 1, 2};
  EXPECT_EQ(contains(errorOf(evaluate(f, inputs)),
                     "input 1 has the shape [1, 1, 2], expected [?, 1, ?, 1]"),
            "");
  inputs[1] = array({1, 1, 2, 1});
  EXPECT_EQ(contains(errorOf(evaluate(f, inputs)), "need values"), "");
  inputs[1] = zeros({1, 1, 3, 1});
  EXPECT_EQ(contains(errorOf(evaluate(f, inputs)), "do not fit"), "");
  inputs.pop_back();
  EXPECT_EQ(contains(errorOf(evaluate(f, inputs)), "2 inputs were given"), "");
}

TEST_F(ReferenceTest, OutOfBoundsFailsAtKeptKeysOnly) {
  auto run = [&](const std::string &mask) {
    return evaluate(entry(1, 1, 1, 1,
                          mask + R"( score_mod (%s, %b, %h, %i, %j) {
        %d = arith.subi %i, %j : index
        %r = tensor.extract %bias[%d] : tensor<?xf32>
        attn.yield %r : f32
      })",
                          ", %bias: tensor<?xf32>"),
                    {zeros({1, 1, 2, 1}), zeros({1, 1, 2, 1}),
                     zeros({1, 1, 2, 1}), array({2}, {1, 2})});
  };
  EXPECT_NE(errorOf(run("")).find("index out of bounds"), std::string::npos);
  EXPECT_EQ(valueOf(run("mask(#attn.causal)")).kept,
            (std::vector<int64_t>{1, 2}));
}

} // namespace
