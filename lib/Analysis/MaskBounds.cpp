//===- MaskBounds.cpp - Which key tiles a mask leaves ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conjunctions of the mask give the tiles with kept elements, those of its
// negation the tiles with masked elements. Tiles in both are partial, those
// only in the first full.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/MaskBounds.h"

#include "TileProjector.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::tile;

/// A mask with more intervals than this is better tested tile by tile. Known
/// masks have up to four.
static constexpr size_t kMostIntervals = 16;

namespace {

/// A union of intervals of tiles. A null bound of an interval is absent.
struct TileSet {
  SmallVector<TileInterval> intervals;
  /// The tile behind the last one that any of them has; absent if it is the
  /// end of the space.
  Value end;
};

class BoundsBuilder {
public:
  BoundsBuilder(OpBuilder &builder, Location loc, MapOp map,
                const TileSpace &space)
      : index(builder, loc), map(map), space(space),
        projector(builder, loc, space) {}

  TileBounds run(Value keep);

private:
  TileSet findTiles(Value keep, bool negated);
  void addTiles(TileSet &set, MaskFormula &formula, Disjunction conjunctions);
  Value findLimit(MaskFormula &formula, const Disjunction &conjunctions,
                  Conjunction &limits);
  SmallVector<TileInterval> arrange(const TileSet &set);
  TileInterval hullOf(const TileSet &set);
  void sort(MutableArrayRef<TileInterval> intervals);
  SmallVector<TileInterval> complement(ArrayRef<TileInterval> sorted);
  SmallVector<TileInterval> intersect(ArrayRef<TileInterval> a,
                                      ArrayRef<TileInterval> b);
  /// The interval from where `from` begins, if that is in one of `others`.
  TileInterval cut(TileInterval from, ArrayRef<TileInterval> others,
                   bool isStrict);

  IndexBuilder index;
  MapOp map;
  TileSpace space;
  /// One for all rows, and if the mask depends on the head one for each head of
  /// a group.
  SmallVector<MaskFormula, 1> formulas;
  TileProjector projector;
};

} // namespace

/// The largest key that every conjunction allows, such as the last one that
/// exists, and the terms that say so. Without them, what is left of a
/// conjunction has no end more often, and such intervals are merged.
Value BoundsBuilder::findLimit(MaskFormula &formula,
                               const Disjunction &conjunctions,
                               Conjunction &limits) {
  Value limit;
  if (conjunctions.size() < 2)
    return limit;
  for (unsigned number : conjunctions.front()) {
    const Term &term = formula[number];
    if (term.key != 1 || term.query != 0 ||
        !llvm::all_of(conjunctions, [&](const Conjunction &conjunction) {
          return llvm::is_contained(conjunction, number);
        }))
      continue;
    limits.push_back(number);
    index.lower(limit, index.negate(term.least));
  }
  return limit;
}

TileSet BoundsBuilder::findTiles(Value keep, bool negated) {
  TileSet set;
  for (MaskFormula &formula : formulas)
    addTiles(set, formula, formula.read(keep, negated));
  return set;
}

void BoundsBuilder::addTiles(TileSet &set, MaskFormula &formula,
                             Disjunction conjunctions) {
  auto isAll = [](const TileInterval &tiles) {
    return !tiles.begin && !tiles.end;
  };
  if (llvm::any_of(set.intervals, isAll))
    return;
  // What was not understood may hold.
  for (Conjunction &conjunction : conjunctions)
    llvm::erase_if(conjunction, [&](unsigned number) {
      return bool(formula[number].condition);
    });
  Conjunction limits;
  Value limit = findLimit(formula, conjunctions, limits);
  if (limit)
    index.raise(set.end, projector.endOf(limit));
  // What does not depend on the head is found for all rows at once.
  llvm::erase_if(conjunctions, [&](const Conjunction &conjunction) {
    bool ofHead = llvm::any_of(
        conjunction, [&](unsigned number) { return formula[number].ofHead; });
    return formulas.size() > 1 && ofHead != formula.hasMember();
  });
  for (Conjunction &conjunction : conjunctions) {
    llvm::erase_if(conjunction, [&](unsigned number) {
      return llvm::is_contained(limits, number);
    });
    bool isEmpty = false;
    std::optional<TileInterval> tiles =
        projector.project(formula, conjunction, limit, isEmpty);
    if (isEmpty)
      continue;
    if (!tiles) {
      set.intervals = {TileInterval()};
      return;
    }
    // Intervals without a begin are one, and so are those without an end.
    auto known = llvm::find_if(set.intervals, [&](const TileInterval &other) {
      return bool(other.begin) == bool(tiles->begin) &&
             bool(other.end) == bool(tiles->end) && !(other.begin && other.end);
    });
    if (known == set.intervals.end())
      set.intervals.push_back(*tiles);
    else if (known->end)
      index.raise(known->end, tiles->end);
    else
      index.lower(known->begin, tiles->begin);
  }
}

