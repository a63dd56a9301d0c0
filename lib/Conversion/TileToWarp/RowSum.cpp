//===- RowSum.cpp - warp-row-sum ------------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Adds up probabilities by the tensor cores, which have them as an operand.
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Passes.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_WARPROWSUMPASS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::tile

/// The map that rounds a tile, and does nothing else, in the same block.
static MapOp findRounding(Value tile) {
  for (Operation *user : tile.getUsers()) {
    auto map = dyn_cast<MapOp>(user);
    if (!map || map.getInputs().size() != 1 ||
        map->getBlock() != tile.getParentBlock())
      continue;
    auto truncate = map.getYielded().getDefiningOp<arith::TruncFOp>();
    if (truncate && truncate.getIn() == map.getBlock()->getArgument(0))
      return map;
  }
  return {};
}

namespace {
struct WarpRowSum : tile::impl::WarpRowSumPassBase<WarpRowSum> {
  void runOnOperation() override {
    getOperation().walk([](ReduceOp reduce) {
      if (reduce.getKind() != ReduceKind::add ||
          reduce.getAxis() != ReduceAxis::rows || !reduce.getInit())
        return;
      MapOp rounding = findRounding(reduce.getInput());
      if (!rounding || rounding->getBlock() != reduce->getBlock())
        return;
      rounding->moveAfter(reduce.getInput().getDefiningOp());
      OpBuilder builder(reduce);
      auto sum = warp::RowSumOp::create(builder, reduce.getLoc(),
                                        reduce.getInit().getType(),
                                        rounding.getResult(), reduce.getInit());
      reduce.getResult().replaceAllUsesWith(sum.getSum());
      reduce.erase();
    });
  }
};
} // namespace
