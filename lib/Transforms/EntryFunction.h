//===- EntryFunction.h - Functions that launch kernels ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What attn-tile does to a function whatever operation it holds: checks it, and
// makes the function on memrefs that launches kernels in its place.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_ENTRYFUNCTION_H
#define ATTN_LIB_TRANSFORMS_ENTRYFUNCTION_H

#include "dialect/Tile/Tile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::tile {

/// What an entry must know about its operation.
struct EntryOperation {
  using Dimension = std::pair<Value, int64_t>;

  Operation *op;
  /// Operands that must be arguments of the function, and what the manifest
  /// calls them if the function says nothing else.
  SmallVector<std::pair<Value, StringRef>> tensors;
  /// Sizes that a caller must make equal.
  SmallVector<SmallVector<Dimension>> equalDimensions;
  /// Sizes that follow from others: those divided by `divisor` and rounded up,
  /// plus `extra`; or 1.
  struct DerivedDimension {
    Dimension dimension, source;
    int64_t divisor = 1, extra = 0;
    bool canBeOne = false;
  };
  SmallVector<DerivedDimension> derivedDimensions;
  /// A dynamic dimension d of a result is `dimension + d` of this tensor.
  Dimension resultSizes;
  /// What the manifest calls the results, the first of which must be returned.
  SmallVector<StringRef> resultNames;
};

/// Replaces a function on tensors by one on memrefs.
class EntryFunction {
public:
  EntryFunction(func::FuncOp function, EntryOperation operation)
      : function(function), operation(std::move(operation)) {}

  /// The function must be nothing but the operation and what that uses.
  LogicalResult check();

  /// Creates the entry next to the function. What a caller must know about it
  /// is in attributes, from which the manifest of a payload is made.
  void create(StringRef algorithm, int64_t tileQ, int64_t tileKv);

  /// Creates the function that gives the size of the workspace: what
  /// `buildBytes` computes from a block with the arguments of the function.
  void createWorkspaceFunction(
      function_ref<Value(OpBuilder &, Location, Block &)> buildBytes);

  /// The memref or scalar of the entry for an argument of the function.
  Value getInput(Value argument);
  /// The memref of a result of the operation; null if it is not returned.
  Value getResult(unsigned number);
  Value getWorkspace() { return entry.getArguments().back(); }
  /// Where launches are built.
  OpBuilder getBodyBuilder() { return OpBuilder::atBlockEnd(&entry.front()); }

  /// Ends the entry and erases the function.
  void finish();

private:
  SmallVector<StringAttr> getInputNames();

  func::FuncOp function, entry;
  EntryOperation operation;
  SmallVector<unsigned> resultOfReturn; // result of op that is returned n-th
};

} // namespace mlir::tile

#endif // ATTN_LIB_TRANSFORMS_ENTRYFUNCTION_H
