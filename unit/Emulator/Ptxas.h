//===- Ptxas.h - What NVIDIA's assembler says -------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ptxas knows which instructions an architecture has, and needs no GPU.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_PTXAS_H
#define ATTN_UNIT_EMULATOR_PTXAS_H

#include "attn/Support/Result.h"

#include <string>
#include <vector>

namespace attn::test {

/// What ptxas made of PTX.
struct PtxasOutput {
  /// The machine code; empty if there were errors.
  std::string cubin;
  /// What it printed: errors, warnings, and with -v the resources.
  std::string log;
};

/// Assembles PTX for `arch` ("sm_90a") with further command-line options.  The
/// error says that ptxas could not be started, and where it was looked for;
/// errors in the PTX are no error of this function.
Result<PtxasOutput> runPtxas(const std::string &ptx, const std::string &arch,
                             const std::string &options = "");

/// A line of PTX that ptxas rejects; the first line is 1.
struct PtxasLine {
  int line;
  std::string message;
};

/// All lines that ptxas rejects for `arch`, in order, each with the first thing
/// that is wrong with it.  Thousands of lines cost little more than one.
///
/// An instruction stands on a line of its own and needs none of the others: a
/// line that was rejected is left out, to see what is behind it.  An error
/// elsewhere (in a directive, or of the file as a whole) is an error of this
/// function.
Result<std::vector<PtxasLine>> ptxasErrors(const std::string &ptx,
                                           const std::string &arch);

} // namespace attn::test

#endif // ATTN_UNIT_EMULATOR_PTXAS_H
