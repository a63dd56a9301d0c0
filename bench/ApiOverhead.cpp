//===- ApiOverhead.cpp - What the API costs around a kernel ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Measures a disk hit in a fresh process, a memory hit and the overhead of a
// launch with one thread.  Prints medians.
//
//   attn-bench-api [CACHE]
//
//===----------------------------------------------------------------------===//

#include "attn/attn.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

using namespace attn;

static double seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

/// Median time of `body()`, each sample over `batch` calls.
template <typename Body>
static double measure(int samples, int batch, const Body &body) {
  std::vector<double> times;
  for (int sample = 0; sample < samples; ++sample) {
    double begin = seconds();
    for (int i = 0; i < batch; ++i)
      body();
    times.push_back((seconds() - begin) / batch);
  }
  return median(times);
}

[[noreturn]] static void fail(const Error &error) {
  std::fprintf(stderr, "%s\n", error.text().c_str());
  std::exit(1);
}

static Attention makeSpec() {
  Attention spec;
  spec.heads = 32;
  spec.kvHeads = 8;
  spec.headDim = 128;
  spec.mask = causal();
  spec.scoreMod = [](Score s, At at) {
    return s + table("slopes", {32}, f32)[at.head] * toFloat(at.key - at.query);
  };
  return spec;
}

static Options makeOptions(const std::string &cache) {
  Options options;
  options.threads = 1;
  options.cacheDirectory = cache;
  return options;
}

/// In a fresh process: an engine and a kernel from the directory.
static int diskHit(const char *cache) {
  double begin = seconds();
  Engine engine(cpu(), makeOptions(cache));
  Result<Kernel> kernel = engine.compile(makeSpec());
  double elapsed = seconds() - begin;
  if (!kernel)
    fail(kernel.error());
  std::printf("%.9f\n", engine.stats().diskHits == 1 ? elapsed : -1);
  return 0;
}

static double measureDiskHits(const std::string &program,
                              const std::string &cache, int samples) {
  std::vector<double> times;
  std::string command = program + " --disk-hit " + cache;
  for (int i = 0; i < samples; ++i) {
    double time = -1;
    FILE *pipe = popen(command.c_str(), "r");
    if (!pipe || std::fscanf(pipe, "%lf", &time) != 1 || time < 0) {
      std::fprintf(stderr, "no disk hit: %s\n", command.c_str());
      std::exit(1);
    }
    pclose(pipe);
    times.push_back(time);
  }
  return median(times);
}

int main(int argc, char **argv) {
  if (argc == 3 && std::strcmp(argv[1], "--disk-hit") == 0)
    return diskHit(argv[2]);
  std::string cache =
      argc > 1 ? argv[1]
               : (std::filesystem::temp_directory_path() / "attn-bench-api")
                     .string();
  Engine engine(cpu(), makeOptions(cache));
  double begin = seconds();
  Result<Kernel> kernel = engine.compile(makeSpec());
  if (!kernel)
    fail(kernel.error());
  std::printf("first request    %9.2f ms (%s)\n", 1e3 * (seconds() - begin),
              engine.stats().compiled ? "compiled" : "disk hit");
  std::printf("disk hit         %9.2f ms\n",
              1e3 * measureDiskHits(argv[0], cache, 21));

  Attention spec = makeSpec();
  std::printf("memory hit       %9.2f us, of which %.2f us make the text\n",
              1e6 * measure(101, 100, [&] { (void)engine.compile(spec); }),
              1e6 * measure(101, 100, [&] { (void)spec.text(); }));

  // The overhead is what a call takes that has nothing to compute; a kernel
  // with one head, query and key is the smallest that has something.
  std::vector<float> data(32 * 128), slopes(32);
  Tensor q(data.data(), {1, 32, 0, 128}), kv(data.data(), {1, 8, 1, 128}),
      o(data.data(), {1, 32, 0, 128}), table(slopes.data(), {32});
  Result<Plan> plan = kernel->plan({1, 1, 1});
  if (!plan)
    fail(plan.error());
  Result<Workspace> workspace =
      Workspace::allocate(engine, plan->workspaceBytes());
  if (!workspace)
    fail(workspace.error());
  Args args = kernel->args();
  auto set = [&] {
    args.set("query", q).set("key", kv).set("value", kv);
    args.set("output", o).set("slopes", table);
  };
  set();
  if (Result<void> ran = (*kernel)(args, *plan, *workspace); !ran)
    fail(ran.error());
  std::printf("launch           %9.3f us\n",
              1e6 * measure(101, 1000,
                            [&] { (void)(*kernel)(args, *plan, *workspace); }));
  std::printf("  and set 5 args %9.3f us\n", 1e6 * measure(101, 1000, [&] {
                                               set();
                                               (void)(*kernel)(args, *plan,
                                                               *workspace);
                                             }));
  std::printf("call without plan%9.3f us\n",
              1e6 * measure(101, 1000,
                            [&] { (void)(*kernel)({q, kv, kv, table}, {o}); }));

  Attention smallest;
  smallest.heads = 1;
  smallest.headDim = 16;
  Result<Kernel> small = engine.compile(smallest);
  if (!small)
    fail(small.error());
  Tensor one(data.data(), {1, 1, 1, 16}), out(data.data() + 16, {1, 1, 1, 16});
  std::printf("smallest kernel  %9.3f us\n",
              1e6 * measure(101, 1000,
                            [&] { (void)(*small)({one, one, one}, {out}); }));
  return 0;
}
