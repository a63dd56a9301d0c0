//===- GraphTest.cpp - Steps that are captured, and steps in flight -------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuTestSupport.h"

#include <gtest/gtest.h>

using namespace attn;
using namespace attn::test;

namespace {
class Graphs : public testing::Test {
protected:
  void SetUp() override {
    driver->setChecked(true);
    auto made = createCudaDevice(driver.options());
    ASSERT_TRUE(made) << made.error();
    device = *made;
    auto loaded = device->load(makeTestModule());
    ASSERT_TRUE(loaded) << loaded.error();
    code = *loaded;
  }

  GpuCall bind(const char *entry, const std::vector<Argument> &inputs,
               const Tensor &output) {
    auto call = code->module().bind(entry, inputs, {output});
    EXPECT_TRUE(call) << call.error();
    return *std::move(call);
  }

  void launch(const GpuCall &call, GpuStream stream,
              void *workspace = nullptr) {
    Status status =
        code->launch(call, workspace, call.workspaceBytes(), stream);
    EXPECT_TRUE(status) << status.error();
  }

  // Functions of the driver that a host program calls.
  int beginCapture(GpuStream stream) {
    auto begin = reinterpret_cast<int (*)(void *, int)>(
        driver.function("cuStreamBeginCapture_v2"));
    return begin(stream, 0);
  }
  int endCapture(GpuStream stream, void *&graph) {
    auto end = reinterpret_cast<int (*)(void *, void **)>(
        driver.function("cuStreamEndCapture"));
    return end(stream, &graph);
  }

  ScopedDriver driver;
  std::shared_ptr<GpuDevice> device;
  std::shared_ptr<const GpuCode> code;
};

/// What a step of a server consists of: other lengths, then all layers.
constexpr int numLayers = 32, numSteps = 1000, numElements = 40;

/// The sums of the last layer's results over all steps.
std::vector<int32_t> expectedSums() {
  std::vector<uint32_t> sums(numElements);
  uint32_t length = 1;
  for (int step = 0; step < numSteps; ++step) {
    length = (7 * length + 3) % 41;
    for (uint32_t i = 0; i < numElements; ++i) {
      uint32_t x = i + 1;
      for (uint32_t layer = 0; layer < numLayers; ++layer)
        x = i < length ? 3 * x + layer : 0;
      sums[i] += x;
    }
  }
  return {sums.begin(), sums.end()};
}

TEST_F(Graphs, ReplayAStepWithoutForbiddenCalls) {
  std::vector<int32_t> values;
  for (int i = 0; i < numElements; ++i)
    values.push_back(i + 1);
  std::vector<DeviceTensor> states;
  for (int i = 0; i <= numLayers; ++i)
    states.emplace_back(device, values);
  DeviceTensor length(device, {1}),
      sums(device, std::vector<int32_t>(numElements));
  std::vector<GpuCall> calls;
  calls.push_back(bind("advance", {}, length.tensor()));
  for (int i = 0; i < numLayers; ++i)
    calls.push_back(bind(
        "layer", {states[size_t(i)].tensor(), length.tensor(), Scalar::i32(i)},
        states[size_t(i) + 1].tensor()));
  calls.push_back(bind("accumulate", {states.back().tensor()}, sums.tensor()));
  auto stream = device->createStream();
  ASSERT_TRUE(stream) << stream.error();

  driver->reset();
  driver->setChecked(true);
  ASSERT_EQ(beginCapture(*stream), 0);
  for (const GpuCall &call : calls)
    launch(call, *stream);
  void *graph = nullptr, *executable = nullptr;
  ASSERT_EQ(endCapture(*stream, graph), 0);
  auto instantiate = reinterpret_cast<int (*)(void **, void *, uint64_t)>(
      driver.function("cuGraphInstantiateWithFlags"));
  ASSERT_EQ(instantiate(&executable, graph, 0), 0);
  auto launchGraph = reinterpret_cast<int (*)(void *, void *)>(
      driver.function("cuGraphLaunch"));
  for (int step = 0; step < numSteps; ++step)
    ASSERT_EQ(launchGraph(executable, *stream), 0);

  EXPECT_EQ(driver->calls("cuLaunchKernel"), numLayers + 2);
  EXPECT_EQ(driver->calls("cuGraphLaunch"), numSteps);
  for (const char *forbidden : forbiddenInCapture)
    EXPECT_EQ(driver->calls(forbidden), 0) << forbidden;

  Status status = device->synchronize(*stream);
  ASSERT_TRUE(status) << status.error();
  EXPECT_EQ(sums.read(), expectedSums());
  for (auto [name, handle] : {std::pair{"cuGraphDestroy", graph},
                              std::pair{"cuGraphExecDestroy", executable}})
    reinterpret_cast<int (*)(void *)>(driver.function(name))(handle);
  EXPECT_TRUE(device->destroyStream(*stream));
}

// What the test above relies on.
TEST_F(Graphs, TheDriverOfTestsRefusesWhatCaptureForbids) {
  auto stream = device->createStream();
  ASSERT_TRUE(stream) << stream.error();
  DeviceTensor x(device, {1}), y(device, {1});
  int32_t host = 0;
  auto expectRefused = [&](const char *what, const auto &forbidden) {
    ASSERT_EQ(beginCapture(*stream), 0);
    EXPECT_FALSE(forbidden()) << what;
    void *graph = nullptr;
    EXPECT_EQ(endCapture(*stream, graph), 901) << what;
  };
  expectRefused("synchronise", [&] { return device->synchronize(*stream); });
  expectRefused("allocate", [&] { return device->allocate(4, "x"); });
  expectRefused("free", [&] { return device->deallocate(x.tensor().data); });
  expectRefused("copy", [&] {
    return device->copyToDevice(x.tensor().data, &host, sizeof(host));
  });
  expectRefused("copy back", [&] {
    return device->copyToHost(&host, x.tensor().data, sizeof(host));
  });
  expectRefused("load", [&] { return device->load(makeTestModule()); });
  GpuCall call = bind("accumulate", {x.tensor()}, y.tensor());
  expectRefused("the default stream",
                [&] { return code->launch(call, nullptr, 0, nullptr); });
  EXPECT_TRUE(device->destroyStream(*stream));
}

TEST_F(Graphs, LaunchesAllocateNothing) {
  DeviceTensor x(device, std::vector<int32_t>(100, 1)),
      y(device, std::vector<int32_t>(100)),
      workspace(device, std::vector<int32_t>(1000));
  GpuCall call = bind("mix", {x.tensor(), Scalar::i32(2)}, y.tensor());
  int64_t size = 90;
  ArgumentView views[2];
  views[0].isTensor = true;
  views[0].tensor = {x.tensor().data, ElementType::i32, 1, &size, nullptr};
  views[1].scalar = Scalar::i32(3);
  TensorView output{y.tensor().data, ElementType::i32, 1, &size, nullptr};
  void *memory = workspace.tensor().data;
  driver->setDiscarding(true);
  int64_t before = allocationsOfThread();
  bool works = true;
  for (int i = 0; i < 10; ++i) {
    size = 90 - i;
    works &= bool(call.rebind(views, 2, &output, 1));
    works &= bool(code->launch(call, memory, call.workspaceBytes(), nullptr));
  }
  int64_t after = allocationsOfThread();
  EXPECT_EQ(after - before, 0);
  EXPECT_TRUE(works);
  EXPECT_EQ(driver->calls("cuLaunchKernel"), 20);
}

/// A step that goes back and forth between two buffers, by way of a workspace.
class TwoStreams : public Graphs {
protected:
  struct Step {
    Step(std::shared_ptr<GpuDevice> device, int seed)
        : a(device, fill(seed)), b(device, fill(0)) {}
    static std::vector<int32_t> fill(int seed) {
      std::vector<int32_t> values;
      for (int i = 0; i < 50; ++i)
        values.push_back(seed * (i * i + 1));
      return values;
    }
    DeviceTensor a, b;
  };

