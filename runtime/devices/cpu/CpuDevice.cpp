//===- CpuDevice.cpp - Runs calls on the host's cores ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/CpuDevice.h"
#include "Guard.h"
#include "Tasks.h"
#include "TbbPool.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <sched.h>
#include <unistd.h>

using namespace attn;

struct CpuDevice::State {
  State(int threads, const ParallelFor &parallelFor, TbbPool pool,
        const Allocator &allocator)
      : threads(threads), parallelFor(parallelFor), pool(std::move(pool)),
        allocator(allocator), arenas(static_cast<size_t>(threads)) {}

  /// Makes each worker's arena as large as a launch demands.  Keeps counters.
  Status growArenas(int64_t bytes);
  Status launch(attn_cpu_task task, void *const *arguments, int64_t count,
                int64_t arenaBytes);
  void resetCounters();
  /// Adds up the counters of all workers.
  void collectCounters();

  const int threads;
  /// The host's threads or those of `pool`; unused with one thread.
  const ParallelFor parallelFor;
  const TbbPool pool;
  const Allocator allocator;
  /// Held during a run.
  std::mutex mutex;
  std::vector<AlignedBuffer> arenas;

  /// Of the current run: what it did so far, and its first error.
  RunStats stats;
  Status status = Status::success();
};

Status CpuDevice::State::growArenas(int64_t bytes) {
  if (bytes < ATTN_CPU_COUNTER_BYTES)
    bytes = ATTN_CPU_COUNTER_BYTES;
  for (AlignedBuffer &arena : arenas) {
    if (arena.size() >= bytes)
      continue;
    AlignedBuffer grown(allocator);
    // A huge page at least: kernels sweep over their arena all the time, and
    // small pages would need most of the first-level TLB.
    constexpr int64_t hugePage = 2 << 20;
    if (Status reserved = grown.reserve(std::max(bytes, hugePage)); !reserved)
      return failure("the scratch memory of a worker: " + reserved.error());
    if (arena.data())
      std::memcpy(grown.data(), arena.data(), ATTN_CPU_COUNTER_BYTES);
    else
      std::memset(grown.data(), 0, ATTN_CPU_COUNTER_BYTES);
    arena = std::move(grown);
  }
  return Status::success();
}

void CpuDevice::State::resetCounters() {
  for (AlignedBuffer &arena : arenas)
    if (arena.data())
      std::memset(arena.data(), 0, ATTN_CPU_COUNTER_BYTES);
}

void CpuDevice::State::collectCounters() {
  for (AlignedBuffer &arena : arenas) {
    stats.arenaBytes += arena.size();
    if (!arena.data())
      continue;
    auto *counters = static_cast<const int64_t *>(arena.data());
    stats.partialTiles += counters[ATTN_CPU_PARTIAL_TILES];
    stats.fullTiles += counters[ATTN_CPU_FULL_TILES];
  }
}

Status CpuDevice::State::launch(attn_cpu_task task, void *const *arguments,
                                int64_t count, int64_t arenaBytes) {
  if (!task || count < 0 || arenaBytes < 0)
    return failure("the payload made an invalid launch: " +
                   std::to_string(count) + " tasks with " +
                   std::to_string(arenaBytes) + " bytes of scratch memory");
  ++stats.launches;
  stats.workItems += count;
  if (count == 0)
    return Status::success();
  if (Status grown = growArenas(arenaBytes); !grown)
    return grown;
  auto arenaOf = [this](int64_t worker) {
    return arenas[static_cast<size_t>(worker)].data();
  };
  int64_t workers = std::min<int64_t>(threads, count);
  Tasks tasks(task, arguments, count, workers, arenaOf);
  if (int64_t ran = tasks.run(parallelFor); ran < workers)
    return failure("parallelFor ran " + std::to_string(ran) + " of " +
                   std::to_string(workers) +
                   " calls; it must make every call and return after the last");
  return Status::success();
}

