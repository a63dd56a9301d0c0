//===- DeviceModel.h - Rooflines of devices ---------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Peak speed, bandwidth and fast memory of devices, for estimates.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_COMPILE_DEVICEMODEL_H
#define ATTN_TOOLS_COMPILE_DEVICEMODEL_H

#include "tools/CompilerFlags.h"

namespace attn::tool {

struct DeviceModel {
  std::string name;
  /// FLOP/s of f32 multiply-adds, and of products of 16-bit types.
  double peakF32 = 0, peak16 = 0;
  /// Bytes/s between memory and the chip.
  double bandwidth = 0;
  /// Bytes of fast memory that one task has: a core's second-level cache, or
  /// the shared memory of a multiprocessor.
  double onChip = 0;
};

/// What the command line says about the device.
struct DeviceOptions {
  std::string name = "genoa-core";
  /// Of this-cpu; 0 is not given.
  double peakGflops = 0, bandwidthGbs = 0, onChipKib = 0;
};

void addDeviceFlags(CLI::App &app, DeviceOptions &options);

/// The model asked for; an error if this-cpu lacks a number, or another device
/// is given one.
Result<DeviceModel> chooseDevice(const DeviceOptions &options);

} // namespace attn::tool

#endif // ATTN_TOOLS_COMPILE_DEVICEMODEL_H
