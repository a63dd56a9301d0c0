//===- Codegen.h - Machine code for a CPU -----------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the llvm dialect to an ELF shared object.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_CPU_CODEGEN_H
#define ATTN_TARGET_CPU_CODEGEN_H

#include "attn/Support/Result.h"
#include "attn/Target/Cpu/Pipeline.h"
#include "mlir/IR/BuiltinOps.h"

#include <memory>
#include <string>

namespace llvm {
class LLVMContext;
class Module;
class TargetMachine;
} // namespace llvm

namespace attn {

/// Creates the target machine of a CPU of this machine's architecture. An empty
/// `cpu` is the host, with its features; `features` are added.
Result<std::unique_ptr<llvm::TargetMachine>>
createCpuTargetMachine(const std::string &cpu, const std::string &features);

/// The row of the target table for this machine; an error if none fits.
Result<CpuTargetInfo> selectCpuTarget(const llvm::TargetMachine &machine);

/// The manifest of the entries in a module, as JSON: attn/Runtime/CpuAbi.h
/// describes it. The module is after buildTileStage.
std::string buildManifest(mlir::ModuleOp module,
                          const llvm::TargetMachine &machine);

/// Translates a module in the llvm dialect to optimised LLVM IR. Only the
/// functions that a runtime calls stay visible; `manifest` becomes the symbol
/// attn_manifest.
Result<std::unique_ptr<llvm::Module>>
translateToLlvm(mlir::ModuleOp module, llvm::LLVMContext &context,
                llvm::TargetMachine &machine, const std::string &manifest);

/// The bytes of a shared object without undefined symbols.
Result<std::string> emitSharedObject(llvm::Module &module,
                                     llvm::TargetMachine &machine);

} // namespace attn

#endif // ATTN_TARGET_CPU_CODEGEN_H
