//===- Manifest.h - What a payload holds ------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The manifest of a payload: its entries and their arguments, and what the code
// needs to run.  Payloads for CPUs and for GPUs describe entries in the same
// way; those for GPUs also say what is to be launched.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_MANIFEST_H
#define ATTN_RUNTIME_MANIFEST_H

#include "attn/Runtime/Tensor.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace attn {

class LaunchProgram;

/// The format of manifests that this runtime reads.
constexpr int64_t manifestFormat = 1;

/// A dimension of an argument, "query[2]" in the manifest.
struct ManifestDimRef {
  int64_t argument = 0;
  int64_t dimension = 0;
};

/// A dimension of an input whose size follows from another one: the source's,
/// divided by `divisor` and rounded up, plus `extra`; or 1, if `canBeOne`.
struct ManifestDerivedDim {
  ManifestDimRef dim, source;
  int64_t divisor = 1, extra = 0;
  bool canBeOne = false;
};

struct ManifestArgument {
  static constexpr int64_t dynamic = -1;

  std::string name;
  bool isOutput = false;
  ElementType type = ElementType::f32;
  bool isTensor = false;
  /// Of a tensor: what its address and the bytes between rows and so on must be
  /// a multiple of.
  int64_t alignment = 1;
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
  std::vector<ManifestDerivedDim> derivedDims;
  /// What a GPU is to launch; null in the manifest of a CPU payload.
  std::shared_ptr<const LaunchProgram> program;

  int64_t numInputs() const;
  int64_t numOutputs() const;
  /// "key[2]".
  std::string dimName(ManifestDimRef ref) const;
};

struct Manifest {
  std::string compiler;
  /// Of a GPU payload, "sm_80"; empty for a CPU payload, which has the next
  /// four instead.
  std::string target;
  std::string triple;
  std::string cpu;
  std::string features;
  /// Features of the CPU that the code may use, by LLVM's names: see Host.h.
  std::vector<std::string> requiredFeatures;
  std::vector<ManifestEntry> entries;

  /// The entry of this name or null.
  const ManifestEntry *find(std::string_view name) const;
  /// The entry of this name; the error lists those that there are.
  Result<const ManifestEntry *> get(std::string_view name) const;
};

/// Parses and checks the manifest of a CPU payload; `origin` names it in
/// errors.
Result<Manifest> parseManifest(std::string_view json,
                               const std::string &origin);
/// The same for a GPU payload: "target" is a name such as "sm_80", and each
/// entry has a "program" (see LaunchProgram.h).
Result<Manifest> parseGpuManifest(std::string_view json,
                                  const std::string &origin);

} // namespace attn

#endif // ATTN_RUNTIME_MANIFEST_H
