//===- Schedule.h - Tile sizes of a kernel on a GPU -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which tile sizes, warps and stages a kernel gets: the first of a list, made
// of what is known to be fast, that fits the registers of a thread and the
// shared memory of a thread block.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_GPU_SCHEDULE_H
#define ATTN_TARGET_GPU_SCHEDULE_H

#include "attn/Target/Gpu/Pipeline.h"

namespace attn {

struct GpuSchedule {
  /// Rows of a query tile and of a key tile.
  int64_t tileQ, tileKv;
  int64_t warps, stages;
  /// Whether queries are read from shared memory once, not for every tile.
  bool queryInRegisters = true;

  /// Registers of a thread that hold tiles, and what comes on top of them:
  /// addresses, masks, and fragments on their way to a product.
  int64_t registers(int64_t headDim, int64_t valueDim) const;
  /// Shared memory of a thread block.
  int64_t sharedBytes(int64_t headDim, int64_t valueDim) const;
  /// Why it cannot be used, or nothing.
  std::string misfit(const GpuTargetInfo &target, int64_t headDim,
                     int64_t valueDim) const;
};

/// The schedule for head dimensions of queries and of values. `wanted` has what
/// is asked for, and 0 where it is to be chosen. The error says what does not
/// fit.
Result<GpuSchedule> chooseGpuSchedule(const GpuTargetInfo &target,
                                      int64_t headDim, int64_t valueDim,
                                      const GpuSchedule &wanted);

} // namespace attn

#endif // ATTN_TARGET_GPU_SCHEDULE_H
