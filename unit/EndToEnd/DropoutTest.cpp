//===- DropoutTest.cpp - Dropout is the same everywhere -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is dropped depends on the seed, the offset and the coordinates of a
// score, not on who computes it. The cases of the table compare weights.
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "attn/Runtime/Cubin.h"

#include <limits>
#include <set>

using namespace attn;
using namespace attn::testing;
using reference::Array;

namespace {

const char *const targets[] = {"cpu", "sm_80"};
const char *const algorithms[] = {"flash", "memory-efficient", "standard",
                                  "flash-decoding"};

Case makeCase(const char *target, const char *algorithm) {
  Case c;
  c.target = target;
  c.algorithm = algorithm;
  c.type = c.target == "cpu" ? "f32" : "f16";
  c.mask = findMask("full");
  c.score = findScore("plain");
  c.dropout = 0.4;
  c.batch = 2;
  c.queryHeads = 6;
  c.kvHeads = 2;
  c.queries = 37;
  c.keys = 61;
  return c;
}

/// Inputs with equal weights and one column for each key, and these two.
std::vector<Array> makeProbe(const Case &c, double seed, double offset) {
  std::vector<Array> inputs = makeInputs(c);
  scaleValues(inputs[0], 0);
  for (size_t n = 0; n < inputs[2].data.size(); ++n)
    inputs[2].data[n] = static_cast<int64_t>(n) / c.valueDim % c.keys ==
                        static_cast<int64_t>(n) % c.valueDim;
  inputs[4].data = {seed};
  inputs[5].data = {offset};
  return inputs;
}

/// Which keys have a weight.
template <typename T>
std::vector<bool> keptOf(const std::vector<T> &output) {
  std::vector<bool> kept;
  for (T value : output)
    kept.push_back(value != 0);
  return kept;
}

std::vector<bool> expectMask(const Case &c, double seed, double offset) {
  auto exact = expectValue(
      reference::evaluate(parsed(c), makeProbe(c, seed, offset)), c);
  return exact ? keptOf(exact->output.data) : std::vector<bool>();
}

/// The bits of three rows, written down once: a change would make training that
/// goes on with another version of the compiler another one.
TEST(Dropout, MaskOfASeed) {
  Case c = makeCase("cpu", "flash");
  std::vector<bool> mask = expectMask(c, 42, 1);
  ASSERT_EQ(mask.size(), size_t(2 * 6 * 37 * 64));
  auto rowOf = [&](int64_t b, int64_t h, int64_t i) {
    std::string row;
    for (int64_t j = 0; j < 32; ++j)
      row += mask[((b * 6 + h) * 37 + i) * 64 + j] ? 'x' : '.';
    return row;
  };
  EXPECT_EQ(rowOf(0, 0, 0), "x..xxx.xx.x..xx.x.xxx.x.xx.xxxxx");
  EXPECT_EQ(rowOf(1, 0, 0), "...xxx.x..xxx..x..xxxxxxx.xxxxx.");
  EXPECT_EQ(rowOf(0, 5, 36), "xxx..xx.xx..xx.xxx...x..x..xxxxx");
}

TEST(Dropout, IsTheSameForAllDevicesAlgorithmsAndTiles) {
  const int64_t cpuTiles[][2] = {{0, 0}, {16, 8}, {48, 5}, {128, 128}};
  const int64_t gpuTiles[][2] = {{0, 0}, {64, 16}, {64, 64}, {128, 32}};
  const std::vector<bool> expected =
      expectMask(makeCase("cpu", "flash"), 1e15 + 1, -3);
  for (const char *target : targets)
    for (const char *algorithm : algorithms)
      for (auto [tileQ, tileKv] :
           std::string(target) == "cpu" ? cpuTiles : gpuTiles) {
        Case c = makeCase(target, algorithm);
        c.tileQ = tileQ;
        c.tileKv = tileKv;
        if (auto outcome = expectRun(c, makeProbe(c, 1e15 + 1, -3)))
          EXPECT_EQ(keptOf(outcome->output), expected) << c;
      }
}

/// Each seed and each offset has a mask of its own, and so have those that a
/// sum would confuse.
TEST(Dropout, SeedsAndOffsetsDiffer) {
  Case c = makeCase("cpu", "flash");
  std::set<std::vector<bool>> masks;
  int made = 0;
  for (double seed : {0., 1., 2., 4294967296., -1.})
    for (double offset : {0., 1., 2., 4294967296., -1.}) {
      masks.insert(expectMask(c, seed, offset));
      ++made;
    }
  EXPECT_EQ(int(masks.size()), made);
}

/// The share of keys that is dropped, in all of them and among keys that have
/// the same place in a block of random words, is near p.
TEST(Dropout, DropsTheShareThatIsAsked) {
  Case c = makeCase("cpu", "flash");
  std::vector<bool> mask = expectMask(c, 7, 0);
  for (int64_t word = 0; word < 4; ++word) {
    int64_t kept = 0, all = 0;
    for (size_t n = 0; n < mask.size(); ++n)
      if (static_cast<int64_t>(n % 64) < c.keys && n % 4 == size_t(word)) {
        kept += mask[n];
        ++all;
      }
    // Four standard deviations of 6800 draws.
    EXPECT_NEAR(double(kept) / double(all), 0.6, 0.024) << word;
  }
}

TEST(Dropout, ProbabilitiesOutOfRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const char *target : targets)
    for (const char *algorithm : {"flash", "standard"})
      for (double probability :
           {-0.5, 0., 1e-10, 1 - 0x1p-24, 1., 2., double(INFINITY), nan}) {
        Case c = makeCase(target, algorithm);
        std::vector<Array> inputs = makeInputs(c);
        inputs[3].data = {probability};
        SCOPED_TRACE(probability);
        if (auto outcome = expectRun(c, inputs))
          expectCriterion(c, inputs, *outcome);
      }
}

/// Random words need registers beside all others.
TEST(Dropout, GpuKernelsHaveNoSpills) {
  for (const char *score : {"plain", "softcapalibi"})
    for (int64_t dim : {64, 80, 128, 256}) {
      Case c = makeCase("sm_80", "flash");
      c.headDim = c.valueDim = dim;
      c.mask = findMask("causal");
      c.score = findScore(score);
      auto bytes =
          compile(moduleText(c), c.name(), compileOptions(c), Emit::cubin);
      ASSERT_TRUE(bytes) << c << ": " << bytes.error();
      auto cubin = readCubin(*bytes, c.name());
      ASSERT_TRUE(cubin) << cubin.error();
      for (const CubinKernel &kernel : cubin->kernels)
        EXPECT_EQ(kernel.stack, 0)
            << c << ": " << kernel.name << " has "
            << kernel.spillStores.instructions << " spills";
    }
}

} // namespace
