//===- TileTest.cpp - What a mask does to one tile
//-------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile has a kept element if it is in the interval of a conjunction of the
// mask, and has an element for each of its conditions that were not understood;
// a masked one in the same way by the negation of the mask.
//
//===----------------------------------------------------------------------===//

#include "TileProjector.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/MapVector.h"
#include <numeric>

using namespace mlir;
using namespace mlir::tile;

//===----------------------------------------------------------------------===//
// What a condition depends on
//===----------------------------------------------------------------------===//

/// Whether the value can be computed from the indices of an element alone,
/// before the loop.
static bool canEvaluate(MapOp map, Value value) {
  if (value == map.getRowIndex() || value == map.getColIndex())
    return true;
  if (value.getParentRegion() != &map.getBody()) {
    auto loop = map->getParentOfType<LoopLikeOpInterface>();
    return !loop || loop.isDefinedOutsideOfLoop(value);
  }
  Operation *op = value.getDefiningOp();
  return op && op->getNumRegions() == 0 &&
         (isMemoryEffectFree(op) || isa<memref::LoadOp>(op)) &&
         llvm::all_of(op->getOperands(),
                      [&](Value operand) { return canEvaluate(map, operand); });
}

/// The n for which the value is floor(index / n), for an index that is not
/// negative; else 0.
static int64_t quotientOf(MapOp map, Value value, Value index) {
  value = skipCasts(value);
  if (value == index)
    return 1;
  Operation *op = value.getDefiningOp();
  APInt divisor;
  if (value.getParentRegion() != &map.getBody() ||
      !isa_and_nonnull<arith::DivUIOp, arith::DivSIOp, arith::FloorDivSIOp>(
          op) ||
      !matchPattern(op->getOperand(1), m_ConstantInt(&divisor)) ||
      !divisor.isStrictlyPositive())
    return 0;
  return quotientOf(map, op->getOperand(0), index) * divisor.getSExtValue();
}

/// The largest n for which the value depends on `index` by floor(index / n)
/// only; 0 if it does not depend on it. The head of a row does not count.
static int64_t stepOf(MapOp map, Value value, Value index, int64_t group) {
  if (int64_t divisor = quotientOf(map, value, index))
    return divisor;
  Operation *op = value.getDefiningOp();
  if (!op || value.getParentRegion() != &map.getBody() ||
      (group != 1 && isMember(map, op, group)))
    return 0;
  int64_t step = 0;
  for (Value operand : op->getOperands())
    step = std::gcd(step, stepOf(map, operand, index, group));
  return step;
}

//===----------------------------------------------------------------------===//
// Tests
//===----------------------------------------------------------------------===//

namespace {
class TileTester {
public:
  TileTester(OpBuilder &builder, Location loc, MapOp map,
             const TileSpace &space, Value tile)
      : builder(builder), index(builder, loc), loc(loc), map(map), space(space),
        tile(tile), projector(builder, loc, space) {}

  std::optional<TileTest> run(Value keep);

private:
  /// An element of the tile may satisfy a conjunction.
  struct Case {
    MaskFormula *formula;
    /// Whether the tile is in its interval.
    Value isInside;
    /// Its conditions that were not understood.
    Conjunction conditions;
  };
  SmallVector<Case> read(Value keep, bool negated);
  bool canTest(ArrayRef<Case> cases);
  Value isOne(ArrayRef<Case> cases);
  Value isSome(MaskFormula &formula, const Term &term);
  Value loopOverKeys(const Term &term, Value row, int64_t step);
  Value evaluate(const Term &term, Value row, Value key);

  Value constant(bool value) {
    return arith::ConstantOp::create(builder, loc, builder.getBoolAttr(value));
  }
  Value either(Value a, Value b) {
    return builder.createOrFold<arith::OrIOp>(loc, a, b);
  }
  Value negate(Value a) {
    return builder.createOrFold<arith::XOrIOp>(loc, a, constant(true));
  }
  /// What `then` computes if the condition holds, else `otherwise`.
  Value choose(Value condition, function_ref<Value()> then, Value otherwise) {
    auto yield = [&](Value value) {
      scf::YieldOp::create(builder, loc, value);
    };
    return scf::IfOp::create(
               builder, loc, condition,
               [&](OpBuilder &, Location) { yield(then()); },
               [&](OpBuilder &, Location) { yield(otherwise); })
        .getResult(0);
  }
  /// The first index of a tile or block: `number * step`, but not before
  /// `first`.
  Value clip(Value number, int64_t step, Value first) {
    return step == 1 ? number : index.max(index.mul(number, step), first);
  }

