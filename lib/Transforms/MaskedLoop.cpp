//===- MaskedLoop.cpp - Loops over key tiles with a mask -------------------
//===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskedLoop.h"

#include "TilePieces.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::tile;

//===----------------------------------------------------------------------===//
// What a tile of -inf scores does
//===----------------------------------------------------------------------===//

namespace {
/// What is known of the elements of a tile, or of a scalar.
struct Known {
  enum Kind { unknown, negInf, zero, one, carried } kind = unknown;
  Value value; // the value that is carried, or from before the loop

  bool operator==(const Known &other) const {
    return kind == other.kind && value == other.value;
  }
};

/// Whether a value is a constant greater than 0, and finite.
static bool isPositive(Value value) {
  APFloat constant(0.0f);
  return matchPattern(value, m_ConstantFloat(&constant)) &&
         constant.isFiniteNonZero() && !constant.isNegative();
}

/// Evaluates the body of a loop under the assumption that the masked scores
/// are -inf. Values that are carried or come from before the loop, such as a
/// row maximum, are taken to be finite.
class EmptyTileEvaluator {
public:
  EmptyTileEvaluator(scf::ForOp loop, MapOp mask) : loop(loop) {
    for (Value carried : loop.getRegionIterArgs())
      state[carried] = {Known::carried, carried};
    for (Operation &op : loop.getBody()->without_terminator()) {
      if (&op == mask)
        state[mask.getResult()] = {Known::negInf, {}};
      else if (auto map = dyn_cast<MapOp>(op))
        state[map.getResult()] = evaluate(map);
      else if (auto reduce = dyn_cast<ReduceOp>(op))
        state[reduce.getResult()] = evaluate(reduce);
      else if (auto dot = dyn_cast<DotOp>(op))
        state[dot.getResult()] = evaluate(dot);
    }
    for (auto [carried, yielded] :
         llvm::zip_equal(loop.getRegionIterArgs(), loop.getYieldedValues()))
      neutral &= state.lookup(yielded) == Known{Known::carried, carried};
  }

  /// Whether the loop carries on what it was given.
  bool isNeutral() const { return neutral; }

private:
  Known evaluate(ReduceOp op) {
    Known input = state.lookup(op.getInput());
    bool none =
        (op.getKind() == ReduceKind::max && input.kind == Known::negInf) ||
        (op.getKind() == ReduceKind::add && input.kind == Known::zero);
    return none && op.getInit() ? state.lookup(op.getInit()) : Known();
  }

  Known evaluate(DotOp op) {
    // The rows of a skipped tile have no weight, whatever it holds.
    bool none = state.lookup(op.getA()).kind == Known::zero;
    return none && op.getAccumulator() ? state.lookup(op.getAccumulator())
                                       : Known();
  }

  Known evaluate(MapOp map) {
    llvm::DenseMap<Value, Known> scalars;
    for (auto [input, argument] :
         llvm::zip_first(map.getInputs(), map.getBlock()->getArguments()))
      scalars[argument] = loop.isDefinedOutsideOfLoop(input)
                              ? Known{Known::carried, input}
                              : state.lookup(input);
    for (Operation &op : map.getBlock()->without_terminator()) {
      auto operand = [&](unsigned n) {
        return scalars.lookup(op.getOperand(n));
      };
      Known result;
      if (isa<arith::SubFOp>(op)) {
        if (operand(0).kind == Known::negInf &&
            operand(1).kind == Known::carried)
          result = operand(0);
        else if (operand(0).kind == Known::carried && operand(0) == operand(1))
          result.kind = Known::zero;
      } else if (isa<math::Exp2Op>(op)) {
        if (operand(0).kind == Known::negInf)
          result.kind = Known::zero;
        else if (operand(0).kind == Known::zero)
          result.kind = Known::one;
      } else if (isa<arith::MulFOp>(op)) {
        if (operand(0).kind == Known::one)
          result = operand(1);
        else if (operand(1).kind == Known::one)
          result = operand(0);
        else if ((operand(0).kind == Known::negInf ||
                  operand(0).kind == Known::zero) &&
                 isPositive(op.getOperand(1)))
          result = operand(0);
      } else if (isa<arith::SelectOp>(op)) {
        if (operand(1).kind == Known::zero &&
            matchPattern(op.getOperand(2), m_AnyZeroFloat()))
          result = operand(1);
      }
      if (op.getNumResults() == 1)
        scalars[op.getResult(0)] = result;
    }
    return scalars.lookup(map.getYielded());
  }

  scf::ForOp loop;
  llvm::DenseMap<Value, Known> state;
  bool neutral = true;
};
} // namespace

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// select(keep, score, -inf) at the end of a map with coordinates.
static arith::SelectOp getMask(MapOp map) {
  if (!map.hasIndices())
    return nullptr;
  auto select = map.getYielded().getDefiningOp<arith::SelectOp>();
  if (!select || !matchPattern(select.getFalseValue(), m_NegInfFloat()))
    return nullptr;
  return select;
}

/// The view that the rows of a tile, from `firstRow` on, were loaded from.
static ViewOp getRowView(Value tile, Value firstRow) {
  Operation *op = tile.getDefiningOp();
  if (auto load = dyn_cast_or_null<LoadOp>(op))
    return load.getRow() == firstRow ? load.getView().getDefiningOp<ViewOp>()
                                     : ViewOp();
  if (auto dot = dyn_cast_or_null<DotOp>(op))
    return dot.getTransposeA() ? ViewOp() : getRowView(dot.getA(), firstRow);
  if (auto map = dyn_cast_or_null<MapOp>(op))
    for (Value input : map.getInputs())
      if (cast<TileType>(input.getType()).getRows() ==
          map.getResult().getType().getRows())
        if (ViewOp view = getRowView(input, firstRow))
          return view;
  return {};
}

