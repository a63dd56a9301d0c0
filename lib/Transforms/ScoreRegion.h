//===- ScoreRegion.h - score_mod and mask_mod in a tile.map -----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emits the regions of attn.attention, which count with index values on
// tensors, as operations on fixed-width integers and memrefs in a tile.map.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_SCOREREGION_H
#define ATTN_LIB_TRANSFORMS_SCOREREGION_H

#include "BlockMask.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::tile {

/// Values from outside of the regions of `op` that they use, and the operands
/// of its dropout: arguments of the function, in their order. Operations
/// between them and the arguments are not captured; they are emitted again.
/// Fails with a diagnostic if a captured value comes from something other than
/// side-effect free scalar operations on arguments.
FailureOr<SmallVector<BlockArgument>> collectCaptures(attn::AttentionOp op);

/// Emits what computes `value`, unless `mapping` has it already, from captured
/// arguments, which `mapping` has.
Value emitCapture(OpBuilder &builder, Value value, IRMapping &mapping);

/// Emits the modifiers of one attention inside a kernel.
class ScoreRegion {
public:
  /// `arguments` maps captured arguments of the function to values of the
  /// kernel (tensors to memrefs). Emits what does not depend on a score at the
  /// builder's insertion point; `batch`, `head` (first of the group), `queries`
  /// and `keys` are index values there. `blocks` is the table of the block
  /// mask, null if there is none.
  ScoreRegion(OpBuilder &builder, Location loc, attn::AttentionOp op,
              const IRMapping &arguments, Value batch, Value head,
              Value queries, Value keys, Value blocks);

  /// Inside the region of a map: the modified score in log2 units, -inf where
  /// it is masked or beyond the last key. `dot` is the f32 product, `row` and
  /// `col` are i32.
  Value emit(OpBuilder &builder, Location loc, Value dot, Value row, Value col);

private:
  Value emitRegion(OpBuilder &builder, Region &region, ValueRange arguments);
  Value castCapture(OpBuilder &builder, Location loc, Value value);
  Type convertType(Type type);
  Operation *emitOperation(OpBuilder &builder, Operation &op,
                           IRMapping &mapping);

  attn::AttentionOp op;
  /// The integer that stands for index: i32, so that vectors of coordinates
  /// have as many lanes as vectors of scores, or i64 where that may overflow.
  IntegerType integer;
  IRMapping outside;
  Value batch, head, queries, keys;
  std::optional<BlockMask> blockMask;
};

} // namespace mlir::tile

#endif // ATTN_LIB_TRANSFORMS_SCOREREGION_H
