//===- EngineState.h - What an engine holds ---------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Options, hooks, counters, scratch memory and the kernels of an engine.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_API_ENGINESTATE_H
#define ATTN_RUNTIME_API_ENGINESTATE_H

#include "attn/Runtime/Cache.h"
#include "attn/Runtime/CpuDevice.h"
#include "attn/Runtime/GpuDevice.h"
#include "attn/c.h"
#include "devices/cpu/TbbPool.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace attn::api {

/// Scratch memory of calls without a workspace.  Blocks are kept and given
/// again, so that calls allocate only until there are enough.
class ArenaPool {
public:
  struct Block {
    void *memory = nullptr;
    size_t bytes = 0;
  };

  explicit ArenaPool(const attn_options &options) : options(options) {}
  ~ArenaPool();
  ArenaPool(const ArenaPool &) = delete;
  ArenaPool &operator=(const ArenaPool &) = delete;

  /// A block of at least `bytes`; its memory is null if there is none.
  Block take(size_t bytes);
  void giveBack(Block block);

private:
  const attn_options &options;
  std::mutex mutex;
  std::vector<Block> blocks;
};

struct EngineState {
  explicit EngineState(const attn_options &options);

  /// Loads what a package has for the device.
  Result<std::shared_ptr<const LoadedCode>>
  loadCode(const Package &package) const;
  void log(attn_log_level level, const std::string &message) const;
  void notify(attn_event_kind kind, const std::string &kernel, double seconds,
              double backendSeconds = 0) const;
  /// What runs loops in parallel: the hook, else oneTBB, which is opened when
  /// it is asked for first.
  Result<ParallelFor> parallelFor();

  attn_options options;
  /// Null for the device cpu.
  std::shared_ptr<GpuDevice> gpu;
  int threads = 1;
  ArenaPool arenas;
  Cache cache;

  std::atomic<int64_t> compiled{0}, diskHits{0}, memoryHits{0}, launches{0};

private:
  std::mutex poolMutex;
  std::atomic<bool> hasPool{false};
  TbbPool pool;
};

/// The memory hook, or the default: pages, huge ones where that makes sense.
void *allocateMemory(const attn_options &options, size_t bytes);
void deallocateMemory(const attn_options &options, void *memory, size_t bytes);

} // namespace attn::api

#endif // ATTN_RUNTIME_API_ENGINESTATE_H
