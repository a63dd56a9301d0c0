//===- EmulatorDevice.cpp - The emulator as a GPU -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Guard.h"
#include "Neighbour.h"
#include "attn/Runtime/GpuDevice.h"
#include "attn/Runtime/Host.h"
#include "devices/emulator/plugin/EmulatorPlugin.h"

#include <chrono>
#include <dlfcn.h>
#include <mutex>

using namespace attn;

/// Opens the plugin; it stays open.
static Result<const attn_emulator_functions *> openPlugin() {
  static std::mutex mutex;
  static const attn_emulator_functions *functions = nullptr;
  std::lock_guard<std::mutex> lock(mutex);
  if (functions)
    return functions;
#if defined(__x86_64__)
  // Before its initialisers run.
  if (Status status = checkHostFeatures(
          {"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"},
          "x86-64-v3");
      !status)
    return failure("the emulator cannot run here: " + status.error());
#endif
  auto handle = openNeighbour("libattn_emulator.so");
  if (!handle)
    return failure("there is no emulator: " + handle.error() +
                   "; install it next to the runtime");
  auto get = reinterpret_cast<decltype(&attn_emulator_functions_1)>(
      dlsym(*handle, "attn_emulator_functions_1"));
  if (!get)
    return failure("libattn_emulator.so is of another version than the "
                   "runtime; install both from the same release");
  functions = get();
  return functions;
}

namespace {
using Clock = std::chrono::steady_clock;

class Emulator : public EmulatorDevice {
public:
  static Result<std::shared_ptr<EmulatorDevice>>
  create(const EmulatorOptions &options);
  ~Emulator() override {
    if (self)
      plugin->destroy(self);
  }

  Result<std::shared_ptr<const GpuCode>>
  load(std::shared_ptr<const GpuModule> module) override;
  Result<void *> allocate(size_t bytes, const char *name) override;
  Status deallocate(void *memory) override {
    return call(plugin->deallocate, memory);
  }
  Status copyToDevice(void *to, const void *from, size_t bytes) override {
    return call(plugin->copy_in, to, from, bytes);
  }
  Status copyToHost(void *to, const void *from, size_t bytes) override {
    return call(plugin->copy_out, to, from, bytes);
  }

  // All streams are the same: a launch has run when it returns.
  Result<GpuStream> createStream() override { return GpuStream(this); }
  Status destroyStream(GpuStream) override { return Status::success(); }
  Status synchronize(GpuStream) override { return Status::success(); }

  Result<GpuEvent> createEvent() override {
    return GpuEvent(new Clock::time_point());
  }
  Status destroyEvent(GpuEvent event) override {
    delete static_cast<Clock::time_point *>(event);
    return Status::success();
  }
  Status record(GpuEvent event, GpuStream) override {
    *static_cast<Clock::time_point *>(event) = Clock::now();
    return Status::success();
  }
  Result<double> elapsed(GpuEvent begin, GpuEvent end) override {
    return std::chrono::duration<double>(
               *static_cast<Clock::time_point *>(end) -
               *static_cast<Clock::time_point *>(begin))
        .count();
  }

  EmulatorStatistics statistics() const override {
    std::lock_guard<std::mutex> lock(mutex);
    return counted;
  }

  Status launch(const attn_emulator_module *module,
                const attn_emulator_launch &launch);
  Status statusOf(char *text) const;

  const attn_emulator_functions *plugin = nullptr;

private:
  template <typename Function, typename... Arguments>
  Status call(Function function, Arguments... arguments) {
    std::lock_guard<std::mutex> lock(mutex);
    return statusOf(function(self, arguments...));
  }

  attn_emulator *self = nullptr;
  mutable std::mutex mutex;
  EmulatorStatistics counted;
};

class EmulatedCode : public GpuCode {
public:
  EmulatedCode(std::shared_ptr<Emulator> device,
               std::shared_ptr<const GpuModule> module)
      : GpuCode(std::move(module)), device(std::move(device)) {}
  ~EmulatedCode() override {
    if (decoded)
      device->plugin->unload(decoded);
  }

  /// Decodes the PTX.
  Status load();

private:
  Status launchKernel(const KernelLaunch &launch, GpuStream) const override;

  std::shared_ptr<Emulator> device;
  attn_emulator_module *decoded = nullptr;
};
} // namespace

