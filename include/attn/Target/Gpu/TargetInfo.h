//===- TargetInfo.h - What a GPU has ----------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Limits and rates of a multiprocessor, which schedules are chosen by.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_GPU_TARGETINFO_H
#define ATTN_TARGET_GPU_TARGETINFO_H

#include "attn/Support/Result.h"

#include <cstdint>
#include <string_view>

namespace attn {

/// One compute capability, and a device that stands for it in estimates. Rates
/// are those of a multiprocessor, for each clock.
struct GpuTargetInfo {
  const char *name;
  const char *device;

  /// Shared memory in bytes: of a thread block, and of a multiprocessor, which
  /// keeps `reservedSharedBytes` for each block.
  int64_t sharedBytes, sharedBytesOfMultiprocessor;
  /// The most threads and thread blocks of a multiprocessor.
  int64_t threadsOfMultiprocessor, blocksOfMultiprocessor;

  int64_t multiprocessors;
  /// In hertz, and in bytes for each second.
  double clock, bandwidth;
  /// Operations of mma.sync on bf16 with sums in f32; a multiply-add is two.
  double tensorRate;
  /// f32 multiply-adds.
  double floatRate;

  // What all of them have.
  static constexpr int64_t reservedSharedBytes = 1024;
  static constexpr int64_t registersOfMultiprocessor = 64 * 1024;
  static constexpr int64_t mostRegistersOfThread = 255;
  static constexpr int64_t schedulers = 4;
  /// ex2; comparisons, conversions and integers; bytes of shared memory.
  static constexpr double exponentialRate = 16, integerRate = 64,
                          sharedRate = 128;
};

/// The target of this name; the error lists those that exist.
Result<GpuTargetInfo> findGpuTarget(std::string_view name);

/// How many thread blocks a multiprocessor runs at a time.
struct GpuOccupancy {
  int64_t blocks;
  /// What there would have to be more of: "registers", "shared memory",
  /// "warps" or "thread blocks".
  const char *limit;
  /// Of the warps that a multiprocessor can hold.
  double fraction;
};

/// Of a kernel with so many threads in a block, registers in a thread, and
/// bytes of shared memory, static and dynamic ones.
GpuOccupancy occupancyOf(const GpuTargetInfo &target, int64_t threads,
                         int64_t registers, int64_t sharedBytes);

} // namespace attn

#endif // ATTN_TARGET_GPU_TARGETINFO_H
