/*===- CompilerAbi.h - What the compiler library exports ----------*- C -*-===*\
|*
|* Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* The binary interface between the runtime, which links no LLVM, and
|* libattn_compiler.so, which the runtime opens when a kernel is not in the
|* cache.  The functions are thread-safe and throw nothing.
|*
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_RUNTIME_COMPILERABI_H
#define ATTN_RUNTIME_COMPILERABI_H

#include "attn/c.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Grows with every change that is not an addition at the end of a structure. */
enum { ATTN_COMPILER_ABI = 1 };

typedef struct attn_compiler_request {
  size_t size;
  const char *text; /* MLIR; need not end with a NUL */
  size_t text_size;
  const char *name;      /* what locations call the text */
  const char *algorithm; /* standard, memory-efficient, flash */
  const char *cpu;       /* LLVM's name of a CPU; empty: the host */
  const char *features;  /* LLVM's features, "+a,-b"; may be empty */
  int64_t tile_q;        /* 0: chosen for the target */
  int64_t tile_kv;
  const char *target; /* "cpu" or a GPU, "sm_80"; null: the CPU */
  int64_t warps;      /* of a GPU; 0: chosen */
  int64_t stages;
  int64_t alignment;
  int64_t line_info;
  /* where a mistake of the compiler leaves what repeats it; null or empty: the
   * default, see CompileOptions */
  const char *replay_directory;
} attn_compiler_request;

/* Owned by the compiler; to be freed by attn_compiler_free. */
typedef struct attn_compiler_result {
  int status; /* 0, or ATTN_ERROR_PARSE, VERIFY, UNSUPPORTED, COMPILE */
  const char *message; /* diagnostics with locations, if status is not 0 */
  const void *bytes;   /* the key (32 hexadecimal digits) or the package */
  size_t size;
  double seconds;         /* that it took */
  double backend_seconds; /* of these, nvrtc or LLVM's back end */
} attn_compiler_result;

typedef int (*attn_compiler_abi_fn)(void);
typedef const char *(*attn_compiler_version_fn)(void);
typedef attn_compiler_result *(*attn_compiler_run_fn)(
    const attn_compiler_request *request);
typedef void (*attn_compiler_free_fn)(attn_compiler_result *result);

/* ATTN_COMPILER_ABI of the library. */
ATTN_API int attn_compiler_abi(void);
/* The version of attn-mlir and of LLVM. */
ATTN_API const char *attn_compiler_version(void);
/* Parses and verifies the text and hashes its canonical form, without
 * locations, with the options and the target.  Equal keys mean equal code. */
ATTN_API attn_compiler_result *
attn_compiler_content_key(const attn_compiler_request *request);
/* Compiles the text to the bytes of a package. */
ATTN_API attn_compiler_result *
attn_compiler_package(const attn_compiler_request *request);
ATTN_API void attn_compiler_free(attn_compiler_result *result);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ATTN_RUNTIME_COMPILERABI_H */
