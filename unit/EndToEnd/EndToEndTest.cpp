//===- EndToEndTest.cpp - Compiled kernels against the reference ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs every case of the table, on the CPU and on the emulator.  Rounding hides
// a single lost key and a single wrong access, so that the error criterion
// alone is not enough: keys are counted, scores are made large, and everything
// that is no element is NaN or may not be touched.
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "attn/Runtime/Cubin.h"

#include "llvm/Support/MemoryBuffer.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <set>

using namespace attn;
using namespace attn::testing;
using reference::Array;

namespace {

/// Two runs must give the same bits.
void expectSameBits(const Case &c, const char *what, const Outcome &a,
                    const Outcome &b) {
  auto compare = [&](const char *result, const std::vector<float> &x,
                     const std::vector<float> &y, int64_t columns) {
    ASSERT_EQ(x.size(), y.size()) << c << ": " << result;
    for (size_t n = 0; n < x.size(); ++n)
      ASSERT_EQ(std::memcmp(&x[n], &y[n], sizeof(float)), 0)
          << c << ": " << what << ": " << result << " of "
          << rowName(c, n / columns) << ", column " << n % columns << " is "
          << x[n] << " and " << y[n];
  };
  compare("output", a.output, b.output, c.valueDim);
  compare("lse", a.lse, b.lse, 1);
}

//===----------------------------------------------------------------------===//
// Tests of every case
//===----------------------------------------------------------------------===//

class EndToEnd : public ::testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    if (!isSupported(GetParam()))
      GTEST_SKIP() << "this machine lacks the instructions, or has no "
                      "AVX-512 to be left out";
  }
};

TEST_P(EndToEnd, Criterion) {
  const Case &c = GetParam();
  std::vector<Array> inputs = makeInputs(c);
  if (auto outcome = expectRun(c, inputs))
    expectCriterion(c, inputs, *outcome);
}

/// With Q = 0 all kept keys have the same weight, 1 if a sink s has exp(s).
TEST_P(EndToEnd, Count) {
  Case c = GetParam();
  if (!c.score->keepsZero)
    c.score = findScore("plain");
  std::vector<Array> inputs = makeInputs(c);
  scaleValues(inputs[0], 0);
  std::vector<Capture> captured = captures(c);
  for (size_t n = 0; n < captured.size(); ++n)
    if (captured[n].name == "slopes")
      scaleValues(inputs[3 + n], 0);
  // Without LSE, and where it does not show what was dropped, keys are counted
  // by classes: a key of class c adds 1 / (number of kept keys) to column c.
  const bool countsClasses = !c.withLse || c.dropout;
  Array &value = inputs[2];
  if (countsClasses)
    for (size_t n = 0; n < value.data.size(); ++n) {
      int64_t key = n / c.valueDim % c.keys;
      value.data[n] = key % c.valueDim == static_cast<int64_t>(n) % c.valueDim;
    }

  auto outcome = expectRun(c, inputs);
  if (!outcome)
    return;
  if (c.withLse && !*c.score->body) {
    expectCounts(c, inputs, *outcome);
    if (!countsClasses)
      return;
  }
  auto exact = expectValue(reference::evaluate(parsed(c), inputs), c);
  if (!exact)
    return;
  for (size_t row = 0; row < exact->kept.size(); ++row) {
    double kept = exact->kept[row], sink = sinkWeight(c, inputs, row);
    if (c.withLse) {
      ASSERT_EQ(std::round(std::exp(double(outcome->lse[row])) - sink), kept)
          << c << ": keys of " << rowName(c, row) << ", whose LSE is "
          << outcome->lse[row];
    }
    if (!countsClasses)
      continue;
    double keys = (kept + sink) * (1 - c.dropout.value_or(0));
    for (int64_t column = 0; column < c.valueDim; ++column) {
      size_t n = row * c.valueDim + column;
      ASSERT_EQ(std::round(keys * outcome->output[n]),
                std::round(keys * exact->output.data[n]))
          << c << ": keys j with j mod " << c.valueDim << " = " << column
          << " of " << rowName(c, row) << ", which keeps " << kept;
    }
  }
}

/// Few keys have almost all the weight: each lost one is a large error.
TEST_P(EndToEnd, Peaked) {
  const Case &c = GetParam();
  std::vector<Array> inputs = makeInputs(c);
  scaleValues(inputs[0], 8);
  if (auto outcome = expectRun(c, inputs))
    expectCriterion(c, inputs, *outcome, /*largeScores=*/true);
}

