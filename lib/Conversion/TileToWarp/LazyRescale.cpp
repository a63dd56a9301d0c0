//===- LazyRescale.cpp - warp-lazy-rescale --------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The online softmax takes the maximum that it has for granted, and looks for a
// larger one only where a probability has become too large.
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
/// An online softmax in a loop.
struct Softmax {
  /// The carried maximum, and the next one.
  Value maximum, next;
  /// exp2(maximum - next), and the maps that multiply what is carried with it.
  MapOp correction;
  SmallVector<MapOp> products;
  /// exp2 of scores and `next`, what rounds it, and what adds it up if not of
  /// the rounded ones.
  MapOp probabilities, rounded;
  ReduceOp sum;
};
} // namespace

/// The maps that multiply what the loop carries with the correction; none if it
/// has other users.
static SmallVector<MapOp> findProducts(MapOp correction) {
  SmallVector<MapOp> products;
  for (Operation *reader : correction->getUsers()) {
    auto product = dyn_cast<MapOp>(reader);
    Value carried =
        product ? multipliedBy(product, correction.getResult()) : Value();
    if (!isa_and_nonnull<BlockArgument>(carried) ||
        carried.getType() != product.getResult().getType())
      return {};
    products.push_back(product);
  }
  return products;
}

/// Whether the map does nothing but round its input to 16 bits.
static bool isRounding(MapOp map) {
  auto truncate = map.getYielded().getDefiningOp<arith::TruncFOp>();
  return truncate && map.getInputs().size() == 1 &&
         map.getResult().getType().getElementType().getIntOrFloatBitWidth() ==
             16 &&
         truncate.getIn() == map.getBlock()->getArgument(0);
}

/// Finds who uses the probabilities.
static bool findReaders(Softmax &softmax) {
  for (Operation *user : softmax.probabilities->getUsers()) {
    if (user->getBlock() != softmax.probabilities->getBlock())
      return false;
    auto map = dyn_cast<MapOp>(user);
    auto reduce = dyn_cast<ReduceOp>(user);
    if (map && !softmax.rounded && isRounding(map))
      softmax.rounded = map;
    else if (reduce && !softmax.sum && reduce.getKind() == ReduceKind::add &&
             reduce.getInit() &&
             llvm::any_of(softmax.products, [&](MapOp product) {
               return reduce.getInit() == product.getResult();
             }))
      softmax.sum = reduce;
    else
      return false;
  }
  return softmax.rounded != nullptr;
}

static std::optional<Softmax> findSoftmax(scf::ForOp loop) {
  for (auto [maximum, next] :
       llvm::zip_equal(loop.getRegionIterArgs(), loop.getYieldedValues())) {
    auto type = dyn_cast<TileType>(maximum.getType());
    if (!type || type.getCols() != 1 ||
        next.getParentBlock() != loop.getBody() || isa<BlockArgument>(next))
      continue;
    Softmax found{maximum, next, {}, {}, {}, {}, {}};
    bool isKnown = true;
    for (Operation *user : next.getUsers()) {
      auto map = dyn_cast<MapOp>(user);
      if (isa<scf::YieldOp>(user))
        continue;
      if (map && !found.correction && isCorrection(map, maximum, next))
        found.correction = map;
      else if (map && !found.probabilities && map->getBlock() == loop.getBody())
        found.probabilities = map;
      else
        isKnown = false;
    }
    if (!isKnown || !found.correction || !found.probabilities)
      continue;
    found.products = findProducts(found.correction);
    if (!found.products.empty() && findReaders(found))
      return found;
  }
  return std::nullopt;
}

/// Rounds where the probabilities are computed, so that nobody keeps both.
static void fuseRounding(Softmax &softmax) {
  MapOp from = softmax.probabilities, rounding = softmax.rounded;
  if (!from->hasOneUse())
    return;
  OpBuilder builder(from);
  auto fused = cast<MapOp>(builder.clone(*from));
  fused.getResult().setType(rounding.getResult().getType());
  Operation *yield = fused.getBlock()->getTerminator();
  builder.setInsertionPoint(yield);
  yield->setOperand(0, arith::TruncFOp::create(
                           builder, from.getLoc(),
                           rounding.getResult().getType().getElementType(),
                           yield->getOperand(0)));
  rounding.getResult().replaceAllUsesWith(fused.getResult());
  rounding.erase();
  from.erase();
  softmax.probabilities = softmax.rounded = fused;
}

