//===- Warp.h - The warp dialect --------------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the warp dialect: layouts, types and operations.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_WARP_H
#define ATTN_DIALECT_WARP_H

#include "dialect/Tile/Tile.h"

#include "dialect/Warp/WarpDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/Warp/WarpAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialect/Warp/WarpTypes.h.inc"

#define GET_OP_CLASSES
#include "dialect/Warp/WarpOps.h.inc"

#endif // ATTN_DIALECT_WARP_H
