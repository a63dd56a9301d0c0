//===- PtxKernel.h - Small kernels and what is reported ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For tests of the checks: a kernel of a few lines, run by one or several CTAs,
// that makes a mistake or does not.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_PTXKERNEL_H
#define ATTN_UNIT_EMULATOR_PTXKERNEL_H

#include "runtime/devices/emulator/Emulator.h"

#include <cstdint>
#include <string>
#include <vector>

namespace attn::test {

/// A kernel of these lines. Beside %p, %h, %r and %d as in PtxLines they have
/// %thread, %lane, %warp and %cta, 32 bits; the pointers %in, to 4096
/// initialised bytes (byte n is n % 251), and %out, to 4096 bytes that nothing
/// has written; %shared and %lshared, 32 bits: the address of the array
/// `shared`, and that plus 16 %thread; %lin, %lout, 64 bits: %in and %out plus
/// 16 (%thread + %cta * threads). The predicates %warp0, %warp1 are true in
/// these warps, %lane0 in the first lane of each, %lane1 in the second.
struct PtxKernel {
  std::string text;
  uint32_t threads = 32, ctas = 1;
  std::string target = "sm_90a";
  emulator::LaunchOptions options = {};
};

struct Outcome {
  std::vector<emulator::Report> reports;
  std::vector<uint8_t> out;
  emulator::Statistics statistics;

  /// The 32-bit word at an index of `out`.
  uint32_t word(size_t index) const;
  bool has(emulator::ReportKind kind) const;
  /// All reports, for messages.
  std::string str() const;
};

/// Runs it; what cannot even be started fails the test.
Outcome runKernel(const PtxKernel &kernel);

/// Fails the test unless there are reports of this kind and of no other under
/// each of several seeds, and one of them says `what`. Beside a race, reads of
/// uninitialised memory are fine.
void expectReport(PtxKernel kernel, emulator::ReportKind kind,
                  const std::string &what);

/// Fails the test if there is any report, under several seeds and modes of
/// asynchronous work.
void expectSilent(PtxKernel kernel);

} // namespace attn::test

#endif // ATTN_UNIT_EMULATOR_PTXKERNEL_H
