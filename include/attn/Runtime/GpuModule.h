//===- GpuModule.h - Compiled GPU payloads and calls ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A GPU module is code for GPUs and the manifest that describes its entries: no
// device is needed to check arguments, to ask for the shapes of outputs and to
// size a workspace.  A GpuDevice loads it (see GpuDevice.h).
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_GPUMODULE_H
#define ATTN_RUNTIME_GPUMODULE_H

#include "attn/Runtime/ArgumentFrame.h"
#include "attn/Runtime/GpuTarget.h"
#include "attn/Runtime/LaunchProgram.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace attn {

class GpuCall;

/// Immutable, usable from any thread.
class GpuModule : public std::enable_shared_from_this<GpuModule> {
public:
  enum class Kind : uint8_t { cubin, ptx };

  /// Checks the manifest; `origin` names the payload in errors.
  static Result<std::shared_ptr<const GpuModule>>
  create(Kind kind, std::string_view manifestJson, std::string_view code,
         const std::string &origin);

  Kind kind() const { return codeKind; }
  const GpuTarget &target() const { return codeTarget; }
  const Manifest &manifest() const { return parsed; }
  /// A cubin, or PTX with a NUL behind it.
  const std::string &code() const { return codeBytes; }
  /// "the PTX for sm_80".
  std::string description() const;

  /// A kernel that launches name.
  struct Kernel {
    std::string name;
    /// The most dynamic shared memory and threads that a launch gives it.
    int64_t sharedBytes = 0, threads = 0;
    size_t parameterBytes = 0;
  };
  /// Each kernel once.
  const std::vector<Kernel> &kernels() const { return allKernels; }
  /// Number of the kernel of a launch of an entry of this module's manifest.
  size_t kernelOf(const ManifestEntry &entry, size_t launch) const;

  /// Bytes of workspace that an entry needs with these inputs, which are
  /// checked as bind checks them, except for their data pointers.
  Result<int64_t> workspaceBytes(std::string_view entry,
                                 const std::vector<Argument> &inputs) const;

  /// Checks the arguments as Module::bind does and makes a call of them.  Data
  /// pointers are those of the device.
  Result<GpuCall> bind(std::string_view entry,
                       const std::vector<Argument> &inputs,
                       const std::vector<Tensor> &outputs) const;
  Result<GpuCall> bind(std::string_view entry, const ArgumentView *inputs,
                       size_t numInputs, const TensorView *outputs,
                       size_t numOutputs) const;

private:
  GpuModule() = default;
  Status collectKernels(const std::string &origin);

  Kind codeKind = Kind::ptx;
  GpuTarget codeTarget;
  Manifest parsed;
  std::string codeBytes;
  std::vector<Kernel> allKernels;
  /// For each entry and launch.
  std::vector<std::vector<size_t>> kernelNumbers;
};

/// An entry bound to its arguments.  Keeps the module; the memory of the
/// tensors remains the caller's.  Can be launched any number of times, but must
/// not be changed meanwhile.
class GpuCall {
public:
  GpuCall(GpuCall &&) = default;
  GpuCall &operator=(GpuCall &&) = default;

  /// Binds other arguments to the same entry without allocating.  After an
  /// error the call is as it was before.
  Status rebind(const ArgumentView *inputs, size_t numInputs,
                const TensorView *outputs, size_t numOutputs);

  int64_t workspaceBytes() const { return workspaceSize; }
  const ManifestEntry &entry() const { return *manifestEntry; }
  const GpuModule &module() const { return *owner; }
  ArgumentWords arguments() const { return current.arguments(); }

private:
  friend class GpuModule;
  GpuCall(std::shared_ptr<const GpuModule> module, const ManifestEntry &entry)
      : owner(std::move(module)), manifestEntry(&entry), current(entry),
        next(entry) {}

  std::shared_ptr<const GpuModule> owner;
  const ManifestEntry *manifestEntry;
  int64_t workspaceSize = 0;
  /// What is launched, and where rebind prepares the next one.
  ArgumentFrame current, next;
};

} // namespace attn

#endif // ATTN_RUNTIME_GPUMODULE_H