  OpBuilder &builder;
  IndexBuilder index;
  Location loc;
  MapOp map;
  TileSpace space;
  Value tile;
  TileProjector projector;
  /// One for all rows, and if the mask depends on the head one for each head of
  /// a group.
  SmallVector<MaskFormula, 1> formulas;
  TileTest test;
};
} // namespace

SmallVector<TileTester::Case> TileTester::read(Value keep, bool negated) {
  SmallVector<Case> cases;
  for (MaskFormula &formula : formulas)
    for (const Conjunction &conjunction : formula.read(keep, negated)) {
      Case added{&formula, {}, {}};
      bool ofHead = false;
      for (unsigned number : conjunction) {
        if (formula[number].condition)
          added.conditions.push_back(number);
        else
          ofHead |= formula[number].ofHead;
      }
      // Other cases are found for all rows at once.
      if (formulas.size() > 1 && ofHead != formula.hasMember())
        continue;
      bool isEmpty = false;
      std::optional<TileInterval> tiles =
          projector.project(formula, conjunction, /*limit=*/{}, isEmpty);
      if (isEmpty)
        continue;
      Value one = index.constant(1);
      added.isInside = constant(true);
      if (tiles && tiles->begin)
        added.isInside = index.lessEqual(tiles->begin, tile);
      if (tiles && tiles->end)
        added.isInside = index.both(
            added.isInside, index.lessEqual(index.add(tile, one), tiles->end));
      cases.push_back(std::move(added));
    }
  return cases;
}

/// Whether all conditions can be evaluated.
bool TileTester::canTest(ArrayRef<Case> cases) {
  for (const Case &one : cases)
    for (unsigned number : one.conditions)
      if (!canEvaluate(map, (*one.formula)[number].condition))
        return false;
  return true;
}

/// Whether an element may satisfy one of the cases.
Value TileTester::isOne(ArrayRef<Case> cases) {
  Value result = constant(false);
  for (const Case &one : cases)
    if (one.conditions.empty())
      result = either(result, one.isInside);
  // A condition is evaluated once for all cases that have it, and only if they
  // can change the answer.
  struct Condition {
    MaskFormula *formula;
    Value isInside, holds;
  };
  llvm::MapVector<const Term *, Condition> conditions;
  for (const Case &one : cases)
    for (unsigned number : one.conditions) {
      auto [known, isNew] = conditions.try_emplace(
          &(*one.formula)[number], Condition{one.formula, one.isInside, {}});
      if (!isNew)
        known->second.isInside = either(known->second.isInside, one.isInside);
    }
  Value isOpen = negate(result);
  for (auto &[term, condition] : conditions)
    condition.holds = choose(
        index.both(condition.isInside, isOpen),
        [&, term = term] { return isSome(*condition.formula, *term); },
        constant(false));
  for (const Case &one : cases) {
    Value holds = one.isInside;
    for (unsigned number : one.conditions)
      holds = index.both(
          holds, conditions.find(&(*one.formula)[number])->second.holds);
    result = either(result, holds);
  }
  return result;
}

