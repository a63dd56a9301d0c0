//===- CoveringArray.h - Few rows that hold all pairs -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chooses few combinations of parameters such that every pair (or triple) of
// values of different parameters occurs.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_ENDTOEND_COVERINGARRAY_H
#define ATTN_UNIT_ENDTOEND_COVERINGARRAY_H

#include <functional>
#include <vector>

namespace attn::testing {

/// A value for each parameter; -1 where it is not known yet.
using Row = std::vector<int>;

/// What to cover.
struct CoveringProblem {
  /// Parameter p has the values 0 ... levels[p] - 1.
  std::vector<int> levels;
  /// Every combination of values of this many parameters must occur.
  int strength = 2;
  /// If not empty: the first parameters of each row are one of these, all of
  /// the same size, and combinations among those parameters are not asked for.
  std::vector<Row> prefixes;
  /// Whether a row is allowed.  A row with unknown values is allowed if some
  /// values for them are.
  std::function<bool(const Row &)> feasible;
};

/// Rows that hold every combination that an allowed row can hold.  Greedy, and
/// the same every time.
std::vector<Row> coveringArray(const CoveringProblem &problem);

} // namespace attn::testing

#endif // ATTN_UNIT_ENDTOEND_COVERINGARRAY_H
