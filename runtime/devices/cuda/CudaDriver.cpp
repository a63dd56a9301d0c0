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
#include <map>
#include <memory>
#include <mutex>

using namespace attn;
using namespace attn::cuda;

std::string attn::cuda::versionText(int version) {
  return std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

std::string attn::cuda::driverRelease(int version) {
  // From the release notes of CUDA: the branch that came with each version.
  constexpr struct {
    int version, branch;
  } releases[] = {{12000, 525}, {12010, 530}, {12020, 535}, {12030, 545},
                  {12040, 550}, {12050, 555}, {12060, 560}, {12080, 570},
                  {12090, 575}, {13000, 580}, {13010, 590}};
  for (const auto &release : releases)
    if (release.version >= version)
      return "driver " + std::to_string(release.branch) + " or newer";
  return "a driver for CUDA " + versionText(version) + " or newer";
}

Status CudaDriver::check(int error, const std::string &what) const {
  if (error == success)
    return Status::success();
  const char *name = nullptr, *text = nullptr;
  getErrorName(error, &name);
  getErrorString(error, &text);
  return failure(what + ": " + (name ? name : "an unknown error") + " (" +
                     std::to_string(error) + ")" +
                     (text ? std::string(", ") + text : std::string()),
                 error);
}

Status CudaDriver::load(const std::string &name) {
  void *library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    return failure("there is no NVIDIA driver: " +
                   std::string(reason ? reason : name.c_str()) +
                   "; install it (nvidia-smi shows whether it works; a "
                   "container needs --gpus=all), or use the device 'emulator' "
                   "or 'cpu'");
  }
  // These two are in every driver.
  int (*getVersion)(int *) = nullptr;
  void *symbol = dlsym(library, "cuDriverGetVersion");
  std::memcpy(&getVersion, &symbol, sizeof(symbol));
  if (!getVersion || getVersion(&version) != success)
    return failure("'" + name +
                   "' is no driver of NVIDIA: it does not tell "
                   "its version; remove it from the path of the "
                   "loader");
  int (*getProcAddress)(const char *, void **, int, uint64_t, int *) = nullptr;
  symbol = dlsym(library, "cuGetProcAddress_v2");
  std::memcpy(&getProcAddress, &symbol, sizeof(symbol));
  if (version < oldestDriver || !getProcAddress)
    return failure("NVIDIA's driver is too old: it knows CUDA " +
                   versionText(version) + ", and CUDA " +
                   versionText(oldestDriver) + " is needed; install " +
                   driverRelease(oldestDriver));

  std::string missing;
  auto resolve = [&](auto &function, const char *name) {
    void *found = nullptr;
    if (getProcAddress(name, &found, oldestDriver, 0, nullptr) != success ||
        !found)
      missing = name;
    std::memcpy(&function, &found, sizeof(found));
  };
  resolve(init, "cuInit");
  resolve(getErrorName, "cuGetErrorName");
  resolve(getErrorString, "cuGetErrorString");
  resolve(deviceGetCount, "cuDeviceGetCount");
  resolve(deviceGet, "cuDeviceGet");
  resolve(deviceGetName, "cuDeviceGetName");
  resolve(deviceGetAttribute, "cuDeviceGetAttribute");
  resolve(primaryCtxRetain, "cuDevicePrimaryCtxRetain");
  resolve(primaryCtxRelease, "cuDevicePrimaryCtxRelease");
  resolve(ctxGetCurrent, "cuCtxGetCurrent");
  resolve(ctxSetCurrent, "cuCtxSetCurrent");
  resolve(ctxGetDevice, "cuCtxGetDevice");
  resolve(ctxSynchronize, "cuCtxSynchronize");
  resolve(memAlloc, "cuMemAlloc");
  resolve(memFree, "cuMemFree");
  resolve(memcpyHtoD, "cuMemcpyHtoD");
  resolve(memcpyDtoH, "cuMemcpyDtoH");
  resolve(moduleLoadDataEx, "cuModuleLoadDataEx");
  resolve(moduleUnload, "cuModuleUnload");
  resolve(moduleGetFunction, "cuModuleGetFunction");
  resolve(funcSetAttribute, "cuFuncSetAttribute");
  resolve(funcGetAttribute, "cuFuncGetAttribute");
  resolve(launchKernel, "cuLaunchKernel");
  resolve(streamCreate, "cuStreamCreate");
  resolve(streamDestroy, "cuStreamDestroy");
  resolve(streamSynchronize, "cuStreamSynchronize");
  resolve(eventCreate, "cuEventCreate");
  resolve(eventDestroy, "cuEventDestroy");
  resolve(eventRecord, "cuEventRecord");
  resolve(eventSynchronize, "cuEventSynchronize");
  resolve(eventElapsedTime, "cuEventElapsedTime");
  if (!missing.empty())
    return failure("NVIDIA's driver has no function '" + missing +
                   "'; install " + driverRelease(oldestDriver));

  int error = init(0);
  Status status = check(error, "NVIDIA's driver does not start");
  switch (error) {
  case success:
    return status;
  case noDevice:
    return failure("there is no NVIDIA GPU that this process may use; check "
                   "nvidia-smi and CUDA_VISIBLE_DEVICES, or use the device "
                   "'emulator' or 'cpu'",
                   error);
  case stubLibrary:
    return failure("'" + name +
                       "' is the stub of the CUDA toolkit, which is "
                       "for linking only; remove its folder 'stubs' "
                       "from LD_LIBRARY_PATH",
                   error);
  case driverMismatch:
    return failure("the libraries of NVIDIA's driver are of another version "
                   "than its kernel module (" +
                       status.error() + "); reboot, or reinstall the driver",
                   error);
  default:
    return failure(status.error() + "; check nvidia-smi", error);
  }
}

Result<const CudaDriver *> CudaDriver::open(const std::string &library) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<const CudaDriver>> opened;
  std::lock_guard<std::mutex> lock(mutex);
  if (auto found = opened.find(library); found != opened.end())
    return found->second.get();
  auto driver = std::make_unique<CudaDriver>();
  // A failure is not kept: a driver may be installed meanwhile.
  if (Status status = driver->load(library); !status)
    return status.takeFailure();
  return (opened[library] = std::move(driver)).get();
}
