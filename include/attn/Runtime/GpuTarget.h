//===- GpuTarget.h - Which GPUs run which code ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Targets of GPU code and CUDA's rules about where it runs.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_GPUTARGET_H
#define ATTN_RUNTIME_GPUTARGET_H

#include "attn/Support/Result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace attn {

/// What code was compiled for: "sm_80", "sm_90a", "sm_100f".
struct GpuTarget {
  /// a: features of this architecture alone; f: those of its family.
  enum class Scope : uint8_t { portable, family, architecture };

  /// 10 times the compute capability: 80, 90, 100.
  int number = 0;
  Scope scope = Scope::portable;

  /// The error says what a target looks like.
  static Result<GpuTarget> parse(std::string_view name);
  std::string name() const;
  /// The same for PTX, as compilers call it: "compute_90a".
  std::string virtualName() const;

  /// Whether a cubin for this target runs on a GPU of a compute capability (80
  /// for 8.0): the same major number and at least the minor one; with scope
  /// `architecture` exactly this one.  The error says what is wrong.
  Status runsBinaryOn(int capability) const;
  /// Whether the driver can compile PTX for this target for such a GPU: for the
  /// same or a newer one; with scope `architecture` exactly this one, with
  /// scope `family` of the same major number.
  Status runsPtxOn(int capability) const;
};

/// What to compile for where such a GPU is: of the targets of the compiler, the
/// newest one whose code the GPU can run.
GpuTarget suggestedTarget(int capability);

/// "8.0" for 80.
std::string capabilityText(int capability);

} // namespace attn

#endif // ATTN_RUNTIME_GPUTARGET_H
