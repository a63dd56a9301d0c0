//===- TileMeeting.h - Where query and key tiles meet -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the loads that the two sides of a product stem from.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_ANALYSIS_TILEMEETING_H
#define ATTN_LIB_ANALYSIS_TILEMEETING_H

#include "dialect/Tile/Tile.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <optional>

namespace mlir::tile {

/// A pair of tiles meets in an iteration of a loop: the loads that their rows
/// stem from.
struct Meeting {
  LoadOp query, key;
};

/// The first product in the body of `loop` whose second operand is loaded
/// there.
std::optional<Meeting> findMeeting(scf::ForOp loop);

} // namespace mlir::tile

#endif // ATTN_LIB_ANALYSIS_TILEMEETING_H
