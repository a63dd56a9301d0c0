//===- MaskBounds.h - Which keys a mask leaves ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Derives bounds on the key index from the condition of a mask.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_MASKBOUNDS_H
#define ATTN_ANALYSIS_MASKBOUNDS_H

#include "dialect/Tile/Tile.h"

namespace mlir::tile {

/// A half-open interval of keys, as index values; a null bound is absent.
struct KeyInterval {
  Value begin, end;
};

/// What is known about the keys of some rows.
struct MaskBounds {
  /// No row keeps a key outside of this interval.
  KeyInterval kept;
  /// Every row keeps every key inside of this interval.
  KeyInterval full;
  /// False if nothing is known about `full`, which is then empty.
  bool exact = true;
};

/// Derives what the condition `keep`, an i1 in the region of `map`, says about
/// the rows `firstRow .. lastRow` (index values, inclusive).
///
/// Understood are conjunctions of signed comparisons and equalities between
/// sums of the key index (with coefficient -1, 0 or 1) and expressions of the
/// query index (the row, or the row divided by a constant, where heads are
/// packed) and of values from outside of the region: sums, products and
/// quotients with constants, minima and maxima. Both intervals are exact where
/// the query index occurs once in a comparison. Any other condition only makes
/// the answer less tight: `kept` wider, `full` smaller or empty.
///
/// The bounds are emitted at the insertion point of `builder`.
MaskBounds deriveMaskBounds(OpBuilder &builder, Location loc, MapOp map,
                            Value keep, Value firstRow, Value lastRow);

/// The tiles that a loop visits: up to four intervals, one after the other.
class TileSequence {
public:
  /// Adds the tiles `begin .. end - 1`; nothing if `end <= begin`. At most
  /// four intervals.
  void add(OpBuilder &builder, Location loc, Value begin, Value end);

  /// The number of tiles, at the builder's insertion point.
  Value getCount(OpBuilder &builder, Location loc) const;

  /// The tile at position `t` of the sequence.
  Value getTile(OpBuilder &builder, Location loc, Value t) const;

private:
  struct Interval {
    Value begin, count;
  };
  SmallVector<Interval, 4> intervals;
};

} // namespace mlir::tile

#endif // ATTN_ANALYSIS_MASKBOUNDS_H