/// Processors that this process may use.
static int countProcessors() {
  // The size of the mask that the system expects is not known beforehand.
  for (int size = 1024; size <= 1 << 20; size *= 2) {
    cpu_set_t *set = CPU_ALLOC(size);
    if (!set)
      break;
    int count = sched_getaffinity(0, CPU_ALLOC_SIZE(size), set) == 0
                    ? CPU_COUNT_S(CPU_ALLOC_SIZE(size), set)
                    : 0;
    CPU_FREE(set);
    if (count > 0)
      return count;
  }
  return static_cast<int>(std::max(sysconf(_SC_NPROCESSORS_ONLN), 1L));
}

CpuDevice::CpuDevice(std::unique_ptr<State> state) : state(std::move(state)) {}
CpuDevice::~CpuDevice() = default;

int CpuDevice::threads() const { return state->threads; }

Result<std::unique_ptr<CpuDevice>> CpuDevice::create(int threads) {
  CpuDeviceOptions options;
  options.threads = threads;
  return create(options);
}

Result<std::unique_ptr<CpuDevice>>
CpuDevice::create(const CpuDeviceOptions &options) {
  return guarded([&]() -> Result<std::unique_ptr<CpuDevice>> {
    int threads = options.threads;
    if (threads < 0 || threads > maxThreads)
      return failure("the number of threads is " + std::to_string(threads) +
                     ", expected 1 to " + std::to_string(maxThreads) +
                     ", or 0 for one per processor");
    if (!options.allocator.allocate != !options.allocator.deallocate)
      return failure("the hooks allocate and deallocate belong together, but "
                     "only one of them is given");
    int processors = std::min(countProcessors(), maxThreads);
    if (threads == 0)
      threads = processors;
    ParallelFor parallelFor = options.parallelFor;
    TbbPool pool;
    if (threads > 1 && !parallelFor.run) {
      // oneTBB prints a warning when it is asked for more than there are.
      auto created = TbbPool::create(std::min(threads, processors));
      if (!created)
        return created.takeFailure();
      pool = *std::move(created);
      parallelFor = pool.parallelFor();
    }
    return std::unique_ptr<CpuDevice>(new CpuDevice(std::make_unique<State>(
        threads, parallelFor, std::move(pool), options.allocator)));
  });
}

Result<RunStats> CpuDevice::run(Call &call, void *workspace,
                                int64_t workspaceBytes) {
  return guarded([&]() -> Result<RunStats> {
    if (workspaceBytes < call.workspaceBytes())
      return failure("the workspace of '" + call.entry().name + "' has " +
                     std::to_string(workspaceBytes) + " bytes, expected " +
                     std::to_string(call.workspaceBytes()));
    if (workspaceBytes > 0 && !workspace)
      return failure("the workspace of '" + call.entry().name + "' is null");
    if (reinterpret_cast<uintptr_t>(workspace) % 64)
      return failure("the workspace of '" + call.entry().name +
                     "' is not aligned to 64 bytes");

    std::lock_guard<std::mutex> lock(state->mutex);
    state->stats = RunStats();
    state->status = Status::success();
    state->resetCounters();
    call.current.setWorkspace(workspace, workspaceBytes);

    // The payload is C: no exception may pass through it, and after an error it
    // goes on to its next launch, which then does nothing.
    attn_cpu_host host;
    host.self = state.get();
    host.launch = [](void *self, attn_cpu_task task, void *const *arguments,
                     int64_t count, int64_t arenaBytes) {
      auto *state = static_cast<State *>(self);
      if (!state->status)
        return;
      state->status = guarded(
          [&] { return state->launch(task, arguments, count, arenaBytes); });
    };
    call.run(&host, call.current.arguments());
    if (!state->status)
      return failure("'" + call.entry().name +
                     "' failed: " + state->status.error());
    state->collectCounters();
    return state->stats;
  });
}
