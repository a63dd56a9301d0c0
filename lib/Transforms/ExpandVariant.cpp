//===- ExpandVariant.cpp - attn-expand-variant ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes mask and score attributes as regions.
//
//===----------------------------------------------------------------------===//

#include "attn/Transforms/Passes.h"
#include "dialect/Attn/Attn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::attn;

namespace mlir::tile {
#define GEN_PASS_DEF_ATTNEXPANDVARIANTPASS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::tile

/// The block of a region of `op`, created without operations if the
/// region is empty.
static Block &getOrCreateBlock(AttentionOp op, Region &region,
                               TypeRange types) {
  if (region.empty()) {
    OpBuilder builder(op.getContext());
    SmallVector<Location> locs(types.size(), op.getLoc());
    builder.createBlock(&region, region.end(), types, locs);
  }
  return region.front();
}

/// Moves the mask attribute of `op` into its mask_mod region.
static void expandMask(AttentionOp op) {
  auto mask = dyn_cast_or_null<MaskAttrInterface>(op.getMaskAttr());
  if (!mask)
    return;
  Location loc = op.getLoc();
  OpBuilder builder(op.getContext());
  SmallVector<Type> types(4, builder.getIndexType());
  bool isNew = op.getMaskMod().empty();
  Block &block = getOrCreateBlock(op, op.getMaskMod(), types);
  SmallVector<Value> values(op.getMaskOperands());
  if (isNew) {
    builder.setInsertionPointToEnd(&block);
    YieldOp::create(builder, loc,
                    mask.buildKeep(builder, loc, block.getArguments(), values));
  } else {
    auto yield = cast<YieldOp>(block.getTerminator());
    builder.setInsertionPoint(yield);
    Value keep = mask.buildKeep(builder, loc, block.getArguments(), values);
    Value both = arith::AndIOp::create(builder, loc, keep, yield.getResult());
    yield.getResultMutable().assign(both);
  }
  op.getMaskOperandsMutable().clear();
  op.removeMaskAttr();
}

/// Moves the score attributes of `op` in front of what its score_mod region
/// does.
static void expandScore(AttentionOp op) {
  ArrayAttr scores = op.getScoreAttr();
  if (!scores)
    return;
  Location loc = op.getLoc();
  OpBuilder builder(op.getContext());
  SmallVector<Type> types = {builder.getF32Type()};
  types.append(4, builder.getIndexType());
  bool isNew = op.getScoreMod().empty();
  Block &block = getOrCreateBlock(op, op.getScoreMod(), types);
  BlockArgument argument = block.getArgument(0);
  builder.setInsertionPointToStart(&block);

  SmallVector<Value> values(op.getScoreOperands());
  ValueRange rest = values, coordinates = block.getArguments().drop_front();
  Value result = argument;
  SmallVector<OpOperand *> uses = llvm::map_to_vector(
      argument.getUses(), [](OpOperand &use) { return &use; });
  for (Attribute attribute : scores) {
    auto score = cast<ScoreAttrInterface>(attribute);
    unsigned count = score.getNumRunTimeValues();
    result = score.buildScore(builder, loc, result, coordinates,
                              rest.take_front(count), op.getQueryHeads());
    rest = rest.drop_front(count);
  }
  for (OpOperand *use : uses)
    use->set(result);
  if (isNew)
    YieldOp::create(builder, loc, result);
  op.getScoreOperandsMutable().clear();
  op.removeScoreAttr();
}

namespace {
struct ExpandVariant : tile::impl::AttnExpandVariantPassBase<ExpandVariant> {
  void runOnOperation() override {
    getOperation()->walk([](AttentionOp op) {
      expandMask(op);
      expandScore(op);
    });
  }
};
} // namespace