/// max + headroom where the maximum grows, so that there is room for scores
/// that are a little larger.
static MapOp addHeadroom(OpBuilder &builder, Value next, Value maximum,
                         float headroom) {
  return MapOp::create(
      builder, next.getLoc(), next.getType(), {next, maximum}, ValueRange(),
      [&](OpBuilder &nested, Location loc, ValueRange args) -> Value {
        Value room = arith::ConstantOp::create(
            nested, loc, nested.getF32FloatAttr(headroom));
        Value above = arith::AddFOp::create(nested, loc, args[0], room);
        Value grew = arith::CmpFOp::create(
            nested, loc, arith::CmpFPredicate::OGT, args[0], args[1]);
        return arith::SelectOp::create(nested, loc, grew, above, args[1]);
      });
}

/// Moves a map or reduction, and what only it needs.
static void moveToFront(Operation *op, Block *block) {
  Block *from = op->getBlock();
  op->moveBefore(block, block->begin());
  for (Value operand : op->getOperands()) {
    Operation *needed = operand.getDefiningOp();
    if (isa_and_nonnull<MapOp, ReduceOp>(needed) &&
        needed->getBlock() == from &&
        llvm::all_of(needed->getUsers(), [&](Operation *user) {
          return user->getBlock() == block;
        }))
      moveToFront(needed, block);
  }
}

static void makeLazy(Softmax softmax, float headroom) {
  fuseRounding(softmax);
  auto [maximum, next, correction, products, probabilities, rounded, sum] =
      softmax;
  const bool isFused = probabilities == rounded;
  OpBuilder builder(probabilities);
  Location loc = probabilities.getLoc();

  // With the maximum that there is.
  IRMapping mapping;
  mapping.map(next, maximum);
  for (MapOp product : products)
    mapping.map(product.getResult(),
                multipliedBy(product, correction.getResult()));
  builder.clone(*probabilities, mapping);
  if (!isFused)
    builder.clone(*rounded, mapping);
  if (sum)
    builder.clone(*sum, mapping);
  Value tooLarge =
      warp::ReachesTwoOp::create(builder, loc, builder.getI1Type(),
                                 mapping.lookup(Value(rounded.getResult())));

  // What is replaced by a result of the branch, and what it is without.
  SmallVector<Value> results = {next, rounded.getResult()};
  for (MapOp product : products)
    if (!sum || sum.getInit() != product.getResult())
      results.push_back(product.getResult());
  if (sum)
    results.push_back(sum.getResult());
  SmallVector<Value> kept, computed;
  for (Value result : results)
    kept.push_back(mapping.lookup(result));
  auto branch = scf::IfOp::create(builder, loc, TypeRange(ValueRange(kept)),
                                  tooLarge, /*withElseRegion=*/true);
  Block *then = branch.thenBlock();

  // With a new one.
  correction->moveBefore(then, then->end());
  for (MapOp product : products)
    product->moveBefore(then, then->end());
  probabilities->moveBefore(then, then->end());
  if (!isFused)
    rounded->moveBefore(then, then->end());
  if (sum)
    sum->moveBefore(then, then->end());
  moveToFront(next.getDefiningOp(), then);
  builder.setInsertionPointAfterValue(next);
  MapOp raised = addHeadroom(builder, next, maximum, headroom);
  next.replaceUsesWithIf(raised.getResult(), [&](OpOperand &use) {
    return use.getOwner() != raised && use.getOwner()->getBlock() == then;
  });
  computed = results;
  computed.front() = raised.getResult();
  builder.setInsertionPointToEnd(then);
  scf::YieldOp::create(builder, loc, computed);
  builder.setInsertionPointToEnd(branch.elseBlock());
  scf::YieldOp::create(builder, loc, kept);
  for (auto [old, result] : llvm::zip_equal(results, branch.getResults()))
    old.replaceUsesWithIf(result, [&](OpOperand &use) {
      return !branch->isProperAncestor(use.getOwner());
    });
}

namespace {
struct WarpLazyRescale : tile::impl::WarpLazyRescalePassBase<WarpLazyRescale> {
  using WarpLazyRescalePassBase::WarpLazyRescalePassBase;

  void runOnOperation() override {
    getOperation().walk([&](scf::ForOp loop) {
      std::optional<Softmax> found = findSoftmax(loop);
      if (!found)
        return;
      const bool isHalf =
          found->rounded.getResult().getType().getElementType().isF16();
      makeLazy(*found, isHalf ? halfHeadroom : headroom);
    });
  }
};
} // namespace
