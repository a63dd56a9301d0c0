//===- attn-run.cpp - Compile attention and run it ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles a module or takes it from the cache or a package, runs one of its
// functions, and says how fast that was and whether the result is right.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-run/Expected.h"
#include "tools/attn-run/GpuRun.h"
#include "tools/attn-run/Inputs.h"
#include "tools/attn-run/Options.h"
#include "tools/attn-run/PlotCommand.h"
#include "tools/attn-run/Report.h"
#include "tools/attn-run/Workload.h"

#include "attn/Runtime/Npy.h"
#include "attn/Runtime/Package.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

using namespace attn;
using namespace attn::tool;

namespace {
/// Code for the CPU, or on a GPU.
struct Executable {
  std::shared_ptr<const Module> module;
  std::shared_ptr<GpuDevice> gpu;
  std::shared_ptr<const GpuCode> gpuCode;
  std::string cache;
  double seconds = 0, backendSeconds = 0;

  const Manifest &manifest() const {
    return gpuCode ? gpuCode->module().manifest() : module->manifest();
  }
};
} // namespace

/// The entry to run: the one that is named, or the only one.
static Result<const ManifestEntry *> chooseEntry(const Manifest &manifest,
                                                 const RunOptions &options) {
  std::vector<std::string> names;
  for (const ManifestEntry &entry : manifest.entries)
    names.push_back("'" + entry.name + "'");
  if (names.empty())
    return failure("'" + options.module +
                   "' has no function with attn.attention or attn.combine");
  std::string inModule = "'" + options.module + "' has " + listOf(names);
  if (!options.function.empty()) {
    if (const ManifestEntry *entry = manifest.find(options.function))
      return entry;
    return failure("there is no function '" + options.function + "'; " +
                   inModule);
  }
  if (names.size() > 1)
    return failure("choose a function with --function=NAME; " + inModule);
  return &manifest.entries.front();
}

static std::vector<Argument> argumentsOf(const std::vector<Value> &values) {
  std::vector<Argument> arguments;
  for (const Value &value : values)
    arguments.push_back(value.argument);
  return arguments;
}

static int64_t bytesOf(const std::vector<Value> &values) {
  int64_t bytes = 0;
  for (const Value &value : values)
    bytes += value.bytes();
  return bytes;
}

/// Runs the call once untimed, then as often as asked.
static Status measure(const Module &module, const RunOptions &options,
                      const std::vector<Argument> &inputs,
                      const std::vector<Tensor> &outputs, Report &report) {
  Result<Call> bound = module.bind(report.function, inputs, outputs);
  if (!bound)
    return bound.takeFailure();
  Call &call = *bound;
  Result<std::unique_ptr<CpuDevice>> device =
      CpuDevice::create(options.threads);
  if (!device)
    return device.takeFailure();
  report.threads = (*device)->threads();
  AlignedBuffer workspace;
  report.workspaceBytes = call.workspaceBytes();
  if (Status status = workspace.reserve(report.workspaceBytes); !status)
    return failure("cannot allocate " + std::to_string(report.workspaceBytes) +
                   " bytes of workspace: " + status.error());
  for (int i = -1; i < options.repeat; ++i) {
    auto start = std::chrono::steady_clock::now();
    Result<RunStats> stats =
        (*device)->run(call, workspace.data(), report.workspaceBytes);
    std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - start;
    if (!stats)
      return stats.takeFailure();
    report.stats = *stats;
    if (i >= 0)
      report.seconds.push_back(elapsed.count());
  }
  return Status::success();
}

static Status print(const std::string &text) {
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
    return failure("cannot write to standard output");
  return Status::success();
}

