//===- DeviceTest.cpp - What all GPU devices do ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The same on the emulator and on the way to a GPU.
//
//===----------------------------------------------------------------------===//

#include "GpuTestSupport.h"

#include <gtest/gtest.h>

using namespace attn;
using namespace attn::test;

namespace {
class GpuDeviceTest : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    driver->setChecked(true);
    if (GetParam() == "cuda") {
      auto made = createCudaDevice(driver.options());
      ASSERT_TRUE(made) << made.error();
      device = *made;
    } else {
      auto made = createGpuDevice("emulator:sm_80");
      ASSERT_TRUE(made) << made.error();
      device = *made;
    }
    auto loaded = device->load(makeTestModule());
    ASSERT_TRUE(loaded) << loaded.error();
    code = *loaded;
  }

  /// Runs an entry in the default stream and waits.
  Status run(const char *entry, const std::vector<Argument> &inputs,
             const std::vector<Tensor> &outputs) {
    auto call = code->module().bind(entry, inputs, outputs);
    if (!call)
      return call.takeFailure();
    auto workspace = GpuBuffer::allocate(device, size_t(call->workspaceBytes()),
                                         "workspace");
    if (!workspace)
      return workspace.takeFailure();
    if (Status status = code->launch(*call, workspace->data(),
                                     call->workspaceBytes(), nullptr);
        !status)
      return status;
    return device->synchronize(nullptr);
  }

  ScopedDriver driver;
  std::shared_ptr<GpuDevice> device;
  std::shared_ptr<const GpuCode> code;
};

TEST_P(GpuDeviceTest, DescribesItself) {
  const GpuDeviceInfo &info = device->info();
  bool isCuda = GetParam() == "cuda";
  EXPECT_EQ(info.id, isCuda ? "cuda:0" : "emulator:sm_80");
  EXPECT_EQ(info.computeCapability, isCuda ? 90 : 80);
  EXPECT_EQ(info.maxSharedBytes, (isCuda ? 227 : 163) * 1024);
  EXPECT_EQ(info.runsCubins, isCuda);
  EXPECT_EQ(info.driverVersion, isCuda ? 13000 : 0);
  EXPECT_GT(info.multiprocessors, 100);
}

TEST_P(GpuDeviceTest, RunsLaunchesWithTheirParameters) {
  std::vector<int32_t> values;
  for (int i = 0; i < 70; ++i)
    values.push_back(i - 5);
  DeviceTensor x(device, values), y(device, std::vector<int32_t>(70)),
      length(device, {50});
  Status status = run("layer", {x.tensor(), length.tensor(), Scalar::i32(11)},
                      {y.tensor()});
  ASSERT_TRUE(status) << status.error();
  std::vector<int32_t> result = y.read();
  for (int i = 0; i < 70; ++i)
    ASSERT_EQ(result[size_t(i)], i < 50 ? 3 * (i - 5) + 11 : 0) << i;

  status = run("mix", {x.tensor(), Scalar::i32(-2)}, {y.tensor()});
  ASSERT_TRUE(status) << status.error();
  result = y.read();
  for (int i = 0; i < 70; ++i)
    ASSERT_EQ(result[size_t(i)], -2 * (69 - 10)) << i;
}

TEST_P(GpuDeviceTest, RunsNothingForEmptyTensors) {
  DeviceTensor x(device, {}), y(device, {});
  Status status = run("mix", {x.tensor(), Scalar::i32(1)}, {y.tensor()});
  EXPECT_TRUE(status) << status.error();
}

TEST_P(GpuDeviceTest, GivesSharedMemoryBeyond48KiB) {
  DeviceTensor x(device, {42}), y(device, {0});
  // One thread, for they all write the same place.
  Status status = run("shared", {x.tensor()}, {y.tensor()});
  ASSERT_TRUE(status) << status.error();
  EXPECT_EQ(y.read(), std::vector<int32_t>{42});
}

