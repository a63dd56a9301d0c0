//===- ThreadsTest.cpp - Many threads, hooks, memory ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ApiTestSupport.h"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>

using namespace attn;
using namespace attn::test;

static double keepAll(double score, int64_t, int64_t, int64_t) { return score; }

/// Eight threads call `body(thread number)` at about the same time.
template <typename Body>
static void onEightThreads(const Body &body) {
  std::atomic<int> waiting{8};
  std::vector<std::thread> threads;
  for (int number = 0; number < 8; ++number)
    threads.emplace_back([&, number] {
      --waiting;
      while (waiting > 0)
        std::this_thread::yield();
      body(number);
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST(ThreadsTest, eightThreadsCompileOnce) {
  TemporaryFolder folder;
  Options options;
  options.cacheDirectory = folder.path;
  options.threads = 1;
  Engine engine(cpu(), options);
  std::atomic<int> failures{0};
  onEightThreads([&](int) {
    if (!engine.compile(makeSpec(Shape())))
      ++failures;
  });
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(engine.stats().compiled, 1);
  EXPECT_EQ(engine.stats().compiled + engine.stats().memoryHits, 8);
}

TEST(ThreadsTest, eightThreadsUseOneKernel) {
  for (int threads : {1, 2}) {
    Engine engine(cpu(), makeOptions(threads));
    Result<Kernel> kernel = engine.compile(makeSpec(Shape()));
    ASSERT_TRUE(bool(kernel)) << kernel.error().text();
    Result<Plan> plan = kernel->plan({2, 64, 64});
    ASSERT_TRUE(bool(plan)) << plan.error().text();
    std::atomic<int> wrong{0};
    onEightThreads([&](int number) {
      Shape shape;
      shape.queries += number;
      shape.keys -= number;
      Problem problem(shape, unsigned(number));
      Result<Workspace> workspace =
          Workspace::allocate(engine, plan->workspaceBytes());
      Args args = kernel->args();
      args.set("query", problem.q()).set("key", problem.k());
      args.set("value", problem.v()).set("output", problem.o());
      for (int round = 0; round < 10; ++round) {
        bool viaPlan = (round + number) % 2;
        std::fill(problem.output.begin(), problem.output.end(), NAN);
        Result<void> ran =
            viaPlan ? (*kernel)(args, *plan, *workspace)
                    : (*kernel)({problem.q(), problem.k(), problem.v()},
                                {problem.o()});
        if (!ran || !(compareWithNaive(problem, keepAll) < 1e-5))
          ++wrong;
      }
    });
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(engine.stats().launches, 80);
  }
}

TEST(ThreadsTest, parallelForHook) {
  std::atomic<int> calls{0};
  int64_t largest = 0;
  Options options = makeOptions(3);
  options.parallelFor = [&](int64_t count,
                            const std::function<void(int64_t)> &body) {
    ++calls;
    largest = std::max(largest, count);
    std::vector<std::thread> threads;
    for (int64_t i = 0; i < count; ++i)
      threads.emplace_back([&body, i] { body(i); });
    for (std::thread &thread : threads)
      thread.join();
  };
  Engine engine(cpu(), options);
  Result<Kernel> kernel = engine.compile(makeSpec(Shape()));
  ASSERT_TRUE(bool(kernel)) << kernel.error().text();
  Problem problem{Shape()};
  Result<void> ran =
      (*kernel)({problem.q(), problem.k(), problem.v()}, {problem.o()});
  ASSERT_TRUE(bool(ran)) << ran.error().text();
  EXPECT_LT(compareWithNaive(problem, keepAll), 1e-5);
  EXPECT_EQ(calls, 1);
  EXPECT_LE(largest, 3);
  EXPECT_GE(largest, 2);
}

TEST(ThreadsTest, parallelForThatForgetsWork) {
  Options options = makeOptions(2);
  options.parallelFor = [](int64_t, const std::function<void(int64_t)> &body) {
    body(0);
  };
  Engine engine(cpu(), options);
  Result<Kernel> kernel = engine.compile(makeSpec(Shape()));
  ASSERT_TRUE(bool(kernel)) << kernel.error().text();
  Problem problem{Shape()};
  Result<void> ran =
      (*kernel)({problem.q(), problem.k(), problem.v()}, {problem.o()});
  ASSERT_FALSE(bool(ran));
  EXPECT_EQ(ran.error().kind(), ErrorClass::device);
  EXPECT_EQ(ran.error().message(),
            "'attention' failed: the hook parallelFor ran 1 of 2 calls; it "
            "must run each one before it returns");
}

// Two calls for one worker would share its scratch memory, and a worker that
// does not exist has none.
TEST(ThreadsTest, parallelForThatCallsTooOften) {
  Options options = makeOptions(2);
  bool repeatsOne = false;
  options.parallelFor = [&](int64_t count,
                            const std::function<void(int64_t)> &body) {
    for (int64_t i = -2; i < count + 2; ++i) {
      body(repeatsOne ? 0 : i);
      body(repeatsOne ? 0 : i);
    }
  };
  Engine engine(cpu(), options);
  Result<Kernel> kernel = engine.compile(makeSpec(Shape()));
  ASSERT_TRUE(bool(kernel)) << kernel.error().text();
  Problem problem{Shape()};
  auto run = [&] {
    return (*kernel)({problem.q(), problem.k(), problem.v()}, {problem.o()});
  };
  Result<void> ran = run();
  ASSERT_TRUE(bool(ran)) << ran.error().text();
  EXPECT_LT(compareWithNaive(problem, keepAll), 1e-5);
  repeatsOne = true;
  EXPECT_NE(run().error().message().find("ran 1 of 2 calls"),
            std::string::npos);
}

TEST(ThreadsTest, memoryHook) {
  std::atomic<int64_t> allocations{0}, bytes{0};
  Options options = makeOptions(1);
  options.allocate = [&](size_t size, size_t alignment) {
    ++allocations;
    bytes += int64_t(size);
    return std::aligned_alloc(alignment,
                              (size + alignment - 1) / alignment * alignment);
  };
  options.deallocate = [&](void *memory, size_t size) {
    bytes -= int64_t(size);
    std::free(memory);
  };
  {
    Engine engine(cpu(), options);
    Result<Kernel> kernel = engine.compile(makeSpec(Shape()));
    ASSERT_TRUE(bool(kernel)) << kernel.error().text();
    Problem problem{Shape()};
    for (int round = 0; round < 3; ++round)
      ASSERT_TRUE(bool(
          (*kernel)({problem.q(), problem.k(), problem.v()}, {problem.o()})));
    EXPECT_EQ(allocations, 1);
    EXPECT_GT(bytes, 0);
  }
  EXPECT_EQ(bytes, 0);
}

TEST(ThreadsTest, noMemory) {
  Options options = makeOptions(1);
  options.allocate = [](size_t, size_t) -> void * { return nullptr; };
  options.deallocate = [](void *, size_t) {};
  Engine engine(cpu(), options);
  Result<Kernel> kernel = engine.compile(makeSpec(Shape()));
  ASSERT_TRUE(bool(kernel)) << kernel.error().text();
  Problem problem{Shape()};
  Result<void> ran =
      (*kernel)({problem.q(), problem.k(), problem.v()}, {problem.o()});
  ASSERT_FALSE(bool(ran));
  EXPECT_EQ(ran.error().kind(), ErrorClass::outOfMemory);
}
