//===- Pipeline.h - From attention to the threads of a GPU ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The passes between attention and the code of one thread.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_GPU_PIPELINE_H
#define ATTN_TARGET_GPU_PIPELINE_H

#include "attn/Target/TileStage.h"

namespace attn {

struct GpuPipelineOptions {
  TileStageOptions tiles;
  /// Warps of a thread block, and stages of its channels.
  int64_t warps = 4, stages = 2;
  /// Whether queries are read from shared memory once, not for every tile.
  bool queryInRegisters = true;
  /// Whether sums are taken of rounded probabilities, which a log-sum-exp is
  /// too inaccurate with.
  bool sumRounded = false;
};

/// Tile kernels -> the warp dialect.
void buildWarpStage(mlir::OpPassManager &pm, const GpuPipelineOptions &options);
/// -> a gpu.module with the code of one thread, as docs/thread-level.md
/// describes it.
void buildGpuThreadStage(mlir::OpPassManager &pm,
                         const GpuPipelineOptions &options);

} // namespace attn

#endif // ATTN_TARGET_GPU_PIPELINE_H
