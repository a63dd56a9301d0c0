//===- ApiProbe.cpp - One process that asks for one kernel ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: attn_api_probe CACHE allow|never
//
// Compiles a kernel, runs it, and prints the counters of the engine and whether
// LLVM is in the process; or prints the error and exits with its class.
//
//===----------------------------------------------------------------------===//

#include "ApiTestSupport.h"

#include <cstdio>
#include <cstring>
#include <fstream>

using namespace attn;
using namespace attn::test;

static bool isLoaded(const char *library) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find(library) != std::string::npos)
      return true;
  return false;
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 100;
  Options options;
  options.cacheDirectory = argv[1];
  options.jit = std::strcmp(argv[2], "never") == 0 ? Jit::Never : Jit::Allow;
  options.threads = 1;
  Engine engine(cpu(), options);
  Problem problem{Shape()};
  Result<Kernel> kernel = engine.compile(makeSpec(problem.shape));
  if (!kernel) {
    std::printf("%s", kernel.error().text().c_str());
    return static_cast<int>(kernel.error().kind());
  }
  if (!(*kernel)({problem.q(), problem.k(), problem.v()}, {problem.o()}))
    return 101;
  double difference = compareWithNaive(
      problem, [](double score, int64_t, int64_t, int64_t) { return score; });
  Stats stats = engine.stats();
  std::printf("compiled %d, disk %d, LLVM %s, %s", int(stats.compiled),
              int(stats.diskHits), isLoaded("libLLVM") ? "loaded" : "absent",
              difference < 1e-5 ? "right" : "wrong");
  return 0;
}
