//===- Bound.cpp - tile-bound ---------------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Splits KV loops into partial and full tiles and drops the empty ones.
//
//===----------------------------------------------------------------------===//

#include "attn/Transforms/Passes.h"

#include "attn/Analysis/MaskBounds.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_TILEBOUNDPASS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::tile

static remark::detail::InFlightRemark missed(Location loc) {
  return remark::missed(
      loc, remark::RemarkOpts::name("tile-bound").category("attn.bound"));
}

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

/// A KV loop with the map that masks its scores.
struct MaskedLoop {
  scf::ForOp loop;
  MapOp map;
  arith::SelectOp select;
  /// The query tile's row bound comes from this view.
  ViewOp rows;
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

static std::optional<MaskedLoop> matchLoop(scf::ForOp loop) {
  MaskedLoop match{loop, nullptr, nullptr, nullptr};
  for (auto map : loop.getBody()->getOps<MapOp>()) {
    arith::SelectOp select = getMask(map);
    if (!select)
      continue;
    if (match.map) {
      missed(loop.getLoc()) << "two masks in one loop; all tiles are visited";
      return std::nullopt;
    }
    match.map = map;
    match.select = select;
  }
  if (!match.map)
    return std::nullopt;

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

  for (Operation &op : *loop.getBody())
    if (hasEffect<MemoryEffects::Write>(&op)) {
      missed(loop.getLoc()) << "the loop writes to memory; all tiles are "
                               "visited";
      return std::nullopt;
    }
  if (!EmptyTileEvaluator(loop, match.map).isNeutral()) {
    missed(loop.getLoc()) << "a tile without keys may change what the loop "
                             "carries; all tiles are visited";
    return std::nullopt;
  }
  return match;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

/// Erases what nothing uses any more in the region of `map`.
static void eraseDeadOps(MapOp map) {
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(*map.getBlock())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

namespace {
/// Replaces one loop.
class LoopSplitter {
public:
  explicit LoopSplitter(MaskedLoop match)
      : match(match), builder(match.loop), loc(match.loop.getLoc()) {}

  void run();

private:
  scf::ForOp cloneLoop(const TileSequence &tiles, ValueRange init,
                       StringRef visit, bool masked);
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  Value min(Value a, Value b) {
    return arith::MinSIOp::create(builder, loc, a, b);
  }

  MaskedLoop match;
  OpBuilder builder;
  Location loc;
};
} // namespace

/// The loop over `tiles`, with the mask or without.
scf::ForOp LoopSplitter::cloneLoop(const TileSequence &tiles, ValueRange init,
                                   StringRef visit, bool masked) {
  scf::ForOp old = match.loop;
  IRMapping mapping;
  auto loop = scf::ForOp::create(
      builder, loc, constant(0), tiles.getCount(builder, loc), constant(1),
      init, [&](OpBuilder &body, Location l, Value t, ValueRange carried) {
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
  eraseDeadOps(map);
  SmallVector<OpFoldResult> folded;
  if (succeeded(map->fold(folded)) && folded.size() == 1) {
    map.getResult().replaceAllUsesWith(cast<Value>(folded[0]));
    map.erase();
  }
  return loop;
}

void LoopSplitter::run() {
  int64_t tileQ = match.map.getResult().getType().getRows(),
          tileKv = match.map.getResult().getType().getCols();
  // The last row of the tile that exists.
  Value firstRow = match.map.getOrigin()[0];
  Value rows = match.rows.getNumRows(builder, loc);
  Value endRow =
      min(arith::AddIOp::create(builder, loc, firstRow, constant(tileQ)), rows);
  Value lastRow = arith::SubIOp::create(builder, loc, endRow, constant(1));
  TileSpace space{firstRow,
                  lastRow,
                  int64_t(match.rows.getGroup()),
                  {match.loop.getLowerBound(), match.loop.getUpperBound()},
                  tileKv};
  TileBounds bounds = deriveTileBounds(builder, loc, match.map,
                                       match.select.getCondition(), space);
  SmallVector<Value> results(match.loop.getInitArgs());
  auto visit = [&](const TileSequence &tiles, StringRef how, bool masked) {
    if (!tiles.empty())
      results = cloneLoop(tiles, results, how, masked)->getResults();
  };
  visit(bounds.partial, "partial", /*masked=*/true);
  visit(bounds.full, "full", /*masked=*/false);
  if (bounds.exact)
    remark::passed(
        loc, remark::RemarkOpts::name("tile-bound").category("attn.bound"))
        << (bounds.readsNumbers
                ? "key tiles are skipped, or run without the mask, by the "
                  "least and the largest number of each; none is missed if the "
                  "numbers are sorted"
                : "empty key tiles are skipped; full ones run without the "
                  "mask");
  else
    missed(match.map.getLoc())
        << "part of the mask is not a comparison of key, query and constants; "
           "tiles that it leaves empty are visited, and those that it keeps "
           "whole run mask code";
  match.loop.replaceAllUsesWith(results);
  match.loop.erase();
}

namespace {
struct Bound : tile::impl::TileBoundPassBase<Bound> {
  void runOnOperation() override {
    SmallVector<MaskedLoop> loops;
    getOperation().walk([&](scf::ForOp loop) {
      if (std::optional<MaskedLoop> match = matchLoop(loop))
        loops.push_back(*match);
    });
    for (MaskedLoop &match : loops)
      LoopSplitter(match).run();
  }
};
} // namespace
