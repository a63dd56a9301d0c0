//===- Checks.h - What is demanded of a run ---------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Assertions that the tests of this folder share.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_ENDTOEND_CHECKS_H
#define ATTN_UNIT_ENDTOEND_CHECKS_H

#include "Harness.h"

#include "llvm/Support/Error.h"
#include "gtest/gtest.h"
#include <optional>

namespace attn::testing {

/// The value, or a failed assertion that shows the error.
template <typename T>
std::optional<T> expectValue(llvm::Expected<T> result, const Case &c) {
  if (result)
    return std::move(*result);
  ADD_FAILURE() << c << ": " << llvm::toString(result.takeError());
  return std::nullopt;
}

/// What the run left behind, or a failed assertion that shows the error.
std::optional<Outcome> expectRun(const Case &c,
                                 const std::vector<reference::Array> &inputs,
                                 const RunOptions &options = {});

/// "batch 0, head 3, query 17".
std::string rowName(const Case &c, int64_t row);

/// The criterion of docs/semantics.md.  Where scores are large,
/// plain attention is the yardstick of the relative error, too: a rounding
/// error of a score is proportional to the score.
void expectCriterion(const Case &c, const std::vector<reference::Array> &inputs,
                     const Outcome &outcome, bool largeScores = false);

/// exp(sink) of the head of a row; 0 without sinks.
double sinkWeight(const Case &c, const std::vector<reference::Array> &inputs,
                  int64_t row);

/// With query 0 and no score_mod: round(exp(LSE) - exp(sink)) is the number of
/// keys that the mask keeps, in every row.
void expectCounts(const Case &c, const std::vector<reference::Array> &inputs,
                  const Outcome &outcome);

/// A kernel of a CPU has visited the tiles that have a kept score, and run mask
/// code for those that have a masked one.
void expectTiles(const Case &c, const std::vector<reference::Array> &inputs,
                 const Outcome &outcome);

} // namespace attn::testing

#endif // ATTN_UNIT_ENDTOEND_CHECKS_H
