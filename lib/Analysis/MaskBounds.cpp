//===- MaskBounds.cpp - Which keys a mask leaves --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each comparison is brought to the form `key <= sum` or `key >= sum`, where
// the sum is monotone in the query index. Over a range of queries, the largest
// value of an upper bound limits the keys that some query keeps, the smallest
// value those that all keep; lower bounds the other way round.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/MaskBounds.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

using namespace mlir;
using namespace mlir::tile;

namespace {

/// key * keyFactor + query * queryFactor + terms + constant, where query is
/// row floordiv divisor.
struct Sum {
  int64_t keyFactor = 0, queryFactor = 0, divisor = 1, constant = 0;
  SmallVector<std::pair<Value, int64_t>> terms;
};

class BoundsBuilder {
public:
  BoundsBuilder(OpBuilder &builder, Location loc, MapOp map, Value firstRow,
                Value lastRow)
      : builder(builder), loc(loc), map(map), firstRow(firstRow),
        lastRow(lastRow) {}

  void visit(Value condition);
  MaskBounds bounds;

private:
  std::optional<Sum> toSum(Value value);
  void constrain(Sum sum);
  Value emit(const Sum &sum, bool atLastRow);
  Value add(Value a, Value b) {
    return arith::AddIOp::create(builder, loc, a, b);
  }

  OpBuilder &builder;
  Location loc;
  MapOp map;
  Value firstRow, lastRow;
};

} // namespace

static std::optional<Sum> addScaled(const Sum &a, const Sum &b,
                                    int64_t factor) {
  if (a.queryFactor != 0 && b.queryFactor != 0 && a.divisor != b.divisor)
    return std::nullopt;
  Sum sum = a;
  if (a.queryFactor == 0)
    sum.divisor = b.divisor;
  sum.keyFactor += factor * b.keyFactor;
  sum.queryFactor += factor * b.queryFactor;
  sum.constant += factor * b.constant;
  for (auto [value, coefficient] : b.terms)
    sum.terms.emplace_back(value, factor * coefficient);
  return sum;
}

std::optional<Sum> BoundsBuilder::toSum(Value value) {
  Sum sum;
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant))) {
    sum.constant = constant.getSExtValue();
    return sum;
  }
  if (value == map.getRowIndex()) {
    sum.queryFactor = 1;
    return sum;
  }
  if (value == map.getColIndex()) {
    sum.keyFactor = 1;
    return sum;
  }
  if (value.getParentRegion() != &map.getBody()) {
    // It must not change between the tiles of the loop.
    auto loop = map->getParentOfType<LoopLikeOpInterface>();
    if (loop && !loop.isDefinedOutsideOfLoop(value))
      return std::nullopt;
    sum.terms.emplace_back(value, 1);
    return sum;
  }
  if (auto op = value.getDefiningOp<arith::DivUIOp>()) {
    // The row of packed heads: row / group is the query.
    if (op.getLhs() == map.getRowIndex() &&
        matchPattern(op.getRhs(), m_ConstantInt(&constant))) {
      sum.queryFactor = 1;
      sum.divisor = constant.getSExtValue();
      return sum;
    }
    return std::nullopt;
  }
  Operation *op = value.getDefiningOp();
  if (!isa_and_nonnull<arith::AddIOp, arith::SubIOp>(op))
    return std::nullopt;
  std::optional<Sum> lhs = toSum(op->getOperand(0)),
                     rhs = toSum(op->getOperand(1));
  if (!lhs || !rhs)
    return std::nullopt;
  return addScaled(*lhs, *rhs, isa<arith::AddIOp>(op) ? 1 : -1);
}

/// The value of `sum` without its key, for the first or the last query. The
/// arithmetic is 64-bit, so that it cannot overflow.
Value BoundsBuilder::emit(const Sum &sum, bool atLastRow) {
  Value result = arith::ConstantIndexOp::create(builder, loc, sum.constant);
  auto accumulate = [&](Value value, int64_t factor) {
    if (factor == 1) {
      result = add(result, value);
    } else if (factor == -1) {
      result = arith::SubIOp::create(builder, loc, result, value);
    } else if (factor != 0) {
      Value f = arith::ConstantIndexOp::create(builder, loc, factor);
      result = add(result, arith::MulIOp::create(builder, loc, value, f));
    }
  };
  for (auto [value, factor] : sum.terms)
    accumulate(
        arith::IndexCastOp::create(builder, loc, builder.getIndexType(), value),
        factor);
  if (sum.queryFactor != 0) {
    Value query = atLastRow ? lastRow : firstRow;
    if (sum.divisor != 1)
      query = arith::DivUIOp::create(
          builder, loc, query,
          arith::ConstantIndexOp::create(builder, loc, sum.divisor));
    accumulate(query, sum.queryFactor);
  }
  return result;
}

/// Takes `sum <= 0` into the bounds.
void BoundsBuilder::constrain(Sum sum) {
  if (std::abs(sum.keyFactor) != 1) {
    // A condition on the query alone, or a multiple of the key.
    bounds.exact = false;
    return;
  }
  auto raise = [&](Value &bound, Value value) {
    bound = bound ? Value(arith::MaxSIOp::create(builder, loc, bound, value))
                  : value;
  };
  auto lower = [&](Value &bound, Value value) {
    bound = bound ? Value(arith::MinSIOp::create(builder, loc, bound, value))
                  : value;
  };
  bool isUpper = sum.keyFactor == 1;
  sum.keyFactor = 0;
  if (isUpper) {
    // key <= -rest, that is key < 1 - rest
    Sum limit = *addScaled(Sum(), sum, -1);
    limit.constant += 1;
    bool grows = limit.queryFactor > 0;
    lower(bounds.kept.end, emit(limit, /*atLastRow=*/grows));
    lower(bounds.full.end, emit(limit, /*atLastRow=*/!grows));
  } else {
    // key >= rest
    bool grows = sum.queryFactor > 0;
    raise(bounds.kept.begin, emit(sum, /*atLastRow=*/!grows));
    raise(bounds.full.begin, emit(sum, /*atLastRow=*/grows));
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
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  if (!compare || !compare.getLhs().getType().isInteger(32)) {
    bounds.exact = false;
    return;
  }
  std::optional<Sum> lhs = toSum(compare.getLhs()),
                     rhs = toSum(compare.getRhs());
  std::optional<Sum> difference; // of the smaller and the larger side
  bool strict = false;
  if (lhs && rhs) {
    switch (compare.getPredicate()) {
    case arith::CmpIPredicate::slt:
      strict = true;
      [[fallthrough]];
    case arith::CmpIPredicate::sle:
      difference = addScaled(*lhs, *rhs, -1);
      break;
    case arith::CmpIPredicate::sgt:
      strict = true;
      [[fallthrough]];
    case arith::CmpIPredicate::sge:
      difference = addScaled(*rhs, *lhs, -1);
      break;
    default:
      break;
    }
  }
  if (!difference) {
    bounds.exact = false;
    return;
  }
  difference->constant += strict ? 1 : 0;
  constrain(*difference);
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
