//===- TileProjector.cpp - Key tiles of a conjunction ---------------------
//===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileProjector.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::tile;

namespace {
/// A null bound is absent.
struct Bounds {
  Value least, most;
};
} // namespace

/// The first tile whose number in a row of the table is at least `least`, or
/// the end of the space. Numbers of a row are sorted.
Value TileProjector::findTile(Value table, Value row, Value least) {
  hasLookUps = true;
  OpBuilder &builder = index.builder;
  Value zero = index.constant(0);
  Value tiles =
      memref::DimOp::create(builder, index.loc, table, index.constant(1));
  Type type = builder.getIndexType();
  auto loop = scf::WhileOp::create(
      builder, index.loc, TypeRange{type, type}, ValueRange{zero, tiles},
      [](OpBuilder &b, Location loc, ValueRange range) {
        Value isOpen = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                             range[0], range[1]);
        scf::ConditionOp::create(b, loc, isOpen, range);
      },
      [&](OpBuilder &b, Location loc, ValueRange range) {
        IndexBuilder inner(b, loc);
        Value middle = inner.floorDiv(inner.add(range[0], range[1]), 2);
        Value number = inner.cast(
            memref::LoadOp::create(b, loc, table, ValueRange{row, middle}));
        Value isFound = inner.lessEqual(least, number);
        Value next = inner.add(middle, inner.constant(1));
        scf::YieldOp::create(
            b, loc,
            ValueRange{inner.select(isFound, range[0], next),
                       inner.select(isFound, middle, range[1])});
      });
  // Behind the table its last number is read.
  Value isBehind = index.lessEqual(tiles, loop.getResult(0));
  return index.select(isBehind, space.tiles.end, loop.getResult(0));
}

/// With A <= i <= B, c <= j <= d and e <= i - j <= f there is an i for j if
/// A <= B, e <= f, j >= A - f and j <= B - e: differences of two variables with
/// integer bounds have integer solutions.
std::optional<TileInterval>
TileProjector::project(MaskFormula &formula, const Conjunction &conjunction,
                       Value limit, bool &isEmpty) {
  Bounds query, key, difference;
  TileInterval tiles;
  Value holds;
  auto require = [&](Value condition) {
    holds = holds ? index.both(holds, condition) : condition;
  };
  for (unsigned number : conjunction) {
    // Some row satisfies it if the least one does.
    const Term &term = formula[number];
    if (term.condition)
      continue;
    auto limit = [&](Bounds &bounds, int64_t factor) {
      if (factor > 0)
        index.lower(bounds.most, index.negate(term.least));
      else
        index.raise(bounds.least, term.least);
    };
    if (term.factor != 0) {
      auto [least, most, row] = formula.getEnvelopes(term.number);
      if (term.factor > 0) {
        // A number of the tile is small only if one of it or after it is.
        Value next = index.sub(index.constant(1), term.least);
        index.lower(tiles.end, findTile(least, row, next));
      } else {
        // It is large only if one of the tile or before it is.
        index.raise(tiles.begin, findTile(most, row, term.least));
      }
    } else if (term.query != 0 && term.key != 0)
      limit(difference, term.query);
    else if (term.query != 0)
      limit(query, term.query);
    else if (term.key != 0)
      limit(key, term.key);
    else
      require(index.lessEqual(term.least, index.constant(0)));
  }
  if (query.least || query.most || formula.hasMember()) {
    index.raise(query.least, formula.getFirstQuery());
    index.lower(query.most, formula.getLastQuery());
    require(index.lessEqual(query.least, query.most));
  } else if (difference.least || difference.most) {
    query = {formula.getFirstQuery(), formula.getLastQuery()};
  }
  if (difference.least && difference.most)
    require(index.lessEqual(difference.least, difference.most));
  if (difference.most)
    index.raise(key.least, index.sub(query.least, difference.most));
  if (difference.least)
    index.lower(key.most, index.sub(query.most, difference.least));
  // Keys are not negative.
  auto isNegative = [](Value value) {
    std::optional<int64_t> number = IndexBuilder::constantOf(value);
    return number && *number < 0;
  };
  if (key.least && isNegative(index.add(key.least, index.constant(-1))))
    key.least = {};
  isEmpty = key.most && isNegative(key.most);
  // Else rounding might make a tile of nothing.
  if (key.least && key.most)
    require(index.lessEqual(key.least, key.most));
  if (key.least && limit)
    require(index.lessEqual(key.least, limit));

  APInt value;
  isEmpty |=
      holds && matchPattern(holds, m_ConstantInt(&value)) && value.isZero();
  if (holds && matchPattern(holds, m_One()))
    holds = {};
  if (key.least)
    index.raise(tiles.begin, index.floorDiv(key.least, space.tileKeys));
  if (key.most)
    index.lower(tiles.end, endOf(key.most));
  if (holds && (tiles.end || !tiles.begin))
    tiles.end = index.select(holds, tiles.end ? tiles.end : space.tiles.end,
                             space.tiles.begin);
  else if (holds)
    tiles.begin = index.select(holds, tiles.begin, space.tiles.end);
  if (!tiles.begin && !tiles.end)
    return std::nullopt;
  return tiles;
}
