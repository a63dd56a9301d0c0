//===- TargetInfo.cpp - What a GPU has ------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Gpu/TargetInfo.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <string>

using namespace attn;

// Limits: CUDA C++ Programming Guide, "Technical specifications per compute
// capability". FP32, integers and exponentials: its table "Throughput of native
// arithmetic instructions". The devices, from NVIDIA's whitepapers and data
// sheets; clocks are those of the stated tensor peaks:
//   A100-SXM4-80GB  "NVIDIA A100 Tensor Core GPU Architecture": 312 TFLOP/s
//   RTX A6000       "NVIDIA Ampere GA102 GPU Architecture": 154.8 TFLOP/s
//   L40S            data sheet: 362 TFLOP/s
//   H100-SXM5-80GB  "NVIDIA H100 Tensor Core GPU Architecture": 989.4 TFLOP/s,
//                   with wgmma. mma.sync gets 62.9 % of that: Luo et al. 2024,
//                   "Benchmarking and Dissecting the Nvidia Hopper GPU
//                   Architecture via Microbenchmarking".
//   B200            data sheet. What mma.sync gets is not published: taken as
//                   that of sm_80, which is surely not too much.
//   RTX 5090        "NVIDIA RTX Blackwell GPU Architecture": 209.5 TFLOP/s
static constexpr int64_t kKiB = 1024;
static constexpr GpuTargetInfo kTargets[] = {
    {"sm_80", "A100-SXM4-80GB", 163 * kKiB, 164 * kKiB, 2048, 32, 108, 1.41e9,
     2039e9, 2048, 64},
    {"sm_86", "RTX A6000", 99 * kKiB, 100 * kKiB, 1536, 16, 84, 1.80e9, 768e9,
     1024, 128},
    {"sm_89", "L40S", 99 * kKiB, 100 * kKiB, 1536, 24, 142, 2.49e9, 864e9, 1024,
     128},
    {"sm_90", "H100-SXM5-80GB", 227 * kKiB, 228 * kKiB, 2048, 32, 132, 1.83e9,
     3352e9, 0.629 * 4096, 128},
    {"sm_100", "B200", 227 * kKiB, 228 * kKiB, 2048, 32, 148, 1.85e9, 8000e9,
     2048, 128},
    {"sm_120", "RTX 5090", 99 * kKiB, 100 * kKiB, 1536, 24, 170, 2.41e9, 1792e9,
     512, 128},
};

Result<GpuTargetInfo> attn::findGpuTarget(std::string_view name) {
  std::string known;
  for (const GpuTargetInfo &target : kTargets) {
    if (target.name == name)
      return target;
    known += (known.empty() ? "" : ", ") + std::string(target.name);
  }
  return failure("there is no GPU target '" + std::string(name) +
                 "'; there are " + known);
}

GpuOccupancy attn::occupancyOf(const GpuTargetInfo &target, int64_t threads,
                               int64_t registers, int64_t sharedBytes) {
  const int64_t warps = llvm::divideCeil(threads, 32);
  // Registers are given to a warp in pieces of 256, and each scheduler has a
  // quarter of them; shared memory is given in pieces of 128 bytes.
  const int64_t ofWarp =
      int64_t(llvm::alignTo(std::max(registers, int64_t(1)) * 32, 256));
  const int64_t warpsOfScheduler =
      target.registersOfMultiprocessor / target.schedulers / ofWarp;
  const int64_t ofBlock =
      int64_t(llvm::alignTo(sharedBytes + target.reservedSharedBytes, 128));
  const int64_t mostWarps = target.threadsOfMultiprocessor / 32;
  GpuOccupancy least{target.blocksOfMultiprocessor, "thread blocks", 0};
  for (GpuOccupancy limit :
       {GpuOccupancy{mostWarps / warps, "warps", 0},
        GpuOccupancy{target.sharedBytesOfMultiprocessor / ofBlock,
                     "shared memory", 0},
        GpuOccupancy{warpsOfScheduler * target.schedulers / warps, "registers",
                     0}})
    if (limit.blocks < least.blocks)
      least = limit;
  least.fraction = double(least.blocks * warps) / double(mostWarps);
  return least;
}
