//===- Options.h - The command line of attn-run -----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What attn-run is asked to do.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_RUN_OPTIONS_H
#define ATTN_TOOLS_RUN_OPTIONS_H

#include "attn/Runtime/GpuDevice.h"
#include "tools/Variant.h"

namespace attn::tool {

struct RunOptions {
  std::string module;
  std::string device = "cpu";
  EmulatorOptions emulator;
  /// Empty: the only function.
  std::string function;
  /// One for each argument of the function: see makeInput.
  std::vector<std::string> inputs;
  /// Names of .npy files for the first results; an empty name skips a result.
  std::vector<std::string> outputs;
  /// File for a picture of the mask, which is drawn instead of running; empty:
  /// none.
  std::string plotMask;
  /// Lengths of the picture, if there are no inputs.
  std::optional<Lengths> shape;
  /// Scalars that belong to `shape`.
  NamedValues values;
  /// Likewise what the results should be: see loadExpected.
  std::vector<std::string> expected;
  /// The largest absolute difference from `expected` that passes.
  double tolerance = 1e-5;
  CompileOptions compile;
  int repeat = 5;
  /// 0: all cores.
  int threads = 0;
  bool noCache = false;
  bool check = false;
  bool json = false;
};

void addRunFlags(CLI::App &app, RunOptions &options);

} // namespace attn::tool

#endif // ATTN_TOOLS_RUN_OPTIONS_H
