//===- MaskBounds.cpp - Which keys a mask leaves --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each comparison is brought to the form `key <= rest` or `key >= rest`, and
// the values of the rest over a range of queries are enclosed in an interval.
// The largest value of an upper bound limits the keys that some query keeps,
// the smallest value those that all keep; lower bounds the other way round.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/MaskBounds.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

using namespace mlir;
using namespace mlir::tile;

namespace {

/// key * keyFactor + rest, where the rest lies between `least` and `most`
/// (index values) over all rows; both are attained where only sums and
/// quotients of the row by constants are involved.
struct Linear {
  int64_t keyFactor;
  Value least, most;

  bool isUniform() const { return keyFactor == 0 && least == most; }
};

/// The arithmetic is 64-bit, so that it cannot overflow.
class BoundsBuilder {
public:
  BoundsBuilder(OpBuilder &builder, Location loc, MapOp map, Value firstRow,
                Value lastRow)
      : builder(builder), loc(loc), map(map), firstRow(firstRow),
        lastRow(lastRow) {}

  void visit(Value condition);
  MaskBounds bounds;

private:
  std::optional<Linear> analyze(Value value);
  std::optional<Linear> analyzeDivision(Value dividend, Value divisor);
  std::optional<Linear> multiply(const Linear &a, const Linear &b);
  Linear sum(const Linear &a, const Linear &b) {
    Value least = add(a.least, b.least);
    return {a.keyFactor + b.keyFactor, least,
            isFixed(a, b) ? least : add(a.most, b.most)};
  }
  Linear difference(const Linear &a, const Linear &b) {
    Value least = sub(a.least, b.most);
    return {a.keyFactor - b.keyFactor, least,
            isFixed(a, b) ? least : sub(a.most, b.least)};
  }
  /// Whether the rests are the same for all rows.
  static bool isFixed(const Linear &a, const Linear &b) {
    return a.least == a.most && b.least == b.most;
  }
  void constrain(const Linear &lhs, const Linear &rhs, bool strict);

  Linear uniform(Value value) { return {0, value, value}; }
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  Value add(Value a, Value b) {
    return builder.createOrFold<arith::AddIOp>(loc, a, b);
  }
  Value sub(Value a, Value b) {
    return builder.createOrFold<arith::SubIOp>(loc, a, b);
  }
  Value mul(Value a, Value b) {
    return builder.createOrFold<arith::MulIOp>(loc, a, b);
  }
  Value min(Value a, Value b) {
    return builder.createOrFold<arith::MinSIOp>(loc, a, b);
  }
  Value max(Value a, Value b) {
    return builder.createOrFold<arith::MaxSIOp>(loc, a, b);
  }

  OpBuilder &builder;
  Location loc;
  MapOp map;
  Value firstRow, lastRow;
};

} // namespace

std::optional<Linear> BoundsBuilder::multiply(const Linear &a,
                                              const Linear &b) {
  APInt factor;
  if (!b.isUniform() || !matchPattern(b.least, m_ConstantInt(&factor)))
    return std::nullopt;
  Value first = mul(a.least, b.least), last = mul(a.most, b.least);
  if (factor.isNegative())
    std::swap(first, last);
  return Linear{a.keyFactor * factor.getSExtValue(), first, last};
}

/// Rounded down; the divisor is a positive constant.
std::optional<Linear> BoundsBuilder::analyzeDivision(Value dividend,
                                                     Value divisor) {
  APInt constant;
  std::optional<Linear> rest = analyze(dividend);
  if (!rest || rest->keyFactor != 0 ||
      !matchPattern(divisor, m_ConstantInt(&constant)) ||
      !constant.isStrictlyPositive())
    return std::nullopt;
  Value size = this->constant(constant.getSExtValue());
  auto divide = [&](Value value) {
    return builder.createOrFold<arith::FloorDivSIOp>(loc, value, size);
  };
  return Linear{0, divide(rest->least), divide(rest->most)};
}

std::optional<Linear> BoundsBuilder::analyze(Value value) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return uniform(this->constant(constant.getSExtValue()));
  if (value == map.getRowIndex())
    return Linear{0, firstRow, lastRow};
  if (value == map.getColIndex()) {
    Value zero = this->constant(0);
    return Linear{1, zero, zero};
  }
  if (value.getParentRegion() != &map.getBody()) {
    // It must not change between the tiles of the loop.
    auto loop = map->getParentOfType<LoopLikeOpInterface>();
    if (loop && !loop.isDefinedOutsideOfLoop(value))
      return std::nullopt;
    return uniform(builder.createOrFold<arith::IndexCastOp>(
        loc, builder.getIndexType(), value));
  }
  Operation *op = value.getDefiningOp();
  // Rows are not negative.
  if (auto division = dyn_cast_or_null<arith::DivUIOp>(op))
    return division.getLhs() == map.getRowIndex()
               ? analyzeDivision(division.getLhs(), division.getRhs())
               : std::nullopt;
  if (auto division = dyn_cast_or_null<arith::FloorDivSIOp>(op))
    return analyzeDivision(division.getLhs(), division.getRhs());
  if (!isa_and_nonnull<arith::AddIOp, arith::SubIOp, arith::MulIOp,
                       arith::MinSIOp, arith::MaxSIOp>(op))
    return std::nullopt;
  std::optional<Linear> lhs = analyze(op->getOperand(0)),
                        rhs = analyze(op->getOperand(1));
  if (!lhs || !rhs)
    return std::nullopt;
  if (isa<arith::AddIOp>(op))
    return sum(*lhs, *rhs);
  if (isa<arith::SubIOp>(op))
    return difference(*lhs, *rhs);
  if (isa<arith::MulIOp>(op)) {
    std::optional<Linear> product = multiply(*lhs, *rhs);
    return product ? product : multiply(*rhs, *lhs);
  }
  if (lhs->keyFactor != 0 || rhs->keyFactor != 0)
    return std::nullopt;
  if (isa<arith::MinSIOp>(op))
    return Linear{0, min(lhs->least, rhs->least), min(lhs->most, rhs->most)};
  return Linear{0, max(lhs->least, rhs->least), max(lhs->most, rhs->most)};
}

