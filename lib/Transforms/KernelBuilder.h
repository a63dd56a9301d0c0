//===- KernelBuilder.h - Tile kernels of an attention -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builds the kernels of the algorithms that attn-tile offers.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_KERNELBUILDER_H
#define ATTN_LIB_TRANSFORMS_KERNELBUILDER_H

#include "Dropout.h"
#include "ScoreRegion.h"
#include "dialect/Tile/Tile.h"

namespace mlir::tile {

/// Which memrefs a kernel works on; a null type or value is absent.
/// `scores` are the scores and then the probabilities of algorithm standard,
/// `[batch, kv_heads, queries * group, keys]`; `blocks` is the table of the
/// block mask (see BlockMask.h).
template <typename T>
struct KernelData {
  T query, key, value, output, lse, scores, sinks, blocks;
  SmallVector<T> captures;

  /// Those that are present, in the order of the kernel's arguments.
  SmallVector<T> flat() const {
    SmallVector<T> all;
    for (T item : {query, key, value, output, lse, scores, sinks, blocks})
      if (item)
        all.push_back(item);
    llvm::append_range(all, captures);
    return all;
  }
};

/// Builds kernels for one attn.attention into a module.
class KernelBuilder {
public:
  KernelBuilder(attn::AttentionOp op, ArrayRef<BlockArgument> captures,
                int64_t tileQ, int64_t tileKv)
      : op(op), captures(captures), tileQ(tileQ), tileKv(tileKv) {}

  /// Row maxima in one loop over the keys, probabilities times values in
  /// another (Rabe and Staats 2021).
  KernelOp buildMemoryEfficient(OpBuilder &builder, StringRef name,
                                const KernelData<Type> &types);

  /// The three kernels of algorithm standard.
  KernelOp buildScores(OpBuilder &builder, StringRef name,
                       const KernelData<Type> &types);
  KernelOp buildSoftmax(OpBuilder &builder, StringRef name,
                        const KernelData<Type> &types);
  KernelOp buildValues(OpBuilder &builder, StringRef name,
                       const KernelData<Type> &types);

  /// At the builder's insertion point: the number of tasks of each kernel.
  /// `query` is the query's memref.
  Value buildTaskCount(OpBuilder &builder, Location loc, Value query);

private:
  /// What the beginning of every kernel computes.
  struct Frame {
    KernelOp kernel;
    KernelData<Value> data;
    Value zero, one;
    Value batch, kvHead, head, firstRow, queries, keys, keyTiles;
  };
  Frame begin(OpBuilder &builder, StringRef name,
              const KernelData<Type> &types);

  /// Columns that describe the softmax of each row.
  struct RowStatistics {
    /// The maximum, in the units of the scores, and the sum of exp2(score -
    /// max).
    Value max, sum;
    /// What is multiplied with exp2(score - max) of the loops over the keys.
    Value inverse;
  };

  using LoopBody = function_ref<SmallVector<Value>(
      OpBuilder &, Location, Value firstKey, ValueRange carried)>;
  SmallVector<Value> buildKeyLoop(OpBuilder &builder, Frame &frame,
                                  ValueRange init, LoopBody body);
  Value buildMaskedScores(OpBuilder &builder, Location loc, Frame &frame,
                          ScoreRegion &region, Value query, Value keyView,
                          Value firstKey);
  Value exp2Difference(OpBuilder &builder, Location loc, TileType type, Value a,
                       Value b);
  IRMapping mapCaptures(const Frame &frame);
  std::optional<Dropout> makeDropout(OpBuilder &builder, const Frame &frame);
  void addSinks(OpBuilder &builder, Frame &frame, RowStatistics &rows);
  void buildLse(OpBuilder &builder, Frame &frame, const RowStatistics &rows);
  Value viewQueries(OpBuilder &builder, Frame &frame, Value memref);
  Value viewKeys(OpBuilder &builder, Frame &frame, Value memref);
  Value viewScores(OpBuilder &builder, Frame &frame);
  TileType tileType(int64_t rows, int64_t cols);
  Value loadInput(OpBuilder &builder, Location loc, Value view, int64_t rows,
                  int64_t cols, Value firstRow);
  void storeOutput(OpBuilder &builder, Location loc, Value tile, Value view,
                   Value firstRow);

  attn::AttentionOp op;
  ArrayRef<BlockArgument> captures;
  int64_t tileQ, tileKv;
};

} // namespace mlir::tile

#endif // ATTN_LIB_TRANSFORMS_KERNELBUILDER_H
