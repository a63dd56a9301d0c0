//===- CpuPrefill.cpp - Speed of prefill against the FMA peak -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Times attention with 8 heads at several lengths and head dimensions. Every
// sample lies between two measurements of the peak, because the clock of a
// shared machine changes; the share of the peak is the median over samples.
//
//   attn-bench-cpu [--length=1024] [--samples=25] [--json]
//
//===----------------------------------------------------------------------===//

#include "Peak.h"
#include "attn/Engine/Compiler.h"
#include "attn/Runtime/CpuDevice.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>

using namespace attn;
using namespace attn::bench;

namespace {

constexpr int64_t kHeads = 8;

struct Configuration {
  int64_t headDim, length;
  bool causal;
  int threads;
  Isa isa;
  CompileOptions options;
};

struct Measurement {
  double seconds, shareOfPeak, peak;
};

std::string makeModule(const Configuration &config) {
  std::string type =
      "tensor<?x8x?x" + std::to_string(config.headDim) + "xf32>";
  return "func.func @f(%q: " + type + ", %k: " + type + ", %v: " + type +
         ") -> " + type + " {\n  %o = attn.attention %q, %k, %v" +
         (config.causal ? " mask(#attn.causal)" : "") + " : (" + type + ", " +
         type + ", " + type + ") -> " + type + "\n  return %o : " + type +
         "\n}\n";
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

Result<Measurement> measure(const Configuration &config, int samples) {
  std::string text = makeModule(config);
  Result<LoadedModule> loaded =
      compileAndLoad(text, "bench.mlir", config.options, Cache::open());
  if (!loaded)
    return loaded.takeFailure();
  auto device = CpuDevice::create(config.threads);
  if (!device)
    return device.takeFailure();

  std::vector<int64_t> shape = {1, kHeads, config.length, config.headDim};
  int64_t count = kHeads * config.length * config.headDim;
  std::vector<AlignedBuffer> buffers(4);
  std::vector<Tensor> tensors;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (AlignedBuffer &buffer : buffers) {
    if (Status status = buffer.reserve(count * 4); !status)
      return status.takeFailure();
    auto *data = static_cast<float *>(buffer.data());
    std::generate(data, data + count, [&] { return normal(random); });
    tensors.emplace_back(data, ElementType::f32, shape);
  }
  auto call = loaded->module->bind("f", {tensors[0], tensors[1], tensors[2]},
                                   {tensors[3]});
  if (!call)
    return call.takeFailure();

  double pairs = config.causal
                     ? 0.5 * double(config.length) * double(config.length + 1)
                     : double(config.length) * double(config.length);
  double flops = 4.0 * kHeads * pairs * double(config.headDim);
  auto runOnce = [&] { return (*device)->run(*call, nullptr, 0); };
  if (auto stats = runOnce(); !stats)
    return stats.takeFailure();

  std::vector<double> seconds, shares, peaks;
  for (int sample = 0; sample < samples; ++sample) {
    double before = measureFmaPeak(config.isa, config.threads, /*samples=*/1);
    auto begin = std::chrono::steady_clock::now();
    if (auto stats = runOnce(); !stats)
      return stats.takeFailure();
    std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - begin;
    double after = measureFmaPeak(config.isa, config.threads, /*samples=*/1);
    double peak = 0.5 * (before + after);
    seconds.push_back(elapsed.count());
    peaks.push_back(peak);
    shares.push_back(flops / elapsed.count() / 1e9 / peak);
  }
  return Measurement{median(seconds), median(shares), median(peaks)};
}

int run(int argc, char **argv) {
  CLI::App app("Speed of f32 prefill on this CPU against its FMA peak");
  int64_t length = 1024, headDim = 0;
  int samples = 25;
  bool json = false;
  CompileOptions options;
  app.add_option("--length", length, "queries and keys")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--head-dim", headDim, "64 or 128; both if not given");
  app.add_option("--samples", samples, "samples of each case")
      ->check(CLI::Range(1, 10000));
  app.add_option("--tile-q", options.tileQ, "rows of a query tile");
  app.add_option("--tile-kv", options.tileKv, "rows of a key tile");
  app.add_flag("--json", json, "print one JSON object");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 1;
  }

  nlohmann::json report = nlohmann::json::array();
  spinCores(2, 3.0);
  for (Isa isa : {Isa::avx512, Isa::avx2}) {
    if (!isaSupported(isa))
      continue;
    const char *name = isa == Isa::avx512 ? "avx512" : "avx2";
    double clock = measureClockGHz(isa), peak = measureFmaPeak(isa, 1);
    double bound = clock * isaLanes(isa) * 2;
    if (!json)
      std::printf("%s: peak %.1f GFLOP/s on one core; clock %.2f GHz x %d "
                  "lanes x 2 = %.1f for each FMA port, %.2f ports busy\n",
                  name, peak, clock, isaLanes(isa), bound, peak / bound);
    report.push_back(
        {{"isa", name}, {"peak_gflops", peak}, {"clock_ghz", clock}});
    for (int threads : {1, 2}) {
      if (isa == Isa::avx2 && threads == 2)
        continue;
      for (int64_t dim : {64, 128})
        for (bool causal : {false, true}) {
          if (headDim != 0 && dim != headDim)
            continue;
          Configuration config{dim, length, causal, threads, isa, options};
          if (isa == Isa::avx2 && isaSupported(Isa::avx512))
            config.options.features = "-avx512f";
          Result<Measurement> result = measure(config, samples);
          if (!result) {
            std::fprintf(stderr, "attn-bench-cpu: %s\n",
                         result.error().c_str());
            return 1;
          }
          if (!json)
            std::printf("%-7s B1 H%d S%d D%-4d %-7s %d thread%s %8.2f ms  %5.1f "
                        "%% of %.1f GFLOP/s\n",
                        name, int(kHeads), int(length), int(dim),
                        causal ? "causal" : "full", threads,
                        threads == 1 ? " " : "s", result->seconds * 1e3,
                        result->shareOfPeak * 100, result->peak);
          std::fflush(stdout);
          report.push_back({{"isa", name},
                            {"head_dim", dim},
                            {"length", length},
                            {"causal", causal},
                            {"threads", threads},
                            {"median_s", result->seconds},
                            {"share_of_peak", result->shareOfPeak}});
        }
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
    std::fprintf(stderr, "attn-bench-cpu: %s\n", error.what());
    return 1;
  }
}