/// Takes `lhs <= rhs`, or `lhs < rhs`, into the bounds.
void BoundsBuilder::constrain(const Linear &lhs, const Linear &rhs,
                              bool strict) {
  auto raise = [&](Value &bound, Value value) {
    bound = bound ? max(bound, value) : value;
  };
  auto lower = [&](Value &bound, Value value) {
    bound = bound ? min(bound, value) : value;
  };
  int64_t keyFactor = lhs.keyFactor - rhs.keyFactor;
  if (keyFactor == 1) {
    Linear end = difference(rhs, lhs);
    if (!strict)
      end = sum(end, uniform(constant(1)));
    lower(bounds.kept.end, end.most);
    lower(bounds.full.end, end.least);
    return;
  }
  Linear rest = difference(lhs, rhs);
  if (strict)
    rest = sum(rest, uniform(constant(1)));
  if (keyFactor == -1) {
    raise(bounds.kept.begin, rest.least);
    raise(bounds.full.begin, rest.most);
  } else if (keyFactor == 0) {
    // A condition on the queries, `rest <= 0`: all keys or none.
    Value all = constant(std::numeric_limits<int64_t>::max());
    Value none = constant(0);
    auto endIf = [&](Value rest) -> Value {
      Value holds = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::sle, rest, none);
      return arith::SelectOp::create(builder, loc, holds, all, none);
    };
    lower(bounds.kept.end, endIf(rest.least));
    lower(bounds.full.end, endIf(rest.most));
  } else {
    bounds.exact = false;
  }
}

void BoundsBuilder::visit(Value condition) {
  if (matchPattern(condition, m_One()))
    return;
  if (auto both = condition.getDefiningOp<arith::AndIOp>()) {
    visit(both.getLhs());
    visit(both.getRhs());
    return;
  }
  // Only what is known not to overflow has 32 bits.
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  std::optional<Linear> lhs, rhs;
  if (compare && compare.getLhs().getType().isInteger(32)) {
    lhs = analyze(compare.getLhs());
    rhs = analyze(compare.getRhs());
  }
  if (!lhs || !rhs) {
    bounds.exact = false;
    return;
  }
  switch (compare.getPredicate()) {
  case arith::CmpIPredicate::slt:
    return constrain(*lhs, *rhs, /*strict=*/true);
  case arith::CmpIPredicate::sle:
    return constrain(*lhs, *rhs, /*strict=*/false);
  case arith::CmpIPredicate::sgt:
    return constrain(*rhs, *lhs, /*strict=*/true);
  case arith::CmpIPredicate::sge:
    return constrain(*rhs, *lhs, /*strict=*/false);
  case arith::CmpIPredicate::eq:
    constrain(*lhs, *rhs, /*strict=*/false);
    return constrain(*rhs, *lhs, /*strict=*/false);
  default:
    bounds.exact = false;
  }
}

MaskBounds mlir::tile::deriveMaskBounds(OpBuilder &builder, Location loc,
                                        MapOp map, Value keep, Value firstRow,
                                        Value lastRow) {
  BoundsBuilder bounds(builder, loc, map, firstRow, lastRow);
  bounds.visit(keep);
  return bounds.bounds;
}

//===----------------------------------------------------------------------===//
// TileSequence
//===----------------------------------------------------------------------===//

void TileSequence::add(OpBuilder &builder, Location loc, Value begin,
                       Value end) {
  assert(intervals.size() < 4 && "a sequence has at most four intervals");
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value size = arith::SubIOp::create(builder, loc, end, begin);
  Value count = arith::MaxSIOp::create(builder, loc, size, zero);
  intervals.push_back({begin, count});
}

Value TileSequence::getCount(OpBuilder &builder, Location loc) const {
  Value count = arith::ConstantIndexOp::create(builder, loc, 0);
  for (const Interval &interval : intervals)
    count = arith::AddIOp::create(builder, loc, count, interval.count);
  return count;
}

Value TileSequence::getTile(OpBuilder &builder, Location loc, Value t) const {
  // From the last interval to the first: the position within it, or on.
  Value tile;
  SmallVector<Value> starts;
  Value start = arith::ConstantIndexOp::create(builder, loc, 0);
  for (const Interval &interval : intervals) {
    starts.push_back(start);
    start = arith::AddIOp::create(builder, loc, start, interval.count);
  }
  for (size_t n = intervals.size(); n-- > 0;) {
    Value offset = arith::SubIOp::create(builder, loc, t, starts[n]);
    Value candidate =
        arith::AddIOp::create(builder, loc, intervals[n].begin, offset);
    if (!tile) {
      tile = candidate;
      continue;
    }
    Value before = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::slt, t, starts[n + 1]);
    tile = arith::SelectOp::create(builder, loc, before, candidate, tile);
  }
  return tile;
}
