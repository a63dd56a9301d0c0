//===- ExpandVariant.cpp - attn-expand-variant ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes mask attributes as regions.
//
//===----------------------------------------------------------------------===//

#include "attn/Transforms/Passes.h"
#include "dialect/Attn/Attn.h"

using namespace mlir;
using namespace mlir::attn;

namespace mlir::tile {
#define GEN_PASS_DEF_ATTNEXPANDVARIANTPASS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::tile

/// Moves the mask attribute of `op` into its mask_mod region.
static void expandMask(AttentionOp op) {
  auto mask = dyn_cast_or_null<MaskAttrInterface>(op.getMaskAttr());
  if (!mask)
    return;
  Location loc = op.getLoc();
  OpBuilder builder(op.getContext());
  Region &region = op.getMaskMod();
  if (region.empty()) {
    SmallVector<Type> types(4, builder.getIndexType());
    Block *block = builder.createBlock(&region, region.end(), types,
                                       SmallVector<Location>(4, loc));
    builder.setInsertionPointToEnd(block);
    Value keep = mask.buildKeep(builder, loc, block->getArguments());
    YieldOp::create(builder, loc, keep);
  } else {
    Block &block = region.front();
    auto yield = cast<YieldOp>(block.getTerminator());
    builder.setInsertionPoint(yield);
    Value keep = mask.buildKeep(builder, loc, block.getArguments());
    Value both = arith::AndIOp::create(builder, loc, keep, yield.getResult());
    yield.getResultMutable().assign(both);
  }
  op.removeMaskAttr();
}

namespace {
struct ExpandVariant : tile::impl::AttnExpandVariantPassBase<ExpandVariant> {
  void runOnOperation() override { getOperation()->walk(expandMask); }
};
} // namespace
