//===- IndexRanges.h - Which indices fit into 32 bits -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arithmetic on 64 bits takes a GPU several times as long as on 32, so an index
// whose range is known to fit is an int in the printed code. The ranges are
// upstream's (IntegerRangeAnalysis: bounds of loops, of thread and block
// numbers, of arithmetic), with the extents of tensors bounded by
// kMaxTensorExtent, and index parameters by their attribute attn.range.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_CUDA_INDEXRANGES_H
#define ATTN_LIB_TARGET_CUDA_INDEXRANGES_H

#include "mlir/Analysis/DataFlowFramework.h"

#include <limits>

namespace attn::cuda {

/// All values of an integer lie in [min, max], read as signed.
struct Interval {
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();

  bool fitsInt() const {
    return min >= std::numeric_limits<int32_t>::min() &&
           max <= std::numeric_limits<int32_t>::max();
  }
  bool isNonNegative() const { return min >= 0; }
};

/// The range of lhs + rhs, lhs - rhs and lhs * rhs without overflow; the widest
/// range if that has no room for it.
Interval add(Interval lhs, Interval rhs);
Interval subtract(Interval lhs, Interval rhs);
Interval multiply(Interval lhs, Interval rhs);

class IndexRanges {
public:
  /// Looks at everything in `root`.
  mlir::LogicalResult run(mlir::Operation *root);
  /// Of an integer or index.
  Interval of(mlir::Value value) const;

private:
  mlir::DataFlowSolver solver;
};

} // namespace attn::cuda

#endif // ATTN_LIB_TARGET_CUDA_INDEXRANGES_H
