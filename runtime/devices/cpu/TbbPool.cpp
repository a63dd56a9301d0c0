//===- TbbPool.cpp - Threads of oneTBB, if it is there --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TbbPool.h"
#include "Neighbour.h"
#include "tbb/TbbPlugin.h"

#include <dlfcn.h>
#include <mutex>
#include <utility>

using namespace attn;

/// Opens the plugin; it stays open, because its threads may outlive a pool.
static Result<const attn_tbb_functions *> openPlugin() {
  static std::mutex mutex;
  static const attn_tbb_functions *functions = nullptr;
  std::lock_guard<std::mutex> lock(mutex);
  if (functions)
    return functions;
  auto handle = openNeighbour("libattn_tbb.so");
  if (!handle)
    return failure("threads need oneTBB, but " + handle.error() +
                   "; install it next to the runtime, give parallelFor, or "
                   "use threads = 1");
  auto get = reinterpret_cast<decltype(&attn_tbb_functions_1)>(
      dlsym(*handle, "attn_tbb_functions_1"));
  if (!get)
    return failure("libattn_tbb.so is of another version than the runtime; "
                   "install both from the same release, give parallelFor, or "
                   "use threads = 1");
  functions = get();
  return functions;
}

Result<TbbPool> TbbPool::create(int threads) {
  auto functions = openPlugin();
  if (!functions)
    return functions.takeFailure();
  TbbPool created;
  created.functions = *functions;
  created.pool = created.functions->create(threads);
  if (!created.pool)
    return failure("out of memory");
  return created;
}

TbbPool::~TbbPool() {
  if (pool)
    functions->destroy(pool);
}

TbbPool::TbbPool(TbbPool &&other) noexcept
    : functions(other.functions), pool(std::exchange(other.pool, nullptr)) {}

TbbPool &TbbPool::operator=(TbbPool &&other) noexcept {
  std::swap(functions, other.functions);
  std::swap(pool, other.pool);
  return *this;
}

ParallelFor TbbPool::parallelFor() const {
  return {functions->parallel_for, pool};
}
