//===- Host.h - What the CPU of this machine offers -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The features of CPUs that compiled code may depend on, asked of the processor
// itself: the runtime has no LLVM that would know them.  Code for another CPU
// would end the process with an illegal instruction.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_HOST_H
#define ATTN_RUNTIME_HOST_H

#include "attn/Support/Result.h"

#include <string>
#include <string_view>
#include <vector>

namespace attn {

/// The features that this runtime can ask for, by LLVM's names ("avx512bw").
/// These are the ones that LLVM uses of its own accord when it compiles for a
/// CPU that has them.
const std::vector<std::string_view> &knownCpuFeatures();

/// Whether the processor has a feature and the operating system saves the
/// registers that belong to it.  False for a name that is not known.
bool hostHasFeature(std::string_view name);

/// What the processor calls itself, such as "Intel(R) Xeon(R) Processor".
std::string hostCpuName();

/// Everything about the processor that decides which code is compiled for it,
/// as text: vendor, model and features.
std::string hostIdentity();

/// An error that names those of `features` that this machine lacks; `cpu` is
/// what the code was compiled for.
Status checkHostFeatures(const std::vector<std::string> &features,
                         const std::string &cpu);

} // namespace attn

#endif // ATTN_RUNTIME_HOST_H
