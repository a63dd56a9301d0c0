//===- KernelReport.h - What the code generator made ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Facts about the machine code of a module: size, registers, spills, calls.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_COMPILE_KERNELREPORT_H
#define ATTN_TOOLS_COMPILE_KERNELREPORT_H

#include "tools/CompilerFlags.h"

namespace attn::tool {

/// The text that --report prints.
Result<std::string> reportKernels(const std::string &text,
                                  const std::string &name,
                                  const CompileOptions &options);

} // namespace attn::tool

#endif // ATTN_TOOLS_COMPILE_KERNELREPORT_H
