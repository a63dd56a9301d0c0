//===- Bound.cpp - tile-bound ---------------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Splits KV loops into partial and full tiles and drops the empty ones.
//
//===----------------------------------------------------------------------===//

#include "attn/Transforms/Passes.h"

#include "MaskedLoop.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_TILEBOUNDPASS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::tile

/// Replaces one loop.
static void boundLoop(MaskedLoop match) {
  OpBuilder builder(match.loop);
  Location loc = match.loop.getLoc();
  auto passed = [&](StringRef what) {
    remark::passed(
        loc, remark::RemarkOpts::name("tile-bound").category("attn.bound"))
        << what;
  };
  if (!match.select) {
    passed("the mask keeps nothing; no key tile is visited");
    splitLoop(match, TileSequence(), TileSequence());
    return;
  }
  TileBounds bounds =
      deriveTileBounds(builder, loc, match.map, match.select.getCondition(),
                       match.getSpace(builder));
  if (bounds.exact)
    passed(bounds.readsNumbers
               ? "key tiles are skipped, or run without the mask, by the least "
                 "and the largest number of each; none is missed if the "
                 "numbers are sorted"
               : "empty key tiles are skipped; full ones run without the mask");
  else
    remark::missed(
        match.map.getLoc(),
        remark::RemarkOpts::name("tile-bound").category("attn.bound"))
        << "part of the mask is not a comparison of key, query and constants; "
           "tiles that it leaves empty are visited, and those that it keeps "
           "whole run mask code";
  splitLoop(match, bounds.partial, bounds.full);
}

namespace {
struct Bound : tile::impl::TileBoundPassBase<Bound> {
  void runOnOperation() override {
    SmallVector<MaskedLoop> loops;
    getOperation().walk([&](scf::ForOp loop) {
      if (std::optional<MaskedLoop> match =
              matchMaskedLoop(loop, /*explains=*/true))
        loops.push_back(*match);
    });
    for (MaskedLoop &match : loops)
      boundLoop(match);
  }
};
} // namespace