std::optional<MaskedLoop> mlir::tile::matchMaskedLoop(scf::ForOp loop,
                                                      bool explains) {
  auto miss = [&](StringRef why) -> std::optional<MaskedLoop> {
    if (explains)
      remark::missed(
          loop.getLoc(),
          remark::RemarkOpts::name("tile-bound").category("attn.bound"))
          << (why + "; all tiles are visited").str();
    return std::nullopt;
  };
  if (loop->hasAttr(kVisitAttrName))
    return std::nullopt;
  MaskedLoop match{loop, nullptr, nullptr, nullptr};
  for (auto map : loop.getBody()->getOps<MapOp>()) {
    arith::SelectOp select = getMask(map);
    if (!select && !matchPattern(map.getYielded(), m_NegInfFloat()))
      continue;
    if (match.map)
      return miss("two masks in one loop");
    match.map = map;
    match.select = select;
  }
  if (!match.map)
    return std::nullopt;

  for (Operation &op : *loop.getBody())
    if (hasEffect<MemoryEffects::Write>(&op))
      return miss("the loop writes to memory");
  if (!EmptyTileEvaluator(loop, match.map).isNeutral())
    return miss("a tile without keys may change what the loop carries");
  if (!match.select)
    return match;

  // The tile's first key must be t times the size of a tile, t = 0, 1, 2 ...
  if (!matchPattern(loop.getStep(), m_One()))
    return std::nullopt;
  auto firstKey = match.map.getOrigin()[1].getDefiningOp<arith::MulIOp>();
  APInt size;
  if (!firstKey || firstKey.getLhs() != loop.getInductionVar() ||
      !matchPattern(firstKey.getRhs(), m_ConstantInt(&size)) ||
      size.getSExtValue() != match.map.getResult().getType().getCols() ||
      !loop.isDefinedOutsideOfLoop(match.map.getOrigin()[0]))
    return std::nullopt;
  match.rows = getRowView(match.map.getResult(), match.map.getOrigin()[0]);
  if (!match.rows)
    return std::nullopt;
  return match;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

void mlir::tile::eraseDeadOps(Block &block, Operation *kept) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    if (&op != kept && isOpTriviallyDead(&op)) {
      op.erase();
      continue;
    }
    for (Region &region : op.getRegions())
      for (Block &nested : region)
        eraseDeadOps(nested, kept);
  }
}

TileSpace MaskedLoop::getSpace(OpBuilder &builder) {
  Location loc = loop.getLoc();
  TileType type = map.getResult().getType();
  Value firstRow = map.getOrigin()[0];
  Value rowCount = rows.getNumRows(builder, loc);
  Value next = arith::AddIOp::create(
      builder, loc, firstRow, constantIndex(builder, loc, type.getRows()));
  // The last row of the tile that exists.
  Value lastRow = arith::SubIOp::create(
      builder, loc, arith::MinSIOp::create(builder, loc, next, rowCount),
      constantIndex(builder, loc, 1));
  return {firstRow,
          lastRow,
          int64_t(rows.getGroup()),
          {loop.getLowerBound(), loop.getUpperBound()},
          type.getCols()};
}

/// The loop over `tiles`, with the mask or without.
static scf::ForOp cloneLoop(OpBuilder &builder, MaskedLoop match,
                            const TileSequence &tiles, ValueRange init,
                            StringRef visit, bool masked) {
  scf::ForOp old = match.loop;
  Location loc = old.getLoc();
  IRMapping mapping;
  auto loop = scf::ForOp::create(
      builder, loc, constantIndex(builder, loc, 0),
      tiles.getCount(builder, loc), constantIndex(builder, loc, 1), init,
      [&](OpBuilder &body, Location l, Value t, ValueRange carried) {
        mapping.map(old.getInductionVar(), tiles.getTile(body, l, t));
        mapping.map(old.getRegionIterArgs(), carried);
        for (Operation &op : old.getBody()->without_terminator())
          body.clone(op, mapping);
        SmallVector<Value> yielded;
        for (Value value : old.getYieldedValues())
          yielded.push_back(mapping.lookupOrDefault(value));
        scf::YieldOp::create(body, l, yielded);
      });
  loop->setAttr(kVisitAttrName, builder.getStringAttr(visit));
  if (masked)
    return loop;
  auto map =
      cast<MapOp>(mapping.lookup(Value(match.map.getResult())).getDefiningOp());
  auto select = map.getYielded().getDefiningOp<arith::SelectOp>();
  select.getResult().replaceAllUsesWith(select.getTrueValue());
  eraseDeadOps(*map.getBlock());
  SmallVector<OpFoldResult> folded;
  if (succeeded(map->fold(folded)) && folded.size() == 1) {
    map.getResult().replaceAllUsesWith(cast<Value>(folded[0]));
    map.erase();
  }
  return loop;
}

void mlir::tile::splitLoop(MaskedLoop match, const TileSequence &partial,
                           const TileSequence &full) {
  OpBuilder builder(match.loop);
  SmallVector<Value> results(match.loop.getInitArgs());
  auto visit = [&](const TileSequence &tiles, StringRef how, bool masked) {
    if (!tiles.empty())
      results =
          cloneLoop(builder, match, tiles, results, how, masked)->getResults();
  };
  visit(partial, "partial", /*masked=*/true);
  visit(full, "full", /*masked=*/false);
  match.loop.replaceAllUsesWith(results);
  match.loop.erase();
}
