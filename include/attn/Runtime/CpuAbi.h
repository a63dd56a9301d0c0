/*===- CpuAbi.h - What a CPU payload exports and calls ------------*- C -*-===*\
|*
|* Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* The binary interface between a compiled payload, an ELF shared object
|* without undefined symbols, and the runtime that runs it.  C, so that a
|* payload can also be written by hand.
|*
|* A payload exports, for each entry NAME,
|*
|*   void NAME(const attn_cpu_host *host, void *const *args);
|*   int64_t NAME_workspace(void *const *args);
|*
|* and once, NUL-terminated JSON (see attn/Runtime/Module.h):
|*
|*   const char attn_manifest[];
|*
|* args[i] points to the descriptor of a tensor or to the value of a scalar
|* (f32, i32, i64; an index is an int64_t).  The order is: inputs, outputs, the
|* workspace.  The workspace is a descriptor of rank 1 and type i8, which may
|* have size 0.  Outputs and the workspace do not overlap anything else.
|*
|* NAME_workspace returns the bytes of workspace that NAME needs with these
|* inputs.  It reads only the descriptors and scalars of the inputs: the other
|* pointers are null.
|*
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_RUNTIME_CPUABI_H
#define ATTN_RUNTIME_CPUABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A tensor is described as MLIR's strided memref of its rank:
 *   { void *allocated; void *aligned; int64_t offset;
 *     int64_t sizes[rank]; int64_t strides[rank]; }
 * Strides count elements. The runtime passes offset 0, equal pointers, and an
 * innermost stride of 1. */

/* One unit of work. `arena` is scratch memory that no other running task
 * uses; what a task leaves there is undefined for the next one, except for the
 * counters in its first ATTN_CPU_COUNTER_BYTES. */
typedef void (*attn_cpu_task)(void *const *args, int64_t work, void *arena);

/* Counters: int64_t[8] at the start of each arena. Tasks only add to them. */
enum {
  ATTN_CPU_PARTIAL_TILES = 0, /* key tiles visited with mask code */
  ATTN_CPU_FULL_TILES = 1,    /* key tiles visited without */
  ATTN_CPU_COUNTER_BYTES = 64
};

/* Services that the runtime gives to an entry. */
typedef struct attn_cpu_host {
  void *self;
  /* Runs task(args, work, arena) for every work in [0, count), starting them in
   * this order, and returns when all have run. The arena is aligned to at least
   * 64 bytes and has at least max(arena_bytes, ATTN_CPU_COUNTER_BYTES) bytes.
   * To be called from the thread of the entry, not from a task. */
  void (*launch)(void *self, attn_cpu_task task, void *const *args,
                 int64_t count, int64_t arena_bytes);
} attn_cpu_host;

typedef void (*attn_cpu_entry)(const attn_cpu_host *host, void *const *args);
typedef int64_t (*attn_cpu_workspace)(void *const *args);

#ifdef __cplusplus
} // extern "C"
#endif

#endif /* ATTN_RUNTIME_CPUABI_H */
