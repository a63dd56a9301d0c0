//===- CpuPrefill.cpp - Speed of prefill against the FMA peak -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Times attention with 8 heads at several head dimensions. Every sample lies
// between two samples of the peak; the share of the peak is the median over
// samples. Each sample with two threads follows one with one thread, for the
// ratio of the two. Of the peak itself it says how many FMA ports it keeps busy
// at the clock of that moment: a whole number, or the peak is not one.
//
//   attn-bench-cpu [--length=1024] [--head-dim=64] [--isa=avx512] [--threads=1]
//     [--type=bf16] [--window=1024] [--peak=dot]
//
//===----------------------------------------------------------------------===//

#include "Peak.h"
#include "attn/Engine/Compiler.h"
#include "attn/Runtime/CpuDevice.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
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
  /// Instructions whose peak is the yardstick.
  Isa peakIsa;
  ElementType type;
  /// Keys that a query sees, its own included; 0: all, or all up to its own.
  int64_t window;
  CompileOptions options;
};

struct Measurement {
  double seconds, shareOfPeak, bestShare, peak, portsBusy, speedup;
};

std::string makeModule(const Configuration &config) {
  std::string type = "tensor<?x8x?x" + std::to_string(config.headDim) + "x" +
                     elementTypeName(config.type) + ">";
  std::string mask;
  if (config.window != 0)
    mask = " mask(#attn.window<left = " + std::to_string(config.window - 1) +
           ", right = 0>)";
  else if (config.causal)
    mask = " mask(#attn.causal)";
  return "func.func @f(%q: " + type + ", %k: " + type + ", %v: " + type +
         ") -> " + type + " {\n  %o = attn.attention %q, %k, %v" + mask +
         " : (" + type + ", " + type + ", " + type + ") -> " + type +
         "\n  return %o : " + type + "\n}\n";
}

/// The value that a fraction `q` of the values is below.
double quantile(std::vector<double> values, double q) {
  size_t n = std::min(values.size() - 1, size_t(q * double(values.size())));
  std::nth_element(values.begin(), values.begin() + n, values.end());
  return values[n];
}

/// Stores a number as f32, f16 or bf16 (rounded to zero).
void storeAs(ElementType type, char *at, float value) {
  if (type == ElementType::f16) {
    auto half = static_cast<_Float16>(value);
    std::memcpy(at, &half, sizeof(half));
  } else {
    // A bf16 is the upper half of an f32.
    bool isHalf = type == ElementType::bf16;
    std::memcpy(at, reinterpret_cast<char *>(&value) + (isHalf ? 2 : 0),
                elementBytes(type));
  }
}

Result<Measurement> measure(const Configuration &config, int samples) {
  std::string text = makeModule(config);
  Result<LoadedModule> loaded =
      compileAndLoad(text, "bench.mlir", config.options, Cache());
  if (!loaded)
    return loaded.takeFailure();
  auto device = CpuDevice::create(config.threads);
  if (!device)
    return device.takeFailure();
  auto oneThread = CpuDevice::create(1);
  if (!oneThread)
    return oneThread.takeFailure();

  std::vector<int64_t> shape = {1, kHeads, config.length, config.headDim};
  int64_t count = kHeads * config.length * config.headDim;
  std::vector<AlignedBuffer> buffers(4);
  std::vector<Tensor> tensors;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (AlignedBuffer &buffer : buffers) {
    int64_t bytes = elementBytes(config.type);
    if (Status status = buffer.reserve(count * bytes); !status)
      return status.takeFailure();
    for (int64_t n = 0; n < count; ++n)
      storeAs(config.type, static_cast<char *>(buffer.data()) + n * bytes,
              normal(random));
    tensors.emplace_back(buffer.data(), config.type, shape);
  }
  auto module = std::static_pointer_cast<const Module>(loaded->code);
  auto call =
      module->bind("f", {tensors[0], tensors[1], tensors[2]}, {tensors[3]});
  if (!call)
    return call.takeFailure();

  double length = double(config.length), window = double(config.window);
  double pairs = length * length;
  if (config.window != 0 && config.window < config.length)
    pairs = window * (length - window) + 0.5 * window * (window + 1);
  else if (config.causal || config.window != 0)
    pairs = 0.5 * length * (length + 1);
  double flops = 4.0 * kHeads * pairs * double(config.headDim);
  auto time = [&](CpuDevice &device) -> Result<double> {
    auto begin = std::chrono::steady_clock::now();
    if (auto stats = device.run(*call, nullptr, 0); !stats)
      return stats.takeFailure();
    std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - begin;
    return elapsed.count();
  };
  for (CpuDevice *warmUp : {device->get(), oneThread->get()})
    if (auto seconds = time(*warmUp); !seconds)
      return seconds.takeFailure();

  PeakSampler sampler(config.peakIsa, config.threads);
  std::vector<double> seconds, shares, peaks, ports, speedups;
  for (int sample = 0; sample < samples; ++sample) {
    auto single = time(**oneThread);
    if (!single)
      return single.takeFailure();
    double before = sampler.samplePeak();
    auto elapsed = time(**device);
    if (!elapsed)
      return elapsed.takeFailure();
    double after = sampler.samplePeak();
    double clock = sampler.sampleClock();
    double peak = 0.5 * (before + after);
    ports.push_back(after /
                    (clock * 2 * isaLanes(config.peakIsa) * config.threads));
    seconds.push_back(*elapsed);
    speedups.push_back(*single / *elapsed);
    peaks.push_back(peak);
    shares.push_back(flops / *elapsed / 1e9 / peak);
  }
  return Measurement{quantile(seconds, 0.5), quantile(shares, 0.5),
                     quantile(shares, 0.9),  quantile(peaks, 0.5),
                     quantile(ports, 0.5),   quantile(speedups, 0.5)};
}

