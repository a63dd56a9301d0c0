//===- decode.cpp - Tokens after a prompt, with a window ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A grouped-query model reads a prompt and then makes one token after another.
// One kernel serves all steps: lengths, the window and the cap of the scores
// are given at each call.  Builds without exceptions and run-time type
// information.
//
//===----------------------------------------------------------------------===//

#include <attn/attn.h>

#include <cmath>
#include <cstdio>
#include <vector>

static int report(const attn::Error &error) {
  std::fprintf(stderr, "decode: %s\n%s", error.text().c_str(),
               error.log().c_str());
  return 1;
}

int main() {
  constexpr int64_t heads = 8, kvHeads = 2, headDim = 64, prompt = 100,
                    capacity = 128;

  // What is wanted.  The function is traced once; it runs in the kernel.
  attn::Attention spec;
  spec.heads = heads;
  spec.kvHeads = kvHeads;
  spec.headDim = headDim;
  spec.mask = attn::causal() && attn::window(attn::value("window"));
  spec.scoreMod = [](attn::Score s, attn::At) {
    attn::Float cap = attn::value("cap");
    return cap * attn::tanh(s / cap);
  };

  attn::Options options;
  options.threads = 1;
  attn::Engine engine(attn::cpu(), options);
  attn::Result<attn::Kernel> kernel = engine.compile(spec);
  if (!kernel)
    return report(kernel.error());

  // Sizes up to these, and all memory that a call needs.
  attn::Limits limits;
  limits.queries = prompt;
  limits.keys = capacity;
  attn::Result<attn::Plan> plan = kernel->plan(limits);
  if (!plan)
    return report(plan.error());
  attn::Result<attn::Workspace> workspace =
      attn::Workspace::allocate(engine, plan->workspaceBytes());
  if (!workspace)
    return report(workspace.error());

  // The keys and values of all tokens; a step sees the first `length` of them.
  std::vector<float> cache(2 * kvHeads * capacity * headDim);
  for (size_t i = 0; i < cache.size(); ++i)
    cache[i] = std::sin(0.1f * static_cast<float>(i));
  const float *keys = cache.data(),
              *values = keys + kvHeads * capacity * headDim;
  std::vector<float> query(heads * prompt * headDim, 0.25f),
      output(query.size());

  attn::Args args = kernel->args();
  args.set("window", 64).set("cap", 30.0);
  for (int64_t length = prompt; length <= capacity; ++length) {
    int64_t tokens = length == prompt ? prompt : 1;
    attn::Dims strides = {kvHeads * capacity * headDim, capacity * headDim,
                          headDim, 1};
    attn::Dims shape = {1, kvHeads, length, headDim};
    args.set("query", attn::Tensor(query.data(), {1, heads, tokens, headDim}));
    args.set("key", attn::Tensor(keys, shape, strides));
    args.set("value", attn::Tensor(values, shape, strides));
    args.set("output",
             attn::Tensor(output.data(), {1, heads, tokens, headDim}));
    if (attn::Result<void> ran = (*kernel)(args, *plan, *workspace); !ran)
      return report(ran.error());
  }

  attn::Stats stats = engine.stats();
  std::printf("%lld launches of one kernel; the last output begins with %.4f\n",
              static_cast<long long>(stats.launches),
              static_cast<double>(output[0]));
  return std::isfinite(output[0]) ? 0 : 1;
}
