//===- Dropout.h - Which weights dropout keeps ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emits the dropout clause of attn.attention. docs/semantics.md has the
// formulas.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_DROPOUT_H
#define ATTN_LIB_TRANSFORMS_DROPOUT_H

#include "dialect/Attn/Attn.h"
#include "mlir/IR/IRMapping.h"

#include <array>

namespace mlir::tile {

/// Emits Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel Random
/// Numbers: As Easy as 1, 2, 3", SC 2011): four random words for a counter of
/// four words under a key of two, all i32, the lowest word first.
std::array<Value, 4> emitPhilox4x32(OpBuilder &builder, Location loc,
                                    std::array<Value, 4> counter,
                                    std::array<Value, 2> key);

/// The dropout of one attention inside a kernel.
class Dropout {
public:
  /// `op` has a dropout clause. `arguments` maps captured arguments of the
  /// function to values of the kernel. Emits what does not depend on a score at
  /// the builder's insertion point; `batch` and `head` (first of the group) are
  /// index values there.
  Dropout(OpBuilder &builder, Location loc, attn::AttentionOp op,
          const IRMapping &arguments, Value batch, Value head);

  /// The weights that are kept, and 0 in the place of others. `weights` is a
  /// tile whose first row and column are the index values `firstRow` and
  /// `firstKey`; rows are packed over the heads of the group.
  Value keepSome(OpBuilder &builder, Location loc, Value weights,
                 Value firstRow, Value firstKey);

  /// `tile` times 1 / (1 - p). What is linear in the weights can be multiplied
  /// in their place.
  Value makeUpFor(OpBuilder &builder, Location loc, Value tile);

private:
  int64_t group;
  /// i32: the coordinates, the key, and the least word of what is kept.
  Value batch, head;
  std::array<Value, 2> key;
  Value threshold;
  /// f32
  Value factor;
};

} // namespace mlir::tile

#endif // ATTN_LIB_TRANSFORMS_DROPOUT_H