  void enqueue(Step &step, GpuStream stream, const DeviceTensor &workspace) {
    // One call for all layers: what a launch has got is its own.
    GpuCall call =
        bind("mix", {step.a.tensor(), Scalar::i32(1)}, step.b.tensor());
    for (int layer = 0; layer < 9; ++layer) {
      const DeviceTensor &from = layer % 2 ? step.b : step.a,
                         &to = layer % 2 ? step.a : step.b;
      call = bind("mix", {from.tensor(), Scalar::i32(layer + 2)}, to.tensor());
      launch(call, stream, workspace.tensor().data);
    }
  }

  /// The results of two steps.
  std::vector<std::vector<int32_t>> run(bool isSerial, bool sharesWorkspace) {
    Step first(device, 1), second(device, -3);
    DeviceTensor workspace(device, std::vector<int32_t>(400)),
        other(device, std::vector<int32_t>(400));
    auto stream = device->createStream(), another = device->createStream();
    EXPECT_TRUE(stream && another);
    enqueue(first, *stream, workspace);
    if (isSerial) {
      EXPECT_TRUE(device->synchronize(*stream));
    }
    enqueue(second, *another, sharesWorkspace ? workspace : other);
    EXPECT_TRUE(device->synchronize(*another));
    EXPECT_TRUE(device->synchronize(*stream));
    EXPECT_TRUE(device->destroyStream(*stream));
    EXPECT_TRUE(device->destroyStream(*another));
    return {first.a.read(), first.b.read(), second.a.read(), second.b.read()};
  }
};

TEST_F(TwoStreams, InFlightAreBitwiseEqualToSerial) {
  auto serial = run(/*isSerial=*/true, /*sharesWorkspace=*/false);
  EXPECT_EQ(run(false, false), serial);
  EXPECT_EQ(run(true, true), serial);
  // They were in flight at the same time.
  EXPECT_NE(run(false, true), serial);
}
} // namespace
