//===- Attributes.h - Masks and scores by definition ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Evaluates mask and score attributes from what they mean, apart from the
// regions that the compiler expands them to.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_ATTRIBUTES_H
#define ATTN_LIB_REFERENCE_ATTRIBUTES_H

#include "RegionInterpreter.h"

namespace attn::reference {

/// The mask attribute of an op with its run-time values.
class MaskEvaluator {
public:
  /// Takes the values of the `?` of `mask` from the front of `values`.
  static llvm::Expected<MaskEvaluator> create(mlir::Attribute mask,
                                              mlir::ValueRange &values,
                                              const Environment &environment);

  /// Whether key `j` is kept for the query at `position` among the keys.
  bool keeps(int64_t position, int64_t j) const;

private:
  mlir::Attribute mask;
  /// Of a window: left and right; of another mask: its number.
  int64_t numbers[2] = {};
  std::vector<MaskEvaluator> members;
};

/// The score attributes of an op with their run-time values.
class ScoreEvaluator {
public:
  static llvm::Expected<ScoreEvaluator> create(mlir::attn::AttentionOp op,
                                               const Environment &environment);

  /// The score of head `h`, computed in T, at a distance of `distance` keys.
  template <typename T>
  T apply(T score, int64_t h, int64_t distance) const;

  bool empty() const { return functions.empty(); }

private:
  struct Function {
    /// The cap of softcap, or 0 for ALiBi.
    double cap;
  };
  std::vector<Function> functions;
  /// ALiBi's slope of each head.
  std::vector<double> slopes;
};

} // namespace attn::reference

#endif // ATTN_LIB_REFERENCE_ATTRIBUTES_H
