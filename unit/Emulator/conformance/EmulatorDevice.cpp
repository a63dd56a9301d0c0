//===- EmulatorDevice.cpp - Conformance cases on the emulator -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Devices.h"

#include "runtime/devices/emulator/Memory.h"

#include <cstring>

using namespace attn;
using namespace attn::conformance;

namespace {
class EmulatorDevice : public Device {
public:
  explicit EmulatorDevice(const emulator::LaunchOptions &options)
      : options(options), deviceInfo{"the emulator", 90, "none"} {}

  const DeviceInfo &info() const override { return deviceInfo; }
  Result<std::string> run(const Case &given, const Problem &problem) override;

private:
  emulator::LaunchOptions options;
  DeviceInfo deviceInfo;
};
} // namespace

/// A buffer with these bytes.
static uint8_t *buffer(emulator::Memory &memory, const std::string &bytes,
                       const char *name) {
  auto *data = static_cast<uint8_t *>(memory.allocate(bytes.size(), name));
  if (!bytes.empty())
    std::memcpy(data, bytes.data(), bytes.size());
  memory.markInitialized(data, bytes.size());
  return data;
}

Result<std::string> EmulatorDevice::run(const Case &, const Problem &problem) {
  Result<emulator::Module> module = emulator::Module::parse(problem.ptx);
  if (!module)
    return module.takeFailure();
  emulator::Memory memory;
  uint8_t *input = buffer(memory, problem.input, "input");
  uint8_t *output = buffer(memory, problem.initialOutput, "output");
  std::vector<emulator::Argument> arguments = {
      emulator::Argument::of(input), emulator::Argument::of(output)};
  for (const TensorMapAt &map : problem.maps) {
    emulator::TensorMapDescription description = map.description;
    description.base = (map.inOutput ? output : input) + map.offset;
    Result<emulator::TensorMapBits> bits = emulator::encodeTiled(description);
    if (!bits)
      return bits.takeFailure();
    arguments.push_back(emulator::Argument::of(*bits));
  }
  emulator::LaunchDimensions dimensions{problem.grid, problem.block,
                                        problem.dynamicShared, 0};
  Result<emulator::LaunchResult> result = emulator::launch(
      *module, "kernel", dimensions, arguments, memory, options);
  if (!result)
    return result.takeFailure();
  if (!result->ok())
    return failure(result->reports.front().str());
  return std::string(reinterpret_cast<char *>(output),
                     problem.initialOutput.size());
}

std::unique_ptr<Device>
conformance::makeEmulatorDevice(const emulator::LaunchOptions &options) {
  return std::make_unique<EmulatorDevice>(options);
}
