//===- PadColumns.cpp - tile-pad-columns ----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Head dimensions of any size on instructions that take columns by 16.
//
//===----------------------------------------------------------------------===//

#include "attn/Transforms/Passes.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_TILEPADCOLUMNSPASS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::tile

namespace {
struct PadColumns : tile::impl::TilePadColumnsPassBase<PadColumns> {
  using TilePadColumnsPassBase::TilePadColumnsPassBase;

  void pad(Value value) {
    auto type = dyn_cast<TileType>(value.getType());
    if (!type || type.getCols() % multiple == 0)
      return;
    // One column is one value for each row, unless it is all of a product.
    auto load = value.getDefiningOp<LoadOp>();
    if (type.getCols() == 1 &&
        (!load || !llvm::all_of(load->getUsers(), llvm::IsaPred<DotOp>)))
      return;
    value.setType(TileType::get(type.getContext(), type.getRows(),
                                llvm::alignTo(type.getCols(), multiple),
                                type.getElementType(), type.getLayout()));
    padded.insert(value);
  }

  void runOnOperation() override {
    if (multiple < 1) {
      getOperation().emitError()
          << "multiple must be at least 1; got " << int64_t(multiple);
      return signalPassFailure();
    }
    padded.clear();
    getOperation()->walk([&](Block *block) {
      for (BlockArgument argument : block->getArguments())
        pad(argument);
      for (Operation &op : *block)
        for (Value result : op.getResults())
          pad(result);
    });
    getOperation().walk([&](DotOp dot) {
      if (failed(dot.verify()))
        signalPassFailure();
    });
    // Columns that a store leaves out are no part of a sum or a maximum.
    WalkResult result = getOperation().walk([&](ReduceOp reduce) {
      if (!padded.contains(reduce.getInput()))
        return WalkResult::advance();
      reduce.emitOpError() << "reduces a tile whose columns are no multiple of "
                           << int64_t(multiple) << " and cannot be padded";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  llvm::DenseSet<Value> padded;
};
} // namespace
