//===- main.cpp - attn_conformance ----------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the conformance cases on the emulator or on a GPU. It needs no part of
// CUDA but the driver, so that the built program can be carried to any Linux
// machine with a GPU.
//
//===----------------------------------------------------------------------===//

#include "Vectors.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <unistd.h>

using namespace attn;
using namespace attn::conformance;

namespace {
struct Options {
  std::string device = "emulator", filter, write, check, ptx;
  bool list = false, compare = false, isa = false;
};

int complain(const std::string &sentence) {
  std::fprintf(stderr, "attn_conformance: error: %s\n", sentence.c_str());
  return 1;
}
} // namespace

static Result<std::unique_ptr<Device>> makeDevice(const std::string &name) {
  if (name == "cuda")
    return makeCudaDevice();
  return makeEmulatorDevice();
}

static int list(const Options &options) {
  for (const Case *one : casesCalled(options.filter))
    std::printf("%-8s %s\n", one->target.name().c_str(), one->name.c_str());
  return 0;
}

static int printPtx(const Options &options) {
  for (const Case &one : allCases())
    if (one.name == options.ptx) {
      std::fputs(one.make().ptx.c_str(), stdout);
      return 0;
    }
  return complain("there is no case '" + options.ptx +
                  "'; --list shows them all");
}

/// What the PTX ISA tells, where a case knows it.
static size_t compareWithIsa(Device &device, const Options &options) {
  size_t differing = 0, compared = 0;
  for (const Case *one : casesCalled(options.filter)) {
    if (!one->target.runsOn(device.info().computeCapability))
      continue;
    Problem problem = one->make();
    Result<std::string> output = device.run(*one, problem);
    if (!output) {
      ++differing;
      std::printf("%s: %s\n", one->name.c_str(), output.error().c_str());
      continue;
    }
    if (!problem.expected)
      continue;
    ++compared;
    Comparison comparison = compare(problem, problem.expected(), *output,
                                    "the PTX ISA", device.info().name);
    if (comparison.differing) {
      ++differing;
      std::printf("%s: %zu of %zu elements differ, first %s\n",
                  one->name.c_str(), comparison.differing, comparison.elements,
                  comparison.first.c_str());
    } else if (comparison.worstUlps > 0 || comparison.worstAbsolute > 0) {
      std::printf("%s: at most %.3g ulp or %.3g apart\n", one->name.c_str(),
                  comparison.worstUlps, comparison.worstAbsolute);
    }
  }
  std::printf("%zu cases compared with the PTX ISA, %zu differ or failed\n",
              compared, differing);
  return differing;
}

static size_t report(const Result<Replay> &replay, const Vectors &vectors,
                     const std::string &name) {
  if (!replay) {
    complain(replay.error());
    return 1;
  }
  for (const std::string &difference : replay->differences)
    std::printf("%s\n", difference.c_str());
  std::printf("%zu cases of %s (%s, compute capability %d.%d, driver %s) "
              "compared with %s: %zu differ, %zu failed there, %zu are not "
              "among them\n",
              replay->compared, vectors.device.name.c_str(),
              vectors.date.c_str(), vectors.device.computeCapability / 10,
              vectors.device.computeCapability % 10,
              vectors.device.driver.c_str(), name.c_str(),
              replay->differences.size(), replay->failedThere,
              replay->missing.size());
  return replay->differences.size();
}

static int run(const Options &options) {
  if (casesCalled(options.filter).empty())
    return complain("no case has '" + options.filter +
                    "' in its name; --list shows them all");
  Result<std::unique_ptr<Device>> device = makeDevice(options.device);
  if (!device)
    return complain(device.error());
  size_t wrong = 0;
  if (!options.check.empty()) {
    Result<Vectors> vectors = readVectors(options.check);
    if (!vectors)
      return complain(vectors.error());
    wrong += report(replay(*vectors, **device, options.filter), *vectors,
                    (*device)->info().name);
  }
  if (options.isa)
    wrong += compareWithIsa(**device, options);
  if (!options.write.empty() || options.compare) {
    auto begin = std::chrono::steady_clock::now();
    auto progress = [](const Case &one) {
      if (isatty(STDERR_FILENO))
        std::fprintf(stderr, "\r\033[K%s", one.name.c_str());
    };
    Vectors vectors = record(**device, casesCalled(options.filter), progress);
    if (isatty(STDERR_FILENO))
      std::fprintf(stderr, "\r\033[K");
    size_t failed = 0;
    for (const Vector &vector : vectors.vectors)
      if (vector.failed) {
        ++failed;
        std::printf("%s: failed: %s\n", vector.name.c_str(),
                    vector.bytes.c_str());
      }
    double seconds = std::chrono::duration<double>(
                         std::chrono::steady_clock::now() - begin)
                         .count();
    std::printf("%zu cases ran on %s in %.1f s, %zu failed\n",
                vectors.vectors.size(), vectors.device.name.c_str(), seconds,
                failed);
    wrong += failed;
    if (!options.write.empty()) {
      std::string path = options.write;
      if (path.back() == '/')
        path += fileNameFor(vectors.device);
      if (Status status = writeVectors(path, vectors); !status)
        return complain(status.error());
      std::printf("written: %s\n", path.c_str());
    }
    if (options.compare) {
      std::unique_ptr<Device> emulator = makeEmulatorDevice();
      wrong += report(replay(vectors, *emulator), vectors,
                      emulator->info().name);
    }
  }
  return wrong ? 1 : 0;
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Runs small kernels whose results are known on a GPU or on the "
               "emulator, and compares. Exits with 1 if anything differs or "
               "fails.",
               "attn_conformance");
  app.add_option("--device", options.device, "emulator or cuda")
      ->check(CLI::IsMember({"emulator", "cuda"}))
      ->capture_default_str();
  app.add_option("--filter", options.filter, "only cases with this in the name");
  app.add_option("--write", options.write,
                 "run the cases and write golden vectors to this file; a "
                 "name that ends in / is a folder, and the file is named "
                 "after the device");
  app.add_option("--check", options.check,
                 "compare the device with the golden vectors in this file");
  app.add_flag("--compare", options.compare,
               "run the cases and compare with the emulator");
  app.add_flag("--isa", options.isa,
               "compare with what the PTX ISA says, where that is known");
  app.add_flag("--list", options.list, "list the cases and their targets");
  app.add_option("--ptx", options.ptx, "print the PTX of a case");
  CLI11_PARSE(app, argc, argv);
  if (options.list)
    return list(options);
  if (!options.ptx.empty())
    return printPtx(options);
  if (options.write.empty() && options.check.empty() && !options.compare &&
      !options.isa)
    return complain("nothing to do: give --write, --check, --compare, --isa, "
                    "--list or --ptx");
  return run(options);
}
