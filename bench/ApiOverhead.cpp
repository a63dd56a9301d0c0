//===- ApiOverhead.cpp - What the API costs around a kernel ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Measures compiling and a disk hit in fresh processes, a memory hit and, on
// the CPU, the overhead of a launch with one thread.  Prints medians.
//
//   attn-bench-api [CACHE [DEVICE]]
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

/// On a GPU, what most models have.
static Attention makeSpec(const std::string &device) {
  Attention spec;
  spec.heads = 32;
  spec.kvHeads = 8;
  spec.headDim = 128;
  spec.mask = causal();
  if (device != "cpu") {
    spec.type = bf16;
    return spec;
  }
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

namespace {
/// Seconds until a kernel is loaded.
struct RequestTimes {
  double total = -1;
  /// Of these, what opened the compiler's library, and nvrtc or LLVM's back
  /// end.
  double opening = 0, backend = 0;
};
} // namespace

/// In a fresh process: an engine and a kernel, from the directory or, with an
/// empty one, from the compiler.
static int request(const std::string &cache, const std::string &device) {
  RequestTimes times;
  Options options = makeOptions(cache);
  options.onEvent = [&](const Event &event) {
    if (event.kind == EventKind::compilerOpened)
      times.opening = event.seconds;
    times.backend += event.backendSeconds;
  };
  double begin = seconds();
  Engine engine(Device(device), options);
  Result<Kernel> kernel = engine.compile(makeSpec(device));
  times.total = seconds() - begin;
  if (!kernel)
    fail(kernel.error());
  if (engine.stats().compiled != cache.empty())
    times.total = -1;
  std::printf("%.9f %.9f %.9f\n", times.total, times.opening, times.backend);
  return 0;
}

/// Medians over processes.
static RequestTimes measureRequests(const std::string &program,
                                    const std::string &cache,
                                    const std::string &device, int samples) {
  std::vector<double> totals, openings, backends;
  std::string command = program + " --request '" + cache + "' '" + device + "'";
  for (int i = 0; i < samples; ++i) {
    RequestTimes times;
    FILE *pipe = popen(command.c_str(), "r");
    if (!pipe ||
        std::fscanf(pipe, "%lf %lf %lf", &times.total, &times.opening,
                    &times.backend) != 3 ||
        times.total < 0) {
      std::fprintf(stderr, "not what was to be measured: %s\n",
                   command.c_str());
      std::exit(1);
    }
    pclose(pipe);
    totals.push_back(times.total);
    openings.push_back(times.opening);
    backends.push_back(times.backend);
  }
  return {median(totals), median(openings), median(backends)};
}

int main(int argc, char **argv) {
  if (argc == 4 && std::strcmp(argv[1], "--request") == 0)
    return request(argv[2], argv[3]);
  std::string cache =
      argc > 1 ? argv[1]
               : (std::filesystem::temp_directory_path() / "attn-bench-api")
                     .string();
  std::string device = argc > 2 ? argv[2] : "cpu";
  RequestTimes cold = measureRequests(argv[0], "", device, 7);
  std::printf("compile          %9.2f ms, of which %.2f ms open the compiler "
              "and %.2f ms are the back end's\n",
              1e3 * cold.total, 1e3 * cold.opening, 1e3 * cold.backend);
  Attention spec = makeSpec(device);
  Engine engine(Device(device), makeOptions(cache));
  Result<Kernel> kernel = engine.compile(spec);
  if (!kernel)
    fail(kernel.error());
  std::printf("disk hit         %9.2f ms\n",
              1e3 * measureRequests(argv[0], cache, device, 21).total);
  std::printf("memory hit       %9.2f us, of which %.2f us make the text\n",
              1e6 * measure(101, 100, [&] { (void)engine.compile(spec); }),
              1e6 * measure(101, 100, [&] { (void)spec.text(); }));
  // The emulator's times say nothing about a GPU.
  if (device != "cpu")
    return 0;

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
