//===- Mutations.h - Bugs to inject into the kernels ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The mistakes that people make in kernels like those in kernels/, each as a
// replacement in the source, with what the emulator has to say about it.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_MUTATIONS_H
#define ATTN_UNIT_EMULATOR_MUTATIONS_H

#include "runtime/devices/emulator/Report.h"

#include "attn/Support/Result.h"

#include <string>
#include <vector>

namespace attn::test {

/// What shows a bug to whoever runs the kernel once.
enum class Exposure {
  /// A report, in lazy and in eager mode, whatever the numbers are.
  report,
  /// Every access is legal: no report, but wrong numbers in both modes.
  numbers,
  /// Right numbers and no report: more bank conflicts than without it.
  bankConflicts,
};

struct Mutation {
  const char *name;
  /// Text that occurs exactly once in the source of the kernel.
  const char *text;
  const char *replacement;
  Exposure exposure;
  /// Of which kinds a report may be; any other kind beside it is ignored.
  std::vector<emulator::ReportKind> kinds;
};

/// Those of kernels/attention_sm80.cu and of kernels/attention_sm90a.cu.
const std::vector<Mutation> &mutationsOfSm80();
const std::vector<Mutation> &mutationsOfSm90a();

/// The source with the bug in it. An error if the text of the mutation does not
/// occur exactly once.
Result<std::string> mutate(const std::string &source, const Mutation &mutation);

} // namespace attn::test

#endif // ATTN_UNIT_EMULATOR_MUTATIONS_H
