//===- Workspace.h - Memory of the caller -----------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes that add launches to an entry take memory for what one launch leaves
// for the next.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_WORKSPACE_H
#define ATTN_LIB_TRANSFORMS_WORKSPACE_H

#include "dialect/Tile/Tile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::tile {

/// Calls `transform` with each launch that the module has now, and its kernel.
LogicalResult
forEachLaunch(ModuleOp module,
              function_ref<LogicalResult(KernelOp, LaunchOp)> transform);

/// Computes `value` at the insertion point of `builder`, where `to` stand for
/// the arguments `from`. Fails if it needs more than these.
FailureOr<Value> copyArithmetic(Value value, ValueRange from, ValueRange to,
                                OpBuilder &builder);

/// The workspace of the entry that a launch is in, behind what others have
/// taken of it.
class Workspace {
public:
  /// Fails with a diagnostic if the launch is in no entry with a function for
  /// the size of its workspace.
  static FailureOr<Workspace> open(LaunchOp launch);

  /// A memref of type memref<?x...x?xelement>, aligned to 64 bytes, in front of
  /// the launch.
  Value take(Type element, ValueRange sizes);

  /// Has the function give the new size. Sizes must follow from arguments of
  /// the entry.
  LogicalResult close();

private:
  Workspace(LaunchOp launch, func::FuncOp entry, func::FuncOp size)
      : launch(launch), entry(entry), size(size) {}

  LaunchOp launch;
  func::FuncOp entry, size;
  Value end; // in bytes
};

} // namespace mlir::tile

#endif // ATTN_LIB_TRANSFORMS_WORKSPACE_H
