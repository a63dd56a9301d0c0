//===- CubinSupport.h - Cubins for tests ------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_CUBINSUPPORT_H
#define ATTN_UNIT_EMULATOR_CUBINSUPPORT_H

#include "attn/Runtime/Cubin.h"

#include "Ptxas.h"

#include <functional>
#include <string>

namespace attn::test {

/// Kernels without anything, with shared memory and barriers, with a function
/// that has an array in local memory, and with so few registers that most of 64
/// values are put aside: `nothing`, `shared`, `calling`, `spilling`.
std::string resourceKernels(const std::string &arch);

/// A kernel called `kernel` of these lines, with some registers.  `shared` is
/// 16 KB.
std::string kernelOf(const std::string &lines, const std::string &arch);

/// Assembles PTX that has no errors.
PtxasOutput assemble(const std::string &ptx, const std::string &arch,
                     const std::string &options = "-v");

/// Reads a cubin that has no errors, called 'test.cubin'.
Cubin read(const std::string &bytes);
/// The error in reading; empty if there is none.
std::string errorOf(const std::string &bytes);

/// Where a section begins in the file.
size_t offsetOf(const std::string &cubin, const std::string &name);

/// The cubin of `resourceKernels` for sm_90a after a change behind the first
/// `mark` in a section.
std::string withChange(const std::string &section, const std::string &mark,
                       const std::function<void(char *)> &change);

} // namespace attn::test

#endif // ATTN_UNIT_EMULATOR_CUBINSUPPORT_H
