/*===- c.h - The C interface of attn-mlir -------------------------*- C -*-===*\
|*
|* Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* Compiles attention kernels, keeps them in a cache, and runs them.  C11, also
|* usable from C++; attn/attn.h wraps it for C++17.
|*
|* Five kinds of objects:
|*
|*   engine  a device, a cache, hooks; makes kernels
|*   kernel  code for one variant; immutable
|*   plan    sizes for upper bounds of the shapes; immutable
|*   args    tensors and named values of a call
|*   error   why something failed
|*
|* Engines, kernels and plans may be used by any number of threads at once, also
|* by launches of the same kernel.  An args object must not be changed while
|* another thread uses it.
|*
|* Functions that can fail return a status and, where `error` is not null, store
|* an error there, which the caller frees with attn_error_free; on success they
|* store null.  Results are stored on success only.  Nothing is printed and
|* nothing aborts.
|*
|* Structures that begin with `size` must be zeroed and have `size` set to
|* sizeof of the structure; a zero in a field means its default.  So programs
|* that were compiled with an older version of this header keep working.
|*
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_C_H
#define ATTN_C_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define ATTN_API __attribute__((visibility("default")))
#else
#define ATTN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum {
  ATTN_VERSION_MAJOR = 0,
  ATTN_VERSION_MINOR = 1,
  ATTN_MAX_RANK = 8,      /* dimensions of a tensor */
  ATTN_MAX_ARGUMENTS = 64 /* inputs and outputs of a kernel */
};

/* The version of the runtime, "0.1.0". */
ATTN_API const char *attn_version(void);

/*===- Errors -------------------------------------------------------------===*/

/* What kind of thing went wrong. */
typedef enum attn_status {
  ATTN_OK = 0,
  ATTN_ERROR_PARSE = 1,       /* the text is not MLIR */
  ATTN_ERROR_VERIFY = 2,      /* it is, but breaks a rule of an operation */
  ATTN_ERROR_UNSUPPORTED = 3, /* correct, but no code can be made for it */
  ATTN_ERROR_COMPILE = 4,     /* the compiler is missing, or failed */
  ATTN_ERROR_CACHE = 5,       /* not in the cache, and jit is "never"; or a
                                 package that is damaged */
  ATTN_ERROR_ARGUMENTS = 6,   /* of a function of this header or a kernel */
  ATTN_ERROR_DEVICE = 7,      /* the device is missing, or lacks something */
  ATTN_ERROR_OUT_OF_MEMORY = 8
} attn_status;

/* "parse", "verify", ...; "unknown" for other numbers. */
ATTN_API const char *attn_status_name(attn_status status);

typedef struct attn_error attn_error;
ATTN_API attn_status attn_error_status(const attn_error *error);
/* One sentence: what was given, what is allowed. */
ATTN_API const char *attn_error_message(const attn_error *error);
/* "name:line:column" in the text that was compiled, or empty. */
ATTN_API const char *attn_error_location(const attn_error *error);
/* All that the compiler said, with the lines it is about; may be empty. */
ATTN_API const char *attn_error_log(const attn_error *error);
ATTN_API void attn_error_free(attn_error *error);

/*===- Engines ------------------------------------------------------------===*/

typedef enum attn_jit {
  ATTN_JIT_ALLOW = 0, /* compile what is not in the cache */
  ATTN_JIT_NEVER = 1  /* never open the compiler */
} attn_jit;

typedef enum attn_log_level {
  ATTN_LOG_INFO = 0,
  ATTN_LOG_WARNING = 1
} attn_log_level;

typedef enum attn_event_kind {
  ATTN_EVENT_COMPILED = 0,
  ATTN_EVENT_DISK_HIT = 1,
  ATTN_EVENT_MEMORY_HIT = 2,
  ATTN_EVENT_COMPILER_OPENED = 3 /* the compiler library was loaded */
} attn_event_kind;

typedef struct attn_event {
  size_t size;
  attn_event_kind kind;
  const char *kernel;     /* name of the entry; empty for COMPILER_OPENED */
  double seconds;         /* that it took */
  double backend_seconds; /* of these, nvrtc (on a CPU, LLVM's back end) */
} attn_event;

