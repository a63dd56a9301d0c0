//===- CostModel.h - How fast a schedule would be ---------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Predicts the time of flash attention from what a thread block does for one
// key tile and the rates of the units that do it: docs/schedule.md.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_GPU_COSTMODEL_H
#define ATTN_TARGET_GPU_COSTMODEL_H

#include "attn/Target/Gpu/Schedule.h"

#include <array>
#include <string>

namespace attn {

/// Units that a kernel may wait for.
enum class GpuUnit {
  tensor,
  exponential,
  floats,
  integer,
  shared,
  issue,
  memory
};
constexpr size_t kGpuUnits = 7;
const char *nameOf(GpuUnit unit);

/// How a kernel works, where kernels differ. The defaults are those of what is
/// generated here.
struct GpuKernelTraits {
  /// Multiplies its output for each tile, not only if a maximum grew much.
  bool rescalesAlways = false;
  /// Adds up probabilities on the tensor cores.
  bool sumsOnTensorCores = true;
  /// The work with the most key tiles starts first.
  bool longestFirst = true;
};

/// What a thread block does for one key tile: operations of all its threads.
struct GpuTileWork {
  double tensorOps, exponentials, floatOps, integerOps, sharedBytes;
  /// Of warps.
  double instructions;
};

GpuTileWork workOfTile(const GpuSchedule &schedule, const GpuProblem &problem,
                       const GpuKernelTraits &traits, bool isMasked);

/// Attention of each head with keys of its own.
struct GpuWorkload {
  int64_t batch, heads, queries, keys;
  bool isCausal;

  /// Of both products; half of the square if it is causal, as papers count.
  double flop(const GpuProblem &problem) const;
};

/// What candidates are compared by, and reports print: 16384 tokens in
/// sequences of 4096, and heads with 2048 elements together.
GpuWorkload referenceWorkload(const GpuProblem &problem, bool isCausal);

struct GpuPrediction {
  double seconds;
  double flopPerSecond;
  /// From the beginning of a key tile without a mask to its end.
  double cyclesOfTile;
  /// The busiest unit, and how busy all are in the loop over key tiles. That of
  /// the memory is over the whole time.
  GpuUnit bound;
  std::array<double, kGpuUnits> busy;
};

/// Of a kernel that has `blocks` thread blocks on each multiprocessor.
GpuPrediction predict(const GpuTargetInfo &target, const GpuSchedule &schedule,
                      const GpuProblem &problem, const GpuWorkload &workload,
                      int64_t blocks, const GpuKernelTraits &traits = {});

/// "205 TFLOP/s".
std::string speedOf(const GpuPrediction &prediction);

} // namespace attn

#endif // ATTN_TARGET_GPU_COSTMODEL_H
