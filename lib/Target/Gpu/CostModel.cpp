//===- CostModel.cpp - How fast a schedule would be -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Warps are customers who go from unit to unit and queue there. Whether one
// warp multiplies while another one computes exponentials follows from how many
// there are; no constant says how much overlaps. docs/schedule.md explains it.
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Gpu/CostModel.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <vector>

using namespace attn;

// Cycles of a key tile in which a warp waits and no unit is busy with it: two
// barriers (40 each), two products' first fragment and last sum (33 and 33
// each), two exchanges between lanes (24 each) and an exponential (40).
// Latencies: Luo et al. 2024.
static constexpr double kLatencyOfTile = 2 * 40 + 2 * (33 + 33) + 2 * 24 + 40;
// Cycles from a load to its data from device memory: Luo et al. 2024. A thread
// block waits three times: for queries, for its first keys, for its output.
static constexpr double kLatencyOfMemory = 480;
// Seconds from one kernel to the next in a stream.
static constexpr double kLaunch = 3e-6;

const char *attn::nameOf(GpuUnit unit) {
  switch (unit) {
  case GpuUnit::tensor:
    return "tensor cores";
  case GpuUnit::exponential:
    return "exponentials";
  case GpuUnit::floats:
    return "FP32";
  case GpuUnit::integer:
    return "integers and comparisons";
  case GpuUnit::shared:
    return "shared memory";
  case GpuUnit::issue:
    return "issue slots";
  case GpuUnit::memory:
    return "memory";
  }
  return "";
}

GpuTileWork attn::workOfTile(const GpuSchedule &schedule,
                             const GpuProblem &problem,
                             const GpuKernelTraits &traits, bool isMasked) {
  const int64_t headDim = problem.headDim, valueDim = problem.valueDim;
  const double scores = double(schedule.tileQ * schedule.tileKv);
  const double keyBytes = double(schedule.tileKv * (headDim + valueDim) * 2);
  GpuTileWork work;
  work.tensorOps = 2 * scores * double(headDim + valueDim);
  work.exponentials = scores;
  // Scaling and subtracting the maximum is one operation.
  work.floatOps = scores;
  // A product with 8 columns of ones.
  (traits.sumsOnTensorCores ? work.tensorOps : work.floatOps) +=
      traits.sumsOnTensorCores ? 2 * scores * 8 : scores;
  if (traits.rescalesAlways)
    work.floatOps += double(schedule.tileQ * valueDim);
  // The maximum, rounding of two at a time, and for each copy of 16 bytes two
  // addresses and a comparison with the number of rows.
  work.integerOps = 1.5 * scores + 3 * keyBytes / 16;
  // A comparison and a choice.
  if (isMasked)
    work.integerOps += 2 * scores;
  // Each warp reads all keys and values, and they are written once.
  work.sharedBytes = double(schedule.warps + 1) * keyBytes;
  if (!schedule.queryInRegisters)
    work.sharedBytes += double(schedule.tileQ * headDim * 2);
  // A product has 16 x 8 x 16 multiply-adds, ldmatrix moves 512 bytes, and a
  // copy 16 for each lane.
  work.instructions =
      work.tensorOps / 4096 +
      (work.exponentials + work.floatOps + work.integerOps) / 32 +
      (work.sharedBytes - keyBytes) / 512 + keyBytes / 16 / 32;
  return work;
}

namespace {
/// The loop over key tiles.
struct Loop {
  double cyclesOfTile;
  std::array<double, kGpuUnits> busy;
};
} // namespace

/// Mean value analysis of a closed network of queues, with the approximation of
/// Schweitzer: the queue that a customer finds is that of all, less its own
/// share.
static Loop analyse(const GpuTargetInfo &target, const GpuTileWork &work,
                    int64_t warps, int64_t blocks) {
  const double customers = double(warps * blocks);
  const double schedulers =
      std::min(customers, double(GpuTargetInfo::schedulers));
  // Cycles of one warp for its rows of a tile. Each scheduler has its own units
  // of all kinds but one; shared memory belongs to the multiprocessor.
  const double share = double(GpuTargetInfo::schedulers) / double(warps);
  struct {
    GpuUnit unit;
    double cycles, users, queue;
  } stations[] = {
      {GpuUnit::tensor, work.tensorOps / target.tensorRate * share, 0, 0},
      {GpuUnit::exponential,
       work.exponentials / GpuTargetInfo::exponentialRate * share, 0, 0},
      {GpuUnit::floats, work.floatOps / target.floatRate * share, 0, 0},
      {GpuUnit::integer, work.integerOps / GpuTargetInfo::integerRate * share,
       0, 0},
      {GpuUnit::shared,
       work.sharedBytes / GpuTargetInfo::sharedRate / double(warps), 0, 0},
  };
  for (auto &station : stations) {
    station.users =
        station.unit == GpuUnit::shared ? customers : customers / schedulers;
    station.queue = station.users / double(std::size(stations));
  }
  Loop loop{0, {}};
  for (int round = 0; round < 100; ++round) {
    loop.cyclesOfTile = kLatencyOfTile;
    auto stay = [](const auto &station) {
      return station.cycles *
             (1 + station.queue * (station.users - 1) / station.users);
    };
    for (const auto &station : stations)
      loop.cyclesOfTile += stay(station);
    for (auto &station : stations)
      station.queue = station.users * stay(station) / loop.cyclesOfTile;
  }
  // An instruction that waits for its unit does not take the slots of others,
  // so that slots are a bound and no queue.
  const double slots =
      work.instructions / double(warps) * customers / schedulers;
  loop.cyclesOfTile = std::max(loop.cyclesOfTile, slots);
  loop.busy[size_t(GpuUnit::issue)] = slots / loop.cyclesOfTile;
  for (const auto &station : stations)
    loop.busy[size_t(station.unit)] =
        station.users * station.cycles / loop.cyclesOfTile;
  return loop;
}

