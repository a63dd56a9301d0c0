//===- Launch.h - Runs entries on the host's cores --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A launch keeps its state on the stack and its scratch memory in the workspace
// of the call, so that any number of threads run kernels at the same time
// without waiting for each other.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_API_LAUNCH_H
#define ATTN_RUNTIME_API_LAUNCH_H

#include "Arguments.h"

namespace attn::api {

/// Scratch memory of workers begins at multiples of this.
constexpr int64_t arenaAlignment = 4096;

/// What an entry asks for when it is called, for one set of shapes.
struct LaunchSizes {
  int64_t tasks = 0;
  /// Of one worker; the largest of all launches.
  int64_t arenaBytes = 0;
  /// Of the entry itself.
  int64_t workspaceBytes = 0;
};

/// Asks an entry what it needs for these shapes, without running a task.  No
/// data pointer is used.
Result<LaunchSizes> measure(const attn_kernel &kernel,
                            const ArgumentSlots &arguments);

/// Scratch memory of a launch.
struct Scratch {
  /// Of the entry; aligned to 64 bytes.
  void *workspace = nullptr;
  int64_t workspaceBytes = 0;
  /// One for each worker, `arenaStride` bytes apart.  Null: from the engine.
  char *arenas = nullptr;
  int64_t arenaStride = 0;
};

/// Where a launch runs.
struct Place {
  /// On the CPU: at most so many threads.
  int threads = 1;
  /// On a GPU.
  GpuStream stream = nullptr;
  /// Whether to wait for the GPU.
  bool waits = true;
};

/// Runs the kernel with checked arguments.
Status launch(const attn_kernel &kernel, const ArgumentSlots &arguments,
              const Scratch &scratch, const Place &place);

/// Bytes of workspace that the entry itself needs for these shapes.
Result<int64_t> entryWorkspaceBytes(const attn_kernel &kernel,
                                    const ArgumentSlots &arguments);

/// Bytes from one worker's scratch memory to the next.
int64_t arenaStrideFor(int64_t arenaBytes);

} // namespace attn::api

struct attn_plan {
  attn_kernel *kernel = nullptr;
  attn_limits limits{};
  int threads = 1;
  attn::api::LaunchSizes sizes;
  /// Dimensions that the limits bound; argument -1 where there is none.
  attn::ManifestDimRef batch{-1, 0}, queries{-1, 0}, keys{-1, 0};
  /// Bytes for each worker and for the whole workspace.
  int64_t arenaStride = 0;
  size_t workspaceBytes = 0;
};

#endif // ATTN_RUNTIME_API_LAUNCH_H
