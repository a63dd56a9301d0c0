//===- Report.h - What attn-run prints --------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The measurements of a run, for people and as JSON.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_RUN_REPORT_H
#define ATTN_TOOLS_RUN_REPORT_H

#include "tools/attn-run/Expected.h"
#include "tools/attn-run/Workload.h"

#include <optional>
#include <string>
#include <vector>

namespace attn::tool {

struct Report {
  std::string function;
  std::string device;
  std::string target;
  /// LLVM's name of the CPU, or that of the GPU.
  std::string cpu;
  std::string algorithm;
  int64_t tileQ = 0;
  int64_t tileKv = 0;
  /// 0 on a GPU.
  int threads = 0;
  /// From text to loaded code.
  double compileSeconds = 0;
  /// Of these, nvrtc or LLVM's back end; 0 if nothing was compiled.
  double backendSeconds = 0;
  /// cold, disk, or package.
  std::string cache;
  /// Of each timed run; at least one.
  std::vector<double> seconds;
  /// Of a package, which does not hold the attention op, nobody knows.
  std::optional<int64_t> flops;
  /// Of inputs and outputs.
  int64_t bytes = 0;
  int64_t workspaceBytes = 0;
  /// Of one run; a GPU counts nothing.
  std::optional<RunStats> stats;
  std::optional<int64_t> totalTiles;
  std::optional<Check> check;
  /// One for each result that --expect gives.
  std::vector<Difference> differences;

  double medianSeconds() const;
  double minSeconds() const;
  /// Lines for a person to read.
  std::string toText() const;
  /// One JSON object on one line.  What is not finite is null.
  std::string toJson() const;
};

} // namespace attn::tool

#endif // ATTN_TOOLS_RUN_REPORT_H
