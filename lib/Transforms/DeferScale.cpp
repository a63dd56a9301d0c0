//===- DeferScale.cpp - tile-defer-scale ----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The maximum is taken of scores without their scale, which is then part of the
// exponent: one multiply-add for each score.
//
//===----------------------------------------------------------------------===//

#include "attn/Transforms/Passes.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_TILEDEFERSCALEPASS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::tile

static bool isConstant(Value value, function_ref<bool(const APFloat &)> is) {
  FloatAttr constant;
  return matchPattern(value, m_Constant(&constant)) && is(constant.getValue());
}

/// The multiplication with a positive constant that ends the region of `map`,
/// perhaps before a mask: x * c, or keep ? x * c : -inf.
static arith::MulFOp findScale(MapOp map) {
  Value yielded = map.getYielded();
  if (auto select = yielded.getDefiningOp<arith::SelectOp>()) {
    if (!isConstant(select.getFalseValue(), [](const APFloat &value) {
          return value.isInfinity() && value.isNegative();
        }))
      return {};
    yielded = select.getTrueValue();
  }
  auto scale = yielded.getDefiningOp<arith::MulFOp>();
  if (!scale || scale->getBlock() != map.getBlock() || !scale->hasOneUse() ||
      !isConstant(scale.getRhs(), [](const APFloat &value) {
        return value.isFiniteNonZero() && !value.isNegative();
      }))
    return {};
  return scale;
}

/// The maximum of the rows of `scores`, if all that depends on it can be
/// rewritten.
static ReduceOp findMaximum(MapOp scores) {
  ReduceOp maximum;
  for (Operation *user : scores->getUsers()) {
    auto reduce = dyn_cast<ReduceOp>(user);
    if (reduce && !maximum && reduce.getKind() == ReduceKind::max &&
        reduce.getAxis() == ReduceAxis::rows &&
        reduce.getInput() == scores.getResult())
      maximum = reduce;
    else if (!isa<MapOp>(user))
      return {};
  }
  return maximum;
}

/// Rounding keeps the order, so that a scaled maximum is the maximum of what is
/// scaled, to the bit.
static void deferScale(MapOp scores, arith::MulFOp scale, ReduceOp maximum) {
  Value factor = scale.getRhs();
  auto scaled = [factor](OpBuilder &builder, Location loc, Value value) {
    return arith::MulFOp::create(builder, loc, value, factor,
                                 arith::FastMathFlags::contract);
  };
  OpBuilder builder(maximum);
  Location loc = maximum.getLoc();
  TileType type = maximum.getResult().getType();
  Value largest =
      ReduceOp::create(builder, loc, type, ReduceKind::max, ReduceAxis::rows,
                       scores.getResult(), Value());
  SmallVector<Value> inputs = {largest};
  if (maximum.getInit())
    inputs.push_back(maximum.getInit());
  Value result = MapOp::create(
      builder, loc, type, inputs, ValueRange(),
      [&](OpBuilder &builder, Location loc, ValueRange args) -> Value {
        Value value = scaled(builder, loc, args[0]);
        return args.size() == 1
                   ? value
                   : arith::MaxNumFOp::create(builder, loc, args[1], value);
      });
  maximum.getResult().replaceAllUsesWith(result);
  maximum.erase();
  for (OpOperand &use : scores->getUses()) {
    auto map = dyn_cast<MapOp>(use.getOwner());
    if (!map)
      continue;
    BlockArgument argument =
        map.getBlock()->getArgument(use.getOperandNumber());
    builder.setInsertionPointToStart(map.getBlock());
    Value value = scaled(builder, map.getLoc(), argument);
    argument.replaceAllUsesExcept(value, value.getDefiningOp());
    // value - maximum is then one instruction.
    for (Operation *user : value.getUsers())
      if (auto difference = dyn_cast<arith::SubFOp>(user))
        difference.setFastmath(difference.getFastmath() |
                               arith::FastMathFlags::contract);
  }
  scale.replaceAllUsesWith(scale.getLhs());
  scale.erase();
}

namespace {
struct DeferScalePass : tile::impl::TileDeferScalePassBase<DeferScalePass> {
  void runOnOperation() override {
    SmallVector<MapOp> maps;
    getOperation().walk([&](MapOp map) { maps.push_back(map); });
    for (MapOp map : maps)
      if (arith::MulFOp scale = findScale(map))
        if (ReduceOp maximum = findMaximum(map))
          deferScale(map, scale, maximum);
  }
};
} // namespace
