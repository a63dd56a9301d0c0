//===- CpuDeviceTest.cpp - Running calls on the CPU -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/CpuDevice.h"
#include "TestSupport.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <thread>

using namespace attn;
using namespace attn::test;

namespace {
// squares: output[i] = i * i, then output[i] += 1 in a second launch that
// needs more scratch memory. Both count tiles. order: notes the sequence in
// which work starts, through a counter in the workspace.
const char *code = R"(
typedef struct { void *allocated; char *aligned; int64_t offset, size, stride; }
  Descriptor;
static int64_t *elements(void *const *args, int i) {
  return (int64_t *)((Descriptor *)args[i])->aligned;
}
static void square(void *const *args, int64_t i, void *arena) {
  ((int64_t *)arena)[0] += 1;
  ((char *)arena)[4095] = 1;
  elements(args, 1)[i] = i * i;
}
static void increment(void *const *args, int64_t i, void *arena) {
  ((int64_t *)arena)[1] += 2;
  ((char *)arena)[3 * 1024 * 1024 - 1] = 1;
  elements(args, 1)[i] += 1;
}
void squares(const attn_cpu_host *host, void *const *args) {
  int64_t n = *(const int64_t *)args[0];
  host->launch(host->self, square, args, n, 4096);
  host->launch(host->self, increment, args, n, 3 * 1024 * 1024);
}
int64_t squares_workspace(void *const *args) { return 0; }

static void note(void *const *args, int64_t i, void *arena) {
  elements(args, 1)[i] =
      __atomic_fetch_add(elements(args, 2), 1, __ATOMIC_RELAXED);
}
void order(const attn_cpu_host *host, void *const *args) {
  *elements(args, 2) = 0;
  host->launch(host->self, note, args, *(const int64_t *)args[0], 0);
}
int64_t order_workspace(void *const *args) { return 8; }

void bad(const attn_cpu_host *host, void *const *args) {
  host->launch(host->self, square, args, 1, *(const int64_t *)args[0]);
  host->launch(host->self, square, args, 1, 0);
}
int64_t bad_workspace(void *const *args) { return 0; }
)";

std::string entry(const std::string &name) {
  return "{\"name\": \"" + name +
         "\", \"algorithm\": \"\", \"tile_q\": 1, \"tile_kv\": 1, "
         "\"arguments\": [{\"name\": \"n\", \"role\": \"input\", \"type\": "
         "\"index\"}, {\"name\": \"out\", \"role\": \"output\", \"type\": "
         "\"i64\", \"shape\": [1000]}], \"dims\": []}";
}

class CpuDeviceTest : public testing::TestWithParam<int> {
protected:
  static void SetUpTestSuite() {
    std::string payload =
        compilePayload(manifestCode(entry("squares") + "," + entry("order") +
                                    "," + entry("bad")) +
                       code);
    auto loaded = Module::loadFromMemory(payload);
    ASSERT_TRUE(loaded) << loaded.error();
    module = *loaded;
  }
  static void TearDownTestSuite() { module.reset(); }
  void SetUp() override {
    auto made = CpuDevice::create(GetParam());
    ASSERT_TRUE(made) << made.error();
    device = *std::move(made);
    ASSERT_TRUE(workspace.reserve(64));
  }
  Call bind(const char *name, int64_t n, std::vector<int64_t> &out) {
    auto call = module->bind(name, {Scalar::index(n)},
                             {Tensor(out.data(), ElementType::i64, {1000})});
    EXPECT_TRUE(call) << call.error();
    return *std::move(call);
  }

  static std::shared_ptr<const Module> module;
  std::unique_ptr<CpuDevice> device;
  std::vector<int64_t> output = std::vector<int64_t>(1000, -1);
  AlignedBuffer workspace;
};
std::shared_ptr<const Module> CpuDeviceTest::module;

