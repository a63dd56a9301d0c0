//===- TbbPlugin.cpp - Threads of oneTBB ----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TbbPlugin.h"

#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

using oneapi::tbb::task_arena;

static void *create(int threads) {
  try {
    return new task_arena(threads);
  } catch (...) {
    return nullptr;
  }
}

static void destroy(void *pool) { delete static_cast<task_arena *>(pool); }

static void parallelFor(void *pool, void (*body)(void *arg, int64_t i),
                        void *arg, int64_t count) {
  // Without memory for a task, the caller does what is left.
  int64_t started = 1;
  auto run = [&] {
    oneapi::tbb::task_group group;
    try {
      for (; started < count; ++started)
        group.run([=, i = started] { body(arg, i); });
    } catch (...) {
    }
    body(arg, 0);
    group.wait();
  };
  static_cast<task_arena *>(pool)->execute(run);
  for (; started < count; ++started)
    body(arg, started);
}

extern "C" const attn_tbb_functions *attn_tbb_functions_1(void) {
  static const attn_tbb_functions functions = {create, destroy, parallelFor};
  return &functions;
}
