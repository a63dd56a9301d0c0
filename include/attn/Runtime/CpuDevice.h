//===- CpuDevice.h - Runs calls on the host's cores -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The CPU device: a pool of threads (oneTBB) and the scratch memory of its
// workers.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_CPUDEVICE_H
#define ATTN_RUNTIME_CPUDEVICE_H

#include "attn/Runtime/Module.h"

#include <memory>

namespace attn {

/// Memory aligned to 4 KiB; from 2 MiB on aligned to 2 MiB and backed by huge
/// pages where the system grants them.
class AlignedBuffer {
public:
  AlignedBuffer() = default;
  ~AlignedBuffer();
  AlignedBuffer(AlignedBuffer &&other) noexcept;
  AlignedBuffer &operator=(AlignedBuffer &&other) noexcept;

  /// Makes the buffer at least `bytes` long.  The contents are undefined
  /// afterwards if it had to grow, and kept if not.  On failure the buffer is
  /// unchanged.
  Status reserve(int64_t bytes);
  void *data() const { return memory; }
  int64_t size() const { return bytes; }

private:
  void *memory = nullptr;
  int64_t bytes = 0;
};

/// What one run did.
struct RunStats {
  /// Key tiles that were visited with and without mask code.
  int64_t partialTiles = 0;
  int64_t fullTiles = 0;
  /// Tasks, over all launches.
  int64_t workItems = 0;
  int64_t launches = 0;
  /// Scratch memory that the device holds, over all workers.
  int64_t arenaBytes = 0;
};

/// Runs calls.  May be used by several threads, which take turns.
class CpuDevice {
public:
  /// `threads` workers, the calling thread of `run` among them; 0 means one for
  /// each processor that this process may use.  With 1, everything runs on the
  /// calling thread and oneTBB is not used.  With more than there are
  /// processors, only as many run at the same time.
  static Result<std::unique_ptr<CpuDevice>> create(int threads = 0);
  ~CpuDevice();
  CpuDevice(const CpuDevice &) = delete;
  CpuDevice &operator=(const CpuDevice &) = delete;

  int threads() const;

  /// Runs the call and returns when it has finished.  `workspace` must be
  /// aligned to 64 bytes and hold `call.workspaceBytes()` bytes; it may be null
  /// if that is 0.  It must not be in use by anything else.
  Result<RunStats> run(Call &call, void *workspace, int64_t workspaceBytes);

private:
  struct State;
  explicit CpuDevice(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace attn

#endif // ATTN_RUNTIME_CPUDEVICE_H
