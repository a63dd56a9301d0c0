//===- CudaDriver.h - The functions of NVIDIA's driver ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Those that a conformance case needs, opened at run time: no part of CUDA is
// needed to build. Names and numbers are those of cuda.h.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_CONFORMANCE_CUDADRIVER_H
#define ATTN_UNIT_EMULATOR_CONFORMANCE_CUDADRIVER_H

#include "Devices.h"

namespace attn::conformance {

/// A context on the first GPU. Errors of the driver become sentences.
class CudaDriver {
public:
  /// Opens the driver and makes a context.
  static Result<CudaDriver> open();

  Result<DeviceInfo> info() const;
  /// `isSpent` is set if the context cannot be used any more.
  Result<std::string> run(const Problem &problem, bool &isSpent) const;

private:
  using Address = uint64_t;
  using Handle = void *;

  Status check(int error, const std::string &what) const;
  Result<Handle> load(const std::string &ptx) const;
  Status launch(Handle function, const Problem &problem, Address input,
                Address output, bool &isSpent) const;

  int device = 0;

  int (*init)(unsigned);
  int (*driverGetVersion)(int *);
  int (*getErrorName)(int, const char **);
  int (*getErrorString)(int, const char **);
  int (*deviceGet)(int *, int);
  int (*deviceGetName)(char *, int, int);
  int (*deviceGetAttribute)(int *, int, int);
  int (*primaryCtxRetain)(Handle *, int);
  int (*ctxSetCurrent)(Handle);
  int (*ctxSynchronize)();
  int (*memAlloc)(Address *, size_t);
  int (*memFree)(Address);
  int (*memcpyHtoD)(Address, const void *, size_t);
  int (*memcpyDtoH)(void *, Address, size_t);
  int (*moduleLoadDataEx)(Handle *, const void *, unsigned, int *, void **);
  int (*moduleUnload)(Handle);
  int (*moduleGetFunction)(Handle *, Handle, const char *);
  int (*funcSetAttribute)(Handle, int, int);
  int (*launchKernel)(Handle, unsigned, unsigned, unsigned, unsigned, unsigned,
                      unsigned, unsigned, Handle, void **, void **);
};

} // namespace attn::conformance

#endif // ATTN_UNIT_EMULATOR_CONFORMANCE_CUDADRIVER_H