/* Calls body(data, index) once for each index in [0, count), at the same time
 * or one after another, and returns when all calls have returned.  `count` is
 * at most the number of threads of the engine. */
typedef void (*attn_parallel_for)(void *context, int64_t count,
                                  void (*body)(void *data, int64_t index),
                                  void *data);
/* Hooks may be called by several threads at once.  They must not throw. */
typedef void (*attn_log)(void *context, attn_log_level level,
                         const char *message);
typedef void (*attn_on_event)(void *context, const attn_event *event);
/* Memory of `bytes` bytes aligned to `alignment` (a power of two), or null. */
typedef void *(*attn_allocate)(void *context, size_t bytes, size_t alignment);
typedef void (*attn_deallocate)(void *context, void *memory, size_t bytes);

typedef struct attn_options {
  size_t size;
  attn_jit jit;
  /* Threads that run a kernel, the calling one among them; 0 means one for each
   * processor that the process may use.  With 1, kernels run on the calling
   * thread and no other library is needed. */
  int32_t threads;
  /* Null: $ATTN_CACHE_DIR, else $XDG_CACHE_HOME/attn-mlir, else
   * $HOME/.cache/attn-mlir.  An empty string: nothing is kept on disk. */
  const char *cache_directory;
  /* Null: oneTBB, through libattn_tbb.so. */
  attn_parallel_for parallel_for;
  void *parallel_for_context;
  attn_log log;
  void *log_context;
  attn_on_event on_event;
  void *on_event_context;
  /* For scratch memory and attn_engine_allocate; both or none. */
  attn_allocate allocate;
  attn_deallocate deallocate;
  void *allocate_context;
  /* Kernels that the engine keeps in memory; 0: 1024.  Those that were not
   * asked for for the longest time go first; an attn_kernel keeps its own. */
  int64_t max_kernels;
} attn_options;

/* What an engine has done since it was created. */
typedef struct attn_stats {
  size_t size;
  int64_t compiled;    /* kernels made by the compiler */
  int64_t disk_hits;   /* kernels loaded from the cache directory */
  int64_t memory_hits; /* kernels that this engine already had */
  int64_t launches;    /* calls that ran */
} attn_stats;

typedef struct attn_engine attn_engine;

/* `device` is "cpu", "cuda" (the same as "cuda:0"), "cuda:1", ..., or
 * "emulator:sm_80", "emulator:sm_90a", ...: a GPU that is emulated, with
 * checks, by libattn_emulator.so.  An engine for a GPU runs kernels from
 * packages; the tensors of its calls are memory of the GPU (of the emulator: of
 * attn_engine_allocate).  `options` may be null. */
ATTN_API attn_status attn_engine_create(const char *device,
                                        const attn_options *options,
                                        attn_engine **engine,
                                        attn_error **error);
/* Kernels of the engine stay usable.  Null is allowed. */
ATTN_API void attn_engine_free(attn_engine *engine);
/* Fills in the fields that `stats->size` covers. */
ATTN_API void attn_engine_stats(const attn_engine *engine, attn_stats *stats);
/* Threads that a kernel of this engine may use. */
ATTN_API int32_t attn_engine_threads(const attn_engine *engine);
/* The path of the cache directory; empty if nothing is kept on disk. */
ATTN_API const char *attn_engine_cache_directory(const attn_engine *engine);
/* Memory from the hook `allocate`, aligned to at least 64 bytes, or of the GPU,
 * aligned to 256; for workspaces. Null if there is none. */
ATTN_API void *attn_engine_allocate(const attn_engine *engine, size_t bytes);
ATTN_API void attn_engine_deallocate(const attn_engine *engine, void *memory,
                                     size_t bytes);
/* Copy to and from memory of the device, and wait for it. */
ATTN_API attn_status attn_engine_copy_in(const attn_engine *engine, void *to,
                                         const void *from, size_t bytes,
                                         attn_error **error);
ATTN_API attn_status attn_engine_copy_out(const attn_engine *engine, void *to,
                                          const void *from, size_t bytes,
                                          attn_error **error);

/*===- Kernels ------------------------------------------------------------===*/

