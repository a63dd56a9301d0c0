//===- CacheSupport.h - A compiler for tests of the cache -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_RUNTIME_CACHESUPPORT_H
#define ATTN_UNIT_RUNTIME_CACHESUPPORT_H

#include "TestSupport.h"
#include "attn/Runtime/Cache.h"
#include "attn/Runtime/Package.h"

#include <atomic>
#include <cstdio>
#include <functional>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace attn::test {

/// The object of a module with the one entry `kernel`.
inline const std::string &kernelObject() {
  static const std::string object =
      compilePayload(manifestCode(emptyEntry("kernel")) + emptyCode("kernel"));
  return object;
}

/// A package with it, and `padding` bytes of a kind that nobody loads.
inline std::string kernelPackage(const std::string &key, size_t padding = 0) {
  std::vector<PackagePayload> payloads = {
      {"object", manifestText(emptyEntry("kernel")), kernelObject()}};
  if (padding)
    payloads.push_back({"padding", "{}", std::string(padding, 'p')});
  return *writePackage("test", payloads, key);
}

/// Compiles to packages at once, and counts.
struct FakeCompiler {
  std::string key = "c0";
  size_t padding = 0;
  std::atomic<int> keys{0}, packages{0};

  CacheCompiler functions() {
    CacheCompiler compiler;
    compiler.contentKey = [this]() -> Result<std::string> {
      ++keys;
      return key;
    };
    compiler.package = [this]() -> Result<std::string> {
      ++packages;
      return kernelPackage(key, padding);
    };
    return compiler;
  }
};

/// A cache that counts warnings.
struct TestCache {
  explicit TestCache(const std::string &directory, int64_t maxBytes = 0)
      : cache(options(directory, maxBytes)) {}

  /// "cold", "disk" or "memory"; an error sentence otherwise.
  std::string get(const std::string &request, FakeCompiler &compiler) {
    auto result = cache.get(request, compiler.functions());
    if (!result)
      return result.error();
    EXPECT_TRUE(result->module()->manifest().find("kernel"));
    return cacheSourceName(result->source);
  }

  std::vector<std::string> warnings;
  Cache cache;

private:
  CacheOptions options(const std::string &directory, int64_t maxBytes) {
    CacheOptions options;
    options.directory = directory;
    options.maxBytes = maxBytes;
    options.warn = [this](const std::string &text) {
      warnings.push_back(text);
    };
    return options;
  }
};

/// Runs a test in a process of its own; true if all of its expectations held.
inline bool passesInChild(const std::function<void()> &body) {
  std::fflush(nullptr);
  pid_t child = fork();
  if (child == 0) {
    body();
    std::fflush(nullptr);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child &&
         WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

} // namespace attn::test

#endif // ATTN_UNIT_RUNTIME_CACHESUPPORT_H
