//===- ThreadLevel.h - Facts about kernels at thread level ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads scratch memory and register tiles from the loops over vectors.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_COMPILE_THREADLEVEL_H
#define ATTN_TOOLS_COMPILE_THREADLEVEL_H

#include "tools/CompilerFlags.h"

namespace attn::tool {

/// A kernel's function.
struct FunctionShape {
  std::string name;
  /// Rows of its query and key tiles; 0 if they are not known.
  int64_t tileQ = 0, tileKv = 0;
  /// Scratch of a worker.
  int64_t arenaBytes = 0;
  /// The most vectors that a loop with multiply-adds carries, and their lanes.
  int64_t accumulators = 0, lanes = 0;
};

/// Those of the module's functions that have an arena.
Result<std::vector<FunctionShape>>
inspectThreadLevel(const std::string &text, const std::string &name,
                   const CompileOptions &options);

} // namespace attn::tool

#endif // ATTN_TOOLS_COMPILE_THREADLEVEL_H
