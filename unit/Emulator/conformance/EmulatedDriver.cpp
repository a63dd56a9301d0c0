//===- EmulatedDriver.cpp - A driver without a GPU, for tests -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What attn_conformance asks of NVIDIA's driver, answered by the emulator: so
// the way to a GPU is tested on machines that have none. As libcuda.so.1 does,
// it fails for good once a kernel has failed.
//
// ATTN_EMULATED_DRIVER_FAILS, _DIES and _HANGS hold text; a module with this
// text in it does so when it runs.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Emulator.h"
#include "runtime/devices/emulator/Memory.h"
#include "runtime/devices/emulator/TensorMap.h"
#include "runtime/devices/emulator/ptx/Ast.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

using namespace attn;
using namespace attn::emulator;

namespace {
struct LoadedModule {
  std::string ptx;
  Module module;
};

constexpr int invalidPtx = 218, illegalAddress = 700;

Memory memory;
int sticky = 0;

/// True if an environment variable names text of the module.
bool isAskedTo(const char *what, const std::string &ptx) {
  const char *text =
      std::getenv((std::string("ATTN_EMULATED_DRIVER_") + what).c_str());
  return text && ptx.find(text) != std::string::npos;
}
} // namespace

extern "C" {
int cuInit(unsigned) { return sticky; }
int cuDriverGetVersion(int *version) {
  *version = 13000;
  return 0;
}
int cuGetErrorName(int error, const char **name) {
  *name = error == invalidPtx ? "CUDA_ERROR_INVALID_PTX"
                              : "CUDA_ERROR_ILLEGAL_ADDRESS";
  return 0;
}
int cuGetErrorString(int, const char **text) {
  *text = "said by the emulated driver";
  return 0;
}
int cuDeviceGet(int *device, int) {
  *device = 0;
  return 0;
}
int cuDeviceGetName(char *name, int size, int) {
  std::snprintf(name, static_cast<size_t>(size), "Emulated GPU");
  return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int) {
  *value = attribute == 75 ? 9 : 0;
  return 0;
}
int cuDevicePrimaryCtxRetain(void **context, int) {
  *context = &memory;
  return 0;
}
int cuCtxSetCurrent(void *) { return 0; }
int cuCtxSynchronize() { return sticky; }
int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  *address = reinterpret_cast<uint64_t>(memory.allocate(bytes, "buffer"));
  return sticky;
}
int cuMemFree_v2(uint64_t address) {
  memory.free(reinterpret_cast<void *>(address));
  return sticky;
}
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  std::memcpy(reinterpret_cast<void *>(to), from, bytes);
  memory.markInitialized(reinterpret_cast<void *>(to), bytes);
  return sticky;
}
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  std::memcpy(to, reinterpret_cast<void *>(from), bytes);
  return sticky;
}
int cuModuleLoadDataEx(void **module, const void *image, unsigned count,
                       int *options, void **values) {
  std::string ptx = static_cast<const char *>(image);
  Result<Module> parsed = Module::parse(ptx);
  if (!parsed) {
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == 5) // CU_JIT_ERROR_LOG_BUFFER
        std::snprintf(static_cast<char *>(values[i]), 1000, "%s",
                      parsed.error().c_str());
    return invalidPtx;
  }
  *module = new LoadedModule{ptx, std::move(*parsed)};
  return sticky;
}
int cuModuleUnload(void *module) {
  delete static_cast<LoadedModule *>(module);
  return sticky;
}
int cuModuleGetFunction(void **function, void *module, const char *) {
  *function = module;
  return sticky;
}
int cuFuncSetAttribute(void *, int, int) { return sticky; }
int cuLaunchKernel(void *function, unsigned gridX, unsigned gridY,
                   unsigned gridZ, unsigned blockX, unsigned blockY,
                   unsigned blockZ, unsigned shared, void *, void **parameters,
                   void **) {
  auto *loaded = static_cast<LoadedModule *>(function);
  if (isAskedTo("DIES", loaded->ptx))
    _exit(1);
  while (isAskedTo("HANGS", loaded->ptx))
    sleep(1);
  if (isAskedTo("FAILS", loaded->ptx)) {
    sticky = illegalAddress;
    return 0;
  }
  std::vector<Argument> arguments;
  for (const ptx::Function &kernel : loaded->module.ast().functions)
    for (const ptx::Variable &parameter : kernel.parameters) {
      const void *value = parameters[arguments.size()];
      arguments.push_back({std::string(static_cast<const char *>(value),
                                       static_cast<size_t>(parameter.bytes))});
    }
  LaunchDimensions dimensions{
      {gridX, gridY, gridZ}, {blockX, blockY, blockZ}, shared, 0};
  auto result = launch(loaded->module, "kernel", dimensions, arguments, memory,
                       LaunchOptions::unchecked());
  if (!result || !result->ok())
    sticky = illegalAddress;
  return 0;
}
int cuTensorMapEncodeTiled(void *map, uint32_t type, uint32_t rank, void *base,
                           const uint64_t *dims, const uint64_t *strides,
                           const uint32_t *box, const uint32_t *elementStrides,
                           uint32_t interleave, uint32_t swizzle,
                           uint32_t l2Promotion, uint32_t fill) {
  TensorMapDescription given;
  given.type = static_cast<TensorMapType>(type);
  given.rank = rank;
  given.base = base;
  for (uint32_t i = 0; i < rank; ++i) {
    given.dims[i] = dims[i];
    given.box[i] = box[i];
    given.elementStrides[i] = elementStrides[i];
    if (i)
      given.strides[i - 1] = strides[i - 1];
  }
  given.interleave = static_cast<TensorMapInterleave>(interleave);
  given.swizzle = static_cast<TensorMapSwizzle>(swizzle);
  given.l2Promotion = static_cast<TensorMapL2Promotion>(l2Promotion);
  given.fill = static_cast<TensorMapFill>(fill);
  Result<TensorMapBits> bits = encodeTiled(given);
  if (!bits)
    return 1;
  std::memcpy(map, &*bits, sizeof(*bits));
  return sticky;
}
}