TEST_P(GpuDeviceTest, SaysWhatAKernelDidWrong) {
  DeviceTensor x(device, {1, 2, 3}), y(device, {0, 0, 0}, "result");
  Status status = run("wild", {x.tensor()}, {y.tensor()});
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().find("st.global.u32"), std::string::npos)
      << status.error();
  EXPECT_NE(status.error().find("wild"), std::string::npos) << status.error();
}

TEST_P(GpuDeviceTest, ChecksTheWorkspace) {
  DeviceTensor x(device, {1, 2, 3}), y(device, {0, 0, 0}),
      memory(device, std::vector<int32_t>(200));
  auto call =
      code->module().bind("mix", {x.tensor(), Scalar::i32(1)}, {y.tensor()});
  ASSERT_TRUE(call) << call.error();
  EXPECT_EQ(call->workspaceBytes(), 96);
  void *data = memory.tensor().data;
  EXPECT_EQ(code->launch(*call, data, 95, nullptr).error(),
            "the workspace of 'mix' has 95 bytes, expected 96");
  EXPECT_EQ(code->launch(*call, nullptr, 96, nullptr).error(),
            "the workspace of 'mix' is null");
  EXPECT_EQ(
      code->launch(*call, static_cast<char *>(data) + 64, 96, nullptr).error(),
      "the workspace of 'mix' is not aligned to 256 bytes");
}

TEST_P(GpuDeviceTest, RefusesModulesForOtherGpus) {
  std::string newer = GetParam() == "cuda" ? "sm_100" : "sm_90a";
  auto loaded = device->load(makeTestModule(testPtx("8.6", newer), newer));
  ASSERT_FALSE(loaded);
  bool isCuda = GetParam() == "cuda";
  EXPECT_EQ(loaded.error(),
            isCuda ? "the module has no code for cuda:0 (Emulated GPU, compute "
                     "capability 9.0): its PTX for sm_100 runs on compute "
                     "capability 10.0 and newer; compile it with "
                     "--target=sm_90"
                   : "the module has no code for emulator:sm_80 (the emulator, "
                     "compute capability 8.0): its PTX for sm_90a runs on "
                     "compute capability 9.0 only; compile it with "
                     "--target=sm_80");
}

TEST_P(GpuDeviceTest, FindsThatPtxAndManifestDiffer) {
  std::string ptx = testPtx();
  for (size_t at; (at = ptx.find("entry gather")) != std::string::npos;)
    ptx.replace(at, 12, "entry getter");
  auto loaded = device->load(makeTestModule(ptx));
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().find("gather"), std::string::npos) << loaded.error();
  EXPECT_EQ(loaded.error().find("the PTX for sm_80 "), 0u) << loaded.error();
}

TEST_P(GpuDeviceTest, SaysWhereThePtxIsWrong) {
  std::string ptx = testPtx();
  ptx.replace(ptx.find("rem.u32"), 7, "rum.u32");
  auto loaded = device->load(makeTestModule(ptx));
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().find("unknown instruction 'rum'"), std::string::npos)
      << loaded.error();
}

TEST_P(GpuDeviceTest, MeasuresTime) {
  auto stream = device->createStream();
  auto begin = device->createEvent(), end = device->createEvent();
  ASSERT_TRUE(stream && begin && end);
  DeviceTensor x(device, std::vector<int32_t>(1000, 1)),
      y(device, std::vector<int32_t>(1000));
  auto call = code->module().bind("accumulate", {x.tensor()}, {y.tensor()});
  ASSERT_TRUE(call) << call.error();
  ASSERT_TRUE(device->record(*begin, *stream));
  Status status = code->launch(*call, nullptr, 0, *stream);
  ASSERT_TRUE(status) << status.error();
  ASSERT_TRUE(device->record(*end, *stream));
  auto seconds = device->elapsed(*begin, *end);
  ASSERT_TRUE(seconds) << seconds.error();
  EXPECT_GT(*seconds, 0);
  EXPECT_LT(*seconds, 60);
  EXPECT_TRUE(device->destroyEvent(*begin));
  EXPECT_TRUE(device->destroyEvent(*end));
  EXPECT_TRUE(device->destroyStream(*stream));
}

