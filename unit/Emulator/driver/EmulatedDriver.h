//===- EmulatedDriver.h - Controls a driver without a GPU -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_DRIVER_EMULATEDDRIVER_H
#define ATTN_UNIT_EMULATOR_DRIVER_EMULATEDDRIVER_H

#include <cstdint>

namespace attn::test {

/// What a step that is captured may not do: wait, allocate, copy from or to the
/// host, load.
inline constexpr const char *forbiddenInCapture[] = {
    "cuStreamSynchronize", "cuCtxSynchronize",   "cuEventSynchronize",
    "cuMemAlloc",          "cuMemFree",          "cuMemcpyHtoD",
    "cuMemcpyDtoH",        "cuModuleLoadDataEx", "cuModuleUnload",
    "cuModuleGetFunction", "cuFuncSetAttribute"};

/// What tests ask of the emulated driver, besides what programs ask of it.  Its
/// symbol is `emulatedDriverControl`.
struct EmulatedDriverControl {
  /// As after loading: one GPU of compute capability 9.0, CUDA 13.0, nothing
  /// counted, no error.
  void (*reset)();
  /// Calls of a function since the last reset: calls("cuMemAlloc").  "" means
  /// all functions.
  int64_t (*calls)(const char *name);
  /// What the driver says about itself.
  void (*setVersion)(int version);
  void (*setGpus)(int count, int computeCapability);
  void (*setInitError)(int error);
  /// Kernels run with all checks of the emulator; what they find is an error of
  /// the stream.
  void (*setChecked)(bool checked);
  /// Launches are counted and dropped.
  void (*setDiscarding)(bool discarding);
};

} // namespace attn::test

#endif // ATTN_UNIT_EMULATOR_DRIVER_EMULATEDDRIVER_H
