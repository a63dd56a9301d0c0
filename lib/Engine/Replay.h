//===- Replay.h - What repeats a failed compilation -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A compilation that fails although its module is valid and its request is
// allowed is a mistake of the compiler or of nvrtc.  It leaves a folder that
// holds all it takes to repeat it:
//
//   module.mlir     the module, as it was given
//   options.json    the options, by their names in attn-compile
//   versions.json   of the compiler, LLVM and nvrtc; the processor
//   error.txt       all that was said
//   kernel.cu       the CUDA C++, if it came to that
//   nvrtc.log       what nvrtc said about it
//   command         a script that compiles the module once more
//
// Nothing of the environment is written.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_ENGINE_REPLAY_H
#define ATTN_LIB_ENGINE_REPLAY_H

#include "attn/Engine/Compiler.h"

namespace attn {

/// What a compilation had made when it failed.
struct ReplayFindings {
  std::string cudaSource;
  std::string nvrtcLog;
};

/// Folders that are kept; the oldest go first.
inline constexpr size_t kMaxReplayFolders = 16;

/// Writes the folder of a compilation that failed, in place of that of the same
/// request, and returns the failure with the folder in its first line.  If the
/// folder cannot be written, the first line says why.
Failure writeReplay(const Failure &failed, std::string_view text,
                    const CompileOptions &options, Emit emit,
                    const ReplayFindings &findings);

/// Hashes everything that decides about the code: the text, the options, the
/// versions and the processor.
std::string requestKeyOf(std::string_view text, const CompileOptions &options);

} // namespace attn

#endif // ATTN_LIB_ENGINE_REPLAY_H
