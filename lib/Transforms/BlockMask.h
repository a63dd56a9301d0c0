//===- BlockMask.h - Which blocks of scores are kept ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The block_mask clause of attn.attention. A kernel of its own turns the lists
// of blocks into a table, in which the kernels on scores look blocks up.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_BLOCKMASK_H
#define ATTN_LIB_TRANSFORMS_BLOCKMASK_H

#include "dialect/Attn/Attn.h"
#include "dialect/Tile/Tile.h"

namespace mlir::tile {

/// What the table says of a block: an i32.
enum BlockKind { kNotListed = 0, kListed = 1, kFull = 2 };

/// Builds the kernel that fills a table memref<?x?x?x?xi32> of
/// `[1 or batch, 1 or query heads, block rows, block columns]`, with a task for
/// each block row. Its arguments are the memrefs of offsets, columns and, if
/// the op has them, flags, then the table, and a memref<?xi32> where it leaves
/// for each task whether a number is out of range: 1 or 0. Whatever numbers
/// there are, it stays within the memrefs.
KernelOp buildBlockTable(OpBuilder &builder, attn::AttentionOp op,
                         StringRef name, TypeRange arguments);

/// Builds the kernel whose only task adds up the numbers of its first argument
/// into the first of the second, both memrefs of i32.
KernelOp buildBlockStatus(OpBuilder &builder, Location loc, StringRef name,
                          TypeRange arguments);

/// The sizes of the table, at the builder's insertion point; `query` and `key`
/// are memrefs.
SmallVector<Value> buildBlockTableSizes(OpBuilder &builder,
                                        attn::AttentionOp op, Value query,
                                        Value key);

/// Looks blocks up inside a kernel.
class BlockMask {
public:
  /// Emits what does not depend on a score at the builder's insertion point.
  /// `integer` is the type of coordinates, `batch` an index value.
  BlockMask(OpBuilder &builder, Location loc, attn::AttentionOp op,
            IntegerType integer, Value table, Value batch);

  /// Whether a score counts, if `mask` is what other masks say (null if there
  /// is none). Coordinates may be beyond the last query or key; there it is
  /// something.
  Value emit(OpBuilder &builder, Location loc, Value head, Value query,
             Value key, Value mask);

private:
  attn::AttentionOp op;
  IntegerType integer;
  Value table;
  /// An index value.
  Value batch;
  /// The last ones of the table; no head if all share the first.
  Value lastHead, lastRow, lastColumn;
};

} // namespace mlir::tile

#endif // ATTN_LIB_TRANSFORMS_BLOCKMASK_H
