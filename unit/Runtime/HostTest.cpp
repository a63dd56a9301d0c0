//===- HostTest.cpp - CPU features ----------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Host.h"

#include <gtest/gtest.h>
#include <set>

using namespace attn;

namespace {
TEST(Host, KnowsEachFeatureOnce) {
  std::set<std::string_view> names(knownCpuFeatures().begin(),
                                   knownCpuFeatures().end());
  EXPECT_EQ(names.size(), knownCpuFeatures().size());
  EXPECT_FALSE(hostHasFeature("no-such"));
  EXPECT_FALSE(hostHasFeature(""));
}

#if defined(__x86_64__)
// The compiler's own answer, where it has one.
TEST(Host, AgreesWithTheCompiler) {
  __builtin_cpu_init();
#define EXPECT_SAME(name)                                                      \
  EXPECT_EQ(hostHasFeature(name), __builtin_cpu_supports(name) != 0) << name
  EXPECT_SAME("sse");
  EXPECT_SAME("sse2");
  EXPECT_SAME("sse3");
  EXPECT_SAME("ssse3");
  EXPECT_SAME("sse4.1");
  EXPECT_SAME("sse4.2");
  EXPECT_SAME("sse4a");
  EXPECT_SAME("popcnt");
  EXPECT_SAME("movbe");
  EXPECT_SAME("lzcnt");
  EXPECT_SAME("bmi");
  EXPECT_SAME("bmi2");
  EXPECT_SAME("tbm");
  EXPECT_SAME("gfni");
  EXPECT_SAME("avx");
  EXPECT_SAME("f16c");
  EXPECT_SAME("fma");
  EXPECT_SAME("fma4");
  EXPECT_SAME("xop");
  EXPECT_SAME("avx2");
  EXPECT_SAME("avxvnni");
  EXPECT_SAME("avx512f");
  EXPECT_SAME("avx512dq");
  EXPECT_SAME("avx512ifma");
  EXPECT_SAME("avx512cd");
  EXPECT_SAME("avx512bw");
  EXPECT_SAME("avx512vl");
  EXPECT_SAME("avx512vbmi");
  EXPECT_SAME("avx512vbmi2");
  EXPECT_SAME("avx512vnni");
  EXPECT_SAME("avx512bitalg");
  EXPECT_SAME("avx512vpopcntdq");
  EXPECT_SAME("avx512vp2intersect");
  EXPECT_SAME("avx512bf16");
  EXPECT_SAME("avx512fp16");
#undef EXPECT_SAME
}
#endif

TEST(Host, NamesWhatIsMissing) {
  EXPECT_TRUE(checkHostFeatures({}, "any"));
  std::vector<std::string> present;
  for (std::string_view name : knownCpuFeatures())
    if (hostHasFeature(name))
      present.emplace_back(name);
  EXPECT_TRUE(checkHostFeatures(present, "this"));
  EXPECT_NE(hostIdentity().find(present.front()), std::string::npos);
  Status status = checkHostFeatures({"z", present.front(), "y", "x"}, "future");
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().find("(" + hostCpuName() +
                                ") lacks x, y and z, which code for 'future'"),
            std::string::npos)
      << status.error();
}
} // namespace
