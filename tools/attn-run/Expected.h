//===- Expected.h - Results that were given in advance ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compares results with those of somebody else, for instance of a model that
// was run elsewhere. (The reference behind --check computes them itself.)
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_RUN_EXPECTED_H
#define ATTN_TOOLS_RUN_EXPECTED_H

#include "tools/attn-run/Inputs.h"

#include <string>
#include <vector>

namespace attn::tool {

/// What one result should be.
struct Expected {
  /// Which result, from 0, and its name.
  size_t result = 0;
  std::string name;
  /// Row major, of the shape of the result.
  std::vector<double> values;
};

/// How far one result is from what is expected.
struct Difference {
  std::string name;
  /// The largest |actual - expected|.  Infinities of the same sign agree, and
  /// so do NaNs; any other infinity or NaN makes this +infinity.
  double maxAbs = 0;
  /// The largest that is allowed.
  double tolerance = 0;

  bool passed() const { return maxAbs <= tolerance; }
};

/// Reads one .npy file for each of the first results; an empty name skips a
/// result.  There are at most as many files as `outputs`, whose shapes the
/// files must have.
Result<std::vector<Expected>>
loadExpected(const ManifestEntry &entry, const std::vector<Value> &outputs,
             const std::vector<std::string> &files);

/// Compares the results, in the order of `expected`.
std::vector<Difference> differences(const std::vector<Value> &outputs,
                                    const std::vector<Expected> &expected,
                                    double tolerance);

} // namespace attn::tool

#endif // ATTN_TOOLS_RUN_EXPECTED_H
