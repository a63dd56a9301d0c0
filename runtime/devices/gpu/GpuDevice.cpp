//===- GpuDevice.cpp - What GPUs have in common ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/GpuDevice.h"
#include "Guard.h"

#include <charconv>
#include <utility>

using namespace attn;

Status GpuCode::launch(const ManifestEntry &entry, ArgumentWords arguments,
                       void *workspace, int64_t workspaceBytes,
                       GpuStream stream) const {
  const LaunchProgram &program = *entry.program;
  auto fail = [&](const std::string &what) {
    return failure("the workspace of '" + entry.name + "' " + what);
  };
  LaunchValues values;
  program.evaluate(arguments, values);
  Result<int64_t> needed = program.workspaceBytes(values);
  if (!needed)
    return needed.takeFailure();
  if (workspaceBytes < *needed)
    return fail("has " + std::to_string(workspaceBytes) + " bytes, expected " +
                std::to_string(*needed));
  if (*needed > 0 && !workspace)
    return fail("is null");
  if (reinterpret_cast<uintptr_t>(workspace) % gpuAlignment)
    return fail("is not aligned to " + std::to_string(gpuAlignment) + " bytes");

  // Nothing is launched if one of the launches is impossible.
  for (size_t i = 0; i < program.launches().size(); ++i)
    if (Result<int64_t> grid = program.gridOf(i, values); !grid)
      return grid.takeFailure();
  alignas(16) unsigned char parameters[LaunchProgram::maxParameterBytes];
  for (size_t i = 0; i < program.launches().size(); ++i) {
    const LaunchProgram::Launch &launch = program.launches()[i];
    int64_t grid = *program.gridOf(i, values);
    if (grid == 0)
      continue;
    if (Status status = program.writeParameters(i, arguments, values, workspace,
                                                workspaceBytes, parameters);
        !status)
      return status;
    KernelLaunch given;
    given.kernel = loaded->kernelOf(entry, i);
    given.grid = static_cast<uint32_t>(grid);
    given.block = static_cast<uint32_t>(launch.block);
    given.sharedBytes = static_cast<uint32_t>(launch.sharedBytes);
    given.parameters = parameters;
    given.parameterBytes = launch.parameterBytes;
    if (Status status = launchKernel(given, stream); !status)
      return failure("'" + entry.name + "': " + status.error(), status.code());
  }
  return Status::success();
}

Status GpuDevice::checkNeeds(const GpuModule &module) const {
  int capability = deviceInfo.computeCapability;
  bool isCubin = module.kind() == GpuModule::Kind::cubin;
  Status runs = isCubin ? module.target().runsBinaryOn(capability)
                        : module.target().runsPtxOn(capability);
  if (runs && isCubin && !deviceInfo.runsCubins)
    runs = failure("its cubin for " + module.target().name() +
                   " is machine code, and the emulator runs PTX");
  if (!runs)
    return failure(
        "the module has no code for " + deviceInfo.id + " (" + deviceInfo.name +
        ", compute capability " + capabilityText(capability) +
        "): " + runs.error() +
        "; compile it with --target=" + suggestedTarget(capability).name());
  for (const GpuModule::Kernel &kernel : module.kernels())
    if (kernel.sharedBytes > deviceInfo.maxSharedBytes)
      return failure("'" + kernel.name + "' in " + module.description() +
                     " needs " + std::to_string(kernel.sharedBytes) +
                     " bytes of shared memory, but " + deviceInfo.id + " has " +
                     std::to_string(deviceInfo.maxSharedBytes) +
                     " for a CTA; compile it with --target=" +
                     suggestedTarget(capability).name());
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

Result<GpuBuffer> GpuBuffer::allocate(std::shared_ptr<GpuDevice> device,
                                      size_t bytes, const char *name) {
  Result<void *> memory = device->allocate(bytes, name);
  if (!memory)
    return memory.takeFailure();
  GpuBuffer buffer;
  buffer.device = std::move(device);
  buffer.memory = *memory;
  return buffer;
}

GpuBuffer::GpuBuffer(GpuBuffer &&other) noexcept
    : device(std::move(other.device)),
      memory(std::exchange(other.memory, nullptr)) {}

GpuBuffer &GpuBuffer::operator=(GpuBuffer &&other) noexcept {
  std::swap(device, other.device);
  std::swap(memory, other.memory);
  return *this;
}

GpuBuffer::~GpuBuffer() {
  // Nobody is left whom an error could tell anything.
  if (device)
    (void)device->deallocate(memory);
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

Result<std::shared_ptr<GpuDevice>>
attn::createGpuDevice(const std::string &name) {
  return guarded([&]() -> Result<std::shared_ptr<GpuDevice>> {
    size_t colon = name.find(':');
    std::string kind = name.substr(0, colon);
    std::string detail =
        colon == std::string::npos ? "" : name.substr(colon + 1);
    bool hasDetail = colon != std::string::npos;
    if (kind == "cuda") {
      CudaOptions options;
      auto [end, error] = std::from_chars(
          detail.data(), detail.data() + detail.size(), options.ordinal);
      if (!hasDetail ||
          (error == std::errc() && end == detail.data() + detail.size() &&
           options.ordinal >= 0))
        return createCudaDevice(options);
    } else if (kind == "emulator") {
      EmulatorOptions options;
      if (hasDetail)
        options.target = detail;
      auto device = createEmulatorDevice(options);
      if (!device)
        return device.takeFailure();
      return std::shared_ptr<GpuDevice>(*std::move(device));
    }
    return failure("there is no device '" + name.substr(0, 60) +
                   "'; GPUs are called 'cuda', 'cuda:1', 'emulator' or "
                   "'emulator:sm_90a'");
  });
}
