//===- CudaDriver.h - The functions of NVIDIA's driver ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Those that are used, opened at run time: no part of CUDA is needed to build.
// Names and numbers are those of cuda.h.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_CUDA_CUDADRIVER_H
#define ATTN_RUNTIME_DEVICES_CUDA_CUDADRIVER_H

#include "attn/Support/Result.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace attn::cuda {

using Address = uint64_t;
/// A CUcontext, CUmodule, CUfunction, CUstream or CUevent.
using Handle = void *;

constexpr int success = 0;
// Errors that have a sentence of their own.
constexpr int outOfMemory = 2, stubLibrary = 34, noDevice = 100,
              invalidDevice = 101, noBinaryForGpu = 209, invalidPtx = 218,
              unsupportedPtxVersion = 222, driverMismatch = 803;

// Of CUdevice_attribute.
constexpr int multiprocessorCount = 16, computeCapabilityMajor = 75,
              computeCapabilityMinor = 76, maxSharedBytesOptin = 97;
// Of CUfunction_attribute.
constexpr int maxThreadsPerBlock = 0, staticSharedBytes = 1,
              maxDynamicSharedBytes = 8;
// Of CUjit_option.
constexpr int jitErrorLog = 5, jitErrorLogBytes = 6;

/// The oldest driver that works: CUDA 12.0.
constexpr int oldestDriver = 12000;

/// "12.4" for 12040.
std::string versionText(int version);
/// "driver 550 or newer" for the CUDA version that is needed.
std::string driverRelease(int version);

/// The driver, opened and initialised.  Stays open.
class CudaDriver {
public:
  /// Opens the library of this name.  Errors (none there, too old, no GPU) name
  /// the remedy.  What has been opened once is given again.
  static Result<const CudaDriver *> open(const std::string &library);

  /// Success, or "WHAT: NAME_OF_THE_ERROR (700), text".
  Status check(int error, const std::string &what) const;

  /// 1000 * major + 10 * minor of the newest CUDA that it knows.
  int version = 0;

  int (*init)(unsigned);
  int (*getErrorName)(int, const char **);
  int (*getErrorString)(int, const char **);
  int (*deviceGetCount)(int *);
  int (*deviceGet)(int *, int);
  int (*deviceGetName)(char *, int, int);
  int (*deviceGetAttribute)(int *, int, int);
  int (*primaryCtxRetain)(Handle *, int);
  int (*primaryCtxRelease)(int);
  int (*ctxGetCurrent)(Handle *);
  int (*ctxSetCurrent)(Handle);
  int (*ctxGetDevice)(int *);
  int (*ctxSynchronize)();
  int (*memAlloc)(Address *, size_t);
  int (*memFree)(Address);
  int (*memcpyHtoD)(Address, const void *, size_t);
  int (*memcpyDtoH)(void *, Address, size_t);
  int (*moduleLoadDataEx)(Handle *, const void *, unsigned, int *, void **);
  int (*moduleUnload)(Handle);
  int (*moduleGetFunction)(Handle *, Handle, const char *);
  int (*funcSetAttribute)(Handle, int, int);
  int (*funcGetAttribute)(int *, int, Handle);
  int (*launchKernel)(Handle, unsigned, unsigned, unsigned, unsigned, unsigned,
                      unsigned, unsigned, Handle, void **, void **);
  int (*streamCreate)(Handle *, unsigned);
  int (*streamDestroy)(Handle);
  int (*streamSynchronize)(Handle);
  int (*eventCreate)(Handle *, unsigned);
  int (*eventDestroy)(Handle);
  int (*eventRecord)(Handle, Handle);
  int (*eventSynchronize)(Handle);
  int (*eventElapsedTime)(float *, Handle, Handle);

private:
  Status load(const std::string &library);
};

} // namespace attn::cuda

#endif // ATTN_RUNTIME_DEVICES_CUDA_CUDADRIVER_H
