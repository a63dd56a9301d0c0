//===- Reference.h - Attention in float64, the oracle of tests --*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Evaluates an `attn.attention` op in float64, straight from its attributes
// and regions, or an `attn.combine` op by its formula.  Nothing here goes
// through the compiler's passes, so that a mistake in the expansion of a mask
// cannot agree with itself.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_REFERENCE_REFERENCE_H
#define ATTN_REFERENCE_REFERENCE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <vector>

namespace attn::reference {

/// A row-major, contiguous array; a scalar has the shape {}.  Integers and
/// `index` are held as doubles, exact up to 2^53.
struct Array {
  std::vector<int64_t> shape;
  std::vector<double> data;
};

/// What the op computes.
struct Result {
  /// [B, Hq, Sq, Dv]; zero in rows that keep no key.
  Array output;
  /// [B, Hq, Sq]: natural logarithm of the sum of exp(score), the sink
  /// included; the sink, or -inf without one, in rows that keep no key.
  Array lse;
  /// Number of kept keys of each row, [B, Hq, Sq].  A score of -inf counts as
  /// a masked key.  Of attn.combine: the parts whose log-sum-exp is not -inf.
  std::vector<int64_t> kept;
  /// Block rows of a block mask with a number that is out of range; 0 without a
  /// block mask.
  int64_t status = 0;
};

/// Evaluates the one attn.attention or attn.combine op of `entry`.  `inputs`
/// has one array for each argument of `entry`; its elements are first rounded
/// to the argument's element type.
///
/// Errors: not exactly one such op; an input whose rank, size or static
/// dimensions differ from its argument; an unsupported op or mask attribute; a
/// tensor.extract out of bounds or an integer division by zero at a key that
/// is kept.
llvm::Expected<Result> evaluate(mlir::func::FuncOp entry,
                                llvm::ArrayRef<Array> inputs);

/// Plain attention, the yardstick of the error criterion: scores, the results
/// of score functions, softmax and P V are all computed in float, the whole
/// score row at once; if the element type is narrower, P and the output are
/// rounded to it.  Returns the output, [B, Hq, Sq, Dv].  Of attn.combine: its
/// formula in float, rounded to the element type of the output.  Errors as
/// above.
llvm::Expected<std::vector<float>> plainAttention(mlir::func::FuncOp entry,
                                                  llvm::ArrayRef<Array> inputs);

/// Number of keys that the mask keeps in each row, [B, Hq, Sq].  Arrays whose
/// values the mask does not read (query, key and value at least) need only a
/// shape.  The score function is not looked at.
llvm::Expected<std::vector<int64_t>> keptCounts(mlir::func::FuncOp entry,
                                                llvm::ArrayRef<Array> inputs);

/// Sizes that decide which score belongs to which tile.
struct Geometry {
  int64_t batch, queryHeads, kvHeads, queries, keys;
};

/// What the mask leaves of a tile.
enum class TileKind : uint8_t { empty, partial, full };

/// What the mask leaves of every tile, from looking at every score.
struct TileMap {
  int64_t batches = 0, kvHeads = 0, queryTiles = 0, keyTiles = 0;
  /// [batch][KV head][query tile][key tile].  A tile is full if every score of
  /// its rows is kept and it ends within Skv.
  std::vector<TileKind> kinds;

  TileKind at(int64_t batch, int64_t kvHead, int64_t queryTile,
              int64_t keyTile) const {
    return kinds[((batch * kvHeads + kvHead) * queryTiles + queryTile) *
                     keyTiles +
                 keyTile];
  }
  int64_t count(TileKind kind) const;
};

/// Classifies the tiles of the attention op of `entry`; inputs as for
/// keptCounts.  Query tiles hold `tileQ` rows packed over the heads of a GQA
/// group: row r of KV head g is position r / G of query head g * G + r % G,
/// where G = Hq / Hkv.  Rows beyond the last are ignored.  Tile sizes are
/// positive.  An error too for more than 2^26 pairs of tiles.
llvm::Expected<TileMap> classifyTiles(mlir::func::FuncOp entry,
                                      llvm::ArrayRef<Array> inputs,
                                      int64_t tileQ, int64_t tileKv);

/// Calls `row` with the mask of each packed row of one KV head, Skv flags, in
/// the order of the rows.  Errors as for keptCounts.
llvm::Error forEachMaskRow(
    mlir::func::FuncOp entry, llvm::ArrayRef<Array> inputs, int64_t batch,
    int64_t kvHead,
    llvm::function_ref<void(int64_t row, llvm::ArrayRef<uint8_t> keep)> row);

/// Errors of a computed result; +infinity where a NaN or an infinity is on one
/// side only, where a row that must be exactly zero is not, or where the number
/// of elements differs.
struct Comparison {
  /// Largest |actual - reference| of the output.
  double maxAbsError = 0;
  /// Largest L2 norm of an output row's error over that of the reference row.
  /// A reference row of norm zero demands zeros.
  double maxRowRelativeError = 0;
  /// Largest |actual - reference| / max(1, |reference|) of the LSE; a reference
  /// of -inf demands -inf.
  double lseError = 0;
  /// Largest |actual - reference| of the LSE.
  double lseAbsError = 0;
};

/// Compares `output` [B, Hq, Sq, Dv] and `lse` [B, Hq, Sq] with `reference`.
/// An empty `lse` is not compared.  NaN agrees with NaN.
Comparison compare(const Result &reference, llvm::ArrayRef<float> output,
                   llvm::ArrayRef<float> lse = {});

} // namespace attn::reference

#endif // ATTN_REFERENCE_REFERENCE_H
