//===- TilePlan.h - What tile kernels do for given shapes -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the index arithmetic of an entry and its tile kernels, without data:
// which tiles the loops visit, what is read and written, how much is computed.
// The IR itself is interpreted, so that the answer is about the kernel and not
// about the mask that it was made from.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_TILEPLAN_H
#define ATTN_ANALYSIS_TILEPLAN_H

#include "dialect/Tile/Tile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>
#include <vector>

namespace mlir::tile {

/// What is known of an argument of an entry.
struct PlanArgument {
  /// Of a tensor; empty for a scalar.
  std::vector<int64_t> shape;
  /// The value of an integer or index scalar, or the elements, row major, of a
  /// tensor of integers; empty where they are not known.
  std::vector<int64_t> elements;
};

/// How a loop visits a pair of tiles.
enum class Visit : uint8_t {
  none,
  partial, ///< with mask code: a loop that is not marked as full
  full     ///< without: tile.visit = "full"
};

/// One pass over the key tiles: a loop with products, or the loops over partial
/// and full tiles that tile-bound made of it.
struct Sweep {
  std::string kernel;
  /// Rows of a query tile (packed over the heads of a group) and of a key tile.
  int64_t tileQ = 0, tileKv = 0;
  /// All zero if the sweep visits nothing.
  int64_t batches = 0, kvHeads = 0, queryTiles = 0, keyTiles = 0;
  /// [batch][KV head][query tile][key tile]
  std::vector<Visit> visits;
  /// Visits of pairs that had been visited before; a correct kernel has none.
  int64_t repeats = 0;

  /// Visit::none for what is out of range.
  Visit at(int64_t batch, int64_t kvHead, int64_t queryTile,
           int64_t keyTile) const;
  /// Pairs that are visited in this way.
  int64_t count(Visit visit) const;
};

/// What the kernels move between memory and tiles.
struct TensorTraffic {
  /// attn.name of the entry's argument; views of the workspace count as such.
  std::string name;
  /// Size of the tensor.
  int64_t bytes = 0;
  /// Sum over every execution of a tile.load or tile.store; what lies outside
  /// of the view is not moved.
  int64_t loadedBytes = 0, storedBytes = 0;

  int64_t movedBytes() const { return loadedBytes + storedBytes; }
};

/// What one tile.launch does.
struct LaunchPlan {
  std::string kernel;
  int64_t tasks = 0;
  /// Two for each multiplication of a tile.dot, padding included.
  int64_t flops = 0;
  /// Exponentials of elements of tiles, padding included.
  int64_t exponentials = 0;
  int64_t loadedBytes = 0, storedBytes = 0;
};

/// What an entry does.
struct TilePlan {
  std::vector<LaunchPlan> launches;
  std::vector<Sweep> sweeps;
  /// Those that are read or written.
  std::vector<TensorTraffic> tensors;
  int64_t workspaceBytes = 0;

  int64_t flops() const;
  int64_t exponentials() const;
  int64_t movedBytes() const;
};

/// Plans `entry`, a function that launches tile kernels, as attn-tile makes it;
/// the kernels may be bounded and grouped. `arguments` has one item for each
/// argument of role "input"; the shapes of outputs follow from the attribute
/// attn.shape, the workspace from the function NAME_workspace.
///
/// Fails, with a diagnostic at the operation, on an operation that a bound, an
/// origin or a count depends on and that cannot be evaluated: one that is not
/// known, a division by zero, or a value that was not given. Plans of more than
/// 2^26 pairs of tiles or 2^30 loop iterations are refused.
FailureOr<TilePlan> planTiles(func::FuncOp entry,
                              ArrayRef<PlanArgument> arguments);

} // namespace mlir::tile

#endif // ATTN_ANALYSIS_TILEPLAN_H