/// All memory beside the elements is NaN or may not be touched; the results
/// are those of dense tensors, and nothing else is written.
TEST_P(EndToEnd, Poison) {
  const Case &c = GetParam();
  std::vector<Array> inputs = makeInputs(c);
  auto after = expectRun(c, inputs, {Placement::guardAfter});
  auto before = expectRun(c, inputs, {Placement::guardBefore});
  if (!after || !before)
    return;
  EXPECT_EQ(after->damage, "") << c;
  EXPECT_EQ(before->damage, "") << c;
  expectSameBits(c, "at the end of a page and at its beginning", *after,
                 *before);
  for (size_t n = 0; n < after->output.size(); ++n)
    ASSERT_FALSE(std::isnan(after->output[n]))
        << c << ": output of " << rowName(c, n / c.valueDim) << ", column "
        << n % c.valueDim;
  if (c.layout == Layout::contiguous)
    return;
  Case dense = c;
  dense.layout = Layout::contiguous;
  if (auto outcome = expectRun(dense, inputs))
    expectSameBits(c, "strided and contiguous", *after, *outcome);
}

TEST_P(EndToEnd, Deterministic) {
  const Case &c = GetParam();
  std::vector<Array> inputs = makeInputs(c);
  auto first = expectRun(c, inputs);
  auto second = expectRun(c, inputs);
  auto parallel = expectRun(c, inputs, {Placement::guardAfter, /*threads=*/2});
  if (!first || !second || !parallel)
    return;
  expectSameBits(c, "first and second run", *first, *second);
  expectSameBits(c, "one and two threads", *first, *parallel);
}

std::string nameOf(const ::testing::TestParamInfo<Case> &info) {
  return info.param.name();
}

