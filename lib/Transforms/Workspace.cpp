//===- Workspace.cpp - Memory of the caller -------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The entry and the function for the size of its workspace hold the same
// arithmetic.
//
//===----------------------------------------------------------------------===//

#include "Workspace.h"

#include "TilePieces.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::tile;

LogicalResult mlir::tile::forEachLaunch(
    ModuleOp module,
    function_ref<LogicalResult(KernelOp, LaunchOp)> transform) {
  SmallVector<LaunchOp> launches;
  module.walk([&](LaunchOp launch) { launches.push_back(launch); });
  for (LaunchOp launch : launches) {
    auto kernel = SymbolTable::lookupNearestSymbolFrom<KernelOp>(
        launch, launch.getKernelAttr());
    if (kernel && failed(transform(kernel, launch)))
      return failure();
  }
  return success();
}

FailureOr<Value> mlir::tile::copyArithmetic(Value value, ValueRange from,
                                            ValueRange to, OpBuilder &builder) {
  llvm::SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  if (value.getDefiningOp() && failed(getBackwardSlice(value, &slice, options)))
    return failure();
  IRMapping mapping;
  for (auto [old, argument] : llvm::zip_first(from, to))
    mapping.map(old, argument);
  for (Operation *op : slice) {
    for (Value operand : op->getOperands())
      if (!mapping.contains(operand))
        return failure();
    builder.clone(*op, mapping);
  }
  if (!mapping.contains(value))
    return failure();
  return mapping.lookup(value);
}

FailureOr<Workspace> Workspace::open(LaunchOp launch) {
  auto entry = launch->getParentOfType<func::FuncOp>();
  auto size = entry
                  ? SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
                        entry, StringAttr::get(entry.getContext(),
                                               entry.getName() + "_workspace"))
                  : func::FuncOp();
  if (!size)
    return launch.emitOpError()
           << "is not in an entry with a function for its workspace";
  Workspace workspace(launch, entry, size);
  OpBuilder builder(launch);
  Value taken = size.getBody().front().getTerminator()->getOperand(0);
  FailureOr<Value> end =
      copyArithmetic(taken, size.getArguments(), entry.getArguments(), builder);
  if (failed(end))
    return launch.emitOpError() << "has a workspace of an unknown size";
  workspace.end = *end;
  return workspace;
}

Value Workspace::take(Type element, ValueRange sizes) {
  constexpr int64_t alignment = 64;
  OpBuilder builder(launch);
  Location loc = launch.getLoc();
  auto constant = [&](int64_t value) {
    return constantIndex(builder, loc, value);
  };
  Value begin = arith::MulIOp::create(
      builder, loc,
      arith::CeilDivUIOp::create(builder, loc, end, constant(alignment)),
      constant(alignment));
  SmallVector<int64_t> shape(sizes.size(), ShapedType::kDynamic);
  Value memref =
      memref::ViewOp::create(builder, loc, MemRefType::get(shape, element),
                             entry.getArguments().back(), begin, sizes);
  Value bytes = constant(element.getIntOrFloatBitWidth() / 8);
  for (Value size : sizes)
    bytes = arith::MulIOp::create(builder, loc, bytes, size);
  end = arith::AddIOp::create(builder, loc, begin, bytes);
  return memref;
}

LogicalResult Workspace::close() {
  Operation *terminator = size.getBody().front().getTerminator();
  OpBuilder builder(terminator);
  FailureOr<Value> copied = copyArithmetic(
      end, entry.getArguments().take_front(size.getNumArguments()),
      size.getArguments(), builder);
  if (failed(copied))
    return launch.emitOpError() << "has an unknown number of tasks";
  terminator->setOperand(0, *copied);
  return success();
}
