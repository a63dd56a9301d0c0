//===- HoistScale.cpp - tile-hoist-scale ----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Applies the scale of the scores to the query tile, outside of the loop.
//
//===----------------------------------------------------------------------===//

#include "attn/Transforms/Passes.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_TILEHOISTSCALEPASS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::tile

namespace {
/// map(dot(q, k)) { x * c ... }  ->  map(dot(map(q) { x * c }, k)) { x ... }
struct HoistScale : OpRewritePattern<MapOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MapOp map,
                                PatternRewriter &rewriter) const override {
    for (auto [input, argument] :
         llvm::zip_first(map.getInputs(), map.getBlock()->getArguments())) {
      auto dot = input.getDefiningOp<DotOp>();
      if (!dot || dot.getAccumulator() || !dot->hasOneUse() ||
          !argument.hasOneUse() ||
          !dot.getA().getType().getElementType().isF32() ||
          !dot.getResult().getType().getElementType().isF32())
        continue;
      auto multiply = dyn_cast<arith::MulFOp>(*argument.user_begin());
      if (!multiply)
        continue;
      Value factor =
          multiply.getLhs() == argument ? multiply.getRhs() : multiply.getLhs();
      FloatAttr constant;
      if (!matchPattern(factor, m_Constant(&constant)))
        continue;

      Value query = dot.getA();
      {
        OpBuilder::InsertionGuard guard(rewriter);
        rewriter.setInsertionPointAfterValue(query);
        Value scaled = MapOp::create(
            rewriter, map.getLoc(), query.getType(), {query}, ValueRange(),
            [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
              Value c = arith::ConstantOp::create(builder, loc, constant);
              return arith::MulFOp::create(builder, loc, args[0], c);
            });
        rewriter.modifyOpInPlace(dot,
                                 [&] { dot.getAMutable().assign(scaled); });
      }
      rewriter.replaceOp(multiply, argument);
      return success();
    }
    return failure();
  }
};

struct HoistScalePass : tile::impl::TileHoistScalePassBase<HoistScalePass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<HoistScale>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
