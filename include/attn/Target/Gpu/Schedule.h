//===- Schedule.h - Tile sizes of a kernel on a GPU -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which tile sizes, warps and stages a kernel gets: the first of a list that fits
// the registers of a thread and the shared memory of a thread block, unless the
// cost model says that another one is clearly faster.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_GPU_SCHEDULE_H
#define ATTN_TARGET_GPU_SCHEDULE_H

#include "attn/Target/Gpu/TargetInfo.h"

#include <string>

namespace attn {

/// What a schedule is for.
struct GpuProblem {
  /// As tiles have them.
  int64_t headDim, valueDim;
  /// Whether there are score functions, dropout, or masks of the user or with
  /// alternatives, whose values need registers.
  bool hasScoreFunction = false;
  /// Whether sums are taken of probabilities before they are rounded, for a
  /// log-sum-exp or because some of them are dropped.
  bool hasExactSums = false;
  /// Whether more lives across the loops over keys than in FlashAttention: there
  /// is a second sweep, or a part of the keys to find.
  bool hasLongLives = false;
  /// Whether random words are computed, besides.
  bool hasDropout = false;
  /// Heads of a group whose keys differ: the tiles of each are intervals of
  /// their own.
  int64_t headsWithMasks = 0;
};

struct GpuSchedule {
  /// Rows of a query tile and of a key tile.
  int64_t tileQ, tileKv;
  int64_t warps, stages;
  /// Whether queries are read from shared memory once, not for every tile.
  bool queryInRegisters = true;

  /// Registers of a thread that hold tiles, and what comes on top of them:
  /// addresses, masks, and fragments on their way to a product.
  int64_t registers(const GpuProblem &problem) const;
  /// Shared memory of a thread block.
  int64_t sharedBytes(const GpuProblem &problem) const;
  /// Why it cannot be used, or nothing.
  std::string misfit(const GpuTargetInfo &target,
                     const GpuProblem &problem) const;
  bool operator==(const GpuSchedule &other) const {
    return tileQ == other.tileQ && tileKv == other.tileKv &&
           warps == other.warps && stages == other.stages &&
           queryInRegisters == other.queryInRegisters;
  }
  /// "128 rows x 64 keys, 4 warps, 2 stages, queries in registers".
  std::string describe() const;
};

struct GpuChoice {
  GpuSchedule schedule;
  /// Why this one, and why not the others: sentences for a remark.
  std::string reason;
};

/// The schedule for a problem. `wanted` has what is asked for, and 0 where it
/// is to be chosen. The error says what does not fit.
Result<GpuChoice> chooseGpuSchedule(const GpuTargetInfo &target,
                                    const GpuProblem &problem,
                                    const GpuSchedule &wanted);

} // namespace attn

#endif // ATTN_TARGET_GPU_SCHEDULE_H
