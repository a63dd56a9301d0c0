//===- CompilerFlags.cpp - What attn-compile and attn-run share -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/CompilerFlags.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/ToolOutputFile.h"

namespace attn::tool {

void addCommonFlags(CLI::App &app, std::string &input) {
  app.add_option("input", input, "A module in MLIR; - is standard input")
      ->required()
      ->type_name("FILE.mlir");
  addHelpAndVersion(app, compilerVersion());
}

void addCompileFlags(CLI::App &app, CompileOptions &options) {
  app.add_option("--target", options.target,
                 "What to compile for: cpu, sm_80, sm_86, sm_89, sm_90,\n"
                 "sm_100 or sm_120")
      ->check(oneOf("target", {"cpu", "sm_80", "sm_86", "sm_89", "sm_90",
                               "sm_100", "sm_120"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option(
         "--algorithm", options.algorithm,
         "standard, memory-efficient, flash or flash-decoding (split-KV)")
      ->check(oneOf("algorithm", {"standard", "memory-efficient", "flash",
                                  "flash-decoding"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--cpu", options.cpu, "LLVM's name of a CPU (this machine's)")
      ->type_name("NAME");
  app.add_option("--cpu-features", options.features,
                 "Changes to its features: +avx2,-avx512f")
      ->type_name("LIST");
  app.add_option("--tile-q", options.tileQ,
                 "Rows of a query tile (chosen for the target)")
      ->check(integerFrom(1))
      ->type_name("N");
  app.add_option("--tile-kv", options.tileKv,
                 "Rows of a key tile (chosen for the target)")
      ->check(integerFrom(1))
      ->type_name("N");
  app.add_option("--warps", options.warps,
                 "On a GPU, warps of a thread block (chosen)")
      ->check(integerFrom(1))
      ->type_name("N");
  app.add_option("--stages", options.stages,
                 "On a GPU, tiles of keys in shared memory (chosen)")
      ->check(integerFrom(1))
      ->type_name("N");
  app.add_option("--codegen", options.codegen,
                 "On a GPU, what writes PTX: cuda (CUDA C++ and nvrtc) or\n"
                 "llvm (LLVM's NVPTX back end)")
      ->check(oneOf("code generator", {"cuda", "llvm"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--alignment", options.alignment,
                 "On a GPU, what addresses and strides of tensors are\n"
                 "multiples of, in bytes: 2, 4, 8 or 16 (16, or less for\n"
                 "head dimensions that are no multiple of 8)")
      ->check(CLI::IsMember({2, 4, 8, 16}))
      ->type_name("N");
  app.add_flag("--lineinfo", options.lineInfo,
               "On a GPU, put the lines of the CUDA C++ into the code,\n"
               "for profilers");
}

Status writeFile(const std::string &path, const std::string &bytes) {
  std::error_code error;
  llvm::ToolOutputFile file(path, error, llvm::sys::fs::OF_None);
  if (!error) {
    file.os() << bytes;
    file.os().flush();
    error = file.os().error();
    // An error that nobody has cleared ends the process in the destructor.
    file.os().clear_error();
  }
  if (error)
    return failure("cannot write '" + path + "': " + error.message());
  file.keep();
  return Status::success();
}

} // namespace attn::tool
