//===- CpuDevice.cpp - Runs calls on the host's cores ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/CpuDevice.h"
#include "Guard.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <oneapi/tbb/info.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

using namespace attn;

namespace {
/// One launch, shared by the workers that take part in it.
struct Launch {
  attn_cpu_task task = nullptr;
  void *const *arguments = nullptr;
  int64_t count = 0;
  /// The next unit of work.  Taken one by one, so that work starts in order and
  /// long tasks at the front are balanced by short ones at the end.
  std::atomic<int64_t> next{0};
  /// Workers that have left.  What they wrote is visible to whoever has seen
  /// all of them leave.
  std::atomic<int> left{0};

  void work(void *arena) {
    for (int64_t index; (index = next.fetch_add(1)) < count;)
      task(arguments, index, arena);
    left.fetch_add(1, std::memory_order_release);
  }
};
} // namespace

struct CpuDevice::State {
  // oneTBB prints a warning when it is asked for more threads than it has.
  explicit State(int threads)
      : threads(threads), arenas(static_cast<size_t>(threads)),
        pool(std::min(threads, oneapi::tbb::info::default_concurrency())) {}

  /// Makes each worker's arena as large as a launch demands.  Keeps counters.
  Status growArenas(int64_t bytes);
  Status launch(attn_cpu_task task, void *const *arguments, int64_t count,
                int64_t arenaBytes);
  void runOnPool(Launch &launch);
  void resetCounters();
  /// Adds up the counters of all workers.
  void collectCounters();

  const int threads;
  /// Held during a run.
  std::mutex mutex;
  std::vector<AlignedBuffer> arenas;
  oneapi::tbb::task_arena pool;
  /// The launch that workers take part in.  It is handed over by this variable,
  /// like its results by Launch::left, so that tools that cannot see into
  /// oneTBB (ThreadSanitizer) see the order too.
  std::atomic<Launch *> current{nullptr};

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
    AlignedBuffer grown;
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

void CpuDevice::State::runOnPool(Launch &launch) {
  int64_t workers = std::min<int64_t>(threads, launch.count);
  current.store(&launch, std::memory_order_release);
  pool.execute([&] {
    // One loop per worker, each with an arena of its own.  A loop that no
    // thread had time to start is run by the caller and finds nothing to do.
    oneapi::tbb::task_group group;
    for (int64_t worker = 1; worker < workers; ++worker)
      group.run([this, worker] {
        Launch *launch = current.load(std::memory_order_acquire);
        launch->work(arenas[static_cast<size_t>(worker)].data());
      });
    current.load(std::memory_order_acquire)->work(arenas[0].data());
    group.wait();
  });
  // All have left already; this orders their writes before what follows, in
  // terms that do not depend on the inside of oneTBB.
  while (launch.left.load(std::memory_order_acquire) < workers)
    ;
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
  Launch launch;
  launch.task = task;
  launch.arguments = arguments;
  launch.count = count;
  if (threads == 1)
    launch.work(arenas[0].data());
  else
    runOnPool(launch);
  return Status::success();
}

CpuDevice::CpuDevice(std::unique_ptr<State> state) : state(std::move(state)) {}
CpuDevice::~CpuDevice() = default;

int CpuDevice::threads() const { return state->threads; }

Result<std::unique_ptr<CpuDevice>> CpuDevice::create(int threads) {
  return guarded([&]() -> Result<std::unique_ptr<CpuDevice>> {
    constexpr int maxThreads = 1024;
    if (threads < 0 || threads > maxThreads)
      return failure("the number of threads is " + std::to_string(threads) +
                     ", expected 1 to " + std::to_string(maxThreads) +
                     ", or 0 for one per processor");
    if (threads == 0)
      threads = std::min(oneapi::tbb::info::default_concurrency(), maxThreads);
    return std::unique_ptr<CpuDevice>(
        new CpuDevice(std::make_unique<State>(threads)));
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
    call.setWorkspace(workspace, workspaceBytes);

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
    call.run(&host, call.arguments.data());
    if (!state->status)
      return failure("'" + call.entry().name +
                     "' failed: " + state->status.error());
    state->collectCounters();
    return state->stats;
  });
}
