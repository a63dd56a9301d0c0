//===- RandomRegionTest.cpp - Random mask_mod regions ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Boolean combinations of comparisons, up to five levels deep, with numbers in
// the text and given at run time, for all heads or for each, on random lengths.
// Results are compared with the reference, and the tiles that are visited with
// those that brute force finds.
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
constexpr uint32_t firstSeed = 20261122;
constexpr int numRegions = 10000, numEmulatorRegions = 100;
/// Primes, so that the selection meets all residues of what n decides.
constexpr int selectionStep = 199, emulatorStep = 11;
/// Regions from this number on read tables, too.
constexpr int firstTables = 1000000, numTables = 1000, tableStep = 53;
constexpr int maxRunTimeNumbers = 8;

/// A random mask_mod, as text.
class RegionText {
public:
  RegionText(Random &random, int depth, bool isAffine, bool readsTables)
      : random(random), isAffine(isAffine), readsTables(readsTables) {
    body = "\n      %c0 = arith.constant 0 : index"
           "\n      %nq = attn.length query : index"
           "\n      %nk = attn.length key : index"
           "\n      %shift = arith.subi %nk, %nq : index"
           "\n      %position = arith.addi %i, %shift : index";
    std::string result = make(depth);
    body += "\n      attn.yield " + result + " : i1";
  }

  std::string body;
  int numRunTimeNumbers = 0;
  bool readsHeads = false;
  static constexpr const char *tables[] = {"table", "tables", "kinds"};
  bool readsTable[3] = {};

private:
  std::string define(const std::string &operation) {
    std::string name = "%v" + std::to_string(numValues++);
    body += "\n      " + name + " = " + operation;
    return name;
  }
  std::string constant(int64_t value, const char *type = "index") {
    return define("arith.constant " + std::to_string(value) + " : " + type);
  }
  std::string number() {
    if (random.chance(20)) {
      readsHeads = true;
      std::string width =
          define("tensor.extract %windows[%h] : tensor<$Hxi32>");
      return define("arith.index_cast " + width + " : i32 to index");
    }
    if (numRunTimeNumbers < maxRunTimeNumbers && random.chance(50))
      return "%number" + std::to_string(numRunTimeNumbers++);
    return constant(random.chance(30) ? random.number(-3, 3)
                                      : random.number(-60, 160));
  }
  /// Something of the row, the column or both.
  std::string coordinate() {
    static const char *const rows[] = {"%i", "%position"};
    std::string row = random.choose(rows);
    switch (random.number(0, isAffine ? 3 : 6)) {
    case 0:
      return row;
    case 1:
      return "%j";
    case 2:
      return define("arith.subi " + row + ", %j : index");
    case 3:
      return define("arith.subi %j, " + row + " : index");
    case 4:
      return define("arith.addi %j, " + row + " : index");
    case 5: {
      std::string size = constant(random.number(1, 70));
      return define("arith.floordivsi " +
                    std::string(random.chance(50) ? "%j" : row) + ", " + size +
                    " : index");
    }
    default: {
      std::string size = constant(random.number(1, 9));
      return define("arith.remsi " +
                    std::string(random.chance(50) ? "%j" : row) + ", " + size +
                    " : index");
    }
    }
  }
  /// A bit for each pair, or a number for each head and pair or block.
  std::string tableLeaf() {
    int64_t which = random.number(0, 2);
    readsTable[which] = true;
    switch (which) {
    case 0:
      return define("tensor.extract %table[%i, %j] : tensor<?x?xi1>");
    case 1: {
      std::string read =
          define("tensor.extract %tables[%h, %i, %j] : tensor<$Hx?x?xi8>");
      return define("arith.cmpi ne, " + read + ", " + constant(0, "i8") +
                    " : i8");
    }
    default: {
      std::string row = define("arith.divui %i, " + constant(32) + " : index"),
                  column =
                      define("arith.divui %j, " + constant(24) + " : index"),
                  read = define("tensor.extract %kinds[%b, " + row + ", " +
                                column + "] : tensor<?x?x?xi32>");
      return define("arith.cmpi sgt, " + read + ", " +
                    constant(random.number(0, 1), "i32") + " : i32");
    }
    }
  }
  std::string leaf() {
    if (readsTables && random.chance(40))
      return tableLeaf();
    static const char *const predicates[] = {"slt", "sle", "sgt",
                                             "sge", "eq",  "ne"};
    std::string predicate = random.choose(predicates);
    std::string a = coordinate();
    // Half of what is unequal or equal is a whole band.
    if ((predicate == "eq" || predicate == "ne") && random.chance(50)) {
      std::string narrow = define("arith.index_cast " + a + " : index to i32");
      std::string size = define("math.absi " + narrow + " : i32");
      std::string bound = constant(random.number(0, 60), "i32");
      return define("arith.cmpi sle, " + size + ", " + bound + " : i32");
    }
    std::string b = number();
    if (random.chance(50))
      std::swap(a, b);
    return define("arith.cmpi " + predicate + ", " + a + ", " + b + " : index");
  }
  std::string make(int depth) {
    if (depth == 0)
      return leaf();
    // Half of the operands end early: else nearly all would be of full depth.
    auto operand = [&] { return make(random.chance(50) ? 0 : depth - 1); };
    switch (random.number(0, 9)) {
    case 0: {
      std::string yes = define("arith.constant true");
      return define("arith.xori " + make(depth - 1) + ", " + yes + " : i1");
    }
    case 1: {
      std::string condition = operand(), a = operand(), b = operand();
      return define("arith.select " + condition + ", " + a + ", " + b +
                    " : i1");
    }
    case 2:
    case 3:
    case 4:
    case 5: {
      std::string a = operand(), b = operand();
      return define("arith.ori " + a + ", " + b + " : i1");
    }
    default: {
      std::string a = operand(), b = operand();
      return define("arith.andi " + a + ", " + b + " : i1");
    }
    }
  }

