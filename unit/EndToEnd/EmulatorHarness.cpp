//===- EmulatorHarness.cpp - Runs cases of GPUs ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include "attn/Runtime/Package.h"
#include <map>

using namespace attn;
using namespace attn::testing;
using reference::Array;

using Kernels = std::map<std::string, Result<std::shared_ptr<const GpuModule>>>;

static Result<std::shared_ptr<const GpuModule>> compileAnew(const Case &c) {
  std::string text = moduleText(c);
  Result<std::string> bytes =
      compile(text, c.name() + ".mlir", compileOptions(c), Emit::package);
  if (!bytes)
    return failure(bytes.error() + "\nin the module\n" + text);
  Result<Package> package = Package::fromBytes(std::move(*bytes), c.name());
  if (!package)
    return package.takeFailure();
  Result<GpuTarget> target = GpuTarget::parse(c.target);
  if (!target)
    return target.takeFailure();
  return package->loadFor({target->number, /*runsCubins=*/false});
}

Result<std::shared_ptr<const GpuModule>>
attn::testing::compiledForGpu(const Case &c) {
  static Kernels kernels;
  CompileOptions options = compileOptions(c);
  std::string key = options.target + " " + options.codegen + " " +
                    options.algorithm + " " + std::to_string(options.tileQ) +
                    " " + std::to_string(options.tileKv) + " " +
                    std::to_string(options.alignment) + "\n" + moduleText(c);
  auto found = kernels.find(key);
  if (found == kernels.end())
    found = kernels.emplace(key, compileAnew(c)).first;
  return found->second;
}

/// Each way to run is a device of its own: copies happen as late as they may,
/// at once, or at random.
static Result<std::shared_ptr<EmulatorDevice>>
emulatorFor(const Case &c, const RunOptions &options) {
  EmulatorOptions emulated;
  emulated.target = c.target;
  emulated.async = options.threads > 1                          ? "random"
                   : options.placement == Placement::guardAfter ? "lazy"
                                                                : "eager";
  emulated.seed = options.threads;
  if (options.countsBankConflicts)
    emulated.checks = "banks";
  static std::map<std::string, std::shared_ptr<EmulatorDevice>> devices;
  std::shared_ptr<EmulatorDevice> &known =
      devices[emulated.target + emulated.async + std::to_string(emulated.seed) +
              emulated.checks];
  if (!known) {
    Result<std::shared_ptr<EmulatorDevice>> made =
        createEmulatorDevice(emulated);
    if (!made)
      return made.takeFailure();
    known = *std::move(made);
  }
  return known;
}

namespace {
/// Memory of the device that mirrors a tensor of the host.
struct Mirror {
  const GuardedBuffer *host;
  GpuBuffer device;
};
} // namespace

/// Moves a view to the device, with everything between its elements.
static Status moveTo(const std::shared_ptr<GpuDevice> &device, Tensor &tensor,
                     const GuardedBuffer &memory, const std::string &name,
                     std::vector<Mirror> &mirrors) {
  auto buffer = GpuBuffer::allocate(device, memory.size(), name.c_str());
  if (!buffer)
    return buffer.takeFailure();
  tensor.data = buffer->data();
  mirrors.push_back({&memory, *std::move(buffer)});
  return device->copyToDevice(tensor.data, memory.data(), memory.size());
}

Result<Outcome> attn::testing::runOnEmulator(const Case &c,
                                             const std::vector<Array> &inputs,
                                             const RunOptions &options) {
  auto module = compiledForGpu(c);
  if (!module)
    return module.takeFailure();
  auto device = emulatorFor(c, options);
  if (!device)
    return device.takeFailure();
  auto code = (*device)->load(*module);
  if (!code)
    return code.takeFailure();
  auto entry = entryOf(c, (*module)->manifest(), inputs);
  if (!entry)
    return entry.takeFailure();

  Tensors tensors(c, inputs, **entry, Placement::guardAfter);
  std::vector<Mirror> mirrors;
  auto next = tensors.given.begin();
  for (size_t n = 0; n < inputs.size(); ++n)
    if (auto *tensor = std::get_if<Tensor>(&tensors.arguments[n]))
      if (Status status = moveTo(*device, *tensor, (*next++)->memory(),
                                 (*entry)->arguments[n].name, mirrors);
          !status)
        return status.takeFailure();
  const GuardedTensor *results[] = {&tensors.output, &tensors.lse};
  for (size_t n = 0; n < tensors.outputs.size(); ++n)
    if (Status status =
            moveTo(*device, tensors.outputs[n], results[n]->memory(),
                   (*entry)->arguments[inputs.size() + n].name, mirrors);
        !status)
      return status.takeFailure();

  auto call = (*module)->bind("attention", tensors.arguments, tensors.outputs);
  if (!call)
    return call.takeFailure();
  // Nothing is copied there: the emulator knows what has not been written.
  const uint64_t workspaceBytes = call->workspaceBytes();
  auto workspace = GpuBuffer::allocate(*device, workspaceBytes, "workspace");
  if (!workspace)
    return workspace.takeFailure();
  const uint64_t conflicts = (*device)->statistics().bankConflicts;
  if (Status status = (*code)->launch(*call, workspace->data(), workspaceBytes,
                                      /*stream=*/nullptr);
      !status)
    return status.takeFailure();
  if (Status status = (*device)->synchronize(/*stream=*/nullptr); !status)
    return status.takeFailure();
  for (const Mirror &mirror : mirrors)
    if (Status status = (*device)->copyToHost(
            mirror.host->data(), mirror.device.data(), mirror.host->size());
        !status)
      return status.takeFailure();
  Outcome outcome;
  tensors.finish(c, outcome);
  outcome.bankConflicts = (*device)->statistics().bankConflicts - conflicts;
  return outcome;
}
