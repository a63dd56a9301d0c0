//===- TileStage.h - Passes that all devices share --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From attn to tile kernels.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_TILESTAGE_H
#define ATTN_TARGET_TILESTAGE_H

#include "mlir/Pass/PassManager.h"

#include <string>

namespace attn {

struct TileStageOptions {
  /// standard, memory-efficient, flash or flash-decoding.
  std::string algorithm = "flash";
  /// Rows of a query tile and of a key tile.
  int64_t tileQ = 64, tileKv = 64;
  /// Rows of a key tile if there is no mask.
  int64_t unmaskedTileKv = 64;
};

/// attn on tensors -> bounded tile kernels and launches.
void buildTileStage(mlir::OpPassManager &pm, const TileStageOptions &options);

/// Canonicalisation and elimination of common subexpressions.
void addCleanUp(mlir::OpPassManager &pm);

} // namespace attn

#endif // ATTN_TARGET_TILESTAGE_H
