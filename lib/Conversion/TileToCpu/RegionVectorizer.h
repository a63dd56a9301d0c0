//===- RegionVectorizer.h - The region of a map on vectors ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emits the region of a tile.map for one vector of rows.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETOCPU_REGIONVECTORIZER_H
#define ATTN_LIB_CONVERSION_TILETOCPU_REGIONVECTORIZER_H

#include "attn/Conversion/Passes.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::tile {

/// `value` as a vector of `width` lanes: itself, or repeated.
Value asVector(OpBuilder &builder, Location loc, Value value, int64_t width);

/// Emits the region of `map`. `arguments` has a scalar (the same in all lanes)
/// or a vector for each argument of the region; `outside` maps values from
/// outside of the region. What is the same in all lanes stays scalar. Returns
/// the yielded value, scalar or vector; fails with a diagnostic on an operation
/// that has no vector form.
FailureOr<Value> vectorizeRegion(OpBuilder &builder, MapOp map,
                                 ValueRange arguments, const IRMapping &outside,
                                 int64_t width);

} // namespace mlir::tile

#endif // ATTN_LIB_CONVERSION_TILETOCPU_REGIONVECTORIZER_H