/* Element types.  An index is an int64_t; an i1 is a byte, 0 or 1. */
typedef enum attn_type {
  ATTN_F32 = 0,
  ATTN_F16 = 1,
  ATTN_BF16 = 2,
  ATTN_F64 = 3,
  ATTN_I32 = 4,
  ATTN_I64 = 5,
  ATTN_INDEX = 6,
  ATTN_I8 = 7,
  ATTN_I1 = 8
} attn_type;

typedef struct attn_compile_options {
  size_t size;
  const char *name;      /* what locations call the text; default "<kernel>" */
  const char *entry;     /* the function; default: the only one */
  const char *algorithm; /* standard, memory-efficient, flash (default),
                            flash-decoding */
  const char *cpu;       /* LLVM's name of a CPU; default: the host */
  const char *features;  /* LLVM's features, "+a,-b", added to the CPU's */
  int64_t tile_q;        /* rows of a query tile; 0: chosen for the target */
  int64_t tile_kv;       /* rows of a key tile; 0: chosen for the target */
  int64_t warps;         /* on a GPU, warps of a thread block; 0: chosen */
  int64_t stages;    /* on a GPU, tiles of keys in shared memory; 0: chosen */
  int64_t alignment; /* on a GPU, bytes that addresses and strides of query,
                        key, value and output are multiples of: 2, 4, 8 or
                        16; 0: 16, or less for head dimensions that are no
                        multiple of 8 */
  int32_t line_info; /* on a GPU, whether the code holds the lines of the
                        CUDA C++, for profilers */
} attn_compile_options;

typedef struct attn_kernel attn_kernel;

/* Makes a kernel of MLIR text with one attn.attention or attn.combine in a
 * function: from the memory of the engine, else from the cache directory, else
 * by the compiler.  Several threads that ask for the same kernel compile it
 * once.  `options` may be null. */
ATTN_API attn_status attn_engine_compile(attn_engine *engine, const char *text,
                                         size_t text_size,
                                         const attn_compile_options *options,
                                         attn_kernel **kernel,
                                         attn_error **error);
/* Makes a kernel of a package (an .attnpkg file in memory, written by
 * attn-compile).  `entry` may be null if there is only one. */
ATTN_API attn_status attn_engine_load(attn_engine *engine, const void *package,
                                      size_t package_size, const char *entry,
                                      attn_kernel **kernel, attn_error **error);
/* A kernel is freed with the last reference to it. */
ATTN_API void attn_kernel_retain(attn_kernel *kernel);
ATTN_API void attn_kernel_free(attn_kernel *kernel);

ATTN_API const char *attn_kernel_name(const attn_kernel *kernel);
ATTN_API const char *attn_kernel_algorithm(const attn_kernel *kernel);

typedef struct attn_argument {
  size_t size;
  const char *name; /* lives as long as the kernel */
  int32_t is_output;
  int32_t is_tensor; /* otherwise a value */
  attn_type type;
  int32_t rank;
  int64_t shape[ATTN_MAX_RANK]; /* -1: any size */
} attn_argument;

/* Arguments are numbered from 0: inputs in the order of the function's
 * parameters, then outputs. */
ATTN_API int32_t attn_kernel_num_arguments(const attn_kernel *kernel);
/* False if there is no argument of this number. */
ATTN_API int32_t attn_kernel_argument(const attn_kernel *kernel, int32_t number,
                                      attn_argument *argument);

/*===- Tensors ------------------------------------------------------------===*/

/* A view of memory that belongs to the caller.  Strides count elements; the
 * innermost one must be 1. */
typedef struct attn_tensor {
  void *data;
  attn_type type;
  int32_t rank;
  int64_t shape[ATTN_MAX_RANK];
  int64_t strides[ATTN_MAX_RANK];
} attn_tensor;

/* A contiguous, row-major tensor; rank 0 to ATTN_MAX_RANK. */
ATTN_API attn_tensor attn_tensor_make(void *data, attn_type type, int32_t rank,
                                      const int64_t *shape);

/* DLPack (dmlc.github.io/dlpack), 1.x and the structure before it.  The tensor
 * is a view: the caller keeps the DLPack tensor as long as the view is used and
 * then calls its deleter, as usual. */