INSTANTIATE_TEST_SUITE_P(Devices, GpuDeviceTest,
                         testing::Values("cuda", "emulator"),
                         [](const auto &info) { return info.param; });

TEST(EmulatorDevice, TakesOptions) {
  auto fails = [](const char *target, const char *checks, const char *async) {
    EmulatorOptions options;
    options.target = target;
    options.checks = checks;
    options.async = async;
    return createEmulatorDevice(options).error();
  };
  EXPECT_EQ(fails("sm80", "", "lazy"),
            "'sm80' is not a GPU target; expected a name such as sm_80 or "
            "sm_90a");
  EXPECT_EQ(fails("sm_80", "race,rice", "lazy"),
            "the emulator: 'checks' has the unknown name 'rice'; allowed are "
            "align, async-registers, banks, barrier, bounds, divergence, "
            "mbarrier, pending, race, uninit");
  EXPECT_EQ(fails("sm_80", "", "late"),
            "the emulator: 'async' is 'late'; allowed are lazy, eager and "
            "random");

  // accumulate reads sums that nobody has written.
  auto run = [](const char *checks) {
    EmulatorOptions options;
    options.checks = checks;
    auto device = createEmulatorDevice(options);
    EXPECT_TRUE(device) << device.error();
    auto code = (*device)->load(makeTestModule());
    EXPECT_TRUE(code) << code.error();
    DeviceTensor x(*device, {1, 2});
    auto sum = GpuBuffer::allocate(*device, 8, "sum");
    auto call =
        (*code)->module().bind("accumulate", {x.tensor()},
                               {Tensor(sum->data(), ElementType::i32, {2})});
    std::string error = (*code)->launch(*call, nullptr, 0, nullptr).error();
    EXPECT_EQ((*device)->statistics().launches, 1u);
    EXPECT_GT((*device)->statistics().instructions, 10u);
    return error;
  };
  std::string all = run("");
  EXPECT_EQ(all.find("'accumulate': the emulator found 1 mistake in "
                     "'accumulate':\n"),
            0u)
      << all;
  EXPECT_NE(all.find("'sum'"), std::string::npos) << all;
  EXPECT_EQ(run("none"), "");
  EXPECT_EQ(run("race,bounds"), "");
}

TEST(EmulatorDevice, ChecksCopies) {
  auto device = createEmulatorDevice({});
  ASSERT_TRUE(device) << device.error();
  auto buffer = GpuBuffer::allocate(*device, 8, "eight");
  ASSERT_TRUE(buffer) << buffer.error();
  char host[16] = {};
  EXPECT_TRUE((*device)->copyToDevice(buffer->data(), host, 8));
  std::string error = (*device)->copyToDevice(buffer->data(), host, 9).error();
  EXPECT_NE(error.find("reaches beyond 'eight', which has 8 bytes"),
            std::string::npos)
      << error;
  error = (*device)->copyToHost(host, host, 1).error();
  EXPECT_NE(error.find("is outside of all memory of the emulator"),
            std::string::npos)
      << error;
  EXPECT_FALSE((*device)->deallocate(host));
}

TEST(GpuDevices, HaveNames) {
  for (const char *name : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cpu"})
    EXPECT_EQ(createGpuDevice(name).error(),
              "there is no device '" + std::string(name) +
                  "'; GPUs are called 'cuda', 'cuda:1', 'emulator' or "
                  "'emulator:sm_90a'");
  auto device = createGpuDevice("emulator:sm_90a");
  ASSERT_TRUE(device) << device.error();
  EXPECT_EQ((*device)->info().computeCapability, 90);
}
} // namespace
