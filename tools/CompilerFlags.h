//===- CompilerFlags.h - What attn-compile and attn-run share ---*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The flags that say what to compile and how, and writing what was made.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_COMPILERFLAGS_H
#define ATTN_TOOLS_COMPILERFLAGS_H

#include "attn/Engine/Compiler.h"
#include "tools/CommandLine.h"

namespace attn::tool {

/// Adds the positional argument for the module, and --help and --version.
void addCommonFlags(CLI::App &app, std::string &input);
/// Adds --target, --algorithm, --cpu, --cpu-features, --tile-q, --tile-kv,
/// --warps, --stages, --codegen, --alignment and --lineinfo.
void addCompileFlags(CLI::App &app, CompileOptions &options);

/// Writes to a file, which is removed again if that fails, or to "-", standard
/// output.
Status writeFile(const std::string &path, const std::string &bytes);

} // namespace attn::tool

#endif // ATTN_TOOLS_COMPILERFLAGS_H
