//===- PlotCommand.h - attn-run --plot-mask ---------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Draws a picture instead of running a kernel.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_RUN_PLOTCOMMAND_H
#define ATTN_TOOLS_RUN_PLOTCOMMAND_H

#include "tools/attn-run/Inputs.h"
#include "tools/attn-run/Options.h"

namespace attn::tool {

/// An error for flags that do not go together with --plot-mask, or without it.
Status checkPlotFlags(const RunOptions &options);

/// Draws the mask for the lengths given by --shape. The picture is written
/// even if it shows an error of the kernel, which is then reported too.
Status plotShape(const RunOptions &options, const std::string &text);

/// The same for the lengths and values of inputs.
Status plotInputs(const RunOptions &options, const std::string &text,
                  const std::string &function,
                  const std::vector<Value> &values);

} // namespace attn::tool

#endif // ATTN_TOOLS_RUN_PLOTCOMMAND_H
