//===- CudaDriver.cpp - The functions of NVIDIA's driver ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaDriver.h"

#include <cstring>
#include <dlfcn.h>

using namespace attn;
using namespace attn::conformance;

// Of cuda.h.
static constexpr int computeCapabilityMajor = 75, computeCapabilityMinor = 76;
static constexpr int maxDynamicSharedBytes = 8;
static constexpr int jitErrorLog = 5, jitErrorLogBytes = 6;

Status CudaDriver::check(int error, const std::string &what) const {
  if (error == 0)
    return Status::success();
  const char *name = nullptr, *text = nullptr;
  getErrorName(error, &name);
  getErrorString(error, &text);
  return failure(what + ": " + (name ? name : "an unknown error") + " (" +
                 std::to_string(error) + ")" +
                 (text ? std::string(", ") + text : std::string()));
}

Result<CudaDriver> CudaDriver::open() {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    return failure("NVIDIA's driver cannot be opened: " +
                   std::string(reason ? reason : "libcuda.so.1"));
  }
  CudaDriver driver;
  std::string missing;
  auto resolve = [&](auto &function, const char *name) {
    void *symbol = dlsym(library, name);
    if (!symbol)
      missing = name;
    std::memcpy(&function, &symbol, sizeof(symbol));
  };
  resolve(driver.init, "cuInit");
  resolve(driver.driverGetVersion, "cuDriverGetVersion");
  resolve(driver.getErrorName, "cuGetErrorName");
  resolve(driver.getErrorString, "cuGetErrorString");
  resolve(driver.deviceGet, "cuDeviceGet");
  resolve(driver.deviceGetName, "cuDeviceGetName");
  resolve(driver.deviceGetAttribute, "cuDeviceGetAttribute");
  resolve(driver.primaryCtxRetain, "cuDevicePrimaryCtxRetain");
  resolve(driver.ctxSetCurrent, "cuCtxSetCurrent");
  resolve(driver.ctxSynchronize, "cuCtxSynchronize");
  resolve(driver.memAlloc, "cuMemAlloc_v2");
  resolve(driver.memFree, "cuMemFree_v2");
  resolve(driver.memcpyHtoD, "cuMemcpyHtoD_v2");
  resolve(driver.memcpyDtoH, "cuMemcpyDtoH_v2");
  resolve(driver.moduleLoadDataEx, "cuModuleLoadDataEx");
  resolve(driver.moduleUnload, "cuModuleUnload");
  resolve(driver.moduleGetFunction, "cuModuleGetFunction");
  resolve(driver.funcSetAttribute, "cuFuncSetAttribute");
  resolve(driver.launchKernel, "cuLaunchKernel");
  if (!missing.empty())
    return failure("NVIDIA's driver has no function '" + missing + "'");

  Handle context = nullptr;
  for (const Status &status :
       {driver.check(driver.init(0), "cuInit"),
        driver.check(driver.deviceGet(&driver.device, 0), "cuDeviceGet"),
        driver.check(driver.primaryCtxRetain(&context, driver.device),
                     "cuDevicePrimaryCtxRetain"),
        driver.check(driver.ctxSetCurrent(context), "cuCtxSetCurrent")})
    if (!status)
      return status.takeFailure();
  return driver;
}

Result<DeviceInfo> CudaDriver::info() const {
  char name[256] = {};
  int major = 0, minor = 0, version = 0;
  for (const Status &status :
       {check(deviceGetName(name, sizeof(name) - 1, device), "cuDeviceGetName"),
        check(deviceGetAttribute(&major, computeCapabilityMajor, device),
              "cuDeviceGetAttribute"),
        check(deviceGetAttribute(&minor, computeCapabilityMinor, device),
              "cuDeviceGetAttribute"),
        check(driverGetVersion(&version), "cuDriverGetVersion")})
    if (!status)
      return status.takeFailure();
  return DeviceInfo{name, major * 10 + minor,
                    "CUDA " + std::to_string(version / 1000) + "." +
                        std::to_string(version % 1000 / 10)};
}

Result<CudaDriver::Handle> CudaDriver::load(const std::string &ptx) const {
  std::string log(8192, '\0');
  int options[] = {jitErrorLog, jitErrorLogBytes};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size())};
  Handle module = nullptr;
  int error = moduleLoadDataEx(&module, ptx.c_str(), 2, options, values);
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
            funcSetAttribute(function, maxDynamicSharedBytes,
                             static_cast<int>(problem.dynamicShared)),
            "cuFuncSetAttribute");
        !status)
      return status;
  int error = launchKernel(function, problem.grid.x, problem.grid.y,
                           problem.grid.z, problem.block.x, problem.block.y,
                           problem.block.z, problem.dynamicShared, nullptr,
                           arguments.data(), nullptr);
  if (Status status = check(error, "cuLaunchKernel"); !status)
    return status;
  Status status = check(ctxSynchronize(), "the kernel");
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
    if (Status status = check(moduleGetFunction(&function, *module, "kernel"),
                              "cuModuleGetFunction");
        !status)
      return status;
    // Never empty: 0 bytes are an error of cuMemAlloc.
    if (Status status =
            check(memAlloc(&input, problem.input.size() + 16), "cuMemAlloc");
        !status)
      return status;
    if (Status status =
            check(memAlloc(&output, bytes.size() + 16), "cuMemAlloc");
        !status)
      return status;
    if (!problem.input.empty())
      if (Status status = check(memcpyHtoD(input, problem.input.data(),
                                           problem.input.size()),
                                "cuMemcpyHtoD");
          !status)
        return status;
    if (Status status = check(memcpyHtoD(output, problem.initialOutput.data(),
                                         bytes.size()),
                              "cuMemcpyHtoD");
        !status)
      return status;
    if (Status status = launch(function, problem, input, output, isSpent);
        !status)
      return status;
    return check(memcpyDtoH(bytes.data(), output, bytes.size()),
                 "cuMemcpyDtoH");
  };
  Status status = attempt();
  if (isSpent)
    return status.takeFailure();
  // Nothing can be done about errors of these.
  if (input)
    memFree(input);
  if (output)
    memFree(output);
  moduleUnload(*module);
  if (!status)
    return status.takeFailure();
  return bytes;
}