/// Sorts by where intervals begin: Batcher's merge exchange network (Knuth, The
/// Art of Computer Programming, volume 3, algorithm 5.2.2M).
void BoundsBuilder::sort(MutableArrayRef<TileInterval> intervals) {
  const size_t count = intervals.size();
  const size_t top = count < 2 ? 0 : llvm::PowerOf2Ceil(count) / 2;
  auto exchange = [&](TileInterval &x, TileInterval &y) {
    TileInterval a = x, b = y;
    Value inOrder = index.lessEqual(a.begin, b.begin);
    x = {index.select(inOrder, a.begin, b.begin),
         index.select(inOrder, a.end, b.end)};
    y = {index.select(inOrder, b.begin, a.begin),
         index.select(inOrder, b.end, a.end)};
  };
  for (size_t step = top; step > 0; step /= 2) {
    size_t distance = step, rest = 0;
    for (size_t span = top;; span /= 2) {
      for (size_t n = 0; n + distance < count; ++n)
        if ((n & step) == rest)
          exchange(intervals[n], intervals[n + distance]);
      if (span == step)
        break;
      distance = span - step;
      rest = step;
    }
  }
}

/// The set as intervals within the space, sorted, none of which begins before
/// the one before it ends.
SmallVector<TileInterval> BoundsBuilder::arrange(const TileSet &set) {
  const Value end =
      set.end ? index.min(set.end, space.tiles.end) : space.tiles.end;
  // The one without a begin comes first, the one without an end last.
  SmallVector<TileInterval> all, middle, last;
  for (TileInterval interval : set.intervals) {
    auto &list = !interval.begin ? all : interval.end ? middle : last;
    list.push_back({interval.begin
                        ? index.max(interval.begin, space.tiles.begin)
                        : space.tiles.begin,
                    interval.end ? index.min(interval.end, end) : end});
  }
  for (TileInterval &interval : middle)
    if (!last.empty()) {
      interval.begin = index.min(interval.begin, last[0].begin);
      interval.end = index.min(interval.end, last[0].begin);
    }
  sort(middle);
  all.append(middle);
  all.append(last);
  Value previous;
  for (TileInterval &interval : all) {
    if (previous)
      interval.begin = index.max(interval.begin, previous);
    index.raise(previous, interval.end);
  }
  return all;
}

/// One interval around all of the set.
TileInterval BoundsBuilder::hullOf(const TileSet &set) {
  TileInterval hull{space.tiles.end, space.tiles.begin};
  for (TileInterval interval : set.intervals) {
    Value begin = interval.begin ? interval.begin : space.tiles.begin,
          end = interval.end ? interval.end : space.tiles.end;
    // An empty one may lie anywhere.
    Value isEmpty = index.lessEqual(end, begin);
    hull.begin =
        index.min(hull.begin, index.select(isEmpty, hull.begin, begin));
    hull.end = index.max(hull.end, index.select(isEmpty, hull.end, end));
  }
  return {index.max(hull.begin, space.tiles.begin),
          index.min(hull.end, set.end ? index.min(set.end, space.tiles.end)
                                      : space.tiles.end)};
}

/// The tiles of the space between sorted intervals.
SmallVector<TileInterval>
BoundsBuilder::complement(ArrayRef<TileInterval> sorted) {
  SmallVector<TileInterval> gaps;
  Value begin = space.tiles.begin;
  for (TileInterval interval : sorted) {
    if (begin != interval.begin)
      gaps.push_back({begin, index.min(interval.begin, space.tiles.end)});
    if (interval.end == space.tiles.end)
      return gaps;
    begin = index.max(interval.begin, interval.end);
  }
  gaps.push_back({begin, space.tiles.end});
  return gaps;
}

/// What begins where `from` does, and ends where it or the one of `others`
/// ends that has its first tile; empty if none has.
TileInterval BoundsBuilder::cut(TileInterval from,
                                ArrayRef<TileInterval> others, bool isStrict) {
  Value begin = from.begin, end = begin;
  for (TileInterval other : others) {
    Value first =
        isStrict ? index.add(other.begin, index.constant(1)) : other.begin;
    Value isBehind = index.lessEqual(first, begin);
    Value common = index.min(from.end, other.end);
    end = index.max(end, index.select(isBehind, common, begin));
  }
  return {begin, end};
}