INSTANTIATE_TEST_SUITE_P(Flash, EndToEnd, ::testing::ValuesIn(casesOf("flash")),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(MemoryEfficient, EndToEnd,
                         ::testing::ValuesIn(casesOf("memory-efficient")),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Standard, EndToEnd,
                         ::testing::ValuesIn(casesOf("standard")), nameOf);
INSTANTIATE_TEST_SUITE_P(FlashDecoding, EndToEnd,
                         ::testing::ValuesIn(casesOf("flash-decoding")),
                         nameOf);

INSTANTIATE_TEST_SUITE_P(GpuFlash, EndToEnd,
                         ::testing::ValuesIn(casesOf("flash", "sm_80")),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(GpuMemoryEfficient, EndToEnd,
                         ::testing::ValuesIn(casesOf("memory-efficient",
                                                     "sm_80")),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(GpuStandard, EndToEnd,
                         ::testing::ValuesIn(casesOf("standard", "sm_80")),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(GpuFlashDecoding, EndToEnd,
                         ::testing::ValuesIn(casesOf("flash-decoding",
                                                     "sm_80")),
                         nameOf);

/// The PTX of LLVM's back end.
class EndToEndLlvm : public EndToEnd {};

TEST_P(EndToEndLlvm, Criterion) {
  Case c = GetParam();
  c.codegen = "llvm";
  std::vector<Array> inputs = makeInputs(c);
  if (auto outcome = expectRun(c, inputs))
    expectCriterion(c, inputs, *outcome);
}

INSTANTIATE_TEST_SUITE_P(Gpu, EndToEndLlvm,
                         ::testing::ValuesIn(pairwiseCases("sm_80")), nameOf);

//===----------------------------------------------------------------------===//
// Machine code
//===----------------------------------------------------------------------===//

const char *const gpuTargets[] = {"sm_80", "sm_86",  "sm_89",
                                  "sm_90", "sm_100", "sm_120"};

class GpuCode : public ::testing::TestWithParam<const char *> {};

/// Kernels keep everything in registers. Each target gets its share of the
/// kernels of the table; with ATTN_TEST_ALL=1 all.
TEST_P(GpuCode, HasNoSpills) {
  const char *all = std::getenv("ATTN_TEST_ALL");
  const size_t share =
      all && std::string(all) == "1" ? 1 : std::size(gpuTargets);
  const size_t part = std::find(std::begin(gpuTargets), std::end(gpuTargets),
                                std::string(GetParam())) -
                      std::begin(gpuTargets);
  // Cases that differ in their shapes only have one kernel.
  std::set<std::string> seen;
  for (Case c : pairwiseCases("sm_80")) {
    const std::string text = moduleText(c);
    const bool isNew =
        seen.insert(text + c.algorithm + " " + std::to_string(c.tileQ) + " " +
                    std::to_string(c.tileKv))
            .second;
    if (!isNew || seen.size() % share != part % share)
      continue;
    c.target = GetParam();
    auto bytes = compile(text, c.name(), compileOptions(c), Emit::cubin);
    ASSERT_TRUE(bytes) << c << ": " << bytes.error();
    auto cubin = readCubin(*bytes, c.name());
    ASSERT_TRUE(cubin) << cubin.error();
    for (const CubinKernel &kernel : cubin->kernels)
      EXPECT_EQ(kernel.stack, 0)
          << c << ": " << kernel.name << " has "
          << kernel.spillStores.instructions << " spills";
  }
  RecordProperty("kernels", int(seen.size()));
}

INSTANTIATE_TEST_SUITE_P(Gpu, GpuCode, ::testing::ValuesIn(gpuTargets),
                         [](const auto &info) {
                           return std::string(info.param);
                         });

//===----------------------------------------------------------------------===//
// Other promises
//===----------------------------------------------------------------------===//

const char *const algorithms[] = {"flash", "memory-efficient", "standard",
                                  "flash-decoding"};

Case makeCase(const char *mask, int64_t queryHeads, int64_t kvHeads,
              int64_t queries, int64_t keys) {
  Case c;
  c.mask = findMask(mask);
  c.score = findScore("plain");
  c.queryHeads = queryHeads;
  c.kvHeads = kvHeads;
  c.queries = queries;
  c.keys = keys;
  return c;
}

/// No tile without a kept score is visited, and mask code runs only on tiles
/// that need it.
TEST(Kernel, VisitsTheTilesThatBruteForceFinds) {
  const int64_t heads[][2] = {{2, 2}, {6, 2}, {5, 1}};
  const int64_t sizes[][2] = {{1, 1},      {3, 239},     {64, 64},
                              {97, 97},    {128, 256},   {203, 113},
                              {257, 257},  {113, 1023},  {1023, 113},
                              {799, 1025}, {1025, 1025}, {5, 0}};
  for (const char *mask :
       {"full", "causal", "sliding", "forward", "prefixonly", "chunked"})
    for (Isa isa : {Isa::host, Isa::avx2})
      for (auto [queryHeads, kvHeads] : heads)
        for (auto [queries, keys] : sizes) {
          Case c = makeCase(mask, queryHeads, kvHeads, queries, keys);
          c.isa = isa;
          c.headDim = c.valueDim = 32;
          c.batch = 2;
          if (!isSupported(c))
            continue;
          std::vector<Array> inputs = makeInputs(c);
          auto outcome = expectRun(c, inputs);
          if (!outcome)
            return;
          expectTiles(c, inputs, *outcome);
        }
}

/// Masks that have no bounds are tested for each tile, with one answer for
/// blocks that tiles do not cut.
TEST(Kernel, TestsFindTheTilesThatBruteForceFinds) {
  const int64_t heads[][2] = {{2, 2}, {6, 2}, {4, 1}};
  const int64_t sizes[][2] = {{1, 239},   {64, 64},   {97, 203}, {203, 97},
                              {113, 257}, {257, 113}, {5, 0}};
  const BlockKind blocks[] = {{"some", 64, 48},
                              {"some", 16, 16, true, false, true},
                              {"late", 32, 64, false, false, true},
                              {"bad", 16, 32, false, false, true},
                              {"none", 64, 64}};
  auto check = [](Case c) {
    c.headDim = c.valueDim = 32;
    c.batch = 2;
    c.tileQ = c.queryHeads / c.kvHeads * 16;
    c.tileKv = 8;
    std::vector<Array> inputs = makeInputs(c);
    if (auto outcome = expectRun(c, inputs))
      expectTiles(c, inputs, *outcome);
  };
  for (auto [queryHeads, kvHeads] : heads)
    for (auto [queries, keys] : sizes) {
      for (const char *mask : {"table", "blocktable", "hash"})
        check(makeCase(mask, queryHeads, kvHeads, queries, keys));
      for (const BlockKind &kind : blocks)
        for (const char *mask : {"full", "causal"}) {
          Case c = makeCase(mask, queryHeads, kvHeads, queries, keys);
          c.blocks = kind;
          check(c);
        }
    }
}

TEST(Kernel, OnlyStandardNeedsQuadraticWorkspace) {
  for (const char *algorithm : algorithms)
    for (int64_t length = 1024; length <= 16384; length *= 2) {
      Case c = makeCase("causal", 8, 2, length, length);
      c.algorithm = algorithm;
      c.batch = 3;
      Result<int64_t> bytes = workspaceBytes(c);
      ASSERT_TRUE(bytes) << c << ": " << bytes.error();
      int64_t scores = c.batch * c.queryHeads * length * length * 4;
      // Partial results of flash-decoding: padded rows of output, row maximum
      // and sum. There are tasks enough, so that keys are not split.
      int64_t rows = c.batch * c.queryHeads * length;
      int64_t expected = c.algorithm == "standard" ? scores
                         : c.algorithm == "flash-decoding"
                             ? rows * (c.valueDim + 2) * 4
                             : 0;
      EXPECT_EQ(*bytes, expected) << c;
    }
}

/// The linker does not leave undefined symbols in a kernel, and compiled()
/// looks at every one again: here is that it sees them where they are.
TEST(Kernel, UndefinedSymbolsAreSeen) {
  auto self = llvm::MemoryBuffer::getFile("/proc/self/exe", /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  ASSERT_TRUE(bool(self));
  EXPECT_NE(undefinedSymbols((*self)->getBuffer()).find("dlopen"),
            std::string::npos);
  EXPECT_NE(undefinedSymbols("no object"), "");
}

/// Batch, lengths and strides are no part of a kernel.
TEST(Kernel, OneModuleServesAllShapes) {
  const int64_t lengths[] = {1, 3, 97, 113, 203, 239, 257, 799, 1023, 1025};
  const Layout layouts[] = {Layout::contiguous, Layout::bshd, Layout::padded,
                            Layout::packed};
  for (const char *algorithm : algorithms) {
    Case c = makeCase("causal", 6, 3, 1, 1);
    c.algorithm = algorithm;
    c.headDim = c.valueDim = 48;
    int64_t before = compiledKernels();
    for (int64_t n = 0; n < 10; ++n) {
      c.queries = lengths[n];
      c.keys = lengths[n * 3 % 10];
      c.batch = 1 + n % 3;
      c.layout = layouts[n % 4];
      std::vector<Array> inputs = makeInputs(c);
      if (auto outcome = expectRun(c, inputs))
        expectCriterion(c, inputs, *outcome);
    }
    EXPECT_EQ(compiledKernels() - before, 1) << algorithm;
  }
}

/// A NaN in a kept score reaches the row's results, and no other row's.
TEST(Kernel, NanInAKeptScorePropagates) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const char *algorithm : algorithms) {
    Case c = makeCase("causal", 4, 2, 97, 203);
    c.algorithm = algorithm;
    std::vector<Array> inputs = makeInputs(c);
    // One query of head 1, and one key of KV head 1, late enough that not all
    // queries of heads 2 and 3 see it.
    inputs[0].data[(1 * c.queries + 11) * c.headDim + 5] = nan;
    inputs[1].data[(1 * c.keys + 160) * c.headDim + 7] = nan;
    if (auto outcome = expectRun(c, inputs))
      expectCriterion(c, inputs, *outcome);
  }
}

/// Rows of heads with other sinks are in the same tiles. A sink of +inf takes
/// all the weight.
TEST(Kernel, ASinkThatIsNotFiniteStaysInItsHead) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const char *target : {"cpu", "sm_80"})
    for (const char *algorithm : algorithms) {
      Case c = makeCase("gaps", 5, 1, 97, 203);
      c.target = target;
      c.algorithm = algorithm;
      c.type = c.target == "cpu" ? "f32" : "bf16";
      c.withSinks = true;
      std::vector<Array> inputs = makeInputs(c);
      inputs[3].data = {nan, 2, infinity, -infinity, -3};
      if (auto outcome = expectRun(c, inputs))
        expectCriterion(c, inputs, *outcome);
    }
}

} // namespace
