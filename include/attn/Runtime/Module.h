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

#include "attn/Runtime/CpuAbi.h"
#include "attn/Runtime/Tensor.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace attn {

/// The format of manifests that this runtime reads.
constexpr int64_t manifestFormat = 1;

/// A dimension of an argument, "query[2]" in the manifest.
struct ManifestDimRef {
  int64_t argument = 0;
  int64_t dimension = 0;
};

struct ManifestArgument {
  static constexpr int64_t dynamic = -1;

  std::string name;
  bool isOutput = false;
  ElementType type = ElementType::f32;
  bool isTensor = false;
  /// Sizes, or `dynamic`.  Empty for a scalar.
  std::vector<int64_t> shape;
  /// Of an output: where each dynamic size comes from (an input's dimension);
  /// meaningless where the size is static.  Empty for inputs.
  std::vector<ManifestDimRef> sources;
};

struct ManifestEntry {
  std::string name;
  std::string algorithm;
  int64_t tileQ = 0;
  int64_t tileKv = 0;
  /// Inputs first, then outputs.
  std::vector<ManifestArgument> arguments;
  /// Sets of input dimensions that must be equal at run time.
  std::vector<std::vector<ManifestDimRef>> equalDims;

  int64_t numInputs() const;
  int64_t numOutputs() const;
  /// "key[2]".
  std::string dimName(ManifestDimRef ref) const;
};

struct Manifest {
  std::string compiler;
  std::string triple;
  std::string cpu;
  std::string features;
  /// Features of the CPU that the code may use, by LLVM's names: see Host.h.
  std::vector<std::string> requiredFeatures;
  std::vector<ManifestEntry> entries;

  /// The entry of this name or null.
  const ManifestEntry *find(std::string_view name) const;
};

/// Parses and checks a manifest; `origin` names it in errors.
Result<Manifest> parseManifest(std::string_view json,
                               const std::string &origin);

class Call;

/// A loaded payload.  Immutable, usable from any thread.  Loading fails if the
/// code may use features of CPUs that this machine lacks.
class Module : public std::enable_shared_from_this<Module> {
public:
  /// Loads a shared object from a file.  The file must not be changed in place
  /// while it is loaded; replacing it by rename is fine.
  static Result<std::shared_ptr<const Module>> load(const std::string &path);
  /// Loads a shared object that is held in memory.
  static Result<std::shared_ptr<const Module>>
  loadFromMemory(std::string_view bytes);

  ~Module();
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
  Result<const ManifestEntry *> findEntry(std::string_view entry) const;

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

  /// What an entry is called with.
  struct Frame {
    /// Descriptors and scalars, one after another.
    std::vector<int64_t> words;
    /// For the entry: pointers into `words`.
    std::vector<void *> arguments;
    /// For its workspace function: the same without outputs and workspace.
    std::vector<void *> inputs;

    explicit Frame(const ManifestEntry &entry);
    void fill(const ManifestEntry &entry, const ArgumentView *inputs,
              const TensorView *outputs);
  };

  Call(std::shared_ptr<const Module> module, const ManifestEntry &entry);
  /// Sets the descriptor of the workspace.
  void setWorkspace(void *data, int64_t bytes);

  std::shared_ptr<const Module> module;
  const ManifestEntry *manifestEntry;
  attn_cpu_entry run;
  attn_cpu_workspace workspace;
  int64_t workspaceSize = 0;
  /// What is run, and where rebind prepares the next one.
  Frame current, next;
};

} // namespace attn

#endif // ATTN_RUNTIME_MODULE_H