/// Whether a condition holds for an element of the tile. Goes through queries
/// until there is one.
Value TileTester::isSome(MaskFormula &formula, const Term &term) {
  const int64_t group = space.group;
  const int64_t keyStep = stepOf(map, term.condition, map.getColIndex(), group);
  int64_t queryStep = stepOf(map, term.condition, map.getRowIndex(), group);
  bool ofHead = term.ofHead && !formula.hasMember();
  if (queryStep % group == 0) {
    queryStep /= group;
  } else {
    queryStep = 1;
    ofHead = true;
  }
  test.queryStep = std::gcd(test.queryStep, queryStep);
  test.keyStep = std::gcd(test.keyStep, keyStep);
  Value member = index.constant(formula.getRows().member.value_or(0));
  // Some element of a query.
  auto ofQuery = [&](Value query) -> Value {
    Value first = index.mul(query, group);
    if (!ofHead)
      return loopOverKeys(term, index.add(first, member), keyStep);
    auto loop = scf::ForOp::create(
        builder, loc, index.constant(0), index.constant(group),
        index.constant(1), constant(false),
        [&](OpBuilder &b, Location, Value head, ValueRange found) {
          Value row = index.add(first, head);
          Value holds = loopOverKeys(term, row, keyStep);
          scf::YieldOp::create(b, loc, either(found[0], holds));
        });
    return loop.getResult(0);
  };
  Value first = formula.getFirstQuery(), last = formula.getLastQuery();
  if (queryStep == 0)
    return ofQuery(first);
  Value begin = index.floorDiv(first, queryStep),
        end = index.floorDiv(last, queryStep);
  auto loop = scf::WhileOp::create(
      builder, loc, TypeRange{builder.getIndexType(), builder.getI1Type()},
      ValueRange{begin, constant(false)},
      [&](OpBuilder &b, Location, ValueRange state) {
        Value isLeft = index.lessEqual(state[0], end);
        Value goesOn = index.both(isLeft, negate(state[1]));
        scf::ConditionOp::create(b, loc, goesOn, state);
      },
      [&](OpBuilder &b, Location, ValueRange state) {
        Value holds = ofQuery(clip(state[0], queryStep, first));
        scf::YieldOp::create(
            b, loc, ValueRange{index.add(state[0], index.constant(1)), holds});
      });
  return loop.getResult(1);
}

/// Whether a condition holds for an element of a row.
Value TileTester::loopOverKeys(const Term &term, Value row, int64_t step) {
  Value first = index.mul(tile, space.tileKeys);
  if (step % space.tileKeys == 0)
    return evaluate(term, row, first);
  Value next = index.add(first, index.constant(space.tileKeys));
  Value begin = index.floorDiv(first, step), end = index.ceilDiv(next, step);
  auto loop = scf::ForOp::create(
      builder, loc, begin, end, index.constant(1), constant(false),
      [&](OpBuilder &b, Location, Value number, ValueRange found) {
        Value holds = evaluate(term, row, clip(number, step, first));
        scf::YieldOp::create(b, loc, either(found[0], holds));
      });
  return loop.getResult(0);
}

Value TileTester::evaluate(const Term &term, Value row, Value key) {
  IRMapping mapping;
  auto set = [&](Value argument, Value value) {
    mapping.map(argument, arith::IndexCastOp::create(
                              builder, loc, argument.getType(), value));
  };
  set(map.getRowIndex(), row);
  set(map.getColIndex(), key);
  std::function<Value(Value)> compute = [&](Value value) -> Value {
    if (mapping.contains(value) || value.getParentRegion() != &map.getBody())
      return mapping.lookupOrDefault(value);
    for (Value operand : value.getDefiningOp()->getOperands())
      compute(operand);
    builder.clone(*value.getDefiningOp(), mapping);
    return mapping.lookup(value);
  };
  Value holds = compute(term.condition);
  return term.negated ? negate(holds) : holds;
}

std::optional<TileTest> TileTester::run(Value keep) {
  RowRange rows{space.firstRow, space.lastRow, space.group, std::nullopt};
  formulas.push_back(MaskFormula(builder, loc, map, rows));
  if (dependsOnHead(map, keep, space.group))
    for (rows.member = 0; *rows.member < space.group; ++*rows.member)
      formulas.push_back(MaskFormula(builder, loc, map, rows));
  // Where all that follows can use them.
  for (MaskFormula &formula : formulas) {
    formula.getFirstQuery();
    formula.getLastQuery();
  }
  SmallVector<Case> kept = read(keep, /*negated=*/false),
                    masked = read(keep, /*negated=*/true);
  if (!canTest(kept) || !canTest(masked))
    return std::nullopt;
  Value isCandidate = constant(false);
  for (const Case &one : kept)
    isCandidate = either(isCandidate, one.isInside);
  auto kind = [&](TileKind kind) -> Value {
    return arith::ConstantIntOp::create(builder, loc, kind, 8);
  };
  Value empty = kind(kEmptyTile);
  auto testRest = [&]() -> Value {
    return index.select(isOne(masked), kind(kPartialTile), kind(kFullTile));
  };
  test.kind = choose(
      isCandidate, [&] { return choose(isOne(kept), testRest, empty); }, empty);
  return test;
}

std::optional<TileTest> mlir::tile::testTile(OpBuilder &builder, Location loc,
                                             MapOp map, Value keep,
                                             const TileSpace &space,
                                             Value tile) {
  return TileTester(builder, loc, map, space, tile).run(keep);
}
