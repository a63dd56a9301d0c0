//===- AttentionKernels.h - The kernels, ready to run -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What tests and benchmarks need around the two kernels in kernels/: their
// sources, inputs with the float64 result, and a launch on the emulator.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_ATTENTIONKERNELS_H
#define ATTN_UNIT_EMULATOR_ATTENTIONKERNELS_H

#include "Mutations.h"
#include "runtime/devices/emulator/Emulator.h"

#include "attn/Support/Result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace attn::test {

struct AttentionKernel {
  /// Of the entry, and with ".cu" of the file.
  const char *name;
  /// For nvrtc to make PTX.
  const char *architecture;
  /// For each CTA.
  int queries, threads;
  uint32_t sharedBytes;
  /// Registers for each thread, as ptxas says: the pool of setmaxnreg. 0 where
  /// the kernel does not use it.
  uint32_t registers;
  /// Q, K, V and O are given as tensor maps, not as pointers.
  bool hasTensorMaps;
  /// The bugs to inject.
  const std::vector<Mutation> &(*mutations)();
};

/// attention_sm80 and attention_sm90a.
const std::vector<AttentionKernel> &attentionKernels();

/// The text of the kernel's file.
Result<std::string> readSource(const AttentionKernel &kernel);
/// The source compiled to PTX and parsed.
Result<emulator::Module> compileKernel(const AttentionKernel &kernel,
                                       const std::string &source);
/// The kernel as it is in its file, compiled once for the process.
const Result<emulator::Module> &originalOf(const AttentionKernel &kernel);

/// Self-attention of bf16 [heads, length, 64]: normally distributed inputs, and
/// the result of float64 arithmetic on them.
struct AttentionProblem {
  AttentionProblem(int heads, int length, bool causal);

  static constexpr int headDim = 64;
  int heads, length;
  bool causal;
  float scale;
  std::vector<uint16_t> query, key, value;
  std::vector<double> output, lse;
  /// Largest error of plain attention (no tiles, float64) that rounds P and O
  /// to bf16.
  double plainError = 0.0;
};

struct KernelRun {
  emulator::LaunchResult launch;
  /// Largest absolute errors; infinite if a value is not finite.
  double outputError = 0.0, lseError = 0.0;
  /// Of the launch alone: wall time, and that of the processor.
  double seconds = 0.0, cpuSeconds = 0.0;

  /// Errors of at most twice that of plain attention plus 1e-5 in O, and of
  /// 1e-3 in LSE.
  bool isAccurate(const AttentionProblem &problem) const;
};

/// The text of all reports.
std::string reportsOf(const emulator::LaunchResult &result);

/// Runs the kernel on buffers of its own, with O and LSE uninitialised.
Result<KernelRun> runKernel(const AttentionKernel &kernel,
                            const emulator::Module &module,
                            const AttentionProblem &problem,
                            const emulator::LaunchOptions &options);

} // namespace attn::test

#endif // ATTN_UNIT_EMULATOR_ATTENTIONKERNELS_H
