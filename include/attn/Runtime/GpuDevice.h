//===- GpuDevice.h - GPUs, real and emulated --------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What runs GPU modules: a GPU through NVIDIA's driver, or the emulator, which
// executes PTX on the CPU with checks.  Callers need not know which it is.
//
//   auto device = createCudaDevice({});
//   auto module = package->loadFor((*device)->info().capability());
//   auto code = (*device)->load(*module);                  // once
//   auto call = (*module)->bind("prefill", inputs, outputs);
//   (*code)->launch(*call, workspace, workspaceBytes, stream);
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_GPUDEVICE_H
#define ATTN_RUNTIME_GPUDEVICE_H

#include "attn/Runtime/GpuModule.h"
#include "attn/Runtime/Package.h"

#include <memory>
#include <string>

namespace attn {

/// A CUstream or a CUevent; on the emulator something else.  A null stream is
/// the default one.
using GpuStream = void *;
using GpuEvent = void *;

/// What a workspace on a GPU is aligned to, as memory of the driver is.
constexpr size_t gpuAlignment = 256;

struct GpuDeviceInfo {
  /// "cuda:0", "emulator:sm_80".
  std::string id;
  /// "NVIDIA H200".
  std::string name;
  /// 10 times the compute capability.
  int computeCapability = 0;
  bool runsCubins = true;
  int multiprocessors = 0;
  /// Shared memory that a CTA can have, in bytes.
  int64_t maxSharedBytes = 0;
  /// 1000 * major + 10 * minor of the newest CUDA that the driver knows; 0 for
  /// the emulator.
  int driverVersion = 0;

  Package::GpuCapability capability() const {
    return {computeCapability, runsCubins};
  }
};

/// A module on a device, ready to be launched.  Keeps the device.  Immutable,
/// usable from any thread.
class GpuCode : public LoadedCode {
public:
  GpuCode(const GpuCode &) = delete;
  GpuCode &operator=(const GpuCode &) = delete;

  const GpuModule &module() const { return *loaded; }

  /// Puts the launches of an entry of the module in a stream, in their order.
  /// Neither allocates nor waits nor loads anything, so that it may be captured
  /// into a graph.  `workspace` is aligned to `gpuAlignment` and may be null if
  /// the entry needs none; until the launches have run, nothing else uses it.
  Status launch(const ManifestEntry &entry, ArgumentWords arguments,
                void *workspace, int64_t workspaceBytes,
                GpuStream stream) const;
  /// A call of the module; it may be bound to other arguments as soon as this
  /// has returned.
  Status launch(const GpuCall &call, void *workspace, int64_t workspaceBytes,
                GpuStream stream) const {
    return launch(call.entry(), call.arguments(), workspace, workspaceBytes,
                  stream);
  }

protected:
  struct KernelLaunch {
    /// Number in GpuModule::kernels().
    size_t kernel = 0;
    uint32_t grid = 0, block = 0, sharedBytes = 0;
    void *parameters = nullptr;
    size_t parameterBytes = 0;
  };
  explicit GpuCode(std::shared_ptr<const GpuModule> module)
      : loaded(std::move(module)) {}
  virtual Status launchKernel(const KernelLaunch &launch,
                              GpuStream stream) const = 0;

private:
  std::shared_ptr<const GpuModule> loaded;
};

/// A device.  Usable from any thread; streams keep the order of each.
class GpuDevice : public std::enable_shared_from_this<GpuDevice> {
public:
  virtual ~GpuDevice() = default;
  GpuDevice(const GpuDevice &) = delete;
  GpuDevice &operator=(const GpuDevice &) = delete;

  const GpuDeviceInfo &info() const { return deviceInfo; }

  /// Puts a module on the device.  The error says why it cannot run there.
  virtual Result<std::shared_ptr<const GpuCode>>
  load(std::shared_ptr<const GpuModule> module) = 0;

  /// Memory of the device, aligned to `gpuAlignment`; 0 bytes are allowed.
  /// `name` appears in reports of the emulator.
  virtual Result<void *> allocate(size_t bytes, const char *name) = 0;
  virtual Status deallocate(void *memory) = 0;
  /// Copy between the host and the device, and wait for the copy.
  virtual Status copyToDevice(void *to, const void *from, size_t bytes) = 0;
  virtual Status copyToHost(void *to, const void *from, size_t bytes) = 0;

  virtual Result<GpuStream> createStream() = 0;
  virtual Status destroyStream(GpuStream stream) = 0;
  /// Waits for all that is in the stream.  Errors of kernels appear here.
  virtual Status synchronize(GpuStream stream) = 0;

  virtual Result<GpuEvent> createEvent() = 0;
  virtual Status destroyEvent(GpuEvent event) = 0;
  virtual Status record(GpuEvent event, GpuStream stream) = 0;
  /// Seconds between two recorded events; waits for both.
  virtual Result<double> elapsed(GpuEvent begin, GpuEvent end) = 0;

protected:
  GpuDevice() = default;
  /// Checks what a module needs against `info`.
  Status checkNeeds(const GpuModule &module) const;

  GpuDeviceInfo deviceInfo;
};

/// Memory of a device that is given back with the object.
class GpuBuffer {
public:
  GpuBuffer() = default;
  static Result<GpuBuffer> allocate(std::shared_ptr<GpuDevice> device,
                                    size_t bytes, const char *name);
  GpuBuffer(GpuBuffer &&other) noexcept;
  GpuBuffer &operator=(GpuBuffer &&other) noexcept;
  ~GpuBuffer();

  void *data() const { return memory; }

private:
  std::shared_ptr<GpuDevice> device;
  void *memory = nullptr;
};

struct CudaOptions {
  /// Number of the GPU, as CUDA_VISIBLE_DEVICES leaves them.
  int ordinal = 0;
  /// A CUcontext of the host program on that GPU; null means the primary
  /// context, which CUDA's runtime and PyTorch use as well.
  void *context = nullptr;
  /// What is opened for NVIDIA's driver.
  std::string driverLibrary = "libcuda.so.1";
};

/// A GPU of this machine.  If there is none, or no driver, or an old one, the
/// error names the remedy.
Result<std::shared_ptr<GpuDevice>> createCudaDevice(const CudaOptions &options);

struct EmulatorOptions {
  /// The GPU that is emulated.
  std::string target = "sm_80";
  /// What is checked, by the names of docs/emulator.md: "race,uninit", or
  /// "none".  Empty means all.
  std::string checks;
  /// When asynchronous copies happen: "lazy", "eager" or "random".
  std::string async = "lazy";
  uint64_t seed = 0;
};

/// What the emulator counts, over all launches.
struct EmulatorStatistics {
  /// Executed by warps.
  uint64_t instructions = 0;
  /// Extra cycles of accesses to shared memory; counted with the check "banks".
  uint64_t bankConflicts = 0;
  uint64_t launches = 0;
};

/// The emulator.  Its streams run everything at once, in the order of the
/// calls; device pointers are addresses of the process, but only memory of
/// `allocate` may be used by kernels.  A launch in which a check finds a
/// mistake is an error with the reports as its text.
class EmulatorDevice : public GpuDevice {
public:
  virtual EmulatorStatistics statistics() const = 0;
};

/// Opens the plugin libattn_emulator.so, which is next to the runtime.
Result<std::shared_ptr<EmulatorDevice>>
createEmulatorDevice(const EmulatorOptions &options);

/// "cuda", "cuda:1", "emulator" or "emulator:sm_90a".
Result<std::shared_ptr<GpuDevice>> createGpuDevice(const std::string &name);

} // namespace attn

#endif // ATTN_RUNTIME_GPUDEVICE_H
