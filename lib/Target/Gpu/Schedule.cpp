//===- Schedule.cpp - Tile sizes of a kernel on a GPU ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Gpu/Schedule.h"

#include "attn/Target/Gpu/CostModel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace attn;

// Large query tiles read keys and values less often; warps stand one above the
// other, so that a row never crosses warps. FlashAttention-2 uses the same
// sizes on these GPUs (Dao 2023, section 3.3). Best first by experience: the
// cost model has to promise more than its error to have a later one taken.
static constexpr GpuSchedule kSchedules[] = {
    {128, 64, 4, 2},  {128, 64, 8, 2}, {128, 32, 8, 2}, {64, 64, 4, 2},
    {64, 32, 4, 2},   {64, 16, 4, 2},  {64, 32, 4, 1},  {64, 16, 4, 1},
    {128, 128, 4, 2}, {128, 96, 4, 2}, {64, 128, 4, 2}, {128, 128, 8, 2},
};

// How much faster in the model is faster: its error on what is published of
// FlashAttention-2 (CostModelTest.cpp).
static constexpr double kClear = 1.15;

namespace {
/// A measured exception from the cost model.
struct Override {
  const char *target;
  int64_t headDim, valueDim;
  GpuSchedule schedule;
  const char *reason;
};
} // namespace

// Wins over the model where it fits; each entry comes with the measurement that
// it is made of.
static constexpr Override kOverrides[] = {
    // The model prefers 8 warps for 128 rows.
    {"sm_80",
     32,
     32,
     {128, 64, 4, 2},
     "FlashAttention-2 has 4 warps for 128 rows; 8 were measured to be 18 % "
     "slower at a head dimension of 64"},
};

int64_t GpuSchedule::registers(const GpuProblem &problem) const {
  const int64_t lanes = 32 * warps;
  const int64_t output = tileQ * problem.valueDim / lanes;
  const int64_t scores = tileQ * tileKv / lanes;
  const int64_t query =
      tileQ * (queryInRegisters ? problem.headDim : 16) / 2 / lanes;
  // Found by compiling all kernels of the case table.
  const bool isLarge = problem.hasScoreFunction;
  const int64_t weights = isLarge && problem.hasExactSums ? scores : scores / 2;
  int64_t others = isLarge ? 92 + scores / 2 : 80;
  if (isLarge && queryInRegisters)
    others += 4 + (problem.hasLongLives ? 20 : 0) + 4 * problem.headsWithMasks;
  if (problem.hasDropout)
    others += scores * 5 / 4;
  return output + scores + weights + query + others;
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
  constexpr int64_t mostRegisters = GpuTargetInfo::mostRegistersOfThread;
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

/// "1 warp" or "4 warps".
static std::string count(int64_t number, const char *what) {
  return std::to_string(number) + what + (number == 1 ? "" : "s");
}

std::string GpuSchedule::describe() const {
  return std::to_string(tileQ) + " rows x " + std::to_string(tileKv) +
         " keys, " + count(warps, " warp") + ", " + count(stages, " stage") +
         ", queries in " + (queryInRegisters ? "registers" : "shared memory");
}

/// Where only candidates are told apart.
static std::string shortName(const GpuSchedule &schedule) {
  return std::to_string(schedule.tileQ) + "x" +
         std::to_string(schedule.tileKv) + " with " +
         count(schedule.warps, " warp") + " and " +
         count(schedule.stages, " stage");
}

/// What the model says about a schedule that fits.
static GpuPrediction predictReference(const GpuTargetInfo &target,
                                      const GpuSchedule &schedule,
                                      const GpuProblem &problem) {
  const int64_t registers = std::min(schedule.registers(problem),
                                     GpuTargetInfo::mostRegistersOfThread);
  return predict(target, schedule, problem,
                 referenceWorkload(problem, /*isCausal=*/false),
                 occupancyOf(target, 32 * schedule.warps, registers,
                             schedule.sharedBytes(problem))
                     .blocks);
}

Result<GpuChoice> attn::chooseGpuSchedule(const GpuTargetInfo &target,
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
  for (const Override &entry : kOverrides)
    if (entry.target == std::string_view(target.name) &&
        entry.headDim == problem.headDim &&
        entry.valueDim == problem.valueDim && !wanted.tileQ && !wanted.tileKv &&
        !wanted.warps && !wanted.stages &&
        entry.schedule.misfit(target, problem).empty())
      return GpuChoice{entry.schedule,
                       entry.schedule.describe() + ": " + entry.reason};

  struct Candidate {
    GpuSchedule schedule;
    GpuPrediction prediction;
  };
  llvm::SmallVector<Candidate> fitting;
  llvm::SmallVector<GpuSchedule> seen;
  std::string last, unfit;
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
    // What is asked for makes candidates equal.
    if (llvm::is_contained(seen, schedule))
      continue;
    seen.push_back(schedule);
    // Queries stay in registers if there are enough.
    for (bool inRegisters : {true, false}) {
      schedule.queryInRegisters = inRegisters;
      last = schedule.misfit(target, problem);
      if (last.empty())
        break;
    }
    if (last.empty())
      fitting.push_back(
          {schedule, predictReference(target, schedule, problem)});
    else
      unfit += "; not " + shortName(schedule) + ", which " + last;
  }
  if (fitting.empty())
    return failure("head dimensions of " + std::to_string(problem.headDim) +
                   " and " + std::to_string(problem.valueDim) +
                   " do not fit: the smallest tile " + last);

  const Candidate *best = fitting.begin();
  for (const Candidate &candidate : fitting)
    if (candidate.prediction.flopPerSecond >
        kClear * best->prediction.flopPerSecond)
      best = &candidate;
  GpuChoice choice{best->schedule,
                   best->schedule.describe() + ": predicted for " +
                       target.device + " are " + speedOf(best->prediction) +
                       ", bound by " + nameOf(best->prediction.bound)};
  for (const Candidate &candidate : fitting)
    if (&candidate != best)
      choice.reason += "; for " + shortName(candidate.schedule) + " " +
                       speedOf(candidate.prediction);
  choice.reason += unfit;
  return choice;
}
