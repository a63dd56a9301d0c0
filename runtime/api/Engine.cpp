//===- Engine.cpp - Engines -----------------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Options, hooks, memory and counters of an engine.
//
//===----------------------------------------------------------------------===//

#include "Handles.h"
#include "devices/cpu/Tasks.h"

#include <algorithm>
#include <cstdlib>
#include <sched.h>
#include <sys/mman.h>

using namespace attn;
using namespace attn::api;

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

void *attn::api::allocateMemory(const attn_options &options, size_t bytes) {
  // Kernels sweep over their scratch memory all the time; small pages would
  // need most of the first-level TLB.
  constexpr size_t hugePage = size_t(2) << 20, page = 4096,
                   limit = size_t(1) << 46;
  if (bytes > limit)
    return nullptr;
  size_t alignment = bytes >= hugePage / 2 ? hugePage : page;
  if (options.allocate)
    return options.allocate(options.allocate_context, bytes, page);
  size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void *memory = std::aligned_alloc(alignment, std::max(rounded, alignment));
  // Only a wish: systems without huge pages refuse it.
  if (memory && alignment == hugePage)
    madvise(memory, rounded, MADV_HUGEPAGE);
  return memory;
}

void attn::api::deallocateMemory(const attn_options &options, void *memory,
                                 size_t bytes) {
  if (!memory)
    return;
  if (options.deallocate)
    options.deallocate(options.allocate_context, memory, bytes);
  else
    std::free(memory);
}

ArenaPool::~ArenaPool() {
  for (const Block &block : blocks)
    deallocateMemory(options, block.memory, block.bytes);
}

ArenaPool::Block ArenaPool::take(size_t bytes) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    for (size_t i = blocks.size(); i-- > 0;)
      if (blocks[i].bytes >= bytes) {
        Block block = blocks[i];
        blocks[i] = blocks.back();
        blocks.pop_back();
        return block;
      }
    // So that giving back, which must not fail, finds room.
    blocks.reserve(blocks.capacity() + 1);
  }
  constexpr size_t granularity = size_t(1) << 20;
  bytes = (bytes + granularity - 1) / granularity * granularity;
  return Block{allocateMemory(options, bytes), bytes};
}

void ArenaPool::giveBack(Block block) {
  std::lock_guard<std::mutex> lock(mutex);
  blocks.push_back(block);
}

//===----------------------------------------------------------------------===//
// Engines
//===----------------------------------------------------------------------===//

static CacheOptions cacheOptions(EngineState &state) {
  CacheOptions cache;
  if (const char *directory = state.options.cache_directory) {
    cache.directory = directory;
    cache.useDirectory = !cache.directory.empty();
  }
  cache.maxKernels = state.options.max_kernels;
  cache.load = [&state](const Package &package) {
    return state.loadCode(package);
  };
  // The state owns the cache, so that it is there whenever the cache warns.
  cache.warn = [&state](const std::string &sentence) {
    state.log(ATTN_LOG_WARNING, sentence);
  };
  return cache;
}

EngineState::EngineState(const attn_options &given)
    : options(given), arenas(options), cache(cacheOptions(*this)) {
  // A pointer of the caller, which may be gone after attn_engine_create.
  options.cache_directory = nullptr;
}

Result<std::shared_ptr<const LoadedCode>>
EngineState::loadCode(const Package &package) const {
  if (!gpu) {
    auto module = package.loadForHost();
    if (!module)
      return failure(module.error(), ATTN_ERROR_DEVICE);
    return std::shared_ptr<const LoadedCode>(*std::move(module));
  }
  Package::GpuCapability capability = gpu->info().capability();
  auto module = package.loadFor(capability);
  if (!module)
    return failure(module.error(), ATTN_ERROR_DEVICE);
  auto code = gpu->load(*std::move(module));
  // A driver that refuses machine code may still compile PTX.
  if (!code && capability.runsCubins) {
    capability.runsCubins = false;
    if (auto ptx = package.loadFor(capability))
      if (auto compiled = gpu->load(*std::move(ptx)))
        code = std::move(compiled);
  }
  if (!code)
    return failure(code.error(), ATTN_ERROR_DEVICE);
  return std::shared_ptr<const LoadedCode>(*std::move(code));
}

Result<ParallelFor> EngineState::parallelFor() {
  if (options.parallel_for)
    return ParallelFor{[](void *self, void (*body)(void *, int64_t), void *arg,
                          int64_t count) {
                         auto *options = static_cast<attn_options *>(self);
                         options->parallel_for(options->parallel_for_context,
                                               count, body, arg);
                       },
                       &options};
  if (!hasPool.load(std::memory_order_acquire)) {
    std::lock_guard<std::mutex> lock(poolMutex);
    if (!hasPool.load(std::memory_order_relaxed)) {
      Result<TbbPool> created = TbbPool::create(threads);
      if (!created)
        return failure(created.error(), ATTN_ERROR_DEVICE);
      pool = *std::move(created);
      hasPool.store(true, std::memory_order_release);
    }
  }
  return pool.parallelFor();
}

void EngineState::log(attn_log_level level, const std::string &message) const {
  if (options.log)
    options.log(options.log_context, level, message.c_str());
}

