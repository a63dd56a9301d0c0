//===- Schedule.cpp - Tile sizes of a kernel on a GPU ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Gpu/Schedule.h"

#include "llvm/Support/MathExtras.h"

using namespace attn;

// Best first. Large query tiles read keys and values less often; warps stand
// one above the other, so that a row never crosses warps. FlashAttention-2 uses
// the same sizes on these GPUs (Dao 2023, section 3.3).
static constexpr GpuSchedule kSchedules[] = {
    {128, 64, 4, 2}, {128, 64, 8, 2}, {128, 32, 8, 2}, {64, 64, 4, 2},
    {64, 32, 4, 2},  {64, 32, 4, 1},  {64, 16, 4, 2},
};

int64_t GpuSchedule::registers(const GpuProblem &problem) const {
  auto [headDim, valueDim, hasScoreFunction] = problem;
  const int64_t lanes = 32 * warps;
  const int64_t output = tileQ * valueDim / lanes;
  const int64_t scores = tileQ * tileKv / lanes;
  const int64_t query =
      queryInRegisters ? tileQ * headDim / 2 / lanes : tileQ * 16 / 2 / lanes;
  // Found by compiling all kernels of the case table.
  const int64_t others = hasScoreFunction ? 100 : 80;
  return output + scores + scores / 2 + query + others;
}

int64_t GpuSchedule::sharedBytes(const GpuProblem &problem) const {
  constexpr int64_t elementBytes = 2, alignment = 1024;
  auto bytesOf = [](int64_t elements) {
    return int64_t(llvm::alignTo(elements * elementBytes, alignment));
  };
  return bytesOf(tileQ * problem.headDim) +
         bytesOf(stages * tileKv * problem.headDim) +
         bytesOf(stages * tileKv * problem.valueDim);
}

std::string GpuSchedule::misfit(const GpuTargetInfo &target,
                                const GpuProblem &problem) const {
  constexpr int64_t mostRegisters = 255;
  if (int64_t needed = registers(problem); needed > mostRegisters)
    return "needs about " + std::to_string(needed) +
           " registers for each thread, which has " +
           std::to_string(mostRegisters);
  if (int64_t needed = sharedBytes(problem); needed > target.sharedBytes)
    return "needs " + std::to_string(needed) +
           " bytes of shared memory; a thread block of " + target.name +
           " has " + std::to_string(target.sharedBytes);
  return "";
}

Result<GpuSchedule> attn::chooseGpuSchedule(const GpuTargetInfo &target,
                                            const GpuProblem &problem,
                                            const GpuSchedule &wanted) {
  auto check = [](const char *what, int64_t given, int64_t unit,
                  int64_t most) -> Status {
    if (given == 0 || (given >= unit && given % unit == 0 && given <= most))
      return Status::success();
    return failure(std::string(what) + " of " + std::to_string(given) +
                   " rows; on a GPU multiples of " + std::to_string(unit) +
                   " up to " + std::to_string(most) + " are allowed");
  };
  if (Status status = check("a query tile", wanted.tileQ, 16, 256); !status)
    return status.takeFailure();
  if (Status status = check("a key tile", wanted.tileKv, 16, 256); !status)
    return status.takeFailure();
  std::string last;
  for (GpuSchedule schedule : kSchedules) {
    if (wanted.tileKv)
      schedule.tileKv = wanted.tileKv;
    if (wanted.stages)
      schedule.stages = wanted.stages;
    if (wanted.tileQ) {
      schedule.tileQ = wanted.tileQ;
      while (schedule.warps > 1 && schedule.tileQ % (16 * schedule.warps) != 0)
        schedule.warps /= 2;
    }
    if (wanted.warps)
      schedule.warps = wanted.warps;
    for (bool inRegisters : {true, false}) {
      schedule.queryInRegisters = inRegisters;
      last = schedule.misfit(target, problem);
      if (last.empty())
        return schedule;
    }
  }
  return failure("head dimensions of " + std::to_string(problem.headDim) +
                 " and " + std::to_string(problem.valueDim) +
                 " do not fit: the smallest tile " + last);
}
