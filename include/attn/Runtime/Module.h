//===- Module.h - Compiled payloads and calls to them -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A module is a loaded CPU payload: machine code and the manifest that
// describes its entries.  A call binds an entry to its arguments, all of which
// have been checked against the manifest.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_MODULE_H
#define ATTN_RUNTIME_MODULE_H

#include "attn/Runtime/ArgumentFrame.h"
#include "attn/Runtime/CpuAbi.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace attn {

class Call;

/// Code that is ready to run, on any device.
class LoadedCode {
public:
  virtual ~LoadedCode() = default;
};

/// A loaded payload.  Immutable, usable from any thread.  Loading fails if the
/// code may use features of CPUs that this machine lacks.
class Module : public LoadedCode, public std::enable_shared_from_this<Module> {
public:
  /// Loads a shared object from a file.  The file must not be changed in place
  /// while it is loaded; replacing it by rename is fine.
  static Result<std::shared_ptr<const Module>> load(const std::string &path);
  /// Loads a shared object that is held in memory.
  static Result<std::shared_ptr<const Module>>
  loadFromMemory(std::string_view bytes);

  ~Module() override;
  Module(const Module &) = delete;
  Module &operator=(const Module &) = delete;

  const Manifest &manifest() const { return parsed; }

  /// The functions of an entry, see attn/Runtime/CpuAbi.h.
  struct Code {
    attn_cpu_entry run;
    attn_cpu_workspace workspace;
  };
  /// Of an entry of this module's manifest.
  const Code &codeOf(const ManifestEntry &entry) const;

  /// The shape of output number `output` (from 0) for these inputs, which are
  /// checked as bind checks them, except for their data pointers.
  Result<std::vector<int64_t>> outputShape(std::string_view entry,
                                           const std::vector<Argument> &inputs,
                                           int64_t output) const;

  /// Bytes of workspace that an entry needs with these inputs, which are
  /// checked likewise.
  Result<int64_t> workspaceBytes(std::string_view entry,
                                 const std::vector<Argument> &inputs) const;

  /// Checks the arguments, in the order of the manifest, against the manifest
  /// and makes a call of them.  Checked are number, kind, element type, rank,
  /// sizes, sets of equal sizes, the innermost stride (1), data pointers (not
  /// null, aligned to the element) and that all offsets fit in 63 bits; outputs
  /// also for elements that overlap because of a stride of 0.  Not checked:
  /// overlap between arguments, which is not allowed for outputs.
  Result<Call> bind(std::string_view entry, const std::vector<Argument> &inputs,
                    const std::vector<Tensor> &outputs) const;
  /// The same for views.
  Result<Call> bind(std::string_view entry, const ArgumentView *inputs,
                    size_t numInputs, const TensorView *outputs,
                    size_t numOutputs) const;

private:
  friend class Call;
  Module() = default;
  static Result<std::shared_ptr<const Module>>
  loadFrom(const std::string &path, int memoryFile, const std::string &origin);

  void *handle = nullptr;
  /// Of a payload in memory; open as long as the payload is loaded, or the
  /// loader would take the next file of this number for the same object.
  int memoryFile = -1;
  std::string memoryPath;
  Manifest parsed;
  /// One for each entry of the manifest.
  std::vector<Code> code;
};

/// An entry bound to its arguments: descriptors, scalars and the code.  Keeps
/// the module loaded; the memory of the tensors remains the caller's.  Can be
/// run any number of times, but not by two threads at once.
class Call {
public:
  Call(Call &&) = default;
  Call &operator=(Call &&) = default;

  /// Binds other arguments to the same entry, with the checks of Module::bind
  /// and without allocating.  After an error the call is as it was before.
  Status rebind(const ArgumentView *inputs, size_t numInputs,
                const TensorView *outputs, size_t numOutputs);

  /// Bytes of workspace that the call needs; 0 if none.
  int64_t workspaceBytes() const { return workspaceSize; }
  const ManifestEntry &entry() const { return *manifestEntry; }

private:
  friend class Module;
  friend class CpuDevice;

  Call(std::shared_ptr<const Module> module, const ManifestEntry &entry);

  std::shared_ptr<const Module> module;
  const ManifestEntry *manifestEntry;
  attn_cpu_entry run;
  attn_cpu_workspace workspace;
  int64_t workspaceSize = 0;
  /// What is run, and where rebind prepares the next one.
  ArgumentFrame current, next;
};

} // namespace attn

#endif // ATTN_RUNTIME_MODULE_H
