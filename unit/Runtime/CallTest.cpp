//===- CallTest.cpp - Calls that are bound again --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Launching allocates nothing, and a call can be given new arguments.
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"
#include "attn/Runtime/CpuDevice.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <new>

using namespace attn;
using namespace attn::test;

/// Calls of operator new by this thread.
static thread_local long allocations = 0;

// Not inlined, or GCC takes the pair for malloc and delete. That of nothrow is
// replaced too: AddressSanitizer's does not call the other one.
[[gnu::noinline]] void *operator new(size_t size,
                                     const std::nothrow_t &) noexcept {
  ++allocations;
  return std::malloc(size ? size : 1);
}
[[gnu::noinline]] void *operator new(size_t size) {
  if (void *memory = operator new(size, std::nothrow))
    return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void *memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void *memory, size_t) noexcept {
  std::free(memory);
}

namespace {
// scale: output = query * factor for the first two dimensions and the stride of
// the first. The workspace has factor bytes.
const char *code = R"(
typedef struct { void *allocated; float *aligned; int64_t offset, size[2],
  stride[2]; } Matrix;
static void row(void *const *args, int64_t i, void *arena) {
  const Matrix *query = args[0], *output = args[2];
  for (int64_t j = 0; j < query->size[1]; ++j)
    output->aligned[i * output->stride[0] + j] =
        query->aligned[i * query->stride[0] + j] * *(const int64_t *)args[1];
}
void scale(const attn_cpu_host *host, void *const *args) {
  host->launch(host->self, row, args, ((const Matrix *)args[0])->size[0], 256);
}
int64_t scale_workspace(void *const *args) {
  return *(const int64_t *)args[1];
})";

const char *entry =
    "{\"name\": \"scale\", \"algorithm\": \"\", \"tile_q\": 1, \"tile_kv\": 1, "
    "\"arguments\": [{\"name\": \"query\", \"role\": \"input\", \"type\": "
    "\"f32\", \"shape\": [-1, -1]}, {\"name\": \"factor\", \"role\": "
    "\"input\", \"type\": \"index\"}, {\"name\": \"out\", \"role\": "
    "\"output\", \"type\": \"f32\", \"shape\": [\"query[0]\", "
    "\"query[1]\"]}], \"dims\": []}";

class CallTest : public testing::Test {
protected:
  void SetUp() override {
    auto loaded =
        Module::loadFromMemory(compilePayload(manifestCode(entry) + code));
    ASSERT_TRUE(loaded) << loaded.error();
    module = *loaded;
    for (int i = 0; i < 64; ++i)
      query[i] = float(i);
    ASSERT_TRUE(workspace.reserve(4096));
  }

  /// Binds `rows` x `columns` of query, whose rows are `stride` apart.
  Status rebind(Call &call, int64_t rows, int64_t columns, int64_t stride,
                int64_t factor) {
    int64_t shape[] = {rows, columns}, strides[] = {stride, 1};
    ArgumentView inputs[2];
    inputs[0].isTensor = true;
    inputs[0].tensor = {query, ElementType::f32, 2, shape, strides};
    inputs[1].scalar = Scalar::index(factor);
    TensorView result{output, ElementType::f32, 2, shape, nullptr};
    return call.rebind(inputs, 2, &result, 1);
  }
  Result<Call> bind() {
    return module->bind(
        "scale", {Tensor(query, ElementType::f32, {2, 4}), Scalar::index(2)},
        {Tensor(output, ElementType::f32, {2, 4})});
  }

  std::shared_ptr<const Module> module;
  AlignedBuffer workspace;
  float query[64], output[64] = {};
};

TEST_F(CallTest, TakesNewPointersShapesStridesAndScalars) {
  auto call = bind();
  ASSERT_TRUE(call) << call.error();
  EXPECT_EQ(call->workspaceBytes(), 2);
  auto device = *CpuDevice::create(1);
  ASSERT_TRUE(device->run(*call, workspace.data(), 4096));
  EXPECT_EQ(output[7], 14);

  ASSERT_TRUE(rebind(*call, 3, 2, 8, 10));
  EXPECT_EQ(call->workspaceBytes(), 10);
  ASSERT_TRUE(device->run(*call, workspace.data(), 4096));
  EXPECT_EQ(output[4], 160);
  EXPECT_EQ(output[5], 170);
  // Moving a call keeps it whole.
  Call moved = *std::move(call);
  ASSERT_TRUE(rebind(moved, 1, 1, 1, 3));
  ASSERT_TRUE(device->run(moved, workspace.data(), 4096));
}

TEST_F(CallTest, StaysAsItWasAfterAnError) {
  auto call = bind();
  ASSERT_TRUE(call) << call.error();
  auto device = *CpuDevice::create(1);
  Status negative = rebind(*call, 2, 4, 4, -1);
  ASSERT_FALSE(negative);
  EXPECT_NE(negative.error().find("more workspace than"), std::string::npos);
  EXPECT_FALSE(rebind(*call, -2, 4, 4, 1));
  EXPECT_FALSE(rebind(*call, INT64_MAX, 4, 4, 1));
  EXPECT_FALSE(call->rebind(nullptr, 0, nullptr, 0));
  ArgumentView inputs[2];
  inputs[0].isTensor = true;
  inputs[0].tensor.rank = 2;
  EXPECT_EQ(call->rebind(inputs, 2, nullptr, 0).error(),
            "argument 1 'query' of 'scale': there is no shape");
  inputs[0].tensor.rank = -2;
  EXPECT_EQ(call->rebind(inputs, 2, nullptr, 0).error(),
            "argument 1 'query' of 'scale': the rank is -2 (shape []), "
            "expected 2");
  EXPECT_EQ(call->workspaceBytes(), 2);
  ASSERT_TRUE(device->run(*call, workspace.data(), 4096));
  EXPECT_EQ(output[7], 14);
}

TEST_F(CallTest, AllocatesNothing) {
  for (int threads : {1, 3}) {
    CpuDeviceOptions options;
    options.threads = threads;
    // oneTBB's own allocations are its own business.
    options.parallelFor.run = [](void *, void (*body)(void *, int64_t),
                                 void *arg, int64_t count) {
      for (int64_t i = 0; i < count; ++i)
        body(arg, i);
    };
    auto device = *CpuDevice::create(options);
    auto call = bind();
    ASSERT_TRUE(call) << call.error();
    ASSERT_TRUE(device->run(*call, workspace.data(), 4096));
    long before = allocations;
    bool ok = true;
    int64_t arena = 0;
    for (int i = 0; i < 100; ++i) {
      ok &= static_cast<bool>(rebind(*call, 1 + i % 4, 4, 8, i));
      auto stats = device->run(*call, workspace.data(), 4096);
      ok &= static_cast<bool>(stats);
      arena = stats ? stats->arenaBytes : 0;
    }
    EXPECT_EQ(allocations, before);
    EXPECT_TRUE(ok);
    EXPECT_EQ(arena, threads * int64_t(2 << 20));
  }
}

TEST_F(CallTest, PlansTheWorkspaceWithoutData) {
  auto bytes = module->workspaceBytes(
      "scale", {Tensor(nullptr, ElementType::f32, {2, 4}), Scalar::index(77)});
  ASSERT_TRUE(bytes) << bytes.error();
  EXPECT_EQ(*bytes, 77);
  EXPECT_FALSE(module->workspaceBytes("scale", {}));
  EXPECT_FALSE(module->workspaceBytes("other", {}));
}
} // namespace
