//===- SharedLibraryTest.cpp - What libattn_runtime.so is -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include <cstdio>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <set>
#include <string>

namespace {
/// The last word of each line that a command prints.
std::set<std::string> lastWords(const std::string &command) {
  std::set<std::string> words;
  FILE *pipe = popen(command.c_str(), "r");
  char line[512];
  while (pipe && std::fgets(line, sizeof(line), pipe)) {
    std::string text = line;
    while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
      text.pop_back();
    words.insert(text.substr(text.rfind(' ') + 1));
  }
  EXPECT_EQ(pipe ? pclose(pipe) : -1, 0) << command;
  return words;
}

TEST(SharedLibrary, ExportsTheCApiOnly) {
  std::set<std::string> names =
      lastWords("nm -D --defined-only " ATTN_TEST_RUNTIME);
  EXPECT_TRUE(names.count("attn_version"));
  for (const std::string &name : names)
    EXPECT_EQ(name.rfind("attn_", 0), 0u) << name;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(SharedLibrary, NeedsTheStandardLibrariesOnly) {
  std::set<std::string> allowed = {"[libc.so.6]",
                                   "[libm.so.6]",
                                   "[libstdc++.so.6]",
                                   "[libgcc_s.so.1]",
                                   "[ld-linux-x86-64.so.2]",
                                   "[ld-linux-aarch64.so.1]"};
  for (const std::string &name :
       lastWords("readelf -dW " ATTN_TEST_RUNTIME " | grep '(NEEDED)'"))
    EXPECT_TRUE(allowed.count(name)) << name;
}
#endif

TEST(SharedLibrary, CanBeOpened) {
  void *handle = dlopen(ATTN_TEST_RUNTIME, RTLD_NOW | RTLD_LOCAL);
  ASSERT_TRUE(handle) << dlerror();
  auto version =
      reinterpret_cast<const char *(*)()>(dlsym(handle, "attn_version"));
  ASSERT_TRUE(version);
  EXPECT_STREQ(version(), ATTN_TEST_VERSION);
  dlclose(handle);
}
} // namespace