TEST_P(CpuDeviceTest, RunsEveryUnitOfWorkOnce) {
  for (int64_t n : {0, 1, 2, 999, 1000}) {
    std::fill(output.begin(), output.end(), -1);
    Call call = bind("squares", n, output);
    for (int repeat = 0; repeat < 20; ++repeat) {
      auto stats = device->run(call, nullptr, 0);
      ASSERT_TRUE(stats) << stats.error();
      EXPECT_EQ(stats->launches, 2);
      EXPECT_EQ(stats->workItems, 2 * n);
      EXPECT_EQ(stats->partialTiles, n);
      EXPECT_EQ(stats->fullTiles, 2 * n);
      if (n > 0) {
        EXPECT_EQ(stats->arenaBytes, int64_t(device->threads()) * (4 << 20));
      }
    }
    for (int64_t i = 0; i < 1000; ++i)
      ASSERT_EQ(output[size_t(i)], i < n ? i * i + 1 : -1) << i;
  }
}

TEST_P(CpuDeviceTest, StartsWorkInOrder) {
  Call call = bind("order", 1000, output);
  EXPECT_EQ(call.workspaceBytes(), 8);
  auto stats = device->run(call, workspace.data(), workspace.size());
  ASSERT_TRUE(stats) << stats.error();
  if (device->threads() == 1) {
    EXPECT_TRUE(std::is_sorted(output.begin(), output.end()));
  }
  std::sort(output.begin(), output.end());
  for (int64_t i = 0; i < 1000; ++i)
    ASSERT_EQ(output[size_t(i)], i);
}

TEST_P(CpuDeviceTest, ChecksTheWorkspace) {
  Call call = bind("order", 1000, output);
  auto small = device->run(call, workspace.data(), 7);
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error(), "the workspace of 'order' has 7 bytes, expected 8");
  EXPECT_FALSE(device->run(call, nullptr, 8));
  EXPECT_FALSE(device->run(call, static_cast<char *>(workspace.data()) + 8, 8));
}

TEST_P(CpuDeviceTest, ReportsFailedLaunchesAndGoesOn) {
  for (int64_t bytes : {int64_t(-1), INT64_MAX, int64_t(1) << 60}) {
    Call call = bind("bad", bytes, output);
    EXPECT_FALSE(device->run(call, nullptr, 0)) << bytes;
  }
  EXPECT_EQ(output[0], -1) << "a launch after a failed one ran";
  Call call = bind("squares", 10, output);
  auto stats = device->run(call, nullptr, 0);
  ASSERT_TRUE(stats) << stats.error();
  EXPECT_EQ(stats->partialTiles, 10);
}

TEST_P(CpuDeviceTest, ServesSeveralThreads) {
  std::vector<std::vector<int64_t>> outputs(4, output);
  std::vector<std::thread> callers;
  for (std::vector<int64_t> &out : outputs)
    callers.emplace_back([&] {
      Call call = bind("squares", 1000, out);
      for (int repeat = 0; repeat < 10; ++repeat)
        EXPECT_TRUE(device->run(call, nullptr, 0));
    });
  for (std::thread &caller : callers)
    caller.join();
  for (const std::vector<int64_t> &out : outputs)
    EXPECT_EQ(out[999], 999 * 999 + 1);
}

INSTANTIATE_TEST_SUITE_P(Threads, CpuDeviceTest, testing::Values(1, 2, 5),
                         testing::PrintToStringParamName());

TEST(CpuDevice, ChecksTheNumberOfThreads) {
  EXPECT_FALSE(CpuDevice::create(-1));
  EXPECT_FALSE(CpuDevice::create(1000000));
  auto all = CpuDevice::create();
  ASSERT_TRUE(all) << all.error();
  EXPECT_GE((*all)->threads(), 1);
}

TEST(AlignedBuffer, GrowsAndAligns) {
  AlignedBuffer buffer;
  EXPECT_EQ(buffer.data(), nullptr);
  ASSERT_TRUE(buffer.reserve(1));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 4096, 0u);
  void *before = buffer.data();
  ASSERT_TRUE(buffer.reserve(buffer.size()));
  EXPECT_EQ(buffer.data(), before);
  ASSERT_TRUE(buffer.reserve(3 << 20));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % (2 << 20), 0u);
  EXPECT_FALSE(buffer.reserve(INT64_MAX));
  EXPECT_FALSE(buffer.reserve(-1));
  EXPECT_GE(buffer.size(), 3 << 20);
}
} // namespace
