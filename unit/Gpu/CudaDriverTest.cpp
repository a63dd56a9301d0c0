//===- CudaDriverTest.cpp - What stands between us and a GPU --------------===//
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
std::string errorOf(const CudaOptions &options) {
  auto device = createCudaDevice(options);
  return device ? "" : device.error();
}

void expectParts(const std::string &error,
                 const std::vector<std::string> &parts) {
  for (const std::string &part : parts)
    EXPECT_NE(error.find(part), std::string::npos) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << "one sentence: " << error;
}

TEST(CudaDriver, SaysThatThereIsNone) {
  CudaOptions options;
  options.driverLibrary = "/nowhere/libcuda.so.1";
  expectParts(errorOf(options),
              {"there is no NVIDIA driver: ", "/nowhere/libcuda.so.1",
               "; install it (nvidia-smi shows whether it works; a container "
               "needs --gpus=all), or use the device 'emulator' or 'cpu'"});
}

TEST(CudaDriver, SaysThatItIsTooOld) {
  ScopedDriver driver;
  driver->setVersion(11040);
  EXPECT_EQ(errorOf(driver.options()),
            "NVIDIA's driver is too old: it knows CUDA 11.4, and CUDA 12.0 is "
            "needed; install driver 525 or newer");
  driver->setVersion(12000);
  EXPECT_EQ(errorOf(driver.options()), "");
}

TEST(CudaDriver, SaysWhyItDoesNotStart) {
  ScopedDriver driver;
  driver->setInitError(100);
  EXPECT_EQ(errorOf(driver.options()),
            "there is no NVIDIA GPU that this process may use; check "
            "nvidia-smi and CUDA_VISIBLE_DEVICES, or use the device "
            "'emulator' or 'cpu'");
  driver->setInitError(34);
  expectParts(errorOf(driver.options()),
              {"is the stub of the CUDA toolkit", "LD_LIBRARY_PATH"});
  driver->setInitError(803);
  expectParts(errorOf(driver.options()), {"kernel module", "; reboot"});
  driver->setInitError(999);
  expectParts(errorOf(driver.options()),
              {"NVIDIA's driver does not start", "(999)", "check nvidia-smi"});
}

TEST(CudaDriver, SaysWhichGpusThereAre) {
  ScopedDriver driver;
  CudaOptions options = driver.options();
  options.ordinal = 1;
  EXPECT_EQ(errorOf(options), "there is no GPU 'cuda:1'; this process may use "
                              "cuda:0 (see CUDA_VISIBLE_DEVICES)");
  driver->setGpus(2, 80);
  options.ordinal = 2;
  EXPECT_EQ(errorOf(options), "there is no GPU 'cuda:2'; this process may use "
                              "cuda:0 to cuda:1 (see CUDA_VISIBLE_DEVICES)");
  driver->setGpus(0, 80);
  expectParts(errorOf(options), {"this process may use none"});
}

TEST(CudaDriver, UsesAGivenContext) {
  ScopedDriver driver;
  int theirs = 0;
  CudaOptions options = driver.options();
  options.context = &theirs;
  auto device = createCudaDevice(options);
  ASSERT_TRUE(device) << device.error();
  EXPECT_EQ(driver->calls("cuDevicePrimaryCtxRetain"), 0);
  ASSERT_TRUE((*device)->allocate(1, "x"));
  // What the caller had made current is current again.
  void *current = &theirs;
  auto get =
      reinterpret_cast<int (*)(void **)>(driver.function("cuCtxGetCurrent"));
  EXPECT_EQ(get(&current), 0);
  EXPECT_EQ(current, nullptr);
  device->reset();
  EXPECT_EQ(driver->calls("cuDevicePrimaryCtxRelease"), 0);

  auto own = createCudaDevice(driver.options());
  ASSERT_TRUE(own) << own.error();
  EXPECT_EQ(driver->calls("cuDevicePrimaryCtxRetain"), 1);
  own->reset();
  EXPECT_EQ(driver->calls("cuDevicePrimaryCtxRelease"), 1);
}

/// The error of a module on a driver of a version.
std::string loadError(ScopedDriver &driver, int version,
                      std::shared_ptr<const GpuModule> module) {
  driver->setVersion(version);
  auto device = createCudaDevice(driver.options());
  EXPECT_TRUE(device) << device.error();
  int64_t before = driver->calls("cuModuleLoadDataEx");
  auto code = (*device)->load(std::move(module));
  if (code)
    return "";
  EXPECT_EQ(driver->calls("cuModuleLoadDataEx"), before)
      << "versions are compared first";
  return code.error();
}

TEST(CudaDriver, ComparesTheVersionOfPtxFirst) {
  ScopedDriver driver;
  EXPECT_EQ(loadError(driver, 12040, makeTestModule(testPtx("8.7"))),
            "the PTX for sm_80 is of PTX version 8.7, which needs a driver for "
            "CUDA 12.8, but this one knows CUDA 12.4; install driver 570 or "
            "newer, or ship a cubin, which any driver of the same major "
            "version runs");
  EXPECT_EQ(loadError(driver, 12080, makeTestModule(testPtx("8.7"))), "");
  EXPECT_EQ(loadError(driver, 12050, makeTestModule(testPtx("8.5"))), "");
  expectParts(loadError(driver, 12060, makeTestModule(testPtx("8.6"))),
              {"needs a driver for CUDA 12.7"});
  expectParts(loadError(driver, 12090, makeTestModule(testPtx("9.0"))),
              {"needs a driver for CUDA 13.0", "driver 580"});
  EXPECT_EQ(loadError(driver, 13000, makeTestModule(testPtx("9.0"))), "");
}

TEST(CudaDriver, ComparesTheVersionOfCubinsFirst) {
  ScopedDriver driver;
  auto cubin = [](char abi) {
    std::string bytes = "\177ELF";
    bytes.resize(64);
    bytes[8] = abi;
    return *GpuModule::create(GpuModule::Kind::cubin, testManifest("sm_90"),
                              bytes, "'test'");
  };
  EXPECT_EQ(loadError(driver, 12090, cubin(8)),
            "the cubin for sm_90 was made by CUDA 13, which needs a driver for "
            "CUDA 13.0, but this one knows CUDA 12.9; install driver 580 or "
            "newer, or compile it with CUDA 12.8 or 12.9");
  // The emulated driver has no machine to run it, and says so itself.
  driver->setVersion(12000);
  auto device = createCudaDevice(driver.options());
  ASSERT_TRUE(device) << device.error();
  expectParts(
      (*device)->load(cubin(7)).error(),
      {"cuda:0 (Emulated GPU) does not load the cubin for sm_90", "(209)"});
}

TEST(CudaDriver, SaysThatThereIsTooLittleSharedMemory) {
  ScopedDriver driver;
  driver->setGpus(1, 80);
  std::string manifest = testManifest();
  manifest.replace(manifest.find("65536"), 5, "200000");
  auto module =
      GpuModule::create(GpuModule::Kind::ptx, manifest, testPtx(), "'test'");
  ASSERT_TRUE(module) << module.error();
  EXPECT_EQ(loadError(driver, 13000, *module),
            "'shared_copy' in the PTX for sm_80 needs 200000 bytes of shared "
            "memory, but cuda:0 has 166912 for a CTA; compile it with "
            "--target=sm_80");
}
} // namespace
