/*===- EmulatorPlugin.h - What libattn_emulator.so exports --------*- C -*-===*\
|*
|* Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* The emulator is compiled for newer processors than the runtime: they must not
|* share inline functions, so it is a library of its own with a C interface.
|*
|* Functions that can fail return null on success, else a text that free_text
|* frees.  The functions of one emulator are called by one thread at a time.
|*
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_PLUGIN_EMULATORPLUGIN_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_PLUGIN_EMULATORPLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory and options. */
typedef struct attn_emulator attn_emulator;
/* Decoded PTX; belongs to no emulator. */
typedef struct attn_emulator_module attn_emulator_module;

typedef struct attn_emulator_options {
  const char *checks; /* "race,uninit", "none"; empty: all but banks */
  const char *async;  /* "lazy", "eager", "random" */
  uint64_t seed;
} attn_emulator_options;

typedef struct attn_emulator_launch {
  const char *kernel;
  uint32_t grid[3], block[3], shared_bytes;
  const void *parameters; /* one buffer, as CU_LAUNCH_PARAM_BUFFER_POINTER */
  size_t parameter_bytes;
} attn_emulator_launch;

typedef struct attn_emulator_statistics {
  uint64_t instructions, bank_conflicts;
} attn_emulator_statistics;

typedef struct attn_emulator_functions {
  char *(*create)(const attn_emulator_options *options,
                  attn_emulator **emulator);
  void (*destroy)(attn_emulator *emulator);

  /* Null without memory. */
  void *(*allocate)(attn_emulator *emulator, size_t bytes, const char *name);
  char *(*deallocate)(attn_emulator *emulator, void *memory);
  /* Copy to or from memory of the emulator. */
  char *(*copy_in)(attn_emulator *emulator, void *to, const void *from,
                   size_t bytes);
  char *(*copy_out)(attn_emulator *emulator, void *to, const void *from,
                    size_t bytes);

  char *(*load)(const char *ptx, size_t bytes, attn_emulator_module **module);
  void (*unload)(attn_emulator_module *module);
  /* Whether the module has this kernel with these parameters. */
  char *(*check_kernel)(const attn_emulator_module *module, const char *kernel,
                        size_t parameter_bytes);

  /* Runs a kernel to its end.  The text is why it could not start, or what the
   * checks found. */
  char *(*launch)(attn_emulator *emulator, const attn_emulator_module *module,
                  const attn_emulator_launch *launch,
                  attn_emulator_statistics *statistics);

  void (*free_text)(char *text);
} attn_emulator_functions;

/* The name ends in the version of this interface. */
const attn_emulator_functions *attn_emulator_functions_1(void);

#ifdef __cplusplus
} // extern "C"
#endif

#endif /* ATTN_RUNTIME_DEVICES_EMULATOR_PLUGIN_EMULATORPLUGIN_H */
