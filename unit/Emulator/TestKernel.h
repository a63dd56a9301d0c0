//===- TestKernel.h - Small kernels and their reports -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel whose body is given, with names for what most bodies need; run in
// all modes of asynchronous work and with several orders of the warps.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_TESTKERNEL_H
#define ATTN_UNIT_EMULATOR_TESTKERNEL_H

#include "runtime/devices/emulator/Emulator.h"
#include "runtime/devices/emulator/Memory.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace attn::test {

/// In the body there are
///   %p<10> %h<20> %r<400> %f<400> %d<40>   registers of 1, 16, 32, 32, 64 bits
///   %thread, %warp, %lane                     of the thread
///   %is0                                   true in thread 0
///   %b0 %b1 ...                            addresses of the buffers
///   %m0 %m1 ...                            addresses of the tensor maps
///   shared                                 `sharedBytes`, aligned to 1024
///   done                                   a label at the end
struct TestKernel {
  std::string body;
  uint32_t threads = 128;
  uint32_t sharedBytes = 4096;
  /// Bytes of buffers, which the kernel may change.
  std::vector<std::vector<uint8_t>> buffers = {};
  /// 128 bytes each; see `mapOf`.
  std::vector<std::vector<uint8_t>> maps = {};
  /// Variables and functions of the module.
  std::string module = {};
  emulator::LaunchOptions options = {};
  std::string target = "sm_90a";
  uint32_t registersPerThread = 0;
  /// Launch bounds: ".maxntid" of `threads`.
  bool hasBounds = true;
  /// Called with the addresses of the buffers, to fill in the maps.
  std::function<void(TestKernel &, const std::vector<uint8_t *> &)> prepare =
      nullptr;

  std::string ptx() const;
};

/// Runs it once.
Result<emulator::LaunchResult> run(TestKernel &kernel);

/// Runs it in every mode with seeds 0 to `seeds` - 1 and fails the test if
/// there is any report. The buffers are those of the last run.
void expectSilent(TestKernel &kernel, unsigned seeds = 4);
inline void expectSilent(TestKernel &&kernel, unsigned seeds = 4) {
  expectSilent(kernel, seeds);
}

/// The same; fails the test unless each run has a report of the kind with such
/// a text in its sentence, and none of another kind.
void expectReport(const TestKernel &kernel, emulator::ReportKind kind,
                  const std::string &text, unsigned seeds = 4);

/// The same for kernels that break two rules at once: the report need only be
/// among the others.
void expectAmongReports(const TestKernel &kernel, emulator::ReportKind kind,
                        const std::string &text, unsigned seeds = 4);

/// Each run has some report: which, depends on the order of the warps.
void expectAnyReport(const TestKernel &kernel, unsigned seeds = 4);

/// Words of a buffer.
std::vector<uint32_t> wordsOf(const std::vector<uint8_t> &bytes);
std::vector<uint8_t> bytesOf(const std::vector<uint32_t> &words);

} // namespace attn::test

#endif // ATTN_UNIT_EMULATOR_TESTKERNEL_H