int run(int argc, char **argv) {
  CLI::App app("Speed of prefill on this CPU against its peak");
  int64_t length = 1024, headDim = 0;
  int samples = 25, onlyThreads = 0;
  int64_t window = 0;
  std::string isaName, typeName = "f32", peakName = "fma";
  bool json = false;
  CompileOptions options;
  app.add_option("--length", length, "queries and keys")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--head-dim", headDim, "64 or 128; both if not given");
  app.add_option("--isa", isaName, "avx512 or avx2; both if not given")
      ->check(CLI::IsMember({"avx512", "avx2"}));
  app.add_option("--threads", onlyThreads, "1 or 2; both if not given")
      ->check(CLI::Range(1, 2));
  app.add_option("--samples", samples, "samples of each case")
      ->check(CLI::Range(1, 10000));
  app.add_option("--type", typeName, "element type")
      ->check(CLI::IsMember({"f32", "bf16", "f16"}));
  app.add_option("--peak", peakName,
                 "what the share refers to: fma, or dot (AVX-512 BF16)")
      ->check(CLI::IsMember({"fma", "dot"}));
  app.add_option("--cpu", options.cpu, "LLVM's name of a CPU to compile for");
  app.add_option("--cpu-features", options.features,
                 "LLVM's features, \"+a,-b\"");
  app.add_option("--window", window,
                 "keys that a causal case sees, the query's own included")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--tile-q", options.tileQ, "rows of a query tile");
  app.add_option("--tile-kv", options.tileKv, "rows of a key tile");
  app.add_flag("--json", json, "print one JSON object");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 1;
  }

  if (peakName == "dot" && !isaSupported(Isa::avx512bf16)) {
    std::fprintf(stderr, "attn-bench-cpu: --peak=dot, but this CPU has no "
                         "AVX-512 BF16\n");
    return 1;
  }

  nlohmann::json report = nlohmann::json::array();
  // An idle virtual core may take seconds to reach its clock.
  spinCores(onlyThreads == 1 ? 1 : 2, onlyThreads == 1 ? 0.5 : 3.0);
  for (Isa isa : {Isa::avx512, Isa::avx2}) {
    if (!isaSupported(isa))
      continue;
    const char *name = isa == Isa::avx512 ? "avx512" : "avx2";
    if (!isaName.empty() && isaName != name)
      continue;
    for (int threads : {1, 2}) {
      if (onlyThreads != 0 && threads != onlyThreads)
        continue;
      for (int64_t dim : {64, 128})
        for (bool causal : {false, true}) {
          if (headDim != 0 && dim != headDim)
            continue;
          Configuration config{dim,
                               length,
                               causal,
                               threads,
                               isa,
                               peakName == "dot" ? Isa::avx512bf16 : isa,
                               *parseElementType(typeName),
                               causal ? window : 0,
                               options};
          if (isa == Isa::avx2 && isaSupported(Isa::avx512))
            config.options.features += ",-avx512f";
          Result<Measurement> result = measure(config, samples);
          if (!result) {
            std::fprintf(stderr, "attn-bench-cpu: %s\n",
                         result.error().c_str());
            return 1;
          }
          if (!json)
            std::printf(
                "%-7s %-4s B1 H%d S%d D%-4d %-7s %d thread%s %8.2f ms  %5.1f "
                "%% of %.1f GFLOP/s (9 of 10 below %.1f %%), peak loop "
                "keeps %.2f ports busy, %.2f times one thread\n",
                name, typeName.c_str(), int(kHeads), int(length), int(dim),
                !causal       ? "full"
                : window != 0 ? "window"
                              : "causal",
                threads, threads == 1 ? " " : "s", result->seconds * 1e3,
                result->shareOfPeak * 100, result->peak,
                result->bestShare * 100, result->portsBusy, result->speedup);
          std::fflush(stdout);
          report.push_back({{"isa", name},
                            {"type", typeName},
                            {"peak", peakName},
                            {"window", causal ? window : 0},
                            {"head_dim", dim},
                            {"length", length},
                            {"causal", causal},
                            {"threads", threads},
                            {"median_s", result->seconds},
                            {"share_of_peak", result->shareOfPeak},
                            {"share_of_peak_p90", result->bestShare},
                            {"peak_gflops", result->peak},
                            {"peak_ports_busy", result->portsBusy},
                            {"times_one_thread", result->speedup}});
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
