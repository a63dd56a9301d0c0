//===- Nvrtc.h - CUDA C++ to machine code at run time -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// nvrtc, the compiler of NVIDIA as a library, opened at run time: neither
// building nor running anything else needs a CUDA toolkit.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_NVRTC_H
#define ATTN_RUNTIME_NVRTC_H

#include "attn/Runtime/GpuTarget.h"

#include <string>
#include <vector>

namespace attn {

struct NvrtcOptions {
  /// Put the lines of the source into the code, for profilers and the emulator.
  bool lineInfo = false;
  /// Stop at PTX.
  bool ptxOnly = false;
  /// Further options of nvrtc's command line.
  std::vector<std::string> further;
};

/// What nvrtc made of a source.
struct NvrtcOutput {
  /// Empty with `ptxOnly`.
  std::string cubin;
  std::string ptx;
  /// What the compiler said; often empty.
  std::string log;
  /// Lines of the log that tell of slow code: registers that are spilled, wgmma
  /// that is serialised (C75xx), setmaxnreg that is ignored.
  std::vector<std::string> warnings;
};

/// The library.  Stays open; for any thread.
class Nvrtc {
public:
  /// The oldest version that is used.
  static constexpr int oldest = 12080;
  /// The code of an error: nvrtc's installation is incomplete
  /// (NVRTC_ERROR_BUILTIN_OPERATION_FAILURE).
  static constexpr int builtinsMissing = 7;

  /// Opens $ATTN_NVRTC (a file or a folder), or looks beside the runtime, in
  /// $CUDA_PATH, $CUDA_HOME, /usr/local/cuda, in what scripts/fetch-cuda has
  /// put into the checkout, and where the loader looks.  The error says where
  /// it was and what to do.
  static Result<const Nvrtc *> open();

  /// 1000 * major + 10 * minor.
  int version() const { return libraryVersion; }
  /// The file.
  const std::string &path() const { return libraryPath; }

  /// Compiles the CUDA C++ text `source`, called `name` in messages.  If it has
  /// mistakes, the error holds the compiler's log; its code is an nvrtcResult.
  Result<NvrtcOutput> compile(const std::string &source,
                              const std::string &name, const GpuTarget &target,
                              const NvrtcOptions &options = {}) const;

private:
  using Program = void *;

  /// Why the file is not used, or success.
  Status load(const std::string &path);

  std::string libraryPath;
  int libraryVersion = 0;

  // The part of nvrtc.h that is used.  nvrtcProgram is an opaque pointer and
  // nvrtcResult an enumeration whose 0 is success.
  int (*createProgram)(Program *, const char *source, const char *name,
                       int headers, const char *const *headerTexts,
                       const char *const *headerNames) = nullptr;
  int (*destroyProgram)(Program *) = nullptr;
  int (*compileProgram)(Program, int options, const char *const *) = nullptr;
  int (*getLogSize)(Program, size_t *) = nullptr;
  int (*getLog)(Program, char *) = nullptr;
  int (*getPtxSize)(Program, size_t *) = nullptr;
  int (*getPtx)(Program, char *) = nullptr;
  int (*getCubinSize)(Program, size_t *) = nullptr;
  int (*getCubin)(Program, char *) = nullptr;
  const char *(*getErrorString)(int) = nullptr;
};

} // namespace attn

#endif // ATTN_RUNTIME_NVRTC_H
