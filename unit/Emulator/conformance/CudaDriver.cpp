//===- CudaDriver.cpp - Runs conformance cases on a GPU -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaDriver.h"

using namespace attn;
using namespace attn::conformance;

Result<CudaDriver> CudaDriver::open() {
  Result<const cuda::CudaDriver *> opened =
      cuda::CudaDriver::open("libcuda.so.1");
  if (!opened)
    return opened.takeFailure();
  CudaDriver driver;
  driver.driver = *opened;
  Handle context = nullptr;
  for (const Status &status :
       {driver.check((*opened)->deviceGet(&driver.device, 0), "cuDeviceGet"),
        driver.check((*opened)->primaryCtxRetain(&context, driver.device),
                     "cuDevicePrimaryCtxRetain"),
        driver.check((*opened)->ctxSetCurrent(context), "cuCtxSetCurrent")})
    if (!status)
      return status.takeFailure();
  return driver;
}

Result<DeviceInfo> CudaDriver::info() const {
  char name[256] = {};
  int major = 0, minor = 0;
  for (const Status &status :
       {check(driver->deviceGetName(name, sizeof(name) - 1, device),
              "cuDeviceGetName"),
        check(driver->deviceGetAttribute(&major, cuda::computeCapabilityMajor,
                                         device),
              "cuDeviceGetAttribute"),
        check(driver->deviceGetAttribute(&minor, cuda::computeCapabilityMinor,
                                         device),
              "cuDeviceGetAttribute")})
    if (!status)
      return status.takeFailure();
  return DeviceInfo{name, major * 10 + minor,
                    "CUDA " + cuda::versionText(driver->version)};
}

Result<CudaDriver::Handle> CudaDriver::load(const std::string &ptx) const {
  std::string log(8192, '\0');
  int options[] = {cuda::jitErrorLog, cuda::jitErrorLogBytes};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size())};
  Handle module = nullptr;
  int error =
      driver->moduleLoadDataEx(&module, ptx.c_str(), 2, options, values);
  if (Status status = check(error, "cuModuleLoadDataEx"); !status)
    return failure(status.error() + ": " + log.c_str());
  return module;
}

Status CudaDriver::launch(Handle function, const Problem &problem,
                          Address input, Address output, bool &isSpent) const {
  std::vector<emulator::TensorMapBits> maps;
  for (const TensorMapAt &at : problem.maps) {
    emulator::TensorMapDescription description = at.description;
    description.base =
        reinterpret_cast<void *>((at.inOutput ? output : input) + at.offset);
    Result<emulator::TensorMapBits> map =
        encodeTiled(description, emulator::TensorMapReader::cuda);
    if (!map)
      return map.takeFailure();
    maps.push_back(*map);
  }
  std::vector<void *> arguments = {&input, &output};
  for (emulator::TensorMapBits &map : maps)
    arguments.push_back(&map);
  if (problem.dynamicShared)
    if (Status status = check(
            driver->funcSetAttribute(function, cuda::maxDynamicSharedBytes,
                                     static_cast<int>(problem.dynamicShared)),
            "cuFuncSetAttribute");
        !status)
      return status;
  int error = driver->launchKernel(
      function, problem.grid.x, problem.grid.y, problem.grid.z, problem.block.x,
      problem.block.y, problem.block.z, problem.dynamicShared, nullptr,
      arguments.data(), nullptr);
  if (Status status = check(error, "cuLaunchKernel"); !status)
    return status;
  Status status = check(driver->ctxSynchronize(), "the kernel");
  // Errors of a kernel stay in the context.
  isSpent = !status;
  return status;
}

Result<std::string> CudaDriver::run(const Problem &problem,
                                    bool &isSpent) const {
  isSpent = false;
  Result<Handle> module = load(problem.ptx);
  if (!module)
    return module.takeFailure();
  Handle function = nullptr;
  Address input = 0, output = 0;
  std::string bytes(problem.initialOutput.size(), '\0');
  auto attempt = [&]() -> Status {
    if (Status status =
            check(driver->moduleGetFunction(&function, *module, "kernel"),
                  "cuModuleGetFunction");
        !status)
      return status;
    // Never empty: 0 bytes are an error of cuMemAlloc.
    if (Status status = check(
            driver->memAlloc(&input, problem.input.size() + 16), "cuMemAlloc");
        !status)
      return status;
    if (Status status =
            check(driver->memAlloc(&output, bytes.size() + 16), "cuMemAlloc");
        !status)
      return status;
    if (!problem.input.empty())
      if (Status status = check(driver->memcpyHtoD(input, problem.input.data(),
                                                   problem.input.size()),
                                "cuMemcpyHtoD");
          !status)
        return status;
    if (Status status =
            check(driver->memcpyHtoD(output, problem.initialOutput.data(),
                                     bytes.size()),
                  "cuMemcpyHtoD");
        !status)
      return status;
    if (Status status = launch(function, problem, input, output, isSpent);
        !status)
      return status;
    return check(driver->memcpyDtoH(bytes.data(), output, bytes.size()),
                 "cuMemcpyDtoH");
  };
  Status status = attempt();
  if (isSpent)
    return status.takeFailure();
  // Nothing can be done about errors of these.
  if (input)
    driver->memFree(input);
  if (output)
    driver->memFree(output);
  driver->moduleUnload(*module);
  if (!status)
    return status.takeFailure();
  return bytes;
}