/// Loads a package, which has been compiled already and holds no attn op.
static Result<Executable> loadPackage(std::string bytes,
                                      const RunOptions &options) {
  auto start = std::chrono::steady_clock::now();
  CompileOptions defaults;
  const CompileOptions &given = options.compile;
  if (given.algorithm != defaults.algorithm || !given.cpu.empty() ||
      !given.features.empty() || given.tileQ != 0 || given.tileKv != 0)
    return failure("'" + options.module +
                   "' is a package, which has been compiled already: "
                   "--algorithm, --cpu, --cpu-features, --tile-q and --tile-kv "
                   "are for modules in MLIR");
  if (options.check)
    return failure("'" + options.module +
                   "' is a package, which does not hold what the reference of "
                   "--check reads: run the module in MLIR");
  auto package =
      Package::fromBytes(std::move(bytes), "'" + options.module + "'");
  if (!package)
    return package.takeFailure();
  Executable executable;
  auto gpu = openGpu(options);
  if (!gpu)
    return gpu.takeFailure();
  if (*gpu) {
    auto code = loadOnGpu(**gpu, *package, options);
    if (!code)
      return code.takeFailure();
    executable.gpu = *std::move(gpu);
    executable.gpuCode = *std::move(code);
  } else {
    auto module = package->loadForHost();
    if (!module)
      return module.takeFailure();
    executable.module = *std::move(module);
  }
  std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - start;
  executable.cache = "package";
  executable.seconds = elapsed.count();
  return executable;
}

static Result<Executable> load(const std::string &text,
                               const RunOptions &options) {
  Executable executable;
  auto gpu = openGpu(options);
  if (!gpu)
    return gpu.takeFailure();
  CompileOptions compileOptions = options.compile;
  if (*gpu && compileOptions.target == "cpu")
    compileOptions.target =
        suggestedTarget((*gpu)->info().computeCapability).name();
  CacheOptions cacheOptions;
  cacheOptions.useDirectory = !options.noCache;
  cacheOptions.warn = [](const std::string &sentence) {
    std::fprintf(stderr, "attn-run: note: %s\n", sentence.c_str());
  };
  if (*gpu)
    cacheOptions.load = [&](const Package &package)
        -> Result<std::shared_ptr<const LoadedCode>> {
      auto code = loadOnGpu(**gpu, package, options);
      if (!code)
        return code.takeFailure();
      return std::shared_ptr<const LoadedCode>(*std::move(code));
    };
  auto loaded =
      compileAndLoad(text, options.module, compileOptions, Cache(cacheOptions));
  if (!loaded)
    return loaded.takeFailure();
  if (*gpu)
    executable.gpuCode = std::static_pointer_cast<const GpuCode>(loaded->code);
  else
    executable.module = std::static_pointer_cast<const Module>(loaded->code);
  executable.gpu = *std::move(gpu);
  executable.cache = loaded->cache;
  executable.seconds = loaded->seconds;
  executable.backendSeconds = loaded->times.backend;
  return executable;
}

/// Adds to the report what only the operation tells.
static Status describe(Workload &workload, const std::vector<Value> &inputs,
                       const ManifestEntry &entry, Report &report) {
  // Counting evaluates the mask, and finds accesses out of bounds before the
  // kernel makes them.
  Result<int64_t> flops = workload.flops(inputs);
  if (!flops)
    return flops.takeFailure();
  report.flops = *flops;
  report.totalTiles = workload.totalTiles(inputs, entry.tileQ, entry.tileKv);
  return Status::success();
}

/// An error if `flag` names more files than the entry has results.
static Status checkCount(const std::string &flag,
                         const std::vector<std::string> &files,
                         const ManifestEntry &entry) {
  size_t results = static_cast<size_t>(entry.numOutputs());
  if (files.size() <= results)
    return Status::success();
  return failure(flag + " has " + std::to_string(files.size()) +
                 " items, but '" + entry.name + "' has " +
                 std::to_string(results) +
                 (results == 1 ? " result" : " results"));
}

