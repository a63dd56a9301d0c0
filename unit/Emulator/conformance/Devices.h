//===- Devices.h - Where conformance cases run ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_CONFORMANCE_DEVICES_H
#define ATTN_UNIT_EMULATOR_CONFORMANCE_DEVICES_H

#include "Case.h"

#include "attn/Support/Result.h"
#include "runtime/devices/emulator/Emulator.h"

#include <memory>

namespace attn::conformance {

struct DeviceInfo {
  std::string name;          ///< "NVIDIA H200"
  int computeCapability = 0; ///< 90 for 9.0
  std::string driver;        ///< "CUDA 13.0"
};

class Device {
public:
  virtual ~Device() = default;
  virtual const DeviceInfo &info() const = 0;
  /// Runs a case of the corpus and returns the bytes of its output. `problem`
  /// is what the case makes.
  virtual Result<std::string> run(const Case &given,
                                  const Problem &problem) = 0;
};

/// The emulator; a report of a check is a failure of the case.
std::unique_ptr<Device>
makeEmulatorDevice(const emulator::LaunchOptions &options = {});

/// The first GPU, by NVIDIA's driver. It works in a process of its own: a kernel
/// that ends in an error or does not end takes that process along, and the next
/// case gets another. `patience` are the seconds that a case may take. The error
/// says why there is no GPU.
Result<std::unique_ptr<Device>> makeCudaDevice(int patience = 30);

} // namespace attn::conformance

#endif // ATTN_UNIT_EMULATOR_CONFORMANCE_DEVICES_H
