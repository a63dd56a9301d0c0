//===- TileProjector.h - Key tiles of a conjunction -------------*- C++ -*-
//===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A conjunction of bounds on i, j and i - j is a convex set. Which keys j occur
// in it for the queries of a tile follows in closed form, and is an interval:
// i is eliminated exactly.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_ANALYSIS_TILEPROJECTOR_H
#define ATTN_LIB_ANALYSIS_TILEPROJECTOR_H

#include "MaskFormula.h"
#include "attn/Analysis/MaskBounds.h"

namespace mlir::tile {

/// Emits which tiles of a space a conjunction leaves.
class TileProjector {
public:
  TileProjector(OpBuilder &builder, Location loc, const TileSpace &space)
      : index(builder, loc), space(space) {}

  /// The tiles with keys j up to `limit` that satisfy the conjunction for some
  /// query, if its conditions that were not understood hold; all if there is no
  /// value. A null bound is absent. The tiles behind the limit, which may be
  /// null, are left to the caller.
  std::optional<TileInterval> project(MaskFormula &formula,
                                      const Conjunction &conjunction,
                                      Value limit, bool &isEmpty);

  /// The tile behind the one that a key is in.
  Value endOf(Value key) {
    return index.ceilDiv(index.add(key, index.constant(1)), space.tileKeys);
  }

  /// Whether numbers were looked up that are read for each key.
  bool readsNumbers() const { return hasLookUps; }

private:
  Value findTile(Value table, Value row, Value least);

  IndexBuilder index;
  TileSpace space;
  bool hasLookUps = false;
};

} // namespace mlir::tile

#endif // ATTN_LIB_ANALYSIS_TILEPROJECTOR_H
