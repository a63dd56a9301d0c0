//===- Checks.cpp - What is demanded of a run -----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Checks.h"

#include <cmath>
#include <limits>
#include <sstream>

using namespace attn;
using namespace attn::testing;
using reference::Array;

std::optional<Outcome>
attn::testing::expectRun(const Case &c, const std::vector<Array> &inputs,
                         const RunOptions &options) {
  Result<Outcome> result = run(c, inputs, options);
  if (result)
    return std::move(*result);
  ADD_FAILURE() << c << ": " << result.error();
  return std::nullopt;
}

std::string attn::testing::rowName(const Case &c, int64_t row) {
  return "batch " + std::to_string(row / c.queries / c.queryHeads) + ", head " +
         std::to_string(row / c.queries % c.queryHeads) + ", query " +
         std::to_string(row % c.queries);
}

/// Where the largest of `count` errors is.
template <typename Actual, typename Exact>
static size_t findWorst(size_t count, Actual actual, Exact exact) {
  size_t worst = 0;
  double largest = -1;
  for (size_t n = 0; n < count; ++n) {
    double a = actual(n), e = exact(n);
    bool agree = a == e || (std::isnan(a) && std::isnan(e));
    double error = agree ? 0 : std::fabs(a - e);
    if (std::isnan(error))
      error = std::numeric_limits<double>::infinity();
    if (error > largest) {
      largest = error;
      worst = n;
    }
  }
  return worst;
}

/// The largest errors of the results, in words.
static std::string describe(const Case &c, const reference::Result &exact,
                            const Outcome &outcome) {
  std::ostringstream text;
  text.precision(9);
  text << c;
  auto add = [&](const char *what, const std::vector<float> &actual,
                 const std::vector<double> &expected, int64_t columns) {
    if (actual.empty() || actual.size() != expected.size())
      return;
    size_t n = findWorst(
        actual.size(), [&](size_t n) { return actual[n]; },
        [&](size_t n) { return expected[n]; });
    int64_t row = n / columns;
    text << "\n"
         << what << " of " << rowName(c, row) << ", which keeps "
         << exact.kept[row] << " keys: column " << n % columns << " is "
         << actual[n] << ", expected " << expected[n];
  };
  add("output", outcome.output, exact.output.data, c.valueDim);
  add("LSE", outcome.lse, exact.lse.data, 1);
  return text.str();
}

void attn::testing::expectCriterion(const Case &c,
                                    const std::vector<Array> &inputs,
                                    const Outcome &outcome, bool largeScores) {
  auto exact = expectValue(reference::evaluate(parsed(c), inputs), c);
  if (!exact)
    return;
  reference::Comparison error =
      reference::compare(*exact, outcome.output, outcome.lse);
  double maxAbs = 1e-5, maxRelative = 1e-5, maxLse = 1e-5;
  // ALiBi makes large scores of distances.
  largeScores |= !c.score->keepsZero;
  bool isNarrow = c.type != "f32";
  if (isNarrow) {
    maxRelative = std::numeric_limits<double>::infinity();
    maxLse = 1e-3;
    error.lseError = error.lseAbsError;
  }
  // A score function can cancel a large score: what is left has its error.
  if (largeScores && *c.score->body)
    maxLse *= 8;
  // Plain attention takes time, and can only raise the limits.
  if (error.maxAbsError > maxAbs ||
      (largeScores && error.maxRowRelativeError > maxRelative)) {
    auto plain = expectValue(reference::plainAttention(parsed(c), inputs), c);
    if (!plain)
      return;
    reference::Comparison yardstick = reference::compare(*exact, *plain);
    maxAbs += 2 * yardstick.maxAbsError;
    if (largeScores)
      maxRelative += 2 * yardstick.maxRowRelativeError;
  }
  std::string worst = describe(c, *exact, outcome);
  EXPECT_LE(error.maxAbsError, maxAbs) << worst;
  EXPECT_LT(error.maxRowRelativeError, maxRelative) << worst;
  EXPECT_LT(error.lseError, maxLse) << worst;
}

void attn::testing::expectCounts(const Case &c,
                                 const std::vector<Array> &inputs,
                                 const Outcome &outcome) {
  auto kept = expectValue(reference::keptCounts(parsed(c), inputs), c);
  if (!kept)
    return;
  ASSERT_EQ(outcome.lse.size(), kept->size()) << c;
  for (size_t row = 0; row < kept->size(); ++row)
    ASSERT_EQ(std::round(std::exp(double(outcome.lse[row])) -
                         sinkWeight(c, inputs, row)),
              (*kept)[row])
        << c << ": keys of " << rowName(c, row) << ", whose LSE is "
        << outcome.lse[row];
}

double attn::testing::sinkWeight(const Case &c,
                                 const std::vector<Array> &inputs,
                                 int64_t row) {
  std::vector<Capture> captured = captures(c);
  for (size_t n = 0; n < captured.size(); ++n)
    if (captured[n].name == "sinks")
      return std::exp(inputs[3 + n].data[row / c.queries % c.queryHeads]);
  return 0;
}

void attn::testing::expectTiles(const Case &c,
                                const std::vector<reference::Array> &inputs,
                                const Outcome &outcome) {
  const ManifestEntry &entry = *(*compiled(c))->manifest().find("attention");
  auto expected = expectValue(
      reference::classifyTiles(parsed(c), inputs, entry.tileQ, entry.tileKv),
      c);
  if (!expected)
    return;
  EXPECT_EQ(outcome.stats.partialTiles,
            expected->count(reference::TileKind::partial))
      << c << ": partial tiles of " << entry.tileQ << " x " << entry.tileKv;
  EXPECT_EQ(outcome.stats.fullTiles, expected->count(reference::TileKind::full))
      << c << ": full tiles of " << entry.tileQ << " x " << entry.tileKv;
}
