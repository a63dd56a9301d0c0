//===- RandomMaskTest.cpp - Random combinations of mask attributes --------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Expressions of mask attributes up to four levels deep, with numbers in the
// text and given at run time, on random lengths.  The analysis that decides
// which tiles are visited sees sums, quotients and disjunctions here that no
// list by hand would hold.
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "Random.h"

#include <cstdlib>

using namespace attn;
using namespace attn::testing;
using reference::Array;

namespace {

/// Test n has the seed `firstSeed + n`, so that each can be run alone.
constexpr uint32_t firstSeed = 20261121;
constexpr int numMasks = 1000;
/// Prime, so that the selection meets all residues of what n decides.
constexpr int selectionStep = 17;
constexpr int maxRunTimeNumbers = 8;

/// What a number of a mask counts.
enum class Kind { distance, count, step };

/// A random mask expression, as text.
class MaskExpression {
public:
  MaskExpression(Random &random, int depth) : random(random) {
    text = make(depth);
  }

  /// The attribute with its operands, as RegionKind wants it.
  std::string withOperands() const {
    std::string result = text;
    for (size_t n = 0; n < runTime.size(); ++n)
      result += (n == 0 ? ")[%number" : ", %number") + std::to_string(n);
    return result + (runTime.empty() ? "" : "]");
  }
  size_t numRunTimeNumbers() const { return runTime.size(); }
  /// New values for the `?`, from left to right. Values that nobody would
  /// write are given to kernels, too.
  std::vector<double> drawNumbers() {
    std::vector<double> values;
    for (Kind kind : runTime)
      values.push_back(random.chance(90)   ? draw(kind)
                       : random.chance(50) ? random.number(-40, 0)
                                           : double(int64_t(1) << 40));
    return values;
  }

private:
  int64_t draw(Kind kind) {
    switch (kind) {
    case Kind::distance:
      return random.chance(30) ? random.number(0, 3) : random.number(0, 100);
    case Kind::count:
      return random.chance(30) ? random.number(0, 3) : random.number(0, 160);
    case Kind::step:
      return random.chance(50) ? random.number(1, 4) : random.number(1, 90);
    }
    return 0;
  }
  std::string number(Kind kind) {
    if (runTime.size() == maxRunTimeNumbers || random.chance(50))
      return std::to_string(draw(kind));
    runTime.push_back(kind);
    return "?";
  }
  std::string leaf() {
    switch (random.number(0, 7)) {
    case 0:
      return "#attn.causal";
    case 1:
      return "#attn.window<left = " + number(Kind::distance) + ">";
    case 2:
      return "#attn.window<right = " + number(Kind::distance) + ">";
    case 3: {
      std::string left = number(Kind::distance);
      return "#attn.window<left = " + left +
             ", right = " + number(Kind::distance) + ">";
    }
    case 4:
      return "#attn.prefix<" + number(Kind::count) + ">";
    case 5:
      return "#attn.global<" + number(Kind::count) + ">";
    case 6:
      return "#attn.dilated<" + number(Kind::step) + ">";
    default:
      return "#attn.chunk<" + number(Kind::step) + ">";
    }
  }
  std::string make(int depth) {
    if (depth == 0)
      return leaf();
    int64_t choice = random.number(0, 9);
    if (choice < 2)
      return "#attn.not<" + make(depth - 1) + ">";
    std::string members;
    for (int64_t n = random.number(1, 3); n > 0; --n) {
      members += members.empty() ? "" : ", ";
      // Half of the members end early: else nearly all would be of full depth.
      members += make(random.chance(50) ? 0 : depth - 1);
    }
    return (choice < 6 ? "#attn.all_of<[" : "#attn.any_of<[") + members + "]>";
  }

  Random &random;
  std::string text;
  std::vector<Kind> runTime;
};

class RandomMask : public ::testing::TestWithParam<int> {
protected:
  void TearDown() override { unloadKernels(); }
};

TEST_P(RandomMask, KeepsTheKeysOfTheReference) {
  static const char *const algorithms[] = {"flash", "flash-decoding",
                                           "memory-efficient"};
  static const int64_t heads[][2] = {{1, 1}, {2, 2}, {4, 2}, {3, 1}, {5, 1}};
  static const int64_t dims[] = {16, 32};
  static const char *const captured[maxRunTimeNumbers] = {
      "number0", "number1", "number2", "number3",
      "number4", "number5", "number6", "number7"};

  Random random(firstSeed + GetParam());
  MaskExpression expression(random, GetParam() % 5);
  std::string attribute = expression.withOperands();
  size_t numNumbers = expression.numRunTimeNumbers();
  RegionKind mask = {
      "random", attribute.c_str(), "", {captured, captured + numNumbers}};
  Case c;
  c.mask = &mask;
  c.score = findScore("plain");
  c.algorithm = random.choose(algorithms);
  auto [queryHeads, kvHeads] = random.choose(heads);
  c.queryHeads = queryHeads;
  c.kvHeads = kvHeads;
  c.headDim = c.valueDim = random.choose(dims);
  c.isa = random.chance(30) ? Isa::avx2 : Isa::host;
  if (!isSupported(c))
    c.isa = Isa::host;
  // With small tiles, more of them are empty or full.
  if (random.chance(60)) {
    c.tileQ = 16;
    c.tileKv = random.number(2, 16);
  }

  // One kernel, several sets of numbers and lengths.
  int64_t runs = numNumbers ? 4 : 3;
  for (int64_t run = 0; run < runs; ++run) {
    c.batch = random.number(1, 2);
    c.queries = random.number(1, 150);
    c.keys = random.chance(20) ? random.number(1, 10) : random.number(1, 150);
    std::vector<double> numbers = expression.drawNumbers();
    std::string context = "seed " + std::to_string(firstSeed + GetParam()) +
                          ", mask " + attribute + ", numbers";
    for (double number : numbers)
      context += " " + std::to_string(int64_t(number));
    SCOPED_TRACE(context);

    std::vector<Array> inputs = makeInputs(c);
    for (size_t n = 0; n < numNumbers; ++n)
      inputs[3 + n].data = {numbers[n]};
    if (run == 0)
      if (auto outcome = expectRun(c, inputs))
        expectCriterion(c, inputs, *outcome);
    scaleValues(inputs[0], 0);
    auto outcome = expectRun(c, inputs);
    if (!outcome)
      return;
    expectCounts(c, inputs, *outcome);
    if (HasFailure())
      return;
  }
}

std::vector<int> chosenMasks() {
  const char *all = std::getenv("ATTN_TEST_ALL");
  int step = all && std::string(all) == "1" ? 1 : selectionStep;
  std::vector<int> chosen;
  for (int n = 0; n < numMasks; n += step)
    chosen.push_back(n);
  return chosen;
}

INSTANTIATE_TEST_SUITE_P(RandomMasks, RandomMask,
                         ::testing::ValuesIn(chosenMasks()),
                         ::testing::PrintToStringParamName());

} // namespace
