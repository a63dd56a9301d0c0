//===- ClausesTest.cpp - Sinks and dropout by the host API ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ApiTestSupport.h"

#include <gtest/gtest.h>

using namespace attn;
using namespace attn::test;

namespace {

class ClausesTest : public ::testing::Test {
protected:
  ClausesTest() : engine(cpu(), makeOptions()) {
    spec = makeSpec(shape);
    spec.lse = true;
  }

  /// Runs `spec` on `problem`; `setValues` sets what is given at each call.
  void run(Problem &problem, const std::function<void(Args &)> &setValues) {
    Result<Kernel> kernel = engine.compile(spec);
    ASSERT_TRUE(bool(kernel)) << kernel.error().text();
    Result<Plan> plan = kernel->plan({shape.batch, shape.queries, shape.keys});
    ASSERT_TRUE(bool(plan)) << plan.error().text();
    Result<Workspace> workspace =
        Workspace::allocate(engine, plan->workspaceBytes());
    ASSERT_TRUE(bool(workspace)) << workspace.error().text();
    Args args = kernel->args();
    args.set("query", problem.q()).set("key", problem.k());
    args.set("value", problem.v()).set("output", problem.o());
    args.set("lse", problem.l());
    setValues(args);
    Result<void> ran = (*kernel)(args, *plan, *workspace);
    ASSERT_TRUE(bool(ran)) << ran.error().text();
  }

  Shape shape;
  Attention spec;
  Engine engine;
};

TEST_F(ClausesTest, ASinkTakesItsShare) {
  Problem without(shape), with(shape);
  run(without, [](Args &) {});
  const std::vector<float> logits = {0.5f, -INFINITY, 3, -2};
  spec.sinks = value("logits");
  run(with, [&](Args &args) {
    args.set("logits", Tensor(logits.data(), {shape.heads}));
  });
  for (size_t n = 0; n < with.output.size(); ++n) {
    size_t row = n / size_t(shape.valueDim);
    size_t head = row / size_t(shape.queries) % size_t(shape.heads);
    double keys = std::exp(double(without.lse[row]));
    double sum = keys + std::exp(double(logits[head]));
    EXPECT_NEAR(with.lse[row], std::log(sum), 1e-5) << row;
    EXPECT_NEAR(with.output[n], without.output[n] * keys / sum, 1e-5) << n;
  }
}

/// With query 0 and values of 1, an output is the share of keys that are left,
/// over 1 - p.
TEST_F(ClausesTest, DropoutFollowsSeedAndOffset) {
  spec.dropout = Dropout{value("p"), value("seed"), value("offset")};
  auto sharesFor = [&](float p, int64_t seed, int64_t offset) {
    Problem problem(shape);
    std::fill(problem.query.begin(), problem.query.end(), 0.f);
    std::fill(problem.value.begin(), problem.value.end(), 1.f);
    run(problem, [&](Args &args) {
      args.set("p", p).set("seed", seed).set("offset", offset);
    });
    for (float lse : problem.lse)
      EXPECT_NEAR(std::exp(lse), double(shape.keys), 1e-3);
    return problem.output;
  };
  for (float share : sharesFor(0, 1, 1))
    EXPECT_NEAR(share, 1, 1e-6);
  const int64_t large = INT64_MAX;
  std::vector<float> first = sharesFor(0.5f, large, 1);
  EXPECT_EQ(sharesFor(0.5f, large, 1), first);
  EXPECT_NE(sharesFor(0.5f, large, 2), first);
  EXPECT_NE(sharesFor(0.5f, -large, 1), first);
  double sum = 0;
  for (float share : first) {
    double left = share * 0.5 * double(shape.keys);
    EXPECT_NEAR(left, std::round(left), 1e-4);
    sum += share;
  }
  EXPECT_NEAR(sum / double(first.size()), 1, 0.02);
  EXPECT_EQ(engine.stats().compiled + engine.stats().diskHits, 1);
}

/// Lists of a predicate say the same as the predicate itself.
TEST_F(ClausesTest, BlockMasksAreMasks) {
  spec.mask = causal();
  spec.blockMask =
      BlockLists{value("offsets"), value("columns"), value("full"), 16, 16};
  spec.blockMask->perHead = spec.blockMask->status = true;
  auto keeps = [](int64_t head, int64_t i, int64_t j) {
    return (i / 16 + j / 16 + head) % 3 != 0 || j % 17 == 4;
  };
  BlockMask::Shape blocks{shape.queries, shape.keys, 16, 16, 1, shape.heads};
  Result<BlockMask> mask = BlockMask::fromPredicate(
      blocks,
      [&](int64_t, int64_t h, int64_t i, int64_t j) { return keeps(h, i, j); });
  ASSERT_TRUE(bool(mask)) << mask.error().text();
  // The scores of the block that are kept, of all that it has.
  auto count = [&](int64_t h, int64_t i, int64_t j) {
    int64_t kept = 0, all = 0;
    for (int64_t y = i / 16 * 16; y < std::min(i / 16 * 16 + 16, shape.queries);
         ++y)
      for (int64_t x = j / 16 * 16; x < std::min(j / 16 * 16 + 16, shape.keys);
           ++x, ++all)
        kept += keeps(h, y, x);
    return std::pair(kept, all);
  };
  int32_t status = -1;
  auto set = [&](Args &args) {
    args.set("offsets", mask->offsetsTensor());
    args.set("columns", mask->columnsTensor());
    args.set("full", mask->fullTensor());
    args.set("status", Tensor(&status, {1}));
  };
  Problem problem(shape);
  run(problem, set);
  EXPECT_EQ(status, 0);
  EXPECT_LT(compareWithNaive(
                problem,
                [&](double score, int64_t h, int64_t i, int64_t j) {
                  auto [kept, all] = count(h, i, j);
                  bool past = j <= i + shape.keys - shape.queries;
                  return kept == all || (kept > 0 && past) ? score : -INFINITY;
                }),
            1e-5);

  // A device's lists may have anything in them.
  mask->columns[0] = 4;
  mask->offsets[6] = -1;
  mask->offsets[size_t(blocks.rows()) + 2] = 1000000;
  run(problem, set);
  // Row 0 of head 0, and all rows of head 1.
  EXPECT_EQ(status, 4);

  mask->offsets.pop_back();
  Result<Kernel> kernel = engine.compile(spec);
  ASSERT_TRUE(bool(kernel));
  Args args = kernel->args();
  args.set("query", problem.q()).set("key", problem.k());
  args.set("value", problem.v()).set("output", problem.o());
  args.set("lse", problem.l());
  set(args);
  args.set("offsets", Tensor(mask->offsets.data(), {1, shape.heads, 3}));
  Result<Plan> plan = kernel->plan({shape.batch, shape.queries, shape.keys});
  ASSERT_TRUE(bool(plan)) << plan.error().text();
  Result<Workspace> workspace =
      Workspace::allocate(engine, plan->workspaceBytes());
  ASSERT_TRUE(bool(workspace)) << workspace.error().text();
  Result<void> ran = (*kernel)(args, *plan, *workspace);
  ASSERT_FALSE(bool(ran));
  EXPECT_NE(ran.error().text().find("dimension 2 is 3, expected 4 (query[2] / "
                                    "16 rounded up + 1)"),
            std::string::npos)
      << ran.error().text();
}

} // namespace