  Random &random;
  bool isAffine, readsTables;
  int numValues = 0;
};

class RandomRegion
    : public ::testing::TestWithParam<std::tuple<std::string, int>> {
protected:
  void TearDown() override { unloadKernels(); }
};

TEST_P(RandomRegion, KeepsTheKeysOfTheReference) {
  static const char *const algorithms[] = {"flash", "flash-decoding",
                                           "memory-efficient"};
  static const int64_t heads[][2] = {{1, 1}, {2, 2}, {4, 2}, {3, 1}, {5, 1}};
  static const char *const captured[maxRunTimeNumbers] = {
      "number0", "number1", "number2", "number3",
      "number4", "number5", "number6", "number7"};
  auto [target, test] = GetParam();

  Random random(firstSeed + test);
  const bool readsTables = test >= firstTables;
  const bool isAffine = test % 3 != 0;
  RegionText text(random, test % 6, isAffine, readsTables);
  RegionKind mask = {"random",
                     "",
                     text.body.c_str(),
                     {captured, captured + text.numRunTimeNumbers}};
  if (text.readsHeads)
    mask.captures.push_back("windows");
  for (size_t n = 0; n < std::size(text.tables); ++n)
    if (text.readsTable[n])
      mask.captures.push_back(text.tables[n]);
  Case c;
  c.target = target;
  c.mask = &mask;
  c.score = findScore("plain");
  c.algorithm = random.choose(algorithms);
  auto [queryHeads, kvHeads] = random.choose(heads);
  c.queryHeads = queryHeads;
  c.kvHeads = kvHeads;
  c.headDim = c.valueDim = 16;
  if (target == "cpu") {
    c.isa = random.chance(30) ? Isa::avx2 : Isa::host;
    if (!isSupported(c))
      c.isa = Isa::host;
    // With small tiles, more of them are empty or full.
    if (random.chance(60)) {
      c.tileQ = 16;
      c.tileKv = random.number(2, 16);
    }
  } else {
    c.type = "bf16";
    c.tileKv = 16;
  }

  // One kernel, several sets of numbers and lengths.
  for (int64_t run = 0; run < 3; ++run) {
    c.batch = random.number(1, 2);
    c.queries = random.number(1, 150);
    c.keys = random.chance(20) ? random.number(1, 10) : random.number(1, 150);
    std::vector<Array> inputs = makeInputs(c);
    std::string context = "seed " + std::to_string(firstSeed + test) +
                          ", region" + text.body + "\nnumbers";
    for (int n = 0; n < text.numRunTimeNumbers; ++n) {
      int64_t number = random.chance(90) ? random.number(-60, 160)
                       : random.chance(50)
                           ? random.number(-3, 3)
                           : int64_t(random.chance(50) ? 1 : -1) << 40;
      inputs[3 + n].data = {double(number)};
      context += " " + std::to_string(number);
    }
    SCOPED_TRACE(context);

    if (run == 0)
      if (auto outcome = expectRun(c, inputs))
        expectCriterion(c, inputs, *outcome);
    scaleValues(inputs[0], 0);
    auto outcome = expectRun(c, inputs);
    if (!outcome)
      return;
    expectCounts(c, inputs, *outcome);
    if (target == "cpu" && isAffine && !readsTables && c.algorithm == "flash")
      expectTiles(c, inputs, *outcome);
    if (HasFailure())
      return;
  }
}

std::vector<int> chosenRegions(int count, int selected, int first = 0) {
  const char *all = std::getenv("ATTN_TEST_ALL");
  int step = all && std::string(all) == "1" ? 1 : selected;
  std::vector<int> chosen;
  for (int n = 0; n < count; n += step)
    chosen.push_back(first + n);
  return chosen;
}

std::string nameOfRegion(
    const ::testing::TestParamInfo<std::tuple<std::string, int>> &info) {
  return std::get<0>(info.param) + "_" +
         std::to_string(std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(RandomRegions, RandomRegion,
                         ::testing::Combine(::testing::Values("cpu"),
                                            ::testing::ValuesIn(chosenRegions(
                                                numRegions, selectionStep))),
                         nameOfRegion);
INSTANTIATE_TEST_SUITE_P(
    RandomRegionsGpu, RandomRegion,
    ::testing::Combine(::testing::Values("sm_80"),
                       ::testing::ValuesIn(chosenRegions(numEmulatorRegions,
                                                         emulatorStep))),
    nameOfRegion);

INSTANTIATE_TEST_SUITE_P(
    RandomTables, RandomRegion,
    ::testing::Combine(::testing::Values("cpu", "sm_80"),
                       ::testing::ValuesIn(chosenRegions(numTables, tableStep,
                                                         firstTables))),
    nameOfRegion);

} // namespace
