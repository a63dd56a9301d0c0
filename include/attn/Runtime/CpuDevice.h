//===- CpuDevice.h - Runs calls on the host's cores -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The CPU device: its threads and the scratch memory of its workers.  Threads
// are those of oneTBB, which the plugin libattn_tbb.so brings, or the host
// program's own.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_CPUDEVICE_H
#define ATTN_RUNTIME_CPUDEVICE_H

#include "attn/Runtime/Module.h"

#include <memory>

namespace attn {

/// How a host program hands out memory.  Both functions or neither; they may be
/// called by any thread.
struct Allocator {
  /// Returns `bytes` bytes, aligned to `alignment`, a power of two, or null.
  void *(*allocate)(void *self, size_t bytes, size_t alignment) = nullptr;
  /// Takes back what `allocate` returned.
  void (*deallocate)(void *self, void *memory, size_t bytes) = nullptr;
  void *self = nullptr;
};

/// How a host program runs work on its own threads: calls body(arg, i) once for
/// every i in [0, count), on any threads, at the same time or not, and returns
/// when all calls have returned.  Must not throw.
struct ParallelFor {
  void (*run)(void *self, void (*body)(void *arg, int64_t i), void *arg,
              int64_t count) = nullptr;
  void *self = nullptr;
};

/// Memory aligned to 4 KiB; from 2 MiB on aligned to 2 MiB and backed by huge
/// pages where the system grants them.
class AlignedBuffer {
public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(const Allocator &allocator) : allocator(allocator) {}
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
  void release();

  Allocator allocator;
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

struct CpuDeviceOptions {
  /// Workers, the calling thread of `run` among them; 0 means one for each
  /// processor that this process may use.  With 1, everything runs on the
  /// calling thread.  With more than there are processors, oneTBB runs only as
  /// many at the same time.
  int threads = 0;
  /// Instead of oneTBB, which is then not loaded.
  ParallelFor parallelFor;
  /// For scratch memory.
  Allocator allocator;
};

/// Runs calls.  May be used by several threads, which take turns.
class CpuDevice {
public:
  /// With more than one thread and without parallelFor, this loads oneTBB.
  static Result<std::unique_ptr<CpuDevice>>
  create(const CpuDeviceOptions &options);
  static Result<std::unique_ptr<CpuDevice>> create(int threads = 0);
  ~CpuDevice();
  CpuDevice(const CpuDevice &) = delete;
  CpuDevice &operator=(const CpuDevice &) = delete;

  int threads() const;

  /// Runs the call and returns when it has finished.  `workspace` must be
  /// aligned to 64 bytes and hold `call.workspaceBytes()` bytes; it may be null
  /// if that is 0.  It must not be in use by anything else.  Allocates only if
  /// a kernel needs more scratch memory than those before.
  Result<RunStats> run(Call &call, void *workspace, int64_t workspaceBytes);

private:
  struct State;
  explicit CpuDevice(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace attn

#endif // ATTN_RUNTIME_CPUDEVICE_H
