/*===- TbbPlugin.h - What libattn_tbb.so exports ------------------*- C -*-===*\
|*
|* Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* The plugin keeps oneTBB out of the dependencies of the runtime: a program
|* that brings threads of its own, or uses one, needs no oneTBB.
|*
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_RUNTIME_TBB_TBBPLUGIN_H
#define ATTN_RUNTIME_TBB_TBBPLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct attn_tbb_functions {
  /* A pool of this many threads, the caller's among them; null without
   * memory. */
  void *(*create)(int threads);
  void (*destroy)(void *pool);
  /* Calls body(arg, i) for every i in [0, count) and returns after the last;
   * call 0 is made by the calling thread. */
  void (*parallel_for)(void *pool, void (*body)(void *arg, int64_t i),
                       void *arg, int64_t count);
} attn_tbb_functions;

/* The name ends in the version of this interface. */
const attn_tbb_functions *attn_tbb_functions_1(void);

#ifdef __cplusplus
} // extern "C"
#endif

#endif /* ATTN_RUNTIME_TBB_TBBPLUGIN_H */
