//===- OpenDriver.h - The emulated driver of tests of the API ---*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_GPU_OPENDRIVER_H
#define ATTN_UNIT_GPU_OPENDRIVER_H

#include "unit/Emulator/driver/EmulatedDriver.h"

#include <dlfcn.h>

namespace attn::test {

/// The emulated driver, which has the name of NVIDIA's, so that the runtime
/// gets it; null if this process has another one.
inline void *openDriver() {
  static void *driver = [] {
    return dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD)
               ? nullptr
               : dlopen(ATTN_TEST_DRIVER, RTLD_NOW | RTLD_LOCAL);
  }();
  return driver;
}

/// Its control, after openDriver.
inline const EmulatedDriverControl *driverControl() {
  return static_cast<const EmulatedDriverControl *>(
      dlsym(openDriver(), "emulatedDriverControl"));
}

} // namespace attn::test

#endif // ATTN_UNIT_GPU_OPENDRIVER_H
