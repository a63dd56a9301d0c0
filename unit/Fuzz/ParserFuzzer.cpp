//===- ParserFuzzer.cpp - Modules that nobody would write -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A libFuzzer target: parses any text as a module, verifies it and lowers it to
// tiles.  Errors are expected; crashes, hangs and memory errors are not.
//
//===----------------------------------------------------------------------===//

#include "attn/InitAll.h"
#include "attn/Target/Cpu/Pipeline.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <cstddef>
#include <cstdint>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // A context keeps all types and attributes that it ever saw, so each input
  // has its own.
  mlir::DialectRegistry registry;
  attn::registerAllAttnDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler ignore(
      &context, [](mlir::Diagnostic &) { return mlir::success(); });
  // MLIR's lexer reads up to a terminating zero.
  std::string text(reinterpret_cast<const char *>(data), size);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::parseSourceString<mlir::ModuleOp>(text,
                                              mlir::ParserConfig(&context));
  if (!module)
    return 0;

  for (const char *algorithm : {"flash", "flash-decoding", "standard"}) {
    mlir::OwningOpRef<mlir::ModuleOp> copy(module->clone());
    mlir::PassManager manager(&context);
    attn::buildTileStage(manager, {algorithm, attn::getCpuTargets().front()});
    if (mlir::succeeded(manager.run(*copy)) &&
        mlir::failed(mlir::verify(*copy)))
      __builtin_trap();
  }
  return 0;
}
