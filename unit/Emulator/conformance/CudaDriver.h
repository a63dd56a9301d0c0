//===- CudaDriver.h - Runs conformance cases on a GPU -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Through NVIDIA's driver, in the process that calls it.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_CONFORMANCE_CUDADRIVER_H
#define ATTN_UNIT_EMULATOR_CONFORMANCE_CUDADRIVER_H

#include "Devices.h"
#include "runtime/devices/cuda/CudaDriver.h"

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
  using Address = cuda::Address;
  using Handle = cuda::Handle;

  Status check(int error, const std::string &what) const {
    return driver->check(error, what);
  }
  Result<Handle> load(const std::string &ptx) const;
  Status launch(Handle function, const Problem &problem, Address input,
                Address output, bool &isSpent) const;

  const cuda::CudaDriver *driver = nullptr;
  int device = 0;
};

} // namespace attn::conformance

#endif // ATTN_UNIT_EMULATOR_CONFORMANCE_CUDADRIVER_H
