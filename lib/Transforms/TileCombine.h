//===- TileCombine.h - Lowering of attn.combine -----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Part of attn-tile.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_TILECOMBINE_H
#define ATTN_LIB_TRANSFORMS_TILECOMBINE_H

#include "dialect/Attn/Attn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::tile {

/// Replaces a function with an attn.combine by a kernel and the entry that
/// launches it. A task does at most `tileQ` rows, packed over all heads of a batch
/// entry.
LogicalResult tileCombine(func::FuncOp function, attn::CombineOp op,
                          int64_t tileQ);

} // namespace mlir::tile

#endif // ATTN_LIB_TRANSFORMS_TILECOMBINE_H
