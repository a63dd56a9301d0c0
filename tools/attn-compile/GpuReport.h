//===- GpuReport.h - What became of kernels for a GPU -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Facts about the machine code of a module for a GPU, and how fast it should
// be.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_COMPILE_GPUREPORT_H
#define ATTN_TOOLS_COMPILE_GPUREPORT_H

#include "tools/CompilerFlags.h"

namespace attn::tool {

/// The text that --report prints if the target is a GPU.
Result<std::string> reportGpuKernels(const std::string &text,
                                     const std::string &name,
                                     const CompileOptions &options);

} // namespace attn::tool

#endif // ATTN_TOOLS_COMPILE_GPUREPORT_H
