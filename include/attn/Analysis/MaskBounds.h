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

/// The tiles that a loop visits: intervals, one after the other, or a list.
class TileSequence {
public:
  /// Adds the tiles of an interval.
  void add(OpBuilder &builder, Location loc, TileInterval interval);

  /// The number of tiles, at the builder's insertion point.
  Value getCount(OpBuilder &builder, Location loc) const;

  /// The tile at position `t` of the sequence. Behind the last one it is some
  /// number; no memory is read that is not there.
  Value getTile(OpBuilder &builder, Location loc, Value t) const;

  bool empty() const { return parts.empty() && !list.table; }

  /// A list in row `row` of a table memref<?x?xi32>: number `place` of the row
  /// is its length, and it goes forward from number 2 on, or backward from the
  /// last one on.
  struct List {
    Value table, row;
    int64_t place = 0;
    bool isBackward = false;
  };
  static TileSequence of(List list) {
    TileSequence sequence;
    sequence.list = list;
    return sequence;
  }

private:
  struct Part {
    Value begin, count;
  };
  SmallVector<Part, 4> parts;
  List list;
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
  /// Whether all of the mask was understood, and has few intervals. Else there
  /// may be empty tiles in `partial`, and full ones.
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

/// What a mask does to the elements of a tile, as i8.
enum TileKind : int8_t { kEmptyTile = 0, kPartialTile = 1, kFullTile = 2 };

/// A test of one tile.
struct TileTest {
  /// A TileKind.
  Value kind;
  /// What was not understood is evaluated for every so many queries and keys;
  /// 0 if that is one of them.
  int64_t queryStep = 0, keyStep = 0;
};

/// Emits a test of `tile`, a tile of the space. What deriveTileBounds
/// understands is compared with the tile; what it does not is evaluated for
/// the elements of the tile, or for one of them if it reads quotients of the
/// indices that are the same in blocks. Each such condition is evaluated on its
/// own: a tile with an element for each of several that have to hold together
/// is taken to have one for all. None if a condition depends on the scores.
std::optional<TileTest> testTile(OpBuilder &builder, Location loc, MapOp map,
                                 Value keep, const TileSpace &space,
                                 Value tile);

} // namespace mlir::tile

#endif // ATTN_ANALYSIS_MASKBOUNDS_H
