/*===- prefill.c - Causal attention in C ---------------------------*- C -*-===*\
|*
|* Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* Compiles a causal prefill from MLIR and runs it on equal values, of which any
|* average is the same number.
|*
\*===----------------------------------------------------------------------===*/

#include <attn/c.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char text[] =
    "!t = tensor<?x4x?x32xf32>\n"
    "func.func @prefill(%q: !t, %k: !t, %v: !t) -> !t {\n"
    "  %o = attn.attention %q, %k, %v mask(#attn.causal) : (!t, !t, !t) -> !t\n"
    "  return %o : !t\n"
    "}\n";

enum { HEADS = 4, TOKENS = 33, HEAD_DIM = 32, COUNT = HEADS * TOKENS * HEAD_DIM };

static int report(attn_error *error) {
  fprintf(stderr, "prefill: %s error: %s %s\n%s\n",
          attn_status_name(attn_error_status(error)),
          attn_error_location(error), attn_error_message(error),
          attn_error_log(error));
  attn_error_free(error);
  return EXIT_FAILURE;
}

int main(void) {
  attn_options options;
  attn_error *error = NULL;
  attn_engine *engine = NULL;
  attn_kernel *kernel = NULL;
  memset(&options, 0, sizeof(options));
  options.size = sizeof(options);
  options.threads = 1;
  if (attn_engine_create("cpu", &options, &engine, &error) != ATTN_OK)
    return report(error);
  if (attn_engine_compile(engine, text, strlen(text), NULL, &kernel, &error) !=
      ATTN_OK)
    return report(error);

  static float input[COUNT], output[COUNT];
  for (int i = 0; i < COUNT; ++i)
    input[i] = 0.5f;
  const int64_t shape[] = {1, HEADS, TOKENS, HEAD_DIM};
  attn_tensor in = attn_tensor_make(input, ATTN_F32, 4, shape);
  attn_tensor inputs[] = {in, in, in};
  attn_tensor out = attn_tensor_make(output, ATTN_F32, 4, shape);
  if (attn_kernel_call(kernel, inputs, 3, &out, 1, &error) != ATTN_OK)
    return report(error);

  int wrong = 0;
  for (int i = 0; i < COUNT; ++i)
    wrong += !(fabsf(output[i] - 0.5f) < 1e-6f);
  printf("%s: %d of %d outputs are wrong\n", attn_kernel_name(kernel), wrong,
         COUNT);
  attn_kernel_free(kernel);
  attn_engine_free(engine);
  return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