/// What two lists of disjoint intervals within the space have in common.
SmallVector<TileInterval> BoundsBuilder::intersect(ArrayRef<TileInterval> a,
                                                   ArrayRef<TileInterval> b) {
  const TileInterval all = space.tiles;
  SmallVector<TileInterval> common;
  if (a.size() * b.size() <= a.size() + b.size()) {
    for (TileInterval x : a)
      for (TileInterval y : b)
        common.push_back({x.begin == all.begin   ? y.begin
                          : y.begin == all.begin ? x.begin
                                                 : index.max(x.begin, y.begin),
                          x.end == all.end   ? y.end
                          : y.end == all.end ? x.end
                                             : index.min(x.end, y.end)});
    return common;
  }
  // Each piece begins where one of the intervals does.
  for (TileInterval x : a)
    common.push_back(cut(x, b, /*isStrict=*/false));
  for (TileInterval y : b)
    common.push_back(cut(y, a, /*isStrict=*/true));
  return common;
}

TileBounds BoundsBuilder::run(Value keep) {
  TileBounds bounds;
  RowRange rows{space.firstRow, space.lastRow, space.group, std::nullopt};
  formulas.push_back(MaskFormula(index.builder, index.loc, map, rows));
  if (dependsOnHead(map, keep, space.group))
    for (rows.member = 0; *rows.member < space.group; ++*rows.member)
      formulas.push_back(MaskFormula(index.builder, index.loc, map, rows));
  TileSet kept = findTiles(keep, /*negated=*/false),
          masked = findTiles(keep, /*negated=*/true);
  bounds.exact = llvm::all_of(
      formulas, [](MaskFormula &formula) { return formula.isComplete(); });
  // Every tile has an element that is kept or one that is masked: full tiles
  // are those without masked ones.
  SmallVector<TileInterval> rest = {space.tiles}, partial, full;
  if (masked.intervals.size() < kMostIntervals) {
    rest = arrange(masked);
    full = complement(rest);
  } else {
    bounds.exact = false;
  }
  if (kept.intervals.size() + rest.size() <= kMostIntervals) {
    partial = intersect(arrange(kept), rest);
  } else {
    bounds.exact = false;
    partial = intersect({hullOf(kept)}, rest);
  }
  bounds.readsNumbers = projector.readsNumbers();
  for (TileInterval interval : partial)
    bounds.partial.add(index.builder, index.loc, interval);
  for (TileInterval interval : full)
    bounds.full.add(index.builder, index.loc, interval);
  return bounds;
}

TileBounds mlir::tile::deriveTileBounds(OpBuilder &builder, Location loc,
                                        MapOp map, Value keep,
                                        const TileSpace &space) {
  return BoundsBuilder(builder, loc, map, space).run(keep);
}

//===----------------------------------------------------------------------===//
// TileSequence
//===----------------------------------------------------------------------===//

void TileSequence::add(OpBuilder &builder, Location loc,
                       TileInterval interval) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value size =
      builder.createOrFold<arith::SubIOp>(loc, interval.end, interval.begin);
  Value count = builder.createOrFold<arith::MaxSIOp>(loc, size, zero);
  if (!matchPattern(count, m_Zero()))
    parts.push_back({interval.begin, count});
}

/// A number of a table of i32.
static Value readNumber(OpBuilder &builder, Location loc, Value table,
                        Value row, Value place) {
  Value number =
      memref::LoadOp::create(builder, loc, table, ValueRange{row, place});
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                    number);
}

Value TileSequence::getCount(OpBuilder &builder, Location loc) const {
  if (list.table)
    return readNumber(builder, loc, list.table, list.row,
                      arith::ConstantIndexOp::create(builder, loc, list.place));
  Value count = arith::ConstantIndexOp::create(builder, loc, 0);
  for (const Part &part : parts)
    count = arith::AddIOp::create(builder, loc, count, part.count);
  return count;
}

Value TileSequence::getTile(OpBuilder &builder, Location loc, Value t) const {
  if (list.table) {
    IndexBuilder index(builder, loc);
    Value size =
        memref::DimOp::create(builder, loc, list.table, index.constant(1));
    Value last = index.add(size, index.constant(-1));
    Value place = list.isBackward
                      ? index.max(index.sub(last, t), index.constant(0))
                      : index.min(index.add(t, index.constant(2)), last);
    return readNumber(builder, loc, list.table, list.row, place);
  }
  // From the last part to the first: the position within it, or on.
  Value tile;
  SmallVector<Value> starts;
  Value start = arith::ConstantIndexOp::create(builder, loc, 0);
  for (const Part &part : parts) {
    starts.push_back(start);
    start = arith::AddIOp::create(builder, loc, start, part.count);
  }
  for (size_t n = parts.size(); n-- > 0;) {
    Value offset = arith::SubIOp::create(builder, loc, t, starts[n]);
    Value candidate =
        arith::AddIOp::create(builder, loc, parts[n].begin, offset);
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
