//===- ProcessTest.cpp - Processes with and without a compiler ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ApiTestSupport.h"

#include <cstdio>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>

using namespace attn::test;

namespace {
struct Answer {
  int status = -1;
  std::string output;
};
} // namespace

/// Runs the probe in a process of its own.
static Answer probe(const std::string &cache, const std::string &jit,
                    const std::string &environment = "") {
  std::string command = "env -u ATTN_COMPILER_LIBRARY " + environment + " " +
                        ATTN_API_PROBE + " " + cache + " " + jit;
  Answer answer;
  FILE *pipe = popen(command.c_str(), "r");
  if (!pipe)
    return answer;
  char buffer[4096];
  for (size_t count; (count = fread(buffer, 1, sizeof(buffer), pipe)) > 0;)
    answer.output.append(buffer, count);
  int status = pclose(pipe);
  answer.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return answer;
}

static const char *const noCompiler = "ATTN_COMPILER_LIBRARY=/nonexistent";

TEST(ProcessTest, warmCacheNeedsNoCompiler) {
  TemporaryFolder cache;
  Answer cold = probe(cache.path, "allow");
  EXPECT_EQ(cold.status, 0);
  EXPECT_EQ(cold.output, "compiled 1, disk 0, LLVM loaded, right");
  for (const char *jit : {"never", "allow"}) {
    Answer warm = probe(cache.path, jit, noCompiler);
    EXPECT_EQ(warm.status, 0);
    EXPECT_EQ(warm.output, "compiled 0, disk 1, LLVM absent, right");
    warm = probe(cache.path, jit);
    EXPECT_EQ(warm.output, "compiled 0, disk 1, LLVM absent, right");
  }
}

TEST(ProcessTest, coldCacheWithoutCompiler) {
  TemporaryFolder cache;
  Answer never = probe(cache.path, "never", noCompiler);
  EXPECT_EQ(never.status, ATTN_ERROR_CACHE);
  EXPECT_EQ(never.output.find("cache error: the kernel is not in the cache"),
            0u)
      << never.output;
  never = probe(cache.path, "never");
  EXPECT_EQ(never.status, ATTN_ERROR_CACHE);

  Answer missing = probe(cache.path, "allow", noCompiler);
  EXPECT_EQ(missing.status, ATTN_ERROR_COMPILE);
  EXPECT_EQ(missing.output.find("compile error: the kernel is not in the "
                                "cache, and the compiler cannot be opened: "
                                "/nonexistent: cannot open shared object file"),
            0u)
      << missing.output;
  EXPECT_NE(missing.output.find("install libattn_compiler.so next to the "
                                "runtime, set ATTN_COMPILER_LIBRARY to its "
                                "path, or load a package"),
            std::string::npos);
}

TEST(ProcessTest, anotherLibraryIsNoCompiler) {
  TemporaryFolder cache;
  Answer other = probe(cache.path, "allow", "ATTN_COMPILER_LIBRARY=libm.so.6");
  EXPECT_EQ(other.status, ATTN_ERROR_COMPILE);
  EXPECT_NE(other.output.find("has no function attn_compiler_abi"),
            std::string::npos)
      << other.output;
}

TEST(ProcessTest, eightProcessesCompileOnce) {
  TemporaryFolder cache;
  std::vector<Answer> answers(8);
  std::vector<std::thread> threads;
  for (Answer &answer : answers)
    threads.emplace_back([&] { answer = probe(cache.path, "allow"); });
  for (std::thread &thread : threads)
    thread.join();
  int compiled = 0;
  for (const Answer &answer : answers) {
    EXPECT_EQ(answer.status, 0) << answer.output;
    compiled += answer.output.find("compiled 1") == 0;
  }
  EXPECT_EQ(compiled, 1);
}

/// A library that is opened into a program must not meddle with its symbols.
TEST(ProcessTest, exportsOfTheCompiler) {
  FILE *pipe = popen("nm -D --defined-only " ATTN_COMPILER_FILE, "r");
  ASSERT_TRUE(pipe);
  int functions = 0;
  char address[64], kind, name[8192];
  while (fscanf(pipe, "%63s %c %8191s", address, &kind, name) == 3) {
    std::string symbol = name;
    bool isInterface = symbol.rfind("attn_compiler_", 0) == 0;
    bool tellsTypesApart =
        kind == 'V' && (symbol.find("N4mlir6detail14TypeIDResolver") < 8 ||
                        symbol.find("N4llvm3Any6TypeId") < 8);
    EXPECT_TRUE(isInterface || tellsTypesApart) << kind << " " << symbol;
    functions += isInterface;
  }
  EXPECT_EQ(pclose(pipe), 0);
  EXPECT_EQ(functions, 5);
}
