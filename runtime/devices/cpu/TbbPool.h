//===- TbbPool.h - Threads of oneTBB, if it is there ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Opens the plugin with oneTBB and owns a pool of its threads.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_CPU_TBBPOOL_H
#define ATTN_RUNTIME_DEVICES_CPU_TBBPOOL_H

#include "attn/Runtime/CpuDevice.h"

struct attn_tbb_functions;

namespace attn {

class TbbPool {
public:
  /// No pool.
  TbbPool() = default;
  /// Opens the plugin if that has not happened yet.
  static Result<TbbPool> create(int threads);
  ~TbbPool();
  TbbPool(TbbPool &&other) noexcept;
  TbbPool &operator=(TbbPool &&other) noexcept;

  /// Valid as long as the pool.
  ParallelFor parallelFor() const;

private:
  const attn_tbb_functions *functions = nullptr;
  void *pool = nullptr;
};

} // namespace attn

#endif // ATTN_RUNTIME_DEVICES_CPU_TBBPOOL_H
