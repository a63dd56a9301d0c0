//===- TileMeeting.cpp - Where query and key tiles meet -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Walks from products back to loads.
//
//===----------------------------------------------------------------------===//

#include "TileMeeting.h"

using namespace mlir;
using namespace mlir::tile;

/// The value of a group's result is computed by an operation inside.
static Value lookThroughGroup(Value tile) {
  if (auto group = tile.getDefiningOp<GroupOp>()) {
    auto yield = cast<YieldOp>(group.getBody().front().getTerminator());
    return yield.getValues()[cast<OpResult>(tile).getResultNumber()];
  }
  return tile;
}

/// The load that the rows of a tile stem from, through elementwise operations
/// and first operands of products.
static LoadOp findRowLoad(Value tile) {
  tile = lookThroughGroup(tile);
  int64_t rows = cast<TileType>(tile.getType()).getRows();
  Operation *op = tile.getDefiningOp();
  if (auto load = dyn_cast_or_null<LoadOp>(op))
    return load;
  if (auto dot = dyn_cast_or_null<DotOp>(op))
    return dot.getTransposeA() ? LoadOp() : findRowLoad(dot.getA());
  if (auto map = dyn_cast_or_null<MapOp>(op))
    for (Value input : map.getInputs())
      if (cast<TileType>(input.getType()).getRows() == rows)
        if (LoadOp load = findRowLoad(input))
          return load;
  return {};
}

std::optional<Meeting> mlir::tile::findMeeting(scf::ForOp loop) {
  std::optional<Meeting> found;
  loop.getBody()->walk([&](DotOp dot) {
    if (dot->getParentOfType<scf::ForOp>() != loop)
      return WalkResult::advance();
    LoadOp key = findRowLoad(dot.getB()), query = findRowLoad(dot.getA());
    if (!key || !query || key->getParentOfType<scf::ForOp>() != loop)
      return WalkResult::advance();
    found = {query, key};
    return WalkResult::interrupt();
  });
  return found;
}
