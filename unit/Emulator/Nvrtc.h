//===- Nvrtc.h - CUDA C++ to PTX at run time --------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tests of the emulator ask of attn/Runtime/Nvrtc.h.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_NVRTC_H
#define ATTN_UNIT_EMULATOR_NVRTC_H

#include "attn/Support/Result.h"

#include <string>
#include <vector>

namespace attn::test {

/// What nvrtc made of a source.
struct CompiledCuda {
  /// PTX text, or the bytes of a cubin.
  std::string code;
  /// What the compiler said, warnings included; often empty.
  std::string log;
};

/// Compiles the CUDA C++ text `source`, called `name` in messages, for
/// `architecture`: `compute_90a` gives PTX, `sm_90a` a cubin. `options` are
/// further command-line options of nvrtc. The error sentence says that no
/// libnvrtc was found and where it was looked for, or holds the compiler's log.
Result<CompiledCuda> compileCuda(const std::string &source,
                                 const std::string &name,
                                 const std::string &architecture,
                                 const std::vector<std::string> &options = {});

/// Whether libnvrtc can be opened; the error says where it was looked for.
Status findNvrtc();

} // namespace attn::test

#endif // ATTN_UNIT_EMULATOR_NVRTC_H