double GpuWorkload::flop(const GpuProblem &problem) const {
  return double(batch * heads) * double(queries) * double(keys) *
         double(2 * (problem.headDim + problem.valueDim)) / (isCausal ? 2 : 1);
}

GpuWorkload attn::referenceWorkload(const GpuProblem &problem, bool isCausal) {
  // Modules without an attention have no dimensions.
  const int64_t headDim = std::max(problem.headDim, int64_t(1));
  return {4, std::max(int64_t(1), 2048 / headDim), 4096, 4096, isCausal};
}

GpuPrediction attn::predict(const GpuTargetInfo &target,
                            const GpuSchedule &schedule,
                            const GpuProblem &problem,
                            const GpuWorkload &workload, int64_t blocks,
                            const GpuKernelTraits &traits) {
  auto loopOf = [&](bool isMasked) {
    return analyse(target, workOfTile(schedule, problem, traits, isMasked),
                   schedule.warps, blocks);
  };
  const Loop plain = loopOf(false), masked = loopOf(true);

  // Before and after its loop a thread block moves queries and output, with its
  // share of the bandwidth.
  const double slots = double(target.multiprocessors * blocks);
  const double bytesOfCycle = target.bandwidth / target.clock / slots;
  const double dims = double(problem.headDim + problem.valueDim);
  const double ends =
      3 * kLatencyOfMemory + double(schedule.tileQ) * dims * 2 / bytesOfCycle;

  // Cycles of the thread blocks of one head, in the order of their queries.
  // Causal masks are aligned at the last query and key.
  std::vector<double> cycles;
  for (int64_t row = 0; row < workload.queries; row += schedule.tileQ) {
    auto tiles = [&](int64_t keys) {
      return double(llvm::divideCeil(
          std::clamp(keys, int64_t(0), workload.keys), schedule.tileKv));
    };
    const int64_t diagonal = row + workload.keys - workload.queries;
    double visited = tiles(workload.keys), full = visited;
    if (workload.isCausal) {
      visited = tiles(diagonal + schedule.tileQ);
      full =
          std::min(visited, std::floor(double(std::max(diagonal, int64_t(0))) /
                                       double(schedule.tileKv)));
    }
    cycles.push_back(ends + full * plain.cyclesOfTile +
                     (visited - full) * masked.cyclesOfTile);
  }
  if (traits.longestFirst)
    std::sort(cycles.begin(), cycles.end(), std::greater<>());

  // The next thread block goes to whatever is free first.
  std::priority_queue<double, std::vector<double>, std::greater<>> free;
  for (int64_t slot = 0; slot < int64_t(slots); ++slot)
    free.push(0);
  double last = 0;
  const int64_t heads = workload.batch * workload.heads;
  const int64_t all = heads * int64_t(cycles.size());
  for (int64_t n = 0; n < all; ++n) {
    const double end =
        free.top() + (traits.longestFirst ? cycles[size_t(n / heads)]
                                          : cycles[size_t(n) % cycles.size()]);
    free.pop();
    free.push(end);
    last = std::max(last, end);
  }

  const double moved = double(heads) * dims * 2 *
                       double(workload.queries + workload.keys) /
                       target.bandwidth;
  GpuPrediction prediction;
  prediction.seconds = std::max(last / target.clock, moved) + kLaunch;
  prediction.flopPerSecond = workload.flop(problem) / prediction.seconds;
  prediction.cyclesOfTile = plain.cyclesOfTile;
  prediction.busy = plain.busy;
  prediction.busy[size_t(GpuUnit::memory)] = moved / prediction.seconds;
  prediction.bound =
      GpuUnit(std::max_element(prediction.busy.begin(), prediction.busy.end()) -
              prediction.busy.begin());
  return prediction;
}

std::string attn::speedOf(const GpuPrediction &prediction) {
  return std::to_string(std::lround(prediction.flopPerSecond / 1e12)) +
         " TFLOP/s";
}
