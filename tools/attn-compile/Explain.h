//===- Explain.h - What the algorithms cost ---------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Counts operations, bytes and memory of each algorithm at given lengths.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_COMPILE_EXPLAIN_H
#define ATTN_TOOLS_COMPILE_EXPLAIN_H

#include "tools/Variant.h"
#include "tools/attn-compile/DeviceModel.h"

namespace attn::tool {

/// The text that --explain prints, a table with a column for each algorithm.
/// Without lengths: 1024 queries and keys, or the static sizes. The algorithm
/// in `options` is not looked at.
Result<std::string> explain(const std::string &text, const std::string &name,
                            const CompileOptions &options,
                            const std::optional<Lengths> &lengths,
                            const NamedValues &values,
                            const DeviceModel &device);

} // namespace attn::tool

#endif // ATTN_TOOLS_COMPILE_EXPLAIN_H
