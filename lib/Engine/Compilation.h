//===- Compilation.h - One compilation --------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the ways to a CPU and to a GPU share while they compile one module.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_ENGINE_COMPILATION_H
#define ATTN_LIB_ENGINE_COMPILATION_H

#include "Replay.h"
#include "attn/Engine/Compiler.h"
#include "attn/InitAll.h"
#include "attn/Runtime/GpuTarget.h"
#include "attn/Target/Cpu/Codegen.h"
#include "attn/Target/Cpu/Pipeline.h"
#include "attn/c.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>

namespace attn {

inline double secondsSince(std::chrono::steady_clock::time_point begin) {
  std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - begin;
  return elapsed.count();
}

/// Whether passes that failed have refused the module, for which they say why
/// and leave it valid.  Anything else is a mistake of ours, and so is an op
/// that conversions of MLIR do not know.
bool isRefusal(llvm::StringRef diagnostics, mlir::ModuleOp module);

/// One compilation: an MLIR context, the module, and its diagnostics as text.
class Compilation {
public:
  Compilation(std::string_view text, const std::string &name)
      : context(makeRegistry(), mlir::MLIRContext::Threading::DISABLED),
        name(name), stream(diagnostics) {
    sources.AddNewSourceBuffer(
        llvm::MemoryBuffer::getMemBufferCopy(
            llvm::StringRef(text.data(), text.size()), name),
        llvm::SMLoc());
    // A sentence says what is wrong; the op is where it points to.
    context.printOpOnDiagnostic(false);
  }

  Result<std::string> run(const CompileOptions &options, Emit emit);
  Result<std::string> contentKey(const CompileOptions &options);

  /// Whether it failed by a mistake of ours and not of the request.
  bool isOurMistake() const { return ourMistake; }
  const ReplayFindings &replayFindings() const { return findings; }
  double backendSeconds() const { return secondsOfBackend; }

private:
  Result<std::string> runForCpu(const CompileOptions &options, Emit emit);
  Result<std::string> runForGpu(const CompileOptions &options, Emit emit);
  Result<std::string> finishForGpu(const GpuTarget &target,
                                   const CompileOptions &options,
                                   const std::string &key, Emit emit);
  Result<std::string> writeManifest(const GpuTarget &target);
  static mlir::DialectRegistry makeRegistry() {
    mlir::DialectRegistry registry;
    registerAllAttnDialects(registry);
    return registry;
  }
  static Result<CpuTargetInfo> chooseTarget(const CompileOptions &options,
                                            const llvm::TargetMachine &machine);
  Result<std::string> keyOf(const CompileOptions &options,
                            const std::vector<std::string> &target);
  static std::vector<std::string> describeGpu(const CompileOptions &options);
  Status parse();
  Failure fail(attn_status kind, const char *what) const {
    return failure(diagnostics.empty() ? std::string(what) : diagnostics, kind);
  }
  /// The same for a mistake of ours.
  Failure failInside(const char *what) {
    ourMistake = true;
    return fail(ATTN_ERROR_COMPILE, what);
  }
  /// For a stage that failed.
  Failure failStage(const char *what);
  /// Calls `function` and counts its time for the back end.
  template <typename Function>
  auto timeBackend(Function &&function) {
    auto begin = std::chrono::steady_clock::now();
    auto result = function();
    secondsOfBackend += secondsSince(begin);
    return result;
  }
  /// Fails unless the module, as tiles, has an entry.
  Status checkEntries();
  /// Runs the passes that `build` adds to a manager.
  template <typename Options>
  bool runStage(void (*build)(mlir::OpPassManager &, const Options &),
                const Options &options) {
    mlir::PassManager manager(&context);
    build(manager, options);
    return mlir::succeeded(manager.run(*module));
  }
  std::string print();

  mlir::MLIRContext context;
  std::string name, diagnostics;
  llvm::raw_string_ostream stream;
  llvm::SourceMgr sources;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  bool ourMistake = false;
  ReplayFindings findings;
  double secondsOfBackend = 0;
};

} // namespace attn

#endif // ATTN_LIB_ENGINE_COMPILATION_H
