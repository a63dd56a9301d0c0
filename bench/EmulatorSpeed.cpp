//===- EmulatorSpeed.cpp - Speed of the PTX emulator ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Times the emulator on the two hand-written attention kernels: bf16, head
// dimension 64, one thread; without checks and with all of them. The times are
// medians; compiling is not part of them, it is given beside.
//
//   attn-bench-emulator [--length=512] [--heads=2] [--full] [--samples=15]
//     [--json]
//
//===----------------------------------------------------------------------===//

#include "unit/Emulator/AttentionKernels.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

using namespace attn;
using namespace attn::emulator;
using namespace attn::test;

namespace {

/// Medians.
struct Times {
  double wall, cpu;
};

double medianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Result<Times> measure(const AttentionKernel &kernel, const Module &module,
                      const AttentionProblem &problem,
                      const LaunchOptions &options, int samples,
                      uint64_t &instructions) {
  std::vector<double> wall, cpu;
  for (int sample = -1; sample < samples; ++sample) {
    Result<KernelRun> run = runKernel(kernel, module, problem, options);
    if (!run)
      return run.takeFailure();
    if (!run->launch.ok())
      return failure(std::string(kernel.name) + ": " +
                     run->launch.reports.front().str());
    if (!run->isAccurate(problem))
      return failure(std::string(kernel.name) + " computes wrong numbers");
    instructions = run->launch.statistics.instructions;
    if (sample < 0) // the first one warms up
      continue;
    wall.push_back(run->seconds);
    cpu.push_back(run->cpuSeconds);
  }
  return Times{medianOf(wall), medianOf(cpu)};
}

int run(int argc, char **argv) {
  CLI::App app("Speed of the PTX emulator on attention kernels");
  int length = 512, heads = 2, samples = 15;
  bool full = false, json = false;
  app.add_option("--length", length, "queries and keys")
      ->check(CLI::Range(1, 1 << 16));
  app.add_option("--heads", heads, "heads")->check(CLI::Range(1, 1024));
  app.add_option("--samples", samples, "samples of each case")
      ->check(CLI::Range(1, 10000));
  app.add_flag("--full", full, "no causal mask");
  app.add_flag("--json", json, "print one JSON object");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 1;
  }

  auto fail = [](const std::string &error) {
    std::fprintf(stderr, "attn-bench-emulator: %s\n", error.c_str());
    return 1;
  };

  AttentionProblem problem(heads, length, !full);
  nlohmann::json report = nlohmann::json::array();
  for (const AttentionKernel &kernel : attentionKernels()) {
    Result<std::string> source = readSource(kernel);
    if (!source)
      return fail(source.error());
    auto begin = std::chrono::steady_clock::now();
    Result<Module> module = compileKernel(kernel, *source);
    if (!module)
      return fail(module.error());
    std::chrono::duration<double> compilation =
        std::chrono::steady_clock::now() - begin;
    for (bool checked : {false, true}) {
      LaunchOptions options =
          checked ? LaunchOptions() : LaunchOptions::unchecked();
      uint64_t instructions = 0;
      Result<Times> times =
          measure(kernel, *module, problem, options, samples, instructions);
      if (!times)
        return fail(times.error());
      if (!json)
        std::printf("%-16s S%d H%d D%d %-6s %-10s %8.2f ms, of which the "
                    "processor %.2f ms; %.1f M warp instructions/s; nvrtc and "
                    "parser %.0f ms\n",
                    kernel.name, length, heads, AttentionProblem::headDim,
                    full ? "full" : "causal",
                    checked ? "all checks" : "no checks", times->wall * 1e3,
                    times->cpu * 1e3, double(instructions) / times->cpu * 1e-6,
                    compilation.count() * 1e3);
      std::fflush(stdout);
      report.push_back({{"kernel", kernel.name},
                        {"length", length},
                        {"heads", heads},
                        {"causal", !full},
                        {"checks", checked},
                        {"wall_s", times->wall},
                        {"cpu_s", times->cpu},
                        {"instructions", instructions},
                        {"compile_s", compilation.count()}});
    }
  }
  if (json)
    std::printf("%s\n", report.dump(1).c_str());
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "attn-bench-emulator: %s\n", error.what());
    return 1;
  }
}
