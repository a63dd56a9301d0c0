//===- MaskedLoop.h - Loops over key tiles with a mask -----------*- C++ -*-
//===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds KV loops with a mask, and splits them into one with the mask and one
// without.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_MASKEDLOOP_H
#define ATTN_LIB_TRANSFORMS_MASKEDLOOP_H

#include "attn/Analysis/MaskBounds.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::tile {

/// A KV loop with the map that masks its scores.
struct MaskedLoop {
  scf::ForOp loop;
  MapOp map;
  /// The end of the map: select(keep, score, -inf). Null if it ends with -inf:
  /// nothing is kept. Then the view is null, too.
  arith::SelectOp select;
  /// The query tile's row bound comes from this view.
  ViewOp rows;

  /// Emits the query tile and the key tiles of the loop at the insertion point
  /// of `builder`.
  TileSpace getSpace(OpBuilder &builder);
};

/// Matches a loop from which tiles may be left out that have no score; with
/// `explains`, a remark says why not. A loop that has been split is none.
std::optional<MaskedLoop> matchMaskedLoop(scf::ForOp loop, bool explains);

/// Replaces the loop by one over the `partial` tiles, with the mask, and one
/// over the `full` tiles, without.
void splitLoop(MaskedLoop match, const TileSequence &partial,
               const TileSequence &full);

/// Erases what nothing uses any more, but for `kept`.
void eraseDeadOps(Block &block, Operation *kept = nullptr);

} // namespace mlir::tile

#endif // ATTN_LIB_TRANSFORMS_MASKEDLOOP_H
