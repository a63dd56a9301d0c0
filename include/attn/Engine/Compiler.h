//===- Compiler.h - From attention in MLIR to code --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles modules with attn.attention, and keeps the results in the cache.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ENGINE_COMPILER_H
#define ATTN_ENGINE_COMPILER_H

#include "attn/Runtime/Cache.h"
#include "attn/Runtime/Module.h"
#include "attn/Support/Result.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace attn {

/// How to compile.
struct CompileOptions {
  /// cpu, or a GPU: sm_80, sm_86, sm_89, sm_90, sm_100 or sm_120.
  std::string target = "cpu";
  /// standard, memory-efficient, flash or flash-decoding.
  std::string algorithm = "flash";
  /// LLVM's name of a CPU; empty means the host.
  std::string cpu;
  /// LLVM's features, "+a,-b"; added to those of the CPU.
  std::string features;
  /// Where a compilation that fails by a mistake of the compiler leaves a
  /// folder with what repeats it.  Empty means $ATTN_REPLAY_DIR, else `replay`
  /// in the user's cache directory; "none" means nowhere.
  std::string replayDirectory;
  /// Rows of a query tile and of a key tile; 0 means chosen for the target.
  int64_t tileQ = 0, tileKv = 0;
  /// On a GPU, the warps of a thread block and the stages of its channels; 0
  /// means chosen for the target.
  int64_t warps = 0, stages = 0;
  /// On a GPU, what writes PTX: cuda (CUDA C++ and nvrtc) or llvm (the NVPTX
  /// back end; without machine code).
  std::string codegen = "cuda";
  /// On a GPU, put the lines of the CUDA C++ into the code, for profilers and
  /// the emulator.  The file is called as the module, with .cu behind it.
  bool lineInfo = false;
  /// On a GPU, what callers promise that addresses and strides of query, key,
  /// value and output are multiples of, in bytes: 2, 4, 8 or 16. Smaller ones
  /// take more time. 0 means 16, or less if head dimensions are no multiple of
  /// 8. An attribute attn.alignment of an argument goes before.
  int64_t alignment = 0;
  /// A regular expression: the categories of remarks that `onRemarks` gets, all
  /// in one text, if compiling succeeds. No part of any key.
  std::string remarks;
  std::function<void(const std::string &)> onRemarks;
};

/// What to stop at.
enum class Emit {
  tile,    ///< tile kernels, bounded
  warp,    ///< on a GPU: the schedule of a thread block
  thread,  ///< the code of one thread: vectors and memrefs
  cuda,    ///< on a GPU: CUDA C++
  ptx,     ///< on a GPU: PTX
  cubin,   ///< on a GPU: machine code
  llvm,    ///< LLVM IR
  object,  ///< an ELF shared object, as attn/Runtime/CpuAbi.h describes
  package, ///< a package with that object: attn/Runtime/Package.h
};

/// Seconds that a compilation took.
struct CompileTimes {
  double total = 0;
  /// Of these, what makes machine code of CUDA C++ or LLVM IR: nvrtc, or
  /// LLVM's back end and linker.
  double backend = 0;
};

/// Compiles the module in `text`; `name` is what diagnostics call it. The
/// result is text, or the bytes of a shared object or a package. An error holds
/// the diagnostics; its code is an attn_status of attn/c.h: ATTN_ERROR_PARSE,
/// VERIFY, UNSUPPORTED or COMPILE. After a mistake of the compiler, its first
/// line names the replay folder. Fills in `times` if it is given. Thread-safe.
Result<std::string> compile(std::string_view text, const std::string &name,
                            const CompileOptions &options, Emit emit,
                            CompileTimes *times = nullptr);

/// The content key of what `compile` makes of `text`, 32 hexadecimal digits:
/// equal for texts that differ in comments, layout, names of values, or what
/// canonicalisation removes. An error holds the diagnostics of parsing.
Result<std::string> contentKey(std::string_view text, const std::string &name,
                               const CompileOptions &options);

/// A compiled module, loaded by a cache.
struct LoadedModule {
  std::shared_ptr<const LoadedCode> code;
  /// Whether it was compiled ("cold") or came from the cache ("disk" or
  /// "memory").
  std::string cache;
  /// Seconds from text to loaded code.
  double seconds = 0;
  /// Of the compiler; zero if it came from the cache.
  CompileTimes times;
};

/// Compiles `text`, or takes the result of an earlier compilation of the same
/// kernels with the same options, target and version from `cache`.
Result<LoadedModule> compileAndLoad(std::string_view text,
                                    const std::string &name,
                                    const CompileOptions &options,
                                    const Cache &cache);

/// The version of attn-mlir and of LLVM.
std::string compilerVersion();

} // namespace attn

#endif // ATTN_ENGINE_COMPILER_H
