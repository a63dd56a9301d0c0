//===- AllocationTest.cpp - Launches allocate nothing ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Replaces the operators new and delete of the whole program, the runtime's
// among them.
//
//===----------------------------------------------------------------------===//

#include "ApiTestSupport.h"

#include <atomic>
#include <gtest/gtest.h>
#include <new>

using namespace attn;
using namespace attn::test;

static std::atomic<int64_t> allocations{0};

// Not inlined, or GCC takes the pair for malloc and delete. That of nothrow is
// replaced too: AddressSanitizer's does not call the other one.
[[gnu::noinline]] void *operator new(size_t bytes,
                                     const std::nothrow_t &) noexcept {
  ++allocations;
  return std::malloc(bytes ? bytes : 1);
}
[[gnu::noinline]] void *operator new(size_t bytes) {
  void *memory = operator new(bytes, std::nothrow);
  if (!memory)
    throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void *memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void *memory, size_t) noexcept {
  std::free(memory);
}

TEST(AllocationTest, launches) {
  Options options = makeOptions(2);
  options.parallelFor = [](int64_t count,
                           const std::function<void(int64_t)> &body) {
    for (int64_t i = 0; i < count; ++i)
      body(i);
  };
  Engine engine(cpu(), options);
  Result<Kernel> kernel = engine.compile(makeSpec(Shape()));
  ASSERT_TRUE(bool(kernel)) << kernel.error().text();
  Result<Plan> plan = kernel->plan({1, 64, 64});
  ASSERT_TRUE(bool(plan)) << plan.error().text();
  Result<Workspace> workspace =
      Workspace::allocate(engine, plan->workspaceBytes());
  ASSERT_TRUE(bool(workspace)) << workspace.error().text();
  Problem problem{Shape()};
  Args args = kernel->args();
  auto set = [&] {
    args.set("query", problem.q()).set("key", problem.k());
    args.set("value", problem.v()).set("output", problem.o());
  };
  auto call = [&] {
    return (*kernel)({problem.q(), problem.k(), problem.v()}, {problem.o()});
  };
  set();
  ASSERT_TRUE(bool(call())); // allocates scratch memory

  int64_t before = allocations;
  EXPECT_GT(before, 0);
  for (int round = 0; round < 3; ++round) {
    set();
    EXPECT_TRUE(bool((*kernel)(args, *plan, *workspace)));
    EXPECT_TRUE(bool(call()));
  }
  EXPECT_EQ(allocations, before);
}
