//===- Passes.h - Passes on attn and tile -----------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the passes that turn attention into bounded tile kernels.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TRANSFORMS_PASSES_H
#define ATTN_TRANSFORMS_PASSES_H

#include "dialect/Tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"

namespace mlir::tile {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "attn/Transforms/Passes.h.inc"

/// The attribute of an scf.for over key tiles that says whether its body runs
/// mask code: "partial" or "full".
inline constexpr llvm::StringLiteral kVisitAttrName = "tile.visit";

/// Fuses each row-maximum loop of `kernel` with the loop that uses it; see
/// the pass tile-online-softmax.
void fuseOnlineSoftmax(KernelOp kernel);

} // namespace mlir::tile

#endif // ATTN_TRANSFORMS_PASSES_H
