//===- Call.cpp - Calls of CPU payloads -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Guard.h"
#include "attn/Runtime/Module.h"

using namespace attn;

const Module::Code &Module::codeOf(const ManifestEntry &entry) const {
  return code[static_cast<size_t>(&entry - parsed.entries.data())];
}

Result<std::vector<int64_t>>
Module::outputShape(std::string_view entryName,
                    const std::vector<Argument> &inputs, int64_t output) const {
  return guarded([&]() -> Result<std::vector<int64_t>> {
    auto entry = parsed.get(entryName);
    if (!entry)
      return entry.takeFailure();
    return attn::outputShape(**entry, inputs, output);
  });
}

static Status checkWorkspace(const ManifestEntry &entry, int64_t bytes) {
  if (bytes >= 0)
    return Status::success();
  return failure("'" + entry.name +
                 "' needs more workspace than 63 bits can count (" +
                 std::to_string(bytes) + " bytes)");
}

Result<int64_t>
Module::workspaceBytes(std::string_view entryName,
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
    int64_t bytes = codeOf(**entry).workspace(frame.inputs());
    if (Status status = checkWorkspace(**entry, bytes); !status)
      return status.takeFailure();
    return bytes;
  });
}

Result<Call> Module::bind(std::string_view entryName,
                          const ArgumentView *inputs, size_t numInputs,
                          const TensorView *outputs, size_t numOutputs) const {
  return guarded([&]() -> Result<Call> {
    auto entry = parsed.get(entryName);
    if (!entry)
      return entry.takeFailure();
    Call call(shared_from_this(), **entry);
    if (Status status = call.rebind(inputs, numInputs, outputs, numOutputs);
        !status)
      return status.takeFailure();
    return call;
  });
}

Result<Call> Module::bind(std::string_view entryName,
                          const std::vector<Argument> &inputs,
                          const std::vector<Tensor> &outputs) const {
  return guarded([&]() -> Result<Call> {
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

Call::Call(std::shared_ptr<const Module> loaded, const ManifestEntry &entry)
    : module(std::move(loaded)), manifestEntry(&entry),
      run(module->codeOf(entry).run),
      workspace(module->codeOf(entry).workspace), current(entry), next(entry) {}

Status Call::rebind(const ArgumentView *inputs, size_t numInputs,
                    const TensorView *outputs, size_t numOutputs) {
  return guarded([&]() -> Status {
    if (Status status =
            next.bind(*manifestEntry, inputs, numInputs, outputs, numOutputs);
        !status)
      return status;
    int64_t bytes = workspace(next.inputs());
    if (Status status = checkWorkspace(*manifestEntry, bytes); !status)
      return status;
    std::swap(current, next);
    workspaceSize = bytes;
    return Status::success();
  });
}