void EngineState::notify(attn_event_kind kind, const std::string &kernel,
                         double seconds, double backendSeconds) const {
  if (!options.on_event)
    return;
  attn_event event{sizeof(event), kind, kernel.c_str(), seconds,
                   backendSeconds};
  options.on_event(options.on_event_context, &event);
}

/// Processors that this process may use.
static int availableProcessors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0)
    return 1;
  return std::max(1, CPU_COUNT(&set));
}

/// The device of this name; null for the CPU.
static Result<std::shared_ptr<GpuDevice>> openDevice(const char *device) {
  std::string name = device ? device : "";
  if (name == "cpu")
    return std::shared_ptr<GpuDevice>();
  if (name.compare(0, 4, "cuda") == 0 || name.compare(0, 8, "emulator") == 0)
    return createGpuDevice(name);
  return failure("there is no device '" + name +
                 "'; allowed are 'cpu', 'cuda:0' and its like, and "
                 "'emulator:sm_80' and its like");
}

static Status checkOptions(const attn_options &options) {
  if (options.threads < 0 || options.threads > maxThreads)
    return failure("the number of threads is " +
                   std::to_string(options.threads) + ", expected 1 to " +
                   std::to_string(maxThreads) + ", or 0 for one per processor");
  if (options.jit != ATTN_JIT_ALLOW && options.jit != ATTN_JIT_NEVER)
    return failure("jit is " + std::to_string(options.jit) +
                   ", expected ATTN_JIT_ALLOW or ATTN_JIT_NEVER");
  if (options.max_kernels < 0)
    return failure("max_kernels is " + std::to_string(options.max_kernels) +
                   ", expected at least 1, or 0 for 1024");
  if (!options.allocate != !options.deallocate)
    return failure("only one of the hooks allocate and deallocate is given; "
                   "give both, or none");
  return Status::success();
}

attn_status attn_engine_create(const char *device, const attn_options *options,
                               attn_engine **engine, attn_error **error) {
  return guardedCall(error, [&] {
    if (!engine)
      return fail(error, ATTN_ERROR_ARGUMENTS,
                  "attn_engine_create: 'engine' is null");
    attn_options chosen = copySized(options);
    if (Status status = checkOptions(chosen); !status)
      return fail(error, status.takeFailure(), ATTN_ERROR_ARGUMENTS);
    Result<std::shared_ptr<GpuDevice>> gpu = openDevice(device);
    // The codes of drivers are none of attn_status.
    if (!gpu)
      return fail(error, ATTN_ERROR_DEVICE, gpu.error());
    auto state = std::make_shared<EngineState>(chosen);
    state->gpu = *std::move(gpu);
    state->threads = state->gpu ? 1
                     : chosen.threads
                         ? chosen.threads
                         : std::min(availableProcessors(), maxThreads);
    *engine = new attn_engine{std::move(state)};
    return ATTN_OK;
  });
}

void attn_engine_free(attn_engine *engine) { delete engine; }

void attn_engine_stats(const attn_engine *engine, attn_stats *stats) {
  if (!engine || !stats)
    return;
  const EngineState &state = *engine->state;
  attn_stats now{stats->size, state.compiled, state.diskHits, state.memoryHits,
                 state.launches};
  __builtin_memcpy(stats, &now, std::min(stats->size, sizeof(now)));
}

int32_t attn_engine_threads(const attn_engine *engine) {
  return engine ? engine->state->threads : 0;
}

const char *attn_engine_cache_directory(const attn_engine *engine) {
  return engine ? engine->state->cache.directory().c_str() : "";
}

void *attn_engine_allocate(const attn_engine *engine, size_t bytes) {
  if (!engine)
    return nullptr;
  if (!engine->state->gpu)
    return allocateMemory(engine->state->options, bytes);
  Result<void *> memory = engine->state->gpu->allocate(bytes, "memory");
  return memory ? *memory : nullptr;
}

void attn_engine_deallocate(const attn_engine *engine, void *memory,
                            size_t bytes) {
  if (!engine || !memory)
    return;
  if (!engine->state->gpu)
    return deallocateMemory(engine->state->options, memory, bytes);
  if (Status status = engine->state->gpu->deallocate(memory); !status)
    engine->state->log(ATTN_LOG_WARNING, status.error());
}

/// Copies to the device, or back.
static attn_status copyMemory(const attn_engine *engine, void *to,
                              const void *from, size_t bytes, bool isToDevice,
                              attn_error **error) {
  return guardedCall(error, [&] {
    if (!engine || ((!to || !from) && bytes))
      return fail(error, ATTN_ERROR_ARGUMENTS,
                  "a copy: the engine or the memory is null");
    GpuDevice *gpu = engine->state->gpu.get();
    if (!gpu) {
      if (bytes)
        __builtin_memcpy(to, from, bytes);
      return ATTN_OK;
    }
    Status status = isToDevice ? gpu->copyToDevice(to, from, bytes)
                               : gpu->copyToHost(to, from, bytes);
    return status ? ATTN_OK : fail(error, ATTN_ERROR_DEVICE, status.error());
  });
}

attn_status attn_engine_copy_in(const attn_engine *engine, void *to,
                                const void *from, size_t bytes,
                                attn_error **error) {
  return copyMemory(engine, to, from, bytes, true, error);
}

attn_status attn_engine_copy_out(const attn_engine *engine, void *to,
                                 const void *from, size_t bytes,
                                 attn_error **error) {
  return copyMemory(engine, to, from, bytes, false, error);
}