static Status run(const RunOptions &options) {
  Result<std::string> text = readInput(options.module);
  if (!text)
    return text.takeFailure();
  if (Status status = checkPlotFlags(options); !status)
    return status;
  if (options.shape)
    return plotShape(options, *text);
  bool isPackage = llvm::StringRef(*text).starts_with(packageMagic);
  Result<Executable> loaded =
      isPackage ? loadPackage(*text, options) : load(*text, options);
  if (!loaded)
    return loaded.takeFailure();
  Result<const ManifestEntry *> chosen =
      chooseEntry(loaded->manifest(), options);
  if (!chosen)
    return chosen.takeFailure();
  const ManifestEntry &entry = **chosen;

  if (Status status = checkCount("--outputs", options.outputs, entry); !status)
    return status;
  if (Status status = checkCount("--expect", options.expected, entry); !status)
    return status;
  Result<std::vector<Value>> inputs = makeInputs(entry, options.inputs);
  if (!inputs)
    return inputs.takeFailure();
  if (!options.plotMask.empty())
    return plotInputs(options, *text, entry.name, *inputs);
  Result<std::vector<Value>> outputs = makeOutputs(entry, argumentsOf(*inputs));
  if (!outputs)
    return outputs.takeFailure();
  Result<std::vector<Expected>> expected =
      loadExpected(entry, *outputs, options.expected);
  if (!expected)
    return expected.takeFailure();
  std::vector<Tensor> results;
  for (const Value &output : *outputs)
    results.push_back(*output.tensor());

  Report report;
  report.function = entry.name;
  report.device = options.device;
  report.target = loaded->gpu ? loaded->gpuCode->module().target().name()
                              : options.compile.target;
  report.cpu = loaded->gpu ? loaded->gpu->info().name : loaded->manifest().cpu;
  report.algorithm = entry.algorithm;
  report.tileQ = entry.tileQ;
  report.tileKv = entry.tileKv;
  report.compileSeconds = loaded->seconds;
  report.backendSeconds = loaded->backendSeconds;
  report.cache = loaded->cache;
  report.bytes = bytesOf(*inputs) + bytesOf(*outputs);
  std::unique_ptr<Workload> workload;
  if (!isPackage) {
    Result<std::unique_ptr<Workload>> made =
        Workload::create(*text, options.module, entry.name);
    if (!made)
      return made.takeFailure();
    workload = *std::move(made);
    if (Status status = describe(*workload, *inputs, entry, report); !status)
      return status;
  }
  Status measured =
      loaded->gpu ? measureOnGpu(loaded->gpu, *loaded->gpuCode, entry, *inputs,
                                 *outputs, options.repeat, report)
                  : measure(*loaded->module, options, argumentsOf(*inputs),
                            results, report);
  if (!measured)
    return measured;
  for (size_t i = 0; i < options.outputs.size(); ++i)
    if (!options.outputs[i].empty())
      if (Status status = saveNpy(options.outputs[i], results[i]); !status)
        return status;
  if (options.check) {
    Result<Check> check = workload->check(*inputs, entry, *outputs);
    if (!check)
      return check.takeFailure();
    report.check = *check;
  }
  report.differences = differences(*outputs, *expected, options.tolerance);
  if (Status status = print(options.json ? report.toJson() : report.toText());
      !status)
    return status;
  if (report.check && !report.check->passed())
    return failure("the result differs from the reference by more than the "
                   "criterion allows");
  auto passed = [](const Difference &difference) {
    return difference.passed();
  };
  if (!std::all_of(report.differences.begin(), report.differences.end(),
                   passed))
    return failure("a result differs from what --expect gives by more than "
                   "the tolerance");
  return Status::success();
}

int main(int argc, char **argv) {
  RunOptions options;
  CLI::App app("Compiles an attention kernel, runs it and measures it.",
               "attn-run");
  addRunFlags(app, options);
  if (std::optional<int> exitCode = parse(app, argc, argv))
    return *exitCode;
  return runBody(app, [&] { return run(options); });
}
