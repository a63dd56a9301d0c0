//===- GpuTestSupport.h - A package for tests of GPU devices ----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_GPU_GPUTESTSUPPORT_H
#define ATTN_UNIT_GPU_GPUTESTSUPPORT_H

#include "attn/Runtime/GpuDevice.h"

#include "unit/Emulator/driver/EmulatedDriver.h"

#include <string>
#include <vector>

namespace attn::test {

/// PTX with small kernels, written by hand:
///
///   layer(x, length, weight) -> y       y[i] = i < length ? 3 x[i] + weight :
///   0 advance() -> length                 length = (7 length + 3) mod 41
///   accumulate(x) -> sum                sum[i] += x[i]
///   mix(x, weight) -> y                 y[i] = w[i] + w[n - 1 - i] by way of
///                                       w = weight x in the workspace
///   shared(x) -> y                      y[0] = x[0] by way of 64 KiB of shared
///                                       memory
///   attend(query, key) -> y             y[i] = query[i] + key[0] by way of the
///                                       workspace; of rank 4, as in a plan
///   wild(x) -> y                        writes behind the end of y
///
/// Tensors are i32 of rank 1.  `version` and `target` go into the PTX.
std::string testPtx(const std::string &version = "8.0",
                    const std::string &target = "sm_80");

/// The manifest that belongs to it.
std::string testManifest(const std::string &target = "sm_80");

/// Its module.
std::shared_ptr<const GpuModule>
makeTestModule(const std::string &ptx = testPtx(),
               const std::string &target = "sm_80");

/// A tensor of rank 1 in memory of a device.
class DeviceTensor {
public:
  DeviceTensor(std::shared_ptr<GpuDevice> device,
               const std::vector<int32_t> &values, const char *name = "x");
  Tensor tensor() const;
  std::vector<int32_t> read() const;
  void write(const std::vector<int32_t> &values) const;

private:
  std::shared_ptr<GpuDevice> device;
  GpuBuffer buffer;
  int64_t size;
};

/// The emulated driver as `createCudaDevice` opens it, reset.
class ScopedDriver {
public:
  ScopedDriver();
  ~ScopedDriver();
  const EmulatedDriverControl *operator->() const { return control; }
  /// A function of the driver that the runtime does not use.
  void *function(const char *name) const;
  /// Options for it; the driver says its version anew.
  CudaOptions options() const;

private:
  void *handle;
  const EmulatedDriverControl *control;
};

/// Calls of operator new by this thread so far.
int64_t allocationsOfThread();

} // namespace attn::test

#endif // ATTN_UNIT_GPU_GPUTESTSUPPORT_H
