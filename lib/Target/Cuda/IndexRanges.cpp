//===- IndexRanges.cpp - Which indices fit into 32 bits -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IndexRanges.h"

#include "attn/Target/ThreadLevel.h"
#include "mlir/Analysis/DataFlow/IntegerRangeAnalysis.h"
#include "mlir/Analysis/DataFlow/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::dataflow;
using namespace attn;
using namespace attn::cuda;

namespace {
class RangeAnalysis : public IntegerRangeAnalysis {
public:
  using IntegerRangeAnalysis::IntegerRangeAnalysis;

  void setToEntryState(IntegerValueRangeLattice *lattice) override {
    Value value = lattice->getAnchor();
    if (auto argument = dyn_cast<BlockArgument>(value))
      if (auto function =
              dyn_cast<gpu::GPUFuncOp>(argument.getOwner()->getParentOp()))
        if (auto range = function.getArgAttrOfType<DenseI64ArrayAttr>(
                argument.getArgNumber(), kRangeAttrName);
            range && range.size() == 2 && value.getType().isIndex())
          return join(lattice, range[0], range[1]);
    IntegerRangeAnalysis::setToEntryState(lattice);
  }

  LogicalResult
  visitOperation(Operation *op,
                 ArrayRef<const IntegerValueRangeLattice *> operands,
                 ArrayRef<IntegerValueRangeLattice *> results) override {
    // Upstream's bounds on these are those of the address space.
    if (isa<memref::DimOp, gpu::GridDimOp, gpu::BlockIdOp>(op)) {
      join(results[0], 0, kMaxTensorExtent);
      return success();
    }
    if (isa<gpu::LaneIdOp, gpu::SubgroupIdOp>(op)) {
      join(results[0], 0, 31);
      return success();
    }
    if (auto metadata = dyn_cast<memref::ExtractStridedMetadataOp>(op)) {
      for (IntegerValueRangeLattice *lattice : results)
        if (llvm::is_contained(metadata.getSizes(), lattice->getAnchor()))
          join(lattice, 0, kMaxTensorExtent);
        else
          IntegerRangeAnalysis::setToEntryState(lattice);
      return success();
    }
    return IntegerRangeAnalysis::visitOperation(op, operands, results);
  }

private:
  void join(IntegerValueRangeLattice *lattice, int64_t min, int64_t max) {
    unsigned width =
        ConstantIntRanges::getStorageBitwidth(lattice->getAnchor().getType());
    auto range = ConstantIntRanges::fromSigned(APInt(width, min, true),
                                               APInt(width, max, true));
    propagateIfChanged(lattice, lattice->join(IntegerValueRange(range)));
  }
};
} // namespace

LogicalResult IndexRanges::run(Operation *root) {
  loadBaselineAnalyses(solver);
  solver.load<RangeAnalysis>();
  return solver.initializeAndRun(root);
}

Interval IndexRanges::of(Value value) const {
  unsigned width = ConstantIntRanges::getStorageBitwidth(value.getType());
  const auto *lattice = solver.lookupState<IntegerValueRangeLattice>(value);
  if (width == 0 || width > 64)
    return {};
  if (!lattice || lattice->getValue().isUninitialized())
    return {APInt::getSignedMinValue(width).getSExtValue(),
            APInt::getSignedMaxValue(width).getSExtValue()};
  const ConstantIntRanges &range = lattice->getValue().getValue();
  return {range.smin().getSExtValue(), range.smax().getSExtValue()};
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Interval cuda::add(Interval lhs, Interval rhs) {
  Interval sum;
  if (__builtin_add_overflow(lhs.min, rhs.min, &sum.min) ||
      __builtin_add_overflow(lhs.max, rhs.max, &sum.max))
    return {};
  return sum;
}

Interval cuda::subtract(Interval lhs, Interval rhs) {
  Interval difference;
  if (__builtin_sub_overflow(lhs.min, rhs.max, &difference.min) ||
      __builtin_sub_overflow(lhs.max, rhs.min, &difference.max))
    return {};
  return difference;
}

Interval cuda::multiply(Interval lhs, Interval rhs) {
  int64_t products[4];
  if (__builtin_mul_overflow(lhs.min, rhs.min, &products[0]) ||
      __builtin_mul_overflow(lhs.min, rhs.max, &products[1]) ||
      __builtin_mul_overflow(lhs.max, rhs.min, &products[2]) ||
      __builtin_mul_overflow(lhs.max, rhs.max, &products[3]))
    return {};
  return {*std::min_element(products, products + 4),
          *std::max_element(products, products + 4)};
}