Status Emulator::statusOf(char *text) const {
  if (!text)
    return Status::success();
  Failure failed = failure(text);
  plugin->free_text(text);
  return failed;
}

/// Numbers of the GPUs that are known best.
static GpuDeviceInfo describe(const GpuTarget &target) {
  GpuDeviceInfo info;
  info.id = "emulator:" + target.name();
  info.name = "the emulator";
  info.computeCapability = target.number;
  info.runsCubins = false;
  int number = target.number;
  bool isSmall = number == 86 || number == 89 || number / 10 == 12;
  info.maxSharedBytes = (number < 80   ? 64
                         : isSmall     ? 99
                         : number < 90 ? 163
                                       : 227) *
                        1024;
  info.multiprocessors = number == 80 ? 108 : number == 86 ? 84 : 132;
  return info;
}

Result<std::shared_ptr<EmulatorDevice>>
Emulator::create(const EmulatorOptions &options) {
  Result<GpuTarget> target = GpuTarget::parse(options.target);
  if (!target)
    return target.takeFailure();
  auto plugin = openPlugin();
  if (!plugin)
    return plugin.takeFailure();
  auto device = std::make_shared<Emulator>();
  device->plugin = *plugin;
  device->deviceInfo = describe(*target);
  attn_emulator_options given{options.checks.c_str(), options.async.c_str(),
                              options.seed};
  if (Status status =
          device->statusOf(device->plugin->create(&given, &device->self));
      !status)
    return failure("the emulator: " + status.error());
  return std::shared_ptr<EmulatorDevice>(std::move(device));
}

Result<void *> Emulator::allocate(size_t bytes, const char *name) {
  std::lock_guard<std::mutex> lock(mutex);
  if (void *memory = plugin->allocate(self, bytes, name))
    return memory;
  return failure("there is no memory for the " + std::to_string(bytes) +
                 " bytes of '" + name + "' on " + deviceInfo.id);
}

Status Emulator::launch(const attn_emulator_module *module,
                        const attn_emulator_launch &given) {
  std::lock_guard<std::mutex> lock(mutex);
  attn_emulator_statistics statistics{};
  Status status = statusOf(plugin->launch(self, module, &given, &statistics));
  counted.instructions += statistics.instructions;
  counted.bankConflicts += statistics.bank_conflicts;
  ++counted.launches;
  return status;
}

Status EmulatedCode::load() {
  // Without the NUL, which is for the driver.
  const std::string &ptx = module().code();
  if (Status status = device->statusOf(
          device->plugin->load(ptx.data(), ptx.size(), &decoded));
      !status)
    return failure(module().description() +
                   " cannot be emulated: " + status.error());
  for (const GpuModule::Kernel &kernel : module().kernels())
    if (Status status = device->statusOf(device->plugin->check_kernel(
            decoded, kernel.name.c_str(), kernel.parameterBytes));
        !status)
      return failure(module().description() +
                     " does not fit its manifest: " + status.error());
  return Status::success();
}

Status EmulatedCode::launchKernel(const KernelLaunch &launch, GpuStream) const {
  attn_emulator_launch given{};
  given.kernel = module().kernels()[launch.kernel].name.c_str();
  for (int i = 0; i < 3; ++i)
    given.grid[i] = given.block[i] = 1;
  given.grid[0] = launch.grid;
  given.block[0] = launch.block;
  given.shared_bytes = launch.sharedBytes;
  given.parameters = launch.parameters;
  given.parameter_bytes = launch.parameterBytes;
  return device->launch(decoded, given);
}

Result<std::shared_ptr<const GpuCode>>
Emulator::load(std::shared_ptr<const GpuModule> module) {
  return guarded([&]() -> Result<std::shared_ptr<const GpuCode>> {
    if (Status status = checkNeeds(*module); !status)
      return status.takeFailure();
    auto code = std::make_shared<EmulatedCode>(
        std::static_pointer_cast<Emulator>(shared_from_this()),
        std::move(module));
    if (Status status = code->load(); !status)
      return status.takeFailure();
    return std::shared_ptr<const GpuCode>(std::move(code));
  });
}

Result<std::shared_ptr<EmulatorDevice>>
attn::createEmulatorDevice(const EmulatorOptions &options) {
  return guarded([&] { return Emulator::create(options); });
}
