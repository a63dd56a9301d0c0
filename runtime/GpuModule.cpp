//===- GpuModule.cpp - Compiled GPU payloads and calls --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/GpuModule.h"
#include "Guard.h"

#include <algorithm>

using namespace attn;

Result<std::shared_ptr<const GpuModule>>
GpuModule::create(Kind kind, std::string_view manifestJson,
                  std::string_view code, const std::string &origin) {
  return guarded([&]() -> Result<std::shared_ptr<const GpuModule>> {
    auto manifest = parseGpuManifest(manifestJson, origin);
    if (!manifest)
      return manifest.takeFailure();
    std::shared_ptr<GpuModule> module(new GpuModule());
    module->codeKind = kind;
    // The manifest's parser has checked it.
    module->codeTarget = *GpuTarget::parse(manifest->target);
    module->parsed = *std::move(manifest);
    module->codeBytes = code;
    if (Status status = module->collectKernels(origin); !status)
      return status.takeFailure();
    return std::shared_ptr<const GpuModule>(std::move(module));
  });
}

Status GpuModule::collectKernels(const std::string &origin) {
  for (const ManifestEntry &entry : parsed.entries) {
    std::vector<size_t> &numbers = kernelNumbers.emplace_back();
    for (const LaunchProgram::Launch &launch : entry.program->launches()) {
      auto found = std::find_if(
          allKernels.begin(), allKernels.end(),
          [&](const Kernel &kernel) { return kernel.name == launch.kernel; });
      if (found == allKernels.end())
        found = allKernels.insert(found,
                                  {launch.kernel, 0, 0, launch.parameterBytes});
      if (found->parameterBytes != launch.parameterBytes)
        return failure("the manifest of " + origin + ": '" + launch.kernel +
                       "' is launched with " +
                       std::to_string(found->parameterBytes) + " and with " +
                       std::to_string(launch.parameterBytes) +
                       " bytes of parameters");
      found->sharedBytes = std::max(found->sharedBytes, launch.sharedBytes);
      found->threads = std::max(found->threads, launch.block);
      numbers.push_back(static_cast<size_t>(found - allKernels.begin()));
    }
  }
  return Status::success();
}

std::string GpuModule::description() const {
  return (codeKind == Kind::cubin ? "the cubin for " : "the PTX for ") +
         codeTarget.name();
}

size_t GpuModule::kernelOf(const ManifestEntry &entry, size_t launch) const {
  return kernelNumbers[static_cast<size_t>(&entry - parsed.entries.data())]
                      [launch];
}

static Result<int64_t> workspaceOf(const ManifestEntry &entry,
                                   const ArgumentFrame &frame) {
  LaunchValues values;
  entry.program->evaluate(frame.arguments(), values);
  return entry.program->workspaceBytes(values);
}

Result<int64_t>
GpuModule::workspaceBytes(std::string_view entryName,
                          const std::vector<Argument> &inputs) const {
  return guarded([&]() -> Result<int64_t> {
    auto entry = parsed.get(entryName);
    if (!entry)
      return entry.takeFailure();
    auto views = ArgumentViews::create(**entry, inputs);
    if (!views)
      return views.takeFailure();
    ArgumentFrame frame(**entry);
    if (Status status = frame.bindInputs(**entry, views->inputs.data(),
                                         views->inputs.size());
        !status)
      return status.takeFailure();
    return workspaceOf(**entry, frame);
  });
}

Result<GpuCall> GpuModule::bind(std::string_view entryName,
                                const ArgumentView *inputs, size_t numInputs,
                                const TensorView *outputs,
                                size_t numOutputs) const {
  return guarded([&]() -> Result<GpuCall> {
    auto entry = parsed.get(entryName);
    if (!entry)
      return entry.takeFailure();
    GpuCall call(shared_from_this(), **entry);
    if (Status status = call.rebind(inputs, numInputs, outputs, numOutputs);
        !status)
      return status.takeFailure();
    return call;
  });
}

Result<GpuCall> GpuModule::bind(std::string_view entryName,
                                const std::vector<Argument> &inputs,
                                const std::vector<Tensor> &outputs) const {
  return guarded([&]() -> Result<GpuCall> {
    auto entry = parsed.get(entryName);
    if (!entry)
      return entry.takeFailure();
    auto views = ArgumentViews::create(**entry, inputs, outputs);
    if (!views)
      return views.takeFailure();
    return bind(entryName, views->inputs.data(), views->inputs.size(),
                views->outputs.data(), views->outputs.size());
  });
}

Status GpuCall::rebind(const ArgumentView *inputs, size_t numInputs,
                       const TensorView *outputs, size_t numOutputs) {
  return guarded([&]() -> Status {
    if (Status status =
            next.bind(*manifestEntry, inputs, numInputs, outputs, numOutputs);
        !status)
      return status;
    Result<int64_t> bytes = workspaceOf(*manifestEntry, next);
    if (!bytes)
      return bytes.takeFailure();
    std::swap(current, next);
    workspaceSize = *bytes;
    return Status::success();
  });
}
