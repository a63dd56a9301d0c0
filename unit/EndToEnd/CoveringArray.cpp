//===- CoveringArray.cpp - Few rows that hold all pairs -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CoveringArray.h"

using namespace attn::testing;

namespace {

/// The combinations of values of one set of parameters.
struct Combination {
  std::vector<int> parameters;
  std::vector<bool> covered;
};

class Builder {
public:
  explicit Builder(const CoveringProblem &problem);
  std::vector<Row> run();

private:
  void addCombinations(std::vector<int> &chosen, int next);
  /// The number of the combination in `row`, or -1 if values are unknown.
  int64_t numberOf(const Combination &combination, const Row &row) const;
  /// How many combinations row[parameter] covers with the other known values.
  int gain(const Row &row, int parameter) const;
  bool complete(Row &row, int &gained) const;
  bool best(const Row &seed, Row &row) const;

  const CoveringProblem &problem;
  int prefixSize;
  /// How many rows there are already.
  int turn = 0;
  std::vector<Combination> combinations;
  /// Which combinations a parameter is in.
  std::vector<std::vector<int>> containing;
};

} // namespace

Builder::Builder(const CoveringProblem &problem)
    : problem(problem),
      prefixSize(problem.prefixes.empty() ? 0
                                          : problem.prefixes.front().size()),
      containing(problem.levels.size()) {
  std::vector<int> chosen;
  addCombinations(chosen, 0);
}

void Builder::addCombinations(std::vector<int> &chosen, int next) {
  if (static_cast<int>(chosen.size()) == problem.strength) {
    if (chosen.back() < prefixSize)
      return;
    size_t values = 1;
    for (int parameter : chosen) {
      values *= problem.levels[parameter];
      containing[parameter].push_back(combinations.size());
    }
    combinations.push_back({chosen, std::vector<bool>(values)});
    return;
  }
  for (int p = next; p < static_cast<int>(problem.levels.size()); ++p) {
    chosen.push_back(p);
    addCombinations(chosen, p + 1);
    chosen.pop_back();
  }
}

int64_t Builder::numberOf(const Combination &combination,
                          const Row &row) const {
  int64_t number = 0;
  for (int parameter : combination.parameters) {
    if (row[parameter] < 0)
      return -1;
    number = number * problem.levels[parameter] + row[parameter];
  }
  return number;
}

int Builder::gain(const Row &row, int parameter) const {
  int gained = 0;
  for (int c : containing[parameter]) {
    int64_t number = numberOf(combinations[c], row);
    gained += number >= 0 && !combinations[c].covered[number];
  }
  return gained;
}

/// Gives the unknown parameters, one after another, the value that covers most.
bool Builder::complete(Row &row, int &gained) const {
  for (int p = 0; p < static_cast<int>(row.size()); ++p) {
    if (row[p] >= 0)
      continue;
    int bestValue = -1, bestGain = -1;
    // Start elsewhere for each row, or ties would all go to the first value.
    int start = turn + p;
    for (int v = 0; v < problem.levels[p]; ++v) {
      row[p] = (start + v) % problem.levels[p];
      if (!problem.feasible(row))
        continue;
      int candidate = gain(row, p);
      if (candidate > bestGain) {
        bestGain = candidate;
        bestValue = row[p];
      }
    }
    row[p] = bestValue;
    if (bestValue < 0)
      return false;
    gained += bestGain;
  }
  return true;
}

/// The best row that agrees with `seed`.
bool Builder::best(const Row &seed, Row &row) const {
  int most = -1;
  size_t count = problem.prefixes.empty() ? 1 : problem.prefixes.size();
  for (size_t n = 0; n < count; ++n) {
    Row candidate = seed;
    bool agrees = true;
    for (int p = 0; p < prefixSize && agrees; ++p) {
      agrees = seed[p] < 0 || seed[p] == problem.prefixes[n][p];
      candidate[p] = problem.prefixes[n][p];
    }
    if (!agrees || !problem.feasible(candidate))
      continue;
    int gained = 0;
    for (int p = 0; p < prefixSize; ++p)
      gained += gain(candidate, p);
    if (!complete(candidate, gained) || gained <= most)
      continue;
    most = gained;
    row = candidate;
  }
  return most >= 0;
}

std::vector<Row> Builder::run() {
  std::vector<Row> rows;
  for (Combination &combination : combinations)
    for (size_t number = 0; number < combination.covered.size(); ++number) {
      if (combination.covered[number])
        continue;
      Row seed(problem.levels.size(), -1), row;
      size_t rest = number;
      for (auto p = combination.parameters.rbegin();
           p != combination.parameters.rend(); ++p) {
        seed[*p] = rest % problem.levels[*p];
        rest /= problem.levels[*p];
      }
      if (!problem.feasible(seed) || !best(seed, row))
        continue;
      for (Combination &other : combinations)
        other.covered[numberOf(other, row)] = true;
      rows.push_back(std::move(row));
      ++turn;
    }
  return rows;
}

std::vector<Row> attn::testing::coveringArray(const CoveringProblem &problem) {
  return Builder(problem).run();
}
