//===- Tasks.h - Runs the tasks of a launch ---------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How workers share the tasks of one launch.  All state is on the stack of
// whoever launches, so that any number of launches run at the same time.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_CPU_TASKS_H
#define ATTN_RUNTIME_DEVICES_CPU_TASKS_H

#include "attn/Runtime/CpuAbi.h"
#include "attn/Runtime/CpuDevice.h"

#include <algorithm>
#include <atomic>

namespace attn {

/// The largest number of threads of a device.
constexpr int maxThreads = 1024;

/// The tasks of one launch.  `arenaOf(worker)` is the scratch memory of a
/// worker, which no other one uses; each worker asks for it once.
template <typename ArenaOf>
class Tasks {
public:
  Tasks(attn_cpu_task task, void *const *arguments, int64_t count,
        int64_t workers, const ArenaOf &arenaOf)
      : task(task), arguments(arguments), count(count), workers(workers),
        arenaOf(arenaOf) {}

  /// Runs all tasks, with one worker on the calling thread.  Returns how many
  /// workers took part: less than there are if `parallelFor` left some out.
  int64_t run(const ParallelFor &parallelFor) {
    isReady.store(true, std::memory_order_release);
    if (workers == 1)
      work(0);
    else
      parallelFor.run(
          parallelFor.self,
          [](void *self, int64_t worker) {
            static_cast<Tasks *>(self)->work(worker);
          },
          this, workers);
    return left.load(std::memory_order_acquire);
  }

private:
  void work(int64_t worker) {
    if (!isReady.load(std::memory_order_acquire) || !take(worker))
      return;
    void *arena = arenaOf(worker);
    for (int64_t index; (index = next.fetch_add(1)) < count;)
      task(arguments, index, arena);
    left.fetch_add(1, std::memory_order_release);
  }

  /// A hook that calls twice must not let two threads share an arena.
  bool take(int64_t worker) {
    if (worker < 0 || worker >= workers)
      return false;
    uint64_t bit = uint64_t(1) << worker % 64;
    return !(taken[worker / 64].fetch_or(bit) & bit);
  }

  const attn_cpu_task task;
  void *const *const arguments;
  const int64_t count;
  const int64_t workers;
  const ArenaOf &arenaOf;
  /// Set when the fields above are, and read by each worker first: the order of
  /// things is then visible to tools that cannot see into what hands the work
  /// over (ThreadSanitizer and oneTBB).
  std::atomic<bool> isReady{false};
  /// The next unit of work.  Taken one by one, so that work starts in order and
  /// long tasks at the front are balanced by short ones at the end.
  std::atomic<int64_t> next{0};
  /// Workers that have left: what they wrote is visible to whoever has seen all
  /// of them leave, whatever the host's parallelFor does.
  std::atomic<int64_t> left{0};
  /// One bit for each worker that has started.
  std::atomic<uint64_t> taken[maxThreads / 64] = {};
};

} // namespace attn

#endif // ATTN_RUNTIME_DEVICES_CPU_TASKS_H