struct DLManagedTensorVersioned;
struct DLManagedTensor;
ATTN_API attn_status
attn_tensor_from_dlpack(const struct DLManagedTensorVersioned *managed,
                        attn_tensor *tensor, attn_error **error);
ATTN_API attn_status
attn_tensor_from_dlpack_legacy(const struct DLManagedTensor *managed,
                               attn_tensor *tensor, attn_error **error);

/*===- Calls --------------------------------------------------------------===*/

/* Runs a kernel on tensors in the order of its arguments.  For kernels without
 * values and without workspace; others need args and a plan.  Returns when the
 * outputs are written.  Outputs must not overlap anything else.  Allocates
 * scratch memory in the first calls only. */
ATTN_API attn_status attn_kernel_call(const attn_kernel *kernel,
                                      const attn_tensor *inputs,
                                      size_t num_inputs,
                                      const attn_tensor *outputs,
                                      size_t num_outputs, attn_error **error);

/* The same for a GPU, in a CUstream of the caller, without waiting; null is the
 * default stream.  Neither allocates nor waits nor loads anything, so that it
 * may be captured into a graph. */
ATTN_API attn_status attn_kernel_call_on(const attn_kernel *kernel,
                                         const attn_tensor *inputs,
                                         size_t num_inputs,
                                         const attn_tensor *outputs,
                                         size_t num_outputs, void *stream,
                                         attn_error **error);

/* Upper bounds of the calls that a plan is for. */
typedef struct attn_limits {
  size_t size;
  int64_t batch;   /* at least 1 */
  int64_t queries; /* of each sequence; at least 1 */
  int64_t keys;    /* of each sequence; at least 1 */
  int32_t threads; /* 0: those of the engine */
} attn_limits;

typedef struct attn_plan attn_plan;

/* Arithmetic on the host only; a plan serves any number of calls, layers and
 * threads. */
ATTN_API attn_status attn_plan_create(const attn_kernel *kernel,
                                      const attn_limits *limits,
                                      attn_plan **plan, attn_error **error);
ATTN_API void attn_plan_free(attn_plan *plan);
/* Bytes of workspace of a call within the limits. */
ATTN_API size_t attn_plan_workspace_bytes(const attn_plan *plan);
/* Units of work of a call at the limits, over all launches. */
ATTN_API int64_t attn_plan_tasks(const attn_plan *plan);

typedef struct attn_args attn_args;

/* Arguments for calls of this kernel, none of which are set. */
ATTN_API attn_status attn_args_create(const attn_kernel *kernel,
                                      attn_args **args, attn_error **error);
ATTN_API void attn_args_free(attn_args *args);
/* Set an argument, in place of what it was.  Checked are the name, the kind,
 * the element type, rank, static sizes, strides, the data pointer (not null,
 * aligned to the element); on an error the argument is unset.  attn_args_int is
 * for values of type i1, i32, i64 and index, attn_args_float for f32 and
 * f64. */
ATTN_API attn_status attn_args_tensor(attn_args *args, const char *name,
                                      const attn_tensor *tensor,
                                      attn_error **error);
ATTN_API attn_status attn_args_int(attn_args *args, const char *name,
                                   int64_t value, attn_error **error);
ATTN_API attn_status attn_args_float(attn_args *args, const char *name,
                                     double value, attn_error **error);

/* Runs the kernel of `args` and returns when the outputs are written.  Outputs
 * must not overlap anything else.  `workspace` is aligned to 64 bytes (on a GPU
 * to 256, and may be null if none is needed), has at
 * least attn_plan_workspace_bytes, and is used by one launch at a time; what it
 * holds does not matter.  Checked are that all arguments are set and that their
 * sizes agree.  Allocates nothing. */
ATTN_API attn_status attn_launch(const attn_args *args, const attn_plan *plan,
                                 void *workspace, size_t workspace_bytes,
                                 attn_error **error);
/* The same for a GPU, in a CUstream of the caller, without waiting; null is the
 * default stream.  The workspace is in use until the launch has run.  May be
 * captured into a graph. */
ATTN_API attn_status attn_launch_on(const attn_args *args,
                                    const attn_plan *plan, void *workspace,
                                    size_t workspace_bytes, void *stream,
                                    attn_error **error);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ATTN_C_H */
