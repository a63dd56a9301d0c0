//===- HooksTest.cpp - Threads and memory of the host program -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"
#include "attn/Runtime/CpuDevice.h"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <thread>

using namespace attn;
using namespace attn::test;

namespace {
// Sets output[i] = i + 1.
const char *code = R"(
static void count(void *const *args, int64_t i, void *arena) {
  ((int64_t *)arena)[0] += 1;
  ((int64_t **)args[1])[1][i] = i + 1;
}
void f(const attn_cpu_host *host, void *const *args) {
  host->launch(host->self, count, args, *(const int64_t *)args[0], 4096);
}
int64_t f_workspace(void *const *args) { return 0; }
)";

const char *entry =
    "{\"name\": \"f\", \"algorithm\": \"\", \"tile_q\": 1, \"tile_kv\": 1, "
    "\"arguments\": [{\"name\": \"n\", \"role\": \"input\", \"type\": "
    "\"index\"}, {\"name\": \"out\", \"role\": \"output\", \"type\": "
    "\"i64\", \"shape\": [100]}], \"dims\": []}";

class Hooks : public testing::Test {
protected:
  void SetUp() override {
    auto loaded =
        Module::loadFromMemory(compilePayload(manifestCode(entry) + code));
    ASSERT_TRUE(loaded) << loaded.error();
    module = *loaded;
    options.threads = 4;
  }
  /// The number of units that ran, or the error.
  std::string run(int64_t n = 100) {
    auto device = CpuDevice::create(options);
    if (!device)
      return device.error();
    auto call = module->bind("f", {Scalar::index(n)},
                             {Tensor(output, ElementType::i64, {100})});
    EXPECT_TRUE(call) << call.error();
    std::string text;
    for (int repeat = 0; repeat < 3; ++repeat) {
      std::fill(output, output + 100, 0);
      auto stats = (*device)->run(*call, nullptr, 0);
      if (!stats)
        return stats.error();
      for (int64_t i = 0; i < n; ++i)
        EXPECT_EQ(output[i], i + 1);
      text = std::to_string(stats->partialTiles);
    }
    return text;
  }
  void useHook(void (*hook)(void *self, void (*body)(void *, int64_t),
                            void *arg, int64_t count)) {
    options.parallelFor.run = hook;
    options.parallelFor.self = this;
  }

  std::shared_ptr<const Module> module;
  CpuDeviceOptions options;
  int64_t output[100] = {};

public:
  // What the hooks count.
  std::atomic<int64_t> calls{0};
  std::atomic<int64_t> bytes{0};
};

TEST_F(Hooks, RunOnThreadsOfTheHost) {
  useHook(
      [](void *self, void (*body)(void *, int64_t), void *arg, int64_t count) {
        static_cast<Hooks *>(self)->calls += count;
        std::vector<std::thread> threads;
        for (int64_t i = 0; i < count; ++i)
          threads.emplace_back([=] { body(arg, i); });
        for (std::thread &thread : threads)
          thread.join();
      });
  EXPECT_EQ(run(), "100");
  EXPECT_EQ(calls, 3 * 4);
  EXPECT_EQ(run(2), "2");
  EXPECT_EQ(calls, 3 * 4 + 3 * 2);
  options.threads = 1;
  EXPECT_EQ(run(), "100");
  EXPECT_EQ(calls, 3 * 4 + 3 * 2) << "one thread is the caller's own";
}

TEST_F(Hooks, RunInAnyOrder) {
  useHook([](void *, void (*body)(void *, int64_t), void *arg, int64_t count) {
    while (count-- > 0)
      body(arg, count);
  });
  EXPECT_EQ(run(), "100");
}

TEST_F(Hooks, ReportHooksThatLeaveCallsOut) {
  useHook([](void *, void (*body)(void *, int64_t), void *arg, int64_t) {
    body(arg, 2);
  });
  EXPECT_EQ(run(), "'f' failed: parallelFor ran 1 of 4 calls; it must make "
                   "every call and return after the last");
}

TEST_F(Hooks, IgnoreCallsThatAreTooMany) {
  useHook([](void *, void (*body)(void *, int64_t), void *arg, int64_t count) {
    for (int64_t i = -2; i < count + 2; ++i) {
      body(arg, i);
      body(arg, i);
    }
  });
  EXPECT_EQ(run(), "100");
}

// Two threads in the same call would share an arena.
TEST_F(Hooks, CountEachCallOnce) {
  useHook([](void *, void (*body)(void *, int64_t), void *arg, int64_t count) {
    while (count-- > 0)
      body(arg, 0);
  });
  EXPECT_NE(run().find("parallelFor ran 1 of 4 calls"), std::string::npos);
}

TEST_F(Hooks, AllocateArenas) {
  options.allocator.self = this;
  options.allocator.allocate = [](void *self, size_t bytes, size_t alignment) {
    static_cast<Hooks *>(self)->calls += 1;
    static_cast<Hooks *>(self)->bytes += int64_t(bytes);
    return std::aligned_alloc(alignment, bytes);
  };
  options.allocator.deallocate = [](void *self, void *memory, size_t bytes) {
    static_cast<Hooks *>(self)->bytes -= int64_t(bytes);
    std::free(memory);
  };
  EXPECT_EQ(run(), "100");
  EXPECT_EQ(calls, 4) << "one for each worker, once";
  EXPECT_EQ(bytes, 0) << "all is given back";

  options.allocator.allocate = [](void *, size_t, size_t) -> void * {
    return nullptr;
  };
  EXPECT_EQ(run(), "'f' failed: the scratch memory of a worker: cannot "
                   "allocate 2097152 bytes");
  options.allocator.allocate = [](void *self, size_t bytes, size_t) -> void * {
    static_cast<Hooks *>(self)->bytes += int64_t(bytes);
    return static_cast<char *>(std::malloc(bytes + 8)) + 8;
  };
  options.allocator.deallocate = [](void *self, void *memory, size_t bytes) {
    static_cast<Hooks *>(self)->bytes -= int64_t(bytes);
    std::free(static_cast<char *>(memory) - 8);
  };
  EXPECT_NE(run().find("not aligned to 2097152 bytes"), std::string::npos);
  EXPECT_EQ(bytes, 0);
  options.allocator.deallocate = nullptr;
  EXPECT_NE(run().find("allocate and deallocate belong together"),
            std::string::npos);
}

// Run below from a folder without the plugin.
TEST_F(Hooks, DISABLED_WithoutThePlugin) {
  std::string error = run();
  EXPECT_EQ(error.find("threads need oneTBB, but libattn_tbb.so cannot be "
                       "opened: "),
            0u)
      << error;
  EXPECT_NE(error.find("; install it next to the runtime, give parallelFor, or "
                       "use threads = 1"),
            std::string::npos)
      << error;
  options.threads = 1;
  EXPECT_EQ(run(), "100");
}

TEST_F(Hooks, ExplainThatThePluginIsMissing) {
  TemporaryFolder folder;
  std::filesystem::copy_file("/proc/self/exe", folder / "tests");
  std::string command = (folder / "tests") +
                        " --gtest_also_run_disabled_tests "
                        "--gtest_filter=Hooks.DISABLED_WithoutThePlugin "
                        "> " +
                        (folder / "log") + " 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << readBytes(folder / "log");
}
} // namespace
