//===- Pipeline.h - Passes from attn to LLVM on a CPU -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the stages of the CPU pipeline and what a target decides.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_CPU_PIPELINE_H
#define ATTN_TARGET_CPU_PIPELINE_H

#include "mlir/Pass/PassManager.h"

#include <string>

namespace attn {

/// The schedule of a kind of CPU: one row of the table in Pipeline.cpp.
struct CpuTargetInfo {
  const char *name;
  /// LLVM features that a CPU of this kind has, "+a,+b".
  const char *features;
  /// f32 lanes of a vector.
  int64_t vectorWidth;
  /// Vectors of rows in the register tile of a product, and registers.
  int64_t rowVectors, registers;
  /// Rows of a query tile and of a key tile.
  int64_t tileQ, tileKv;
  /// Rows of a key tile if there is no mask. With a mask, larger tiles waste
  /// more along its edge.
  int64_t unmaskedTileKv;
  /// Whether it has the AVX-512 instructions for floating-point exponents.
  bool avx512Math;
  /// Whether products of bf16 pairs are faster than those of f32.
  bool bf16Dot = false;
};

/// The kinds of CPU, best first.
llvm::ArrayRef<CpuTargetInfo> getCpuTargets();

/// What the pipeline is built for.
struct CpuPipelineOptions {
  std::string algorithm = "flash";
  CpuTargetInfo target;
};

/// attn on tensors -> bounded tile kernels and launches.
void buildTileStage(mlir::OpPassManager &pm, const CpuPipelineOptions &options);
/// -> loops over native vectors.
void buildThreadStage(mlir::OpPassManager &pm,
                      const CpuPipelineOptions &options);
/// -> the llvm dialect.
void buildLlvmStage(mlir::OpPassManager &pm, const CpuPipelineOptions &options);

/// Registers `attn-pipeline`, from attn to thread level.
void registerCpuPipelines();

} // namespace attn

#endif // ATTN_TARGET_CPU_PIPELINE_H
