//===- MaskBounds.h - Which key tiles a mask leaves -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Derives from the condition of a mask which key tiles a query tile meets, as
// arithmetic on a few integers. The theory is in docs/masks.md.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_MASKBOUNDS_H
#define ATTN_ANALYSIS_MASKBOUNDS_H

#include "dialect/Tile/Tile.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::tile {

/// Tiles `begin .. end - 1`, as index values; none if `end <= begin`.
struct TileInterval {
  Value begin, end;
};

/// The tiles that a loop visits: intervals, one after the other.
class TileSequence {
public:
  /// Adds the tiles of an interval.
  void add(OpBuilder &builder, Location loc, TileInterval interval);

  /// The number of tiles, at the builder's insertion point.
  Value getCount(OpBuilder &builder, Location loc) const;

  /// The tile at position `t` of the sequence.
  Value getTile(OpBuilder &builder, Location loc, Value t) const;

  bool empty() const { return parts.empty(); }

private:
  struct Part {
    Value begin, count;
  };
  SmallVector<Part, 4> parts;
};

/// On a memref.load in a mask, which reads a number at the key index: which two
/// arguments of the kernel hold, for each row of the other indices and each key
/// tile, the least number of the tile and those after it, and the largest of
/// the tile and those before it.
inline constexpr llvm::StringLiteral kEnvelopesAttrName = "tile.envelopes";

/// The dimension of the memref that the key index of `map` selects, if `load`
/// reads an integer there, and the other indices are the same for all elements.
std::optional<unsigned> findKeyDimension(MapOp map, memref::LoadOp load);

/// Where to look for key tiles.
struct TileSpace {
  /// The rows of the query tile that exist, inclusive, as index values.
  Value firstRow, lastRow;
  /// Rows of a query: one for each head of a group.
  int64_t group;
  /// The tiles to choose from.
  TileInterval tiles;
  /// Keys of a tile.
  int64_t tileKeys;
};

/// The key tiles that a query tile meets.
struct TileBounds {
  /// Tiles of which the mask may keep some elements, and may drop some.
  TileSequence partial;
  /// Tiles of which it keeps all.
  TileSequence full;
  /// Whether all of the mask was understood. Else there may be empty tiles in
  /// `partial`, and full ones.
  bool exact = true;
  /// Whether bounds depend on numbers from memory at the key index. They are
  /// exact if those are sorted.
  bool readsNumbers = false;
};

/// Derives what the condition `keep`, an i1 in the region of `map`, says about
/// the key tiles of a query tile.
///
/// Understood are boolean combinations of comparisons of the query index i, the
/// key index j and their difference with values that are the same for all tiles
/// of the loop. For these the answer is exact. Also understood, but not always
/// exactly, are quotients and rests by positive constants, sums of i and j, and
/// numbers from memory at the query index. A condition that is not understood
/// only makes the answer less tight. The answer is never wrong: a tile that is
/// left out has no kept element, and one of `full` no masked one.
///
/// The arithmetic is emitted at the insertion point of `builder`.
TileBounds deriveTileBounds(OpBuilder &builder, Location loc, MapOp map,
                            Value keep, const TileSpace &space);

} // namespace mlir::tile

#endif // ATTN_ANALYSIS_MASKBOUNDS_H
