//===- LazyRescale.cpp - warp-lazy-rescale --------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The online softmax multiplies its sums only where the maximum has grown much.
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Passes.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_WARPLAZYRESCALEPASS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::tile

/// The input of a map that an argument of its region stands for, or null.
static Value inputOf(MapOp map, Value argument) {
  for (auto [input, known] :
       llvm::zip(map.getInputs(), map.getBlock()->getArguments()))
    if (known == argument)
      return input;
  return {};
}

/// Whether the map is exp2(a - b).
static bool isCorrection(MapOp map, Value a, Value b) {
  auto exp2 = map.getYielded().getDefiningOp<math::Exp2Op>();
  auto difference =
      exp2 ? exp2.getOperand().getDefiningOp<arith::SubFOp>() : nullptr;
  return difference && inputOf(map, difference.getLhs()) == a &&
         inputOf(map, difference.getRhs()) == b;
}

/// What a map multiplies with `factor`, or null.
static Value multipliedBy(MapOp map, Value factor) {
  auto product = map.getYielded().getDefiningOp<arith::MulFOp>();
  if (!product)
    return {};
  Value a = inputOf(map, product.getLhs()), b = inputOf(map, product.getRhs());
  return b == factor ? a : a == factor ? b : Value();
}

namespace {
/// An online softmax in a loop: the carried maximum, the next one, the factor
/// exp2(maximum - next), and the maps that multiply what is carried with it.
struct Rescaling {
  Value maximum, next;
  MapOp correction;
  SmallVector<MapOp> products;
};
} // namespace

static std::optional<Rescaling> findRescaling(scf::ForOp loop) {
  for (auto [maximum, next] :
       llvm::zip_equal(loop.getRegionIterArgs(), loop.getYieldedValues())) {
    auto type = dyn_cast<TileType>(maximum.getType());
    if (!type || type.getCols() != 1 ||
        next.getParentBlock() != loop.getBody() || isa<BlockArgument>(next))
      continue;
    for (Operation *user : maximum.getUsers()) {
      auto correction = dyn_cast<MapOp>(user);
      if (!correction || correction->getBlock() != loop.getBody() ||
          !isCorrection(correction, maximum, next))
        continue;
      Rescaling found{maximum, next, correction, {}};
      for (Operation *reader : correction->getUsers()) {
        auto product = dyn_cast<MapOp>(reader);
        Value carried =
            product ? multipliedBy(product, correction.getResult()) : Value();
        if (!isa_and_nonnull<BlockArgument>(carried) ||
            carried.getType() != product.getResult().getType()) {
          found.products.clear();
          break;
        }
        found.products.push_back(product);
      }
      if (!found.products.empty())
        return found;
    }
  }
  return std::nullopt;
}

static void makeLazy(Rescaling found, float threshold) {
  OpBuilder builder(found.next.getContext());
  Location loc = found.next.getLoc();
  builder.setInsertionPointAfterValue(found.next);
  auto next = MapOp::create(
      builder, loc, found.next.getType(), {found.next, found.maximum},
      ValueRange(),
      [&](OpBuilder &nested, Location loc, ValueRange args) -> Value {
        Value limit = arith::ConstantOp::create(
            nested, loc, nested.getF32FloatAttr(threshold));
        limit = arith::AddFOp::create(nested, loc, args[1], limit);
        // True for what is no number, so that it is seen.
        Value grew = arith::CmpFOp::create(
            nested, loc, arith::CmpFPredicate::UGT, args[0], limit);
        return arith::SelectOp::create(nested, loc, grew, args[0], args[1]);
      });
  found.next.replaceAllUsesExcept(next.getResult(), next);

  builder.setInsertionPoint(found.correction);
  Value changed = warp::DiffersOp::create(builder, loc, builder.getI1Type(),
                                          next.getResult(), found.maximum);
  SmallVector<Value> kept, scaled;
  for (MapOp product : found.products)
    kept.push_back(multipliedBy(product, found.correction.getResult()));
  auto branch = scf::IfOp::create(builder, loc, TypeRange(ValueRange(kept)),
                                  changed, /*withElseRegion=*/true);
  builder.setInsertionPointToEnd(branch.thenBlock());
  found.correction->moveBefore(branch.thenBlock(), branch.thenBlock()->end());
  for (auto [product, result] :
       llvm::zip_equal(found.products, branch.getResults())) {
    product.getResult().replaceAllUsesWith(result);
    product->moveBefore(branch.thenBlock(), branch.thenBlock()->end());
    scaled.push_back(product.getResult());
  }
  builder.setInsertionPointToEnd(branch.thenBlock());
  scf::YieldOp::create(builder, loc, scaled);
  builder.setInsertionPointToEnd(branch.elseBlock());
  scf::YieldOp::create(builder, loc, kept);
}

namespace {
struct WarpLazyRescale : tile::impl::WarpLazyRescalePassBase<WarpLazyRescale> {
  using WarpLazyRescalePassBase::WarpLazyRescalePassBase;

  void runOnOperation() override {
    getOperation().walk([&](scf::ForOp loop) {
      if (std::optional<Rescaling> found = findRescaling(loop))
        makeLazy(*found, threshold);
    });
  }
};
} // namespace
